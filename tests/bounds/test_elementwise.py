"""Element by element: the bound of each operation is never below the error, and near it."""

from fractions import Fraction
from itertools import product

import mpmath
import numpy as np
import pytest

from tests.bounds.operands import (
    COUNT,
    EXTENDED,
    GRAIN,
    SAMPLE,
    TRUTH,
    arguments,
    draw,
    each_dtype,
    flushed,
    largest_share,
    magnitudes,
    rational,
    unit_of,
)
from tests.helpers import same_bits
from tftwin.lockstep import ledger
from tftwin.lockstep.roundoff import (
    FUNCTIONS,
    UFUNCS,
    exact,
)

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
COMPARISONS = (np.greater, np.greater_equal, np.less, np.less_equal)
FUNCTIONS_OF_THE_LEDGER = {
    np.exp: "exp", np.log: "log", np.tanh: "tanh", np.expm1: "expm1", np.log1p: "log1p",
}  # fmt: skip
NOT_ROUNDED = (np.absolute, np.negative, np.maximum, np.minimum, np.sign)


ELEMENTWISE = [
    np.add, np.subtract, np.multiply, np.divide, np.square, np.sqrt, np.absolute, np.negative,
    np.maximum, np.minimum, np.sign, np.exp, np.log, np.tanh, np.expm1, np.log1p,
]  # fmt: skip


def test_every_operation_is_tested_here():
    assert set(ELEMENTWISE) | set(COMPARISONS) | {np.matmul} == set(UFUNCS)
    assert set(FUNCTIONS) == {
        np.sum, np.mean, np.max, np.clip, np.where, np.concatenate,
        np.zeros_like, np.ones_like, np.full_like, np.empty_like,
    }  # fmt: skip


def evaluations(ufunc, inputs, dtype):
    """What correct sides may compute: NumPy's value, and the worst that rounding may do to it."""
    value = ufunc(*inputs)
    yield value
    if ufunc in NOT_ROUNDED:
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
    np.minimum: min,
    np.sign: lambda a: Fraction((a > 0) - (a < 0)),
    np.sqrt: lambda a: real(mpmath.sqrt, a),
    np.exp: lambda a: real(mpmath.exp, a),
    np.log: lambda a: real(mpmath.log, a),
    np.tanh: lambda a: real(mpmath.tanh, a),
    np.expm1: lambda a: real(mpmath.expm1, a),
    np.log1p: lambda a: real(mpmath.log1p, a),
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
            moved = ufunc in NOT_ROUNDED
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


def test_only_a_division_by_a_count_may_round_twice():
    a = exact(np.array([3.0, 5.0], np.float64))
    once, twice = (a / 0.75).bound, (a / 7).bound
    assert ((a.value / 0.75 * a.unit <= once) & (once < 2 * a.value / 0.75 * a.unit)).all()
    assert (twice >= 2 * a.value / 7 * a.unit).all()
    assert ((a / 8).bound == 0).all()
