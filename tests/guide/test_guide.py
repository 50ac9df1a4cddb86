"""No formula of the guide is unverified: each box is read, evaluated, and held against refnn."""

import doctest
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from tests.guide.equations import EQUATIONS, INLINE, SIZES, N, scene
from tests.guide.lines import LINES
from tests.guide.quotes import LABEL, PAGES, QUOTE, named, quoted
from tests.guide.tex import TexError, bound_to, right_side
from tftwin.cards import CARDS
from tftwin.check.judge import Bounds, fits
from tftwin.lockstep.roundoff import exact
from tftwin.microscope.expressions import evaluate

ROOT = Path(__file__).parents[2]
TEXT = PAGES[0].read_text(encoding="utf-8")
BOXES = re.compile(r'<a id="([a-z0-9-]+)"></a>[^\n]*\n\n```math\n(.*?)\n```', re.S)
SHOWN = dict(BOXES.findall(TEXT))
SECTIONS = [str(number) for number in range(1, 11)]
PARTS = {
    "guide.md": ("*Who differs:*", "*Wrong version:*", "*Predict:*"),
    "guide.zh.md": ("*别人怎么做：*", "*错误的写法：*", "*先猜：*"),
}


def evaluated(formula, equation, tensors):
    """The value of a displayed right side, with the bound of its operations."""
    symbols = dict(equation.symbols)
    tree = bound_to(right_side(formula), symbols)
    tensors = tensors | {f"size {letter}": size for letter, size in SIZES.items()}
    letters = equation.letters
    if equation.bare:  # a symbol without letters is the number at the place of the left side
        tree = placed(tree, equation.bare, tensors)
    return evaluate(tree, {x: SIZES[x] for x in letters}, tensors, exact)


def placed(tree, letters, tensors):
    if not isinstance(tree, list):
        return tree
    if tree[0] == "ref" and not tree[2] and np.ndim(tensors[tree[1]]):
        return ["ref", tree[1], list(letters)]
    return [placed(part, letters, tensors) for part in tree]


def number(value):
    """A number of refnn with its bound, which is 0 if it carries none."""
    bound = np.asarray(getattr(value, "bound", 0.0), np.float64)
    return np.asarray(getattr(value, "value", value)), bound


def held(formula, equation, dtype, seed=0):
    """Whether the formula gives refnn's number, at every place."""
    tensors = scene(dtype, seed)
    tensors |= {k: np.asarray(a) for k, a in equation.made(tensors).items()}
    ours, own = number(equation.refnn(tensors))
    value, bound = number(evaluated(formula, equation, tensors))
    shape = tuple(SIZES[x] for x in equation.letters)
    assert ours.shape == value.shape == shape
    return bool(fits(ours, Bounds(value, np.broadcast_to(bound + own, shape))).all())


def test_every_box_is_known_and_every_id_is_shown():
    assert list(SHOWN) == list(EQUATIONS)
    assert TEXT.count("```math") == len(SHOWN)
    assert len(SHOWN) > 50


@pytest.mark.parametrize("name", EQUATIONS)
def test_the_box_is_what_refnn_computes(name):
    for dtype in EQUATIONS[name].dtypes:
        for seed in range(3):
            assert held(SHOWN[name], EQUATIONS[name], dtype, seed), SHOWN[name]


def is_seen(wrong, equation):
    try:
        return not held(wrong, equation, np.float64)
    except TexError:
        return True  # "+x" at the beginning: not a formula of the guide


@pytest.mark.parametrize("formula", INLINE)
def test_an_equation_within_a_line_is_executed(formula):
    for dtype in (np.float64, np.float32):
        for seed in range(3):
            assert held(formula, INLINE[formula], dtype, seed)
    for wrong in flips(formula):
        assert is_seen(wrong, INLINE[formula]), wrong


LONG = np.finfo(np.longdouble).eps / np.finfo(np.float64).eps
"""How much finer longdouble is: by so much smaller are the bounds of its roundings."""
HALF_OF_THE_DIGITS = np.sqrt(np.finfo(np.float64).eps)
"""Of float64: a quotient that is worse tells little."""


def quotient(equation, s, wide, index):
    """A central difference in longdouble, and its error: of the step, and of the roundings."""

    def at(h):
        array = wide[equation.by].copy()
        array[index] += h
        return array

    def slope(h):
        return (equation.of(wide, at(h)) - equation.of(wide, at(-h))) / (2 * h)

    h = np.longdouble(2) ** -20
    one, other = slope(h), slope(h / 2)
    rounding = number(equation.of(s, exact(s[equation.by])))[1] * LONG
    return other, abs(one - other) + 4 * float(rounding) / (h / 2)


@pytest.mark.parametrize("name", [n for n, e in EQUATIONS.items() if e.of is not None])
def test_a_derivative_is_that_of_the_function_before_it(name):
    """The difference quotient in longdouble, at every number; beside kinks and clips."""
    equation, s = EQUATIONS[name], scene(np.float64)
    if equation.by == "u":
        s["u"].flat[0] = 0.5
    if equation.by == "y":
        s["y"].flat[:2] += 0.5
    wide = {k: a.astype(np.longdouble) for k, a in s.items()}
    found = np.asarray(equation.refnn(s | equation.made(s)))
    _, own = number(evaluated(SHOWN[name], equation, s | equation.made(s)))
    own = np.broadcast_to(own, found.shape)
    for index in np.ndindex(found.shape):
        value, error = quotient(equation, s, wide, index)
        allowed = error + 2 * own[index]
        assert error < HALF_OF_THE_DIGITS * (1 + abs(value)), index
        assert abs(value - found[index]) <= allowed, index
        if found[index]:  # the quotient is good enough to see a wrong sign, and a factor of two
            assert abs(value + found[index]) > allowed, index
            assert abs(value - 2 * found[index]) > allowed, index


