"""``python -m tftwin compare``: saved records, without TensorFlow."""

import json
import os
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
    save(one, [entries])  # without bounds every difference is one, and a sentence says so
    result = run("compare", one, near)
    assert result.returncode == 1
    assert result.stdout.splitlines()[-1].endswith(
        "one.npz carries no bounds: every difference counted as a divergence"
    )
    save(near, [bounded])
    result = run("compare", one, near)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.endswith("expected the record with the bounds first\n")
    assert result.stderr.count("\n") == 1


def test_what_cannot_be_compared_is_one_line(tmp_path: Path, entries: list[Entry]) -> None:
    one, other, text = tmp_path / "one.npz", tmp_path / "other.npz", tmp_path / "text.npz"
    save(one, [entries])
    save(other, [entries[1:]])
    text.write_text("no record")
    for arguments, message in (
        ((one, tmp_path / "absent.npz"), "absent.npz"),
        ((one, text), "text.npz cannot be read (File is not a zip file); expected a file written"),
        ((one, other), "expected the same tensors"),
        ((one,), "OTHER.npz"),
    ):
        result = run("compare", *arguments)
        assert result.returncode == 2
        assert message in result.stderr
        assert "Traceback" not in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1, result.stderr


# Odd environments --------------------------------------------------------------------------------

STRICT = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
# name: environment, what follows the command in the shell, exit status, lines on standard error
ENVIRONMENTS = {
    "as it is": ({}, "", 0, 0),
    "ASCII": ({"PYTHONIOENCODING": "ascii"}, "", 0, 0),
    "strict ASCII": ({"PYTHONIOENCODING": "ascii:strict"}, "", 0, 0),
    "Latin-1": ({"PYTHONIOENCODING": "latin-1"}, "", 0, 0),
    "cp1252": ({"PYTHONIOENCODING": "cp1252"}, "", 0, 0),
    "LC_ALL=C": ({"LC_ALL": "C"}, "", 0, 0),
    "LC_ALL=C, without Python's help": ({"LC_ALL": "C", **STRICT}, "", 0, 0),
    "LC_ALL=POSIX": ({"LC_ALL": "POSIX", **STRICT}, "", 0, 0),
    "an unknown locale": ({"LC_ALL": "xx_YY", **STRICT}, "", 0, 0),
    "a dumb terminal": ({"TERM": "dumb", "COLUMNS": "20"}, "", 0, 0),
    "no home": ({"HOME": "/nonexistent", "TMPDIR": "/nonexistent"}, "", 0, 0),
    "no standard input": ({}, "<&-", 0, 0),
    "no standard error": ({}, "2>&-", 0, 0),
    "no standard output": ({}, ">&-", 2, 1),
    "neither": ({}, ">&- 2>&-", 2, 0),
    "a full disk": ({}, ">/dev/full", 2, 1),
    "a full disk, a long name": ({"COLUMNS": "9"}, "--html /dev/full", 2, 1),
    "a closed pipe": ({}, "| sleep 0; exit ${PIPESTATUS[0]}", 141, 1),
    "help to a full disk": ({}, "--help >/dev/full", 2, 1),
    "a folder that cannot be written": ({}, "--json /proc/report.json", 2, 1),
    "a folder that is none": ({}, "--json /dev/null/report.json", 2, 1),
    "JSON to a full disk": ({}, "--json /dev/full", 2, 1),
    "a wrong option in ASCII": ({"PYTHONIOENCODING": "ascii:strict"}, "--jsön x", 2, 1),
}


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
@pytest.mark.parametrize(
    ("environment", "rest", "status", "lines"), ENVIRONMENTS.values(), ids=ENVIRONMENTS
)
def test_an_odd_environment(
    tmp_path: Path,
    entries: list[Entry],
    environment: dict[str, str],
    rest: str,
    status: int,
    lines: int,
) -> None:
    one = tmp_path / "zahlen_θ.npz"
    save(one, [entries])
    given = " ".join(f"{name}={value}" for name, value in environment.items())
    command = f"env {given} '{sys.executable}' -m tftwin compare '{one}' '{one}' {rest}"
    result = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert result.returncode == status, result.stderr
    assert result.stderr.count(b"\n") == lines, result.stderr
    assert b"Traceback" not in result.stderr
    assert b"Exception" not in result.stderr
    if status == 0:
        assert b"agreed: " in result.stdout
        assert b"\xef\xbf\xbd" not in result.stdout


def test_the_lines_of_a_table_are_replaced_where_they_cannot_be_shown(
    tmp_path: Path, entries: list[Entry]
) -> None:
    one = tmp_path / "one.npz"
    save(one, [entries])
    result = subprocess.run(
        [sys.executable, "-m", "tftwin", "compare", one, one],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    table = result.stdout.decode("ascii")
    assert "?" not in table
    assert "+----" in table


def test_without_rich_the_table_is_plain(tmp_path: Path, entries: list[Entry]) -> None:
    one, far, data = (tmp_path / n for n in ("one.npz", "far.npz", "data.json"))
    save(one, [entries])
    save(far, [moved(entries, 1 + 1e-5)])
    code = WITHOUT_TENSORFLOW.replace('["keras"]', '["keras"] = sys.modules["rich"]')
    for other, status in ((one, 0), (far, 1)):
        result = subprocess.run(
            [sys.executable, "-c", code, "compare", one, other, "--json", data],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == status, result.stderr
        assert result.stderr == ""
        assert json.loads(data.read_text())["agreed"] == (status == 0)
        head, *rest = result.stdout.splitlines()[1:]
        last = rest[len(entries)]
        assert head.split()[:3] == ["stage", "tensor", "elements"]
        assert len(rest) == len(entries) + 1 + status  # why it diverges: there are no bounds
        assert last.startswith(("agreed", "DIVERGED")[status])
