"""What data need before training. Compared exactly, or within the bound of the roundings."""

import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.datasets import load_digits

from refnn.datasets import batches, one_hot, standardize
from tests.helpers import refused, refused_with
from tests.strategies import dtypes

# standardize --------------------------------------------------------------------------------------


@st.composite
def tables(draw):
    """Tables of eighths around an offset for each column, no column constant."""
    rows, columns = draw(st.integers(2, 30)), draw(st.integers(1, 4))
    eighths = draw(npst.arrays(np.int64, (rows, columns), elements=st.integers(-80, 80)))
    eighths[0] = eighths[1] + 1
    offsets = draw(npst.arrays(np.int64, columns, elements=st.sampled_from([0, 1, -100, 5000])))
    return (eighths / 8 + offsets).astype(draw(dtypes))


@given(
    st.integers(1, 20),
    st.lists(
        st.tuples(st.integers(-1000, 1000), st.integers(1, 1000), st.integers(-20, 20)),
        min_size=1,
        max_size=4,
    ),
    dtypes,
)
def test_standardize_is_exact_where_mean_and_deviation_are(pairs, columns, dtype):
    """Half the rows at c − d, half at c + d, scaled by 2ᵏ: mean c, population deviation d."""
    center, width, k = np.array(columns).T
    signs = np.where(np.arange(2 * pairs) % 2, 1.0, -1.0)[:, None]
    x = ((center + signs * width) * 2.0**k).astype(dtype)
    result = standardize(x)
    assert result.x.dtype == dtype
    assert np.array_equal(result.x, np.broadcast_to(signs, x.shape))
    assert np.array_equal(result.mean, center * 2.0**k)
    assert np.array_equal(result.deviation, width * 2.0**k)


@given(tables())
def test_standardize_gives_mean_0_and_deviation_1_up_to_its_roundings(x):
    """Judge in rational numbers.

    With u = 2⁻⁵³, m̂ = m + e, |e| ≤ γ_N mean|x|: z = (x − m̂)/d̂ · (1 + θ₂), and one rounding to
    x's dtype. So |mean z| ≤ e/d̂ + (γ₂ + u_x) mean|z|; and in mean z² − 1 the roundings of the sum
    and of each term count twice, as do those of z, next to (e/d̂)² from each of the two means.
    """
    result = standardize(x)
    u, u_x = Fraction(1, 2**53), Fraction(float(np.finfo(x.dtype).eps)) / 2
    n = len(x)
    gamma = (2 * n + 20) * u / (1 - (2 * n + 20) * u)
    for column in range(x.shape[1]):
        z = [Fraction(float(value)) for value in result.x[:, column]]
        sizes = [abs(Fraction(float(value))) for value in x[:, column]]
        e = gamma * sum(sizes) / n / Fraction(float(result.deviation[column]))
        assert abs(sum(z) / n) <= e + (gamma + 2 * u_x) * sum(map(abs, z)) / n
        squares = sum(value * value for value in z) / n
        assert abs(squares - 1) <= 4 * e * e + (gamma + 2 * u_x + u_x * u_x) * (1 + squares)


@given(tables(), st.integers(-30, 30))
def test_standardize_does_not_see_a_power_of_two(x, k):
    assert np.array_equal(standardize(x * x.dtype.type(2.0**k)).x, standardize(x).x)


@given(tables(), st.data())
def test_held_out_rows_take_the_statistics_of_the_training_rows(x, data):
    before = x.copy()
    train = standardize(x)
    rows = data.draw(st.lists(st.integers(0, len(x) - 1), min_size=1, max_size=5))
    held_out = standardize(x[rows], train.mean, train.deviation)
    assert np.array_equal(held_out.x, train.x[rows])
    assert held_out.mean is train.mean
    assert held_out.deviation is train.deviation
    assert np.array_equal(x, before)


@given(st.sampled_from([0.1, 1 / 3, 1e-30, 5.3e7]), st.integers(1, 200), dtypes)
def test_a_constant_column_is_refused_even_where_its_mean_is_rounded(value, rows, dtype):
    x = np.stack([np.arange(rows), np.full(rows, value)], axis=1).astype(dtype)
    x[:, 0] += x[:, 0] == 0
    constant = "columns 0 (width), 1 (length) are" if rows <= 2 else "column 1 (length) is"
    with refused_with(
        f"x: {constant} constant; a constant column tells nothing and cannot be scaled: leave it "
        "out, or keep it at 0 with constant='keep'"
    ):
        standardize(x, feature_names=["width", "length"])
    kept = standardize(x, constant="keep")
    same = [0, 1] if rows <= 2 else [1]
    assert (kept.x[:, same] == 0).all()
    assert np.array_equal(kept.mean[same], x[0, same])
    assert (kept.deviation[same] == 1).all()
    if rows > 2:
        x[0, 1] *= 2
        assert np.array_equal(kept.x[:, 0], standardize(x).x[:, 0])


