"""Faults outside the catalogue: in the walk, in layers, losses and rules, of either side.

A fault is a function of one attribute's old value that returns the new one. ``run`` plants faults
and compares a step or two. The walk is what calls the layers in turn: ``Network.forward`` and
``backward``, the sum of loss and penalty, TensorFlow's ``differentiate``.
"""

from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np

from refnn import activations, layers, losses, network, optimizers, regularizers, schedules
from refnn import training as loop
from refnn.activations import LeakyRelu, Relu, Sigmoid, Softmax, Tanh
from refnn.layers import Dense
from refnn.losses import (
    Asymmetric,
    CategoricalCrossentropy,
    MeanSquaredError,
    SoftmaxCrossentropy,
)
from refnn.network import multilayer
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, RMSProp
from refnn.regularizers import L2
from refnn.schedules import ExponentialDecay
from refnn.state import State
from refnn.training import Model
from tests.strategies import targets
from tftwin import activations as tf_activations
from tftwin import layers as tf_layers
from tftwin import losses as tf_losses
from tftwin import optimizers as tf_optimizers
from tftwin import regularizers as tf_regularizers
from tftwin import schedules as tf_schedules
from tftwin import trainer as tf_trainer
from tftwin.lockstep import resynchronised
from tftwin.lockstep.findings import Report
from tftwin.tensorflow import tf

Change = Callable[[Any], Any]
ADAM, CROSSENTROPY, TANH = Adam(ExponentialDecay(0.01, 0.9, 10)), SoftmaxCrossentropy(), Tanh()
PENALTY = L2(1e-3)


class Planted(NamedTuple):
    """A fault: where it stands, what it changes, and the network in which it is seen."""

    name: str
    owner: Any
    attribute: str
    change: Change
    function: Any = TANH
    loss: Any = CROSSENTROPY
    optimizer: Any = ADAM
    output: Any = None


@contextmanager
def planted(*faults: Planted) -> Any:
    """Run the block with the faults in the code."""
    with ExitStack() as undo:
        for fault in faults:
            old = vars(fault.owner)[fault.attribute]
            setattr(fault.owner, fault.attribute, fault.change(old))
            undo.callback(setattr, fault.owner, fault.attribute, old)
        yield


def problem(fault: Planted, dtype: Any, sizes: Any, rows: int = 33, steps: int = 2) -> Any:
    """Return a model, a state from the middle of a run, and batches."""
    rng = np.random.default_rng(3)
    net = multilayer(sizes, fault.function, fault.output)
    model = Model(net, fault.loss, fault.optimizer, PENALTY)
    theta = model.initial_state(rng, dtype=dtype).theta
    theta = theta + (0.05 * rng.standard_normal(theta.shape)).astype(dtype)
    slots = [1e-3 * rng.random(theta.shape) for _ in fault.optimizer.slot_names]
    state = State(theta, tuple(slot.astype(dtype) for slot in slots), 5)
    batches = []
    for _ in range(steps):
        x = rng.standard_normal((rows, net.inputs))
        y = targets(rng, fault.loss, rows, net.outputs, 1.0, False)
        batches.append((x.astype(dtype), y.astype(dtype)))
    return model, state, batches


SIZES = {"shallow": [6, 16, 16, 16, 3], "deep": [6, *[16] * 10, 3], "mnist": [784, 512, 512, 10]}


def run(*faults: Planted, dtype: Any, sizes: Any, mode: Any = "eager", **options: Any) -> Report:
    """Compare with the faults planted."""
    case = problem(faults[0], dtype, sizes, **options)
    with planted(*faults):
        return resynchronised(*case, mode=mode)


# How an old function becomes a faulty one -------------------------------------------------------


def result(change: Change) -> Change:
    """Change what a function returns."""
    return lambda old: lambda *args: change(old(*args))


def times(factor: float) -> Change:
    """Multiply what a function returns, in its own dtype."""
    return result(lambda y: y * factor)


def instead(new: Any) -> Change:
    """Put another function there."""
    return lambda old: new


def both_parts(value: Change, gradient: Change) -> Change:
    """Change the value and the gradient of a loss."""
    return result(lambda pair: (value(pair[0]), gradient(pair[1])))


