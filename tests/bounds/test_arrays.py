"""Views, copies and methods of arrays with bounds; what they refuse."""

import numpy as np
import pytest

from tests.bounds.operands import (
    draw,
    each_dtype,
    magnitudes,
    unit_of,
)
from tests.helpers import same_bits
from tftwin.lockstep.roundoff import (
    NoBoundError,
    exact,
    gamma,
    ulp,
)

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@each_dtype
def test_views_and_copies_keep_value_and_bound(dtype):
    rng = np.random.default_rng(26)
    a, b = (draw(rng, (6, 4), dtype).rounded for _ in range(2))
    for move in (
        lambda a: a.T, lambda a: a[1:3], lambda a: a[:, 2], lambda a: a.reshape(8, 3),
        lambda a: a.reshape(-1), lambda a: a[np.array([4, 0, 0])],
    ):  # fmt: skip
        moved = move(a)
        assert same_bits(moved.value, move(a.value))
        assert same_bits(moved.bound, move(a.bound))
        assert (moved.dtype, moved.shape, moved.ndim, moved.size) == (
            dtype, move(a.value).shape, move(a.value).ndim, move(a.value).size,
        )  # fmt: skip
    joined = np.concatenate([a.reshape(-1), b.reshape(-1), np.ones(3, dtype)])
    assert same_bits(
        joined.value, np.concatenate([a.value.ravel(), b.value.ravel(), np.ones(3, dtype)])
    )
    assert same_bits(joined.bound, np.concatenate([a.bound.ravel(), b.bound.ravel(), np.zeros(3)]))
    for make, fill in ((np.zeros_like, 0), (np.ones_like, 1)):
        filled = make(a)
        assert same_bits(filled.value, make(a.value))
        assert not filled.bound.any(), fill
    for fill in (0.1, 99.0, 0.5):
        filled = np.full_like(a, fill)
        assert same_bits(filled.value, np.full_like(a.value, fill))
        assert np.array_equal(filled.bound, np.full((6, 4), abs(float(dtype(fill)) - fill)))
    empty = np.empty_like(a)
    empty[1:3] = b[1:3]
    assert (empty.shape, empty.dtype) == (a.shape, a.dtype)
    assert same_bits(empty.value[1:3], b.value[1:3])
    assert same_bits(empty.bound[1:3], b.bound[1:3])


@each_dtype
def test_inputs_are_exact_but_for_the_flush(dtype):
    tiny, least = np.finfo(dtype).tiny, np.finfo(dtype).smallest_subnormal
    a = exact(np.array([0, -0.0, 1, -tiny, tiny, tiny / 2, -least, np.inf, np.nan], dtype))
    assert a.bound.tolist() == [0, 0, 0, 0, 0, tiny / 2, least, 0, 0]
    assert a.unit == unit_of(dtype)
    assert exact(np.ones(2, dtype), 0.0).unit == 0.0


@each_dtype
def test_a_result_that_is_not_finite_has_no_bound(dtype):
    big = exact(np.array([np.finfo(dtype).max, np.inf, np.nan, 1, 0], dtype))
    for result in (big + big, big * big, np.exp(big), big / exact(np.zeros(5, dtype)), big - big):
        assert np.all(np.isinf(result.bound) | np.isfinite(result.value))
        assert not np.isnan(result.bound).any()
    assert np.isinf((big.reshape(1, 5) @ big.reshape(5, 1)).bound).all()
    assert np.isinf(np.sum(big).bound)


@each_dtype
def test_without_a_unit_only_the_flush_remains(dtype):
    """The bound of the optimizers' rules: both sides round identically."""
    rng = np.random.default_rng(27)
    a, b = (exact(magnitudes(rng, 1000, dtype, [(-30, 30)]), 0.0) for _ in range(2))
    for result in (a + b, a - b, 0.1 * a, a / b, np.square(a), np.sqrt(a), a / (np.sqrt(b) + 1e-7)):
        assert not result.bound.any()
    tiny = np.finfo(dtype).tiny
    small = exact(np.full(3, tiny, dtype), 0.0)
    assert np.all((0.5 * small).bound >= tiny / 2)
    assert np.all((small - 0.7 * small).bound >= tiny / 4)


