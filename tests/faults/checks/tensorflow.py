"""TensorFlow and Keras as witnesses: derivatives by the tape, training kernels, losses."""

import functools
import math
from typing import Any

import numpy as np

from refnn.activations import Identity, LeakyRelu, Relu, Sigmoid, Tanh, derivative
from refnn.guards import check_masks
from refnn.layers import Dense, Dropout
from refnn.losses import (
    Asymmetric,
    CategoricalCrossentropy,
    MeanSquaredError,
    SoftmaxCrossentropy,
)
from refnn.network import Network
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, Nesterov, RMSProp
from refnn.record import record
from refnn.training import train_step
from tests.faults.checks.by_hand import RULES
from tests.faults.checks.common import CheckError, demand, demand_equal
from tests.faults.checks.problems import DYADIC, LOCKSTEP, Run, targets
from tftwin.activations import derivative as twin_derivative
from tftwin.counterparts import twin
from tftwin.lockstep.roundoff import exact
from tftwin.lockstep.run import resynchronised
from tftwin.lockstep.verdict import Row, bits, judge, judge_records
from tftwin.tensorflow import tf
from tftwin.trainer import Trainer


def lockstep(dtype: Any, part: str) -> None:
    """Both sides agree within the derived bounds, at every stage of every step."""
    for model, state, batches in LOCKSTEP[part](dtype):
        report = resynchronised(model, state, batches, mode="eager")
        for found in (*report.divergences, *report.lost_digits):
            raise CheckError(found.stage, found, report)
        demand(not report.stopped, "stopped", report.stopped)
        demand(report.steps == len(batches), "steps", report.steps)
        demand(report.agreed, "nothing compared")


def kinks(one: Run, x: Any, y: Any) -> int:
    """How many elements stand at a kink of relu, or at a tie of the asymmetric loss."""
    outputs = one.model.network.forward(one.state.theta, x)
    if isinstance(one.model.loss, Asymmetric):
        return int(np.sum(outputs[-1] == y))
    return int(np.sum(outputs[1] == 0))


def dyadic(dtype: Any, part: str) -> None:
    """Both sides have the same numbers, with no bound at all, kinks and ties among them."""
    for one in DYADIC[part](dtype):
        model, state, batches = one
        trainer = Trainer(twin(model), state, "eager")
        found = 0
        for x, y in batches:
            found += kinks(one, x, y)
            trainer.load(state)
            steps = train_step(model, state, x, y), trainer.step(x, y)
            refnn, tftwin = (
                [
                    e._replace(array=np.asarray(e.array, dtype))
                    for e in record(model.network, model.optimizer.slot_names, step)
                ]
                for step in steps
            )
            for divergence in judge_records({}, 1, refnn, tftwin):
                raise CheckError(divergence.stage, divergence)
        demand(found > 2, "design", f"{found} kinks and ties")


def kernels(dtype: Any, part: str) -> None:
    """TensorFlow's training kernels do what the rules do, under the mapping of CONVENTIONS.

    On numbers that need no rounding, where the two ways to write a rule have the same bits. The
    momentum kernel has no (1 − β): its accumulator is m / (1 − β). Those of RMSProp and Adam have
    their ε elsewhere: only ε = 0 is compared, and Adam's ε times √(1 − β₂ᵗ).
    """
    for optimizer, w, g, slots, t, *_ in RULES[part]:
        if (isinstance(optimizer, RMSProp) and optimizer.epsilon) or t == 2:
            continue  # 2: √(1 − β₂²) would be rounded
        arrays = tuple(np.array([s], dtype) for s in slots)
        arguments = np.array([w], dtype), np.array([g], dtype), arrays, t, 0.5
        new_w, new_slots = optimizer.rule(*arguments)
        var, grad = tf.Variable(arguments[0]), tf.constant(arguments[1])
        memory = [tf.Variable(s) for s in arrays]
        lr = tf.constant(0.5, dtype)
        raw, handles = tf.raw_ops, [m.handle for m in memory]
        scales = [1.0] * len(memory)

        def number(value: float) -> Any:
            return tf.constant(value, dtype)

        match optimizer:
            case SGD():
                raw.ResourceApplyGradientDescent(var=var.handle, alpha=lr, delta=grad)
            case SGDM(beta=beta) | Nesterov(beta=beta):
                scales = [1 - beta]
                memory[0].assign(memory[0] / (1 - beta))
                raw.ResourceApplyMomentum(
                    var=var.handle, accum=handles[0], lr=number(0.5 * (1 - beta)), grad=grad,
                    momentum=number(beta), use_nesterov=isinstance(optimizer, Nesterov),
                )  # fmt: skip
            case Adagrad(epsilon=epsilon):
                raw.ResourceApplyAdagradV2(
                    var=var.handle, accum=handles[0], lr=lr, epsilon=number(epsilon), grad=grad
                )
            case RMSProp(beta=beta):
                momentum = tf.Variable(tf.zeros_like(var))
                raw.ResourceApplyRMSProp(
                    var=var.handle, ms=handles[0], mom=momentum.handle, lr=lr, rho=number(beta),
                    momentum=number(0), epsilon=number(0), grad=grad,
                )  # fmt: skip
            case Adam(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon):
                raw.ResourceApplyAdam(
                    var=var.handle, m=handles[0], v=handles[1], beta1_power=number(beta_1**t),
                    beta2_power=number(beta_2**t), lr=lr, beta1=number(beta_1),
                    beta2=number(beta_2), epsilon=number(epsilon * math.sqrt(1 - beta_2**t)),
                    grad=grad,
                )  # fmt: skip
        for slot, kept, scale in zip(new_slots, memory, scales, strict=True):
            demand_equal("slots", slot, kept.numpy() * dtype(scale))
        demand_equal("update", new_w, var.numpy())


