"""The guide as one HTML page that needs nothing else."""

from collections.abc import Mapping
from importlib.resources import files
from typing import NamedTuple

from tftwin.guide import texts
from tftwin.guide.frame import template
from tftwin.guide.rendering import Surroundings, html, plain, targets, tokens


class Page(NamedTuple):
    """A page, the ids of its formulas, and how many of them are links."""

    html: str
    formulas: list[str]
    linked: int


def page(language: str = "en", links: Mapping[str, str] | None = None) -> Page:
    """Return the guide as a page.

    Parameters
    ----------
    language : {"en", "zh"}
        Which of the two guides.
    links : mapping of str to str
        For a formula's id, where its numbers are shown.

    Raises
    ------
    ImportError
        If a library of the extra ``page`` is missing.
    ValueError
        If a formula cannot be drawn.
    """
    words, found = texts.LANGUAGES[language], tokens(texts.text(language))
    given = links or {}
    names = [token.meta["box"].name for token in found if "box" in token.meta]
    headings = [
        (token.tag, token.attrGet("id"), plain(found[place + 1]))
        for place, token in enumerate(found)
        if token.type == "heading_open"
    ]
    folder = files("tftwin.guide")
    text = template(folder).render(
        language=words.tag,
        title=next((said for tag, _, said in headings if tag == "h1"), ""),
        contents=words.contents,
        sections=[(target, said) for tag, target, said in headings if tag == "h2"],
        style=(folder / "style.css").read_text(encoding="utf-8"),
        heading=html(found[:3], Surroundings(words, whole=True)),
        body=html(found[3:], Surroundings(words, given, targets(found), whole=True)),
    )
    return Page(text, names, len(given.keys() & set(names)))
