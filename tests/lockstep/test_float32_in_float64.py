"""A relative error of 1e-7 in one unit of a float32 step: below float32's rounding, and seen.

The layers of both sides compute once more in float64, from the same numbers. What float32 hides,
stands there nine digits above the rounding.
"""

import numpy as np
import pytest

from refnn import activations, layers, losses, regularizers
from refnn.activations import Elu, Identity, LeakyRelu, Relu, Selu, Sigmoid, Softmax, Softplus, Tanh
from refnn.losses import (
    Asymmetric,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
    SigmoidCrossentropy,
    SoftmaxCrossentropy,
)
from refnn.network import multilayer
from refnn.optimizers import SGD
from refnn.training import Model
from tests.lockstep.compare import compare
from tests.lockstep.planted import Planted, both_parts, result, run, same, tf_gradient, times
from tests.strategies import Case, last_of
from tftwin import activations as tf_activations
from tftwin import layers as tf_layers
from tftwin import losses as tf_losses
from tftwin import regularizers as tf_regularizers
from tftwin.lockstep.report import verdict
from tftwin.tensorflow import tf

SMALL = 1e-7
SIZES = [6, 8, 5, 3]
FUNCTIONS = [
    Identity(), Sigmoid(), Tanh(), Relu(), LeakyRelu(0.25), Softmax(), Elu(), Selu(), Softplus(),
]  # fmt: skip
LOSSES = [
    MeanSquaredError(), Asymmetric(1, 9), SoftmaxCrossentropy(), CategoricalCrossentropy(),
    MeanAbsoluteError(), SigmoidCrossentropy(), BinaryCrossentropy(),
]  # fmt: skip


def off(a):
    """The last unit of an array is off by 1e-7 of itself."""
    factors = np.ones(a.shape[-1])
    factors[-1] += SMALL
    return a * factors.astype(getattr(a.dtype, "as_numpy_dtype", a.dtype))


def off_in_list(place):
    return lambda g: [off(a) if i == place else a for i, a in enumerate(g)]


@tf.custom_gradient
def with_gradient_off(x):
    return tf.identity(x), off


def tf_backward(old):
    """An activation whose derivative is off; its value is not."""
    return lambda self, x: old(self, with_gradient_off(x))


def tf_dense_backward(which):
    """The derivative by x (0), W (1) or b (2) is off."""

    def make(old):
        def forward(self, theta, x):
            arguments = [x, *theta]
            arguments[which] = with_gradient_off(arguments[which])
            return old(self, arguments[1:], arguments[0])

        return forward

    return make


def output_of(loss):
    return last_of(loss)


def of_the_layers():
    D, TD = layers.Dense, tf_layers.Dense
    yield "forward", Planted("dense", D, "forward", result(off))
    yield "backward", Planted("dense dx", D, "input_gradient", result(off))
    yield "gradient", Planted("dense dW", D, "parameter_gradients", result(off_in_list(0)))
    yield "gradient", Planted("dense db", D, "parameter_gradients", result(off_in_list(1)))
    yield "forward", Planted("TF: dense", TD, "forward", result(off))
    yield "backward", Planted("TF: dense dx", TD, "forward", tf_dense_backward(0))
    yield "gradient", Planted("TF: dense dW", TD, "forward", tf_dense_backward(1))
    yield "gradient", Planted("TF: dense db", TD, "forward", tf_dense_backward(2))
    for f in FUNCTIONS:
        name = type(f).__name__
        ours, theirs = getattr(activations, name), getattr(tf_activations, name)
        yield "forward", Planted(name, ours, "forward", result(off), f)
        yield "backward", Planted(f"{name}'", ours, "backward", result(off), f)
        yield "forward", Planted(f"TF: {name}", theirs, "forward", result(off), f)
        yield "backward", Planted(f"TF: {name}'", theirs, "forward", tf_backward, f)


def of_the_losses():
    scaled = times(1 + SMALL)
    for loss in LOSSES:
        name, rest = type(loss).__name__, {"loss": loss, "output": output_of(loss)}
        ours, theirs = getattr(losses, name), getattr(tf_losses, name)
        if hasattr(loss, "value_and_gradient"):
            value = "value_and_gradient", both_parts(lambda v: v * (1 + SMALL), same)
            gradient = "value_and_gradient", both_parts(same, off)
        else:
            value, gradient = ("value", scaled), ("gradient", result(off))
        yield "loss", Planted(name, ours, *value, **rest)
        yield "backward", Planted(f"{name}'", ours, *gradient, **rest)
        yield "loss", Planted(f"TF: {name}", theirs, "value", scaled, **rest)
        yield "backward", Planted(f"TF: {name}'", theirs, "value", tf_gradient(1 + SMALL), **rest)
    for side, owner in (("", regularizers.L2), ("TF: ", tf_regularizers.L2)):
        yield "loss", Planted(f"{side}L2", owner, "value", scaled)
    yield "gradient", Planted("L2'", regularizers.L2, "gradient", result(off))
    yield "gradient", Planted("TF: L2'", tf_regularizers.L2, "value", tf_gradient(1 + SMALL))


@pytest.mark.parametrize(
    ("part", "fault"),
    [*of_the_layers(), *of_the_losses()],
    ids=lambda a: getattr(a, "name", ""),
)
def test_an_error_of_1e_7_in_one_unit_is_seen(part, fault):
    side = "tftwin" if fault.name.startswith("TF") else "refnn"
    report = run(fault, dtype=np.float32, sizes=SIZES, steps=1)
    seen = {d.stage: d for d in reversed(report.divergences)}
    assert f"float64 {part}" in seen
    assert seen[f"float64 {part}"].wrong == side
    assert {d.wrong for d in report.divergences} <= {side, ""}


class OneDtype:
    """A function of the user's own that knows float32 alone."""

    def forward(self, x):
        if x.dtype != np.float32:
            raise TypeError("float32 alone")
        return x * 0.5

    def backward(self, dy, x, y):
        return dy * 0.5

    def tensorflow(self, x):
        return x * 0.5


def test_what_knows_one_dtype_alone_is_left_out_and_that_is_said():
    rng = np.random.default_rng(0)
    model = Model(multilayer([4, 5, 3], OneDtype()), MeanSquaredError(), SGD(0.1))
    x, y = (rng.standard_normal((6, n)).astype(np.float32) for n in (4, 3))
    report = compare(Case(model, model.initial_state(rng), [(x, y)] * 2))
    assert report.agreed
    assert report.left_out == "the layers in float64: TypeError"
    assert report.left_out in verdict(report)
    assert not any(row.stage.startswith("float64") for row in report.rows)


def test_refnn_s_own_function_must_know_float64(monkeypatch):
    def float32_alone(self, x):
        if x.dtype != np.float32:
            raise TypeError("float32 alone")
        return np.tanh(x)

    fault = Planted("", activations.Tanh, "forward", lambda old: float32_alone)
    with pytest.raises(TypeError, match="float32 alone"):
        run(fault, dtype=np.float32, sizes=SIZES, steps=1)