def test_digits_can_be_standardized():
    x = load_digits().data
    with refused_with(
        "x: columns 0, 32, 39 are constant; a constant column tells nothing and cannot be scaled: "
        "leave it out, or keep it at 0 with constant='keep'"
    ):
        standardize(x)
    train = standardize(x[:1000], constant="keep")
    test = standardize(x[1000:], train.mean, train.deviation)
    assert np.isfinite(train.x).all()
    assert np.isfinite(test.x).all()
    same = np.ptp(x[:1000], axis=0) == 0
    x[0, same] += 1
    assert np.array_equal(train.x[:, ~same], standardize(x[:1000]).x[:, ~same])


def test_many_constant_columns_are_told_in_one_short_line():
    with pytest.raises(
        ValueError, match=r"^x: columns 0, 1, 2, .* \(500 in all\) are constant; "
    ) as e:
        standardize(np.ones((3, 500)))
    assert len(str(e.value)) < 300
    with refused_with("constant = 'drop'; expected 'refuse' or 'keep'"):
        standardize(GOOD, constant="drop")


HUGE, TINY = np.finfo(np.float64).max, np.finfo(np.float64).smallest_subnormal
NO_INFINITY = {
    "a mean beyond": (np.array([[HUGE, 1.0], [HUGE, 2.0], [0.0, 3.0]]), None, None),
    "a deviation beyond": (np.array([[HUGE], [-HUGE], [0.0]]), None, None),
    "a deviation below": (np.array([[TINY], [0.0], [0.0]]), None, None),
    "a square below": (np.array([[1e-170], [2e-170], [0.0]]), None, None),
    "a difference beyond": (np.array([[HUGE], [1.0]]), np.array([-HUGE]), np.array([1.0])),
    "a quotient beyond": (np.array([[1.0], [2.0]]), np.zeros(1), np.array([TINY])),
    "a cast beyond": (np.array([[1e30], [2.0]], np.float32), np.zeros(1), np.array([1e-30])),
}