def same(a: Any) -> Any:
    return a


def gradients(change: Change) -> Change:
    """Change the list of gradients that ``Network.backward`` returns."""
    return result(lambda pair: (pair[0], change(list(pair[1]))))


def of_numbers(fault: Change) -> Change:
    """A fault that stands in the plain step alone, not in the one that carries bounds."""

    def change(old: Any) -> Any:
        faulty = fault(old)

        def function(self: Any, theta: Any, *rest: Any) -> Any:
            chosen = faulty if isinstance(theta, np.ndarray) else old
            return chosen(self, theta, *rest)

        return function

    return change


def first_bias_0(g: list[Any]) -> list[Any]:
    g[1] = 0 * g[1]
    return g


def swapped(g: list[Any]) -> list[Any]:
    """Two matrices of one shape change places."""
    for i, one in enumerate(g):
        for j in range(i + 1, len(g)):
            if one.shape == g[j].shape and len(one.shape) == 2:
                g[i], g[j] = g[j], one
                return g
    raise ValueError("no two matrices have one shape")


def one_off(relative: float) -> Change:
    """One number of the first matrix is off by a relative error, or by one unit in its place."""

    def change(g: list[Any]) -> list[Any]:
        first = np.array(g[0])
        first[0, 0] *= first.dtype.type(1 + relative)
        return [first, *g[1:]]

    return change


def stale(old: Any) -> Any:
    """The gradients of the step before."""
    kept: list[Any] = []

    def backward(self: Any, *args: Any) -> Any:
        dys, g = old(self, *args)
        kept.append(g)
        return dys, kept[0]

    return backward


def through_another_w(old: Any) -> Any:
    """The last layer's dx goes through a W whose numbers are moved by one place."""

    def backward(self: Any, theta: Any, outputs: Any, dy: Any, *masks: Any) -> Any:
        last = max(i for i, layer in enumerate(self.layers) if isinstance(layer, Dense))
        moved = theta.copy()
        moved[self.slices[last]] = np.roll(theta[self.slices[last]], 1)
        return old(self, moved, outputs, dy, *masks)

    return backward


def clipped(old: Any) -> Any:
    def backward(self: Any, theta: Any, outputs: Any, dy: Any, *masks: Any) -> Any:
        most = np.median(np.abs(dy))
        return old(self, theta, outputs, np.clip(dy, -most, most), *masks)

    return backward


def total(change: Change) -> Change:
    """Change the sum of data loss and penalty."""

    def make(old: Any) -> Any:
        def gradients(outputs: Any, data: Any, penalty: Any, loss: Any, *rest: Any) -> Any:
            if isinstance(loss, np.floating):
                loss = type(loss)(change(loss))
            return old(outputs, data, penalty, loss, *rest)

        return gradients

    return make


def found(**changes: Change) -> Change:
    """Change fields of what TensorFlow's ``differentiate`` returns."""
    return result(lambda f: f._replace(**{k: c(getattr(f, k)) for k, c in changes.items()}))


def tf_one_off(relative: float) -> Change:
    def change(g: list[Any]) -> list[Any]:
        factors = np.ones(g[0].shape)
        factors[0, 0] += relative
        return [g[0] * tf.constant(factors, g[0].dtype), *g[1:]]

    return change


def tf_stale(old: Any) -> Any:
    kept: list[Any] = []

    def differentiate(*args: Any) -> Any:
        f = old(*args)
        kept.append(f.gradients)
        return f._replace(gradients=kept[0])

    return differentiate


def tf_derivative(slope: Change) -> Change:
    """Let the tape go another way: the derivative of an activation is dy · slope(x)."""

    def make(old: Any) -> Any:
        def forward(self: Any, x: Any) -> Any:
            @tf.custom_gradient
            def function(x: Any) -> Any:
                return old(self, x), lambda dy: dy * slope(x)

            return function(x)

        return forward

    return make


def tf_gradient(factor: float) -> Change:
    """The gradient of a scalar is scaled, its value is not."""

    def make(old: Any) -> Any:
        def value(self: Any, *args: Any) -> Any:
            v = old(self, *args)
            return factor * v - tf.stop_gradient((factor - 1) * v)

        return value

    return make


