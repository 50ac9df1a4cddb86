"""The subcommand ``guide``."""

import argparse
import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from refnn.datasets.files import regular_file, replacing
from tftwin.guide.frame import libraries
from tftwin.guide.texts import LANGUAGES

DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.S)
LARGEST = 500_000_000
"""Bytes of a page of the microscope."""


def add_guide(commands: Any) -> None:
    """Add the subcommand that writes the guide as a page."""
    command = commands.add_parser(
        "guide",
        help="write the guide as one page, its formulas drawn",
        description="Write refnn/guide.md as one HTML page that needs no other file, no request "
        "and no script. With a page of the microscope each formula links to its numbers there.",
    )
    command.add_argument(
        "--output", type=Path, default=Path("out", "guide.html"), metavar="PATH",
        help="the page to write (out/guide.html)",
    )  # fmt: skip
    command.add_argument(
        "--language", choices=tuple(LANGUAGES), default="en", help=", ".join(LANGUAGES)
    )
    command.add_argument(
        "--microscope", type=Path, metavar="PAGE.html",
        help="a page of python -m tftwin microscope, whose numbers the formulas link to",
    )  # fmt: skip
    command.set_defaults(run=run_guide)


def run_guide(options: argparse.Namespace) -> int:
    """Write the page, and say how many formulas it has."""
    with libraries():
        from tftwin.guide.making import page

    output, numbers = options.output, options.microscope
    links = {} if numbers is None else links_to(numbers, output)
    made = page(options.language, links)
    if output == Path("out", "guide.html"):
        output.parent.mkdir(exist_ok=True)
    if output.is_dir() or not output.absolute().parent.is_dir():
        raise ValueError(f"argument --output: {output} is not a file in a folder")
    with replacing(output) as file:
        file.write(made.html.encode())
    linked = f", {made.linked} of them with a link to {numbers}" if numbers else ""
    print(
        f"{output}: {len(made.formulas)} formulas{linked}, {len(made.html.encode()) / 1e6:.2f} MB"
    )
    return 0


def links_to(numbers: Path, output: Path) -> dict[str, str]:
    """Return a link for each formula that a page of the microscope shows.

    Raises
    ------
    OSError, ValueError
        If there is no such page.
    """
    text = regular_file(numbers, LARGEST).read_text(encoding="utf-8", errors="replace")
    if output.exists() and output.samefile(numbers):
        raise ValueError(f"argument --output: {output} is the page that --microscope names")
    found = DATA.search(text)
    try:
        names = list(json.loads(found[1] if found else "")["guide"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(
            f"argument --microscope: {numbers} has no numbers with formulas of the guide; expected "
            "a page that python -m tftwin microscope has written"
        ) from None
    relative = os.path.relpath(numbers.absolute(), output.absolute().parent)
    target = quote(Path(relative).as_posix())
    return {name: f"{target}#eq={name}" for name in names if isinstance(name, str)}
