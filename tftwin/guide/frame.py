"""What a page needs besides its text: a template, and the libraries of the extra ``page``."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Template

LIBRARIES = {
    "jinja2": "Jinja2",
    "markdown_it": "markdown-it-py",
    "latex2mathml": "latex2mathml",
}
"""The modules of the extra, as pip names them."""


@contextmanager
def libraries() -> Iterator[None]:
    """Say which command installs a library of the extra, where one is missing.

    Raises
    ------
    ImportError
        With the command, in one line.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = LIBRARIES.get((error.name or "").partition(".")[0])
        if name is None:
            raise
        raise ImportError(
            f"the page needs {name}: pip install -e '.[page]' in a clone of refnn"
        ) from None


def template(folder: Traversable) -> "Template":
    """Return the template ``page.html`` of a folder; what is put in is escaped."""
    with libraries():
        from jinja2 import Environment
    text = (folder / "page.html").read_text(encoding="utf-8")
    return Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(text)
