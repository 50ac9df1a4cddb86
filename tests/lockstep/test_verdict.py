"""The verdict on one tensor, on one step, and the joining of reports."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refnn.record import Entry
from tests.helpers import same_bits
from tests.lockstep.compare import compare, small_case
from tests.strategies import cases, dtypes, seeds
from tftwin.lockstep.roundoff import exact
from tftwin.lockstep.verdict import Report, Row, judge, judge_records, ulp_distance


def judged(a, b, bound=0.0):
    row = Row("forward", "y1")
    return row, judge(row, 1, a, b, bound)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values(dtype):
    one = np.array([np.nan, np.inf, 0.0, 1.0, np.inf, np.nan, 1.0], dtype)
    other = np.array([np.nan, np.inf, -0.0, 1.0, -np.inf, 1.0, np.nan], dtype)
    for a, b in ((one, other), (other, one)):  # both sides are treated alike
        for bound in (0.0, 1e30):  # no finite bound excuses an infinity or a NaN
            row, (divergence,) = judged(a, b, bound)
            assert divergence.index in [(4,), (5,), (6,)]
            assert (divergence.count, row.divergent) == (3, 3)
            assert (row.bit_equal, row.special) == (3, 1)
            assert row.ulp == np.inf
            alone = [bool(judged(a[[i]], b[[i]], bound)[1]) for i in range(7)]
            assert alone == [False, False, False, False, True, True, True]
        row, divergences = judged(a, b, np.inf)
        assert divergences == []  # an infinite bound says nothing, and that is counted
        assert (row.within, row.unbounded, row.divergent) == (3, 3, 0)
        assert (row.non_finite, row.bit_equal, row.special) == (5, 3, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(seed=seeds, place=st.integers(0, 11))
def test_a_nan_that_moved_is_a_divergence(dtype, seed, place):
    one = np.random.default_rng(seed).standard_normal((3, 4)).astype(dtype)
    one.flat[place] = np.nan
    other = np.roll(one, 1)
    _, (divergence,) = judged(one, other, 1e30)
    assert divergence.count == 2
    assert divergence.index in {
        np.unravel_index(place, (3, 4)), np.unravel_index((place + 1) % 12, (3, 4)),
    }  # fmt: skip
    for i in (place, (place + 1) % 12):
        assert len(judged(one.ravel()[[i]], other.ravel()[[i]], 1e30)[1]) == 1


@given(seed=seeds, dtype=dtypes, scale=st.sampled_from([1e-30, 1e-7, 1e-4, 1.0, 1e10]))
def test_a_difference_of_twice_the_bound_is_the_last_that_is_allowed(seed, dtype, scale):
    rng = np.random.default_rng(seed)
    a = (scale * rng.uniform(1, 1.9, 5)).astype(dtype)
    b = np.nextafter(a, np.inf, dtype=dtype)
    step = b.astype(np.float64) - a
    row, divergences = judged(a, b, step / 2)
    assert (divergences, row.within, row.fill, row.ulp) == ([], 5, 1.0, 1.0)
    row, divergences = judged(a, b, np.nextafter(step / 2, 0))
    assert (len(divergences), row.within, row.divergent) == (1, 0, 5)
    assert divergences[0].count == 5
    assert row.fill > 1


def plant(name, a, rng):
    """A tensor fault: what a wrong index, sign, factor or mask leaves behind."""
    b = a.copy()
    place = 0, rng.integers(a.shape[1])  # in the first row, where no terms cancel
    match name:
        case "rows permuted":
            return b[::-1]
        case "transposed":
            return b.T
        case "one sign flipped":
            b[place] = -b[place]
        case "doubled":
            b = 2 * b
        case "one element + 10 %":
            b[place] *= 1.1
        case "zeroed":
            b[...] = 0
        case "one NaN":
            b[place] = np.nan
    return b


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e-7, 1e-30])
@pytest.mark.parametrize(
    "fault",
    [
        "rows permuted", "transposed", "one sign flipped", "doubled", "one element + 10 %",
        "zeroed", "one NaN",
    ],
)  # fmt: skip
@settings(max_examples=10)
@given(dtype=dtypes, seed=seeds, terms=st.integers(1, 1000))
def test_faults_in_a_product_of_matrices_are_seen_at_every_scale(scale, fault, dtype, seed, terms):
    """Held against the bound of x W itself, of up to 1000 terms."""
    rng = np.random.default_rng(seed)
    x = (np.sqrt(scale) * rng.standard_normal((4, terms))).astype(dtype)
    W = (np.sqrt(scale) * rng.standard_normal((terms, 4))).astype(dtype)
    W *= np.sign(W) * np.sign(x[:1].T)  # the first row's terms have one sign: no cancellation
    y = exact(x) @ exact(W)
    other = plant(fault, y.value, rng)
    assert judged(y.value, other, y.bound)[1]
    assert not judged(y.value, y.value.copy(), y.bound)[1]


def test_another_shape_or_dtype_is_an_error():
    a = np.ones((2, 3), np.float32)
    for b in (a.T, a[:1], a.ravel(), a.astype(np.float64)):
        with pytest.raises(ValueError, match=r"forward y1: refnn has .* tftwin .*; expected one"):
            judged(a, b, np.inf)


def test_to_compare_nothing_is_an_error():
    empty = [Entry("forward", "y1", np.zeros((0, 3), np.float32))]
    for nothing in ([], empty):
        with pytest.raises(ValueError, match="nothing was compared"):
            judge_records({}, 1, nothing, nothing)


def test_records_of_other_tensors_are_an_error():
    a = np.ones(3)
    one, other = [Entry("forward", "y1", a)], [Entry("forward", "y2", a)]
    for b in (other, [], one + other):
        with pytest.raises(ValueError, match="refnn has .* where tftwin has .*; expected the same"):
            judge_records({}, 1, one, b)


def test_the_bound_is_the_one_that_refnn_s_entry_carries():
    near = Entry("forward", "y1", np.array([1.0, 2.0])), Entry("forward", "y1", np.array([1.5, 2]))
    one, other = near
    for bound, count in (
        (None, 1),
        (0.25, 0),
        (np.array([0.24, 9.0]), 1),
        (np.array([0.25, 0]), 0),
    ):
        found = judge_records({}, 1, [one._replace(bound=bound)], [other])
        assert [d.index for d in found] == [(0,)] * count
    assert len(judge_records({}, 1, [one], [other._replace(bound=9.0)])) == 1


@given(dtype=dtypes, seed=seeds)
def test_ulp_distance_counts_the_numbers_between(dtype, seed):
    integer = np.int32 if dtype == np.float32 else np.int64
    rng = np.random.default_rng(seed)
    a = (rng.standard_normal(8) * 10.0 ** rng.integers(-30, 30, 8)).astype(dtype)
    b = a
    for count in range(5):
        assert np.array_equal(ulp_distance(a, b), np.full(8, count))
        assert np.array_equal(ulp_distance(b, a), np.full(8, count))
        b = np.nextafter(b, np.inf, dtype=dtype)
    tiny = np.finfo(dtype).smallest_subnormal
    assert ulp_distance(np.array([tiny]), np.array([-tiny]))[0] == 2
    assert ulp_distance(np.array([0], dtype), np.array([-0.0], dtype))[0] == 0
    one = np.array([1.0], dtype)
    assert ulp_distance(one, -one)[0] == 2 * float(one.view(integer)[0])
    assert ulp_distance(one, np.array([np.nan], dtype))[0] == np.inf


# Reports of several runs -------------------------------------------------------------------------


@settings(max_examples=10)
@given(one=cases(steps=1), other=cases(steps=2))
def test_a_joined_report_counts_what_its_parts_count(one, other):
    parts = [compare(one), compare(other), compare(small_case())]
    joined = Report.join(parts)
    for name in ("steps", "elements", "bit_equal", "unbounded"):
        assert getattr(joined, name) == sum(getattr(p, name) for p in parts)
    assert joined.divergences == sum((p.divergences for p in parts), [])
    assert (joined.fill, joined.ulp) == (max(p.fill for p in parts), max(p.ulp for p in parts))
    names = [(row.stage, row.name) for row in joined.rows]
    assert len(set(names)) == len(names)
    assert set(names) == {(row.stage, row.name) for p in parts for row in p.rows}
    for row in joined.rows:
        alike = [r for p in parts for r in p.rows if (r.stage, r.name) == (row.stage, row.name)]
        assert same_bits(row.fills, sum(r.fills for r in alike))
        assert row.ulp == max(r.ulp for r in alike)
        if row.ulp:
            worst = next(r for r in alike if r.ulp == row.ulp)
            assert (row.ulp_step, row.ulp_index) == (worst.ulp_step, worst.ulp_index)
    assert parts[0].elements == Report.join(parts[:1]).elements  # the parts are not changed
    assert not Report.join([]).agreed
