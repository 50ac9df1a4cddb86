"""A chapter agrees, writes what it says, and fails on a planted fault with the stage's name.

The report holds what this run wrote, and names a chapter that did not finish.
"""

import json
import os
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


def test_your_own_keras_model_agrees_and_the_question_has_its_answer(tmp_path: Path) -> None:
    result = run("-m", "examples.own_model", "--quick", "--output", str(tmp_path))
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    assert "Keras is right" in result.stdout
    account = json.loads((tmp_path / "own_model.json").read_text())
    (answer,) = (
        b for b in account["blocks"] if b.get("title") == "The output weight after one step"
    )
    (ours, hand) = answer["rows"]
    assert ours[2] == ours[3] == ours[4] == "0.1988250"
    assert hand[2] == hand[3] == "0.1992686"


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


# Odd environments --------------------------------------------------------------------------------


def in_shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command.replace("python", f"'{sys.executable}'")],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


posix = pytest.mark.skipif(os.name != "posix", reason="needs a shell")
WHERE = {
    "closed": (">&-", 2),
    "a full disk": (">/dev/full", 2),
    "a closed pipe": ("| sleep 0; exit ${PIPESTATUS[0]}", 141),
    "the first line": ("| head -1 >&2; exit ${PIPESTATUS[0]}", 141),
}


@posix
@pytest.mark.parametrize("module", ["examples", "examples.learning_rate"])
@pytest.mark.parametrize(("where", "status"), WHERE.values(), ids=WHERE)
def test_output_that_cannot_be_written_ends_in_one_line(
    tmp_path: Path, module: str, where: str, status: int
) -> None:
    stale = {"name": "complexity", "agreed": True, "elements": 1, "unbounded": 0}
    (tmp_path / "complexity.json").write_text(json.dumps(stale))
    result = in_shell(f"python -m {module} --quick --output '{tmp_path}' {where}")
    assert result.returncode == status, result.stderr
    lines = [line for line in result.stderr.splitlines() if "──" not in line]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith(f"python -m {module}: ") or module == "examples"
    assert not (tmp_path / "report.json").exists()


@posix
@pytest.mark.parametrize("folder", ["/proc", "/proc/none", "/dev/null", "README.md"])
def test_a_folder_that_cannot_be_written_to_is_one_line(folder: str) -> None:
    result = in_shell(f"python -m examples --output {folder}")
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert f"argument --output: {folder}: " in result.stderr


@posix
def test_a_terminal_that_shows_ascii_alone_gets_ascii(tmp_path: Path) -> None:
    result = in_shell(
        f"python -m examples.learning_rate --quick --output '{tmp_path}'",
        PYTHONIOENCODING="ascii:strict",
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.isascii()
    assert "+---" in result.stdout


STOP = """
import matplotlib.figure, refnn, runpy, signal, sys
from refnn.datasets import files
{plant}
sys.argv = ["x", "--quick", "--output", r"{output}"]
runpy.run_module("examples.learning_rate", run_name="__main__")
"""
HALF = """
def half(self, path, **options):
    path.write(b"half") if hasattr(path, "write") else open(path, "wb").write(b"half")
    signal.raise_signal(signal.{signal})
matplotlib.figure.Figure.savefig = half
"""


@posix
@pytest.mark.parametrize(
    ("signal", "status", "said"),
    [("SIGINT", 130, "stopped by Ctrl-C\n"), ("SIGTERM", 143, "stopped by SIGTERM\n")],
)
def test_a_signal_leaves_no_half_of_a_picture(
    tmp_path: Path, signal: str, status: int, said: str
) -> None:
    picture = tmp_path / "learning_rate_weight.png"
    picture.write_bytes(b"before")
    code = STOP.format(plant=HALF.format(signal=signal), output=tmp_path)
    result = run("-c", code)
    assert (result.returncode, result.stderr) == (status, said)
    assert picture.read_bytes() == b"before"
    assert os.listdir(tmp_path) == [picture.name]


@posix
@pytest.mark.parametrize(("signal", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_the_cursor_is_shown_again(tmp_path: Path, signal: str, status: int) -> None:
    code = f"""
import sys
from examples.page import parse, track
from tftwin import terminal
import signal
sys.argv = ["x", "--output", r"{tmp_path}"]
def work():
    parse("x", "y")
    for item in track(range(9), "busy"):
        signal.raise_signal(signal.{signal})
terminal.run("x", work)
"""
    own, other = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stderr=other, env={**os.environ, "TERM": "xterm"}
    ) as process:
        os.close(other)
        seen = b""
        try:
            while part := os.read(own, 4096):
                seen += part
        except OSError:  # the other end was closed
            pass
    os.close(own)
    assert process.returncode == status, seen
    assert b"\x1b[?25l" in seen
    assert seen.rfind(b"\x1b[?25h") > seen.rfind(b"\x1b[?25l")
    assert seen.count(b"stopped by") == 1


def test_a_full_disk_fails_the_chapter_by_name_in_one_line(tmp_path: Path) -> None:
    plant = """
import examples.page
def full(path, content):
    raise OSError(28, "No space left on device", str(path))
examples.page.write = full
"""
    result = run("-c", ALL.format(plant=plant, output=tmp_path))
    assert result.returncode == 1, result.stdout
    assert "learning_rate did not finish ([Errno 28]" in " ".join(result.stdout.split())
    assert result.stderr.count("\n") == 1
    assert not json.loads((tmp_path / "report.json").read_text())["agreed"]
