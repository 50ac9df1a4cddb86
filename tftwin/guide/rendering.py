"""The guide's Markdown as HTML: formulas in boxes with their ids, answers that open, plain links.

markdown-it reads it. Added are what GitHub adds (inline mathematics, boxes of mathematics, tables),
and the label above a box. Of HTML only answers and labels are let through.
"""

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from tftwin.guide.mathematics import mathml
from tftwin.guide.texts import LANGUAGES, Language

LABEL = re.compile(
    r'<a id="([a-z0-9-]+)"></a><sub>\[([a-z0-9-]+)\]\(([^()#\s]+)#L(\d+)\)</sub>', re.ASCII
)
INLINE = re.compile(r"\$`([^`\n]+)`\$")
QUOTED = re.compile(r"<!-- code: ([\w.]+):([\w.]+) -->")
TAGS = {"<details>": 1, "</details>": -1, "<summary>": 1, "</summary>": -1}
"""The tags of an answer, with their nesting."""
FOLDER = "refnn"
"""Where the guide stands: its links start there."""


class Box(NamedTuple):
    """A formula in a box: its id, its line of code, its TeX; without a label no id."""

    name: str
    file: str
    line: int
    tex: str


@dataclass(frozen=True)
class Surroundings:
    """Where tokens are drawn.

    Parameters
    ----------
    language : Language
        Its words.
    links : mapping of str to str
        For an id, where its number is shown.
    targets : set of str
        What a link inside the page may lead to.
    whole : bool
        Whether it is the whole page, in which ids are targets.
    """

    language: Language = LANGUAGES["en"]
    links: Mapping[str, str] = field(default_factory=dict)
    targets: frozenset[str] = frozenset()
    whole: bool = False


def tokens(text: str) -> list[Token]:
    """Return a page of Markdown as tokens; a box is one token, with the box as ``meta["box"]``."""
    return READER.parse(text)


def html(found: Sequence[Token], surroundings: Surroundings | None = None) -> str:
    """Return tokens as HTML."""
    drawn = READER.renderer.render(found, READER.options, {"at": surroundings or Surroundings()})
    return str(drawn)


def slug(heading: str) -> str:
    """Return a heading's id, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def targets(found: Iterable[Token]) -> frozenset[str]:
    """Return the ids that a page has."""
    names = (token.meta["box"].name if "box" in token.meta else token.attrGet("id") or ""
             for token in found)  # fmt: skip
    return frozenset(str(name) for name in names if name)


def _inline_mathematics(state: StateInline, silent: bool) -> bool:
    match = INLINE.match(state.src, state.pos)
    if match is None:
        return False
    if not silent:
        state.push("mathematics", "math", 0).content = match[1]
    state.pos = match.end()
    return True


def _finish(state: StateCore) -> None:
    """Turn what markdown-it has read into what the guide means."""
    state.tokens = _labelled(_answers(state))
    for place, token in enumerate(state.tokens):
        if token.type == "heading_open":
            token.attrSet("id", slug(plain(state.tokens[place + 1])))
        _keep_targets(token.children or [])


def _keep_targets(children: list[Token]) -> None:
    """Let the end of a link know where it leads, and what it says."""
    said, target = "", ""
    for child in children:
        if child.type == "link_open":
            said, target = "", str(child.attrGet("href") or "")
        elif child.type == "link_close":
            child.meta = {"said": said, "target": target}
        else:
            said += child.content


def plain(inline: Token) -> str:
    """Return the text of a heading or a paragraph without its marks."""
    return "".join(t.content for t in inline.children or [] if t.type != "html_inline")


def _answers(state: StateCore) -> list[Token]:
    """Take the tags of answers out of paragraphs, so that they stand beside them."""
    found: list[Token] = []
    given = iter(state.tokens)
    for token in given:
        if token.type == "html_block":
            found += _of_html(state, token)
        elif token.type == "paragraph_open":
            inline, end = next(given), next(given)
            tags = TAGS.keys() & {child.content for child in inline.children or []}
            found += _flow(inline.children or [], inline.content) if tags else [token, inline, end]
        else:
            found.append(token)
    return found


def _of_html(state: StateCore, token: Token) -> list[Token]:
    text = token.content.strip()
    quoted = QUOTED.fullmatch(text)
    if quoted:
        return [Token("quoted", "p", 0, content=f"{quoted[1]}: {quoted[2]}")]
    if text.startswith("<!--"):
        return []
    inline = state.md.parseInline(text, state.env)[0]
    return _flow(inline.children or [], text)


def _flow(children: list[Token], content: str) -> list[Token]:
    found: list[Token] = []
    waiting: list[Token] = []
    summary = False

    def flush() -> None:
        while waiting and waiting[0].type in ("softbreak", "hardbreak"):
            del waiting[0]
        while waiting and waiting[-1].type in ("softbreak", "hardbreak"):
            del waiting[-1]
        if any(t.content.strip() or t.type != "text" for t in waiting):
            whole = len(waiting) == len(children)
            inline = Token(
                "inline", "", 0, children=list(waiting),
                content=content if whole else "".join(t.content for t in waiting),
            )  # fmt: skip
            if summary:
                found.append(inline)
            else:
                found.extend((
                    Token("paragraph_open", "p", 1, block=True), inline,
                    Token("paragraph_close", "p", -1, block=True),
                ))  # fmt: skip
        waiting.clear()

    for child in children:
        tag = child.content if child.type == "html_inline" else ""
        if tag not in TAGS:
            waiting.append(child)
            continue
        flush()
        name = tag.strip("</>")
        kind = f"{name}_{'open' if TAGS[tag] > 0 else 'close'}"
        found.append(Token(kind, name, TAGS[tag], block=True))  # type: ignore[arg-type]
        summary = tag == "<summary>"
    flush()
    return found


def _labelled(given: list[Token]) -> list[Token]:
    """Make one token of a label and the box behind it."""
    found: list[Token] = []
    for token in given:
        if not (token.type == "fence" and token.info.strip() == "math"):
            found.append(token)
            continue
        label = LABEL.fullmatch(found[-2].content) if len(found) > 2 else None
        box = Box("", "", 0, token.content.strip())
        if label is not None:
            del found[-3:]
            box = Box(label[1], _path(label[3]), int(label[4]), box.tex)
        found.append(Token("box", "figure", 0, block=True, meta={"box": box}))
    return found


def _path(target: str) -> str:
    """Return a link's file, from the top of the repository."""
    return posixpath.normpath(posixpath.join(FOLDER, target.partition("#")[0]))


