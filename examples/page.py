"""A page: the texts, tables and pictures of a chapter, on the screen and in ``report.html``.

A chapter is a script. It makes a ``Page``, which reads the options, and gives it texts, tables and
pictures. Heavy packages are imported where they are first used, so that ``--help`` answers at once.
"""

import argparse
import io
import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from tftwin import terminal

NEEDED = ("tensorflow", "matplotlib", "rich", "jinja2")
STYLE = {
    "figure.constrained_layout.use": True,
    "figure.dpi": 110,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.6,
}
REFNN = {"color": "tab:blue", "linestyle": "-", "linewidth": 3.0, "alpha": 0.45}
TFTWIN = {"color": "tab:orange", "linestyle": "--", "linewidth": 1.3}
"""How the two libraries are drawn: a broad pale line, and a thin dashed one on top of it."""


class Page:
    """One chapter's options and output.

    Parameters
    ----------
    name : str
        Of the script, and of its pictures.
    text : str
        The script's docstring: "Chapter 1: title.", and the first text of the page. A paragraph
        that begins with four spaces is a formula, and keeps its lines.
    """

    def __init__(self, name: str, text: str) -> None:
        title, _, text = text.partition("\n")
        number, _, title = title.removeprefix("Chapter ").rstrip(".").partition(": ")
        self.name, self.title = name, f"{number}. {title[:1].upper()}{title[1:]}"
        options = parse(f"python -m examples.{name}", self.title)
        self.quick: bool = options.quick
        self.output: Path = options.output
        self.blocks: list[dict[str, Any]] = []
        console().rule(self.title)
        for paragraph in text.strip("\n").split("\n\n"):
            (self.listing if paragraph.startswith("    ") else self.say)(paragraph)

    def say(self, text: str) -> None:
        """Print a paragraph, and keep it for the report."""
        text = " ".join(text.split())
        console().print(text, markup=False, highlight=False)
        self.blocks.append({"kind": "text", "text": text})

    def listing(self, text: str) -> None:
        """Print lines as they are, in a fixed-width font, and keep them for the report."""
        console().print(text, markup=False, highlight=False)
        self.blocks.append({"kind": "listing", "text": text})

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Print a table, and keep it for the report; numbers have six digits."""
        cells = [[c if isinstance(c, str) else f"{c:.6g}" for c in row] for row in rows]
        print_table(title, columns, cells)
        self.blocks.append({"kind": "table", "title": title, "columns": columns, "rows": cells})

    def picture(self, name: str, figure: Any, caption: str) -> None:
        """Write a picture, and keep it for the report."""
        from matplotlib import pyplot

        path, drawn = self.output / f"{self.name}_{name}.png", io.BytesIO()
        figure.savefig(drawn)
        pyplot.close(figure)
        write(path, drawn.getvalue())
        console().print(f"wrote {path}", highlight=False)
        if "ipykernel" in sys.modules:
            from IPython.display import Image, display

            display(Image(drawn.getvalue()))
        self.blocks.append({"kind": "picture", "file": path.name, "caption": caption})

    def link(self, name: str, html: str, text: str) -> None:
        """Write a page of its own beside the report, and link it there."""
        path = self.output / f"{self.name}_{name}.html"
        write(path, html.encode())
        console().print(f"wrote {path}", highlight=False)
        self.blocks.append({"kind": "link", "file": path.name, "text": text})

    def write(self, account: dict[str, Any]) -> None:
        """Write the chapter as JSON: its account of lockstep, its texts, tables and pictures."""
        chapter = {"name": self.name, "title": self.title, **account, "blocks": self.blocks}
        write(self.output / f"{self.name}.json", json.dumps(chapter, indent=1).encode())


def write(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    from refnn.datasets.files import replacing

    with replacing(path) as file:
        file.write(content)


def figure(rows: int = 1, columns: int = 1, size: Any = (9, 4.5), **options: Any) -> Any:
    """Return a figure and its axes, as ``pyplot.subplots`` does, in the style of all pictures."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams.update(STYLE)
    from matplotlib import pyplot

    return pyplot.subplots(rows, columns, figsize=size, **options)


def both(axis: Any, x: Any, refnn: Any, tftwin: Any, color: Any = None, label: Any = "") -> None:
    """Draw the line of both libraries: blue and orange, or both in one colour."""
    one = {} if color is None else {"color": color}
    for y, style, name in ((refnn, REFNN, "refnn"), (tftwin, TFTWIN, "TensorFlow")):
        label_of = None if label is None else f"{label}, {name}".removeprefix(", ")
        axis.plot(x, y, label=label_of, **style | one)


def bars(axis: Any, labels: Sequence[str], refnn: Any, tftwin: Any, texts: Any = ()) -> None:
    """Draw horizontal bars of both libraries, the first label on top, a text after each bar."""
    places = range(len(labels))
    axis.barh(places, refnn, 0.7, color=REFNN["color"], alpha=0.45, label="refnn")
    axis.barh(places, tftwin, 0.3, color=TFTWIN["color"], label="TensorFlow")
    for place, text in zip(places, texts, strict=False):
        end = max(refnn[place], tftwin[place]), place
        axis.annotate(text, end, (5, 0), textcoords="offset points", va="center")
    axis.set_yticks(places, labels)
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)


def legend_below(figure: Any, axis: Any, columns: int = 4) -> None:
    """Put the legend of one plot below all plots."""
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=columns)


def spread(values: Iterable[float], form: str = ".3f") -> str:
    """Return the median and, in brackets, the smallest and the largest value."""
    import numpy as np

    values = np.array([*values])
    low, middle, high = (f"{f(values):{form}}" for f in (np.min, np.median, np.max))
    return f"{middle} [{low} … {high}]"


def track(items: Iterable[Any], description: str) -> Iterator[Any]:
    """Yield the items behind a progress bar, if a terminal is there."""
    from rich.progress import track as rich_track

    hidden = not bar_console().is_terminal
    return iter(
        rich_track([*items], description, console=bar_console(), transient=True, disable=hidden)
    )


@cache
def console() -> Any:
    """Return the console of all chapters; in a file it writes lines of 120 characters."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120)


@cache
def bar_console() -> Any:
    """Return the console of progress bars: standard error."""
    from rich.console import Console

    return Console(stderr=True)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; every column but the first is right-aligned."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title))  # a Text, because [ ] in a str is markup
    for place, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if place else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table)


def parse(program: str, description: str) -> argparse.Namespace:
    """Read the options that every chapter and ``python -m examples`` take, and make the folder.

    A missing package, a wrong option or a folder that cannot be written to ends the program in one
    line, with status 2. ``tftwin.terminal`` says what else may end it from here on.
    """
    terminal.prepare(program)
    from refnn import __version__  # NumPy behind it: a Ctrl-C meanwhile is one line

    parser = terminal.Parser(prog=program, description=description)
    parser.add_argument("--version", action="version", version=f"refnn {__version__}")
    parser.add_argument("--quick", action="store_true", help="a smoke run: fewer epochs and steps")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("out"),
        metavar="FOLDER",
        help="where the pictures and the report go (default: %(default)s)",
    )
    options = parser.parse_args()
    missing = [package for package in NEEDED if find_spec(package) is None]
    if missing:
        parser.error(f"{', '.join(missing)} not found: pip install '.[examples]'")
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=options.output):
            pass
    except OSError as error:
        path = options.output
        parser.error(f"argument --output: {path}: {error.strerror}; expected a folder to write to")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of many graphs
    return options
