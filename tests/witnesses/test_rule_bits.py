"""The seven rules have the same bits on both sides, for every length, and after 10 000 steps.

TensorFlow computes the elements of an array in packets of 4 to 16 and the rest one by one, and the
two ways may round differently: hence every length from 1 to 1031.
"""

import numpy as np
import pytest

from refnn.optimizers import SGD, SGDM, Adagrad, Adam, Nadam, Nesterov, RMSProp
from refnn.schedules import ExponentialDecay
from tests.helpers import assert_same_bits
from tests.strategies import gradients
from tftwin.counterparts import twin
from tftwin.lockstep.roundoff import exact
from tftwin.lockstep.verdict import Row, judge
from tftwin.tensorflow import tf

LENGTHS = range(1, 1032)
SOME_LENGTHS = [*range(1, 68), 127, 128, 129, *range(1000, 1032)]
RULES = [
    SGD(0.1),
    SGDM(0.1, 0.9),
    Nesterov(0.1, 0.9),
    Adagrad(0.1, 1e-7),
    RMSProp(0.01, 0.9, 1e-7),
    Adam(0.01, 0.9, 0.999, 1e-7),
    Nadam(0.01, 0.9, 0.999, 1e-7),
]
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_rule = pytest.mark.parametrize("optimizer", RULES, ids=lambda o: type(o).__name__)


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


# The seven rules ---------------------------------------------------------------------------------


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
