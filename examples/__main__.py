"""All six chapters: ``python -m examples``.

Runs each chapter's script, writes the pictures, ``report.html`` and ``report.json``, and ends
with one table. The exit status is 0 if all numbers agreed.
"""

import argparse
import base64
import json
import os
import platform
import runpy
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

CHAPTERS = (
    "complexity",
    "learning_rate",
    "activations",
    "losses",
    "regularization",
    "optimizers",
)
COLUMNS = (
    "chapter",
    "steps run",
    "numbers compared",
    "bit-equal",
    "largest ulp",
    "fill",
    "no bound",
    "NumPy",
    "TensorFlow",
    "outcome",
)


def main() -> int:
    """Run the chapters and write the report."""
    try:
        import tensorflow  # noqa: F401

        from examples import chapter
    except ImportError as error:
        print(f"python -m examples: {error}: pip install '.[examples]'", file=sys.stderr)
        return 2
    parser = argparse.ArgumentParser(prog="python -m examples", description=__doc__)
    chapter.add_options(parser)
    options = parser.parse_args()
    output = chapter.folder(parser, options.output)
    os.environ["REFNN_EXAMPLES_ALL"] = "1"
    accounts = []
    with chapter.progress as progress:
        chapters = progress.add_task("chapters", total=len(CHAPTERS))
        for name in CHAPTERS:
            sys.argv = [name, "--output", str(output), *(["--quick"] if options.quick else [])]
            with suppress(SystemExit):  # it diverged; its account says where
                runpy.run_module(f"examples.{name}", run_name="__main__")
            accounts.append(json.loads((output / f"{name}.json").read_text()))
            progress.advance(chapters)
    return write_report(output, accounts, chapter)


def write_report(output: Path, accounts: list[dict[str, Any]], chapter: Any) -> int:
    """Write report.json and report.html, print the last table, and return the exit status."""
    from jinja2 import Template
    from rich.table import Table

    agreed = all(a["agreed"] for a in accounts)
    elements = sum(a["elements"] for a in accounts)
    unbounded = sum(a["unbounded"] for a in accounts)
    verdict = f"{'All' if agreed else 'NOT all'} of {elements:,} numbers agree within their bounds"
    verdict += f", {unbounded:,} of them under an infinite one." if unbounded else "."
    rows = [
        (
            a["name"],
            f"{a['steps']:,}",
            f"{a['elements']:,}",
            f"{a['bit_equal'] / a['elements']:.1%}" if a["elements"] else "nothing",
            "NaN"
            if a["ulp"] is None
            else f"{a['ulp']:,.0f}"
            if a["ulp"] < 1e6
            else f"{a['ulp']:.1e}",
            f"{a['fill']:.2f}",
            f"{a['unbounded']:,}",
            f"{a['seconds_refnn']:.2f} s",
            f"{a['seconds_tftwin']:.2f} s",
            "agreed" if a["agreed"] else f"{len(a['divergences'])} DIVERGED",
        )
        for a in accounts
    ]
    versions = {name: version(name) for name in ("numpy", "tensorflow")}
    versions |= {"refnn": _version("refnn"), "python": platform.python_version()}
    report = {"agreed": agreed, "verdict": verdict, "versions": versions, "chapters": accounts}
    (output / "report.json").write_text(json.dumps(report, indent=1))
    images = {
        block["file"]: base64.b64encode((output / block["file"]).read_bytes()).decode()
        for a in accounts
        for block in a["blocks"]
        if block["kind"] == "picture"
    }
    template = Path(__file__).with_name("report.html").read_text(encoding="utf-8")
    page = Template(template, autoescape=True).render(
        agreed=agreed,
        verdict=verdict,
        columns=COLUMNS,
        rows=rows,
        chapters=accounts,
        images=images,
        versions=versions,
    )
    (output / "report.html").write_text(page, encoding="utf-8")
    table = Table(*COLUMNS, title=verdict)
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*row)
    chapter.progress.console.print(table)
    for account in accounts:
        for divergence in account["divergences"][:3]:
            chapter.progress.console.print(
                f"{account['name']}: {divergence}", markup=False, highlight=False
            )
    chapter.progress.console.print(f"wrote {output / 'report.html'}", highlight=False)
    return 0 if agreed else 1


def _version(package: str) -> str:
    try:
        return version(package)
    except ImportError:  # run from the source tree, not installed
        return "source tree"


if __name__ == "__main__":
    sys.exit(main())
