"""The bounds of exp, log, tanh, 1/x, e^x − 1 and ln(1 + x): the ledger has their own errors."""

from typing import Any

import numpy as np

from refnn.typing import Array
from tftwin.lockstep.ledger import overflow, underflow, worst
from tftwin.lockstep.roundoff.operands import Bounded, is_zero
from tftwin.lockstep.roundoff.rounding import rounded


def exp(value: Any, a: Bounded) -> Array:
    """|e^a' − e^a*| ≤ e^a* (e^e − 1) ≤ e^v e^e (e^e − 1).

    In the last binade below infinity a kernel may scale in two parts, and err more.
    """
    name, last = value.dtype.name, np.finfo(value.dtype).max / 2
    least = np.maximum(np.abs(value).astype(np.float64), np.finfo(value.dtype).tiny)
    p = np.where(a.bound > 0, least * (1 + 16 * a.unit) * np.exp(a.bound) * np.expm1(a.bound), 0.0)
    ulps = worst("exp", name)
    if np.any(np.abs(value) + 2 * p > last):
        ulps = max(ulps, overflow("exp", name))
    return rounded(value, p, a.unit, roundings=0, ulps=ulps)


def expm1(value: Any, a: Bounded) -> Array:
    """As exp, whose value is this one and 1; near 0 the result is as small as its argument."""
    name, last = value.dtype.name, np.finfo(value.dtype).max / 2
    e_a = np.exp(a.value.astype(np.float64)) * (1 + 16 * a.unit)
    p = np.where(a.bound > 0, e_a * np.exp(a.bound) * np.expm1(a.bound), 0.0)
    ulps = worst("expm1", name)
    if np.any(np.abs(value) + 2 * p > last):
        ulps = max(ulps, overflow("expm1", name))
    return rounded(value, p, a.unit, roundings=0, ulps=ulps, exact_zero=is_zero(a))


def log1p(value: Any, a: Bounded) -> Array:
    """|ln(1 + a') − ln(1 + a*)| ≤ e / (1 + min(a', a*)), both at least v − 2 e.

    The ledger holds its error for arguments of at least 0; below there is no bound.
    """
    smallest = a.value.astype(np.float64) - 2 * a.bound
    p = a.bound / (1 + np.maximum(smallest, 0))
    p = np.where(smallest < -4 * np.finfo(value.dtype).tiny, np.inf, p)
    ulps = worst("log1p", value.dtype.name)
    return rounded(value, p, a.unit, roundings=0, ulps=ulps, exact_zero=is_zero(a))


def log(value: Any, a: Bounded) -> Array:
    """|ln a' − ln a*| ≤ e / min(a', a*), both at least v − 2 e."""
    smallest = a.value.astype(np.float64) - 2 * a.bound
    p = np.where(a.bound == 0, 0, np.where(smallest > 0, a.bound / smallest, np.inf))
    ulps = worst("log", value.dtype.name)
    return rounded(value, p, a.unit, roundings=0, ulps=ulps, exact_zero=True)


def tanh(value: Any, a: Bounded) -> Array:
    """|tanh a' − tanh a*| ≤ e · max tanh', and tanh' = 1 − tanh² is largest nearest to 0.

    Both lie in [−1, 1], so that they are at most 1 + |v| apart.
    """
    ulps = worst("tanh", value.dtype.name)
    least = np.abs(value).astype(np.float64) * (1 - 2 * ulps * a.unit) - 2 * a.bound
    p = np.fmin(a.bound * (1 - np.square(np.maximum(least, 0))), 1 + np.abs(value))
    return rounded(value, p, a.unit, roundings=0, ulps=ulps, exact_zero=is_zero(a))


def reciprocal(value: Any, p: Any, unit: float) -> Array:
    """1/b: ``divide`` gives the propagated error p.

    TensorFlow differentiates the logarithm through a reciprocal that it approximates.
    """
    tiny, name = np.finfo(value.dtype).tiny, value.dtype.name
    small = np.abs(value) < 2**23 * tiny
    p = p + np.where(small, underflow("reciprocal", name) * tiny, 0)
    return rounded(value, p, unit, ulps=worst("reciprocal", name))
