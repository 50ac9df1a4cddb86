"""What a wrong result is: a card, a simple relation to the right numbers, or unknown.

A card is named if *all* numbers of *all* calls are its numbers, under the bound that its own
formula has. Cards that do so together are one class: no input that was drawn tells them apart.
There is no third way, and no guess.
"""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from tftwin.cards import CARDS, Card
from tftwin.check import grammar, structure
from tftwin.check.judge import Bounds, Case, evaluated, fits, in_shape
from tftwin.check.task import EXTREME, TIES, Draw, Task
from tftwin.check.tasks import TASKS

FEW = 8
"""Cases on which every candidate is tried; those that explain them are tried on all."""


class Diagnosis(NamedTuple):
    """Why a result is wrong.

    Attributes
    ----------
    cards : tuple of Card
        The class of cards that explain every number; mostly one.
    relation : str
        What the numbers have to do with the right ones, where no card explains them; or "".
    explained, numbers : int
        How many numbers, of how many.
    next_best : int
        How many the best other candidate explains, as a share of the same numbers.
    where : str
        Where alone the numbers are wrong, if there is such a place.
    but_for : str
        Of which kinds of numbers this is not true: then it explains all the others.
    """

    cards: tuple[Card, ...] = ()
    relation: str = ""
    explained: int = 0
    numbers: int = 0
    next_best: int = 0
    where: str = ""
    but_for: str = ""

    @property
    def known(self) -> bool:
        """Whether every number is explained."""
        return bool(self.cards or self.relation)


@lru_cache(4096)
def numbers_of(card: Card, task: str, draw: Draw) -> list[Bounds]:
    """Return what a card gives for the arguments of a draw."""
    return evaluated(card.function, TASKS[task].draw(draw))


@cache
def cards_of(task: str) -> tuple[Card, ...]:
    """Return the catalogue's cards of a task."""
    if task in ("backpropagate", "train_step"):
        return tuple(grammar.cards(task))
    return tuple(card for card in CARDS if card.of == task)


def diagnose(task: Task, names: Sequence[str], cases: Sequence[Case]) -> dict[str, Diagnosis]:
    """Return why these results are wrong; ``cases`` are all calls, right and wrong.

    A card that explains *all* results, the right ones too, comes first. Otherwise each wrong result
    is explained by itself: a function can have several faults.
    """
    right = [evaluated(task.right, case.given) for case in cases]
    trials = {name: _Trial(task, name, cases, [one[i] for one in right])
              for i, name in enumerate(r.name for r in task.results)}  # fmt: skip
    joint = [
        card
        for card in cards_of(task.name)
        if all(trial.is_all(trial.by_card(card)) for trial in trials.values())
    ]
    return {name: trials[name].diagnosis(joint) for name in names}


