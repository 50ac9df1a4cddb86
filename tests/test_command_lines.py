"""``certify``, ``guide``, ``examples`` where terminals, files and signals are odd: one line each.

``compare`` has its own table in lockstep/test_command_line.py, whole chapters theirs in
test_examples.py.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a shell")

CERTIFY = (
    "-m tftwin certify --quick --functions exp --libraries numpy --dtypes float64 --jobs 1 "
    "--output {tmp}/ledger.json --state {tmp}/state"
)
HELP = {
    "certify": "-m tftwin certify --help",
    "guide": "-m tftwin guide --help",
    "examples": "-m examples --help",
    "a chapter": "-m examples.regularization --help",
}
STRICT = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
# name: environment, what follows in the shell, exit status, lines on standard error
ENVIRONMENTS = {
    "as it is": ({}, "", 0, 0),
    "strict ASCII": ({"PYTHONIOENCODING": "ascii:strict"}, "", 0, 0),
    "cp1252": ({"PYTHONIOENCODING": "cp1252"}, "", 0, 0),
    "LC_ALL=C, without Python's help": ({"LC_ALL": "C", **STRICT}, "", 0, 0),
    "an unknown locale": ({"LC_ALL": "xx_YY", **STRICT}, "", 0, 0),
    "NO_COLOR": ({"NO_COLOR": "1"}, "", 0, 0),
    "a dumb, narrow terminal": ({"TERM": "dumb", "COLUMNS": "20"}, "", 0, 0),
    "no home": ({"HOME": "/nonexistent", "TMPDIR": "/nonexistent"}, "", 0, 0),
    "no standard input": ({}, "<&-", 0, 0),
    "no standard error": ({}, "2>&-", 0, 0),
    "no standard output": ({}, ">&-", 2, 1),
    "neither": ({}, ">&- 2>&-", 2, 0),
    "a full disk": ({}, ">/dev/full", 2, 1),
    "a closed pipe": ({}, "| sleep 0; exit ${PIPESTATUS[0]}", 141, 1),
}
HEAVY = ["strict ASCII", "LC_ALL=C, without Python's help", "NO_COLOR", "a full disk"]
GUIDE = "guide.html"
WRONG = {
    "an unknown function": f"{CERTIFY} --functions sin",
    "no jobs": f"{CERTIFY} --jobs 0",
    "many jobs": f"{CERTIFY} --jobs many",
    "a folder as ledger": f"{CERTIFY} --output {{tmp}}",
    "a ledger that is none": f"{CERTIFY} --output {{tmp}}/text",
    "a ledger in no folder": f"{CERTIFY} --output {{tmp}}/none/ledger.json",
    "a file as state": f"{CERTIFY} --state {{tmp}}/text",
    "a state that cannot be": f"{CERTIFY} --state /proc/none/state",
    "an unknown option": "-m tftwin certify --jöbs",
    "an unknown command": "-m tftwin certfy",
    "no command": "-m tftwin",
    "an output that is a file": "-m examples --output {tmp}/text",
    "a guide in no folder": "-m tftwin guide --output {tmp}/none/guide.html",
    "a guide in no language": "-m tftwin guide --language français",
    "a page that is none": "-m tftwin guide --output {tmp}/guide.html --microscope {tmp}/text",
    "an option of no chapter": "-m examples.losses --slow",
}


def shell(command: str, tmp: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    (tmp / "text").write_text("no ledger")
    given = " ".join(f"{name}={value}" for name, value in environment.items())
    return subprocess.run(
        ["bash", "-c", f"env {given} '{sys.executable}' " + command.format(tmp=tmp)],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )


def check(result: subprocess.CompletedProcess[bytes], status: int, lines: int) -> None:
    assert result.returncode == status, result.stderr
    assert result.stderr.count(b"\n") == lines, result.stderr
    assert b"Traceback" not in result.stderr
    assert b"Exception" not in result.stderr


@pytest.mark.parametrize("command", HELP.values(), ids=HELP)
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_help_in_an_odd_environment(tmp_path: Path, command: str, name: str) -> None:
    environment, rest, status, lines = ENVIRONMENTS[name]
    result = shell(
        f"{command} {rest.replace('{', '{{').replace('}', '}}')}", tmp_path, **environment
    )
    check(result, status, lines)
    if status == 0:
        assert b"usage: python -m " in result.stdout


@pytest.mark.parametrize("name", HEAVY)
def test_certify_in_an_odd_environment(tmp_path: Path, name: str) -> None:
    environment, rest, status, lines = ENVIRONMENTS[name]
    result = shell(f"{CERTIFY} {rest}", tmp_path, **environment)
    check(result, status, lines)
    assert (tmp_path / "ledger.json").stat().st_size > 500  # written before it is told
    if status == 0:
        assert b"none exceeds the cap" in result.stdout
        assert b"\x1b" not in result.stdout + result.stderr


@pytest.mark.parametrize("command", WRONG.values(), ids=WRONG)
def test_a_wrong_command_line_is_one_line(tmp_path: Path, command: str) -> None:
    result = shell(command, tmp_path, PYTHONIOENCODING="ascii:strict")
    check(result, 2, 1)
    assert result.stdout == b""
    assert len(result.stderr) < 500
    assert not (tmp_path / "ledger.json").exists()


@pytest.mark.parametrize("name", HEAVY)
def test_the_guide_in_an_odd_environment(tmp_path: Path, name: str) -> None:
    environment, rest, status, lines = ENVIRONMENTS[name]
    command = f"-m tftwin guide --language zh --output {{tmp}}/{GUIDE} {rest}"
    check(shell(command, tmp_path, **environment), status, lines)
    assert "反向传播" in (tmp_path / GUIDE).read_text(encoding="utf-8")


def test_a_guide_on_a_full_disk(tmp_path: Path) -> None:
    check(shell("-m tftwin guide --output /dev/full", tmp_path), 2, 1)


def test_a_ledger_on_a_full_disk(tmp_path: Path) -> None:
    check(shell(CERTIFY.replace("{tmp}/ledger.json", "/dev/full"), tmp_path), 2, 1)


STUB = """
import os, signal, time
os.kill(os.getpid(), signal.{signal})
time.sleep(9)
"""


@pytest.mark.parametrize("module", ["tftwin certify", "examples.losses", "examples.last_bit"])
@pytest.mark.parametrize(("signal", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_during_the_imports(tmp_path: Path, module: str, signal: str, status: int) -> None:
    """It comes while NumPy is imported, which is written in C and would tell a long story."""
    (tmp_path / "numpy.py").write_text(STUB.format(signal=signal))
    code = "import signal, sys, os; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "os.execv(sys.executable, [sys.executable, '-m', *sys.argv[1:]])"
    result = subprocess.run(
        [sys.executable, "-c", code, *module.split(), "--quick"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    check(result, status, 1)
    assert result.stderr.startswith(b"stopped by ")
    assert result.stdout == b""


@pytest.mark.parametrize(("signal", "status"), [("INT", 130), ("TERM", 143)])
def test_a_signal_while_certify_measures(tmp_path: Path, signal: str, status: int) -> None:
    """Its workers end with it, and what they have measured is kept."""
    (tmp_path / "state").mkdir()
    long = CERTIFY.replace("--quick", "")
    code = "import signal, sys, os; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    with subprocess.Popen(
        [sys.executable, "-c", code, *long.format(tmp=tmp_path).split()],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        while not any((tmp_path / "state").iterdir()):
            assert process.poll() is None
        os.kill(process.pid, 2 if signal == "INT" else 15)
        out, error = process.communicate(timeout=20)
    assert (process.returncode, out) == (status, b"")
    assert error == b"stopped by " + (b"Ctrl-C\n" if signal == "INT" else b"SIGTERM\n")
    assert not (tmp_path / "ledger.json").exists()


NUMPY_ALONE = """
import sys
for name in "tensorflow keras h5py rich jinja2 markdown_it latex2mathml hypothesis joblib".split():
    sys.modules[name] = None
from tftwin.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("--help", 0, ""),
        ("explain adam-epsilon-place", 0, ""),
        ("check mine.py", 2, "pip install '.[check]'"),
        ("check --prove", 2, "pip install '.[check]'"),
        ("guide", 2, "pip install -e '.[page]'"),
        ("microscope --no-tensorflow --html m.html", 2, "pip install -e '.[page]'"),
        ("run", 2, "pip install '.[tf]'"),
        ("certify --quick", 2, "pip install '.[tf]'"),
        ("compare one.npz other.npz", 2, "one.npz: no such file"),
    ],
)
def test_each_command_with_numpy_alone(
    tmp_path: Path, command: str, status: int, said: str
) -> None:
    """It works, or one line says which extra it needs: no command needs another one's."""
    result = subprocess.run(
        [sys.executable, "-c", NUMPY_ALONE, *command.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    check(result, status, 1 if said else 0)
    assert said.encode() in result.stderr


def test_checking_from_python_says_what_it_needs() -> None:
    code = "import sys; sys.modules['hypothesis'] = None; from tftwin.check import check_module"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False
    )
    assert b"ImportError: this needs pip install '.[check]'" in result.stderr
