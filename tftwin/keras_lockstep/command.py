"""``python -m tftwin keras MODEL.keras --data DATA``; TensorFlow is imported when it runs."""

import argparse
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from refnn.datasets.files import replacing

DESCRIPTION = """Hold a Keras model against refnn, number by number, in training: every layer's
output, the loss, every derivative, and steps of its own optimizer. Of the file nothing is executed.
Exit status: 0 if they agree, named conventions included; 1 if they diverge; 2 if something cannot
be compared."""


def add_keras(commands: Any) -> None:
    """Add the subcommand."""
    command = commands.add_parser(
        "keras", help="hold your own Keras model against refnn", description=DESCRIPTION
    )
    command.add_argument("model", type=Path, metavar="MODEL.keras", help="saved by model.save")
    command.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DATA",
        help="D.npz with x and y (np.savez), or D.csv; rows in the file's order",
    )
    command.add_argument("--label", metavar="COLUMN", help="the label of a CSV: name or number")
    command.add_argument("--steps", type=int, default=1, metavar="N", help="updates (1)")
    command.add_argument(
        "--batch-size", type=int, default=32, metavar="N", help="rows of a step (32, as fit)"
    )
    command.add_argument("--json", type=Path, metavar="PATH", help="write the report as JSON")
    command.add_argument("--html", type=Path, metavar="PATH", help="write the report as a page")
    command.set_defaults(run=run_keras)


def run_keras(options: argparse.Namespace) -> int:
    """Compare, print the report, and write the files that the options name."""
    from tftwin.keras_lockstep.data import read_data
    from tftwin.keras_models import inspect

    for name in ("steps", "batch_size"):
        if getattr(options, name) < 1:
            option = name.replace("_", "-")
            raise ValueError(f"argument --{option}: {getattr(options, name)}, expected at least 1")
    x, y = read_data(options.data, inspect(options.model), options.label)

    from tftwin.keras_lockstep import compare_keras, report

    with progress(options.steps) as callback, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras advises, on the shape of x, on a softmax of one
        found = compare_keras(
            options.model,
            x,
            y,
            steps=options.steps,
            batch_size=options.batch_size,
            callback=callback,
        )
    pages = {}
    if options.json is not None:
        pages[options.json] = json.dumps(report.to_json(found), indent=1)
    if options.html is not None:
        pages[options.html] = report.html(found)
    for path, page in pages.items():
        with replacing(path) as file:
            file.write(page.encode())
    print(found, end="")
    return int(found.status)


@contextmanager
def progress(steps: int) -> Iterator[Callable[[int], None] | None]:
    """Draw a bar on standard error for many steps, if rich is installed and a terminal is there."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
    except ImportError:
        yield None
        return
    console = Console(stderr=True)
    shown = steps > 1 and console.is_terminal
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not shown) as bar:
        task = bar.add_task("steps", total=steps)
        yield lambda done: bar.update(task, completed=done)
