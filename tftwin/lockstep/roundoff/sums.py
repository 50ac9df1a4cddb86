"""The bounds of sums and products of n terms, which may be added in any order."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from refnn.typing import Array
from tftwin.lockstep.roundoff.operands import Bounded
from tftwin.lockstep.roundoff.rounding import OWN_ROUNDING, finite_or_infinite, largest, rounded

LAMBDA = 6.0
"""Of the usual error: a sum of n terms exceeds it with probability 2 n e^(−λ²/2), or less."""

_USUAL = ContextVar("usual", default=False)


@contextmanager
def usual() -> Iterator[None]:
    """Let a sum of n terms err like √n inside the block, and not like n.

    Roundings have random signs, mostly (Higham and Mary, *A new approach to probabilistic rounding
    error analysis*, 2019). What comes of it is a figure, and no bound.
    """
    token = _USUAL.set(True)
    try:
        yield
    finally:
        _USUAL.reset(token)


def gamma(n: int, unit: float) -> float:
    """γₙ = n u / (1 − n u) for n u < 1 (Higham, lemma 3.1); beyond, nothing is known."""
    if _USUAL.get():
        return float(min(n, LAMBDA * n**0.5) * unit)
    return n * unit / (1 - n * unit) if n * unit < 1 else np.inf


def matmul(value: Any, a: Bounded, b: Bounded) -> Array:
    """γ_k |a| |b| + e_a |b| + |a| e_b, with the largest magnitudes; k products, k − 1 sums.

    Of exact operands |a| |b| is computed in their own dtype, with a relative error of γ_k.
    """
    k = a.shape[-1]
    g = gamma(k, a.unit)
    if not (np.any(a.bound) or np.any(b.bound)):
        e = (np.abs(a.value) @ np.abs(b.value)).astype(np.float64) * (g * (1 + 2 * g))
    else:
        one, other = largest(a), largest(b)
        e = one @ (g * other + b.bound) + a.bound @ other
    overflow = e > g * float(np.finfo(value.dtype).max)  # of a partial sum, in another order
    e = (e + 2 * k * np.finfo(value.dtype).tiny * meet(a.value, b.value)) * (
        OWN_ROUNDING + k * 2.0**-51
    )
    return finite_or_infinite(value, np.where(overflow, np.inf, e))


def meet(a: Array, b: Array) -> Array:
    """Where a row of a and a column of b both hold a number that is not 0."""
    rows, columns = np.any(a != 0, axis=-1), np.any(b != 0, axis=0)
    return rows[..., None] & columns


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
