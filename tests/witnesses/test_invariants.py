"""What holds for any network whatever its numbers: no twin is needed to check it.

Where the two ways to compute the same thing round differently, each carries its own bound, and
they may be apart by the sum.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refnn import L2, SGD, Model, Network, Softmax, backpropagate
from refnn.layers import Dense
from refnn.losses import Asymmetric, CategoricalCrossentropy, MeanSquaredError, SoftmaxCrossentropy
from tests.helpers import same_bits
from tests.strategies import cases, dtypes, seeds, targets
from tftwin.lockstep.bounds import bounds_of_step
from tftwin.lockstep.roundoff import Rounded, exact

SUMS = st.just(SGD(0.1))


def flat(step):
    """The gradient as one array with its bound."""
    value = np.concatenate([g.value.reshape(-1) for g in step.gradients])
    return value, np.concatenate([g.bound.reshape(-1) for g in step.gradients])


def bounded(case, x=None, y=None, theta=None):
    """The gradients of a batch without a penalty, each with its bound."""
    theta = case.state.theta if theta is None else theta
    x, y = case.batches[0] if x is None else (x, y)
    model = replace(case.model, regularizer=None)
    return bounds_of_step(model, model.state_at(theta), x, y)


def apart(one, other, allowed):
    both = np.isfinite(one) & np.isfinite(other) & np.isfinite(allowed)
    return np.abs(one.astype(np.longdouble) - other.astype(np.longdouble))[both] > allowed[both]


@given(dtypes, seeds, st.integers(-50, 50))
def test_softmax_does_not_see_a_shift(dtype, seed, shift):
    x = (np.random.default_rng(seed).integers(-40, 40, (5, 4)) / 8).astype(dtype)
    one, other = Softmax().forward(x), Softmax().forward(x + dtype(shift))
    assert same_bits(one, other)  # x and the shift are exact: x − max x has equal bits


@given(dtypes, seeds)
def test_softmax_permutes_with_its_row(dtype, seed):
    rng = np.random.default_rng(seed)
    x, order = rng.standard_normal((5, 6)).astype(dtype), rng.permutation(6)
    one, other = Softmax().forward(exact(x)), Softmax().forward(exact(x[:, order]))
    assert not apart(one.value[:, order], other.value, one.bound[:, order] + other.bound).any()
    sums = np.sum(one)
    assert abs(float(sums.value) - 5) <= sums.bound


@pytest.mark.parametrize("outputs", [1, 2, 5])
@pytest.mark.parametrize(
    "loss",
    [MeanSquaredError(), Asymmetric(2.0, 5.0), CategoricalCrossentropy(), SoftmaxCrossentropy()],
    ids=lambda loss: type(loss).__name__,
)
@given(seed=seeds)
@settings(max_examples=20)
def test_a_loss_is_the_integral_of_its_gradient(loss, outputs, seed):
    """L(p + h d) − L(p) − h ∇L(p)·d is of order h²: halving h leaves a quarter of it."""
    rng = np.random.default_rng(seed)
    wide = np.longdouble
    y = targets(rng, loss, 4, outputs, 1.0, False).astype(wide)
    if not isinstance(loss, (MeanSquaredError, Asymmetric)):
        y = y / np.sum(y, axis=1, keepdims=True)
    p = np.abs(rng.standard_normal((4, outputs))).astype(wide) + wide(0.1)
    d = rng.standard_normal((4, outputs)).astype(wide)
    slope = np.sum(loss.gradient(y, p) * d)
    noise = 100 * p.size * np.finfo(wide).eps * (1 + abs(loss.value(y, p)))
    h = wide(2.0**-12)
    if isinstance(loss, Asymmetric) and (np.abs(p - y) <= h * np.abs(d)).any():
        return  # a kink lies between

    def is_of_second_order(slope):
        """Second order leaves 1/4 of the remainder, first order 1/2: 3/8 lies between."""
        rest = [abs(loss.value(y, p + s * d) - loss.value(y, p) - s * slope) for s in (h, h / 2)]
        return rest[1] <= wide(0.375) * rest[0] + noise

    assert is_of_second_order(slope)
    if abs(slope) > wide(0.1):
        assert not is_of_second_order(2 * slope)
        assert not is_of_second_order(-slope)
        assert not is_of_second_order(wide(0))


@given(cases(steps=1, optimizers=SUMS, dropouts=None))
@settings(max_examples=40)
def test_two_half_batches_make_one(case):
    x, y = case.batches[0]
    if len(x) % 2:
        x, y = np.concatenate([x, x]), np.concatenate([y, y])
    half = len(x) // 2
    whole, whole_bound = flat(bounded(case, x, y))
    parts = [flat(bounded(case, x[s], y[s])) for s in (slice(half), slice(half, None))]
    share = 1 if isinstance(case.loss, Asymmetric) else 2  # a sum, or a mean
    together = (parts[0][0].astype(np.longdouble) + parts[1][0]) / share
    allowed = whole_bound + (parts[0][1] + parts[1][1]) / share
    assert not apart(whole, together, allowed).any()


@given(cases(steps=1, optimizers=SUMS, dropouts=None), st.sampled_from([0.01, 0.5]))
@settings(max_examples=40)
def test_l2_does_not_know_the_batch(case, rate):
    """The penalty is the same for any batch, and its gradient is λ W on weights and 0 on biases."""
    x, y = case.batches[0]
    plain = Model(case.network, case.loss)
    model = replace(plain, regularizer=L2(rate))
    theta = case.state.theta
    one = backpropagate(model, theta, x, y)
    other = backpropagate(model, theta, x[:1], y[:1])
    assert same_bits(one.penalty, other.penalty)
    without = backpropagate(plain, theta, x, y)
    for p, g, with_l2 in zip(
        case.network.parameters, without.gradients, one.gradients, strict=True
    ):
        assert same_bits(with_l2, g + rate * p.of(theta) if p.is_weight else g)


@given(cases(steps=1, optimizers=SUMS, dropouts=None), seeds)
@settings(max_examples=40)
def test_permuting_hidden_units_permutes_theta(case, seed):
    """Units of a hidden layer have no order: the loss stays, and the gradient is permuted."""
    places = [i for i, layer in enumerate(case.network.layers) if isinstance(layer, Dense)]
    if len(places) < 2:
        return
    first, second = places[0] + 1, places[1] + 1
    order = np.random.default_rng(seed).permutation(case.network.layers[places[0]].outputs)

    def permuted(vector):
        vector = vector.copy()
        for p in case.network.parameters:
            if p.layer == first and p.is_weight:
                p.of(vector)[...] = p.of(vector)[:, order]
            elif p.layer == first or (p.layer == second and p.is_weight):
                p.of(vector)[...] = p.of(vector)[order]
        return vector

    one = bounded(case)
    other = bounded(case, theta=permuted(case.state.theta))
    a, b = one.data_loss, other.data_loss
    assert not apart(np.asarray(a.value), np.asarray(b.value), np.asarray(a.bound + b.bound)).any()
    (g, g_bound), (h, h_bound) = flat(one), flat(other)
    assert not apart(permuted(g), h, permuted(g_bound) + h_bound).any()


def test_the_bounds_of_these_tests_are_no_bounds_of_nothing():
    """A gradient that is a millionth off is seen."""
    rng = np.random.default_rng(0)
    model = Model(Network([Dense(3, 2)]), MeanSquaredError())
    x, y = rng.standard_normal((4, 3)), rng.standard_normal((4, 2))
    step = bounds_of_step(model, model.state_at(rng.standard_normal(8)), x, y)
    value, bound = flat(step)
    assert isinstance(step.gradients[0], Rounded)
    assert apart(value, value * (1 + 1e-6), 2 * bound).all()
