"""The bounds of operations that compare, choose or move numbers: they round nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from refnn.typing import Array
from tftwin.lockstep.roundoff.operands import Bounded, Outcome, operand, plain
from tftwin.lockstep.roundoff.rounding import OWN_ROUNDING, largest


def compare(value: Any, a: Bounded, b: Bounded) -> Array:
    """Return where it is undecided: all evaluations agree where |v_a − v_b| > 2 (e_a + e_b)."""
    slack = 2 * (a.bound + b.bound)
    gap = np.abs(a.value.astype(np.float64) - b.value.astype(np.float64))
    undecided: Array = (gap <= slack) & (slack > 0)
    return undecided


def select(chosen: Outcome, a: Bounded) -> Array:
    """A product with a comparison is a or 0. The bound is that of a, or 0; where undecided, |a|.

    If a is not finite, or its bound is not, the product with 0 may be NaN. XLA makes the product a
    choice, which is 0 there.
    """
    finite = np.isfinite(a.value) & np.isfinite(a.bound)
    e = np.where(chosen.value, a.bound, np.where(finite, 0, np.inf))
    return np.where(chosen.undecided, largest(a) * OWN_ROUNDING, e)


def where(value: Any, like: Bounded, condition: Any, a: Any, b: Any) -> Array:
    """The bound of the branch taken; where undecided, the jump to the other one is added.

    |b' − a*| ≤ |b' − b*| + |b* − v_b| + |v_b − v_a| + |v_a − a*| ≤ 2 e_b + jump + e_a.
    """
    a, b = operand(a, like), operand(b, like)
    taken: Array = np.where(plain(condition), a.bound, b.bound)
    if isinstance(condition, Outcome):
        jump = np.abs(a.value.astype(np.float64) - b.value.astype(np.float64))
        either = (jump + a.bound + b.bound + np.maximum(a.bound, b.bound)) * OWN_ROUNDING
        taken = np.where(condition.undecided, either, taken)
    return taken


def maximum(value: Any, a: Bounded, b: Bounded) -> Array:
    """|max(a', b') − max(a*, b*)| ≤ max(e_a, e_b)."""
    larger: Array = np.maximum(a.bound, b.bound)
    return larger


def minimum(value: Any, a: Bounded, b: Bounded) -> Array:
    """As the maximum."""
    return maximum(value, a, b)


def sign(value: Any, a: Bounded) -> Array:
    """−1, 0 or 1: without error where a' and a* lie on one side of 0, else they are 2 apart."""
    undecided = (np.abs(a.value.astype(np.float64)) <= 2 * a.bound) & (a.bound > 0)
    return np.where(undecided, 2.0, 0.0)


def max_(
    value: Any, like: Bounded, a: Bounded, axis: int | None = None, *, keepdims: bool = False
) -> Array:
    """|max a' − max a*| ≤ max e."""
    e: Array = np.max(a.bound, axis=axis, keepdims=keepdims)
    return e


def clip(value: Any, like: Bounded, a: Bounded, low: float, high: float) -> Array:
    """The error of a, and that of an edge where a may lie at or beyond it."""
    lo, hi = operand(low, a), operand(high, a)
    least, most = a.value - 2 * a.bound, a.value + 2 * a.bound
    beyond_lo, beyond_hi = most < lo.value - 2 * lo.bound, least > hi.value + 2 * hi.bound
    near_lo, near_hi = least <= lo.value + 2 * lo.bound, most >= hi.value - 2 * hi.bound
    e: Array = np.where(beyond_lo | beyond_hi, 0, a.bound)
    e = np.maximum(e, np.where(near_lo, lo.bound, 0))
    return np.maximum(e, np.where(near_hi, hi.bound, 0))


def unchanged(value: Any, a: Bounded) -> Array:
    """|a| and −a have the bound of a."""
    e: Array = a.bound
    return e


def concatenate(value: Any, like: Bounded, arrays: Sequence[Any], axis: int | None = 0) -> Array:
    """One after the other."""
    return np.concatenate([operand(a, like).bound for a in arrays], axis)


def filled(value: Any, like: Bounded, a: Bounded, fill_value: float = 0.0) -> Array:
    """zeros_like, ones_like, full_like, empty_like: the error of converting what is filled in."""
    return np.full(a.shape, operand(fill_value, a).bound)
