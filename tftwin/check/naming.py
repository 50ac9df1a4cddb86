"""Blind naming: gradients and the parameters that somebody's optimizer made of them; which rule?

Each step begins at the parameters that are given, so nothing accumulates but the optimizer's own
memory, whose bound is carried along. A rule is named if *all* parameters of all steps are its
numbers under its own bounds. Rules that do so together are one class.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from refnn.datasets import npz
from refnn.typing import Array
from tftwin.check.diagnose import cards_of
from tftwin.check.judge import Bounds, fits
from tftwin.check.tasks import TASKS
from tftwin.lockstep.roundoff import NoBoundError, Rounded, exact

RULES = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "nadam")
CUSTOMARY: Mapping[str, tuple[float, ...]] = {
    "beta": (0.9, 0.99, 0.95, 0.5, 0.8),
    "beta_1": (0.9, 0.95, 0.8, 0.5),
    "beta_2": (0.999, 0.99, 0.95),
    "epsilon": (1e-7, 1e-8, 1e-3, 1e-10),
    "momentum_decay": (0.004, 1.0),
}
"""Tried where an option does not say the number."""
FEW = 3
"""Steps on which everything is tried first."""
LARGEST = 10_000_000
"""Numbers of a file."""


class Candidate(NamedTuple):
    """A rule in a form, with its numbers."""

    rule: str
    card: str
    """"" for refnn's own."""
    who: str
    options: dict[str, float]

    def __str__(self) -> str:
        numbers = ", ".join(f"{name}={value:g}" for name, value in self.options.items())
        form = f", {self.card} ({self.who})" if self.card else ", as refnn"
        return f"{self.rule}({numbers}){form}"


class Named(NamedTuple):
    """What was found of one sequence."""

    candidates: list[Candidate]
    numbers: int
    next_best: int
    best: str


def read(path: str | PathLike[str]) -> dict[str, Array]:
    """Read gradients (T, …) and parameters (T + 1, …), and ``parameters_2`` if it is there.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file does not exist, or its arrays do not fit each other: one line.
    """
    file = npz.regular_file(path)
    found: dict[str, Array] = {}
    with npz.archive(file) as members:
        names = npz.names(members)
        for name in ("gradients", "parameters", "parameters_2"):
            if name in names:
                found[name] = np.asarray(npz.member(members, name, f"{path}: {name}", None))
            elif name != "parameters_2":
                raise ValueError(
                    f"{path}: {name} is missing; expected np.savez(path, gradients=…, "
                    "parameters=…): T gradients and T + 1 parameters"
                )
    gradients = found["gradients"]
    if gradients.dtype not in (np.float32, np.float64):
        raise ValueError(
            f"{path}: gradients has dtype {gradients.dtype}; expected float32, float64"
        )
    if gradients.ndim < 1 or not gradients.size or gradients.size > LARGEST:
        raise ValueError(f"{path}: gradients has shape {gradients.shape}; expected (T, …), T ≥ 1")
    steps, *shape = gradients.shape
    for name, array in found.items():
        wanted = (steps + (name != "gradients"), *shape)
        if array.shape != wanted or array.dtype != gradients.dtype:
            raise ValueError(
                f"{path}: {name} is {array.dtype} {array.shape}; "
                f"expected {gradients.dtype} {wanted}"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"{path}: {name} holds numbers that are not finite")
        found[name] = array.reshape(len(array), -1)
    return found


def name(gradients: Array, parameters: Array, given: Mapping[str, float]) -> Named:
    """Return every rule whose numbers all parameters are.

    Parameters
    ----------
    gradients : Array, (T, n)
    parameters : Array, (T + 1, n)
        Before the first and after each update.
    given : mapping of str to float
        Hyper-parameters that are known: learning_rate, beta, beta_1, beta_2, epsilon.
    """
    found, best, next_best = [], "", 0
    total = parameters[1:].size
    few = min(FEW, len(gradients))
    for candidate, function in _forms(given):
        for rate in _rates(candidate, function, gradients, parameters, given):
            tried = candidate._replace(options={"learning_rate": rate, **candidate.options})
            count = _explained(function, tried, gradients[:few], parameters[: few + 1])
            if count == parameters[1 : few + 1].size:
                count = _explained(function, tried, gradients, parameters)
                if count == total:
                    found.append(tried)
                    continue
            else:
                count = int(count / parameters[1 : few + 1].size * total)
            if count > next_best:
                next_best, best = count, str(tried)
    return Named(_plainest(found), total, next_best, best)


