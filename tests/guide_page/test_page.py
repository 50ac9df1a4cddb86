"""The guide as a page: each formula is drawn with its own letters, each link leads somewhere."""

import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.guide.equations import EQUATIONS
from tftwin.__main__ import main
from tftwin.guide import texts
from tftwin.guide.making import page
from tftwin.guide.mathematics import mathml
from tftwin.guide.passages import groups, passages
from tftwin.guide.rendering import html, tokens

ROOT = Path(__file__).parents[2]
LANGUAGES = tuple(texts.LANGUAGES)
TOKEN = re.compile(r"\\(?:begin|end)\{\w+\}|\\[A-Za-z]+|\\\\|\S")
STRUCTURE = {
    "{", "}", "_", "^", "&", "\\\\", "\\frac", "\\sqrt", "\\text", "\\mathrm", "\\end{cases}",
    "\\left", "\\right",
}  # fmt: skip
SIGNS = {
    "\\eta": "η", "\\delta": "δ", "\\partial": "∂", "\\sum": "∑", "\\alpha": "α", "\\beta": "β",
    "\\lambda": "λ", "\\sigma": "σ", "\\epsilon": "ϵ", "\\mu": "μ", "\\psi": "ψ", "\\Pi": "Π",
    "\\max": "max", "\\ln": "ln", "\\tanh": "tanh", "\\ge": "≥", "\\le": "≤", "\\cdot": "·",
    "\\lvert": "|", "\\rvert": "|", "\\hat": "^", "\\bar": "¯", "\\begin{cases}": "{",
    "\\prod": "∏", "\\top": "⊤", "\\Delta": "Δ", "\\theta": "θ", "\\ne": "≠", "\\approx": "≈",
    "\\to": "→", "\\infty": "∞", "\\tilde": "~", "-": "−", "'": "′",
}  # fmt: skip


def of_tex(formula):
    """The signs of a formula, in the order of its TeX."""
    found = [SIGNS.get(t, t) for t in TOKEN.findall(formula) if t not in STRUCTURE]
    unknown = [t for t in found if t.startswith("\\")]
    assert not unknown, f"say in SIGNS how {unknown} looks"
    return "".join(found)


def of_mathml(text):
    return "".join("".join(ElementTree.fromstring(text).itertext()).split())


def letters(signs):
    """Letters and numbers alone: accents and primes stand elsewhere in MathML."""
    return [s for s in signs if s.isalnum() and s not in "^¯′"]


def formulas(language):
    found = []
    for token in tokens(texts.text(language)):
        if "box" in token.meta:
            found.append((token.meta["box"].tex, True))
        found += [(t.content, False) for t in token.children or [] if t.type == "mathematics"]
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_formula_has_the_letters_and_numbers_of_its_tex(language):
    found = formulas(language)
    assert sum(boxed for _, boxed in found) == len(EQUATIONS)
    for tex, boxed in found:
        drawn, given = of_mathml(mathml(tex, boxed)), of_tex(tex)
        assert letters(drawn) == letters(given), tex
        assert Counter(drawn) == Counter(given), tex


def test_what_cannot_be_drawn_is_refused():
    for tex in (r"\foo", r"x_{", r"\frac{1}", "a & b", r"\begin{aligned} a &= b \end{aligned}"):
        with pytest.raises(ValueError, match="cannot be drawn"):
            mathml(tex)


def test_a_function_stands_apart_and_a_prime_does_not():
    assert "<mspace" in mathml(r"t \ln c")
    assert mathml(r"t \ln c").count("<mspace") == 2
    assert "<mspace" not in mathml(r"\ln (c)")
    assert mathml(r"(a) \ln (c)").count("<mspace") == 1
    assert "<mi>sign</mi>" in mathml(r"\mathrm{sign}(y)")
    assert '<mo lspace="0" rspace="0">′</mo>' in mathml("w'")


VOID = {"meta", "link", "br", "hr", "img", "mspace"}