class _Trial:
    """One result, its calls, and the candidates that are tried on them."""

    def __init__(
        self, task: Task, name: str, cases: Sequence[Case], right: Sequence[Bounds]
    ) -> None:
        self.task, self.name, self.cases, self.right = task, name, cases, right
        self.place = [result.name for result in task.results].index(name)
        telling = sorted(range(len(cases)), key=self._is_right)
        self.few = telling[:FEW]
        self.tried = self._size(self.few)
        self.numbers = self._size(range(len(cases)))

    def _size(self, which: Any) -> int:
        return sum(self.cases[i].results[self.name].size for i in which)

    def _is_right(self, i: int) -> bool:
        theirs = in_shape(self.cases[i].results[self.name], self.right[i].value.shape)
        return theirs is not None and bool(fits(theirs, self.right[i]).all())

    def by_card(self, card: Card) -> Callable[[int], Bounds | None]:
        """Return what a card gives for each case."""
        return lambda i: numbers_of(card, self.task.name, self.cases[i].draw)[self.place]

    def is_all(self, formula: Callable[[int], Bounds | None]) -> bool:
        """Whether every number of every call is this formula's."""
        return (
            self.count(self.few, formula) == self.tried
            and self.count(range(len(self.cases)), formula) == self.numbers
        )

    def count(self, which: Any, formula: Callable[[int], Bounds | None]) -> int:
        """Return how many numbers of these cases are a formula's."""
        count = 0
        for i in which:
            found = formula(i)
            if found is None:
                return 0
            theirs = in_shape(self.cases[i].results[self.name], found.value.shape)
            if theirs is not None:
                count += int(np.count_nonzero(fits(theirs, found)))
        return count

    def _of_the_others(self, but_for: str, kinds: tuple[str, ...]) -> Diagnosis | None:
        """Return what explains every number but those of these kinds of calls."""
        others = [i for i, case in enumerate(self.cases) if case.draw.flavour not in kinds]
        if len(others) in (0, len(self.cases)) or all(map(self._is_right, others)):
            return None
        size = self._size(others)
        cards = fewest([
            c for c in cards_of(self.task.name)
            if c.kind != "form" and self.count(others, self.by_card(c)) == size
        ])  # fmt: skip
        if cards:
            return Diagnosis(tuple(cards), "", size, self.numbers, but_for=but_for)
        for text, candidate in structure.candidates(self.cases[others[0]]).items():

            def relation(i: int, candidate: structure.Candidate = candidate) -> Bounds | None:
                return candidate(self.cases[i], self.right[i])

            if self.count(others, relation) == size:
                return Diagnosis((), text, size, self.numbers, but_for=but_for)
        return None

    def _kind(self) -> str:
        """Return of which kind alone the wrong calls are."""
        wrong = {c.draw.flavour for i, c in enumerate(self.cases) if not self._is_right(i)}
        if wrong == {EXTREME}:
            return "at extreme numbers"
        return "at kinks and ties" if wrong == {TIES} else ""

    def diagnosis(self, joint: Sequence[Card]) -> Diagnosis:
        """Return why this result is wrong."""
        counts = {c: self.count(self.few, self.by_card(c)) for c in cards_of(self.task.name)}
        whole = fewest(joint) or fewest(
            [c for c, n in counts.items() if n == self.tried and self.is_all(self.by_card(c))]
        )
        others = [n for c, n in counts.items() if n < self.tried]
        next_best = int(max(others, default=0) / max(self.tried, 1) * self.numbers)
        if whole:
            return Diagnosis(tuple(whole), "", self.numbers, self.numbers, next_best)
        for text, candidate in structure.candidates(self.cases[self.few[0]]).items():

            def relation(i: int, candidate: structure.Candidate = candidate) -> Bounds | None:
                return candidate(self.cases[i], self.right[i])

            if self.is_all(relation):
                return Diagnosis((), text, self.numbers, self.numbers, next_best)
        if text := _narrow(self.task, self.place, self.name, self.cases):
            return Diagnosis((), text, self.numbers, self.numbers, next_best)
        for text, kinds in BUT_FOR.items():
            if found := self._of_the_others(text, kinds):
                return found
        where = _where(self.name, self.cases, self.right) or self._kind()
        return Diagnosis((), "", next_best, self.numbers, 0, where)


BUT_FOR = {
    "extreme numbers": (EXTREME,),
    "kinks and ties": (TIES,),
    "extreme numbers, kinks and ties": (EXTREME, TIES),
}
"""A function may have a mistake, and break at numbers of one kind besides."""


def fewest(cards: Sequence[Card]) -> list[Card]:
    """Return the cards with the fewest faults: of a step, the single choices before the pairs."""
    least = min((card.name.count(" and ") for card in cards), default=0)
    return [card for card in cards if card.name.count(" and ") == least]


def _narrow(task: Task, place: int, name: str, cases: Sequence[Case]) -> str:
    """Return in words whether float64 arguments were computed in fewer digits; "" if not.

    Then every number is a float32 number. Without this a formula that is off by 1e-8, or by 1e-4,
    would pass for a right one of few digits.
    """
    wide = [case for case in cases if case.draw.dtype == "float64"]
    numbers = [case.results[name] for case in wide]
    with np.errstate(all="ignore"):
        if not all(np.array_equal(a, a.astype(np.float32), equal_nan=True) for a in numbers):
            return ""
    for text, relative in (("float32", 2.0**-24), ("TF32", 2.0**-11)):
        formulas = [structure.as_if_in(case, task.right, relative)[place] for case in wide]
        shaped = [in_shape(a, f.value.shape) for a, f in zip(numbers, formulas, strict=True)]
        pairs = zip(shaped, formulas, strict=True)
        if wide and all(a is not None and bool(fits(a, f).all()) for a, f in pairs):
            return f"the right numbers, computed in {text} inside"
    return ""


def _where(name: str, cases: Sequence[Case], right: Sequence[Bounds]) -> str:
    wrong = []
    for case, formula in zip(cases, right, strict=True):
        theirs = in_shape(case.results[name], formula.value.shape)
        if theirs is None:
            return ""
        wrong.append((case, ~fits(theirs, formula)))
    return structure.only_on([(case, mask) for case, mask in wrong if mask.any()])
