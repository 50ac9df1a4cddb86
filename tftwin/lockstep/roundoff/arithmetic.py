"""The bounds of + − × ÷ √: each rounds once, u times the result's magnitude."""

from typing import Any

import numpy as np

from refnn.typing import Array
from tftwin.lockstep.roundoff.choices import select
from tftwin.lockstep.roundoff.functions import reciprocal
from tftwin.lockstep.roundoff.operands import (
    Bounded,
    Operand,
    Outcome,
    is_count,
    is_power_of_two,
    is_zero,
)
from tftwin.lockstep.roundoff.rounding import largest, rounded


def add(value: Any, a: Bounded, b: Bounded) -> Array:
    """|(a' + b') − (a* + b*)| ≤ e_a + e_b."""
    return rounded(value, a.bound + b.bound, a.unit, exact_zero=True)


def least_of_sum(a: Bounded, b: Bounded) -> float:
    """a' + b' ≥ least a + least b, less the rounding."""
    return (a.least + b.least) * (1 - 4 * a.unit)


def subtract(value: Any, a: Bounded, b: Bounded) -> Array:
    """As a sum."""
    return add(value, a, b)


def multiply(value: Any, a: Operand, b: Operand) -> Array:
    """|a' b' − a* b*| ≤ |a*| e_b + |b*| e_a + e_a e_b; a comparison selects a or 0."""
    if isinstance(a, Outcome):
        return select(a, b)
    if isinstance(b, Outcome):
        return select(b, a)
    p = largest(a) * b.bound + largest(b) * a.bound
    roundings = 0 if is_power_of_two(a) or is_power_of_two(b) else 1
    return rounded(value, p, a.unit, roundings=roundings, exact_zero=is_zero(a) | is_zero(b))


def divide(value: Any, a: Bounded, b: Bounded) -> Array:
    """|a'/b' − a*/b*| ≤ (e_a + |a*/b*| e_b) / |b'|, with |b'| ≥ |v_b| − 2 e_b and ≥ its least.

    A sum over a count n is a mean, which a library may compute as a multiplication by 1/n: two
    roundings.
    """
    smallest = np.maximum(np.abs(b.value).astype(np.float64) - 2 * b.bound, b.least)
    p = a.bound / smallest + largest(a) / smallest * (b.bound / smallest)
    p = np.where(smallest > 0, p, np.inf)
    if is_power_of_two(b):
        return rounded(value, p, a.unit, roundings=0, exact_zero=is_zero(a))
    if a.ndim == 0 and a.value == 1 and a.bound == 0 and a.unit:
        return reciprocal(value, p, a.unit)
    return rounded(value, p, a.unit, roundings=2 if is_count(b) else 1, exact_zero=is_zero(a))


def square(value: Any, a: Bounded) -> Array:
    """As a · a."""
    return multiply(value, a, a)


def power(value: Any, a: Bounded, n: int) -> Array:
    """|a'ⁿ − a*ⁿ| ≤ n e max |a|ⁿ⁻¹; n − 1 products round, or one power and its conversion."""
    p = n * a.bound * largest(a) ** max(n - 1, 0)
    return rounded(value, p, a.unit, roundings=max(n, 2), exact_zero=is_zero(a))


def sqrt(value: Any, a: Bounded) -> Array:
    """|√a' − √a*| ≤ e / √a* and ≤ √e."""
    least = np.sqrt(np.maximum(a.value.astype(np.float64) - a.bound, 0))
    p = np.where(a.bound == 0, 0, np.minimum(a.bound / least, np.sqrt(a.bound)))
    return rounded(value, p, a.unit, exact_zero=is_zero(a))


def least_of_root(a: Bounded) -> float:
    """No root is below 0."""
    return 0.0
