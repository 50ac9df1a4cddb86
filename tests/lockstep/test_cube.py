"""The configuration cube: modes × threads × oneDNN × op determinism × dtypes, all within bounds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("determinism", [0, 1], ids=["", "deterministic"])
@pytest.mark.parametrize("onednn", [1, 0], ids=["oneDNN", "plain"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_corner_of_the_cube_is_within_its_bounds(threads, onednn, determinism):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_NUM_")}
    run = subprocess.run(
        [sys.executable, "-m", "tests.lockstep.cube", str(threads), str(determinism)],
        cwd=Path(__file__).parents[2],
        env=environment | {"TF_ENABLE_ONEDNN_OPTS": str(onednn)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert {(c["dtype"], c["mode"]) for c in lines} == {
        (dtype, mode) for dtype in ("float32", "float64") for mode in ("eager", "function", "xla")
    }
    for cell in lines:
        assert cell["agreed"], cell
        assert cell["elements"] > 4_000
        assert cell["unbounded"] == 0, cell