def _draw_mathematics(self: Any, found: Any, place: int, options: Any, env: Any) -> str:
    return mathml(found[place].content)


def _draw_box(self: Any, found: Any, place: int, options: Any, env: Any) -> str:
    box: Box = found[place].meta["box"]
    at: Surroundings = env["at"]
    formula = f'<div class="scroll">{mathml(box.tex, display=True)}</div>'
    if not box.name:
        return f'<figure class="box">{formula}</figure>\n'
    label = f"<code>{box.name}</code>"
    if box.name in at.links:
        label = (
            f'<a href="{escape(at.links[box.name])}" title="{escape(at.language.numbers)}">'
            f"{label}</a>"
        )
    place_of = at.language.place.format(file=box.file, line=box.line)
    target = f'{"id" if at.whole else "data-formula"}="{box.name}"'
    return (
        f'<figure class="box" {target}>{formula}'
        f"<figcaption>{label} <small>{escape(place_of)}</small></figcaption></figure>\n"
    )


def _draw_quoted(self: Any, found: Any, place: int, options: Any, env: Any) -> str:
    return f'<p class="quoted"><code>{escape(found[place].content)}</code></p>\n'


def _draw_html(self: Any, found: Any, place: int, options: Any, env: Any) -> str:
    text = str(found[place].content)
    return "" if text.startswith("<!--") else escape(text, quote=False)


def _leads(target: str, at: Surroundings) -> bool:
    """Whether a link leads somewhere from where it is drawn."""
    if not at.whole:
        return False
    return target.startswith("https://") or (target[:1] == "#" and target[1:] in at.targets)


def _draw_link(self: Any, found: Any, place: int, options: Any, env: Any) -> str:
    target = str(found[place].attrGet("href") or "")
    return f'<a href="{escape(target)}">' if _leads(target, env["at"]) else ""


def _draw_link_end(self: Any, found: Any, place: int, options: Any, env: Any) -> str:
    """Draw a link that would be dead as text, with the file that it names."""
    said, target = found[place].meta["said"], found[place].meta["target"]
    if _leads(target, env["at"]):
        return "</a>"
    if "://" in target or target.startswith("#"):
        return ""
    path = _path(target)
    return "" if path == said or path.endswith(f"/{said}") else f" <code>{escape(path)}</code>"


def _draw_heading(self: Any, found: Any, place: int, options: Any, env: Any) -> str:
    token = found[place]
    return f'<{token.tag} id="{escape(str(token.attrGet("id")))}">' if env["at"].whole else (
        f"<{token.tag}>"
    )  # fmt: skip


def _draw_table(self: Any, found: Any, place: int, options: Any, env: Any) -> str:
    return '<div class="scroll"><table>\n'


def _draw_table_end(self: Any, found: Any, place: int, options: Any, env: Any) -> str:
    return "</table></div>\n"


DRAWN = {
    "mathematics": _draw_mathematics,
    "box": _draw_box,
    "quoted": _draw_quoted,
    "html_inline": _draw_html,
    "link_open": _draw_link,
    "link_close": _draw_link_end,
    "heading_open": _draw_heading,
    "table_open": _draw_table,
    "table_close": _draw_table_end,
}


def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark").enable("table")
    reader.inline.ruler.before("backticks", "mathematics", _inline_mathematics)
    reader.core.ruler.push("guide", _finish)
    for name, rule in DRAWN.items():
        reader.add_render_rule(name, rule)
    return reader


READER = _reader()