def in_bfloat16(a: Any) -> Any:
    return tf.cast(tf.cast(a, tf.bfloat16), a.dtype)


def eager_kernel_off(old: Any) -> Any:
    """A matrix product of TensorFlow that is off by 1e-5 in one unit."""

    def forward(self: Any, theta: Any, x: Any) -> Any:
        z = old(self, theta, x)
        factors = np.ones(z.shape[-1])
        factors[-1] += 1e-5
        return z * tf.constant(factors, z.dtype)

    return forward


# refnn's side -----------------------------------------------------------------------------------

N, A, D, E, R, S = network.Network, activations, layers.Dense, losses, optimizers, schedules
SQUARES, SHOP, FROM_PROBABILITIES = MeanSquaredError(), Asymmetric(1, 9), CategoricalCrossentropy()


def adam_t(change: Change) -> Change:
    return lambda old: lambda self, w, g, s, t, lr: old(self, w, g, s, change(t), lr)


def with_gradient(change: Change) -> Change:
    return lambda old: lambda self, w, g, s, t, lr: old(self, w, change(g), s, t, lr)


def nesterov(self: Any, w: Any, g: Any, slots: Any, t: int, lr: float) -> Any:
    m = self.beta * slots[0] + (1 - self.beta) * g
    return w - lr * (self.beta * m + (1 - self.beta) * g), (m,)


def adagrad_inside(self: Any, w: Any, g: Any, slots: Any, t: int, lr: float) -> Any:
    v = slots[0] + np.square(g)
    return w - lr * g / np.sqrt(v + 1e-3), (v,)


def rmsprop_mean(self: Any, w: Any, g: Any, slots: Any, t: int, lr: float) -> Any:
    v = self.beta * slots[0] + (1 - self.beta) * np.square(g)
    return w - lr * g / (np.sqrt(v) + 10 * self.epsilon), (v,)


WALK = [
    Planted("signs flipped", N, "backward", gradients(lambda g: [-a for a in g])),
    Planted("gradients 0", N, "backward", gradients(lambda g: [0 * a for a in g])),
    Planted("first bias gradient 0", N, "backward", gradients(first_bias_0)),
    Planted("two dW swapped", N, "backward", gradients(swapped)),
    Planted("gradients halved", N, "backward", gradients(lambda g: [0.5 * a for a in g])),
    Planted("stale gradient", N, "backward", of_numbers(stale)),
    Planted("dx through another W", N, "backward", of_numbers(through_another_w)),
    Planted("dy clipped", N, "backward", of_numbers(clipped)),
    Planted("dW1[0, 0] off by 1e-5", N, "backward", of_numbers(gradients(one_off(1e-5)))),
    Planted("dW1[0, 0] off by 1e-6", N, "backward", of_numbers(gradients(one_off(1e-6)))),
    Planted("dy scaled", N, "backward",
            lambda old: lambda self, th, o, dy, *m: old(
                self, th, o, dy * dy.dtype.type(1 + 1e-5), *m)),
    Planted("L2 left out of a layer", regularizers.L2, "gradient",
            lambda old: lambda self, W: old(self, W) if W.shape[1] not in (3, 10) else 0 * W),
    Planted("total off by 1e-6", loop, "Gradients", total(lambda v: v * (1 + 1e-6))),
    Planted("total without the penalty", loop, "Gradients", total(lambda v: v * 0.99)),
]  # fmt: skip
"""In refnn's walk."""

