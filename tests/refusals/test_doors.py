"""Each door answers what is wrong in one clear line; ``fuzz`` and ``fuzz_twin`` make more calls."""

import re

import pytest

import refnn
import tftwin
from tests.refusals import fuzz, fuzz_twin
from tests.refusals.fuzz import DOORS
from tftwin import lockstep

SIDES = {"refnn": (fuzz.DOORS, fuzz.NASTY), "tftwin": (fuzz_twin.DOORS, fuzz_twin.WRONG)}


@pytest.mark.parametrize("side", SIDES)
def test_no_answer_is_a_riddle_or_long(side):
    doors, wrong = SIDES[side]
    counts, examples = fuzz.fuzz(1500, 3, doors, wrong)
    assert examples == {}
    assert counts["refused"] > 1300


@pytest.mark.parametrize("side", SIDES)
def test_the_good_arguments_are_good(side):
    """Else a wrong one beside them would prove nothing."""
    for name, (function, good) in SIDES[side][0].items():
        if name not in ("fit", "resume"):  # a file is there, or it is not
            answer = fuzz.tried(function, good, [])
            assert answer == "accepted", (name, answer)


def test_every_public_name_is_a_door_or_said_to_be_none():
    """The package's own words say which names check nothing."""
    said = refnn.__doc__.partition("The doors")[2].replace("``__all__``", "")
    others = set(re.findall(r"``(\w+)``", said))
    plain = {  # take nothing
        "Identity", "Relu", "Selu", "Sigmoid", "Softmax", "Softplus", "Tanh", "He", "Zeros",
    }  # fmt: skip
    doors = {name.split(".")[0] for name in DOORS}
    assert set(refnn.__all__) - plain - doors <= others
    assert others <= {*refnn.__all__, "load_model"}


@pytest.mark.parametrize("package", [tftwin, lockstep])
def test_every_public_name_of_tftwin_is_a_door_or_said_to_be_none(package):
    said = package.__doc__.partition("The doors")[2].replace("``__all__``", "")
    others = set(re.findall(r"``(\w+)``", said))
    doors = {name.split(".")[0] for name in fuzz_twin.DOORS}
    elsewhere = {"compare_keras"}  # its refusals are tested beside it; a call of it takes a second
    assert set(package.__all__) - doors - elsewhere <= others
    assert others <= {*package.__all__}
