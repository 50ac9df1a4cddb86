"""The contract on special values: bit-equal, or within the bound, or in the table below.

Every function × {±0, ±∞, NaN, ± least subnormal, ± least normal, ± largest} × {value, gradient} ×
{float32, float64}, and elementwise functions in both of TensorFlow's kernels: on sixteen elements
(the packets of its vector kernel) and on one (its scalar kernel).
"""

import numpy as np
import pytest

from refnn.activations import Identity, LeakyRelu, Relu, Sigmoid, Softmax, Tanh
from refnn.layers import Dense
from refnn.losses import (
    Asymmetric,
    CategoricalCrossentropy,
    MeanSquaredError,
    SoftmaxCrossentropy,
)
from refnn.optimizers import SGD, SGDM, Adagrad, Adam, Nadam, Nesterov, RMSProp
from refnn.regularizers import L2
from tftwin.counterparts import twin
from tftwin.lockstep.roundoff import exact
from tftwin.lockstep.verdict import bits
from tftwin.tensorflow import tf

FLUSHED = "TensorFlow flushes subnormal numbers to zero, in and out"
REASONS = {
    ("Tanh", "value", "subnormal"): FLUSHED,
    ("Relu", "value", "subnormal"): FLUSHED + "; its scalar kernel lets them pass, with their sign",
    ("Relu", "value", "-0"): "TensorFlow's scalar kernel keeps the sign of -0",
    ("Relu", "gradient", "subnormal"): FLUSHED + ": to it, they are not above 0",
    ("LeakyRelu", "value", "subnormal"): FLUSHED,
    ("LeakyRelu", "value", "least normal"): FLUSHED + ": alpha times it is subnormal",
    ("LeakyRelu", "gradient", "subnormal"): FLUSHED + ": to it, they are not above 0",
    ("Softmax", "value", "+inf"): "oneDNN's kernel gives 0 beside a NaN; refnn a row of NaN",
    ("Softmax", "value", "NaN"): "oneDNN's kernel gives 0 beside a NaN; refnn a row of NaN",
    ("Softmax", "gradient", "+inf"): "from its other value",
    ("Softmax", "gradient", "NaN"): "from its other value",
    ("Dense", "gradient", "subnormal"): FLUSHED + ", and the sign of the zero is a matter of order",
    ("Dense", "gradient", "largest"): "terms that overflow to both infinities: a matter of order",
    ("Dense", "gradient", "0"): "the sign of a zero: NumPy's BLAS adds a product of -0 to +0",
}
"""Where the two sides may differ, and why. Nothing else may."""

SPECIAL = ("0", "least subnormal", "least normal", "largest", "inf")


def specials(dtype):
    info = np.finfo(dtype)
    values = (0.0, info.smallest_subnormal, info.tiny, info.max, np.inf)
    signed = {f"+{n}": dtype(v) for n, v in zip(SPECIAL, values, strict=True)}
    signed |= {f"-{n}": dtype(-v) for n, v in zip(SPECIAL, values, strict=True)}
    return signed | {"NaN": dtype(np.nan)}


def explained(function, kind, name):
    return any(
        function == f and kind == k and (name == part or (part[0] not in "+-" and part in name))
        for f, k, part in REASONS
    )


def check(function, kind, name, one, other, bound):
    one, other = np.atleast_1d(one), np.atleast_1d(other)
    assert one.dtype == other.dtype
    equal = (bits(one) == bits(other)) | (np.isnan(one) & np.isnan(other))
    with np.errstate(all="ignore"):
        wide = np.longdouble
        near = np.abs(one.astype(wide) - other.astype(wide)) <= 2 * np.atleast_1d(bound)
    finite = np.isfinite(one) & np.isfinite(other) & np.isfinite(np.atleast_1d(bound))
    nonzero = (one != 0) | (other != 0)  # the sign of a zero is no matter of a bound
    if not np.all(equal | (near & finite & nonzero)):
        assert explained(function, kind, name), (function, kind, name, one, other)


