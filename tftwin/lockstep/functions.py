"""One function on both sides."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from refnn.typing import Array
from tftwin.lockstep.findings import Report, Row
from tftwin.lockstep.roundoff import exact, plain
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
    ValueError
        If the function with bounds computes another value.
    """
    began = time.perf_counter()
    with np.errstate(all="ignore"):
        one = np.asarray(refnn(*arrays))
    middle = time.perf_counter()
    other = np.asarray(tftwin(*arrays))
    end = time.perf_counter()
    rounded = (bounded or refnn)(*[exact(a) for a in arrays])
    if not np.array_equal(one, np.asarray(plain(rounded)), equal_nan=True):
        raise ValueError("bounded computes another value than refnn; expected the same function")
    row = Row("function", "value")
    divergences = judge(row, 1, one, other, rounded.bound)
    report = Report(rows=[row], divergences=divergences)
    report.seconds_refnn, report.seconds_tftwin = middle - began, end - middle
    return Compared(one, other, report)
