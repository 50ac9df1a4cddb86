"""Cards that follow from others: the bare derivatives, and ∂loss/∂x through another form of f."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from refnn import activations
from tftwin.cards.card import Card

FUNCTIONS: dict[str, Any] = {
    "sigmoid": activations.Sigmoid,
    "tanh": activations.Tanh,
    "elu": activations.Elu,
    "selu": activations.Selu,
    "softplus": activations.Softplus,
    "softmax": activations.Softmax,
}

OF_DY = ("dy-ignored", "dy-ignored-below", "mask-of-dy")
"""Mistakes with the upstream gradient, which a bare derivative does not take."""


def slopes(cards: Iterable[Card]) -> Iterator[Card]:
    """Yield, for each card of a ``…_backward``, that of the ``…_derivative``."""
    for card in cards:
        base = card.of.removesuffix("_backward")
        if base in ("softmax", "dense", card.of) or card.name.endswith(OF_DY):
            continue
        yield replace(
            card,
            name=f"slope-{card.name}",
            of=f"{base}_derivative",
            function=_with_one(card.function),
            formula=card.formula.removeprefix("dy · ").removeprefix("dy "),
            refnn=card.refnn.removeprefix("dx = ").replace("dy · ", "").replace("dy ", ""),
        )


def _with_one(backward: Callable[..., Any]) -> Callable[..., Any]:
    def function(x: Any, y: Any, **options: float) -> Any:
        return backward(dy=np.ones_like(x), x=x, y=y, **options)

    return function


def through_forms(cards: Iterable[Card]) -> Iterator[Card]:
    """Yield, for each form of an activation, ∂loss/∂x of who computes y again by that form."""
    for card in cards:
        if card.kind == "form" and card.of in FUNCTIONS:
            yield replace(
                card,
                name=f"back-{card.name}",
                of=f"{card.of}_backward",
                function=_through(FUNCTIONS[card.of], card.function),
                formula=f"y = {card.formula}, again from x",
                refnn=f"∂loss/∂x from the y that is given: {card.refnn}",
            )


def _through(kind: Any, form: Callable[..., Any]) -> Callable[..., Any]:
    def function(dy: Any, x: Any, y: Any, **options: float) -> Any:
        (again,) = form(x=x, **options)
        return (kind(**options).backward(dy, x, again),)

    return function
