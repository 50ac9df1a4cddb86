"""Comparisons and what they choose: where a bound leaves a branch undecided, the jump is added."""

from itertools import product

import numpy as np
import pytest

from tests.bounds.operands import (
    COUNT,
    EXTENDED,
    TRUTH,
    arguments,
    draw,
    each_dtype,
    largest_share,
)
from tests.helpers import same_bits
from tftwin.lockstep.roundoff import (
    Mask,
    Rounded,
    exact,
)

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
COMPARISONS = (np.greater, np.greater_equal, np.less, np.less_equal)


@each_dtype
@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda f: f.__name__)
def test_a_comparison_is_undecided_where_another_side_could_decide_otherwise(comparison, dtype):
    rng = np.random.default_rng(15)
    a, b = arguments(np.subtract, rng, COUNT, dtype)
    mask = comparison(a.rounded, b.rounded)
    assert same_bits(mask.value, comparison(a.rounded.value, b.rounded.value))
    otherwise = comparison(a.truth, b.truth) != mask.value
    for one, other in product(a.others, b.others):
        otherwise |= comparison(one, other) != mask.value
    assert otherwise.any()
    assert not (otherwise & ~mask.undecided).any()
    assert np.count_nonzero(mask.undecided) < 0.8 * COUNT
    # and ten times less slack would not do
    gap = np.abs(a.rounded.value.astype(EXTENDED) - b.rounded.value)
    assert (otherwise & (gap > 0.2 * (a.rounded.bound + b.rounded.bound))).any()


@each_dtype
def test_where_the_branch_is_undecided_the_jump_is_added(dtype):
    rng = np.random.default_rng(16)
    c = draw(rng, COUNT, dtype, exponents=[(-3, 3)])
    a, b = (draw(rng, COUNT, dtype) for _ in range(2))
    result = np.where(c.rounded > 0, a.rounded, b.rounded)
    assert same_bits(result.value, np.where(c.rounded.value > 0, a.rounded.value, b.rounded.value))
    truth = np.where(c.truth > 0, a.truth, b.truth)
    errors = (
        np.abs(np.where(z > 0, x, y) - truth) for z, x, y in product(c.others, a.others, b.others)
    )
    assert 0.1 < largest_share(result.bound, errors, TRUTH * np.abs(truth)) <= 1


@each_dtype
def test_where_with_scalars_and_plain_arrays(dtype):
    rng = np.random.default_rng(17)
    c = draw(rng, COUNT, dtype, exponents=[(-3, 3)])
    for a, b in [(1, c), (c, -0.1)]:
        parts = [p.rounded if p is c else p for p in (a, b)]
        values = [p.rounded.value if p is c else p for p in (a, b)]
        result = np.where(c.rounded > 0, *parts)
        plain = np.where(c.rounded.value > 0, *values)
        assert np.array_equal(result.value, plain.astype(dtype))
        truths = [p.truth if p is c else EXTENDED(p) for p in (a, b)]
        truth = np.where(c.truth > 0, *truths)
        errors = [
            np.abs(np.where(z > 0, *[z if p is c else dtype(p) for p in (a, b)]) - truth)
            for z in c.others
        ]
        assert 0.1 < largest_share(result.bound, errors, TRUTH * np.abs(truth)) <= 1
    decided = np.where(np.arange(COUNT) % 2 == 0, c.rounded, 1.0)  # a condition without error
    assert not decided.bound[1::2].any()
    assert np.array_equal(decided.bound[::2], c.rounded.bound[::2])


@each_dtype
def test_a_comparison_selects_or_makes_zero(dtype):
    """Dy · (x > 0), and a product of two comparisons, as in a clipped gradient."""
    rng = np.random.default_rng(18)
    x, dy = draw(rng, COUNT, dtype, exponents=[(-3, 3)]), draw(rng, COUNT, dtype)
    for compute in (
        lambda x, dy: dy * (x > 0),
        lambda x, dy: (x > 0) * dy,
        lambda x, dy: dy * ((x >= 0.5) & (x <= 2)),
    ):
        result = compute(x.rounded, dy.rounded)
        assert same_bits(result.value, compute(x.rounded.value, dy.rounded.value))
        truth = compute(x.truth, dy.truth)
        errors = (np.abs(compute(*i) - truth) for i in product(x.others, dy.others))
        assert 0.1 < largest_share(result.bound, errors, TRUTH * np.abs(truth)) <= 1


@each_dtype
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_choice_of_what_is_not_finite_is_bounded_by_nothing(value, dtype):
    """0 · NaN is NaN, and the choice made of it is 0; what is chosen is the same in both."""
    x, dy = np.array([1.0, -1.0, -1.0, 1.0], dtype), np.array([value, value, 3.0, 3.0], dtype)
    multiplied, choice = exact(dy) * (exact(x) > 0), np.where(x > 0, dy, 0)
    assert multiplied.bound.tolist() == [0, np.inf, 0, 0]
    with np.errstate(all="ignore"):
        assert np.isnan(dy * (x > 0)).tolist() == [bool(np.isnan(value)), True, False, False]
    assert not np.isnan(choice[1:]).any()
    unsure = Rounded(np.ones(2, dtype), np.array([np.inf, 1.0]), np.finfo(dtype).eps / 2)
    assert (unsure * (exact(x[1:3]) > 0)).bound.tolist() == [np.inf, 0]


@each_dtype
def test_clip(dtype):
    rng = np.random.default_rng(19)
    low, high = 1e-7, 1 - 1e-7
    ranges = [(-30, -18), (-3, 3), (-0.001, 0.001)]
    a = draw(rng, COUNT, dtype, exponents=ranges)
    result = np.clip(a.rounded, low, high)
    assert same_bits(result.value, np.clip(a.rounded.value, low, high))
    truth = np.clip(a.truth, EXTENDED(low), EXTENDED(high))
    errors = (np.abs(np.clip(other, low, high) - truth) for other in a.others)
    assert 0.1 < largest_share(result.bound, errors, TRUTH * np.abs(truth)) <= 1


def test_a_mask_and_a_mask():
    a = Rounded(np.array([1.0, 2, 3]), np.array([0.3, 0, 0]), 2.0**-53)
    both = (a > 1) & (a < 3)
    assert isinstance(both, Mask)
    assert both.value.tolist() == [False, True, False]
    assert both.undecided.tolist() == [True, False, False]


@each_dtype
def test_the_largest_of_a_row(dtype):
    rng = np.random.default_rng(25)
    a = draw(rng, (COUNT // 4, 4), dtype)
    result = np.max(a.rounded, axis=-1, keepdims=True)
    assert same_bits(result.value, np.max(a.rounded.value, axis=-1, keepdims=True))
    truth = np.max(a.truth, axis=-1, keepdims=True)
    errors = (np.abs(np.max(o, axis=-1, keepdims=True) - truth) for o in a.others)
    assert 0.1 < largest_share(result.bound, errors, TRUTH * np.abs(truth)) <= 1
    assert np.max(a.rounded).value == np.max(a.rounded.value)
