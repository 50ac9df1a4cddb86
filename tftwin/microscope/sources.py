"""The line of refnn that computes a number: found by its text, so that it cannot drift."""

import inspect
from pathlib import Path
from typing import Any, NamedTuple


class Line(NamedTuple):
    """A line of code: its file from the package on, its number, its text."""

    file: str
    number: int
    text: str


def line(function: Any, text: str) -> Line:
    """Return the one line of a function that begins with a text.

    Raises
    ------
    ValueError
        If none or several have it: the code has changed.
    """
    lines, start = inspect.getsourcelines(function)
    found = [
        (start + i, code.strip()) for i, code in enumerate(lines) if code.strip().startswith(text)
    ]
    if len(found) != 1:
        raise ValueError(
            f"{function.__qualname__}: {len(found)} lines begin with {text!r}; expected 1"
        )
    path = Path(inspect.getsourcefile(function) or "")
    return Line("/".join(path.parts[-2:]), *found[0])


def last_line(function: Any) -> Line | None:
    """Return the last line of a function of the user's own; None where there is no source."""
    try:
        lines, start = inspect.getsourcelines(function)
        path = Path(inspect.getsourcefile(function) or "")
    except (OSError, TypeError):
        return None
    return Line(path.name, start + len(lines) - 1, lines[-1].strip())
