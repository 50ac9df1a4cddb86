"""A card: one other way to compute a thing, and what to say to the person who computes it so."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["form", "convention", "mistake"]
"""A *form* has refnn's exact values and other bits; somebody respected computes a *convention*."""


@dataclass(frozen=True)
class Card:
    """An entry of the catalogue.

    Attributes
    ----------
    name : str
        For example "adam-epsilon-place".
    of : str
        The function that it is another way of, by its name in ``tftwin.check.tasks``: "adam".
    kind : {"form", "convention", "mistake"}
        See ``Kind``.
    function : callable
        Takes the arguments of that function by name and returns its results, a tuple. It is plain
        NumPy, and runs on arrays that carry their bounds (``tftwin.lockstep.roundoff``).
    formula, refnn : str
        Both formulas as text: this one, and refnn's.
    who : str
        Who computes it so.
    sentence : str
        What a person needs to know.
    hints : tuple of three str
        For learners, from vague to plain: the stage and a question, the concept, the formula.
    source : str
        Where it is written down: a paper, a documentation, an issue.
    """

    name: str
    of: str
    kind: Kind
    function: Callable[..., tuple[Any, ...]]
    formula: str
    refnn: str
    who: str
    sentence: str
    hints: tuple[str, str, str]
    source: str = ""


CODE = "from-scratch code"
MEASURED = "both numbers are in tests/check/test_numbers.py"


def maker(of: str, refnn: str, stage: str) -> Callable[..., Card]:
    """Return what makes the cards of one function: the rest of each is in its own line."""

    def card(
        name: str,
        function: Callable[..., tuple[Any, ...]],
        formula: str,
        sentence: str,
        question: str,
        concept: str,
        *,
        kind: Kind = "mistake",
        who: str = CODE,
        source: str = "",
    ) -> Card:
        hints = f"{stage}: {question}", concept, refnn
        return Card(name, of, kind, function, formula, refnn, who, sentence, hints, source)

    return card
