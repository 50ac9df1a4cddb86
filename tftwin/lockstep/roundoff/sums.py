"""The bounds of sums and products of n terms, which may be added in any order."""

from typing import Any

import numpy as np

from refnn.typing import Array
from tftwin.lockstep.roundoff.operands import Bounded, NoBoundError
from tftwin.lockstep.roundoff.rounding import OWN_ROUNDING, largest, rounded


def gamma(n: int, unit: float) -> float:
    """γₙ = n u / (1 − n u) (Higham, lemma 3.1).

    Raises
    ------
    NoBoundError
        If n u > 0.01: the bound would say little.
    """
    if n * unit > 0.01:
        raise NoBoundError(f"a sum of {n} terms at unit roundoff {unit:.3g}: expected n u <= 0.01")
    return n * unit / (1 - n * unit)


def matmul(value: Any, a: Bounded, b: Bounded) -> Array:
    """γ_k |a| |b| + e_a |b| + |a| e_b, with the largest magnitudes; k products, k − 1 sums."""
    k = a.shape[-1]
    one, other = largest(a), largest(b)
    e = one @ (gamma(k, a.unit) * other + b.bound) + a.bound @ other
    underflow = 2 * k * np.finfo(value.dtype).tiny
    absolute = one @ other
    e = np.where(absolute > 0, e + underflow, e) * (OWN_ROUNDING + k * 2.0**-51)
    e = np.where(absolute > np.finfo(value.dtype).max, np.inf, e)  # in another order it overflows
    return np.where(np.isnan(e) | ~np.isfinite(value), np.inf, e)


def sum_(
    value: Any, like: Bounded, a: Bounded, axis: int | None = None, *, keepdims: bool = False
) -> Array:
    """Σ e + γ_(n−1) Σ |a|."""
    n = a.size // max(value.size, 1)
    absolute = np.sum(largest(a), axis=axis, keepdims=keepdims)
    p = np.sum(a.bound, axis=axis, keepdims=keepdims) + gamma(n - 1, a.unit) * absolute
    p = p * (1 + n * 2.0**-51) + n * np.finfo(value.dtype).tiny * ((absolute > 0) & (n > 1))
    p = np.where(absolute > np.finfo(value.dtype).max, np.inf, p)  # in another order it overflows
    return rounded(value, p, a.unit, roundings=0, exact_zero=True)


def mean(
    value: Any, like: Bounded, a: Bounded, axis: int | None = None, *, keepdims: bool = False
) -> Array:
    """The sum over n; dividing rounds once, multiplying by 1/n twice."""
    n = a.size // max(value.size, 1)
    total = np.sum(a.value, axis=axis, keepdims=keepdims)
    p = sum_(total, like, a, axis, keepdims=keepdims) / n
    return rounded(value, p, a.unit, roundings=2 * (n > 1), exact_zero=True)
