"""The command line: ``python -m tftwin certify``, ``check``, ``compare``, ``explain``, ``keras`` …

The exit status is 0; or 1 if what was found is bad, 2 if it cannot be found; see ``terminal`` for
the others.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from refnn import __version__
from refnn.datasets.files import replacing
from refnn.record import Entry
from tftwin import terminal
from tftwin.check.command import add_check, add_explain
from tftwin.guide.command import add_guide
from tftwin.keras_lockstep.command import add_keras
from tftwin.lockstep import ledger, report
from tftwin.lockstep.ledger.certify import certify
from tftwin.lockstep.ledger.kernels import FUNCTIONS
from tftwin.lockstep.records import load
from tftwin.lockstep.verdict import compare
from tftwin.microscope.command import add_microscope
from tftwin.running.command import add_record, add_run
from tftwin.terminal import Parser

LEGEND = """
kernel     the library, and for whom: whole packets (vector), the rest (scalar), XLA (xla)
on         the instructions that the kernel uses
worst ulp  the largest error found, in units of the last place of the exact value
at         the input where it occurs, in hexadecimal, exact
inputs     how many were tried; "all" is every float32 there is"""


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand; return 0, or 1 if the result is bad; exit with 2 for a wrong argument."""
    parser = Parser(prog="python -m tftwin", description="refnn held against TensorFlow")
    parser.add_argument("--version", action="version", version=f"refnn {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)
    add_certify(commands)
    add_compare(commands)
    add_keras(commands)
    add_run(commands)
    add_record(commands)
    add_microscope(commands)
    add_guide(commands)
    add_check(commands)
    add_explain(commands)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except (ImportError, OSError, RuntimeError, TypeError, ValueError, MemoryError) as error:
        parser.error(str(error) or type(error).__name__)


def add_certify(commands: Any) -> None:
    """Add the subcommand that measures the ledger."""
    command = commands.add_parser(
        "certify",
        help="measure the worst errors of exp, log, tanh, sigmoid, 1/x",
        description="Measure NumPy's and TensorFlow's worst errors over every float32 and over "
        "samples of float64, and write them into the ledger that lockstep's bounds rest on.",
    )
    several: dict[str, Any] = {"nargs": "+", "metavar": "NAME"}
    for name, choices in (
        ("functions", tuple(FUNCTIONS)),
        ("libraries", ("numpy", "tensorflow")),
        ("dtypes", ("float32", "float64")),
    ):
        command.add_argument(
            f"--{name}", choices=choices, default=choices, help=", ".join(choices), **several
        )
    command.add_argument("--quick", action="store_true", help="a sample that takes a minute")
    command.add_argument("--jobs", type=int, help="processes (one for each core)", metavar="N")
    command.add_argument(
        "--output",
        type=Path,
        default=ledger.shipped(),
        help="the ledger to write into (the one of this installation)",
        metavar="PATH",
    )
    command.add_argument(
        "--state",
        type=Path,
        default=Path("out", "certify"),
        help="the folder that remembers what is done, to go on after a stop (out/certify)",
        metavar="FOLDER",
    )
    command.set_defaults(run=run_certify)


def run_certify(options: argparse.Namespace) -> int:
    """Measure, write the ledger, print its table, and print each error that exceeds its cap."""
    if options.jobs is not None and options.jobs < 1:
        raise ValueError(f"argument --jobs: {options.jobs}, expected 1 or more")
    if options.state.exists() and not options.state.is_dir():
        raise ValueError(f"argument --state: {options.state} is not a folder")
    if options.output.is_dir() or not options.output.absolute().parent.is_dir():
        raise ValueError(f"argument --output: {options.output} is not a file in a folder")
    if options.output.exists():
        try:
            ledger.load(options.output)
        except ValueError as error:
            raise ValueError(f"argument --output: {error}") from None
    with progress() as callback:
        entries = certify(
            options.functions,
            options.libraries,
            options.dtypes,
            state=options.state,
            quick=options.quick,
            jobs=options.jobs,
            callback=callback,
        )
    written = ledger.update(options.output, entries)
    print(table(entries))
    print(LEGEND)
    beyond = ledger.exceeding(entries)
    print(found(entries, beyond, written, options.output))
    for line in beyond:
        print(line, file=sys.stderr)
    return 1 if beyond else 0


def add_compare(commands: Any) -> None:
    """Add the subcommand that compares two saved records; it needs no TensorFlow."""
    command = commands.add_parser(
        "compare",
        help="compare the saved records of two runs",
        description="Compare two records that tftwin.lockstep.records.save wrote. The first one's "
        "bounds are held against the differences; without bounds every difference is a divergence. "
        "Exit status: 0 if they agree, 1 if they diverge, 2 if they cannot be compared.",
    )
    command.add_argument("one", type=Path, metavar="ONE.npz", help="with the bounds, if any")
    command.add_argument("other", type=Path, metavar="OTHER.npz")
    command.add_argument("--json", type=Path, metavar="PATH", help="write the report as JSON")
    command.add_argument("--html", type=Path, metavar="PATH", help="write the report as a page")
    command.set_defaults(run=run_compare)


def run_compare(options: argparse.Namespace) -> int:
    """Compare, print the table, and write the files that the options name."""
    one, other = load(options.one), load(options.other)
    bounded = has_bounds(one)
    if has_bounds(other) and not bounded:
        raise ValueError(
            f"{options.one} carries no bounds and {options.other} does; expected the record with "
            "the bounds first"
        )
    found = compare(one, other)
    pages = {}
    if options.json is not None:
        pages[options.json] = json.dumps(report.to_json(found), indent=1)
    if options.html is not None:
        title = f"{options.one.name} and {options.other.name}"
        pages[options.html] = report.html(found, title)
    for path, page in pages.items():
        with replacing(path) as file:
            file.write(page.encode())
    print(report.text(found), end="")
    if not bounded and not found.agreed:
        print(f"{options.one} carries no bounds: every difference counted as a divergence")
    return 0 if found.agreed else 1


def has_bounds(steps: list[list[Entry]]) -> bool:
    """Whether a record says how far its numbers may be from the exact ones."""
    return any(entry.bound is not None for entries in steps for entry in entries)


@contextmanager
def progress() -> Iterator[Callable[[int, int], None] | None]:
    """Draw a bar on standard error, if rich is installed and a terminal is there."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
    except ImportError:
        yield None
        return
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        slabs = bar.add_task("certify")
        yield lambda done, total: bar.update(slabs, completed=done, total=total)


def table(entries: list[dict[str, Any]]) -> str:
    """Return the entries of the ledger as a table."""
    rows = [("function", "dtype", "kernel", "on", "worst ulp", "at", "inputs")]
    for e in sorted(entries, key=ledger.key):
        kernel, error = f"{e['library']} {e['kernel']}", f"{e['worst']['error']:.4f}"
        inputs = "all" if e["exhaustive"] else str(e["inputs"])
        where = e["instruction_set"], error, e["worst"]["at"], inputs
        rows.append((e["function"], e["dtype"], kernel, *where))
    return "\n".join("{:11}{:9}{:19}{:8}{:>9}  {:24}{}".format(*row) for row in rows)


def found(entries: list[dict[str, Any]], beyond: list[str], written: int, output: Path) -> str:
    """Return in words what was measured, how it stands to the caps, and where it is."""
    inputs = sum(e["inputs"] for e in entries)
    caps = f"{len(beyond)} of them exceed" if beyond else "none exceeds"
    kept = len(entries) - written
    text = (
        f"\n{len(entries)} kernels measured on {inputs:,} inputs: {caps} the cap of its function, "
        f"on which lockstep's bounds rest.\n{written} written into {output}"
    )
    return f"{text}; of {kept} it holds a measurement on more inputs, kept" if kept else text


if __name__ == "__main__":
    terminal.run("python -m tftwin", main)
