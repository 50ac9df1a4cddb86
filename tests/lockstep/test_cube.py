"""The configuration cube: healthy cells are within their bounds, planted faults are seen in each.

Axes and cells are those of ``cube.py``.
"""

import json
import os
import subprocess
import sys
from itertools import combinations, product
from pathlib import Path

import pytest

from tests.lockstep.cube import AXES, CORNERS, FAULTS, cells


def printed_by(corner):
    """What a process of this corner prints, one cell a line."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_NUM_")}
    _, onednn, _ = CORNERS[corner]
    run = subprocess.run(
        [sys.executable, "-m", "tests.lockstep.cube", str(corner)],
        cwd=Path(__file__).parents[2],
        env=environment | {"TF_ENABLE_ONEDNN_OPTS": str(int(onednn))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return [json.loads(line) for line in run.stdout.splitlines()]


def against(corner, printed):
    """What speaks against a corner: cells that are missing, too empty, wrong, or blind."""
    expected = [cell | {"fault": f} for cell, fault in cells(corner) for f in ("", fault)]
    found = [{name: line[name] for name in (*AXES, "fault")} for line in printed]
    complaints = [] if found == expected else [f"cells {found}; expected {expected}"]
    for line in printed:
        if line["agreed"] == bool(line["fault"]):
            complaints.append(f"{'not seen' if line['fault'] else 'alarm'}: {line}")
        if line["elements"] < 4_000 or (line["unbounded"] and not line["fault"]):
            complaints.append(f"says little: {line}")
    return complaints


@pytest.mark.parametrize("corner", range(len(CORNERS)))
def test_a_corner_of_the_cube_is_within_its_bounds_and_sees_faults(corner):
    assert against(corner, printed_by(corner)) == []


def test_the_cells_show_every_pair_of_values():
    chosen = [cell for corner in range(len(CORNERS)) for cell, _ in cells(corner)]
    for one, other in combinations(AXES, 2):
        pairs = {(cell[one], cell[other]) for cell in chosen}
        assert pairs == set(product(AXES[one], AXES[other])), (one, other)
    assert {fault for corner in range(len(CORNERS)) for _, fault in cells(corner)} == set(FAULTS)


def test_a_corner_that_saw_nothing_is_refused():
    """A fault that is not seen, an alarm, a cell left out or swapped, a run that says little."""
    for corner in range(len(CORNERS)):
        healthy = [
            cell | {"fault": f, "agreed": not f, "elements": 5_000, "unbounded": 0, "first": ""}
            for cell, fault in cells(corner)
            for f in ("", fault)
        ]
        assert against(corner, healthy) == []
        assert against(corner, []) != []
        assert against((corner + 1) % len(CORNERS), healthy) != []
        for place, line in enumerate(healthy):
            for change in (
                {"agreed": not line["agreed"]},
                {"elements": 3_999},
                {"fault": "" if line["fault"] else FAULTS[0]},
                {"dtype": "float16"},
                {} if line["fault"] else {"unbounded": 1},
            ):
                changed = [*healthy[:place], line | change, *healthy[place + 1 :]]
                assert bool(against(corner, changed)) == bool(change), change
            assert against(corner, [*healthy[:place], *healthy[place + 1 :]]) != []
