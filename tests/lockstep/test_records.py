"""Records of steps in a file."""

import numpy as np
import pytest
from hypothesis import given, settings

from refnn.record import record
from refnn.training import train_step
from tests.helpers import same_bits
from tests.strategies import cases
from tftwin.lockstep.records import load, save
from tftwin.lockstep.verdict import judge_records


@settings(max_examples=20)
@given(case=cases(steps=2))
def test_records_are_read_as_they_were_written(case, tmp_path_factory):
    steps, state = [], case.state
    for batch in case.batches:
        with np.errstate(all="ignore"):
            step = train_step(case.model, state, *batch)
        steps.append(record(case.network, case.optimizer.slot_names, step))
        state = step.state
    path = tmp_path_factory.mktemp("records") / "run.npz"
    save(path, steps)
    again = load(path)
    assert [[e[:2] for e in s] for s in again] == [[e[:2] for e in s] for s in steps]
    for one, other in zip(sum(steps, []), sum(again, []), strict=True):
        assert same_bits(one.array, other.array), one[:2]
    rows = {}
    for number, (one, other) in enumerate(zip(steps, again, strict=True), 1):
        one = [e._replace(array=np.asarray(e.array)) for e in one]
        assert judge_records(rows, number, one, other) == []


def test_a_file_that_is_no_record_is_refused(tmp_path):
    text, other, archive = tmp_path / "text.npz", tmp_path / "other.npz", tmp_path / "a.npz"
    text.write_text("no archive")
    np.savez(other, theta=np.ones(3))
    np.savez(archive, **{"5|0|forward|y1": np.ones(3)})
    for path in (text, other, archive):
        with pytest.raises(ValueError, match=r"expected a file written by lockstep"):
            load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.npz")