def keras(dtype: Any, part: str) -> None:
    """Keras' own losses, eagerly and on plain arrays, within the bound of refnn's formula."""
    rng = np.random.default_rng(3)
    y = targets(rng, SoftmaxCrossentropy(), 6, 3).astype(dtype)
    if part == "categorical crossentropy":
        p = rng.random((6, 3)).astype(dtype)
        p[0] = [0, 0, 1]
        loss, other = CategoricalCrossentropy(), tf.losses.categorical_crossentropy(y, p)
    elif part == "softmax crossentropy":
        p = rng.standard_normal((6, 3)).astype(dtype)
        loss = SoftmaxCrossentropy()
        other = tf.losses.categorical_crossentropy(y, p, from_logits=True)
    else:
        p, loss = rng.standard_normal((6, 3)).astype(dtype), MeanSquaredError()
        other = tf.losses.MSE(y, p)
    value = loss.per_sample(y, p)
    bound = loss.per_sample(y, exact(p)).bound
    for divergence in judge(Row("loss", part), 1, value, other.numpy(), bound):
        raise CheckError(divergence.stage, divergence)


def gradient_bits(dtype: Any, part: str) -> None:
    """Given y, the derivatives have the bits of TensorFlow's gradient kernels."""
    rng = np.random.default_rng(4)
    x, dy = (rng.standard_normal((40, 5)).astype(dtype) for _ in range(2))
    raw = tf.raw_ops
    function, kernel = {
        "sigmoid": (Sigmoid(), lambda y: raw.SigmoidGrad(y=y, dy=dy)),
        "tanh": (Tanh(), lambda y: raw.TanhGrad(y=y, dy=dy)),
        "relu": (Relu(), lambda y: raw.ReluGrad(gradients=dy, features=x)),
    }[part]
    y = function.forward(x)
    one, other = function.backward(dy, x, y), kernel(y).numpy()
    demand(np.all((bits(one) == bits(other)) | (one == 0) & (other == 0)), "bits", part)


def derivatives(dtype: Any, part: str) -> None:
    """F' as a function of x alone is that of TensorFlow, within its bound."""
    x = np.linspace(-3, 3, 12).astype(dtype)
    for function in (Sigmoid(), Tanh(), Relu(), LeakyRelu(0.3), Identity()):
        value, other = derivative(function, x), twin_derivative(twin(function), x).numpy()
        bound = derivative(function, exact(x)).bound
        for divergence in judge(Row("derivative", "f'"), 1, value, other, bound):
            raise CheckError(divergence.stage, f"{function}: {divergence}")


def dropouts(dtype: Any, part: str) -> None:
    """``tf.nn.dropout``, whose mask is what it makes of ones, has the same numbers."""
    rng = np.random.default_rng(17)
    x, dy = (rng.standard_normal((6, 5)).astype(dtype) for _ in range(2))
    for rate in (0.0, 0.1, 0.5, 0.9):
        drop = functools.partial(tf.nn.experimental.stateless_dropout, rate=rate, seed=[1, 2])
        mask, tensor = drop(tf.ones(x.shape, dtype)).numpy(), tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(tensor)
            y = drop(tensor)
        dx = tape.gradient(y, tensor, output_gradients=tf.constant(dy)).numpy()
        layer = Dropout(rate)
        check_masks(Network([Dense(5, 1), layer, Dense(1, 1)]), (mask[:, :1],), 6, dtype)
        demand_equal("forward", layer.forward(mask, x), y.numpy())
        demand_equal("backward", layer.input_gradient(mask, x, y, dy), dx)


def per_sample(dtype: Any, part: str) -> None:
    """The losses of single rows are the twin's, within their bound."""
    rng = np.random.default_rng(5)
    y_pred = rng.uniform(0.1, 1, (6, 3)).astype(dtype)
    losses = (
        MeanSquaredError(), Asymmetric(1, 9), CategoricalCrossentropy(), SoftmaxCrossentropy(),
    )  # fmt: skip
    for loss in losses:
        y = targets(rng, loss, 6, 3).astype(dtype)
        value, bound = loss.per_sample(y, y_pred), loss.per_sample(y, exact(y_pred)).bound
        other = twin(loss).per_sample(tf.constant(y), tf.constant(y_pred)).numpy()
        for divergence in judge(Row("per sample", "loss"), 1, value, other, bound):
            raise CheckError(divergence.stage, f"{loss}: {divergence}")


def clip(dtype: Any, part: str) -> None:
    """The gradient is 0 beyond the clip, and not at the clip: in the same rows as TensorFlow's."""
    c = dtype(1e-7)
    loss, low = CategoricalCrossentropy(), np.nextafter(c, dtype(0))
    p = np.array([[c, 1 - c], [low, 1 - low], [c, 1 - c], [0.5, 0.5]], dtype)
    y = np.array([[1, 0], [1, 0], [0, 1], [1, 0]], dtype)
    demand_equal("design", p.sum(axis=1), np.ones(4, dtype))
    tensor = tf.constant(p)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        value = twin(loss).value(tf.constant(y), tensor)
    zero = np.all(loss.gradient(y, p) == 0, axis=1)
    other = np.all(tape.gradient(value, tensor).numpy() == 0, axis=1)
    demand(other[:2].tolist() == [False, True], "design", other)
    demand_equal("gradient", zero, other)
