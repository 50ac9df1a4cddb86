"""Checks that can be run under a planted fault: deterministic, on data designed to see it.

Each takes a dtype and the name of a part of the code; ``PARTS`` lists them all. On the healthy
code they pass. Otherwise they raise ``CheckError``, which names the stage: for a comparison with
TensorFlow the first divergent stage of the record, for anything else what was looked at.

The witnesses: TensorFlow's automatic differentiation within derived bounds (``lockstep``) and, on
dyadic numbers, bit by bit (``dyadic``); its training kernels and its gradient kernels (``kernels``,
``bits``); Keras' losses (``keras``); numbers worked out by hand (``by_hand``) and by Matt Mazur
(``mazur``); Taylor remainders (``taylor``); a training loop written out (``fit``); and the
promises on purity, dtypes, overflow, states, files and data, which need nobody else.
"""

import io
import math
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refnn import (
    evaluate,
    fit,
    initial_state,
    load_state,
    optimizers,
    save_state,
    train_step,
)
from refnn.activations import (
    Identity,
    LeakyRelu,
    Relu,
    Sigmoid,
    Softmax,
    Tanh,
    derivative,
)
from refnn.complexity import complexity
from refnn.initializers import He, Normal, TruncatedNormal
from refnn.layers import Activation, Dense
from refnn.losses import (
    Asymmetric,
    CategoricalCrossentropy,
    MeanSquaredError,
    SoftmaxCrossentropy,
)
from refnn.network import Network, multilayer
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, RMSProp
from refnn.preparation import batches, one_hot, standardize
from refnn.regularizers import L2
from refnn.schedules import Constant, ExponentialDecay, PerEpoch
from refnn.state import NonFiniteError, State
from refnn.training import accuracy
from tftwin.activations import derivative as twin_derivative
from tftwin.lockstep.record import record
from tftwin.lockstep.roundoff import exact
from tftwin.lockstep.run import make_trainer, resynchronised
from tftwin.lockstep.verdict import Row, bits, judge, judge_records
from tftwin.tensorflow import tf
from tftwin.twin import twin


class CheckError(AssertionError):
    """A check does not hold: where, and what was seen."""

    def __init__(self, stage: str, message: Any = "") -> None:
        super().__init__(f"{stage}: {message}")
        self.stage = stage


def demand(condition: Any, stage: str, message: Any = "") -> None:
    if not condition:
        raise CheckError(stage, message)