REFNN = [
    *WALK,
    Planted("dense: one unit off", D, "forward", of_numbers(
        lambda old: lambda self, th, x: old(self, th, x) * np.where(
            np.arange(self.outputs) == 0, 1 + 1e-6, 1).astype(x.dtype))),
    Planted("dense: b off", D, "bias", times(1 + 1e-4)),
    Planted("dense: dx off", D, "input_gradient", times(1 + 1e-6)),
    Planted("dense: db a mean", D, "parameter_gradients",
            lambda old: lambda self, x, dy: [old(self, x, dy)[0], dy.sum(axis=0) / len(x)]),
    Planted("dense: dW from a shifted batch", D, "parameter_gradients", of_numbers(
        lambda old: lambda self, x, dy: old(self, np.roll(x, 1, axis=0), dy))),
    Planted("tanh off", A.Tanh, "forward", times(1 + 1e-6)),
    Planted("tanh' = 1 - y", A.Tanh, "backward", instead(lambda self, dy, x, y: dy * (1 - y))),
    Planted("tanh' at -x", A.Tanh, "backward", times(-1)),
    Planted("tanh' off", A.Tanh, "backward", times(1 + 1e-6)),
    Planted("sigmoid' = y", A.Sigmoid, "backward", instead(lambda self, dy, x, y: dy * y),
            Sigmoid()),
    Planted("sigmoid off", A.Sigmoid, "forward", times(1 + 1e-5), Sigmoid()),
    Planted("relu' halved", A.Relu, "backward", times(0.5), Relu()),
    Planted("relu leaks", A.Relu, "forward",
            instead(lambda self, x: np.maximum(x, 0.001 * x)), Relu()),
    Planted("leaky relu's slope", A.LeakyRelu, "forward",
            instead(lambda self, x: np.where(x > 0, x, 0.201 * x)), LeakyRelu()),
    Planted("leaky relu' is relu's", A.LeakyRelu, "backward",
            instead(lambda self, dy, x, y: dy * (x > 0)), LeakyRelu()),
    Planted("softmax' without its sum", A.Softmax, "backward",
            instead(lambda self, dy, x, y: dy * y), loss=SQUARES, output=Softmax()),
    Planted("softmax off", A.Softmax, "forward", times(1 + 1e-5), loss=SQUARES, output=Softmax()),
    Planted("mse: value a sum", E.MeanSquaredError, "value_and_gradient",
            both_parts(lambda v: 3 * v, same), loss=SQUARES),
    Planted("mse: gradient without 2", E.MeanSquaredError, "value_and_gradient",
            both_parts(same, lambda g: 0.5 * g), loss=SQUARES),
    Planted("asymmetric: one slope off", E.Asymmetric, "gradient",
            times(1 + 1e-5), loss=SHOP),
    Planted("crossentropy: gradient off", E.CategoricalCrossentropy, "gradient", times(1.001),
            loss=FROM_PROBABILITIES, output=Softmax()),
    Planted("logits: gradient off", E.SoftmaxCrossentropy, "value_and_gradient",
            both_parts(same, lambda g: 1.01 * g)),
    Planted("logits: value off", E.SoftmaxCrossentropy, "value_and_gradient",
            both_parts(lambda v: v * (1 + 1e-5), same)),
    Planted("L2 doubled", regularizers.L2, "value", times(2)),
    Planted("L2's gradient doubled", regularizers.L2, "gradient", times(2)),
    Planted("adam: another epsilon", R.Adam, "rule",
            lambda old: lambda self, *a: old(Adam(epsilon=1e-5), *a)),
    Planted("adam: t capped", R.Adam, "rule", adam_t(lambda t: min(t, 4))),
    Planted("adam: t one ahead", R.Adam, "rule", adam_t(lambda t: t + 1)),
    Planted("adam: gradient scaled", R.Adam, "rule", with_gradient(lambda g: 1.001 * g)),
    Planted("momentum: Nesterov", R.SGDM, "rule", instead(nesterov), optimizer=SGDM(0.1)),
    Planted("adagrad: another epsilon", R.Adagrad, "rule", instead(adagrad_inside),
            optimizer=Adagrad(0.1)),
    Planted("rmsprop: another epsilon", R.RMSProp, "rule", instead(rmsprop_mean),
            optimizer=RMSProp(0.1, epsilon=1e-3)),
    Planted("sgd: gradient scaled", R.SGD, "rule", with_gradient(lambda g: g * 1.00001),
            optimizer=SGD(0.1)),
    Planted("rate of the next step", S.ExponentialDecay, "__call__",
            lambda old: lambda self, step: old(self, step + 1)),
    Planted("rate off", S.ExponentialDecay, "__call__", times(1 + 1e-6)),
]  # fmt: skip
"""On refnn's side, the walk included."""