def flips(formula):
    """The formula with one sign or operation changed, in every way."""
    left, _, right = formula.partition("= ")
    for place, letter in enumerate(right):
        inside = right[:place].count("_{") > right[:place].count("}")
        if letter in "+-" and not inside:
            yield f"{left}= {right[:place]}{'-' if letter == '+' else '+'}{right[place + 1 :]}"
    yield f"{left}= -({right})" if "cases" not in right else f"{left}= 2 ({right})"


@pytest.mark.parametrize("name", EQUATIONS)
def test_a_wrong_sign_is_seen(name):
    for wrong in flips(SHOWN[name]):
        assert is_seen(wrong, EQUATIONS[name]), wrong


def test_what_is_not_executed_is_refused():
    for formula in (r"y = \int x", r"y = x_{", r"y = \frac{1}", "y", r"y = \mathrm{foo}(x)"):
        with pytest.raises((TexError, KeyError)):
            bound_to(right_side(formula), {})
    with pytest.raises(TexError, match="without a meaning"):
        bound_to(right_side("y = q"), {})


@pytest.mark.parametrize("page", [p for p in PAGES if p.exists()], ids=lambda p: p.name)
class TestPage:
    def test_the_examples_print_what_they_say(self, page):
        blocks = re.findall(r"```pycon\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
        test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page.name, None, 0)
        runner = doctest.DocTestRunner(verbose=False)
        said = []
        runner.run(test, out=said.append)
        assert runner.summarize(verbose=False).failed == 0, "".join(said)
        assert runner.summarize(verbose=False).attempted > 25

    def test_labels_and_code_are_refnns(self, page):
        """A formula leads to its line, and each quoted body is the whole body, in order."""
        text = page.read_text(encoding="utf-8")
        assert text == quoted(text), "run python -m tests.guide.quotes"
        assert [found[1] for found in LABEL.finditer(text)] == list(EQUATIONS) == list(LINES)
        assert len(QUOTE.findall(text)) == text.count("```python") == len(SECTIONS)

    def test_each_section_has_its_parts(self, page):
        _, *sections = re.split(r"^## (?=\d)", page.read_text(encoding="utf-8"), flags=re.M)
        parts = PARTS[page.name]
        taught = [section for section in sections if "```math" in section]
        assert [section.split(".")[0] for section in taught] == SECTIONS
        for section in taught:
            head, *rest = section.split("\n\n")
            assert rest[0].startswith("| "), f"{head}: no table of shapes"
            assert [section.count(part) for part in parts] == [1] * len(parts), head
            wrong = section[section.index(parts[1]) : section.index(parts[2])]
            answer = section[section.index(parts[2]) :]
            assert "```pycon" in wrong, f"{head}: the wrong version is not executed"
            assert "```pycon" in answer.partition("</details>")[0], f"{head}: nor is the answer"

    def test_mathematics_is_written_as_github_reads_it(self, page):
        text = page.read_text(encoding="utf-8")
        for fence in re.findall(r"```.*?```", text, re.S):
            text = text.replace(fence, "")
        text = re.sub(r"\$`[^`\n]*`\$", "", text)
        assert "$" not in text
        assert "operatorname" not in page.read_text(encoding="utf-8")  # GitHub refuses it
        assert "\\(" not in text

    def test_equations_within_lines_are_known(self, page):
        inline = re.findall(r"\$`([^`\n]*)`\$", page.read_text(encoding="utf-8"))
        assert {formula for formula in inline if "=" in formula} == set(INLINE)

    def test_each_named_card_and_link_is_there(self, page):
        text = page.read_text(encoding="utf-8")
        names = {card.name for card in CARDS}
        said = re.findall(r"explain ([a-z0-9-]+)`", text)
        assert len(said) > 15
        assert set(said) <= names
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert (page.parent / target).exists(), target

    def test_formulas_and_examples_are_those_of_the_first_page(self, page):
        text = page.read_text(encoding="utf-8")
        assert dict(BOXES.findall(text)) == SHOWN
        assert re.findall(r"```pycon\n.*?```", text, re.S) == re.findall(
            r"```pycon\n.*?```", TEXT, re.S
        )


@pytest.mark.parametrize("name", LINES)
def test_the_code_names_its_formula(name):
    """So a reader of the code finds the derivation."""
    function, _ = LINES[name]
    owner = named(function.__module__, function.__qualname__.split(".")[0])
    said = re.search(r"^Guide: ([^.]*)\.$", inspect.getdoc(owner), re.M)
    assert name in said[1].replace("\n", " ").split(", ")


def test_no_code_names_a_formula_that_is_not_there():
    for path in (ROOT / "refnn").rglob("*.py"):
        for said in re.findall(r"^ +Guide: ([^.]*)\.$", path.read_text(encoding="utf-8"), re.M):
            assert set(said.replace("\n", " ").split(", ")) <= set(LINES), path


def test_the_top_page_has_no_mathematics():
    for page in (ROOT / "README.md", ROOT / "examples" / "README.md"):
        text = page.read_text(encoding="utf-8")
        assert "```math" not in text
        assert "$`" not in text


def test_the_scene_has_different_sizes():
    assert len({N, SIZES["i"], SIZES["j"]}) == 3
