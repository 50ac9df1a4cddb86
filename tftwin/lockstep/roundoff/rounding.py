"""What rounding a result adds to the error that comes from the operands."""

from typing import Any

import numpy as np

from refnn.typing import Array
from tftwin.lockstep.roundoff.operands import Bounded

OWN_ROUNDING = 1 + 2.0**-44
"""A bound is itself computed in float64: fewer than 2⁸ roundings of 2⁻⁵³. Sums allow for more."""


def largest(a: Bounded) -> Array:
    """Return |v| + 2 e, the largest magnitude that an evaluation's operand can have."""
    magnitude: Array = np.abs(a.value).astype(np.float64) + 2 * a.bound
    return magnitude


def ulp(magnitude: Array, unit: float) -> Array:
    """Return the spacing of floating-point numbers of this magnitude."""
    spacing = np.ldexp(2 * unit, np.frexp(magnitude * (1 + 2.0**-20))[1] - 1)
    return np.where(magnitude > 0, spacing, 0.0)


def rounded(
    value: Any,
    p: Any,
    unit: float,
    *,
    roundings: float = 1,
    ulps: float = 0,
    exact_zero: Any = False,
) -> Array:
    """Return the bound of a result: propagated error, own rounding, underflow.

    Parameters
    ----------
    value, p
        The value and the propagated error.
    unit : float
        The unit roundoff u.
    roundings : float
        How often the operation rounds: u times the result's magnitude each.
    ulps : float
        The ledger's worst error of the function.
    exact_zero : bool Array
        Where a value of 0 is exact because an operand is an exact 0.
    """
    magnitude = np.abs(value).astype(np.float64) + 2 * p
    e = p + roundings * unit * (1 + unit) * magnitude
    if ulps:
        e = e + ulps * ulp(magnitude, unit)
    tiny = np.finfo(value.dtype).tiny
    flushed = (np.abs(value) < 2 * (tiny + p)) & ~((value == 0) & ((p == 0) & exact_zero))
    if np.any(flushed):
        e = np.where(flushed, e + tiny, e)
    return finite_or_infinite(value, e * OWN_ROUNDING)


def finite_or_infinite(value: Any, e: Any) -> Array:
    """Return the bound; infinite where an evaluation within 2 e of the value may overflow."""
    reach = np.abs(value).astype(np.float64) + 2 * e
    return np.where(reach <= np.finfo(value.dtype).max, e, np.inf)
