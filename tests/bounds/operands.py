"""Arrays that carry a bound: the bound is never below the true error, and not far above it.

An operand is a value v with a bound e, an exact value a* with |v − a*| ≤ e, and what other correct
evaluations may hold instead of v: any number a' with |a' − a*| ≤ e. All of them are put at the
ends of their ranges. The truth is computed in longdouble (11 bits more than float64, so that its
own error is 2⁻⁶⁰ of the result and is allowed for), and on a sample in exact rationals or with
mpmath's 60 digits, where nothing is allowed for.
"""

from fractions import Fraction

import mpmath
import numpy as np
import pytest

from tftwin.lockstep.roundoff import Rounded

COUNT = 100_000
SAMPLE = 400
EXTENDED = np.longdouble
TRUTH = 2.0**-60
"""Relative error allowed for the truth in longdouble: glibc's tanhl is documented with 3 ulp of
2⁻⁶³, and errors are differences of two such numbers."""
GRAIN = 2.0**-1070
"""Bounds are float64 numbers themselves, which are 2⁻¹⁰⁷⁴ apart at the lower end."""
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])

mpmath.mp.dps = 60
assert np.finfo(EXTENDED).nmant >= 63, "these tests need a longdouble of at least 64 bits"


def unit_of(dtype):
    return float(np.finfo(dtype).eps) / 2


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
    if ufunc in (np.exp, np.expm1):
        return [draw(rng, count, dtype, exponents=[(-20, 2), (0, 5.5)])]
    if ufunc is np.log1p:
        return [draw(rng, count, dtype, True)]
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


def rational(a):
    """The exact rational of any floating-point number, longdouble included."""
    mantissa, exponent = np.frexp(EXTENDED(a))
    whole = int(np.ldexp(mantissa, 64))
    return Fraction(whole) * Fraction(2) ** (int(exponent) - 64)
