"""Initializers: what is exact is held exactly, what is random within six standard errors.

A sound initializer fails a six-sigma check about twice in 10⁹ draws.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnn.initializers import He, Normal, TruncatedNormal, Zeros
from tests.helpers import refused_with, same_bits
from tests.strategies import seeds

SIGMAS = 6
SHAPE = (50, 400)
N = math.prod(SHAPE)
EVERY = [Zeros(), Normal(0.5), TruncatedNormal(0.5), He()]

stddevs = st.sampled_from([0.0, 1e-3, 0.1, 0.3, 1.0, 7.0])


def generator(seed):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("initializer", EVERY, ids=repr)
@pytest.mark.parametrize("shape", [(3,), (3, 2), (1, 1), (5, 2, 4)])
def test_sample_is_float64_of_the_shape_and_follows_the_seed(initializer, shape):
    w = initializer.sample(shape, generator(1))
    assert w.dtype == np.float64
    assert w.shape == shape
    assert same_bits(w, initializer.sample(shape, generator(1)))
    assert isinstance(initializer, Zeros) or (w != initializer.sample(shape, generator(2))).all()


def test_zeros():
    assert not Zeros().sample((3, 2), generator(0)).any()


@given(seeds)
def test_normal_has_its_mean_and_variance(seed):
    w = Normal(0.5).sample(SHAPE, generator(seed)) / 0.5
    assert abs(np.mean(w)) <= SIGMAS * math.sqrt(1 / N)
    assert abs(np.mean(w**2) - 1) <= SIGMAS * math.sqrt(2 / N)  # Var w² = 2
    assert abs(np.mean(np.abs(w) > 2) - math.erfc(math.sqrt(2))) <= SIGMAS * 0.5 / math.sqrt(N)


@given(seeds)
def test_truncated_normal_is_cut_and_has_the_variance_of_the_cut(seed):
    w = TruncatedNormal(0.5).sample(SHAPE, generator(seed)) / 0.5
    inside = math.erf(math.sqrt(2))  # Φ(2) − Φ(−2)
    density = math.exp(-2) / math.sqrt(2 * math.pi)  # φ(2)
    variance = 1 - 2 * 2 * density / inside
    assert f"{math.sqrt(variance):.4f}" == "0.8796"  # the docstring's number
    assert np.abs(w).max() < 2  # clipping would leave values at exactly 2
    assert abs(np.mean(w)) <= SIGMAS * math.sqrt(variance / N)
    # a number in [0, 4], such as w², has a standard deviation of at most 2; one in [0, 1] of 1/2
    assert abs(np.mean(w**2) - variance) <= SIGMAS * 2 / math.sqrt(N)
    share = math.erf(math.sqrt(1 / 2)) / inside
    assert abs(np.mean(np.abs(w) < 1) - share) <= SIGMAS * 0.5 / math.sqrt(N)


@given(seeds)
def test_truncated_normal_draws_again_only_what_falls_beyond(seed):
    first = generator(seed).standard_normal(SHAPE)
    w = TruncatedNormal().sample(SHAPE, generator(seed))
    kept = np.abs(first) <= 2
    assert 0 < np.count_nonzero(~kept) < N
    assert np.array_equal(w[kept], first[kept])
    assert (w[~kept] != first[~kept]).all()
    assert len(np.unique(w)) == N  # each drawn by itself


@given(seeds, st.sampled_from([(50, 400), (400, 50), (2, 10_000), (10, 20, 100)]))
def test_he_has_variance_two_over_fan_in(seed, shape):
    w = He().sample(shape, generator(seed)) * math.sqrt(shape[0] / 2)
    assert abs(np.mean(w)) <= SIGMAS * math.sqrt(1 / N)
    assert abs(np.mean(w**2) - 1) <= SIGMAS * math.sqrt(2 / N)
    assert np.abs(w).max() > 2  # not the truncated normal of Keras


@given(seeds, stddevs)
def test_stddev_is_a_factor(seed, stddev):
    for kind in (Normal, TruncatedNormal):
        unit = kind().sample((4, 3), generator(seed))
        assert np.array_equal(kind(stddev).sample((4, 3), generator(seed)), stddev * unit)


@pytest.mark.parametrize("kind", [Normal, TruncatedNormal])
@pytest.mark.parametrize("stddev", [-1.0, math.nan, math.inf, -math.inf, "1", None, True, 1j])
def test_bad_stddev_is_refused(kind, stddev):
    message = f"{kind.__name__}: stddev = {stddev!r}; expected a number of at least 0"
    with refused_with(message):
        kind(stddev)


@pytest.mark.parametrize("shape", [(), (0, 3)])
def test_he_refuses_a_shape_without_inputs(shape):
    message = f"He: shape = {shape}; expected (fan_in, …) with fan_in at least 1"
    with refused_with(message):
        He().sample(shape, generator(0))