class Reader(HTMLParser):
    """What a page has: open tags, ids, links, text that is no code block."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.tags, self.text = [], [], [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if "href" in given:
            self.links.append(given["href"])
        assert not {"src", "onclick"} & given.keys()
        if tag in ("details", "figure", "table", "pre"):
            assert "p" not in self.open, f"{tag} in a paragraph"

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "pre"} & set(self.open):
            self.text += data


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_stands_alone_and_has_every_label(language):
    made = page(language)
    read = Reader(made.html)
    assert made.formulas == list(EQUATIONS)
    assert len(read.ids) == len(set(read.ids))
    assert set(EQUATIONS) <= set(read.ids)
    assert "script" not in read.tags
    assert "url(" not in made.html
    assert "@import" not in made.html
    here = {f"#{name}" for name in read.ids}
    assert [x for x in read.links if x not in here and x != "data:," and "https://" not in x] == []
    for mark in ("**", "$`", "```", "](", "<details", "<sub", "|---"):
        assert mark not in read.text, mark
    assert read.tags.count("details") == read.tags.count("summary") > 5
    assert f'<html lang="{texts.LANGUAGES[language].tag}">' in made.html


def test_an_answer_may_hold_code_and_mathematics():
    text = (
        "*Predict:* what? <details><summary>Answer</summary>*No*, x < 0.</details>\n\n"
        "More:\n<details><summary>Two</summary>$`x_i`$</details>\n\n"
        "<details><summary>Long</summary>\n\n**Bold**:\n\n```python\na < b\n```\n\n</details>\n"
    )
    drawn = html(tokens(text))
    Reader(drawn)
    assert drawn.count("<details>") == drawn.count("</details>") == 3
    assert "<summary>Answer</summary><p><em>No</em>, x &lt; 0.</p>" in drawn.replace("\n", "")
    assert "<msub>" in drawn
    assert "<strong>Bold</strong>" in drawn
    assert "a &lt; b" in drawn


def test_html_of_another_kind_is_text():
    drawn = html(tokens('a <b onclick="x()">b</b>\n\n<script>alert(1)</script>\n'))
    assert "<b" not in drawn
    assert "<script" not in drawn
    assert "&lt;script&gt;" in drawn


def test_a_dead_link_is_text_with_its_file():
    drawn = html(tokens("see [more](../tftwin/README.md), [tests/guide](../tests/guide)"))
    assert "<a" not in drawn
    assert drawn == "<p>see more <code>tftwin/README.md</code>, tests/guide</p>\n"


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_formula_has_a_passage_with_itself_and_words(language):
    found = passages(EQUATIONS, language)
    assert list(found) == list(EQUATIONS)
    for name, (section, passage) in found.items():
        read = Reader(passage)
        assert passage.count(f'data-formula="{name}"') == 1
        assert re.match(r"\d+: \w", section), section
        assert read.links == read.ids == []
        assert len(re.findall(r"<p>", passage)) >= 1, name


def test_a_passage_begins_and_ends_where_its_subject_does():
    box = '<a id="{0}"></a><sub>[{0}](layers.py#L1)</sub>\n\n```math\ny = x\n```\n\n'
    text = (
        "## 1. First\n\nBegin:\n\n" + box.format("a") + "Said of a.\n\nSo\n\n" + box.format("b")
        + box.format("c") + "**New.** Next:\n\n" + box.format("d") + "```python\n1\n```\n\n"
        "*Predict:* q? <details><summary>A</summary>r</details>\n\nAnd:\n\n" + box.format("e")
        + "Both.\n\n" + box.format("f") + "## Second\n\nOther:\n\n" + box.format("g")
    )  # fmt: skip
    found = {
        "".join(g.names()): re.sub(r"<math.*?</math>|<[^>]+>|\n|refnn/layers.py, line 1", " ",
                                   g.passage().html).split()
        for g in groups(text)
    }  # fmt: skip
    assert {names: " ".join(words) for names, words in found.items()} == {
        "a": "Begin: a Said of a.",
        "bc": "So b c",
        "d": "New. Next: d",
        "e": "And: e Both.",
        "f": "Both. f",
        "g": "Other: g",
    }
    assert [g.section for g in groups(text)] == [*["1: First"] * 5, "Second"]


def test_the_command_writes_into_the_folder_for_output(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["guide"]) == 0
    said = f"out/guide.html: {len(EQUATIONS)} formulas, 0."
    assert capsys.readouterr().out.startswith(said)
    assert main(["guide", "--language", "zh", "--output", "zh.html"]) == 0
    assert "反向传播" in Path("zh.html").read_text(encoding="utf-8")
    assert page().html == Path("out/guide.html").read_text(encoding="utf-8")


def test_each_formula_of_the_microscopes_page_is_a_link(tmp_path, capsys):
    (tmp_path / "a b").mkdir()
    numbers, guide = tmp_path / "a b" / "m.html", tmp_path / "guide.html"
    assert main(["microscope", "--no-tensorflow", "--steps", "1", "--html", str(numbers)]) == 0
    assert main(["guide", "--output", str(guide), "--microscope", str(numbers)]) == 0
    text = numbers.read_text(encoding="utf-8")
    data = json.loads(re.findall(r'id="data">(.*?)</script>', text, re.S)[0])
    named = {name for t in data["tensors"] for name in t["equations"]}
    assert set(data["guide"]) == named
    links = [x for x in Reader(guide.read_text(encoding="utf-8")).links if "eq=" in x]
    assert sorted(links) == sorted(f"a%20b/m.html#eq={name}" for name in named)
    assert f"{len(named)} of them with a link" in capsys.readouterr().out


def test_the_commands_of_the_readme_work(tmp_path, monkeypatch):
    text = (ROOT / "tftwin" / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^python -m tftwin (guide.*?)(?: *#.*)?$", text, re.M)
    assert len(lines) == 3
    monkeypatch.chdir(tmp_path)
    assert main(["microscope", "--no-tensorflow", "--steps", "1", "--html", "out.html"]) == 0
    for line in lines:
        assert main(line.split()) == 0, line
    assert sorted(p.name for p in Path("out").iterdir()) == ["guide.html", "guide.zh.html"]
    assert 'href="../out.html#eq=' in Path("out/guide.html").read_text(encoding="utf-8")


PAGE = '<script type="application/json" id="data">{}</script>'


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--language", "fr"], "invalid choice: 'fr'"),
        (["--output", "{tmp}"], "{tmp} is not a file in a folder"),
        (["--output", "{tmp}/none/g.html"], "none/g.html is not a file in a folder"),
        (["--output", "{tmp}/text/g.html"], "text/g.html is not a file in a folder"),
        (["--microscope", "{tmp}/none.html"], "none.html: no such file"),
        (["--microscope", "{tmp}"], "{tmp} is no regular file"),
        (["--microscope", "{tmp}/text"], "has no numbers with formulas of the guide"),
        (["--microscope", "{tmp}/old.html"], "has no numbers with formulas of the guide"),
        (["--microscope", "{tmp}/odd.html"], "has no numbers with formulas of the guide"),
        (["--microscope", "{tmp}/odd.html", "--output", "{tmp}/odd.html"], "that --microscope"),
    ],
)
def test_a_wrong_command_is_one_line(tmp_path, capsys, arguments, said):
    (tmp_path / "text").write_bytes(b"\xff no page")
    (tmp_path / "old.html").write_text(PAGE.replace("{}", '{"tensors": []}'))
    (tmp_path / "odd.html").write_text(PAGE.replace("{}", '{"guide": 7}'))
    given = [a.format(tmp=tmp_path) for a in arguments]
    with pytest.raises(SystemExit) as stop:
        main(["guide", "--output", str(tmp_path / "g.html"), *given])
    assert stop.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said.format(tmp=tmp_path) in lines[0]
    assert not (tmp_path / "g.html").exists()


@pytest.mark.parametrize("command", ["guide --output", "microscope --no-tensorflow --html"])
def test_it_needs_no_tensorflow_and_says_which_library_is_missing(tmp_path, command):
    code = (
        "import sys\nfor name in sys.argv[2].split(): sys.modules[name] = None\n"
        "from tftwin.__main__ import main\n"
        "sys.exit(main([*sys.argv[3:], sys.argv[1]]))"
    )

    def run(missing):
        given = [sys.executable, "-c", code, str(tmp_path / "o.html"), missing, *command.split()]
        return subprocess.run(given, cwd=ROOT, capture_output=True, text=True, timeout=100)

    assert run("tensorflow keras rich h5py hypothesis joblib").returncode == 0
    for module, name in (
        ("jinja2", "Jinja2"), ("markdown_it", "markdown-it-py"), ("latex2mathml", "latex2mathml"),
    ):  # fmt: skip
        found = run(f"tensorflow hypothesis {module}")
        assert found.returncode == 2
        assert f"needs {name}: pip install -e '.[page]'" in found.stderr
        assert found.stderr.count("\n") == 1


def test_the_guide_and_the_pages_parts_are_packed():
    given = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    packed = given["setuptools"]["package-data"]
    assert {words.file for words in texts.LANGUAGES.values()} <= set(packed["refnn"])
    assert {"guide/page.html", "guide/style.css"} <= set(packed["tftwin"])
    assert "tftwin.guide" in given["setuptools"]["packages"]
