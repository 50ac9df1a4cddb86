"""Arrays that carry a bound: the bound is never below the true error, and not far above it.

An operand is a value v with a bound e, an exact value a* with |v − a*| ≤ e, and what other correct
evaluations may hold instead of v: any number a' with |a' − a*| ≤ e. All of them are put at the
ends of their ranges. The truth is computed in longdouble (11 bits more than float64, so that its
own error is 2⁻⁶⁰ of the result and is allowed for), and on a sample in exact rationals or with
mpmath's 60 digits, where nothing is allowed for.
"""

from fractions import Fraction
from functools import reduce
from itertools import product
from math import fsum

import mpmath
import numpy as np
import pytest

from tftwin.lockstep import ledger
from tftwin.lockstep.roundoff import (
    FUNCTIONS,
    UFUNCS,
    Mask,
    NoBoundError,
    Rounded,
    exact,
    gamma,
    ulp,
)

COUNT = 100_000
SAMPLE = 400
EXTENDED = np.longdouble
TRUTH = 2.0**-60
"""Relative error allowed for the truth in longdouble: glibc's tanhl is documented with 3 ulp of
2⁻⁶³, and errors are differences of two such numbers."""
GRAIN = 2.0**-1070
"""Bounds are float64 numbers themselves, which are 2⁻¹⁰⁷⁴ apart at the lower end."""
FUNCTIONS_OF_THE_LEDGER = {np.exp: "exp", np.log: "log", np.tanh: "tanh"}
COMPARISONS = (np.greater, np.greater_equal, np.less, np.less_equal)
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])

mpmath.mp.dps = 60
assert np.finfo(EXTENDED).nmant >= 63, "these tests need a longdouble of at least 64 bits"


def unit_of(dtype):
    return float(np.finfo(dtype).eps) / 2


def same_bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


class Operand:
    """A value with its bound, the exact value behind it, and what others may hold instead."""

    def __init__(self, rng, v, e, positive=False):
        dtype, tiny = v.dtype, np.finfo(v.dtype).tiny
        e = np.where((np.abs(v) < 2 * (tiny + e)) & ((v != 0) | (e != 0)), e + 2 * tiny, e)
        side = rng.choice([-1, 0, 1], v.shape)
        truth = v.astype(EXTENDED) + side * e.astype(EXTENDED)
        truth = np.maximum(truth, tiny) if positive else truth
        error = np.abs(truth - v)
        e = np.maximum(e, np.where(error > 0, np.nextafter(error.astype(np.float64), np.inf), 0))
        self.truth, self.rounded = truth, Rounded(v, e, unit_of(dtype))
        self.others = [v, self._end(v, e, 1, positive), self._end(v, e, -1, positive)]

    def _end(self, v, e, sign, positive):
        """The farthest number of this precision that is still within e of the exact value."""
        with np.errstate(all="ignore"):
            end = (self.truth + sign * e).astype(v.dtype)
            within = e * (1 - EXTENDED(TRUTH))
            for _ in range(2):
                outside = np.abs(end - self.truth) > within
                end = np.where(outside, np.nextafter(end, self.truth.astype(v.dtype)), end)
        fits = (np.abs(end - self.truth) <= within) & np.isfinite(end)
        tiny = np.finfo(v.dtype).tiny
        zero = (np.abs(end) < tiny) & (np.abs(self.truth) <= within)  # flushed
        end = np.where(zero, 0, end).astype(v.dtype)
        fits &= (np.abs(end) >= tiny) | zero
        if positive:
            fits &= end > 0
        return np.where(fits, end, v)


def magnitudes(rng, shape, dtype, exponents=None):
    """Of all scales: ordinary ones, near the least normal number and its root, and large ones."""
    low, high = np.log2(float(np.finfo(dtype).tiny)), np.log2(float(np.finfo(dtype).max))
    ranges = np.array(
        [(-3, 3), (-3, 3), (-30, 30), (low - 8, low + 8), (low / 2 - 8, low / 2 + 8), (0, high / 4)]
        if exponents is None
        else exponents
    )
    a, b = ranges[rng.integers(len(ranges), size=shape)].T
    return np.exp2(rng.uniform(a.T, b.T)).astype(dtype)


