"""The passage of the guide that derives a formula.

Formulas with no text between them share a passage. It has the text behind the box before, or behind
the heading, up to the formulas, and the paragraph behind them if it speaks about them: if it ends a
sentence, and begins no subject of its own in bold or italic letters.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from markdown_it.token import Token

from tftwin.guide import texts
from tftwin.guide.rendering import html, plain, tokens

Block = list[Token]
NUMBER = re.compile(r"^(\d+)\. ")
"""Of a section."""
ENDS = tuple(".?!)。？！）")
"""What ends a sentence; a colon leads on to the next formula."""
APART = ("fence", "details_open", "quoted")
"""Blocks that end what is said about the formula before: code, answers."""


class Passage(NamedTuple):
    """A passage: the heading of its section, and itself as HTML."""

    section: str
    html: str


@dataclass
class Group:
    """Formulas with no text between them, the text before, and the text behind."""

    section: str
    before: list[Block]
    boxes: list[Block] = field(default_factory=list)
    behind: list[Block] = field(default_factory=list)

    def names(self) -> list[str]:
        """Return the formulas' ids."""
        return [name for (token,) in self.boxes if (name := token.meta["box"].name)]

    def passage(self) -> Passage:
        """Draw it."""
        blocks = [*self.before, *self.boxes, *self.behind]
        return Passage(self.section, html([token for block in blocks for token in block]))


def passages(names: Iterable[str], language: str = "en") -> dict[str, Passage]:
    """Return the passage of each formula that is named and that the guide has."""
    found = _all(language)
    return {name: found[name] for name in names if name in found}


@cache
def _all(language: str) -> dict[str, Passage]:
    found: dict[str, Passage] = {}
    for group in groups(texts.text(language)):
        found |= dict.fromkeys(group.names(), group.passage())
    return found


def groups(text: str) -> list[Group]:
    """Return the formulas of a page with the text around them."""
    found: list[Group] = []
    section, between, last = "", [], None  # type: str, list[Block], Group | None
    for block in blocks(tokens(text)):
        kind = block[0].type
        if kind == "heading_open":
            _give(last, between)
            section, between, last = NUMBER.sub(r"\1: ", plain(block[1])), [], None
        elif kind != "box":
            between.append(block)
        elif last is not None and not between:
            last.boxes.append(block)
        else:
            last = Group(section, _give(last, between), [block])
            found.append(last)
            between = []
    _give(last, between)
    return found


def _give(last: Group | None, between: list[Block]) -> list[Block]:
    """Give the formulas before what is theirs; return what is left for the next ones."""
    if last is not None and between and _is_about(between[0]):
        last.behind = between[:1]
        between = between[1:] or between
    cut = max((i + 1 for i, block in enumerate(between) if block[0].type in APART), default=0)
    return between[cut:] or between


def _is_about(block: Block) -> bool:
    text = block[1].content.strip() if block[0].type == "paragraph_open" else ""
    return text.endswith(ENDS) and not text.startswith("*")


def blocks(given: Iterable[Token]) -> Iterator[Block]:
    """Cut a page into its blocks: what is opened stays together until it is closed."""
    block: Block = []
    depth = 0
    for token in given:
        block.append(token)
        depth += token.nesting
        if not depth:
            yield block
            block = []
    if block:
        yield block
