"""What must have the same bits on both sides, for every length, and the named exceptions.

TensorFlow computes the elements of an array in packets of 4 to 16 and the rest one by one, and the
two ways may round differently: hence every length from 1 to 1031.
"""

import numpy as np
import pytest

from refnn.activations import LeakyRelu, Relu, Sigmoid, Tanh
from refnn.optimizers import BLOCK, SGD, SGDM, Adagrad, Adam, RMSProp, update
from refnn.schedules import ExponentialDecay
from tests.strategies import gradients
from tftwin import activations as tf_activations
from tftwin.lockstep.roundoff import exact
from tftwin.lockstep.verdict import Row, judge
from tftwin.tensorflow import tf
from tftwin.twin import twin

LENGTHS = range(1, 1032)
SOME_LENGTHS = [*range(1, 68), 127, 128, 129, *range(1000, 1032)]
RULES = [
    SGD(0.1),
    SGDM(0.1, 0.9),
    Adagrad(0.1, 1e-7),
    RMSProp(0.01, 0.9, 1e-7),
    Adam(0.01, 0.9, 0.999, 1e-7),
]
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_rule = pytest.mark.parametrize("optimizer", RULES, ids=lambda o: type(o).__name__)


def bits(a):
    return np.ascontiguousarray(a).view(f"u{a.dtype.itemsize}")


def assert_same_bits(one, other, what=""):
    assert one.dtype == other.dtype
    assert one.shape == other.shape
    assert one.size > 0
    differ = np.flatnonzero(bits(one) != bits(other))
    assert differ.size == 0, (
        f"{what}: {differ.size} of {one.size} differ, the first at {differ[0]}: "
        f"{one.flat[differ[0]]!r} and {other.flat[differ[0]]!r}"
    )


def state(rng, optimizer, size, dtype):
    """Parameters, a gradient, and slots from the middle of a run."""
    w, g, *slots = (
        gradients(rng, size).astype(dtype) for _ in range(2 + len(optimizer.slot_names))
    )
    for name, slot in zip(optimizer.slot_names, slots, strict=True):
        if name == "v":
            np.square(slot, out=slot)
    return w, g, tuple(slots)


def no_product_is_subnormal(optimizer, g, slots):
    tiny = np.finfo(g.dtype).tiny
    betas = [getattr(optimizer, name, 0.0) for name in ("beta", "beta_1", "beta_2")]
    factors = [f for b in betas for f in (b, 1 - b) if f]
    factors.append(optimizer.learning_rate)
    vectors = [np.abs(g), np.square(g), *map(np.abs, slots)]
    return all(np.all((f * v == 0) | (f * v >= tiny)) for f in [1.0, *factors] for v in vectors)


