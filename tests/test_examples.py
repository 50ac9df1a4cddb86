"""A chapter agrees, writes what it says, and fails on a planted fault with the stage's name.

The report holds what this run wrote, and names a chapter that did not finish.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLANT = """
import runpy, sys
from refnn.optimizers import {optimizer}
rule = {optimizer}.rule
{optimizer}.rule = lambda self, w, g, slots, t, learning_rate: rule(self, w, g, slots, {t}, {rate})
sys.argv = ["{chapter}", "--quick", "--output", r"{output}"]
runpy.run_module("examples.{chapter}", run_name="__main__")
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_a_chapter_agrees_and_writes_its_account(tmp_path: Path) -> None:
    result = run("-m", "examples.learning_rate", "--quick", "--output", str(tmp_path))
    assert result.returncode == 0, result.stderr
    account = json.loads((tmp_path / "learning_rate.json").read_text())
    assert account["agreed"]
    assert account["elements"] > 0
    assert (tmp_path / "learning_rate_weight.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("chapter", "optimizer", "t", "rate"),
    [
        ("learning_rate", "SGD", "t", "learning_rate * (1 + 1e-6)"),
        ("optimizers", "Adam", "t + 1", "learning_rate"),
    ],
)
def test_a_planted_fault_fails_the_chapter_and_names_the_stage(
    tmp_path: Path, chapter: str, optimizer: str, t: str, rate: str
) -> None:
    code = PLANT.format(optimizer=optimizer, t=t, rate=rate, chapter=chapter, output=tmp_path)
    result = run("-c", code)
    assert result.returncode == 1, result.stdout[-2000:] + result.stderr[-2000:]
    account = json.loads((tmp_path / f"{chapter}.json").read_text())
    assert not account["agreed"]
    assert any("stage rule update" in d for d in account["divergences"])
    assert "stage rule update" in result.stdout or "stage update" in result.stdout


def test_a_wrong_argument_is_one_line_without_a_traceback() -> None:
    result = run("-m", "examples.learning_rate", "--output", "README.md")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "argument --output: README.md" in result.stderr


ALL = """
import refnn, sys
from examples import __main__ as every
{plant}
every.CHAPTERS = ("learning_rate",)
sys.argv = ["examples", "--quick", "--output", r"{output}"]
sys.exit(every.main())
"""


def test_the_report_tells_the_chapter_and_ends_with_its_account(tmp_path: Path) -> None:
    result = run("-c", ALL.format(plant="", output=tmp_path))
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""  # no notes of TensorFlow either
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    places = [
        page.index(text) for text in ("One weight w", "data:image/png", "The account of lockstep")
    ]
    assert places == sorted(places)
    assert json.loads((tmp_path / "report.json").read_text())["agreed"]


def test_a_chapter_that_does_not_finish_is_a_failure_by_name(tmp_path: Path) -> None:
    stale = {"name": "learning_rate", "agreed": True, "elements": 1, "unbounded": 0}
    (tmp_path / "learning_rate.json").write_text(json.dumps(stale))  # of an earlier run
    result = run("-c", ALL.format(plant="del refnn.fit", output=tmp_path))
    assert result.returncode == 1, result.stdout
    assert "learning_rate did not finish (AttributeError" in " ".join(result.stdout.split())
    assert not json.loads((tmp_path / "report.json").read_text())["agreed"]


@pytest.mark.parametrize("module", ["examples", "examples.learning_rate", "examples.optimizers"])
def test_help_loads_neither_tensorflow_nor_matplotlib(module: str) -> None:
    code = (
        "import atexit, runpy, sys; sys.argv = ['x', '--help']; "
        "atexit.register(lambda: print({'tensorflow', 'matplotlib'} & {*sys.modules})); "
        f"runpy.run_module('{module}', run_name='__main__')"
    )
    result = run("-c", code)
    assert result.returncode == 0, result.stderr
    assert "--quick" in result.stdout
    assert result.stdout.endswith("set()\n")


def test_ctrl_c_ends_a_chapter_in_one_line(tmp_path: Path) -> None:
    code = (
        "import refnn, runpy, signal, sys; "
        "refnn.fit = lambda *args, **options: signal.raise_signal(signal.SIGINT); "
        f"sys.argv = ['x', '--quick', '--output', r'{tmp_path}']; "
        "runpy.run_module('examples.learning_rate', run_name='__main__')"
    )
    result = run("-c", code)
    assert (result.returncode, result.stderr) == (130, "stopped by Ctrl-C\n")
