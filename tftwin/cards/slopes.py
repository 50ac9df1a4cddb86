"""Cards of the bare derivatives: those of ∂loss/∂x, with an upstream gradient of 1."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tftwin.cards.card import Card

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