def same_bits(one: Any, other: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    return (
        one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    )


def demand_equal(stage: str, one: Any, other: Any) -> None:
    """Equal numbers, of one shape and dtype; +0 equals −0."""
    one, other = np.asarray(one), np.asarray(other)
    same = one.dtype == other.dtype and one.shape == other.shape and (one == other).all()
    demand(same, stage, f"{one!r} is not {other!r}")


# Runs ------------------------------------------------------------------------------------------


class Run(NamedTuple):
    """What is trained, from which state, on which batches."""

    network: Network
    loss: Any
    optimizer: Any
    state: State
    batches: list[tuple[Any, Any]]
    regularizer: L2 | None = None


def targets(rng: Any, loss: Any, rows: int, columns: int) -> Any:
    """Random numbers; for a cross-entropy hard and soft labels, in eighths."""
    if not isinstance(loss, (CategoricalCrossentropy, SoftmaxCrossentropy)):
        return rng.standard_normal((rows, columns))
    hard = np.eye(columns)[rng.integers(columns, size=rows)]
    soft = rng.multinomial(8, np.ones(columns) / columns, size=rows) / 8
    return np.where(np.arange(rows)[:, None] % 3 == 1, soft, hard)


SQUARES, PLAIN = MeanSquaredError(), SGD(0.1)


def run(
    dtype: Any,
    layers: Any,
    loss: Any = SQUARES,
    optimizer: Any = PLAIN,
    *,
    rows: int = 5,
    steps: int = 2,
    step: int = 0,
    theta: Any = None,
    x: Any = None,
    y: Any = None,
    grid: int = 0,
    regularizer: L2 | None = None,
) -> Run:
    """Return a run on random numbers, on the grid k/grid if one is given."""
    network, rng = Network(layers), np.random.default_rng(1)

    def numbers(shape: Any) -> Any:
        if grid:
            return rng.integers(-2 * grid, 2 * grid + 1, shape) / grid
        return rng.standard_normal(shape)

    theta = numbers(network.size) if theta is None else np.asarray(theta)
    slots = [numbers(network.size) for _ in optimizer.slot_names]
    state = State(theta.astype(dtype), tuple(s.astype(dtype) for s in slots), step)
    data = []
    for _ in range(steps):
        batch_x = numbers((rows, network.inputs)) if x is None else np.asarray(x)
        if y is not None:
            batch_y = np.asarray(y)
        elif grid:
            batch_y = numbers((rows, network.outputs))
        else:
            batch_y = targets(rng, loss, len(batch_x), network.outputs)
        data.append((batch_x.astype(dtype), batch_y.astype(dtype)))
    return Run(network, loss, optimizer, state, data, regularizer)


def dense(sizes: Any, hidden: Any, output: Any = None, use_bias: bool = True) -> Any:
    return multilayer(sizes, hidden, output, use_bias).layers


def optimizer_runs(dtype: Any, optimizer: Any) -> list[Run]:
    """From the start and from the middle of a run, with gradients from 1 down to ε, and 0.

    A column of x scales a row of dW: 1, 1e-3, √ε, ε, and 0 as behind a dead unit. m is of the
    gradient's scale and v of its square. Every second weight is 0, so that its update shows all
    its digits. The targets differ from step to step, and so do the signs of the gradients.
    """
    rng = np.random.default_rng(2)
    network = Network([Dense(5, 4)])
    columns = np.array([1, 1e-3, math.sqrt(1e-7), 1e-7, 0])
    scale = np.concatenate([np.repeat(columns, 4), np.ones(4)])
    theta = rng.standard_normal(network.size) * (np.arange(network.size) % 2)
    slots = []
    for name in optimizer.slot_names:
        slot = scale * rng.standard_normal(network.size)
        slots.append(np.square(slot) if name == "v" else slot)
    data = [
        (
            (columns * rng.standard_normal((3, 5))).astype(dtype),
            (3 * rng.standard_normal((3, 4))).astype(dtype),
        )
        for _ in range(3)
    ]
    theta = theta.astype(dtype)
    start = State(theta, tuple(np.zeros_like(theta) for _ in slots), 0)
    middle = State(theta, tuple(s.astype(dtype) for s in slots), 7)
    return [Run(network, MeanSquaredError(), optimizer, s, data) for s in (middle, start)]


EXTREME = np.array([[1000, 0, -1000], [-1000, -1000, -999], [5, -3, 0.5], [90, -90, 0]])
CONFIDENT = np.array([[20, 0, -20], [-20, 20, -20], [1, 2, 0.5], [0, -15, 0]])


def logits(dtype: Any, x: Any, loss: Any, output: Any = None, classes: Any = (2, 0, 1, 1)) -> Run:
    """A network that is the identity, so that x are the logits."""
    labels = np.eye(3)[list(classes)]
    layers = [Dense(3, 3, False)] + ([] if output is None else [Activation(output)])
    return run(dtype, layers, loss, theta=np.eye(3).ravel(), x=x, y=labels, steps=1)


LOCKSTEP: dict[str, Callable[[Any], list[Run]]] = {
    "sigmoid": lambda d: [run(d, dense([3, 4, 2], Sigmoid()))],
    "tanh": lambda d: [run(d, dense([3, 4, 2], Tanh()))],
    "identity": lambda d: [run(d, dense([3, 4, 2], Identity(), Identity()))],
    "relu": lambda d: [run(d, dense([3, 6, 2], Relu()))],
    "leaky relu": lambda d: [
        run(d, dense([3, 6, 2], LeakyRelu(alpha))) for alpha in (0.2, 0.3, 1.5, -0.5)
    ],
    "softmax": lambda d: [run(d, dense([3, 4, 2], Softmax(), Softmax()))],
    "extreme softmax": lambda d: [logits(d, EXTREME, MeanSquaredError(), Softmax())],
    "layers": lambda d: [
        run(d, dense([3, 4, 2], Tanh()), rows=rows, regularizer=r)
        for rows, r in ((5, None), (1, L2(0.1)))
    ],
    "square layers": lambda d: [run(d, dense([3, 3, 3, 3], Tanh()), rows=3)],
    "square layers without bias": lambda d: [
        run(d, dense([3, 3, 3], Sigmoid(), use_bias=False), rows=3)
    ],
    "deep": lambda d: [run(d, dense([3, 3, 3, 3, 2], Tanh(), Sigmoid()))],
    "L2": lambda d: [run(d, dense([3, 4, 2], Tanh()), optimizer=SGDM(0.1), regularizer=L2(0.1))],
    "mean squared error": lambda d: [run(d, dense([3, 4, n], Tanh())) for n in (1, 3)],
    "asymmetric": lambda d: [run(d, dense([3, 4, n], Tanh()), Asymmetric(1, 9)) for n in (1, 3)],
    "categorical crossentropy": lambda d: [
        run(d, dense([3, 3], Tanh(), Sigmoid()), CategoricalCrossentropy()),
        run(d, dense([3, 4, 3], Tanh(), Softmax()), CategoricalCrossentropy()),
        logits(d, CONFIDENT, CategoricalCrossentropy(), Softmax()),
        logits(d, CONFIDENT[:1], CategoricalCrossentropy(), Softmax(), [0]),
    ],
    "softmax crossentropy": lambda d: [
        run(d, dense([3, 4, 3], Tanh()), SoftmaxCrossentropy()),
        logits(d, CONFIDENT, SoftmaxCrossentropy()),
        logits(d, EXTREME, SoftmaxCrossentropy()),
    ],
    "decay": lambda d: [
        run(d, [Dense(2, 1)], optimizer=SGD(ExponentialDecay(0.1, 0.5, 4)), steps=4, step=s)
        for s in (0, 1000)
    ],
    "staircase": lambda d: [
        run(d, [Dense(2, 1)], optimizer=SGD(ExponentialDecay(0.1, 0.5, 4, True)), steps=5)
    ],
    "per epoch": lambda d: [
        run(d, [Dense(2, 1)], optimizer=SGD(PerEpoch(ExponentialDecay(0.1, 0.9), 3)), steps=5)
    ],
    "SGD": lambda d: optimizer_runs(d, SGD(0.1)),
    "SGDM": lambda d: optimizer_runs(d, SGDM(0.1)),
    "Adagrad": lambda d: optimizer_runs(d, Adagrad(0.1)),
    "RMSProp": lambda d: optimizer_runs(d, RMSProp(0.1)),
    "Adam": lambda d: optimizer_runs(d, Adam(0.1)),
}


def lockstep(dtype: Any, part: str) -> None:
    """Both sides agree within the derived bounds, at every stage of every step."""
    for one in LOCKSTEP[part](dtype):
        network, loss, optimizer, state, data, regularizer = one
        report = resynchronised(
            network, loss, optimizer, state, data, regularizer=regularizer, mode="eager"
        )
        demand(report.steps == len(data), "steps", report.steps)
        for divergence in report.divergences:
            raise CheckError(divergence.stage, divergence)


# Dyadic numbers: no rounding, no bound ---------------------------------------------------------


DYADIC: dict[str, Callable[[Any], list[Run]]] = {
    "relu": lambda d: [run(d, dense([3, 4, 2], Relu()), rows=16, grid=1, steps=2)],
    "leaky relu": lambda d: [
        run(d, dense([3, 4, 2], LeakyRelu(alpha)), rows=16, grid=1, steps=2)
        for alpha in (0.25, 1.5, -0.5)
    ],
    "asymmetric": lambda d: [
        run(d, dense([2, n], Relu()), Asymmetric(0.5, 2), rows=8, grid=1, steps=3) for n in (1, 2)
    ],
    "training": lambda d: [
        run(
            d, dense([3, 4, n], Relu()), optimizer=SGDM(0.25, 0.75), rows=16, grid=1, steps=2,
            regularizer=L2(0.5),
        )
        for n in (1, 2)
    ],
}  # fmt: skip


def kinks(one: Run, x: Any, y: Any) -> int:
    """How many elements stand at a kink of relu, or at a tie of the asymmetric loss."""
    outputs = one.network.forward(one.state.theta, x)
    if isinstance(one.loss, Asymmetric):
        return int(np.sum(outputs[-1] == y))
    return int(np.sum(outputs[1] == 0))


def dyadic(dtype: Any, part: str) -> None:
    """Both sides have the same numbers, with no bound at all, kinks and ties among them."""
    for one in DYADIC[part](dtype):
        network, loss, optimizer, state, data, regularizer = one
        trainer = make_trainer(network, loss, optimizer, state, regularizer, "eager")
        found = 0
        for x, y in data:
            found += kinks(one, x, y)
            step = train_step(network, loss, optimizer, state, x, y, regularizer)
            trainer.load(state)
            sides = [record(network, optimizer.slot_names, s) for s in (step, trainer.step(x, y))]
            refnn, tftwin = (
                [e._replace(array=np.asarray(e.array, dtype)) for e in side] for side in sides
            )
            for divergence in judge_records({}, 1, refnn, tftwin, [0.0] * len(refnn)):
                raise CheckError(divergence.stage, divergence)
        demand(found > 2, "design", f"{found} kinks and ties")


# Kernels of TensorFlow and losses of Keras -----------------------------------------------------


class Rule(NamedTuple):
    """One application of a rule, worked out by hand, in numbers that need no rounding."""

    optimizer: Any
    w: float
    g: float
    slots: tuple[float, ...]
    t: int
    new_w: float
    new_slots: tuple[float, ...]


RULES: dict[str, list[Rule]] = {  # at the rate 0.5
    "SGD": [Rule(SGD(0.5), 1, 4, (), 1, -1, ())],
    "SGDM": [  # m = 6 + 1
        Rule(SGDM(0.5, 0.75), 1, 4, (8,), 1, -2.5, (7,)),
        Rule(SGDM(0.5, 0.75), 1, 4, (8,), 9, -2.5, (7,)),
    ],
    "Adagrad": [  # √v = √(7 + 9) = 4
        Rule(Adagrad(0.5, 2), 1, 3, (7,), 1, 0.75, (16,)),
        Rule(Adagrad(0.5, 0), 1, 3, (7,), 1, 0.625, (16,)),
    ],
    "RMSProp": [  # √v = √(15 + 1) = 4
        Rule(RMSProp(0.5, 0.75, 4), 1, 2, (20,), 1, 0.875, (16,)),
        Rule(RMSProp(0.5, 0.75, 0), 1, 2, (20,), 1, 0.75, (16,)),
    ],
    "Adam": [
        # m̂ = (1/2) / (1/8) = 4, √v̂ = √(4 / (1/4)) = 4
        Rule(Adam(0.5, 0.875, 0.75, 4), 1, 4, (0, 0), 1, 0.75, (0.5, 4)),
        Rule(Adam(0.5, 0.875, 0.75, 0), 1, 4, (0, 0), 1, 0.5, (0.5, 4)),
        # m̂ = (15/16) / (15/64) = 4, √v̂ = √(7 / (7/16)) = 4
        Rule(Adam(0.5, 0.875, 0.75, 4), 1, 0.5, (1, 9.25), 2, 0.75, (0.9375, 7)),
    ],
}


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
            case SGDM(beta=beta):
                scales = [1 - beta]
                memory[0].assign(memory[0] / (1 - beta))
                raw.ResourceApplyMomentum(
                    var=var.handle, accum=handles[0], lr=number(0.5 * (1 - beta)), grad=grad,
                    momentum=number(beta),
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


# Numbers worked out by hand --------------------------------------------------------------------


def by_hand_rules(dtype: Any, part: str) -> None:
    """Each rule gives the numbers that were worked out with pencil and paper."""
    for optimizer, w, g, slots, t, new_w, new_slots in RULES[part]:
        arrays = tuple(np.array([s], dtype) for s in slots)
        one, kept = optimizer.rule(np.array([w], dtype), np.array([g], dtype), arrays, t, 0.5)
        for slot, expected in zip(kept, new_slots, strict=True):
            demand_equal("slots", slot, np.array([expected], dtype))
        demand_equal("update", one, np.array([new_w], dtype))


def by_hand(dtype: Any, part: str) -> None:
    """Values and gradients of the losses, L2, leaky relu and Dense, in exact numbers."""

    def array(*values: Any) -> Any:
        return np.array(values, dtype)

    y_true, y_pred = array([0, 2], [5, 1]), array([1, 2], [3, 5])
    match part:
        case "mean squared error":  # differences 1, 0, −2, 4
            demand_equal("value", MeanSquaredError().value(y_true, y_pred), dtype(5.25))
            demand_equal(
                "per sample", MeanSquaredError().per_sample(y_true, y_pred), array(0.5, 10)
            )
            expected = array([0.5, 0], [-1, 2])
            demand_equal("gradient", MeanSquaredError().gradient(y_true, y_pred), expected)
        case "asymmetric":
            loss = Asymmetric(2, 8)
            demand_equal("value", loss.value(y_true, y_pred), dtype(2 + 0 + 16 + 8))
            demand_equal("gradient", loss.gradient(y_true, y_pred), array([2, -8], [-8, 2]))
        case "categorical crossentropy":  # q = 1/4, 1/4, 1/2
            gradient = CategoricalCrossentropy().gradient(array([0, 0, 1]), array([1, 1, 2]))
            demand_equal("gradient", gradient, array([0.25, 0.25, -0.25]))
        case "softmax crossentropy":  # softmax 1/4 each, two rows
            gradient = SoftmaxCrossentropy().gradient(
                array([0, 0, 0, 1], [1, 0, 0, 0]), np.zeros((2, 4), dtype)
            )
            expected = array([1, 1, 1, -3], [-3, 1, 1, 1]) / 8
            demand_equal("gradient", gradient, expected)
            value = SoftmaxCrossentropy().value(array([0, 1]), array([1000, 0]))
            demand_equal("value", value, dtype(1000))
        case "L2":
            weights = [array([1, 2], [3, 4]), array([2])]
            demand_equal("value", L2(0.5).value(weights), dtype(8.5))
            demand_equal("gradient", L2(0.5).gradient(weights[0]), weights[0] / 2)
        case "leaky relu":
            x, dy = array(-4, 0, 4), array(8, 8, 8)
            y = LeakyRelu(0.25).forward(x)
            demand_equal("forward", y, array(-1, 0, 4))
            demand_equal("backward", LeakyRelu(0.25).backward(dy, x, y), array(2, 2, 8))
        case "dense":
            layer, theta, x = Dense(2, 3), array(1, 2, 3, 4, 5, 6, 1, 0, -1), array([1, 2])
            demand_equal("forward", layer.forward(theta, x), array([10, 12, 14]))
            dy = array([1, 0, 2])
            dW, db = layer.parameter_gradients(x, dy)
            demand_equal("gradient", dW, array([1, 0, 2], [2, 0, 4]))
            demand_equal("gradient", db, array(1, 0, 2))
            dx = layer.input_gradient(theta, x, layer.forward(theta, x), dy)
            demand_equal("backward", dx, array([7, 16]))


def schedules(dtype: Any, part: str) -> None:
    """Rates worked out by hand: halved every two, every four steps, every three updates."""
    smooth = ExponentialDecay(1, 0.5, 2)
    rates = [smooth(step) for step in range(5)]
    demand(rates[::2] == [1, 0.5, 0.25], "decay", rates)
    demand(all(a > b for a, b in pairwise(rates)), "decay", rates)
    stairs = [ExponentialDecay(1, 0.5, 4, True)(step) for step in range(9)]
    demand(stairs == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25], "staircase", stairs)
    epochs = [PerEpoch(ExponentialDecay(8, 0.5), 3)(step) for step in range(7)]
    demand(epochs == [8, 8, 8, 4, 4, 4, 2], "per epoch", epochs)
    constant = [Constant(0.1)(step) for step in (0, 1, 100)]
    demand(constant == [0.1, 0.1, 0.1], "constant", constant)


def mazur(dtype: Any, part: str) -> None:
    """Matt Mazur's 2-2-2 network: total error before, w₅ and w₁ after a step at the rate 0.5.

    https://mattmazur.com/2015/03/17/a-step-by-step-backpropagation-example/. His error is the
    sum of ½ (target − output)²: for two outputs that is the mean of the squares, and so is its
    gradient. His biases stay; here they learn, after the gradients of the weights were taken.
    """
    network = multilayer([2, 2, 2], Sigmoid(), Sigmoid())
    weights = [0.15, 0.25, 0.20, 0.30, 0.35, 0.35, 0.40, 0.50, 0.45, 0.55, 0.60, 0.60]
    theta = np.array(weights, dtype)
    x, y = np.array([[0.05, 0.10]], dtype), np.array([[0.01, 0.99]], dtype)
    step = train_step(network, MeanSquaredError(), SGD(0.5), State(theta), x, y)
    demand(f"{step.loss:.9f}" == "0.298371109", "loss", step.loss)
    demand(f"{step.state.theta[6]:.8f}" == "0.35891648", "update", step.state.theta[6])
    demand(f"{step.state.theta[0]:.9f}" == "0.149780716", "update", step.state.theta[0])


def taylor(dtype: Any, part: str) -> None:
    """|L(θ + h d) − L(θ) − h g·d| falls as h², down to where a float32 anywhere would show."""
    cases = {
        "mean squared error": (Tanh(), Sigmoid(), MeanSquaredError()),
        "categorical crossentropy": (Sigmoid(), Softmax(), CategoricalCrossentropy()),
        "softmax crossentropy": (Softmax(), None, SoftmaxCrossentropy()),
    }
    hidden, output, loss = cases[part]
    one = run(dtype, dense([3, 4, 3], hidden, output), loss, regularizer=L2(0.1))
    network, (x, y), theta = one.network, one.batches[0], one.state.theta
    d = np.random.default_rng(6).standard_normal(network.size).astype(dtype)

    def step(h: float) -> Any:
        return train_step(network, loss, one.optimizer, State(theta + h * d), x, y, one.regularizer)

    here = step(0.0)
    slope = np.concatenate([g.ravel() for g in here.gradients]) @ d
    sizes = [2.0**-8, 2.0**-12, 2.0**-16, 2.0**-20]
    remainders = [abs(step(h).loss - here.loss - h * slope) for h in sizes]
    orders = [float(np.log2(a / b)) / 4 for a, b in pairwise(remainders)]
    demand(all(math.isfinite(o) and round(o) >= 2 for o in orders), "order", orders)


# Promises that need nobody else ----------------------------------------------------------------


FUNCTIONS = (Identity(), Sigmoid(), Tanh(), Relu(), LeakyRelu(), Softmax())
LOSSES = (
    MeanSquaredError(), Asymmetric(1, 9), CategoricalCrossentropy(), SoftmaxCrossentropy(),
)  # fmt: skip
OPTIMIZERS = (SGD(), SGDM(), Adagrad(), RMSProp(), Adam())


def purity(dtype: Any, part: str) -> None:
    """No function writes into an argument."""
    rng = np.random.default_rng(7)

    def untouched(stage: str, call: Callable[..., Any], *arrays: Any) -> Any:
        before = [np.array(a) for a in arrays]
        result = call(*arrays)
        demand(all(map(same_bits, before, arrays)), stage, call)
        return result

    def some(*shape: int) -> Any:
        return rng.standard_normal(shape).astype(dtype)

    for function in FUNCTIONS:
        x = some(4, 3)
        y = untouched("forward", function.forward, x)
        untouched("backward", function.backward, some(4, 3), x, y)
    for loss in LOSSES:
        y, y_pred = targets(rng, loss, 4, 3).astype(dtype), np.abs(some(4, 3))
        for method in (loss.per_sample, loss.value, loss.gradient):
            untouched("loss", method, y, y_pred)
    untouched("L2", L2(0.1).gradient, some(4, 3))
    untouched("L2", lambda W: L2(0.1).value([W]), some(4, 3))
    for optimizer in OPTIMIZERS:
        w, g, slots = some(9), some(9), tuple(np.abs(some(9)) for _ in optimizer.slot_names)

        def rule(w: Any, g: Any, *slots: Any, optimizer: Any = optimizer) -> Any:
            return optimizer.rule(w, g, slots, 3, 0.1)

        untouched("rule", rule, w, g, *slots)
    network = multilayer([3, 4, 2], Tanh())
    theta, x, dy = some(network.size), some(5, 3), some(5, 2)
    outputs = untouched("forward", network.forward, theta, x)
    tape = list(outputs)
    untouched("backward", lambda *a: network.backward(a[0], outputs, a[1]), theta, dy, *tape)
    demand(len(outputs) == len(tape), "tape", f"{len(outputs)} of {len(tape)} are left")
    untouched("standardize", lambda x: standardize(x), some(5, 3))


def dtypes(dtype: Any, part: str) -> None:
    """Everything that a step computes has θ's dtype, with hyper-parameters of any number type."""
    wide = np.float64
    rate = ExponentialDecay(wide(0.1), wide(0.5))
    optimizers = (
        SGD(wide(0.1)), SGDM(rate, wide(0.9)), Adagrad(wide(0.1), wide(1e-7)),
        RMSProp(rate, wide(0.9), wide(1e-7)), Adam(wide(0.1), wide(0.9), wide(0.99), wide(1e-7)),
    )  # fmt: skip
    steps = [run(dtype, dense([3, 3], Tanh()), optimizer=o, steps=1) for o in optimizers]
    steps += [
        run(dtype, dense([3, 4, 3], function, Softmax()), loss, steps=1, regularizer=L2(wide(0.1)))
        for function in (*FUNCTIONS, LeakyRelu(wide(0.3)))
        for loss in LOSSES
    ]
    for one in steps:
        network, loss, optimizer, state, ((x, y),), regularizer = one
        state = initial_state(optimizer, state.theta)
        step = train_step(network, loss, optimizer, state, x, y, regularizer)
        demand(type(step.learning_rate) is float, "learning rate", type(step.learning_rate))
        for entry in record(network, optimizer.slot_names, step):
            if entry.stage == "learning rate" or (entry.name == "penalty" and not regularizer):
                continue
            message = f"{entry.name} has {entry.array.dtype}"
            demand(entry.array.dtype == dtype, entry.stage, message)
    theta = multilayer([2, 3], Tanh()).initial_theta(np.random.default_rng(0), dtype=dtype)
    demand(theta.dtype == dtype, "theta", theta.dtype)
    demand(one_hot([0, 1], dtype=dtype).dtype == dtype, "one hot", dtype)
    x = standardize(np.array([[1, 2], [3, 5]], dtype)).x
    demand(x.dtype == dtype, "standardize", x.dtype)


def overflow(dtype: Any, part: str) -> None:
    """Sigmoid, tanh, softmax and the fused cross-entropy overflow nowhere, nor divide by 0."""
    x = EXTREME.astype(dtype)
    labels = np.eye(3, dtype=dtype)[[2, 0, 1, 1]]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        try:
            for function in (Sigmoid(), Tanh(), Softmax()):
                function.backward(x, x, function.forward(x))
            SoftmaxCrossentropy().gradient(labels, x)
            SoftmaxCrossentropy().value(labels, x)
        except FloatingPointError as error:
            raise CheckError("overflow", error) from error


def blocks(dtype: Any, part: str) -> None:
    """An update in blocks has the bits of the rule on the whole vectors."""
    n, rng = 2 * optimizers.BLOCK + 5, np.random.default_rng(8)
    w, g, m, v = (rng.standard_normal(n).astype(dtype) for _ in range(4))
    arguments = w, g, (m, np.square(v)), 3, 0.1
    one, other = Adam().rule(*arguments), optimizers.update(Adam(), *arguments)
    for slot, expected in zip(other[1], one[1], strict=True):
        demand(same_bits(slot, expected), "slots")
    demand(same_bits(other[0], one[0]), "update")


def states(dtype: Any, part: str) -> None:
    """Slots start at 0; a step counts itself, and its total loss is data loss and penalty."""
    for optimizer in OPTIMIZERS:
        one = run(dtype, dense([3, 4, 2], Tanh()), optimizer=optimizer, regularizer=L2(0.5))
        network, loss, _, _, data, regularizer = one
        state = initial_state(optimizer, one.state.theta)
        demand(len(state.slots) == len(optimizer.slot_names), "initial slots", state.slots)
        demand(not any(slot.any() for slot in state.slots), "initial slots", state.slots)
        for x, y in data:
            step = train_step(network, loss, optimizer, state, x, y, regularizer)
            demand(step.state.step == state.step + 1, "step", step.state.step)
            demand(step.loss == step.data_loss + step.penalty, "total", step.loss)
            demand(step.penalty > 0, "penalty", step.penalty)
            state = step.state


def by_rows(rng: Any, n: int, batch_size: int) -> list[Any]:
    order = np.arange(n) if rng is None else rng.permutation(n)
    return [order[i : i + batch_size] for i in range(0, n, batch_size)]


def training(dtype: Any, part: str) -> None:
    """``fit`` does what a loop over epochs and batches does, and its history tells what it did."""
    rng = np.random.default_rng(9)
    network, loss = multilayer([3, 4, 3], Tanh()), SoftmaxCrossentropy()
    optimizer = Adam(ExponentialDecay(0.1, 0.9))
    x = rng.standard_normal((10, 3)).astype(dtype)
    y = np.eye(3, dtype=dtype)[rng.integers(3, size=10)]
    held_out = x[:4] + dtype(1), y[:4]
    start = initial_state(optimizer, network.initial_theta(rng, dtype=dtype))
    for seed in (None, 5):
        ours, theirs = (None if seed is None else np.random.default_rng(seed) for _ in range(2))
        epochs: list[int] = []
        with redirect_stderr(io.StringIO()):
            end, history = fit(
                network, loss, optimizer, start, x, y, epochs=3, batch_size=4, rng=theirs,
                regularizer=L2(0.01), validation=held_out, progress=False,
                callback=lambda epoch, *_, epochs=epochs: epochs.append(epoch),
            )  # fmt: skip
        state = start
        means, rates, validation = [], [], []
        for _ in range(3):
            losses = []
            for rows in by_rows(ours, 10, 4):
                step = train_step(network, loss, optimizer, state, x[rows], y[rows], L2(0.01))
                state = step.state
                losses.append(float(step.loss))
            means.append(math.fsum(losses) / 3)
            rates.append(step.learning_rate)
            value = loss.value(held_out[1], network.predict(state.theta, held_out[0]))
            validation.append(float(value))
        demand(epochs == [1, 2, 3], "epochs", epochs)
        demand(end.step == state.step == 9, "step", end.step)
        demand(all(map(same_bits, end.slots, state.slots)), "slots")
        demand(same_bits(end.theta, state.theta), "theta")
        demand(history.loss == means, "history", history.loss)
        demand(history.learning_rate == rates, "history of rates", history.learning_rate)
        demand(history.validation_loss == validation, "validation", history.validation_loss)
        demand(len(history.validation_accuracy) == 3, "validation", history.validation_accuracy)


def non_finite(dtype: Any, part: str) -> None:
    """A run that leaves the finite numbers ends at once, and gives back a finite state."""
    network, optimizer = Network([Dense(2, 1, False)]), Adagrad(0.1, 0)
    start = initial_state(optimizer, np.ones(2, dtype))
    x, y = np.array([[1, 0]], dtype), np.array([[3]], dtype)  # the second gradient is 0: 0 / 0
    try:
        fit(network, MeanSquaredError(), optimizer, start, x, y, epochs=2, progress=False)
    except NonFiniteError as error:
        demand(np.isfinite(error.state.theta).all(), "last state", error.state)
        demand(error.state.step == 0, "last state", error.state)
    else:
        raise CheckError("silence", "no error")


def accuracies(dtype: Any, part: str) -> None:
    """Counted by hand."""
    y = np.eye(3, dtype=dtype)[[0, 1, 2, 1]]
    p = np.array([[3, 1, 2], [0, 1, -1], [5, 4, 3], [0, -1, -2]], dtype)
    demand(accuracy(y, p) == 0.5, "accuracy", accuracy(y, p))
    y, p = np.array([[0], [0], [1], [1]], dtype), np.array([[0.5], [0.3], [0.6], [2]], dtype)
    demand(accuracy(y, p) == 1, "accuracy of one column", accuracy(y, p))
    demand(accuracy(y / 2, p) is None, "no classes", accuracy(y / 2, p))
    network, x = Network([Dense(1, 1)]), np.array([[2], [4]], dtype)
    value = evaluate(network, MeanSquaredError(), np.array([1, 1], dtype), x, x)
    demand(value == (1.0, None), "evaluate", value)


def files(dtype: Any, part: str) -> None:
    """A state comes back bit for bit."""
    rng = np.random.default_rng(10)
    theta, m, v = (rng.standard_normal(5).astype(dtype) for _ in range(3))
    with tempfile.TemporaryDirectory() as folder:
        save_state(Path(folder) / "state.npz", State(theta, (m, v), 7))
        again = load_state(Path(folder) / "state.npz")
    demand(again.step == 7, "step", again.step)
    demand(same_bits(again.theta, theta), "theta")
    demand(len(again.slots) == 2 and all(map(same_bits, again.slots, (m, v))), "slots")


def initializers(dtype: Any, part: str) -> None:
    """Scales are powers of two here, so that samples can be compared bit for bit."""

    def rng() -> Any:
        return np.random.default_rng(11)

    unit = Normal().sample((8, 50), rng())
    demand(same_bits(unit, rng().standard_normal((8, 50))), "Normal")
    demand(same_bits(Normal(0.25).sample((8, 50), rng()), 0.25 * unit), "Normal")
    demand(same_bits(He().sample((8, 50), rng()), 0.5 * unit), "He")  # √(2 / 8)
    cut = TruncatedNormal(0.25).sample((8, 50), rng())
    demand(np.all(np.abs(cut) <= 0.5), "TruncatedNormal", "beyond 2 stddev")
    demand(len(np.unique(cut)) == cut.size, "TruncatedNormal", "numbers occur twice")
    kept = np.abs(unit) <= 2
    demand(not kept.all() and same_bits(cut[kept], 0.25 * unit[kept]), "TruncatedNormal", "scale")
    network = multilayer([8, 3, 2], Tanh())
    theta = network.initial_theta(rng(), dtype=dtype)
    W1, b1, W2, b2 = (p.of(theta) for p in network.parameters)
    demand(not b1.any() and not b2.any(), "biases", theta)
    generator = rng()
    for W, fan_in in ((W1, 8), (W2, 3)):
        expected = math.sqrt(2 / fan_in) * generator.standard_normal(W.shape)
        demand(same_bits(W, expected.astype(dtype)), "weights", W)


def preparation(dtype: Any, part: str) -> None:
    """Standardized columns, one-hot rows and batches, on numbers worked out by hand."""
    x = np.array([[1, 10], [1, 30], [5, 10], [5, 30]], dtype)  # means 3, 20; deviations 2, 10
    train = standardize(x)
    demand_equal("mean", train.mean, np.array([3.0, 20.0]))
    demand_equal("deviation", train.deviation, np.array([2.0, 10.0]))
    demand_equal("standardize", train.x, np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], dtype))
    test = standardize(np.array([[7, 20]], dtype), train.mean, train.deviation)
    demand_equal("held-out data", test.x, np.array([[2, 0]], dtype))
    demand_equal("one hot", one_hot([2, 0, 1], dtype=dtype), np.eye(3, dtype=dtype)[[2, 0, 1]])
    demand(one_hot([0], 4, dtype).shape == (1, 4), "classes")
    rows = [b.tolist() for b in batches(5, 2)]
    demand(rows == [[0, 1], [2, 3], [4]], "batches", rows)
    rng = np.random.default_rng(12)
    epochs = [[i for b in batches(20, 6, rng) for i in b.tolist()] for _ in range(2)]
    demand(all(sorted(e) == list(range(20)) for e in epochs), "every row once", epochs)
    demand(epochs[0] != epochs[1] != list(range(20)), "shuffled anew", epochs)


