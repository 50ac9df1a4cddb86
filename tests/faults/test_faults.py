"""The checks pass on the healthy code, and each planted fault makes the check beside it fail."""

import inspect
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.faults import checks
from tests.faults.catalogue import EQUIVALENT, FAULTS, ROOMS
from tests.faults.counts import table
from tests.faults.planting import F32, F64, NO_DTYPE, function_of, planted

ROOT = Path(__file__).parents[2]
FLOATS = {"float32": np.float32, "float64": np.float64}
HEALTHY = [
    pytest.param(check, part, dtype, id=f"{check.__name__} {part} {dtype.__name__}".strip())
    for check, parts in checks.PARTS.items()
    for part in parts
    for dtype in ((np.float64,) if check in checks.FLOAT64_ONLY else (np.float32, np.float64))
]
PLANTED = [
    pytest.param(fault, FLOATS[dtype], id=f"{room}.py {fault.name} {dtype}")
    for room, faults in ROOMS.items()
    for fault in faults
    for dtype in fault.dtypes
]
HIDDEN = [
    pytest.param(fault, FLOATS[dtype], id=f"{room}.py {fault.name} {dtype}")
    for room, faults in ROOMS.items()
    for fault in faults
    for dtype in set(FLOATS) - set(fault.dtypes)
    if fault.why != NO_DTYPE and fault.caught_by[0] not in checks.FLOAT64_ONLY
]


def stages(error):
    """A check's stage, also without its family: in the whole step, or in a part of it alone."""
    return error.stage, re.sub("^(rule|layer|walk|mirror|float64) ", "", error.stage)


@pytest.mark.parametrize(("check", "part", "dtype"), HEALTHY)
def test_the_checks_pass_on_the_healthy_code(check, part, dtype):
    check(dtype, part)


@pytest.mark.parametrize(("fault", "dtype"), PLANTED)
def test_each_fault_is_caught_where_it_stands(fault, dtype):
    check, part = fault.caught_by
    with planted(fault):
        if fault.blind is not None:
            blind, its_part = fault.blind
            blind(dtype, its_part)
        if fault.also is not None:
            also, its_part, stage = fault.also
            with pytest.raises(checks.CheckError) as caught:
                also(dtype, its_part)
            assert stage in stages(caught.value), caught.value
        with pytest.raises(checks.CheckError) as caught:
            check(dtype, part)
    assert fault.stage in stages(caught.value), caught.value
    if check in (checks.lockstep, checks.dyadic):
        assert f"stage {caught.value.stage}, " in str(caught.value)
    if check is checks.lockstep:
        planted_in = {re.split("[.:]", plant.target)[0] for plant in fault.plants}
        guilty = "refnn" if planted_in == {"refnn"} else "tftwin"
        for divergence in caught.value.report.divergences:
            assert divergence.wrong in ("", guilty), divergence


@pytest.mark.parametrize(("fault", "dtype"), HIDDEN)
def test_a_fault_of_one_dtype_is_hidden_in_the_other(fault, dtype):
    check, part = fault.caught_by
    with planted(fault):
        check(dtype, part)


@pytest.mark.parametrize("change", EQUIVALENT, ids=lambda change: change.name)
@pytest.mark.parametrize("dtype", FLOATS.values(), ids=FLOATS)
def test_an_equivalent_change_is_seen_by_no_check(change, dtype):
    with planted(change):
        for check, part in change.checks:
            check(dtype, part)


def test_the_catalogue():
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names) >= 80
    for fault in FAULTS:
        check, part = fault.caught_by
        assert part in checks.PARTS[check], fault
        assert fault.note or fault.blind or fault.also, fault
        assert bool(fault.why) == (fault.dtypes in (F32, F64)), fault


def test_the_pages_state_the_counts_of_the_catalogue():
    assert table() in (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    counts = {"faults": len(FAULTS), "cases": len(PLANTED), "equivalent": len(EQUIVALENT)}
    for page in (ROOT / "README.md", *ROOT.glob("[!.]*/**/README.md")):
        text = page.read_text(encoding="utf-8")
        for number, noun in re.findall(r"\b(\d{3,}) (?:planted )?(faults|cases)\b", text):
            assert int(number) == counts[noun], f"{page}: {number} {noun}"
        for number in re.findall(r"(\S+) changes are equivalent", text):
            assert number == str(counts["equivalent"]), page


def test_a_plant_is_undone_and_must_stand_once():
    plant = FAULTS[0].plants[0]
    function = function_of(plant.target)
    code, source = function.__code__, inspect.getsource(function)
    with planted(FAULTS[0]):
        assert function.__code__ is not code
    with pytest.raises(RuntimeError, match="inside"), planted(FAULTS[0]):
        raise RuntimeError("inside")
    assert function.__code__ is code
    assert inspect.getsource(function) == source
    for old in ("not there", "x"):
        wrong = replace(FAULTS[0], plants=(replace(plant, old=old),))
        with pytest.raises(ValueError, match="stands .* times in"), planted(wrong):
            pass
    assert function.__code__ is code
