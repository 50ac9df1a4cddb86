"""Measuring the ledger: the slabs of inputs, a stop and a resume, an unknown machine."""

import copy
import os
import time
import warnings

import numpy as np
import pytest

from tftwin.__main__ import main
from tftwin.lockstep import ledger
from tftwin.lockstep.ledger import errors, machine
from tftwin.lockstep.ledger.certify import certify
from tftwin.lockstep.ledger.kernels import FUNCTIONS, instruction_set
from tftwin.lockstep.ledger.tasks import BLOCK, EXHAUSTIVE, Task, blocks, slabs

DTYPES = ("float32", "float64")
MEASURABLE = DTYPES if np.finfo(np.longdouble).nmant >= 63 else DTYPES[:1]
each_function = pytest.mark.parametrize("function", FUNCTIONS)
each_dtype = pytest.mark.parametrize("dtype", MEASURABLE)


def kernel_of(entry):
    return f"{entry['library']} {entry['kernel']}".strip()


def test_the_slabs_tile_every_magnitude_once():
    expected = 0
    for slab in range(slabs(EXHAUSTIVE)):
        first = last = None
        task = Task("exp", "float32", ("numpy",), EXHAUSTIVE, slab, "")
        for magnitudes, before in blocks(task):
            first = magnitudes[:1].view(np.uint32)[0]
            last = magnitudes[-1:].view(np.uint32)[0]
            assert (first, last) == (expected, expected + BLOCK - 1)
            assert (before is None) == (expected == 0)
            assert before is None or before[-1:].view(np.uint32)[0] == first - 1
            expected += BLOCK
    assert expected == 2**31


@each_function
@each_dtype
def test_an_entry_ten_times_too_small_is_caught(function, dtype, monkeypatch):
    wrong = copy.deepcopy(ledger.entries())
    for e in wrong:
        if (e["function"], e["dtype"]) == (function, dtype):
            e["worst"]["error"] /= 10
    monkeypatch.setattr(errors, "entries", lambda: wrong)
    monkeypatch.setattr(errors, "worst", errors.worst.__wrapped__)
    by = "tensorflow vector"
    (line,) = machine.sampled(by, by)
    assert f"{function} in {dtype}" in line
    assert "ulp" in line
    assert "too tight" in line


def test_a_machine_in_the_ledger_is_not_warned(monkeypatch):
    known = {kernel_of(e): e for e in ledger.entries()}
    monkeypatch.setattr(machine, "instruction_set", lambda k: known[k]["instruction_set"])
    monkeypatch.setattr(machine, "version", lambda k: known[k]["version"])
    ledger.check_machine.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ledger.check_machine()
    ledger.check_machine.cache_clear()


def test_a_machine_that_is_not_in_the_ledger_is_sampled_once_and_told(monkeypatch):
    monkeypatch.setattr(machine, "instruction_set", lambda kernel: "ABACUS")
    ledger.check_machine.cache_clear()
    start = time.process_time()
    with pytest.warns(ledger.LedgerWarning, match="does not know .* on ABACUS") as seen:
        ledger.check_machine()
    assert time.process_time() - start < 5  # it is made for less than 1, on a machine at rest
    assert len(seen) == 3
    assert all("python -m tftwin certify" in str(w.message) for w in seen)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ledger.check_machine()
    ledger.check_machine.cache_clear()


def test_a_quick_certificate_can_be_stopped_and_resumed(tmp_path):
    def run():
        return certify(["exp"], ["numpy"], ["float32"], state=tmp_path, quick=True, jobs=1)

    entries = run()
    assert [e["instruction_set"] for e in entries][0] == instruction_set()
    assert ledger.exceeding(entries) == []
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert run() == entries
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == times

    cut = next(path for path in times if f"{instruction_set()}-1x" in path.name)
    cut.write_text(cut.read_text()[:-9])
    assert run() == entries

    output = tmp_path / "ledger.json"
    more = [{**e, "inputs": 2**32, "worst": {"error": 1.0, "at": "inf"}} for e in entries]
    ledger.update(output, more)
    ledger.update(output, entries)
    assert ledger.load(output) == sorted(more, key=ledger.key)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--functions", "sinh"], "--functions"),
        (["--jobs", "0"], "--jobs"),
        (["--jobs", "two"], "--jobs"),
        (["--state", __file__], "--state"),
        (["--output", os.path.join("no", "such", "folder", "l.json")], "--output"),
        (["--output", __file__], "not a ledger"),
        (["--dtypes"], "--dtypes"),
    ],
)
def test_a_wrong_argument_is_one_line_and_no_traceback(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["certify", *arguments])
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert message in said
    assert said.count("\n") == 1


def test_a_quick_certificate_says_what_it_found_and_where_it_wrote(tmp_path, capsys):
    output = tmp_path / "ledger.json"
    quick = ["--quick", "--functions", "exp", "--libraries", "numpy", "--dtypes", "float32"]
    arguments = ["certify", *quick, "--state", str(tmp_path / "state"), "--output", str(output)]
    assert main(arguments) == 0
    entries = ledger.load(output)
    said = capsys.readouterr().out
    inputs = sum(e["inputs"] for e in entries)
    assert f"{len(entries)} kernels measured on {inputs:,} inputs: none exceeds the cap" in said
    assert said.endswith(f"{len(entries)} written into {output}\n")
    header, *lines = said.splitlines()
    for column in ("kernel", "on", "worst ulp", "at", "inputs"):
        assert column in header
        assert any(line.startswith(f"{column} ") for line in lines), column
    ledger.update(output, [{**e, "inputs": 2**32} for e in entries])
    assert main(arguments) == 0
    kept = f"0 written into {output}; of {len(entries)} it holds a measurement on more inputs, kept"
    assert kept in capsys.readouterr().out
