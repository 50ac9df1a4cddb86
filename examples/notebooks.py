"""The chapters as notebooks: ``python -m examples.notebooks FOLDER``.

Each is made of its script: the text at its head, and a cell for each ``# %%``. ``--execute`` runs
them, so that their outputs stand in them.
"""

from pathlib import Path

from examples.__main__ import CHAPTERS
from examples.page import write
from tftwin import terminal

NEEDS = "this needs pip install -e '.[notebook]' in a clone of refnn: {} is missing"


def main() -> int:
    """Write the notebooks, and run them if asked for."""
    parser = terminal.Parser(prog="python -m examples.notebooks", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where they go")
    parser.add_argument("--only", nargs="+", choices=CHAPTERS, default=CHAPTERS, metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="each with the option --quick")
    parser.add_argument("--execute", action="store_true", help="run them")
    options = parser.parse_args()
    try:
        options.folder.mkdir(parents=True, exist_ok=True)
        for name in options.only:
            path = options.folder / f"{name}.ipynb"
            write(path, notebook(name, options.quick, options.execute).encode())
            print(f"wrote {path}", flush=True)
    except ImportError as error:
        parser.error(NEEDS.format(error.name))
    except OSError as error:
        parser.error(str(error))
    return 0


def notebook(name: str, quick: bool, execute: bool) -> str:
    """Return a chapter as a notebook in JSON."""
    import jupytext
    from nbformat.v4 import new_code_cell, new_markdown_cell

    text = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    found = jupytext.reads(text, fmt="py:percent")
    head = found.cells[0].source
    if head.startswith('"""'):
        head, _, rest = head[3:].partition('"""')
        title, _, words = head.partition("\n")
        found.cells[0] = new_markdown_cell(f"# {title}\n{words}")
        if rest.strip():
            found.cells.insert(1, new_code_cell(rest.strip()))
    arguments = [name, "--output", "out", *(["--quick"] * quick)]
    settings = f"import sys\n\nsys.argv = {arguments}  # the options of the script\n"
    settings += f"__doc__ = {head.partition(chr(10))[0]!r}"
    found.cells.insert(1, new_code_cell(settings))
    if execute:
        from nbclient import NotebookClient

        root = Path(__file__).parents[1]
        client = NotebookClient(found, timeout=900, resources={"metadata": {"path": str(root)}})
        client.execute()
    found.metadata["kernelspec"] = {
        "name": "python3", "display_name": "Python 3", "language": "python",
    }  # fmt: skip
    return str(jupytext.writes(found, fmt="ipynb"))


if __name__ == "__main__":
    terminal.run("python -m examples.notebooks", main)
