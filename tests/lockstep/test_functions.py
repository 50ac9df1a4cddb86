"""One function on both sides."""

import math

import numpy as np
import pytest

from refnn.activations import LeakyRelu, Relu, Selu, Sigmoid, Softmax, Tanh
from tests.helpers import refused
from tests.strategies import FLOATS
from tftwin.counterparts import twin
from tftwin.lockstep import compare_function
from tftwin.lockstep.bounds import with_kernel
from tftwin.tensorflow import tf

each_dtype = pytest.mark.parametrize("dtype", FLOATS)


def numbers(dtype):
    return np.linspace(-9, 9, 301).astype(dtype).reshape(7, 43)


@each_dtype
@pytest.mark.parametrize(
    "function", [Sigmoid(), Tanh(), Relu(), LeakyRelu(), Softmax()], ids=lambda f: type(f).__name__
)
def test_an_activation_agrees_within_the_bound_of_its_kernel(function, dtype):
    x, other = numbers(dtype), twin(function)
    wide = with_kernel(function, x.dtype.name).forward
    for bounded in (None, wide):
        found = compare_function(function.forward, other.forward, x, bounded=bounded)
        assert found.agreed, found
        assert found.report.elements == found.ours.size == found.theirs.size == x.size


@each_dtype
def test_another_function_is_seen(dtype):
    found = compare_function(Tanh().forward, lambda x: tf.tanh(x) * (1 - 1e-4), numbers(dtype))
    assert not found.agreed
    assert found.report.divergences[0].stage == "function"
    assert str(found).startswith("DIVERGED: ")


def softplus(x):
    """As in the README."""
    return np.maximum(x, 0) + np.log(1 + np.exp(-np.abs(x)))


def elu(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def log_softmax(x):
    z = x - x.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def swish(x):
    return x * Sigmoid().forward(x)


CLASSES = np.arange(7) % 43


def crossentropy(x):
    return -(log_softmax(x) * np.eye(43, dtype=x.dtype)[CLASSES]).sum(axis=-1)


SIGMOID = Sigmoid().forward
PAIRS = {  # ours, theirs, our derivative, a wrong one
    "softplus": (softplus, tf.nn.softplus, SIGMOID, lambda x: SIGMOID(x) * 1.001),
    "elu": (elu, tf.nn.elu, lambda x: np.where(x > 0, np.ones_like(x), np.exp(np.minimum(x, 0))),
            lambda x: np.where(x > 0, np.ones_like(x), elu(x))),
    "selu": (Selu().forward, tf.nn.selu, None, None),
    "softmax": (Softmax().forward, tf.nn.softmax, None, None),
    "log_softmax": (log_softmax, tf.nn.log_softmax, None, None),
    "swish": (swish, lambda x: x * tf.sigmoid(x),
              lambda x: SIGMOID(x) * (1 + x * (1 - SIGMOID(x))), SIGMOID),
    "square of tanh": (lambda x: np.tanh(x) ** 2, lambda x: tf.tanh(x) ** 2,
                       lambda x: 2 * np.tanh(x) * (1 - np.tanh(x) ** 2),
                       lambda x: 2 * np.tanh(x)),
    "mean of absolute values": (lambda x: np.mean(np.abs(x)), lambda x: tf.reduce_mean(tf.abs(x)),
                                lambda x: np.sign(x) / x.size, np.sign),
    "classes": (crossentropy,
                lambda x: tf.nn.sparse_softmax_cross_entropy_with_logits(CLASSES, x),
                lambda x: Softmax().forward(x) - np.eye(43, dtype=x.dtype)[CLASSES],
                Softmax().forward),
    "yes or no": (lambda x: np.maximum(x, 0) - x * 0.25 + np.log1p(np.exp(-np.abs(x))),
                  lambda x: tf.nn.sigmoid_cross_entropy_with_logits(0.25 * tf.ones_like(x), x),
                  lambda x: SIGMOID(x) - 0.25, SIGMOID),
}  # fmt: skip


@each_dtype
@pytest.mark.parametrize("name", PAIRS)
def test_a_function_of_your_own_agrees_beside_tensorflows_kernel(name, dtype):
    ours, theirs, derivative, wrong = PAIRS[name]
    x = 4 * numbers(dtype)
    found = compare_function(ours, theirs, x, derivative=derivative)
    assert found.agreed, found
    assert str(found).startswith("Agreed: value")
    assert not found.report.unbounded
    off = compare_function(lambda x: ours(x) * 1.001, theirs, x)
    assert str(off).startswith("DIVERGED: step 1, stage function, value")
    if wrong is not None:
        off = compare_function(ours, theirs, x, derivative=wrong)
        assert str(off).startswith("DIVERGED: step 1, stage function, derivative")


@each_dtype
def test_a_kernel_that_nobody_measured_is_said_and_not_blamed(dtype):
    found = compare_function(lambda x: x * x, tf.math.lgamma, numbers(dtype))
    assert not found.agreed
    assert not found.report.divergences
    assert str(found).startswith("Not judged: ")
    assert "by Lgamma, of which no error was measured" in str(found)


def test_what_has_no_bound_says_what_to_write():
    def ours(x):
        return np.array([math.erf(v) for v in x]) if isinstance(x, np.ndarray) else math.erf(x)

    with refused("have no derived bound; write NumPy's", error=TypeError):
        compare_function(ours, tf.math.erf, np.linspace(-1, 1, 5))
    with refused("theirs does not depend on the last array", error=TypeError):
        compare_function(np.exp, lambda x: tf.exp(tf.zeros(5, x.dtype)), np.zeros(5),
                         derivative=np.exp)  # fmt: skip


def test_the_bounds_must_be_those_of_the_same_function():
    with pytest.raises(ValueError, match="expected the same function"):
        compare_function(Tanh().forward, tf.tanh, numbers(np.float64), bounded=Relu().forward)
