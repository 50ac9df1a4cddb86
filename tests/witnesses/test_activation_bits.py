"""Relu, leaky relu, bias add, σ' and tanh' from y have the same bits on both sides.

The named exceptions follow. As for the rules, every length counts: TensorFlow computes packets and
the rest in two ways.
"""

import numpy as np
import pytest

from refnn.activations import LeakyRelu, Relu, Sigmoid, Tanh
from tests.helpers import assert_same_bits
from tests.strategies import gradients
from tftwin import activations as tf_activations
from tftwin.counterparts import twin
from tftwin.tensorflow import tf

LENGTHS = range(1, 1032)
SOME_LENGTHS = [*range(1, 68), 127, 128, 129, *range(1000, 1032)]
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


# Activations -------------------------------------------------------------------------------------


def inputs(rng, n, dtype):
    """Ordinary numbers, exact zeros, ties on a grid, saturation; no subnormal product."""
    x = rng.standard_normal(n) * rng.choice([1e-4, 1.0, 10.0], n)
    x = np.where(rng.random(n) < 0.2, rng.integers(-16, 17, n) / 8, x)
    return np.clip(x, -60, 60).astype(dtype) + dtype(0)  # −0.0 + 0 is +0.0


def upstream(rng, n, dtype):
    return gradients(rng, n).astype(dtype) + dtype(0)


def through_the_tape(function, x, dy):
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        y = twin(function).forward(tensor)
    return y.numpy(), tape.gradient(y, tensor, output_gradients=tf.constant(dy)).numpy()


@each_dtype
@pytest.mark.parametrize(
    "function", [Relu(), LeakyRelu(), LeakyRelu(0.25), LeakyRelu(1.5)], ids=str
)
def test_relu_and_leaky_relu_have_the_same_bits(function, dtype):
    rng = np.random.default_rng(6)
    kinks = 0
    for n in SOME_LENGTHS:
        x, dy = inputs(rng, n, dtype), upstream(rng, n, dtype)
        y, dx = through_the_tape(function, x, dy)
        kinks += np.count_nonzero(x == 0)
        assert_same_bits(function.forward(x), y, f"value, length {n}")
        mine = function.backward(dy, x, y)
        assert_same_bits(mine + dtype(0), dx + dtype(0), f"derivative, length {n}")
    assert kinks > 0


@each_dtype
def test_tanhs_derivative_from_the_same_output_has_the_same_bits(dtype):
    rng = np.random.default_rng(7)
    for n in SOME_LENGTHS:
        x, dy = inputs(rng, n, dtype), upstream(rng, n, dtype)
        y, dx = through_the_tape(Tanh(), x, dy)
        assert_same_bits(Tanh().backward(dy, x, y), dx, f"length {n}")


@each_dtype
def test_sigmoids_derivative_from_the_same_output_has_the_same_bits(dtype):
    """σ' itself at every place; dy · (y (1 − y)) in the packets.

    A named exception: TensorFlow's rest of an array, too short for a packet, is computed as
    (dy · y)(1 − y), which has other bits.
    """
    rng = np.random.default_rng(7)
    other_order = 0
    for n in SOME_LENGTHS:
        x, dy = inputs(rng, n, dtype), upstream(rng, n, dtype)
        y, dx = through_the_tape(Sigmoid(), x, np.ones(n, dtype))
        assert_same_bits(Sigmoid().backward(np.ones(n, dtype), x, y), dx, f"length {n}")
        y, dx = through_the_tape(Sigmoid(), x, dy)
        packets = n - n % (32 // dx.itemsize)
        mine = Sigmoid().backward(dy, x, y)
        rest = (dy * y) * (1 - y)
        assert_same_bits(np.append(mine[:packets], rest[packets:]), dx, f"length {n}")
        other_order += np.count_nonzero(mine != dx)
    assert other_order > 0


@each_dtype
def test_bias_add_and_square_have_the_same_bits(dtype):
    rng = np.random.default_rng(8)
    for n in SOME_LENGTHS:
        z = rng.standard_normal((3, n)).astype(dtype)
        b = (rng.choice([1e-4, 1.0, 1e4], n) * rng.standard_normal(n)).astype(dtype)
        assert_same_bits(z + b, (tf.constant(z) + tf.constant(b)).numpy(), f"bias, width {n}")
        assert_same_bits(np.square(b), tf.square(tf.constant(b)).numpy(), f"square, length {n}")


# The named exceptions ----------------------------------------------------------------------------


@each_dtype
def test_exception_relu_of_minus_zero(dtype):
    """NumPy: +0.0 everywhere. TensorFlow: +0.0 in a packet, −0.0 in the rest."""
    signs = []
    for n in range(1, 40):
        x = np.full(n, -0.0, dtype)
        mine, other = Relu().forward(x), tf.nn.relu(tf.constant(x)).numpy()
        assert_same_bits(mine, np.zeros(n, dtype))
        assert np.all(other == 0)
        signs.append(np.signbit(other))
    signs = np.concatenate(signs)
    assert signs.any()
    assert not signs.all()


@each_dtype
@pytest.mark.parametrize("function", [Relu(), LeakyRelu(0.25)], ids=str)
def test_exception_subnormal_numbers(function, dtype):
    """NumPy computes with them; TensorFlow takes them as 0, or (relu) lets them through."""
    tiny, least = np.finfo(dtype).tiny, np.finfo(dtype).smallest_subnormal
    different = 0
    for n in range(1, 40):
        for number in (least, -least, tiny / 2, -tiny / 2):
            x = np.full(n, number, dtype)
            mine = function.forward(x)
            other = twin(function).forward(tf.constant(x)).numpy()
            assert np.all((mine == number) if number > 0 else (np.abs(mine) < tiny))
            assert np.all((other == 0) | (other == number))
            different += np.count_nonzero(mine != other)
    assert different > 0


def test_exception_tensorflows_own_leaky_relu_keeps_alpha_in_float32():
    x = np.array([-1 / 3, -1.0, 2.0])
    own = tf.nn.leaky_relu(tf.constant(x), alpha=0.2).numpy()
    assert_same_bits(own, LeakyRelu(float(np.float32(0.2))).forward(x))
    mine = LeakyRelu(0.2).forward(x)
    assert_same_bits(tf_activations.LeakyRelu(0.2).forward(tf.constant(x)).numpy(), mine)
    off = (own - mine) / mine
    assert np.all(np.round(off * 1e10) == [149, 149, 0])  # 1.49e-8: 67 million ulp
    for alpha in (0.25, 0.5, 0.125):  # which float32 holds exactly
        own = tf.nn.leaky_relu(tf.constant(x), alpha=alpha).numpy()
        assert_same_bits(own, LeakyRelu(alpha).forward(x))
    single = x.astype(np.float32)
    own = tf.nn.leaky_relu(tf.constant(single), alpha=0.2).numpy()
    assert_same_bits(own, LeakyRelu(0.2).forward(single))
