"""``python -m tftwin compare``: saved records, without TensorFlow."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from refnn import SGD, MeanSquaredError, Model, Tanh, multilayer, train_step
from refnn.record import Entry, record
from tftwin.lockstep.records import save

ROOT = Path(__file__).parents[2]
WITHOUT_TENSORFLOW = """
import runpy, sys
sys.modules["tensorflow"] = sys.modules["keras"] = None
sys.argv = ["tftwin", *sys.argv[1:]]
runpy.run_module("tftwin", run_name="__main__")
"""


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WITHOUT_TENSORFLOW, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def entries() -> list[Entry]:
    rng = np.random.default_rng(0)
    model = Model(multilayer([3, 4, 2], Tanh()), MeanSquaredError(), SGD(0.1))
    state = model.initial_state(rng)
    x, y = (rng.standard_normal((5, n)).astype(np.float32) for n in (3, 2))
    step = train_step(model, state, x, y)
    return [e for e in record(model.network, (), step) if e.name != "penalty"]


def moved(entries: list[Entry], factor: float) -> list[Entry]:
    return [
        e._replace(array=np.asarray(e.array * np.float32(factor))) if e.name == "dW1" else e
        for e in entries
    ]


def test_equal_records_agree_and_the_report_is_written(
    tmp_path: Path, entries: list[Entry]
) -> None:
    one, page, data = tmp_path / "one.npz", tmp_path / "page.html", tmp_path / "data.json"
    save(one, [entries, entries])
    result = run("compare", one, one, "--html", page, "--json", data)
    assert result.returncode == 0, result.stderr
    assert "agreed" in result.stdout
    report = json.loads(data.read_text())
    assert report["elements"] == report["bit_equal"] > 0
    assert "<table>" in page.read_text()


def test_a_bound_is_held_and_a_fault_is_named(tmp_path: Path, entries: list[Entry]) -> None:
    bounded = [e._replace(bound=np.abs(np.asarray(e.array, np.float64)) * 1e-6) for e in entries]
    one, near, far = (tmp_path / f"{n}.npz" for n in ("one", "near", "far"))
    save(one, [bounded])
    save(near, [moved(entries, 1 + 1e-6)])
    save(far, [moved(entries, 1 + 1e-5)])
    assert run("compare", one, near).returncode == 0
    result = run("compare", one, far)
    assert result.returncode == 1
    assert "step 1, stage gradient, dW1" in " ".join(result.stdout.split())
    save(one, [entries])  # without bounds every difference is one
    assert run("compare", one, near).returncode == 1


def test_what_cannot_be_compared_is_one_line(tmp_path: Path, entries: list[Entry]) -> None:
    one, other, text = tmp_path / "one.npz", tmp_path / "other.npz", tmp_path / "text.npz"
    save(one, [entries])
    save(other, [entries[1:]])
    text.write_text("no record")
    for arguments, message in (
        ((one, tmp_path / "absent.npz"), "absent.npz"),
        ((one, text), "text.npz: expected a file written by lockstep"),
        ((one, other), "expected the same tensors"),
        ((one,), "OTHER.npz"),
    ):
        result = run("compare", *arguments)
        assert result.returncode == 2
        assert message in result.stderr
        assert "Traceback" not in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1, result.stderr
