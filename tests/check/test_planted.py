"""One catalogue: refnn with a planted fault in it is a card, number by number.

So a card's function is held to code that another hand wrote, and a fault that a person would make
has a card.
"""

from collections import Counter

import pytest

from refnn.activations import Tanh
from refnn.optimizers import Adam
from tests.check.planted_cards import faults, named
from tftwin.cards import CARDS
from tftwin.cards.slips import changed

FOUND = {(fault.name, task.name): said for fault, task in faults() if (said := named(fault, task))}
UNKNOWN = {
    "squares': writes into y_pred",  # no formula: the checker says that y_pred was changed
    "sgd: rate off by 1e-11",  # no mistake that anybody makes
}
RAISES = {
    "dense: W transposed",
    "dense: dx through W instead of its transpose",
    "squares: (N, 1) against (N,)",
}


def test_each_fault_of_a_function_is_named():
    unknown = {fault for (fault, _), said in FOUND.items() if "unknown" in said.values()}
    raises = {fault for (fault, _), said in FOUND.items() if "raises" in said.values()}
    assert (unknown, raises) == (UNKNOWN, RAISES)
    assert len(FOUND) > 130


def test_most_are_cards_and_each_is_one():
    names = Counter(name for said in FOUND.values() for name in said.values())
    cards = {card.name for card in CARDS}
    assert sum(name in cards for name in names) > 100
    classes = [name.split(" | ") for name in names if " | " in name]
    assert all(set(names) <= cards for names in classes)
    assert len(classes) < 5


@pytest.mark.parametrize(
    ("fault", "card"),
    [
        ("sigmoid': from x", "sigmoid-derivative-of-x"),
        ("dense: db of the first sample", "dense-biases-first-row"),
        ("crossentropy: epsilon inside the logarithm", "cce-epsilon-7"),
        ("logits': mean forgotten", "fused-gradient-sum"),
        ("L2': 2 too much", "l2-half-gradient"),
        ("decay: integer division", "decay-staircase-always"),
        ("sgdm: beta swapped", "momentum-swapped"),
        ("adam: beta times t", "adam-beta-times-t"),
        ("adam: epsilon hat", "adam-epsilon-place"),
        ("nadam: one product for both", "nadam-one-product"),
    ],
)
def test_the_names_are_the_right_ones(fault, card):
    (said,) = [said for (name, _), said in FOUND.items() if name == fault]
    assert set(said.values()) == {card}


def test_a_slip_needs_its_text():
    assert changed(Tanh.backward, ("1 - y * y", "1 - y"))(Tanh(), 1.0, 0.0, 0.5) == 0.5
    for text in ("no such text", "self"):
        with pytest.raises(ValueError, match="stands [0-9]+ times"):
            changed(Adam.rule, (text, ""))
