"""The catalogue sent through the checker: which mistakes are caught, named, and told apart."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tftwin.cards import Card
from tftwin.check.calls import right_numbers
from tftwin.check.diagnose import cards_of, diagnose
from tftwin.check.judge import Case, evaluated
from tftwin.check.task import Draw, Sizes, Task
from tftwin.check.tasks import TASKS

SIZES = (Sizes(5, 4, 3, 6), Sizes(3, 7, 5, 4), Sizes(4, 3, 6, 5))


class Proof(NamedTuple):
    """Of one function: how many known mistakes there are, and what became of them."""

    task: str
    mistakes: int
    caught: int
    named: int
    alike: tuple[tuple[str, ...], ...]
    """Classes of cards that no input tells apart."""
    missed: tuple[str, ...]


def cases_of(card: Card, task: Task) -> list[Case]:
    """Return calls of a card's function, as if a person had written it."""
    cases = []
    for number, flavour in enumerate(task.flavours * 4):
        for dtype in ("float64", "float32"):
            draw = Draw(SIZES[number % 3], number, flavour, dtype)
            given = task.draw(draw)
            with np.errstate(all="ignore"):
                found = card.function(**given)
            names = (result.name for result in task.results)
            results: dict[str, Any] = {
                name: np.asarray(getattr(one, "value", one))
                for name, one in zip(names, found, strict=True)
            }
            cases.append(Case(draw, given, results))
    return cases


def wrong_results(task: Task, cases: Sequence[Case]) -> list[str]:
    """Return the names of the results in which a number is not refnn's."""
    right = [evaluated(task.right, case.given) for case in cases]
    return [
        result.name
        for place, result in enumerate(task.results)
        if not all(
            right_numbers(case, result.name, one[place])
            for case, one in zip(cases, right, strict=True)
        )
    ]


def prove(names: Sequence[str] = ()) -> list[Proof]:
    """Send every card of kind convention or mistake through the checker."""
    proofs = []
    for task in TASKS.values():
        if names and task.name not in names:
            continue
        cards = [card for card in cards_of(task.name) if card.kind != "form"]
        caught, named, missed, alike = 0, 0, [], set()
        for card in cards:
            cases = cases_of(card, task)
            wrong = wrong_results(task, cases)
            caught += bool(wrong)
            if not wrong:
                missed.append(card.name)
                continue
            classes = [found.cards for found in diagnose(task, wrong, cases).values()]
            if all(card in cards for cards in classes):
                named += 1
                alike |= {tuple(sorted(c.name for c in cs)) for cs in classes if len(cs) > 1}
        proofs.append(
            Proof(task.name, len(cards), caught, named, tuple(sorted(alike)), tuple(missed))
        )
    return proofs


def table(proofs: Sequence[Proof]) -> str:
    """Return one line for each function."""
    lines = [f"{'function':34} known  caught  named"]
    for p in proofs:
        lines.append(f"{p.task:34} {p.mistakes:5}  {p.caught:6}  {p.named:5}")
        lines += [f"    cannot be told apart: {', '.join(names)}" for names in p.alike]
        lines += [f"    not caught: {name}" for name in p.missed]
    known, caught, named = (
        sum(getattr(p, field) for p in proofs) for field in ("mistakes", "caught", "named")
    )
    lines.append(f"{'all':34} {known:5}  {caught:6}  {named:5}")
    return "\n".join(lines)
