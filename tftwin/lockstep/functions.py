"""One function on both sides."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from refnn import checks
from refnn.typing import Array
from tftwin.lockstep.findings import Report, Row
from tftwin.lockstep.roundoff import Rounded, exact, plain
from tftwin.lockstep.verdict import judge


class Compared(NamedTuple):
    """Both sides' values, and what the comparison found."""

    refnn: Array
    tftwin: Array
    report: Report


def compare_functions(
    refnn: Callable[..., Any],
    tftwin: Callable[..., Any],
    *arrays: Array,
    bounded: Callable[..., Any] | None = None,
) -> Compared:
    """Compute something on both sides, and hold it against its bound.

    Parameters
    ----------
    refnn, tftwin
        Functions of the arrays. refnn's runs once more on the arrays that carry their bounds.
    bounded
        What runs there instead, where a TensorFlow kernel is no composition of refnn's
        operations: the same function made with ``tftwin.lockstep.bounds.with_kernel``.

    Raises
    ------
    TypeError
        If an argument is no function, or no array, or a function does not give numbers.
    ValueError
        If the function with bounds computes another value.
    """
    if not arrays:
        raise TypeError("arrays: none came; expected the arguments of the functions")
    names = [f"array {number}" for number, _ in enumerate(arrays, 1)]
    for name, array in zip(names, arrays, strict=True):
        _check(name, array)
    checks.function("refnn", refnn, names, optional=False)
    checks.function("tftwin", tftwin, names, optional=False)
    checks.function("bounded", bounded, names)
    began = time.perf_counter()
    with np.errstate(all="ignore"):
        one = _check("refnn: what it gives", np.asarray(refnn(*arrays)))
    middle = time.perf_counter()
    other = _check("tftwin: what it gives", np.asarray(tftwin(*arrays)))
    end = time.perf_counter()
    rounded = (bounded or refnn)(*[exact(a) for a in arrays])
    if not isinstance(rounded, Rounded):
        raise TypeError(
            f"{'refnn' if bounded is None else 'bounded'} gives {checks.short(rounded)} for "
            "arrays that carry bounds; expected NumPy's operators and functions alone"
        )
    if not np.array_equal(one, np.asarray(plain(rounded)), equal_nan=True):
        raise ValueError("bounded computes another value than refnn; expected the same function")
    row = Row("function", "value")
    divergences = judge(row, 1, one, other, rounded.bound)
    report = Report(rows=[row], divergences=divergences)
    report.seconds_refnn, report.seconds_tftwin = middle - began, end - middle
    return Compared(one, other, report)


def _check(name: str, value: Any) -> Array:
    """Return an array of numbers that can be compared, and refuse anything else."""
    checks.array(name, value, np.shape(value) if isinstance(value, np.ndarray) else ())
    if value.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} has dtype {value.dtype}; expected float32 or float64")
    numbers: Array = value
    return numbers