# TensorFlow's side ------------------------------------------------------------------------------

TA, TD, TE, TO = tf_activations, tf_layers.Dense, tf_losses, tf_optimizers


def tf_with_gradient(change: Change) -> Change:
    return lambda old: lambda self, w, g, *rest: old(self, w, change(g), *rest)


def tf_corrections(change: Change) -> Change:
    return lambda old: lambda self, t: old(self, change(t))


def tf_other(**fields: Any) -> Change:
    """The rule runs with other constants."""
    return lambda old: lambda self, *rest: old(type(self)(**(vars(self) | fields)), *rest)


TF_WALK = [
    Planted("TF: gradients 0", tf_trainer, "differentiate",
            found(gradients=lambda g: [0 * a for a in g])),
    Planted("TF: signs flipped", tf_trainer, "differentiate",
            found(gradients=lambda g: [-a for a in g])),
    Planted("TF: two dW swapped", tf_trainer, "differentiate",
            found(gradients=lambda g: swapped(list(g)))),
    Planted("TF: first bias gradient 0", tf_trainer, "differentiate",
            found(gradients=lambda g: first_bias_0(list(g)))),
    Planted("TF: gradients halved", tf_trainer, "differentiate",
            found(gradients=lambda g: [0.5 * a for a in g])),
    Planted("TF: rows reversed", tf_trainer, "differentiate",
            found(gradients=lambda g: [a[::-1] for a in g])),
    Planted("TF: dW1[0, 0] off by 1e-3", tf_trainer, "differentiate",
            found(gradients=tf_one_off(1e-3))),
    Planted("TF: dW1[0, 0] off by 1e-4", tf_trainer, "differentiate",
            found(gradients=tf_one_off(1e-4))),
    Planted("TF: gradients in bfloat16", tf_trainer, "differentiate",
            found(gradients=lambda g: [in_bfloat16(a) for a in g])),
    Planted("TF: stale gradient", tf_trainer, "differentiate", tf_stale),
    Planted("TF: output gradients scaled", tf_trainer, "differentiate",
            found(output_gradients=lambda g: [a * (1 + 1e-5) for a in g])),
    Planted("TF: one output scaled", tf_trainer, "differentiate",
            found(outputs=lambda y: [*y[:2], y[2] * (1 + 1e-4), *y[3:]])),
    Planted("TF: total off by 1e-6", tf_trainer, "differentiate",
            found(loss=lambda v: v * (1 + 1e-6))),
    Planted("TF: penalty off", tf_trainer, "differentiate",
            found(penalty=lambda v: v * 1.001)),
]  # fmt: skip
"""In TensorFlow's walk."""

