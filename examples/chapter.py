"""What the six chapters share: options, printing, comparing, pictures, the account at the end.

A chapter is a script. It makes a ``Chapter``, computes, compares through it, and ends with
``finish``, whose exit status says whether all numbers agreed.
"""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from refnn.activations import Function
from refnn.layers import Activation, Dense
from refnn.network import Network
from refnn.typing import Array
from tftwin.lockstep import report as lockstep_report
from tftwin.lockstep.bounds import with_kernels
from tftwin.lockstep.roundoff import exact, plain
from tftwin.lockstep.run import Drift, Report, free, resynchronised
from tftwin.lockstep.verdict import Divergence, Row, judge
from tftwin.tensorflow import tf

tf.get_logger().setLevel("ERROR")  # it warns of many graphs: each run traces its own, once
mpl.use("agg")
mpl.rcParams.update(
    {
        "figure.constrained_layout.use": True,
        "figure.dpi": 110,
        "axes.grid": True,
        "grid.alpha": 0.3,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "lines.linewidth": 1.6,
    }
)

REFNN = {"color": "tab:blue", "linestyle": "-", "linewidth": 3.0, "alpha": 0.45}
TFTWIN = {"color": "tab:orange", "linestyle": "--", "linewidth": 1.3}
"""How the two libraries are drawn: a broad pale line, and a thin dashed one on top of it."""
REFNN_2 = REFNN | {"color": "tab:green"}
TFTWIN_2 = TFTWIN | {"color": "tab:red"}
"""The same for a second quantity in the same plot."""

progress = Progress(
    TextColumn("{task.description}"),
    BarColumn(),
    TextColumn("{task.completed:.0f}/{task.total:.0f}"),
    TimeElapsedColumn(),
    console=Console(width=None if sys.stdout.isatty() else 120),
    transient=True,
)
"""One bar for all, because a terminal can show one live display at a time."""