@pytest.mark.parametrize("arguments", NO_INFINITY.values(), ids=NO_INFINITY)
@pytest.mark.parametrize("constant", ["refuse", "keep"])
def test_standardize_never_returns_an_infinity(arguments, constant):
    """Refused in one line, without a warning; or finite."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with refused("x: column 0 (a)", "; expected "):
            standardize(*arguments, feature_names="abc"[: arguments[0].shape[1]], constant=constant)


GOOD = np.array([[1.0, 2.0], [3.0, 5.0]])
BAD_TABLES = [
    (([[1.0]],), TypeError, "x is a list; expected a NumPy array"),
    ((GOOD[0],), ValueError, "x has shape (2,); expected (any, any)"),
    (
        (GOOD.astype(int),),
        TypeError,
        "x has dtype int64; expected float32 or float64: convert it with x.astype(np.float32)",
    ),
    (
        (np.array([[1.0, 2.0], [3.0, np.nan]]),),
        ValueError,
        "x holds nan at [1, 1]; expected finite numbers (1 of 4 are not)",
    ),
    (
        (np.array([[1.0, 2.0], [-np.inf, 2.0]]),),
        ValueError,
        "x holds -inf at [1, 0]; expected finite numbers (1 of 4 are not)",
    ),
    ((GOOD[:0],), ValueError, "x has shape (0, 2); expected at least one row and one column"),
    ((GOOD[:, :0],), ValueError, "x has shape (2, 0); expected at least one row and one column"),
    (
        (GOOD, np.zeros(2)),
        ValueError,
        "standardize takes both mean and deviation, or neither; one came",
    ),
    (
        (GOOD, None, np.ones(2)),
        ValueError,
        "standardize takes both mean and deviation, or neither; one came",
    ),
    ((GOOD, np.zeros(3), np.ones(2)), ValueError, "mean has shape (3,); expected (2)"),
    ((GOOD, np.zeros(2), np.ones(1)), ValueError, "deviation has shape (1,); expected (2)"),
    (
        (GOOD, np.array([0.0, np.nan]), np.ones(2)),
        ValueError,
        "mean holds nan at [1]; expected finite numbers (1 of 2 are not)",
    ),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD_TABLES, ids=lambda v: str(v)[:40])
def test_standardize_refuses(arguments, error, message):
    with refused_with(message, error):
        standardize(*arguments)


@pytest.mark.parametrize("deviation", [0.0, -1.0, math.nan, math.inf])
def test_standardize_refuses_a_deviation_that_is_not_positive(deviation):
    with pytest.raises(ValueError, match=rf"^x: column 1 has deviation {deviation}; expected"):
        standardize(GOOD, np.zeros(2), np.array([1.0, deviation]))


# one_hot ------------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=30),
    st.sampled_from([None, 10, 13]),
    dtypes,
    st.sampled_from([list, tuple, np.array, lambda labels: np.array(labels, np.uint8)]),
)
def test_one_hot_has_a_one_where_the_label_says_and_zeros_elsewhere(labels, classes, dtype, kind):
    y = one_hot(kind(labels), classes, dtype)
    assert y.dtype == dtype
    assert y.shape == (len(labels), max(labels) + 1 if classes is None else classes)
    for row, label in zip(y, labels, strict=True):
        assert [k for k, value in enumerate(row) if value != 0] == [label]
        assert row[label] == 1


BAD_LABELS = [
    ([0, 1, -1], None, "labels: row 2 is -1; expected a whole number 0, 1, 2, …"),
    ([0, 3, 1], 3, "labels: row 1 is 3; expected a whole number 0 to 2"),
    ([0, 1.0], 3, "labels: row 1 is 1.0; expected a whole number 0 to 2"),
    ([0, 2.5], None, "labels: row 1 is 2.5; expected a whole number 0, 1, 2, …"),
    ([0, 1, "2"], None, "labels: row 2 is '2'; expected a whole number 0, 1, 2, …"),
    ([True, 0], None, "labels: row 0 is True; expected a whole number 0, 1, 2, …"),
    ([0, None], None, "labels: row 1 is None; expected a whole number 0, 1, 2, …"),
    (
        np.array([0.0, 1.0]),
        None,
        "labels: row 0 is np.float64(0.0); expected a whole number 0, 1, 2, …",
    ),
    (
        np.array([False]),
        None,
        "labels: row 0 is np.False_; expected a whole number 0, 1, 2, …",
    ),
    (np.array([[1]]), None, "labels: row 0 is array([1]); expected a whole number 0, 1, 2, …"),
    ([], None, "labels is empty; expected at least one label"),
    ([], 3, "labels is empty; expected at least one label"),
    ([0], 0, "classes = 0; expected a whole number of at least 1"),
    ([0], True, "classes = True; expected a whole number of at least 1"),
    ([0], 2.0, "classes = 2.0; expected a whole number of at least 1"),
    ([0, 10**12], None, f"labels: 2 rows of {10**12 + 1} classes exceed {2**30} bytes"),
]


@pytest.mark.parametrize(("labels", "classes", "message"), BAD_LABELS, ids=lambda v: str(v)[:40])
def test_one_hot_refuses(labels, classes, message):
    with refused_with(message):
        one_hot(labels, classes)


# batches ------------------------------------------------------------------------------------------


@given(st.integers(1, 60), st.integers(1, 80), st.none() | st.integers(0, 100))
def test_batches_hold_every_row_once(n, batch_size, seed):
    rng = None if seed is None else np.random.default_rng(seed)
    parts = list(batches(n, batch_size, rng))
    rows = np.concatenate(parts)
    assert sorted(rows) == list(range(n))
    assert rng is not None or list(rows) == list(range(n))
    assert {len(part) for part in parts[:-1]} <= {batch_size}
    assert 1 <= len(parts[-1]) <= batch_size


def test_batches_are_shuffled_anew_by_the_generator_alone():
    rng = np.random.default_rng(3)
    epochs = [np.concatenate(list(batches(100, 32, rng))).tolist() for _ in range(20)]
    again = np.concatenate(list(batches(100, 32, np.random.default_rng(3)))).tolist()
    assert epochs[0] == again
    assert len({tuple(epoch) for epoch in [*epochs, range(100)]}) == 21


@pytest.mark.parametrize("value", [0, -1, True, 2.0, "3", None])
@pytest.mark.parametrize("name", ["n", "batch_size"])
def test_batches_refuses_at_the_call(name, value):
    with refused_with(f"{name} = {value!r}; expected a whole number of at least 1"):
        batches(**{"n": 10, "batch_size": 5, name: value})


def test_batches_takes_no_seed_for_a_generator():
    message = "rng = 3; expected numpy.random.default_rng(seed), or None"
    with refused_with(message, TypeError):
        batches(10, 5, 3)
