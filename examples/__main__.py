"""The six chapters of the tutorial and two more, in thirteen scripts: ``python -m examples``.

This runs each script, and writes the pictures, ``report.html`` and ``report.json``. At the end is
one table. The exit status is 0 if all numbers agreed.
"""

import base64
import json
import platform
import runpy
import sys
import traceback
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from examples.page import console, parse, print_table, write
from tftwin import terminal

CHAPTERS = (
    "complexity",
    "learning_rate",
    "activations",
    "properties",
    "advice",
    "losses",
    "cross_entropy",
    "regularization",
    "fitting",
    "optimizers",
    "last_bit",
    "own_model",
    "microscope",
)


def main() -> int:
    """Run the chapters and write the report."""
    options = parse("python -m examples", __doc__)
    accounts, failures = [], {}
    for name in CHAPTERS:
        written = options.output / f"{name}.json"
        written.unlink(missing_ok=True)  # only what this run writes is read
        sys.argv = [name, "--output", str(options.output), *(["--quick"] * options.quick)]
        try:
            runpy.run_module(f"examples.{name}", run_name="__main__")
        except SystemExit as end:
            if end.code not in (0, 1):  # 1: it diverged; its account says where
                raise
        except OSError as error:  # a full disk, say
            failures[name] = terminal.one_line(error)
            terminal.say(f"{name}: {failures[name]}")
        except Exception as error:
            traceback.print_exc()
            failures[name] = f"{type(error).__name__}: {error}"
        if written.exists():
            accounts.append(json.loads(written.read_text()))
        else:
            failures.setdefault(name, "it wrote no account")
    return write_report(options.output, accounts, failures)


def write_report(output: Path, accounts: list[dict[str, Any]], failures: dict[str, str]) -> int:
    """Write report.json and report.html, print the last table, and return the exit status."""
    from jinja2 import Template

    from examples.account import COLUMNS

    agreed = not failures and all(a["agreed"] for a in accounts)
    elements, unbounded = (sum(a[key] for a in accounts) for key in ("elements", "unbounded"))
    verdict = f"{'All' if agreed else 'NOT all'} of {elements:,} numbers agree within their bounds"
    verdict += f", {unbounded:,} of them under an infinite one." if unbounded else "."
    verdict += "".join(f" {name} did not finish ({why})." for name, why in failures.items())
    columns = ("chapter", *COLUMNS)
    rows = [(a["name"], *a["cells"]) for a in accounts]
    rows += [(name, *[""] * (len(COLUMNS) - 1), "did not finish") for name in failures]
    versions = {name: _version(name) for name in ("refnn", "numpy", "tensorflow")}
    versions |= {"python": platform.python_version()}
    report = {"agreed": agreed, "verdict": verdict, "failures": failures, "versions": versions}
    write(output / "report.json", json.dumps(report | {"chapters": accounts}, indent=1).encode())
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
        columns=columns,
        rows=rows,
        chapters=accounts,
        images=images,
        versions=versions,
    )
    write(output / "report.html", page.encode())
    print_table(verdict, columns, rows)
    for account in accounts:
        for divergence in account["divergences"][:3]:
            console().print(f"{account['name']}: {divergence}", markup=False, highlight=False)
    console().print(f"wrote {output / 'report.html'}", highlight=False)
    return 0 if agreed else 1


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from the source tree, not installed
        return "source tree"


if __name__ == "__main__":
    terminal.run("python -m examples", main)
