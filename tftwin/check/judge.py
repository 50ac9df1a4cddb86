"""One call judged: each number of a result against the right one, under the bound of both."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from refnn.typing import Array
from tftwin.check.task import Draw, Output, Task
from tftwin.lockstep.roundoff import NoBoundError, Rounded, exact


class Case(NamedTuple):
    """One call: from what it was drawn, what was given, and what came back."""

    draw: Draw
    given: dict[str, Any]
    results: dict[str, Array]


class Bounds(NamedTuple):
    """What a formula gives: values and, for each, how far a correct evaluation may be from it."""

    value: Array
    bound: Array


def evaluated(function: Callable[..., Any], given: dict[str, Any]) -> list[Bounds]:
    """Return a formula's results, each with its bound; infinite where there is none."""
    with np.errstate(all="ignore"):
        try:
            found = function(**{k: _bounded(v) if _is_array(v) else v for k, v in given.items()})
        except NoBoundError:
            found = function(**given)
    return [_bounds(one) for one in found]


def _bounded(array: Array) -> Rounded:
    """An argument is exact, but for an output that may be computed again."""
    if isinstance(array, Output) and array.bound is not None:
        found = exact(np.asarray(array))
        return Rounded(found.value, array.bound, found.unit)
    return exact(array)


def _bounds(one: Any) -> Bounds:
    if isinstance(one, Rounded):
        return Bounds(np.asarray(one.value), np.asarray(one.bound, np.float64))
    value = np.asarray(one)
    return Bounds(value, np.full(value.shape, np.inf))


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def fits(theirs: Array, formula: Bounds) -> Array:
    """Return which numbers are those of this formula: two correct evaluations are 2 bounds apart.

    Where the formula is not finite, or its bound says nothing, the same special value fits.
    """
    a, b = np.asarray(theirs, np.float64), np.asarray(formula.value, np.float64)
    with np.errstate(all="ignore"):
        near = np.abs(a - b) <= 2 * formula.bound
    finite = np.isfinite(a) & np.isfinite(b)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.where(finite & np.isfinite(formula.bound), near, same)


def fill(theirs: Array, formula: Bounds) -> float:
    """Return the largest difference over what is allowed."""
    with np.errstate(all="ignore"):
        apart = np.abs(np.asarray(theirs, np.float64) - np.asarray(formula.value, np.float64))
        share = np.where(apart == 0, 0.0, apart / (2 * formula.bound))
    share = share[np.isfinite(share)]
    return float(share.max(initial=0.0))


def shape_and_dtype(theirs: Array, formula: Bounds, kind: str) -> str:
    """Return in words which shape or dtype does not fit; "" if both do.

    A single number may be a Python number or wider: it adapts, or hides nothing.
    """
    wanted = formula.value
    if theirs.shape != wanted.shape:
        return f"shape {theirs.shape}; expected {wanted.shape}"
    if kind == "list":
        return "a list; expected an array"
    if wanted.ndim and theirs.dtype != wanted.dtype:
        return f"dtype {theirs.dtype}; expected {wanted.dtype}"
    return ""


def in_shape(theirs: Array, wanted: tuple[int, ...]) -> Array | None:
    """Return the same numbers in the shape wanted, if only axes of length 1 differ."""
    if theirs.shape == wanted:
        return theirs
    if tuple(n for n in theirs.shape if n != 1) == tuple(n for n in wanted if n != 1):
        return theirs.reshape(wanted)
    return None


def explained(function: Callable[..., Any], name: str, task: Task, cases: Sequence[Case]) -> int:
    """Return how many numbers of one result, over all cases, are those of a formula."""
    place = [result.name for result in task.results].index(name)
    count = 0
    for case in cases:
        formula = evaluated(function, case.given)[place]
        theirs = in_shape(case.results[name], formula.value.shape)
        if theirs is not None:
            count += int(np.count_nonzero(fits(theirs, formula)))
    return count
