"""At every instant a file is the old one or the new one, whole."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from refnn import State, save_state
from refnn.datasets import npz

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.npz"


def test_the_file_is_on_the_disk_before_it_has_its_name(path, monkeypatch):
    seen, real = [], {name: getattr(os, name) for name in ("fsync", "replace")}

    def fsync(number):
        seen.append(("fsync", os.readlink(f"/proc/self/fd/{number}")))
        real["fsync"](number)

    def replace(source, target):
        seen.append(("replace", str(source), str(target)))
        real["replace"](source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    save_state(path, State(np.ones(3)))
    part = seen[0][1]
    assert re.fullmatch(rf"{re.escape(str(path))}\.[0-9a-f]{{12}}\.part", part)
    assert seen == [
        ("fsync", part),
        ("replace", part, str(path)),
        ("fsync", str(path.parent)),
    ]


def test_what_cannot_be_written_leaves_the_file_before(path, monkeypatch):
    save_state(path, State(np.ones(3)))
    before = path.read_bytes()

    def disk_is_full(file, **arrays):
        file.write(b"PK")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", disk_is_full)
        with pytest.raises(OSError, match="No space left"):
            save_state(path, State(np.zeros(3)))
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]
    with pytest.raises(FileNotFoundError):
        save_state(path.parent / "nowhere" / "state.npz", State(np.zeros(3)))
    with monkeypatch.context() as patch:
        patch.setattr(npz, "LIMIT", 2**12)
        with pytest.raises(ValueError, match="bytes; expected at most 4096$"):
            save_state(path, State(np.ones(2**12)))
    assert path.read_bytes() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    ("stops", "name", "writers"),
    [(60, "SIGKILL", 1), (15, "SIGKILL", 2), (25, "SIGINT", 1), (15, "SIGTERM", 1)],
)
def test_stopped_at_many_instants(tmp_path, stops, name, writers):
    """The helper forks real processes and stops them; its own words are in its docstring."""
    arguments = [str(tmp_path), f"{stops}", "1", name, f"{writers}"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.runs.kill_resume", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    print(told)
    assert told["stops"] == told["bit-identical"] == stops
    assert told["states in memory"] == told["of them exact"]
    assert told["states in memory"] >= stops // 2 * (name == "SIGINT")
    assert told["stopped while writing"] >= 2 * (name != "SIGINT")
    assert told["epochs at which"] >= 5
