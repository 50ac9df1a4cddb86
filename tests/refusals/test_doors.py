"""Each door of refnn answers what is wrong in one clear line; ``fuzz.py`` makes more calls."""

import re

import refnn
from tests.refusals.fuzz import DOORS, fuzz


def test_no_answer_is_a_riddle_or_long():
    counts, examples = fuzz(600)
    assert examples == {}
    assert counts["refused"] > 450


def test_every_public_name_is_a_door_or_said_to_be_none():
    """The package's own words say which names check nothing."""
    said = refnn.__doc__.partition("The doors")[2].replace("``__all__``", "")
    others = set(re.findall(r"``(\w+)``", said))
    plain = {"Identity", "Relu", "Sigmoid", "Softmax", "Tanh", "He", "Zeros"}  # take nothing
    doors = {name.split(".")[0] for name in DOORS}
    assert set(refnn.__all__) - plain - doors <= others
    assert others <= {*refnn.__all__, "load_model"}