class Chapter:
    """One chapter's options, output and account.

    Parameters
    ----------
    name : str
        Of the script, and of its pictures.
    title : str
        In the report.
    """

    def __init__(self, name: str, title: str) -> None:
        parser = argparse.ArgumentParser(prog=f"python -m examples.{name}", description=title)
        add_options(parser)
        options = parser.parse_args()
        self.name, self.title = name, title
        self.quick: bool = options.quick
        self.output = folder(parser, options.output)
        self.blocks: list[dict[str, Any]] = []
        self.steps = self.elements = self.bit_equal = self.unbounded = 0
        self.ulp = self.fill = self.seconds_refnn = self.seconds_tftwin = 0.0
        self.ulp_where = ""
        self.divergences: list[str] = []
        self.started = time.perf_counter()
        if not progress.live.is_started:
            progress.start()
        progress.console.rule(title)

    def say(self, text: str) -> None:
        """Print a paragraph, and keep it for the report."""
        progress.console.print(text, markup=False, highlight=False)
        self.blocks.append({"kind": "text", "text": text})

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Print a table, and keep it for the report."""
        cells = [[c if isinstance(c, str) else f"{c:.6g}" for c in row] for row in rows]
        table = Table(*columns, title=title)
        for column in table.columns[1:]:
            column.justify = "right"
        for row in cells:
            table.add_row(*row)
        progress.console.print(table)
        self.blocks.append({"kind": "table", "title": title, "columns": columns, "rows": cells})

    def listing(self, text: str) -> None:
        """Print lines as they are, in a fixed-width font, and keep them for the report."""
        progress.console.print(text, markup=False, highlight=False)
        self.blocks.append({"kind": "listing", "text": text})

    def picture(self, name: str, figure: Figure, caption: str) -> None:
        """Write a picture, and keep it for the report."""
        path = self.output / f"{self.name}_{name}.png"
        figure.savefig(path)
        progress.console.print(f"wrote {path}", highlight=False)
        self.blocks.append({"kind": "picture", "file": path.name, "caption": caption})

    def lockstep(self, label: str, *args: Any, batches: Sequence[Any], **options: Any) -> Report:
        """Run ``resynchronised``, and add what it compared to the account."""
        with Bar(f"{self.name}: {label}, re-synchronised", len(batches)) as bar:
            report = resynchronised(*args, batches, callback=bar, **options)
        self.steps += report.steps
        self.seconds_refnn += report.seconds_refnn
        self.seconds_tftwin += report.seconds_tftwin
        self._count(label, report.rows, report.divergences)
        self.say(f"{label}, re-synchronised: {lockstep_report.verdict(report)}")
        return report

    def free(self, label: str, *args: Any, rows: Sequence[Array], **options: Any) -> Drift:
        """Run ``free``, and add its steps and times to the account."""
        with Bar(f"{self.name}: {label}, free", len(rows)) as bar:
            drift = free(*args, rows, callback=bar, **options)
        self.steps += len(rows)
        self.seconds_refnn += drift.seconds_refnn
        self.seconds_tftwin += drift.seconds_tftwin
        return drift

    def agree(
        self,
        label: str,
        refnn: Callable[..., Any],
        tftwin: Callable[..., Any],
        *arrays: Array,
        bounded: Callable[..., Any] | None = None,
    ) -> tuple[Any, Any]:
        """Compute something on both sides, hold it against its bound, and return both values.

        Parameters
        ----------
        refnn, tftwin
            Functions of the arrays. refnn's runs once on the arrays that carry their bounds.
        bounded
            What runs there instead, where a TensorFlow kernel is no composition of refnn's
            operations: the same function made with ``kernel``.
        """
        began = time.perf_counter()
        with np.errstate(all="ignore"):
            one = np.asarray(refnn(*arrays))
        middle = time.perf_counter()
        other = np.asarray(tftwin(*arrays))
        self.seconds_tftwin += time.perf_counter() - middle
        self.seconds_refnn += middle - began
        rounded = (bounded or refnn)(*[exact(a) for a in arrays])
        if not np.array_equal(one, np.asarray(plain(rounded)), equal_nan=True):
            raise AssertionError(f"{label}: the bounded run computed another value")
        row = Row("function", "value")
        divergences = judge(row, 1, one, other, rounded.bound)
        self._count(label, [row], divergences)
        return one, other

    def equal(self, label: str, refnn: Any, tftwin: Any) -> None:
        """Compare two exact results (counts), where every difference is a divergence."""
        self.elements += 1
        self.bit_equal += refnn == tftwin
        if refnn != tftwin:
            self.divergences.append(f"{label}: refnn {refnn}, tftwin {tftwin}")

    def _count(self, label: str, rows: Sequence[Row], divergences: Sequence[Divergence]) -> None:
        for row in rows:
            self.elements += row.elements
            self.bit_equal += row.bit_equal
            self.unbounded += row.unbounded
            self.fill = max(self.fill, row.fill)
            if row.ulp > self.ulp:
                self.ulp, self.ulp_where = row.ulp, f"{label}: {row.stage} {row.name}"
        self.divergences += [f"{label}: {d}" for d in divergences]

    @property
    def agreed(self) -> bool:
        """Whether something was compared, and nothing diverged."""
        return self.elements > 0 and not self.divergences

    def account(self) -> dict[str, Any]:
        """Return the chapter as plain data."""
        return {
            "name": self.name,
            "title": self.title,
            "agreed": self.agreed,
            "steps": self.steps,
            "elements": self.elements,
            "bit_equal": self.bit_equal,
            "unbounded": self.unbounded,
            "ulp": self.ulp if math.isfinite(self.ulp) else None,
            "ulp_where": self.ulp_where,
            "fill": self.fill,
            "seconds_refnn": self.seconds_refnn,
            "seconds_tftwin": self.seconds_tftwin,
            "seconds": time.perf_counter() - self.started,
            "divergences": self.divergences,
            "blocks": self.blocks,
        }

    def finish(self) -> None:
        """Print the outcome and write the chapter's JSON; exit with 1 if something diverged."""
        account = self.account()
        (self.output / f"{self.name}.json").write_text(json.dumps(account, indent=1))
        progress.console.print(
            f"{self.name}: {'agreed' if self.agreed else 'DIVERGED'}: {self.elements:,} numbers, "
            f"{self.bit_equal / max(self.elements, 1):.1%} bit-equal, largest {self.ulp:,.0f} ulp "
            f"({self.ulp_where}), {self.fill:.2f} of its bound at most"
            + (f"; {self.unbounded:,} have no finite bound" if self.unbounded else ""),
            highlight=False,
        )
        for divergence in self.divergences[:10]:
            progress.console.print(f"  {divergence}", highlight=False, markup=False)
        if not os.environ.get("REFNN_EXAMPLES_ALL"):
            progress.stop()
        if not self.agreed:
            raise SystemExit(1)


def kernel(function: Function, dtype: str = "float32") -> Function:
    """Return the activation for a bounded run: as wide as TensorFlow's kernel of it needs."""
    layers = with_kernels(Network([Dense(1, 1), Activation(function)]), dtype).layers
    return layers[1].function


class Bar:
    """A progress bar for one run, to be called with the number of steps done."""

    def __init__(self, description: str, total: int) -> None:
        self.description, self.total = description, total

    def __enter__(self) -> "Bar":
        self.task = progress.add_task(self.description, total=self.total)
        return self

    def __call__(self, done: int) -> None:
        progress.update(self.task, completed=done)

    def __exit__(self, *error: object) -> None:
        progress.remove_task(self.task)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that every chapter and ``python -m examples`` take."""
    parser.add_argument("--quick", action="store_true", help="a smoke run: fewer epochs and steps")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("out"),
        metavar="FOLDER",
        help="where the pictures and the report go (default: %(default)s)",
    )


def folder(parser: argparse.ArgumentParser, path: Path) -> Path:
    """Make the output folder, or say in one line why that cannot be done."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"argument --output: {path}: {error.strerror}; expected a folder to write to")
    return path
