"""What a rule is given: numbers with their bounds, and the outcomes of comparisons."""

from typing import Any, TypeAlias

import numpy as np

from refnn.typing import Array


class NoBoundError(TypeError):
    """There is no derived bound for this operation."""


class Bounded:
    """A value and, for each element, a bound on its rounding error.

    Parameters
    ----------
    value : Array
        float32 or float64.
    bound : Array
        float64, of the same shape.
    unit : float
        The unit roundoff u: 2⁻²⁴ or 2⁻⁵³. With 0 the bound holds for evaluations that round
        identically and differ only in what they flush to zero.
    least : float
        No evaluation is below it. A square root is at least 0, so that √v + ε is at least ε,
        however uncertain v is.
    """

    def __init__(self, value: Any, bound: Any, unit: float, least: float = -np.inf) -> None:
        self.value, self.bound, self.unit, self.least = value, bound, unit, least

    dtype = property(lambda self: self.value.dtype)
    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)


class Outcome:
    """The outcome of a comparison, and where the bounds leave it undecided."""

    def __init__(self, value: Any, undecided: Any) -> None:
        self.value, self.undecided = value, undecided


Operand: TypeAlias = Any
"""Bounded, or an Outcome."""


def plain(a: Any) -> Any:
    """Return what NumPy computes with: the value of an operand, anything else as it is."""
    return a.value if isinstance(a, (Bounded, Outcome)) else a


def values(a: Any) -> Any:
    """Return the same of an argument that may also be a list of arrays."""
    return tuple(map(plain, a)) if isinstance(a, (list, tuple)) else plain(a)


def operand(a: Any, like: Bounded) -> Operand:
    """Return any argument with its bound; a Python scalar carries the error of its conversion."""
    if isinstance(a, Outcome) or (isinstance(a, Bounded) and a.dtype == like.dtype):
        return a
    if isinstance(a, (bool, int, float)):
        value = like.dtype.type(a)
        error = abs(float(value) - float(a)) if like.unit else 0.0
        if abs(value) < np.finfo(like.dtype).tiny:  # it may be flushed to zero
            return Bounded(
                value, np.float64(error + abs(float(value))), like.unit, min(float(a), 0.0)
            )
        return Bounded(value, np.float64(error), like.unit, float(value))
    if a.dtype != like.dtype:
        raise NoBoundError(f"a {a.dtype} array meets a {like.dtype} array; expected one dtype")
    array = np.asarray(a)
    return Bounded(array, input_bound(array), like.unit)


def input_bound(array: Array) -> Array:
    """Return the bound of an input: 0, but for subnormal numbers, which may be flushed."""
    magnitude = np.abs(array).astype(np.float64)
    return np.where(magnitude < np.finfo(array.dtype).tiny, magnitude, 0)


def is_zero(a: Bounded) -> Array:
    """Where an operand is an exact 0."""
    zero: Array = (a.value == 0) & (a.bound == 0)
    return zero


def is_power_of_two(a: Bounded) -> bool:
    """Whether an operand is one exact power of two, by which products and quotients are exact."""
    return bool(a.ndim == 0 and a.bound == 0 and abs(np.frexp(a.value)[0]) == 0.5)


def is_count(a: Bounded) -> bool:
    """Whether an operand is one exact whole number."""
    return bool(a.ndim == 0 and a.bound == 0 and a.value == np.trunc(a.value))
