"""Refusals: each names the argument, the value, and what was expected.

The first half checks one argument. The second half states the range of a hyper-parameter beside
the field that holds it: ``beta: Share = 0.9`` in a class that inherits ``Checked``.
"""

import math
import numbers
import reprlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from inspect import get_annotations, signature
from types import ModuleType
from typing import Annotated, Any, TypeAlias

import numpy as np

from refnn.typing import Array

_BRIEF = reprlib.Repr()
_BRIEF.maxother = _BRIEF.maxstring = 90
_BRIEF.maxlong = 40


def short(value: Any) -> str:
    """Return the repr of a value for a message: one line of at most about a hundred letters."""
    try:
        text = " ".join(_BRIEF.repr(value).split())
    except Exception:  # a repr may do anything
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 120 else f"{text[:90]}…{text[-20:]}"


FLOATS = (np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.longdouble))


def number(name: str, value: Any, expected: str, accepts: Callable[[float], bool]) -> float:
    """Return a hyper-parameter as a Python float.

    A Python float adapts to the dtype of the arrays it meets; a ``np.float64`` would silently
    turn float32 arithmetic into float64.

    Raises
    ------
    ValueError
        If the value is not a finite real number, or ``accepts`` refuses it.
    """
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    try:
        as_float = float(value) if real else math.nan
    except OverflowError:  # a whole number of hundreds of digits
        as_float = math.inf
    if not (math.isfinite(as_float) and accepts(as_float)):
        raise ValueError(f"{name} = {short(value)}; expected {expected}")
    return as_float


def count(name: str, value: Any, minimum: int = 1) -> int:
    """Return ``value`` as a Python int; it must be a whole number of at least ``minimum``."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < minimum:
        raise ValueError(f"{name} = {short(value)}; expected a whole number of at least {minimum}")
    return int(value)


def flag(name: str, value: Any) -> bool:
    """Return ``value``, and refuse anything but True and False."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} = {short(value)}; expected True or False")
    return value


def array(name: str, value: Any, shape: tuple[int | None, ...], dtype: Any = None) -> None:
    """Refuse an array of another rank, shape or dtype; ``None`` in ``shape`` fits any length.

    Raises
    ------
    TypeError
        If it is not an array, or has another dtype.
    ValueError
        If it has another shape.
    """
    if (
        not hasattr(value, "__array_ufunc__")
        or not hasattr(value, "shape")
        or isinstance(value, (np.matrix, np.ma.MaskedArray))  # their * and sums differ
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
    """Refuse targets that NumPy would broadcast against the predictions; both are (N, K).

    Whole numbers are refused too: uint8 0 − 255 is 1.
    """
    try:
        dtype, (rows, _) = y_true.dtype, y_true.shape
        if rows and dtype is y_pred.dtype and y_true.shape == y_pred.shape and dtype.kind == "f":
            return
    except (AttributeError, TypeError, ValueError):
        pass
    one, other = getattr(y_true, "shape", None), getattr(y_pred, "shape", None)
    if one != other or one is None or len(one) != 2:
        raise ValueError(f"y_true has shape {one} and y_pred {other}; expected (N, K) for both")
    if not one[0]:
        raise ValueError(f"y_true has shape {one}; expected at least one row")
    for name, dtype in (("y_true", y_true.dtype), ("y_pred", y_pred.dtype)):
        if dtype.kind != "f":
            why = ", whose differences wrap" if dtype.kind in "biu" else ""
            raise TypeError(
                f"{name} has dtype {dtype}{why}; expected float32 or float64: convert it with "
                f"{name}.astype(np.float32)"
            )


def items(name: str, value: Any, expected: str) -> tuple[Any, ...]:
    """Return what is in a list as a tuple, and refuse what is none."""
    try:
        return tuple(value)
    except TypeError:
        raise TypeError(f"{name} = {short(value)}; expected {expected}") from None


def iterator(name: str, value: Any, expected: str) -> Iterator[Any]:
    """Return an iterator over a value, and refuse what has none."""
    try:
        return iter(value)
    except TypeError:
        raise TypeError(f"{name} = {short(value)}; expected {expected}") from None


def provides(name: str, value: Any, example: str, *attributes: str) -> None:
    """Refuse an object without these attributes, and a class in the place of its object.

    Raises
    ------
    TypeError
        With an example of an object that is accepted.
    """
    if isinstance(value, (type, ModuleType)) or any(
        getattr(value, a, None) is None for a in attributes
    ):
        raise TypeError(
            f"{name} = {short(value)}; expected an object with {', '.join(attributes)}, such as "
            f"{example}"
        )


def float_type(dtype: Any, accepted: Sequence[np.dtype[Any]] = FLOATS) -> np.dtype[Any]:
    """Return ``dtype`` as a NumPy dtype, and refuse any that is not accepted."""
    try:
        kind: np.dtype[Any] = np.dtype(dtype)
    except Exception:  # NumPy asks the object for attributes, and for its repr
        kind = np.dtype(object)
    if kind not in accepted:
        names = " or ".join(f"np.{one.name}" for one in accepted)
        raise TypeError(f"dtype = {short(dtype)}; expected {names}")
    return kind


def floating(name: str, value: Array) -> None:
    """Refuse an array whose dtype is not float32, float64 or longdouble."""
    if value.dtype not in FLOATS:
        raise TypeError(
            f"{name} has dtype {value.dtype}; expected float32 or float64: convert it with "
            f"{name}.astype(np.float32)"
        )


def finite(name: str, value: Array) -> None:
    """Refuse NaN and infinities; the message says where the first one is."""
    bad = ~np.isfinite(value)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{name} holds {value[where]} at {list(where)}; expected finite numbers "
            f"({int(bad.sum())} of {value.size} are not)"
        )


