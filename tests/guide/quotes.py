"""What the guide quotes from refnn: generated, so that it cannot drift.

``python -m tests.guide.quotes`` writes the label of each box and each quoted body of a function
into the pages; the tests ask whether they are still the same.
"""

import ast
import inspect
import re
import textwrap
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.guide.lines import label

PAGES = [Path(__file__).parents[2] / "refnn" / name for name in ("guide.md", "guide.zh.md")]
LABEL = re.compile(r'<a id="([a-z0-9-]+)"></a><sub>.*?</sub>')
QUOTE = re.compile(r"(<!-- code: ([\w.]+):([\w.]+) -->\n```python\n)(.*?)(?=```)", re.S)


def body(function: Any) -> str:
    """Return the code of a function behind its docstring."""
    text = textwrap.dedent(inspect.getsource(function))
    (tree,) = ast.parse(text).body
    statements = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    lines = text.splitlines()[statements[0].lineno - 1 : statements[-1].end_lineno]
    return textwrap.dedent("\n".join(lines)) + "\n"


def named(module: str, path: str) -> Any:
    """Return refnn.layers, Dense.forward → the function."""
    found: Any = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def quoted(text: str) -> str:
    """Return the page with labels and code as they are in refnn now."""
    text = LABEL.sub(lambda found: label(found[1]), text)
    return QUOTE.sub(lambda found: found[1] + body(named(found[2], found[3])), text)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(quoted(page.read_text(encoding="utf-8")), encoding="utf-8")
