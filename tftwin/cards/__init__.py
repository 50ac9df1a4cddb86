"""The catalogue: conventions, forms and mistakes, each a small NumPy function with a card.

A file a topic. The functions of optimizers take flat arguments, ``adam(w, g, m, v, t,
learning_rate, beta_1, beta_2, epsilon)``, and return the new w and the new slots.
"""

from tftwin.cards import (
    activations,
    dense,
    dropout,
    lookahead,
    losses,
    regression,
    rules,
    slips,
    smooth,
    yes_or_no,
)  # fmt: skip
from tftwin.cards.adam import ADAM
from tftwin.cards.adaptive import ADAGRAD, RMSPROP
from tftwin.cards.card import Card
from tftwin.cards.casts import CASTS
from tftwin.cards.momentum import MOMENTUM, NESTEROV
from tftwin.cards.nadam import NADAM
from tftwin.cards.rates import RATES
from tftwin.cards.slopes import slopes, through_forms

BACK = tuple(through_forms([*activations.CARDS, *smooth.CARDS, *slips.CARDS]))
CARDS: tuple[Card, ...] = (
    *activations.CARDS,
    *smooth.CARDS,
    *slopes([*activations.CARDS, *smooth.CARDS, *slips.CARDS, *BACK]),
    *BACK,
    *dense.CARDS,
    *dropout.CARDS,
    *losses.CARDS,
    *regression.CARDS,
    *yes_or_no.CARDS,
    *MOMENTUM,
    *NESTEROV,
    *ADAGRAD,
    *RMSPROP,
    *ADAM,
    *NADAM,
    *RATES,
    *CASTS,
    *rules.CARDS,
    *lookahead.CARDS,
    *slips.CARDS,
)
"""All cards."""

__all__ = ["CARDS", "Card"]
