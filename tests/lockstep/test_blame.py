"""Whom the verdict blames: 40 faults and more on each side, and ten pairs on both at once.

The right side is named in nearly all, and the wrong one in none. ``python -m
tests.lockstep.test_blame`` prints the table of tests/README.md.
"""

from collections import Counter

import numpy as np
import pytest

from tests.lockstep.planted import BOTH, REFNN, SIZES, TFTWIN, named, run
from tests.strategies import FLOATS

SIDES = {
    "refnn": [(fault,) for fault in REFNN],
    "tftwin": [(fault,) for fault in TFTWIN],
    "both": BOTH,
}


def blamed(report):
    """The sides that a report blames; digits that are lost are refnn's."""
    sides = {d.wrong for d in report.divergences} - {""}
    if "both" in sides:
        sides = {"refnn", "tftwin"}
    return sides | ({"refnn"} if report.lost_digits else set())


def outcome(side, faults, dtype, depth):
    """Whether the right side is blamed, nobody, or the wrong one; or the fault is not seen."""
    steps = 2 if any("stale" in fault.name for fault in faults) else 1
    report = run(*faults, dtype=dtype, sizes=SIZES[depth], steps=steps)
    guilty = {"refnn", "tftwin"} if side == "both" else {side}
    found = blamed(report)
    if report.agreed:
        return "not seen"
    if not found <= guilty:
        return "wrong"
    return "right" if found == guilty else "undecided"


def outcomes(side, dtype, depth):
    return {
        " + ".join(fault.name for fault in faults): outcome(side, faults, dtype, depth)
        for faults in SIDES[side]
    }


@pytest.mark.parametrize("depth", ["shallow", "deep"])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("side", SIDES)
def test_the_right_side_is_blamed_and_never_the_wrong_one(side, dtype, depth):
    found = outcomes(side, dtype, depth)
    assert len(found) >= (10 if side == "both" else 40)
    unsure = {name: what for name, what in found.items() if what != "right"}
    assert not {"wrong", "not seen"} & set(unsure.values()), unsure
    assert len(unsure) <= 0.2 * len(found), unsure


def test_every_tensor_that_diverges_is_named_once():
    """One divergence for each tensor, so that the first tensor does not hide the others."""
    (fault,) = named("signs flipped")
    report = run(fault, dtype=np.float32, sizes=SIZES["deep"], steps=1)
    places = [(d.step, d.stage, d.name) for d in report.divergences]
    assert len(set(places)) == len(places)
    wrong = {name for _, stage, name in places if stage == "layer gradient"}
    assert wrong == {f"d{w}{n}" for w in "Wb" for n in range(1, 22, 2)}


def test_parts_come_first_and_the_whole_step_follows_from_them():
    (fault,) = named("tanh' = 1 - y")
    report = run(fault, dtype=np.float64, sizes=SIZES["shallow"], steps=1)
    of_a_part = [" " in d.stage for d in report.divergences]
    assert of_a_part == sorted(of_a_part, reverse=True)
    first = report.divergences[0]
    for d in report.divergences[of_a_part.count(True) :]:
        assert d.explanation == f"follows from {first.stage}, {first.name}"
        assert d.wrong == first.wrong == "refnn"


def table():
    """Return the Markdown table of all cases."""
    words = ("right", "undecided", "wrong", "not seen")
    lines = ["| fault on | cases | right side | undecided | wrong side | not seen |"]
    lines.append("|---" * 6 + "|")
    for side in SIDES:
        count = Counter()
        for dtype in FLOATS:
            for depth in ("shallow", "deep"):
                count.update(outcomes(side, dtype, depth).values())
        cells = [str(count[word]) for word in words]
        lines.append(f"| {side} | {count.total()} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