def scheduled(rate: Any, step: int) -> float:
    """Return the rate that a schedule gave as a Python float: finite, and at least 0."""
    real: Any = isinstance(rate, numbers.Real)
    if not (real and 0 <= rate < math.inf):
        raise ValueError(
            f"learning_rate: the schedule gave {short(rate)} at step {step}; expected a "
            "finite number of at least 0"
        )
    return float(rate)


def function(name: str, value: Any, arguments: Sequence[str], *, optional: bool = True) -> None:
    """Refuse what cannot be called with so many arguments; accept None if it is optional."""
    if optional and value is None:
        return
    takes = callable(value) and not isinstance(value, type)
    if takes:
        try:
            signature(value).bind(*arguments)
        except TypeError:
            takes = False
        except ValueError:  # written in C, and says nothing of its arguments
            pass
    if not takes:
        none = ", or None" if optional else ""
        raise TypeError(
            f"{name} = {short(value)}; expected a function of ({', '.join(arguments)}){none}"
        )


def generator(rng: Any, *, optional: bool = False) -> None:
    """Refuse anything but a NumPy generator; accept None if it is optional."""
    if not (isinstance(rng, np.random.Generator) or (optional and rng is None)):
        none = ", or None" if optional else ""
        raise TypeError(f"rng = {short(rng)}; expected numpy.random.default_rng(seed){none}")


# Ranges of fields ------------------------------------------------------------------------------

Check: TypeAlias = Callable[[str, Any], Any]
"""check(name, value) returns the value that is stored, or refuses it."""


def real(expected: str, accepts: Callable[[float], bool]) -> Check:
    """Return the check of a real number."""
    return lambda name, value: number(name, value, expected, accepts)


Finite: TypeAlias = Annotated[float, real("a finite number", lambda value: True)]
NotNegative: TypeAlias = Annotated[float, real("a number of at least 0", lambda value: value >= 0)]
Positive: TypeAlias = Annotated[float, real("a number above 0", lambda value: value > 0)]
Share: TypeAlias = Annotated[float, real("a number in [0, 1)", lambda value: 0 <= value < 1)]
Count: TypeAlias = Annotated[int, count]
Flag: TypeAlias = Annotated[bool, flag]


class Checked:
    """The base of a frozen dataclass whose annotations state ranges.

    Each field with a range is checked when the object is made, and stored as a Python number.

    Raises
    ------
    ValueError
        With the class, the field, the value, and the range.
    """

    def __post_init__(self) -> None:
        kind: Any = type(self)
        for field, check in _ranges(kind):
            value = check(f"{kind.__name__}: {field}", getattr(self, field))
            object.__setattr__(self, field, value)


@cache
def _ranges(kind: Any) -> list[tuple[str, Check]]:
    return [
        (field, annotation.__metadata__[0])
        for base in reversed(kind.__mro__)
        for field, annotation in get_annotations(base).items()
        if hasattr(annotation, "__metadata__")
    ]