class Graph:
    """tftwin's rule inside one graph, on variables of any length."""

    def __init__(self, optimizer, dtype):
        self.rule, names = twin(optimizer), optimizer.slot_names
        self.variables = [
            tf.Variable(tf.zeros(1, dtype), shape=tf.TensorShape(None)) for _ in ("w", *names)
        ]
        self.every_length = tf.function(self._every_length)
        self.many_steps = tf.function(self._many_steps)

    def _update(self, g, scalars):
        self.rule.rule(self.variables[0], g, tuple(self.variables[1:]), *scalars)

    def _every_length(self, stops, g, vectors, scalars):
        count = tf.shape(stops)[0] - 1
        results = [tf.TensorArray(g.dtype, count, infer_shape=False) for _ in self.variables]
        for i in tf.range(count):
            a, b = stops[i], stops[i + 1]
            for variable, vector in zip(self.variables, vectors, strict=True):
                variable.assign(vector[a:b])
            self._update(g[a:b], scalars)
            results = [r.write(i, v) for r, v in zip(results, self.variables, strict=True)]
        return [r.concat() for r in results]

    def _many_steps(self, gs, scalars, look):
        count = tf.shape(gs)[0]
        results = [tf.TensorArray(gs.dtype, count // look) for _ in self.variables]
        for i in tf.range(count):
            self._update(gs[i], [s[i] for s in scalars])
            if (i + 1) % look == 0:
                place = (i + 1) // look - 1
                results = [r.write(place, v) for r, v in zip(results, self.variables, strict=True)]
        return [r.stack() for r in results]


# The five rules ----------------------------------------------------------------------------------


@each_dtype
@each_rule
def test_a_rule_has_the_same_bits_for_every_length(optimizer, dtype):
    stops = np.concatenate([[0], np.cumsum(LENGTHS)])
    w, g, slots = state(np.random.default_rng(1), optimizer, stops[-1], dtype)
    assert no_product_is_subnormal(optimizer, g, slots)
    for t in (1, 2, 1000):
        scalars = [
            tf.constant(s, dtype)
            for s in (optimizer.learning_rate, *twin(optimizer).corrections(t))
        ]
        results = Graph(optimizer, dtype).every_length(
            tf.constant(stops), tf.constant(g), [tf.constant(v) for v in (w, *slots)], scalars
        )
        parts = []
        for a, b in zip(stops, stops[1:], strict=False):
            w_new, slots_new = optimizer.rule(
                w[a:b], g[a:b], tuple(s[a:b] for s in slots), t, optimizer.learning_rate
            )
            parts.append((w_new, *slots_new))
        for name, tensor, *arrays in zip(
            ("w", *optimizer.slot_names), results, *parts, strict=True
        ):
            assert_same_bits(np.concatenate(arrays), tensor.numpy(), f"{name} at t = {t}")


@each_dtype
@each_rule
def test_a_rule_has_the_same_bits_eagerly(optimizer, dtype):
    rng = np.random.default_rng(2)
    for n in [*range(1, 34), 1031]:
        w, g, slots = state(rng, optimizer, n, dtype)
        variables = [tf.Variable(v) for v in (w, *slots)]
        mirror, rate = twin(optimizer), optimizer.learning_rate
        scalars = [tf.constant(s, dtype) for s in (rate, *mirror.corrections(3))]
        mirror.rule(variables[0], tf.constant(g), tuple(variables[1:]), *scalars)
        w_new, slots_new = optimizer.rule(w, g, slots, 3, rate)
        for one, other in zip((w_new, *slots_new), variables, strict=True):
            assert_same_bits(one, other.numpy(), f"length {n}")


@each_dtype
@each_rule
def test_a_rule_has_the_same_bits_after_10000_steps(optimizer, dtype):
    steps, n, look = 10_000, 19, 500
    rng = np.random.default_rng(3)
    decaying = ExponentialDecay(0.1, 0.999, 10)
    w, _, slots = state(rng, optimizer, n, dtype)
    gs = gradients(rng, (steps, n)).astype(dtype)
    graph = Graph(optimizer, dtype)
    for variable, vector in zip(graph.variables, (w, *slots), strict=True):
        variable.assign(vector)
    scalars = [(decaying(i), *graph.rule.corrections(i + 1)) for i in range(steps)]
    columns = [tf.constant(np.array(c, dtype)) for c in zip(*scalars, strict=True)]
    results = [r.numpy() for r in graph.many_steps(tf.constant(gs), columns, look)]
    for i, g in enumerate(gs):
        assert no_product_is_subnormal(optimizer, g, slots)
        w, slots = optimizer.rule(w, g, slots, i + 1, decaying(i))
        if (i + 1) % look == 0:
            for name, one, other in zip(
                ("w", *optimizer.slot_names), (w, *slots), results, strict=True
            ):
                assert_same_bits(one, other[(i + 1) // look - 1], f"{name} after {i + 1} steps")


@each_dtype
@each_rule
def test_blocks_change_no_bit(optimizer, dtype):
    rng = np.random.default_rng(4)
    for n in (BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 5):
        w, g, slots = state(rng, optimizer, n, dtype)
        one, one_slots = optimizer.rule(w, g, slots, 5, 0.1)
        other, other_slots = update(optimizer, w, g, slots, 5, 0.1)
        for a, b in zip((one, *one_slots), (other, *other_slots), strict=True):
            assert_same_bits(a, b, f"length {n}")


# Where a product is subnormal --------------------------------------------------------------------


def both(optimizer, w, g, slots, t=1):
    """The rule on both sides: (w, *slots) of refnn, and of tftwin."""
    dtype, mirror, rate = w.dtype, twin(optimizer), optimizer.learning_rate
    variables = [tf.Variable(v) for v in (w, *slots)]
    scalars = [tf.constant(s, dtype) for s in (rate, *mirror.corrections(t))]
    mirror.rule(variables[0], tf.constant(g), tuple(variables[1:]), *scalars)
    with np.errstate(all="ignore"):
        w_new, slots_new = optimizer.rule(w, g, slots, t, rate)
    return (w_new, *slots_new), tuple(v.numpy() for v in variables)


@each_dtype
@pytest.mark.parametrize("n", [1, 3, 8, 17, 64])
def test_tensorflow_flushes_a_subnormal_product_to_zero(n, dtype):
    """A unit has died: its gradient is 0, and v decays until it is subnormal."""
    tiny = np.finfo(dtype).tiny
    w, g, v = np.ones(n, dtype), np.zeros(n, dtype), np.full(n, tiny)
    (w1, v1), (w2, v2) = both(RMSProp(0.1, beta=0.5), w, g, (v,))
    assert_same_bits(v1, np.full(n, tiny / 2))  # NumPy keeps the subnormal number
    assert_same_bits(v2, np.zeros(n, dtype))  # TensorFlow does not
    assert_same_bits(w1, w2)  # with ε nothing comes of it
    (w1, v1), (w2, v2) = both(RMSProp(0.1, beta=0.5, epsilon=0.0), w, g, (v,))
    assert_same_bits(w1, w)
    assert np.all(np.isnan(w2))  # without, 0/0


@each_dtype
@pytest.mark.parametrize("n", [1, 3, 8, 17, 64])
def test_a_square_that_underflows_is_flushed_too(n, dtype):
    small = dtype(np.sqrt(np.finfo(dtype).tiny) / 4)
    w, g, v = np.ones(n, dtype), np.full(n, small), np.zeros(n, dtype)
    (w1, v1), (w2, v2) = both(Adagrad(0.1, epsilon=0.0), w, g, (v,))
    assert np.all((v1 > 0) & (v1 < np.finfo(dtype).tiny))
    assert_same_bits(v2, np.zeros(n, dtype))
    assert np.all(np.abs(w1 - dtype(0.9)) < dtype(0.01))  # NumPy: a step of the rate, as it must be
    assert np.all(w2 == -np.inf)  # TensorFlow: lr g / 0


@each_dtype
@each_rule
def test_the_bound_of_a_rule_is_exactly_the_flush(optimizer, dtype):
    """Held against a bound without roundings, both sides agree near and below the least normal."""
    rng = np.random.default_rng(5)
    w, _, slots = state(rng, optimizer, 1031, dtype)
    tiny = np.finfo(dtype).tiny
    g = (tiny * 10.0 ** rng.uniform(-5, 30, 1031) * rng.choice([-1, 1], 1031)).astype(dtype)
    slots = tuple(s * (rng.random(1031) < 0.5) * dtype(tiny ** rng.uniform(0, 1)) for s in slots)
    slots = tuple(s.astype(dtype) for s in slots)
    one, other = both(optimizer, w, g, slots, 2)
    bounded_w, bounded_slots = optimizer.rule(
        exact(w, 0.0),
        exact(g, 0.0),
        tuple(exact(s, 0.0) for s in slots),
        2,
        optimizer.learning_rate,
    )
    differ = 0
    for a, b, bounded in zip(one, other, (bounded_w, *bounded_slots), strict=True):
        assert_same_bits(a, bounded.value)
        row = Row("rule update", "w")
        assert judge(row, 1, a, b, bounded.bound) == []
        differ += row.within
    assert differ > 0


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
