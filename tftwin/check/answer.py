"""The answer for one function: one of six words, and the evidence."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tftwin.check.calls import Caller, explore, smallest
from tftwin.check.diagnose import Diagnosis, diagnose
from tftwin.check.judge import Bounds, Case, evaluated, fill, fits, in_shape
from tftwin.check.process import Process
from tftwin.check.task import EXTREME, ORDINARY, Task

AGREES = "agrees"
OTHER_FORM = "same numbers, other form"
CONVENTION = "another convention"
MISFIT = "right numbers, wrong shape or dtype"
WRONG = "wrong"
NOT_PROVIDED = "not provided"
STATUSES = (AGREES, OTHER_FORM, CONVENTION, MISFIT, WRONG, NOT_PROVIDED)

EXAMPLES = 12
"""Calls for each kind of numbers and each dtype."""


@dataclass
class Failure:
    """The smallest wrong number that was found: what was given, what came, what is right.

    ``tensorflow`` is TensorFlow's number, if ``add_tensorflow`` asked for it.
    """

    task: Task
    case: Case
    result: str
    index: tuple[int, ...]
    theirs: float
    ours: float
    allowed: float
    tensorflow: float | None = None

    def inputs(self) -> dict[str, Any]:
        """Return the arguments; where a number belongs to its own place, those of this place."""
        whole = not self.task.elementwise
        return {
            name: value if whole or np.ndim(value) == 0 else value[self.index]
            for name, value in self.case.given.items()
        }


@dataclass
class Answer:
    """What is to be said of one function.

    Attributes
    ----------
    task : Task
        Which one.
    status : str
        One of ``STATUSES``.
    numbers : int
        Numbers compared.
    fill : float
        Largest difference over what is allowed, of the right ones.
    notes : list of str
        What else the function does, and where it breaks.
    diagnoses : dict of str to Diagnosis
        For each wrong result.
    failure : Failure or None
        The smallest one.
    seed : int
        With which it was checked.
    """

    task: Task
    status: str
    numbers: int = 0
    fill: float = 0.0
    notes: list[str] = field(default_factory=list)
    diagnoses: dict[str, Diagnosis] = field(default_factory=dict)
    failure: Failure | None = None
    seed: int = 0


def check_function(process: Process, task: Task, seed: int, examples: int = EXAMPLES) -> Answer:
    """Call one function of a module and judge what it gives."""
    if task.name not in process.functions:
        return Answer(task, NOT_PROVIDED, seed=seed)
    caller = Caller(process, task)
    if caller.refusal:
        return Answer(task, WRONG, notes=[f"cannot be called: {caller.refusal}"], seed=seed)
    for _ in explore(caller, seed, examples):
        pass
    calls = caller.calls
    answer = Answer(task, AGREES, seed=seed, notes=sorted(calls.habits))
    if calls.raised:
        draw, text = next(iter(calls.raised.items()))
        total = len(calls.raised) + len(calls.cases)
        kinds = {d.flavour for d in calls.raised}
        kind = f" (only with {draw.flavour} numbers)" if calls.cases and len(kinds) == 1 else ""
        answer.notes.append(f"{len(calls.raised)} of {total} calls raised{kind}: {text}")
        answer.status = WRONG
    if not calls.cases:
        return answer
    cases = list(calls.cases)  # a smaller failing case needs more calls
    right = [evaluated(task.right, case.given) for case in cases]
    wrong = {
        result.name: found
        for place, result in enumerate(task.results)
        if (found := _wrong(answer, result.name, cases, [one[place] for one in right]))
    }
    if wrong:
        answer.diagnoses = diagnose(task, list(wrong), cases)
    for name, those in wrong.items():
        _judge(answer, caller, name, those)
    if answer.status in (AGREES, OTHER_FORM) and calls.misfits:
        answer.status = MISFIT
    answer.notes += [f"{name} has {text}" for name, text in calls.misfits.items()]
    return answer


def add_tensorflow(answer: Answer) -> None:
    """Put TensorFlow's number beside the wrong one, if there is one and TensorFlow is installed."""
    if answer.failure is None:
        return
    try:
        from tftwin.check import twin
    except ImportError:
        return
    failure = answer.failure
    place = [result.name for result in failure.task.results].index(failure.result)
    found = twin.results(failure.task, failure.case.given)[place]
    failure.tensorflow = float(found[failure.index])


def _wrong(answer: Answer, name: str, cases: Sequence[Case], right: Sequence[Bounds]) -> list[Case]:
    """Return the cases in which a result is wrong, and count its numbers."""
    wrong = []
    for case, formula in zip(cases, right, strict=True):
        theirs = in_shape(case.results[name], formula.value.shape)
        answer.numbers += formula.value.size
        if theirs is None or not fits(theirs, formula).all():
            wrong.append(case)
        else:
            answer.fill = max(answer.fill, fill(theirs, formula))
    return wrong


def _judge(answer: Answer, caller: Caller, name: str, wrong: Sequence[Case]) -> None:
    """Add a wrong result to the answer."""
    flavours = {case.draw.flavour for case in wrong}
    status = _status(answer.diagnoses[name], name, wrong)
    if status == OTHER_FORM and EXTREME in flavours:
        answer.notes.append(_breaks(wrong, name, caller.task))
    if STATUSES.index(status) > STATUSES.index(answer.status):
        answer.status = status
    if status != OTHER_FORM and answer.failure is None:
        first = min(wrong, key=lambda case: case.draw.flavour != ORDINARY)
        small = smallest(caller, first, name, answer.seed)
        answer.failure = _failure(small, name, caller.task)


def _status(found: Diagnosis, name: str, wrong: Sequence[Case]) -> str:
    """Return what a wrong result is called.

    A form is another way to the same numbers: a card says so, or float32 inside. Without a card it
    is one that breaks at extreme numbers alone, where it is not finite.
    """
    kinds = {card.kind for card in found.cards}
    if "form" in kinds or found.relation.endswith("float32 inside"):
        return OTHER_FORM
    if found.known:
        return CONVENTION if "convention" in kinds and not found.but_for else WRONG
    breaks = all(
        case.draw.flavour == EXTREME and not np.isfinite(case.results[name]).all() for case in wrong
    )
    return OTHER_FORM if breaks else WRONG


def _failure(case: Case, name: str, task: Task) -> Failure | None:
    place = [result.name for result in task.results].index(name)
    right = evaluated(task.right, case.given)[place]
    theirs = in_shape(case.results[name], right.value.shape)
    if theirs is None:
        return None
    bad = ~fits(theirs, right)
    if not bad.any():
        return None
    with np.errstate(all="ignore"):
        apart = np.abs(np.asarray(theirs, np.float64) - right.value)
    apart = np.where(bad, np.nan_to_num(apart, nan=np.inf, posinf=np.inf), -1)
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(apart)), apart.shape))
    return Failure(
        task, case, name, index, float(theirs[index]), float(right.value[index]),
        float(2 * right.bound[index]),
    )  # fmt: skip


def _breaks(wrong: Sequence[Case], name: str, task: Task) -> str:
    """Return in words where a form stops being right: at extreme numbers."""
    case = next(c for c in wrong if c.draw.flavour == EXTREME)
    found = _failure(case, name, task)
    if found is None:
        return "differs at extreme numbers"
    inputs = ", ".join(
        f"{k} = {v:.6g}" for k, v in found.inputs().items() if np.ndim(v) == 0 and k != "dy"
    )
    return f"breaks at extreme numbers: {found.theirs:.6g} for {found.ours:.6g}" + (
        f" at {inputs}" if inputs else ""
    )