def draw(rng, shape, dtype, positive=False, exponents=None):
    """Values of all scales and signs, exact ones and others, with some exact zeros."""
    v = magnitudes(rng, shape, dtype, exponents)
    if not positive:
        v = v * rng.choice([-1, 1], shape).astype(dtype) * (rng.random(shape) > 0.02)
    u = unit_of(dtype)
    sizes = np.array([0, 0, 0, 0.5 * u, u, 10 * u, 1e3 * u, 1e5 * u, 0.1, 0.6, 3.0])
    e = np.abs(v).astype(np.float64) * rng.choice(sizes, shape) * rng.uniform(0.5, 1, shape)
    return Operand(rng, v.astype(dtype), e, positive)


def flushed(a, dtype):
    return np.where(np.abs(a) < np.finfo(dtype).tiny, 0, a)


def largest_share(bound, errors, slack):
    """The largest error over its bound; an error above it fails.

    An evaluation that overflows where others do not has no finite error, and is no matter here:
    the verdict takes an infinity for within no bound.
    """
    bound = np.asarray(bound).astype(EXTENDED)
    share = 0.0
    for error in errors:
        bad = ~(error <= bound + slack + GRAIN) & np.isfinite(bound) & ~np.isposinf(error)
        assert not bad.any(), (
            f"{np.count_nonzero(bad)} of {bad.size} above the bound, one at "
            f"{np.argwhere(bad)[0]}: error {error[bad][0]!r}, bound {bound[bad][0]!r}"
        )
        known = np.isfinite(bound) & (bound > GRAIN / TRUTH) & np.isfinite(error)
        share = max(share, float(np.max((error - slack)[known] / bound[known], initial=0)))
    return share


