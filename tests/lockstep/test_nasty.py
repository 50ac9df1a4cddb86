"""Healthy networks that are hard to compare raise no alarm; 5,000 of them by hand, 150 here."""

import pytest

from tests.lockstep.nasty import nasty_case, outcome

COUNT, PARTS = 150, 5


@pytest.mark.parametrize("part", range(PARTS))
def test_no_alarm_is_false(part):
    said = [outcome(seed) for seed in range(part, COUNT, PARTS)]
    alarms = [text for text in said if text not in ("agreed", "stopped")]
    assert not alarms, "\n".join(alarms)
    assert said.count("agreed") > 0.8 * len(said)


def test_they_are_nasty():
    """Both dtypes, one unit and two hundred, one row and many, large steps, all scales."""
    drawn = [nasty_case(seed) for seed in range(COUNT)]
    assert {case.dtype.name for case in drawn} == {"float32", "float64"}
    widths = [case.network.inputs for case in drawn]
    rows = [len(case.batches[0][0]) for case in drawn]
    assert min(widths) == min(rows) == 1
    assert max(widths) > 100
    assert max(rows) > 100
    assert max(case.state.step for case in drawn) > 2**32
    sizes = [abs(case.batches[0][0]).max() for case in drawn]
    assert min(sizes) < 1e-9
    assert max(sizes) > 1e6
