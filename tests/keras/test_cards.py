"""Each card shows two numbers: refnn's, and that of the library that computes otherwise."""

import numpy as np
import pytest

from refnn import (
    L2,
    SGDM,
    Adagrad,
    Adam,
    ExponentialDecay,
    LeakyRelu,
    Nadam,
    Nesterov,
    RMSProp,
)
from tftwin.cards import CARDS
from tftwin.cards.adam import ADAM
from tftwin.cards.adaptive import ADAGRAD, RMSPROP
from tftwin.cards.casts import CASTS
from tftwin.cards.momentum import MOMENTUM, NESTEROV
from tftwin.cards.nadam import NADAM
from tftwin.cards.rates import RATES
from tftwin.lockstep.roundoff import exact

EXAMPLES = {
    # name: (refnn's rule, arguments, gradients, rates, refnn's number, the card's number)
    "adam-epsilon-place": (Adam, {"epsilon": 1.0}, [1.0], [1.0], "-0.5", "-0.0306534"),
    "adam-correction-precision": (Adam, {"epsilon": 0.0}, [1.0], [1.0], "-1", "-0.9999933243"),
    "ema-form": (Adam, {}, [1.0, 0.3], [1.0, 1.0], None, None),
    "momentum-one-minus-beta": (SGDM, {}, [1.0, 1.0, 1.0], [0.1] * 3, "-0.0561", "-0.561"),
    "momentum-rate-inside": (SGDM, {}, [1.0, 1.0], [0.1, 0.05], "-0.0195", "-0.024"),
    "momentum-beta-float32": (SGDM, {}, [1.0, 1.0], [1.0, 1.0], "-0.29", "-0.28999999762"),
    "nadam-beta-float32": (
        *(Nadam, {"momentum_decay": 1.0, "epsilon": 0.0}, [1.0], [1.0]),
        *("-1.062787803", "-1.062787824"),
    ),
    "nesterov-one-minus-beta": (Nesterov, {}, [1.0] * 3, [0.1] * 3, "-0.08049", "-0.8049"),
    "nesterov-rate-inside": (
        *(Nesterov, {}, [1.0] * 3, [0.1, 0.05, 0.025]),
        *("-0.0411475", "-0.05269"),
    ),
    "nesterov-beta-float32": (Nesterov, {}, [1.0], [1.0], "-0.19", "-0.18999999762"),
    "adagrad-epsilon-place": (Adagrad, {"epsilon": 1e-3}, [1e-3], [1.0], "-0.5", "-0.0316070"),
    "adagrad-start": (Adagrad, {"epsilon": 0.0}, [0.01], [1.0], "-1", "-0.0316070"),
    "rmsprop-epsilon-place": (RMSProp, {"epsilon": 1.0}, [1.0], [1.0], "-0.7597469", "-0.9534626"),
}


@pytest.mark.parametrize("card", [c for c in CARDS if c.name in EXAMPLES], ids=lambda c: c.name)
def test_both_numbers(card):
    kind, arguments, gradients, rates, ours, theirs = EXAMPLES[card.name]
    own = kind(0.0, **arguments)
    others = {
        key: getattr(own, key)
        for key in ("beta", "beta_1", "beta_2", "epsilon")
        if hasattr(own, key)
    }
    w, slots = np.zeros(1), tuple(np.zeros(1) for _ in own.slot_names)
    other, parts = w, slots
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        g, counted = np.array([g]), {"t": t} if "adam" in card.of else {}
        w, slots = own.rule(w, g, slots, t, rate)
        other, *parts = card.function(other, g, *parts, learning_rate=rate, **others, **counted)
    if card.kind == "form":  # refnn's value, but for its roundings
        bound = rounding_of(own, gradients, rates)
        assert abs(w - other) <= bound
        return
    for number, text in ((w, ours), (other, theirs)):
        digits = len(text.partition(".")[2])
        assert f"{float(number[0]):.{digits}f}" == text
    assert abs(w - other) > 1000 * rounding_of(own, gradients, rates)


def rounding_of(own, gradients, rates):
    w, slots = exact(np.zeros(1)), tuple(exact(np.zeros(1)) for _ in own.slot_names)
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        w, slots = own.rule(w, exact(np.array([g])), slots, t, rate)
    return 2 * w.bound


def test_both_rates():
    rounded, decayed = (
        next(c for c in CARDS if c.name == n) for n in ("rate-dtype", "decay-float32")
    )
    assert rounded.function(0.1) == (0.10000000149011612,)
    ours = ExponentialDecay(0.2, 0.99, 1)(100)
    (theirs,) = decayed.function(100, 0.2, 0.99, 1, False)
    assert (f"{ours:.10f}", f"{theirs:.10f}") == ("0.0732064683", "0.0732065365")


def test_casts():
    slope, rate = (
        next(c for c in CARDS if c.name == n) for n in ("leaky-slope-float32", "l2-rate-float32")
    )
    x = np.array([-1 / 3])
    assert LeakyRelu(0.2).forward(x) == -0.2 / 3
    assert f"{slope.function(x, 0.2)[0][0]:.14f}" == "-0.06666666766008"
    assert L2(0.02).value([np.ones((1, 1))]) == 0.01
    assert rate.function(np.ones((1, 1)), 0.02) == (float(np.float32(0.02)) / 2,)


def test_cards_are_whole():
    names = [card.name for card in CARDS]
    assert len(set(names)) == len(names)
    for card in CARDS:
        assert all((card.formula, card.refnn, card.who, card.sentence, *card.hints))
        assert card.formula != card.refnn
    others = {"rate-dtype", "decay-float32", "leaky-slope-float32", "l2-rate-float32"}
    kinds = (*ADAM, *NADAM, *MOMENTUM, *NESTEROV, *ADAGRAD, *RMSPROP, *RATES, *CASTS)
    assert set(EXAMPLES) | others == {card.name for card in kinds}
