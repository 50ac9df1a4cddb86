"""Refusals: each names the argument, what came, and what was expected."""

import math
import numbers
from collections.abc import Callable, Sequence
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
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    try:
        as_float = float(value) if real else math.nan
    except OverflowError:  # a whole number of hundreds of digits
        as_float = math.inf
    if not (math.isfinite(as_float) and accepts(as_float)):
        raise ValueError(f"{type(owner).__name__}: {field} = {value!r}; expected {expected}")
    object.__setattr__(owner, field, as_float)


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
    if (
        not hasattr(value, "__array_ufunc__")
        or not hasattr(value, "shape")
        or isinstance(value, (np.matrix, np.ma.MaskedArray))  # whose * and sums mean other things
    ):
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


def same_shape(y_true: Array, y_pred: Array) -> None:
    """Refuse targets that NumPy would broadcast against the predictions; both are (N, K)."""
    one, other = getattr(y_true, "shape", None), getattr(y_pred, "shape", None)
    if one != other or one is None or len(one) != 2:
        raise ValueError(f"y_true has shape {one} and y_pred {other}; expected (N, K) for both")


def provides(name: str, value: Any, example: str, *attributes: str) -> None:
    """Refuse an object without these attributes, and a class where an object of it is meant.

    Raises
    ------
    TypeError
        With an example of what is expected.
    """
    for attribute in attributes:
        if not hasattr(value, attribute):
            break
    else:
        if not isinstance(value, type):
            return
    raise TypeError(
        f"{name} = {value!r}; expected an object with {', '.join(attributes)}, such as {example}"
    )


def float_type(dtype: Any, accepted: Sequence[np.dtype[Any]] = FLOATS) -> np.dtype[Any]:
    """Return one of these dtypes as a dtype, and refuse any other."""
    try:
        kind: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        kind = np.dtype(object)
    if kind not in accepted:
        names = " or ".join(f"np.{one.name}" for one in accepted)
        raise TypeError(f"dtype = {dtype!r}; expected {names}")
    return kind


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
