"""An answer in words: a line for the table, and the evidence under it."""

from typing import Any

import numpy as np

from tftwin.check.answer import (
    AGREES,
    CONVENTION,
    MISFIT,
    NOT_PROVIDED,
    OTHER_FORM,
    WRONG,
    Answer,
    Failure,
)
from tftwin.check.diagnose import Diagnosis

HINTS = {1: "the stage and a question", 2: "the concept", 3: "the formula"}


def line(answer: Answer) -> str:
    """Return what is said beside the name of a function."""
    if answer.status == NOT_PROVIDED:
        return NOT_PROVIDED
    said = answer.status
    if answer.status == AGREES:
        share = "to the bit" if answer.fill == 0 else f"largest difference {answer.fill:.2f} of"
        bound = "" if answer.fill == 0 else " its bound"
        said = f"agrees: {answer.numbers:,} numbers, {share}{bound}"
    elif answer.status in (OTHER_FORM, CONVENTION):
        names = [name_of(d) for d in answer.diagnoses.values()]
        said = f"{answer.status}: {'; '.join(dict.fromkeys(names))}" if names else answer.status
    return said


def name_of(found: Diagnosis) -> str:
    """Return the cards of a class, or the relation, or that it is unknown."""
    but_for = f" (but for {found.but_for})" if found.but_for else ""
    if found.cards:
        names = [card.name for card in found.cards]
        return (names[0] if len(names) == 1 else f"one of {', '.join(names[:4])}") + but_for
    return found.relation + but_for if found.relation else "unknown"


def details(answer: Answer, hint: int | None, command: str) -> list[str]:
    """Return the lines of evidence: notes, diagnoses, the smallest failure, the command."""
    lines = list(answer.notes)
    for name, found in answer.diagnoses.items():
        lines += diagnosis(name, found, hint)
    if answer.failure is not None:
        lines += failure(answer.failure)
    if answer.status in (WRONG, MISFIT):
        lines.append(f"again: {command} --only {answer.task.name} --seed {answer.seed}")
    return lines


def diagnosis(name: str, found: Diagnosis, hint: int | None) -> list[str]:
    """Return what is known of a wrong result; at a hint's level if one is asked for."""
    evidence = f"explains {found.explained:,} of {found.numbers:,} numbers"
    if found.known:
        evidence += f"; the next best explains {found.next_best:,}"
    if hint is not None:
        if found.cards:
            return [f"{name}: {found.cards[0].hints[hint - 1]}"]
        text = {1: "it is wrong", 2: "no card explains it", 3: found.relation or "unknown"}[hint]
        return [f"{name}: {text}"]
    if found.cards:
        card = found.cards[0]
        who = f" ({card.who})" if card.kind != "mistake" else ""
        lines = [f"{name}: {name_of(found)}: {card.sentence}{who}"]
        lines.append(f"    yours {card.formula}; refnn {card.refnn}; {evidence}")
        return lines
    if found.relation:
        return [f"{name}: {name_of(found)}; {evidence}"]
    where = f"; wrong only {found.where}" if found.where else ""
    return [f"{name}: unknown{where}; the best card {evidence}"]


def failure(found: Failure) -> list[str]:
    """Return the smallest wrong number, with its inputs."""
    place = f"{found.result}{list(found.index)}" if found.index else found.result
    sizes = found.case.draw.sizes
    numbers = [f"{k} = {number(v)}" for k, v in found.inputs().items() if np.ndim(v) == 0]
    arrays = [f"{k} = {_rows(v)}" for k, v in found.inputs().items() if np.ndim(v) > 0]
    twin = "" if found.tensorflow is None else f"TensorFlow has {found.tensorflow!r}, "
    return [
        f"{place} = {found.theirs!r}; right is {found.ours!r}, {twin}allowed {found.allowed:.3g} "
        f"({found.case.draw.dtype}, {found.case.draw.flavour} numbers)",
        f"    at N = {sizes.N}, D = {sizes.D}, M = {sizes.M}, C = {sizes.C}"
        + "".join(f", {text}" for text in numbers),
        *(f"    {text}" for text in arrays),
    ]


def number(value: Any) -> str:
    """Return a number to nine digits, or what else it is."""
    return f"{value:.9g}" if isinstance(value, (float, np.floating)) else repr(value)


def _rows(array: Any) -> str:
    """Return an array in one line, to five digits; the JSON file has them all."""
    if np.ndim(array) > 1:
        return f"[{', '.join(map(_rows, array))}]"
    return f"[{', '.join(f'{number:.5g}' for number in array)}]"


def summary(answers: list[Answer]) -> str:
    """Return how many functions were checked, and how they stand; never "all passed" alone."""
    provided = [a for a in answers if a.status != NOT_PROVIDED]
    counts = [(s, sum(a.status == s for a in provided)) for s in
              (AGREES, OTHER_FORM, CONVENTION, MISFIT, WRONG)]  # fmt: skip
    parts = ", ".join(f"{n} {status}" for status, n in counts if n)
    missing = len(answers) - len(provided)
    functions = "function" if len(provided) == 1 else "functions"
    return f"{len(provided)} {functions} checked ({parts}), {missing} not provided"


def score(answers: list[Answer]) -> float:
    """Return the share of the functions provided that are right, in whatever form."""
    provided = [a for a in answers if a.status != NOT_PROVIDED]
    right = sum(a.status in (AGREES, OTHER_FORM, CONVENTION) for a in provided)
    return right / len(provided) if provided else 0.0