def test_of_too_many_terms_nothing_is_known():
    """γ holds for n u < 1; a sum of more terms is computed, and its bound is infinite."""
    u = 2.0**-10  # as if numbers had ten bits: 1,024 terms are too many
    assert np.isfinite(gamma(1023, u))
    assert gamma(1024, u) == np.inf
    ones = exact(np.ones((1, 1024)), u)
    for result in (
        ones @ ones.T,
        np.sum(exact(np.ones(1025), u)),
        np.mean(exact(np.ones(1025), u)),
    ):
        assert np.isinf(result.bound).all()
    fewer = exact(np.ones((1, 1023)), u)
    for result in (fewer @ fewer.T, np.sum(fewer), np.mean(fewer)):
        assert np.isfinite(result.bound).all()
    many = exact(np.ones((1, 401_408), np.float32))  # a layer of 784 x 512
    assert np.isfinite((many @ many.T).bound).all()


UNKNOWN = {
    "arctan (__call__)": lambda a: np.arctan(a),
    "power (__call__)": lambda a: np.power(a, 2),
    "floor_divide": lambda a: a // 2,
    "equal": lambda a: a == a,
    "add (__call__)": lambda a: np.add(a, a, out=np.empty(3)),
    "add (reduce)": lambda a: np.add.reduce(a),
    "multiply (accumulate)": lambda a: np.multiply.accumulate(a),
    "multiply (outer)": lambda a: np.multiply.outer(a, a),
    "add (at)": lambda a: np.add.at(a, 0, 1),
    "exp (__call__)": lambda a: np.exp(a, where=[True, False, True]),
    "sqrt (__call__)": lambda a: np.sqrt(a, dtype=np.float64),
    "sort": lambda a: np.sort(a),
    "dot": lambda a: np.dot(a, a),
    "var": lambda a: np.var(a),
    "cumsum": lambda a: np.cumsum(a),
    "prod": lambda a: np.prod(a),
    "linalg": lambda a: np.linalg.norm(a),
    "subtract": lambda a: (a > 0) - (a < 0),
    "logical_not": lambda a: np.logical_not(a > 0),
    "where": lambda a: np.where(a > 0, 0.3, -0.7),
    "any": lambda a: np.any(a > 0),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_operation_that_has_no_derivation_is_refused(name):
    a = exact(np.ones(3, np.float32))
    with pytest.raises(NoBoundError, match="has no derived bound"):
        UNKNOWN[name](a)


def test_two_dtypes_are_refused():
    a = exact(np.ones(3, np.float32))
    with pytest.raises(NoBoundError, match="a float64 array meets a float32 array; expected one"):
        a + np.ones(3)
    with pytest.raises(NoBoundError, match="a int64 array meets a float32 array"):
        np.arange(3) * a
    for combine in (
        lambda a, b: a * b, lambda a, b: a @ b, lambda a, b: np.concatenate([a, b]),
        lambda a, b: np.where(a > 0, a, b), lambda a, b: a > b,
    ):  # fmt: skip
        with pytest.raises(NoBoundError, match="expected one dtype"):
            combine(a, exact(np.ones(3)))


@each_dtype
def test_ulp(dtype):
    rng = np.random.default_rng(28)
    a = magnitudes(rng, 1000, dtype, [(-30, 30)])
    spacing = ulp(a.astype(np.float64), unit_of(dtype))
    assert np.all(spacing >= np.spacing(a))
    assert np.all(spacing[:-1] <= 2 * np.spacing(a[:-1]))
    assert np.count_nonzero(spacing == np.spacing(a)) > 990


def test_the_methods_are_the_functions():
    a = exact(np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32))
    for method in ("sum", "mean", "max"):
        for options in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}):
            one, other = getattr(a, method)(**options), getattr(np, method)(a, **options)
            assert np.array_equal(one.value, other.value)
            assert np.array_equal(one.bound, other.bound)