def graded(function, x, dy):
    """TensorFlow's value and gradient, by its tape."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return y.numpy(), tape.gradient(y, x, output_gradients=dy).numpy()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [16, 1], ids=["vector", "scalar"])
@pytest.mark.parametrize(
    "function",
    [Identity(), Sigmoid(), Tanh(), Relu(), LeakyRelu(), Softmax()],
    ids=lambda f: type(f).__name__,
)
def test_activations(function, size, dtype):
    label = type(function).__name__
    for name, value in specials(dtype).items():
        x = np.full((1, size), value)
        if isinstance(function, Softmax):
            x = np.concatenate([x, np.zeros((1, 1), dtype)], axis=1)
        dy = np.linspace(-1.5, 2, x.size).astype(dtype).reshape(x.shape)
        with np.errstate(all="ignore"):
            y = function.forward(x)
            dx = function.backward(dy, x, y)
            bounded = function.forward(exact(x))
            slope = function.backward(exact(dy), exact(x), bounded)
        tf_y, tf_dx = graded(twin(function).forward, x, dy)
        check(label, "value", name, y, tf_y, bounded.bound)
        check(label, "gradient", name, dx, tf_dx, slope.bound)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "loss",
    [MeanSquaredError(), Asymmetric(2.0, 3.0), CategoricalCrossentropy(), SoftmaxCrossentropy()],
    ids=lambda loss: type(loss).__name__,
)
def test_losses(loss, dtype):
    label, y = type(loss).__name__, np.array([[0.25, 0.75]], dtype)
    for name, value in specials(dtype).items():
        p = np.array([[value, 1.0]], dtype)
        with np.errstate(all="ignore"):
            one, gradient = np.asarray(loss.value(y, p)), loss.gradient(y, p)
            bounded, slope = loss.value(y, exact(p)), loss.gradient(y, exact(p))
        other, tf_gradient = graded(
            lambda q: twin(loss).value(tf.constant(y), q), p, tf.ones((), dtype)
        )
        check(label, "value", name, one, other, bounded.bound)
        check(label, "gradient", name, gradient, tf_gradient, slope.bound)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [16, 1])
@pytest.mark.parametrize("where", ["x", "W", "b"])
def test_dense(where, rows, dtype):
    """The value in x, in W or in b; the gradients by all three."""
    layer = Dense(2, 3)
    for name, value in specials(dtype).items():
        x, W, b = np.full((rows, 2), dtype(0.5)), np.full((2, 3), dtype(0.25)), np.zeros(3, dtype)
        {"x": x, "W": W, "b": b}[where][..., 0] = value
        dy = np.linspace(-1.5, 2, rows * 3).astype(dtype).reshape(rows, 3)
        theta = np.concatenate([W.ravel(), b])
        with np.errstate(all="ignore"):
            y = layer.forward(theta, x)
            sides = [*layer.parameter_gradients(x, dy), layer.input_gradient(theta, x, y, dy)]
            wide = exact(theta), exact(x), exact(dy)
            bounded = layer.forward(*wide[:2])
            bounds = [
                *layer.parameter_gradients(wide[1], wide[2]),
                layer.input_gradient(wide[0], wide[1], bounded, wide[2]),
            ]
        tensors = [tf.constant(a) for a in (W, b, x)]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            tf_y = twin(layer).forward(tensors[:2], tensors[2])
        gradients = tape.gradient(tf_y, tensors, output_gradients=dy)
        check("Dense", "value", name, y, tf_y.numpy(), bounded.bound)
        for one, other, bound in zip(sides, gradients, bounds, strict=True):
            check("Dense", "gradient", name, one, other.numpy(), bound.bound)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_l2(dtype):
    for name, value in specials(dtype).items():
        W = np.full((2, 2), value)
        with np.errstate(all="ignore"):
            one = np.asarray(L2(0.3).value([W]))
            bounded = L2(0.3).value([exact(W)])
            slope = L2(0.3).gradient(exact(W))
            gradient = L2(0.3).gradient(W)
        other, tf_gradient = graded(lambda w: twin(L2(0.3)).value([w]), W, tf.ones((), dtype))
        check("L2", "value", name, one, other, bounded.bound)
        check("L2", "gradient", name, gradient, tf_gradient, slope.bound)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [16, 1], ids=["vector", "scalar"])
@pytest.mark.parametrize(
    "optimizer",
    [SGD(0.1), SGDM(0.1), Nesterov(0.1), Adagrad(0.1), RMSProp(0.1), Adam(0.1), Nadam(0.1)],
    ids=lambda o: type(o).__name__,
)
def test_rules_on_special_gradients(optimizer, size, dtype):
    label, mirror = type(optimizer).__name__, twin(optimizer)
    for name, value in specials(dtype).items():
        w, g = np.full(size, dtype(0.5)), np.full(size, value)
        slots = tuple(np.full(size, dtype(0.25)) for _ in optimizer.slot_names)
        with np.errstate(all="ignore"):
            new, new_slots = optimizer.rule(w, g, slots, 3, 0.1)
            limit, limits = optimizer.rule(
                exact(w, 0.0), exact(g, 0.0), tuple(exact(s, 0.0) for s in slots), 3, 0.1
            )
        variable, variables = tf.Variable(w), tuple(map(tf.Variable, slots))
        scalars = [tf.constant(s, dtype) for s in (0.1, *mirror.corrections(3))]
        mirror.rule(variable, tf.constant(g), variables, *scalars)
        for one, other, bound in zip(
            (new, *new_slots), (variable, *variables), (limit, *limits), strict=True
        ):
            check(label, "rule", name, one, other.numpy(), bound.bound)


def test_a_cell_without_a_reason_is_refused():
    with pytest.raises(AssertionError, match="Sigmoid"):
        check("Sigmoid", "value", "+inf", np.array([1.0]), np.array([0.0]), np.array([0.0]))
    with pytest.raises(AssertionError, match="Relu"):
        check("Relu", "value", "+0", np.array([0.0]), np.array([-0.0]), np.array([1.0]))