def guards(dtype: Any, part: str) -> None:
    """What must be refused is refused, and what is right is not."""
    network, optimizer = Network([Dense(2, 2)]), SGD(0.1)
    state = initial_state(optimizer, np.ones(6, dtype))
    x, y = np.ones((3, 2), dtype), np.eye(2, dtype=dtype)[[0, 1, 0]]

    def refused(x: Any, y: Any) -> bool:
        loss = SoftmaxCrossentropy()
        try:
            fit(network, loss, optimizer, state, x, y, epochs=1, progress=False)
        except NonFiniteError:
            return False  # it was let in
        except (ValueError, TypeError):
            return True
        return False

    demand(not refused(x, y), "right data")
    hot, nan = y.copy(), x.copy()
    hot[1], nan[2, 0] = 1, np.nan
    demand(refused(x, hot), "labels that are no distribution")
    demand(refused(nan, y), "NaN")
    other = np.float32 if dtype == np.float64 else np.float64
    demand(refused(x.astype(other), y), "another dtype")
    demand(refused(x, y[:1]), "another shape")


def sizes(dtype: Any, part: str) -> None:
    """3-4-2: two layers, 20 weights, 6 biases, 20 multiply-adds."""
    counted = complexity(multilayer([3, 4, 2], Relu()))
    found = (counted.layers, counted.weights, counted.biases, counted.multiply_adds)
    demand(found == (2, 20, 6, 20), "complexity", found)
    demand(counted.parameters == 26, "parameters", counted)


SMOOTH = ("mean squared error", "categorical crossentropy", "softmax crossentropy")
PARTS: dict[Callable[[Any, str], None], tuple[str, ...]] = {
    lockstep: tuple(LOCKSTEP),
    dyadic: tuple(DYADIC),
    kernels: tuple(RULES),
    keras: SMOOTH,
    gradient_bits: ("sigmoid", "tanh", "relu"),
    derivatives: ("",),
    per_sample: ("",),
    clip: ("",),
    by_hand_rules: tuple(RULES),
    by_hand: (*SMOOTH, "asymmetric", "L2", "leaky relu", "dense"),
    schedules: ("",),
    mazur: ("",),
    taylor: SMOOTH,
    purity: ("",),
    dtypes: ("",),
    overflow: ("",),
    blocks: ("",),
    states: ("",),
    training: ("",),
    non_finite: ("",),
    accuracies: ("",),
    files: ("",),
    initializers: ("",),
    preparation: ("",),
    guards: ("",),
    sizes: ("",),
}
"""Every check, and its parts."""

FLOAT64_ONLY = (mazur, taylor)
"""Nine decimals, and remainders of 1e-9, are beyond float32."""
