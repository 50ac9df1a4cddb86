"""Refusals: each names the argument, what came, and what was expected."""

import math
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from refnn.typing import Array

FLOATS = (np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.longdouble))


def number(owner: object, field: str, expected: str, accepts: Callable[[float], bool]) -> None:
    """Check a hyper-parameter of a frozen dataclass and store it as a Python float.

    A Python float adapts to the dtype of the arrays it meets; a ``np.float64`` would silently
    turn float32 arithmetic into float64.

    Raises
    ------
    ValueError
        If the value is no finite real number, or ``accepts`` says no.
    """
    value = getattr(owner, field)
    if (
        isinstance(value, bool)
        or not isinstance(value, numbers.Real)
        or not math.isfinite(value)
        or not accepts(float(value))
    ):
        raise ValueError(f"{type(owner).__name__}: {field} = {value!r}; expected {expected}")
    object.__setattr__(owner, field, float(value))


def count(name: str, value: Any, minimum: int = 1) -> int:
    """Return ``value`` as a Python int, or refuse what is no whole number ≥ ``minimum``."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < minimum:
        raise ValueError(f"{name} = {value!r}; expected a whole number of at least {minimum}")
    return int(value)


def array(name: str, value: Any, shape: tuple[int | None, ...], dtype: Any = None) -> None:
    """Refuse an array of another rank, shape or dtype; ``None`` in ``shape`` fits any length.

    Raises
    ------
    TypeError
        If it is no array, or its dtype is another one.
    ValueError
        If its shape is another one.
    """
    if not hasattr(value, "dtype") or not hasattr(value, "shape"):
        raise TypeError(f"{name} is a {type(value).__name__}; expected a NumPy array")
    if value.shape != shape and not _fits(value.shape, shape):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{name} has shape {value.shape}; expected ({wanted})")
    if dtype is not None and value.dtype != dtype:
        raise TypeError(
            f"{name} has dtype {value.dtype}; expected {dtype}: convert it with "
            f"{name}.astype(np.{np.dtype(dtype).name}), nothing is cast silently"
        )


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        n is None or n == m for n, m in zip(wanted, shape, strict=True)
    )


def floating(name: str, value: Array) -> None:
    """Refuse an array whose dtype is none of float32, float64 and longdouble."""
    if value.dtype not in FLOATS:
        raise TypeError(
            f"{name} has dtype {value.dtype}; expected float32 or float64: convert it with "
            f"{name}.astype(np.float32)"
        )


def finite(name: str, value: Array) -> None:
    """Refuse NaN and infinities, and say where the first one stands."""
    bad = ~np.isfinite(value)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{name} holds {value[where]} at {list(where)}; expected finite numbers "
            f"({int(bad.sum())} of {value.size} are not)"
        )
