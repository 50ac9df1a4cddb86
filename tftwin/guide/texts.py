"""Where the guide's text is, and the words that a page adds in each language."""

from importlib.resources import files
from typing import NamedTuple


class Language(NamedTuple):
    """A language of the guide."""

    file: str
    tag: str
    """As HTML names it."""
    contents: str
    place: str
    """A line of a file."""
    numbers: str
    """What a link to the microscope's page says."""


LANGUAGES = {
    "en": Language(
        "guide.md", "en", "Contents", "{file}, line {line}", "the numbers of this formula"
    ),
    "zh": Language("guide.zh.md", "zh-Hans", "目录", "{file}，第 {line} 行", "这个公式的数字"),
}


def text(language: str = "en") -> str:
    """Return the guide's Markdown, of a clone or of an installed refnn."""
    return (files("refnn") / LANGUAGES[language].file).read_text(encoding="utf-8")