def arguments(ufunc, rng, count, dtype):
    """Operands in the domain of the function, where neither side overflows."""
    if ufunc is np.exp:
        return [draw(rng, count, dtype, exponents=[(-20, 2), (0, 5.5)])]
    if ufunc is np.tanh:
        return [draw(rng, count, dtype)]
    if ufunc in (np.log, np.sqrt):
        near_one = 1 + rng.choice([-1, 1], count // 2) * np.exp2(-rng.uniform(1, 23, count // 2))
        one, two = draw(rng, count - count // 2, dtype, True), near_one.astype(dtype)
        v = np.concatenate([one.rounded.value, two])
        e = np.concatenate([one.rounded.bound, two * rng.choice([0, 1e-6, 0.1], len(two))])
        return [Operand(rng, v, e.astype(np.float64), True)]
    a = draw(rng, count, dtype)
    if ufunc.nin == 1:
        return [a]
    b = draw(rng, count, dtype)
    if ufunc in (np.add, np.subtract, np.maximum):  # ties and cancellation
        close = (a.rounded.value * (1 + rng.integers(-4, 5, count) * np.finfo(dtype).eps)).astype(
            dtype
        )
        v = np.where(rng.random(count) < 0.5, close, b.rounded.value)
        b = Operand(rng, v.astype(dtype), b.rounded.bound)
    return [a, b]


def evaluations(ufunc, inputs, dtype):
    """What correct sides may compute: NumPy's value, and the worst that rounding may do to it."""
    value = ufunc(*inputs)
    yield value
    if ufunc in (np.absolute, np.negative, np.maximum):
        return
    yield flushed(value, dtype)
    ideal = ufunc(*[i.astype(EXTENDED) for i in inputs])
    if ufunc in FUNCTIONS_OF_THE_LEDGER:
        worst = ledger.worst(FUNCTIONS_OF_THE_LEDGER[ufunc], np.dtype(dtype).name)
        spacing = np.ldexp(EXTENDED(2 * unit_of(dtype)), np.frexp(ideal)[1] - 1) * (ideal != 0)
        errors = (worst * spacing, -worst * spacing)
    else:
        u = EXTENDED(unit_of(dtype))
        errors = (ideal * u / (1 + u), -ideal * u / (1 + u))
    for error in errors:
        away = ideal + error
        yield away
        yield flushed(away, dtype)


ELEMENTWISE = [
    np.add, np.subtract, np.multiply, np.divide, np.square, np.sqrt, np.absolute, np.negative,
    np.maximum, np.exp, np.log, np.tanh,
]  # fmt: skip


def test_every_operation_is_tested_here():
    assert set(ELEMENTWISE) | set(COMPARISONS) | {np.matmul} == set(UFUNCS)
    assert set(FUNCTIONS) == {
        np.sum, np.mean, np.max, np.clip, np.where, np.concatenate,
        np.zeros_like, np.ones_like, np.full_like, np.empty_like,
    }  # fmt: skip


# Element by element ------------------------------------------------------------------------------


@each_dtype
@pytest.mark.parametrize("ufunc", ELEMENTWISE, ids=lambda f: f.__name__)
def test_elementwise(ufunc, dtype):
    rng = np.random.default_rng(11)
    operands = arguments(ufunc, rng, COUNT, dtype)
    with np.errstate(all="ignore"):
        result = ufunc(*[o.rounded for o in operands])
        assert same_bits(result.value, ufunc(*[o.rounded.value for o in operands]))
        truth = ufunc(*[o.truth for o in operands])
        share = 0.0
        for inputs in product(*[o.others for o in operands]):
            errors = (np.abs(e - truth) for e in evaluations(ufunc, inputs, dtype))
            share = max(share, largest_share(result.bound, errors, TRUTH * np.abs(truth)))
    assert np.count_nonzero(np.isfinite(result.bound)) > COUNT / 2
    assert 0.1 < share <= 1  # a tenth of the bound would be below some error


def rational(a):
    """The exact rational of any floating-point number, longdouble included."""
    mantissa, exponent = np.frexp(EXTENDED(a))
    whole = int(np.ldexp(mantissa, 64))
    return Fraction(whole) * Fraction(2) ** (int(exponent) - 64)


def real(f, argument):
    """F of a rational, as a rational, to 60 digits."""
    result = f(mpmath.mpf(argument.numerator) / argument.denominator)
    mantissa, exponent = abs(result).man_exp
    return Fraction(int(mpmath.sign(result)) * int(mantissa)) * Fraction(2) ** int(exponent)


EXACTLY = {
    np.add: lambda a, b: a + b,
    np.subtract: lambda a, b: a - b,
    np.multiply: lambda a, b: a * b,
    np.divide: lambda a, b: a / b,
    np.square: lambda a: a * a,
    np.absolute: abs,
    np.negative: lambda a: -a,
    np.maximum: max,
    np.sqrt: lambda a: real(mpmath.sqrt, a),
    np.exp: lambda a: real(mpmath.exp, a),
    np.log: lambda a: real(mpmath.log, a),
    np.tanh: lambda a: real(mpmath.tanh, a),
}


@each_dtype
@pytest.mark.parametrize("ufunc", ELEMENTWISE, ids=lambda f: f.__name__)
def test_elementwise_against_exact_rationals(ufunc, dtype):
    rng = np.random.default_rng(12)
    operands = arguments(ufunc, rng, SAMPLE, dtype)
    compared = 0
    with np.errstate(all="ignore"):
        result = ufunc(*[o.rounded for o in operands])
        corners = [(i, ufunc(*i)) for i in product(*[o.others for o in operands])]
    for i in np.flatnonzero(np.isfinite(result.bound)):
        truth = EXACTLY[ufunc](*[rational(o.truth[i]) for o in operands])
        bound = rational(result.bound[i]) + Fraction(GRAIN)
        for inputs, value in corners:
            moved = ufunc in (np.absolute, np.negative, np.maximum)
            for correct in (value[i], value[i] if moved else flushed(value[i], dtype)):
                if np.isinf(correct):
                    continue
                assert abs(rational(correct) - truth) <= bound, (i, [a[i] for a in inputs])
                compared += 1
    assert compared > SAMPLE


@each_dtype
@pytest.mark.parametrize("scalar", [0.1, 3.0, -0.7, 0.5, 2, 1, 1e-3, 1e-7, 1 - 1e-7, 0.999])
@pytest.mark.parametrize("name", ["a + s", "s - a", "s * a", "a / s", "s / a"])
def test_with_a_python_scalar(name, scalar, dtype):
    """The scalar carries the error of its conversion; by a power of two nothing is rounded."""
    compute = eval(f"lambda a, s: {name}")
    rng = np.random.default_rng(13)
    a = draw(rng, COUNT // 10, dtype)
    with np.errstate(all="ignore"):
        result = compute(a.rounded, scalar)
        assert same_bits(result.value, compute(a.rounded.value, scalar))
        truth = compute(a.truth, EXTENDED(scalar))
        values = [compute(other, scalar) for other in a.others]
        if name == "s / a" and scalar == 1:  # through a reciprocal within the ledger
            worst = ledger.worst("reciprocal", np.dtype(dtype).name)
            for other in a.others:
                ideal = 1 / other.astype(EXTENDED)
                spacing = np.ldexp(EXTENDED(2 * unit_of(dtype)), np.frexp(ideal)[1] - 1)
                values += [ideal + worst * spacing, ideal - worst * spacing]
        errors = [np.abs(flush(v) - truth) for v in values for flush in (
            lambda v: v, lambda v: flushed(v, dtype),
        )]  # fmt: skip
        share = largest_share(result.bound, errors, TRUTH * np.abs(truth))
    assert 0.1 < share <= 1


@each_dtype
def test_a_power_of_two_costs_nothing(dtype):
    rng = np.random.default_rng(14)
    a = exact(magnitudes(rng, 1000, dtype, [(-30, 30)]))
    for result in (2 * a, a * 0.5, a / 4, a / 1, 1.0 * a):
        assert not result.bound.any()
    for result in (3 * a, a / 3, a + 1):
        assert result.bound.all()


# Branches ----------------------------------------------------------------------------------------


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


# Sums and products of n terms --------------------------------------------------------------------


def pairwise(terms):
    terms = list(terms)
    while len(terms) > 1:
        odd = terms[len(terms) // 2 * 2 :]
        terms = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)] + odd
    return terms[0]


ORDERS = {
    "forward": lambda terms: reduce(np.add, terms),
    "reversed": lambda terms: reduce(np.add, terms[::-1]),
    "pairwise": pairwise,
    "largest first": lambda terms: reduce(
        np.add, np.take_along_axis(terms, np.argsort(-np.abs(terms), axis=0), 0)
    ),
    "correctly rounded": lambda terms: np.array(
        [fsum(column) for column in terms.astype(np.float64).T[:2000]]
    ).astype(terms.dtype),
}


def terms_of(rng, n, count, dtype):
    """(n, count): columns of like scale, of any scale, and columns that cancel."""
    ranges = [(-2, 2)] if rng.random() < 0.7 else None
    operand = draw(rng, (n, count), dtype, exponents=ranges)
    if n > 1 and rng.random() < 0.5:
        v = operand.rounded.value.copy()
        v[-1] = -np.sum(v[:-1], axis=0)
        operand = Operand(rng, v, operand.rounded.bound)
    return operand


@each_dtype
@pytest.mark.parametrize("function", [np.sum, np.mean], ids=lambda f: f.__name__)
def test_sums_in_any_order(function, dtype):
    rng = np.random.default_rng(20)
    share, elements = 0.0, 0
    for n in (1, 2, 2, 3, 4, 7, 8, 16, 32, 100):
        count = COUNT // 9 if n < 50 else COUNT // 50
        a = terms_of(rng, n, count, dtype)
        divisor = EXTENDED(n if function is np.mean else 1)
        with np.errstate(under="ignore"):
            truth = reduce(np.add, a.truth) / divisor
            slack = n * TRUTH * reduce(np.add, np.abs(a.truth)) / divisor
            for axis, keepdims in ((0, False), (0, True)):
                result = function(a.rounded, axis=axis, keepdims=keepdims)
                plain = function(a.rounded.value, axis=axis, keepdims=keepdims)
                assert same_bits(result.value, plain)
            across = function(a.rounded.T, axis=-1)
            assert same_bits(across.value, function(a.rounded.value.T, axis=-1))
            for one, order in product(a.others, ORDERS.values()):
                total = order(one)
                m = len(total)
                rounded_twice = total * dtype(1 / n) if function is np.mean else total
                mean = (total / divisor).astype(dtype) if function is np.mean else total
                for value in (mean, rounded_twice, flushed(mean, dtype)):
                    error = np.abs(value - truth[:m])
                    for bound in (result.bound[0, :m], across.bound[:m]):
                        share = max(share, largest_share(bound, [error], slack[:m]))
        elements += count
    assert elements >= COUNT
    assert 0.1 < share <= 1


@each_dtype
@pytest.mark.parametrize("function", [np.sum, np.mean], ids=lambda f: f.__name__)
def test_the_sum_of_everything(function, dtype):
    rng = np.random.default_rng(21)
    for shape in [(1, 1), (3, 1), (5, 7), (40, 25)]:
        a = draw(rng, shape, dtype, exponents=[(-4, 4)])
        result = function(a.rounded)
        assert same_bits(np.asarray(result.value), np.asarray(function(a.rounded.value)))
        truth = sum(map(rational, a.truth.flat), Fraction())
        n = a.rounded.size if function is np.mean else 1
        for one in a.others:
            value = np.float64(fsum(one.ravel())) / n
            error = abs(rational(dtype(value)) - truth / n)
            assert error <= rational(result.bound) + Fraction(GRAIN)
            assert abs(rational(function(one)) - truth / n) <= rational(result.bound) + Fraction(
                GRAIN
            )


@each_dtype
def test_sums_against_exact_rationals(dtype):
    rng = np.random.default_rng(22)
    for n in (2, 3, 5, 9, 33):
        a = terms_of(rng, n, SAMPLE // 10, dtype)
        result, average = np.sum(a.rounded, axis=0), np.mean(a.rounded, axis=0)
        values = [order(one) for one, order in product(a.others, ORDERS.values())]
        for i in range(SAMPLE // 10):
            truth = sum(map(rational, a.truth[:, i]), Fraction())
            for value in values:
                assert abs(rational(value[i]) - truth) <= rational(result.bound[i]) + Fraction(
                    GRAIN
                )
                mean = dtype(value[i] / dtype(n))
                assert abs(rational(mean) - truth / n) <= rational(average.bound[i]) + Fraction(
                    GRAIN
                )


@each_dtype
def test_products_of_matrices_in_any_order(dtype):
    rng = np.random.default_rng(23)
    share, elements = 0.0, 0
    for k, ranges in [
        (1, None), (1, [(-3, 3)]), (2, [(-3, 3)]), (3, None), (4, [(-3, 3)]), (7, [(-3, 3)]),
        (16, [(-3, 3)]), (33, [(-3, 3)]),
    ]:  # fmt: skip
        rows = 160 if k < 10 else 60
        a = draw(rng, (rows, k), dtype, exponents=ranges)
        b = draw(rng, (k, 120), dtype, exponents=ranges)
        with np.errstate(all="ignore"):
            result = a.rounded @ b.rounded
            assert same_bits(result.value, a.rounded.value @ b.rounded.value)
            terms = a.truth.T[:, :, None] * b.truth[:, None, :]
            truth, absolute = (reduce(np.add, t) for t in (terms, np.abs(terms)))
            errors = []
            for one, other in product(a.others, b.others):
                rounded_terms = one.T[:, :, None] * other[:, None, :]
                orders = [ORDERS[o](rounded_terms) for o in ("forward", "reversed", "pairwise")]
                orders.append(reduce(np.add, flushed(rounded_terms, dtype)))
                contracted = reduce(  # each product enters unrounded, as by a fused a·b + c
                    lambda s, t: (s + t).astype(dtype),
                    one.astype(EXTENDED).T[:, :, None] * other.astype(EXTENDED)[:, None, :],
                    np.zeros((), dtype),
                )
                errors += [np.abs(v - truth) for v in (*orders, contracted, one @ other)]
            share = max(share, largest_share(result.bound, errors, k * TRUTH * absolute))
        elements += truth.size
    assert elements >= COUNT
    assert 0.1 < share <= 1


@each_dtype
def test_products_of_matrices_against_exact_rationals(dtype):
    rng = np.random.default_rng(24)
    for k, ranges in [(1, None), (2, None), (3, [(-3, 3)]), (17, [(-3, 3)])]:
        a = draw(rng, (4, k), dtype, exponents=ranges)
        b = draw(rng, (k, 5), dtype, exponents=ranges)
        with np.errstate(all="ignore"):
            result = a.rounded @ b.rounded
            values = [one @ other for one, other in product(a.others, b.others)]
        for i, j in np.ndindex(4, 5):
            truth = sum(
                (rational(x) * rational(y) for x, y in zip(a.truth[i], b.truth[:, j], strict=True)),
                Fraction(),
            )
            if np.isfinite(result.bound[i, j]):
                for value in values:
                    bound = rational(result.bound[i, j]) + Fraction(GRAIN)
                    assert abs(rational(value[i, j]) - truth) <= bound


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


# Moving numbers about ----------------------------------------------------------------------------


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


# Refusals ----------------------------------------------------------------------------------------


def test_too_many_terms_are_refused():
    for dtype, n in ((np.float32, 167_772), (np.float64, 90_071_992_547_409)):
        u = unit_of(dtype)
        assert gamma(n, u) == n * u / (1 - n * u)
        with pytest.raises(NoBoundError, match=r"a sum of \d+ terms at unit roundoff .*: expected"):
            gamma(n + 1, u)
    many = exact(np.zeros((1, 167_773), np.float32))
    with pytest.raises(NoBoundError, match="a sum of 167773 terms"):
        many @ many.T
    with pytest.raises(NoBoundError, match="a sum of 167773 terms"):
        np.sum(exact(np.zeros(167_774, np.float32)))
    with pytest.raises(NoBoundError, match="a sum of 167773 terms"):
        np.mean(exact(np.zeros(167_774, np.float32)))


UNKNOWN = {
    "arctan (__call__)": lambda a: np.arctan(a),
    "power (__call__)": lambda a: a**2,
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


def test_a_mask_and_a_mask():
    a = Rounded(np.array([1.0, 2, 3]), np.array([0.3, 0, 0]), 2.0**-53)
    both = (a > 1) & (a < 3)
    assert isinstance(both, Mask)
    assert both.value.tolist() == [False, True, False]
    assert both.undecided.tolist() == [True, False, False]


# Over whole steps --------------------------------------------------------------------------------


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


def test_only_a_division_by_a_count_may_round_twice():
    a = exact(np.array([3.0, 5.0], np.float64))
    once, twice = (a / 0.75).bound, (a / 7).bound
    assert ((a.value / 0.75 * a.unit <= once) & (once < 2 * a.value / 0.75 * a.unit)).all()
    assert (twice >= 2 * a.value / 7 * a.unit).all()
    assert ((a / 8).bound == 0).all()
