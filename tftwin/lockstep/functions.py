"""One function on both sides: a person's own in NumPy, and an expression of TensorFlow."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from refnn import checks
from refnn.typing import Array
from tftwin.lockstep import traced
from tftwin.lockstep.findings import Report, Row
from tftwin.lockstep.roundoff import NoBoundError, Rounded, exact, plain
from tftwin.lockstep.verdict import judge
from tftwin.tensorflow import tf


@dataclass(frozen=True)
class Compared:
    """Both sides' values, what the comparison found, and why it could not be judged, or ""."""

    ours: Array
    theirs: Array
    report: Report
    unknown: str = ""

    @property
    def agreed(self) -> bool:
        """Whether both sides are within the bounds, and all of it could be judged."""
        return self.report.agreed and not self.unknown

    def __str__(self) -> str:
        if self.report.divergences:
            return f"DIVERGED: {self.report.divergences[0]}"
        if self.unknown:
            return f"Not judged: {self.unknown}"
        parts = " and ".join(row.name for row in self.report.rows)
        return (
            f"Agreed: {parts}, {self.report.elements:,} numbers, at most {self.report.ulp:,.0f} "
            f"ulp apart, {self.report.fill:.2f} of what is allowed"
        )


def compare_function(
    ours: Callable[..., Any],
    theirs: Callable[..., Any],
    *arrays: Array,
    derivative: Callable[..., Any] | None = None,
    bounded: Callable[..., Any] | None = None,
) -> Compared:
    """Hold a function of your own against TensorFlow's: values, and the derivative if it is given.

    The two may be as far apart as both bounds together: yours runs once more on arrays that carry
    bounds, and so does the graph of theirs. Where theirs holds a kernel of which no error was
    measured, numbers within your own bound agree, and others are not judged: ``print`` says so.

    Parameters
    ----------
    ours
        A function of the arrays, in NumPy's operations.
    theirs
        The same of tensors, in TensorFlow's.
    arrays : Array
        float32 or float64; they are the arguments of both.
    derivative
        A function of the arrays: ∂(Σ ours)/∂ the last array, in its shape. TensorFlow's is found by
        automatic differentiation.
    bounded
        What runs on the arrays with bounds in the place of ``ours``: the same function made with
        ``tftwin.lockstep.bounds.with_kernel``.

    Raises
    ------
    TypeError
        If an argument is no function, or no array, or a function does not give numbers, or uses an
        operation without a bound: the message says what to write instead.
    ValueError
        If the function with bounds computes another value.
    """
    if not arrays:
        raise TypeError("arrays: none came; expected the arguments of the functions")
    names = [f"array {number}" for number, _ in enumerate(arrays, 1)]
    for name, array in zip(names, arrays, strict=True):
        _check(name, array)
    checks.function("ours", ours, names, optional=False)
    checks.function("theirs", theirs, names, optional=False)
    checks.function("derivative", derivative, names)
    checks.function("bounded", bounded, names)
    report = Report()
    one, other, unknown = _compare(report, "value", (ours, bounded), theirs, arrays)
    if derivative is not None:
        *_, why = _compare(report, "derivative", (derivative, None), gradient_of(theirs), arrays)
        unknown = unknown or why
    return Compared(one, other, report, unknown)


def gradient_of(theirs: Callable[..., Any]) -> Callable[..., Any]:
    """Return ∂(Σ theirs)/∂ the last tensor, by automatic differentiation."""

    def gradient(*tensors: Any) -> Any:
        last = tf.identity(tensors[-1])
        with tf.GradientTape() as tape:
            tape.watch(last)
            y = theirs(*tensors[:-1], last)
        found = tape.gradient(y, last)
        if found is None:
            raise TypeError("theirs does not depend on the last array; expected a derivative by it")
        return found

    return gradient


def _compare(
    report: Report, name: str, own: tuple[Any, Any], theirs: Any, arrays: tuple[Array, ...]
) -> tuple[Array, Array, str]:
    """Add one tensor to the report; return both sides, and why they are not judged, or ""."""
    ours, bounded = own
    said = "ours" if name == "value" else name
    began = time.perf_counter()
    with np.errstate(all="ignore"):
        one = _check(f"{said}: what it gives", np.asarray(ours(*arrays)))
    middle = time.perf_counter()
    other = np.asarray(theirs(*map(tf.constant, arrays)))
    other = _check(f"theirs: the {name} that it gives", other)
    report.seconds_refnn += middle - began
    report.seconds_tftwin += time.perf_counter() - middle
    rounded = (bounded or ours)(*[exact(a) for a in arrays])
    if not isinstance(rounded, Rounded):
        raise TypeError(
            f"{said if bounded is None else 'bounded'} gives {checks.short(rounded)} for "
            "arrays that carry bounds; expected NumPy's operators and functions alone"
        )
    if not np.array_equal(one, np.asarray(plain(rounded)), equal_nan=True):
        raise ValueError(f"bounded computes another value than {said}; expected the same function")
    bound, unknown = rounded.bound, ""
    try:
        if bounded is None:
            bound = np.maximum(bound, (bound + traced.bounded(theirs, arrays).bound) / 2)
    except NoBoundError as error:
        unknown = str(error)
    row = Row("function", name)
    divergences = judge(row, 1, one, other, bound)
    if divergences and unknown:
        unknown = (
            f"the {name} differs by more than your own bound, and TensorFlow computes it by "
            f"{unknown}, of which no error was measured: {divergences[0]}"
        )
        row, divergences = Row("function", name), []
        judge(row, 1, one, other, np.full(one.shape, np.inf))
    else:
        unknown = ""
    report.rows.append(row)
    report.divergences += divergences
    return one, other, unknown


def _check(name: str, value: Any) -> Array:
    """Return an array of numbers that can be compared, and refuse anything else."""
    checks.array(name, value, np.shape(value) if isinstance(value, np.ndarray) else ())
    if value.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} has dtype {value.dtype}; expected float32 or float64")
    numbers: Array = value
    return numbers
