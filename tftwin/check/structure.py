"""What a wrong result has to do with the right one, where no card explains it.

Each candidate is a function of a case and the right result. It must hold on *all* cases, which have
other sizes, other numbers and other hyper-parameters: so a factor N is told from a factor 5.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from refnn.typing import Array
from tftwin.check.judge import Bounds, Case
from tftwin.lockstep.roundoff import Rounded

Candidate = Callable[[Case, Bounds], Bounds | None]


def candidates(case: Case) -> dict[str, Candidate]:
    """Return every candidate that the arguments of a case allow, by what it says."""
    found: dict[str, Candidate] = {"transposed": transposed, "all zero": nothing}
    for name, value in factors(case).items():
        if value in (0.0, 1.0):
            continue
        found[f"{name} times the right numbers"] = times(name)
        if "w" in case.given:
            found[f"the right move times {name}"] = move_times(name)
    for name, array in case.given.items():
        if isinstance(array, np.ndarray):
            found[f"{name} itself"] = itself(name)
            for sign, text in ((1, "plus"), (-1, "minus")):
                found[f"the right numbers {text} {name}"] = with_tensor(name, sign)
    return found


def factors(case: Case) -> dict[str, float]:
    """Return the constants by which numbers are often off, by name."""
    n, d, m, c = map(float, case.draw.sizes)
    found = {"−1": -1.0, "2": 2.0, "½": 0.5, "4": 4.0, "¼": 0.25}
    for name, size in (("N", n), ("D", d), ("M", m), ("C", c), ("N C", n * c), ("N D", n * d)):
        found |= {name: size, f"1/({name})" if " " in name else f"1/{name}": 1 / size}
        found[f"−{name}"] = -size
    for name, value in case.given.items():
        if type(value) is float:
            found |= {name: value, f"1/{name}": 1 / value if value else np.inf, f"−{name}": -value}
            if name.startswith("beta"):
                kept = 1 - value
                found |= {f"(1 − {name})": kept, f"1/(1 − {name})": 1 / kept if kept else np.inf}
    return found


def times(name: str) -> Candidate:
    """Return the candidate c · right; c has a rounding of its own, and the product too."""

    def candidate(case: Case, right: Bounds) -> Bounds:
        c = factors(case)[name]
        value = c * np.asarray(right.value, np.float64)
        own = 2 * np.finfo(case.draw.dtype).eps * np.abs(value)
        return Bounds(value, abs(c) * right.bound + own)

    return candidate


def move_times(name: str) -> Candidate:
    """Return the candidate w + c (right − w), of a rule whose move is off by a factor."""

    def candidate(case: Case, right: Bounds) -> Bounds | None:
        w, c = np.asarray(case.given["w"], np.float64), factors(case)[name]
        if w.shape != right.value.shape:
            return None
        move = np.asarray(right.value, np.float64) - w
        own = np.finfo(case.draw.dtype).eps * (np.abs(w) + 2 * np.abs(c * move))
        return Bounds(w + c * move, (1 + abs(c)) * right.bound + own)

    return candidate


def transposed(case: Case, right: Bounds) -> Bounds | None:
    """Return right transposed."""
    return Bounds(right.value.T, right.bound.T) if right.value.ndim == 2 else None


def nothing(case: Case, right: Bounds) -> Bounds:
    """Return zeros."""
    return Bounds(0 * right.value, 0 * right.bound)


def itself(name: str) -> Candidate:
    """Return the candidate that is an argument, unchanged."""

    def candidate(case: Case, right: Bounds) -> Bounds | None:
        array = case.given[name]
        return Bounds(array, np.zeros(array.shape)) if array.shape == right.value.shape else None

    return candidate


def with_tensor(name: str, sign: int) -> Candidate:
    """Return the candidate right ± an argument of its shape; the sum has a rounding."""

    def candidate(case: Case, right: Bounds) -> Bounds | None:
        array = case.given[name]
        if array.shape != right.value.shape or name == "w":
            return None
        value = np.asarray(right.value, np.float64) + sign * array
        sizes = np.abs(right.value) + np.abs(array)
        return Bounds(value, right.bound + np.finfo(case.draw.dtype).eps * sizes)

    return candidate


def masks(case: Case, shape: tuple[int, ...]) -> Iterator[tuple[str, Array]]:
    """Yield places where code is often wrong alone: a kink, an edge of the batch, one sign."""
    if shape:
        where = np.zeros(shape, bool)
        for text, index in (("first", 0), ("last", -1)):
            place = where.copy()
            place[index] = True
            yield f"in the {text} {'row' if len(shape) > 1 else 'element'}", place
        if len(shape) > 1:
            for text, index in (("first", 0), ("last", -1)):
                place = where.copy()
                place[:, index] = True
                yield f"in the {text} column", place
    for name, array in case.given.items():
        if isinstance(array, np.ndarray) and array.shape == shape and shape:
            yield f"where {name} = 0", array == 0
            yield f"where {name} < 0", array < 0
            yield f"where {name} > 0", array > 0


def only_on(cases: list[tuple[Case, Array]]) -> str:
    """Return in words a mask that holds every wrong number of all cases; "" if there is none.

    Each item is a case, and which of its numbers are wrong.
    """
    held: list[str] | None = None
    for case, wrong in cases:
        found = [name for name, mask in masks(case, wrong.shape) if not (wrong & ~mask).any()]
        held = found if held is None else [name for name in held if name in found]
    return held[0] if held else ""


def as_if_in(case: Case, right: Callable[..., Any], relative: float) -> list[Bounds]:
    """Return the results of a float64 case as float32 arithmetic gives them.

    ``relative`` is the rounding of each input: 2⁻²⁴ for float32, 2⁻¹¹ for the 10 bits of TF32.
    """
    given: dict[str, Any] = {}
    for name, array in case.given.items():
        given[name] = array
        if isinstance(array, np.ndarray):
            rounded = array.astype(np.float32)
            given[name] = Rounded(rounded, relative * np.abs(array), 2.0**-24)
    with np.errstate(all="ignore"):
        found = right(**given)
    return [Bounds(np.asarray(one.value), np.asarray(one.bound, np.float64)) for one in found]