TFTWIN = [
    *TF_WALK,
    Planted("TF: tanh in bfloat16", TA.Tanh, "forward", result(in_bfloat16)),
    Planted("TF: tanh off", TA.Tanh, "forward", times(1 + 1e-5)),
    Planted("TF: tanh' = 1 - y", TA.Tanh, "forward", tf_derivative(lambda x: 1 - tf.tanh(x))),
    Planted("TF: hard sigmoid", TA.Sigmoid, "forward",
            instead(lambda self, x: tf.clip_by_value(x / 6 + 0.5, 0, 1)), Sigmoid()),
    Planted("TF: sigmoid' = y", TA.Sigmoid, "forward", tf_derivative(tf.sigmoid), Sigmoid()),
    Planted("TF: relu leaks", TA.Relu, "forward",
            instead(lambda self, x: tf.where(x > 0, x, 0.001 * x)), Relu()),
    Planted("TF: relu' halved", TA.Relu, "forward",
            tf_derivative(lambda x: 0.5 * tf.cast(x > 0, x.dtype)), Relu()),
    Planted("TF: leaky relu's slope", TA.LeakyRelu, "forward",
            instead(lambda self, x: tf.where(x > 0, x, 0.201 * x)), LeakyRelu()),
    Planted("TF: softmax over the batch", TA.Softmax, "forward",
            instead(lambda self, x: tf.nn.softmax(x, axis=0)), loss=SQUARES, output=Softmax()),
    Planted("TF: softmax off", TA.Softmax, "forward", times(1 + 1e-5), loss=SQUARES,
            output=Softmax()),
    Planted("TF: b smaller", TD, "forward", lambda old: lambda self, th, x:
            tf.matmul(x, th[0]) + 0.9 * th[1]),
    Planted("TF: product off", TD, "forward", times(1 + 1e-5)),
    Planted("TF: one unit off", TD, "forward", eager_kernel_off),
    Planted("TF: product in bfloat16", TD, "forward", lambda old: lambda self, th, x:
            old(self, [in_bfloat16(th[0]), *th[1:]], x)),
    Planted("TF: logits doubled", TE.SoftmaxCrossentropy, "value", times(2)),
    Planted("TF: logits' gradient off", TE.SoftmaxCrossentropy, "value", tf_gradient(1.001)),
    Planted("TF: labels smoothed", TE.SoftmaxCrossentropy, "value",
            lambda old: lambda self, y, z: old(self, 0.9 * y + 0.1 / 3, z)),
    Planted("TF: mse a sum", TE.MeanSquaredError, "value",
            instead(lambda self, y, z: tf.reduce_sum(tf.square(y - z))), loss=SQUARES),
    Planted("TF: mse's gradient off", TE.MeanSquaredError, "value", tf_gradient(1.0001),
            loss=SQUARES),
    Planted("TF: asymmetric off", TE.Asymmetric, "value", times(1 + 1e-5), loss=SHOP),
    Planted("TF: crossentropy halved", TE.CategoricalCrossentropy, "value", times(0.5),
            loss=FROM_PROBABILITIES, output=Softmax()),
    Planted("TF: L2 doubled", tf_regularizers.L2, "value", times(2)),
    Planted("TF: L2's gradient doubled", tf_regularizers.L2, "value", tf_gradient(2.0)),
    Planted("TF: adam's gradient scaled", TO.Adam, "rule", tf_with_gradient(lambda g: 1.001 * g)),
    Planted("TF: adam's t one ahead", TO.Adam, "corrections", tf_corrections(lambda t: t + 1)),
    Planted("TF: adam's t capped", TO.Adam, "corrections", tf_corrections(lambda t: min(t, 4))),
    Planted("TF: adam's epsilon", TO.Adam, "rule", tf_other(epsilon=1e-5)),
    Planted("TF: momentum's beta", TO.SGDM, "rule", tf_other(beta=0.89), optimizer=SGDM(0.1)),
    Planted("TF: adagrad's epsilon", TO.Adagrad, "rule", tf_other(epsilon=1e-3),
            optimizer=Adagrad(0.1)),
    Planted("TF: rmsprop's beta", TO.RMSProp, "rule", tf_other(beta=0.91), optimizer=RMSProp(0.1)),
    Planted("TF: sgd's gradient scaled", TO.SGD, "rule", tf_with_gradient(lambda g: g * 1.00001),
            optimizer=SGD(0.1)),
    Planted("TF: rate of the next step", tf_schedules.ExponentialDecay, "__call__",
            lambda old: lambda self, step: old(self, step + 1)),
    Planted("TF: rate off", tf_schedules.ExponentialDecay, "__call__", times(1 + 1e-6)),
]  # fmt: skip
"""On TensorFlow's side, the walk included."""


def named(*names: str) -> tuple[Planted, ...]:
    """Return the faults of these names."""
    by_name = {fault.name: fault for fault in (*REFNN, *TFTWIN)}
    return tuple(by_name[name] for name in names)


BOTH = [
    named("tanh' = 1 - y", "TF: tanh in bfloat16"),
    named("signs flipped", "TF: gradients halved"),
    named("first bias gradient 0", "TF: dW1[0, 0] off by 1e-3"),
    named("tanh off", "TF: product off"),
    named("dense: dx off", "TF: tanh' = 1 - y"),
    named("logits: gradient off", "TF: logits doubled"),
    named("adam: t one ahead", "TF: adam's t capped"),
    named("adam: another epsilon", "TF: adam's gradient scaled"),
    named("L2 doubled", "TF: L2's gradient doubled"),
    named("rate off", "TF: rate of the next step"),
]
"""Different faults on the two sides at once."""
