"""Sixty faults designed from the conventions alone: each is seen, or a reason says why not."""

from pathlib import Path

import numpy as np
import pytest

from refnn.training import train_step
from tests.faults.from_conventions import EQUAL, FAULTS, ORDER, case, rows
from tests.faults.planting import BOTH, planted
from tests.lockstep.compare import compare
from tests.strategies import FLOATS
from tftwin.lockstep.verdict import same_bits

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_is_seen_and_the_right_side_is_blamed(fault, dtype):
    healthy = case(fault, dtype)
    with planted(fault):
        report = compare(healthy)
    against = [*report.divergences[:1], *report.lost_digits[:1], report.stopped]
    assert report.agreed == (np.dtype(dtype).name not in fault.dtypes), against
    assert {d.wrong for d in report.divergences} <= {"", fault.target.split(".")[0]}


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda dtype: dtype.__name__)
def test_the_healthy_code_agrees_on_the_same_cases(dtype):
    parts = "function", "output", "loss", "optimizer", "data"
    different = {tuple(repr(getattr(f, part)) for part in parts): f for f in FAULTS}
    for fault in different.values():
        assert compare(case(fault, dtype)).agreed, fault


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("fault", [f for f in FAULTS if f.unseen], ids=lambda fault: fault.name)
def test_what_is_not_seen_changes_nothing_or_roundings_alone(fault, dtype):
    """The reason that the table gives. That no bound is exceeded is lockstep's "agreed"."""
    if np.dtype(dtype).name in fault.dtypes:
        return
    healthy = case(fault, dtype)
    before = train_step(*healthy.step)
    with planted(fault):
        after = train_step(*healthy.step)
    assert same_bits(before.state.theta, after.state.theta) == (fault.unseen == EQUAL)
    for one, other in zip(before.output_gradients, after.output_gradients, strict=True):
        assert np.abs(one - other).max() <= 64 * np.finfo(dtype).eps * np.abs(one).max()


def test_there_are_sixty_and_the_page_lists_them():
    assert len(FAULTS) == len({fault.name for fault in FAULTS}) == 60
    for fault in FAULTS:
        assert bool(fault.unseen) == (fault.dtypes != BOTH), fault.name
        assert fault.unseen in ("", ORDER, EQUAL), fault.name
    text = README.read_text(encoding="utf-8")
    assert "\n".join(rows()) in text
    seen = sum(len(fault.dtypes) for fault in FAULTS)
    assert f"Of 120 comparisons, {seen} see it" in text
