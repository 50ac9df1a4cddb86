"""One function on both sides."""

import numpy as np
import pytest

from refnn.activations import LeakyRelu, Relu, Sigmoid, Softmax, Tanh
from tests.strategies import FLOATS
from tftwin.counterparts import twin
from tftwin.lockstep import compare_functions
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
    found = compare_functions(
        function.forward,
        lambda x: other.forward(tf.constant(x)).numpy(),
        x,
        bounded=with_kernel(function, x.dtype.name).forward,
    )
    assert found.report.agreed
    assert found.report.elements == found.refnn.size == found.tftwin.size == x.size


@each_dtype
def test_another_function_is_seen(dtype):
    found = compare_functions(Tanh().forward, lambda x: np.tanh(x) * (1 - 1e-4), numbers(dtype))
    assert not found.report.agreed
    assert found.report.divergences[0].stage == "function"


def test_the_bounds_must_be_those_of_the_same_function():
    with pytest.raises(ValueError, match="expected the same function"):
        compare_functions(Tanh().forward, np.tanh, numbers(np.float64), bounded=Relu().forward)
