"""How far refnn's own rule is from Keras', and which card says why.

Both rules are given the same gradients. Each has its own slots, from its own start: so the 0.1 at
which Adagrad's v starts counts too. All is computed in float64: a card's effect is its own, and no
rounding. What the network's dtype cannot show is not named.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from refnn.state import State
from refnn.typing import Array, Slots
from tftwin.cards.card import Card
from tftwin.cards.rates import RATES
from tftwin.keras_lockstep.rules import Rule, arguments_of, kind_of, moves, refnn_rule
from tftwin.keras_models.description import Described


@dataclass(frozen=True)
class Convention:
    """A difference that has a name.

    Attributes
    ----------
    stage : str
        Where: "learning rate", "update", "loss", "forward".
    name : str
        The card's.
    size : float
        The largest difference that it makes: as a share of the rate, or of the largest move.
    sentence : str
        What it is.
    """

    stage: str
    name: str
    size: float
    sentence: str


class Account:
    """refnn's rule and each card's beside Keras', over the steps of a comparison."""

    def __init__(self, described: Described, state: State) -> None:
        self.described, self.dtype = described, state.theta.dtype
        kind, self.own = kind_of(described), refnn_rule(described)
        self.cards: list[Card] = list(kind.cards)
        keras, ours = starts(described, state)
        self.before = state.step if described.name in AFRESH else 0

        def rule(function: Any, **more: float) -> Rule:
            return Rule(function, arguments_of(described) | more, 0.0, kind.slot_names)

        self.keras: tuple[Any, Slots] = (rule(kind.function), keras)
        self.others: dict[str, tuple[Any, Slots]] = {"": (self.own, ours)}
        for card in self.cards:
            more = {}
            if card.name == "adagrad-start":
                more["start"] = described.arguments["initial_accumulator_value"]
            self.others[card.name] = rule(card.function, **more), ours
        self.sizes: dict[str, float] = dict.fromkeys(self.others, 0.0)
        self.rates = (0.0, 0.0, 0.0)

    def add(self, gradient: Array, t: int, rate: float, own_rate: float) -> None:
        """Count one step: Keras' gradient, the number of the update, Keras' rate and refnn's."""
        one, other = (float(self.dtype.type(number)) for number in (rate, own_rate))
        if one != other:
            self.rates = max(self.rates, (abs(one - other) / other, rate, own_rate))
        g, t = gradient.astype(np.float64), t - self.before
        with np.errstate(all="ignore"):
            rule, slots = self.keras
            keras, slots = moves(rule, slots, g, t, rate)
            self.keras = rule, slots
            found = {}
            for name, (rule, slots) in self.others.items():
                found[name], slots = moves(rule, slots, g, t, rate)
                self.others[name] = rule, slots
            own = found.pop("")
            self.sizes[""] = max(self.sizes[""], _share(own - keras, keras))
            for name, move in found.items():
                self.sizes[name] = max(self.sizes[name], _share(move - own, keras))

    @property
    def apart(self) -> float:
        """The largest difference of refnn's move from Keras', as a share of the largest move."""
        return self.sizes[""]

    def conventions(self) -> list[Convention]:
        """Return what the steps showed, the largest first."""
        found = []
        off, rate, own = self.rates
        if rate != own:
            scheduled = isinstance(self.described.arguments["learning_rate"], Described)
            card = RATES[1] if scheduled else RATES[0]
            found.append(
                Convention(
                    "learning rate",
                    card.name,
                    off,
                    f"{rate!r} is {own!r} to refnn: {card.sentence}",
                )
            )
        cards = [
            Convention("update", card.name, self.sizes[card.name], card.sentence)
            for card in self.cards
            if self.sizes[card.name] > np.finfo(self.dtype).eps
        ]
        return found + sorted(cards, key=lambda convention: -convention.size)


AFRESH = ("SGD", "Nadam")
"""Measured from slots of 0 at t = 1: Keras' momentum holds the rate, and refnn's does not; the v of
Nadam was averaged by a β in float32, and is corrected for just that."""


def starts(described: Described, state: State) -> tuple[Slots, Slots]:
    """Return the slots from which Keras' rule and refnn's are measured, in float64.

    Adagrad's v counts from another start.
    """
    keras: Slots = tuple(slot.astype(np.float64) for slot in state.slots)
    if described.name in AFRESH:
        keras = tuple(np.zeros_like(slot) for slot in keras)
    start = described.arguments.get("initial_accumulator_value", 0.0)
    return keras, tuple(np.maximum(slot - start, 0) if start else slot for slot in keras)


def _share(apart: Array, move: Array) -> float:
    """Return the largest difference as a share of the largest move."""
    largest = float(np.max(np.abs(move), initial=0.0))
    return float(np.max(np.abs(apart), initial=0.0)) / largest if largest else 0.0