def _plainest(found: list[Candidate]) -> list[Candidate]:
    """Leave out what says nothing new.

    Of one form the first numbers stay: those that are customary come first. Where refnn's own rule
    fits, or a convention, nobody has made a mistake.
    """
    mistakes = {c.name for rule in RULES for c in cards_of(rule) if c.kind == "mistake"}
    sound = [c for c in found if c.card not in mistakes] or found
    kept: list[Candidate] = []
    for one in sound:
        if not any((k.rule, k.card) == (one.rule, one.card) for k in kept):
            kept.append(one)
    return kept


def _forms(given: Mapping[str, float]) -> Iterator[tuple[Candidate, Any]]:
    for rule in RULES:
        task = TASKS[rule]
        asked = [a.name for a in task.arguments if a.name in CUSTOMARY]
        choices = [(given[n],) if n in given else CUSTOMARY[n] for n in asked]
        forms = [("", "", task.right)]
        forms += [(c.name, c.who, c.function) for c in cards_of(rule) if c.kind != "form"]
        for card, who, function in forms:
            for values in product(*choices):
                yield Candidate(rule, card, who, dict(zip(asked, values, strict=True))), function


def _call(function: Any, candidate: Candidate, w: Any, g: Any, slots: Any, t: int) -> Any:
    task = TASKS[candidate.rule]
    names = [r.name for r in task.results[1:]]
    more = {"t": t} if any(a.name == "t" for a in task.arguments) else {}
    given = dict(zip(names, slots, strict=True)) | candidate.options | more
    after, *kept = function(w=w, g=g, **given)
    return after, tuple(kept)


def _rates(
    candidate: Candidate, function: Any, gradients: Array, parameters: Array,
    given: Mapping[str, float],
) -> Iterator[float]:  # fmt: skip
    """Yield the rate that is given; or the one that the first move has, to three digits.

    Every rule here moves by lr times something that does not depend on lr in the first step.
    """
    if "learning_rate" in given:
        yield given["learning_rate"]
        return
    w, g = parameters[0].astype(np.float64), gradients[0].astype(np.float64)
    unit = candidate._replace(options={"learning_rate": 1.0, **candidate.options})
    slots = [np.zeros_like(w) for _ in TASKS[candidate.rule].results[1:]]
    with np.errstate(all="ignore"):
        try:
            after, _ = _call(function, unit, w, g, slots, 1)
        except (TypeError, ZeroDivisionError, NoBoundError):
            return
    move, moved = np.asarray(after) - w, parameters[1].astype(np.float64) - w
    largest = int(np.argmax(np.abs(moved)))
    if not (np.isfinite(move[largest]) and move[largest] and moved[largest] / move[largest] > 0):
        return
    rate = float(f"{moved[largest] / move[largest]:.3g}")
    yield rate


def _explained(function: Any, candidate: Candidate, gradients: Array, parameters: Array) -> int:
    """Return how many parameters are this rule's numbers."""
    slots: Any = tuple(
        exact(np.zeros_like(parameters[0])) for _ in TASKS[candidate.rule].results[1:]
    )
    count = 0
    with np.errstate(all="ignore"):
        for t, (w, g) in enumerate(zip(parameters[:-1], gradients, strict=True), 1):
            try:
                after, slots = _call(function, candidate, exact(w), exact(g), slots, t)
            except (TypeError, ZeroDivisionError, NoBoundError, OverflowError):
                return count
            if not isinstance(after, Rounded):
                return count
            bounds = Bounds(np.asarray(after.value), np.asarray(after.bound, np.float64))
            count += int(np.count_nonzero(fits(parameters[t], bounds)))
    return count
