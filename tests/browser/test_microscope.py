"""The microscope in a browser: what it prints is the record, and its formulas hold."""

import json

import numpy as np
import pytest

from refnn import (
    L2,
    SGDM,
    Adam,
    MeanSquaredError,
    Model,
    Relu,
    RMSProp,
    SoftmaxCrossentropy,
    Tanh,
    multilayer,
)
from refnn.datasets import dots, iris, standardize
from tests.helpers import same_bits
from tftwin.check.judge import Bounds, fits
from tftwin.lockstep.roundoff import exact
from tftwin.microscope import formulas, page, steps
from tftwin.microscope.expressions import COMPARISONS, OPERATIONS
from tftwin.microscope.mistakes import mistakes
from tftwin.microscope.payload import STEPS_OF_LOG

DRAWN = 100
"""Cards that are opened on each page."""
MODELS = {
    "iris": Model(multilayer([4, 3], Tanh()), SoftmaxCrossentropy(), SGDM(0.1)),
    "dots": Model(multilayer([2, 11, 1], Relu()), MeanSquaredError(), RMSProp(0.01), L2(0.01)),
    "deep": Model(multilayer([4, 16, 16, 3], Tanh()), SoftmaxCrossentropy(), Adam(0.01)),
}


class Made:
    """A page, and the numbers that it was made from."""

    def __init__(self, folder, name, model, dtype="float32", count=4):
        rng = np.random.default_rng(3)
        data = dots() if model.network.inputs == 2 else iris()
        x, y = standardize(data.x).x.astype(dtype), data.y.astype(dtype)
        rows = [rng.permutation(len(x))[:32] for _ in range(count)]
        self.model, self.state = model, model.initial_state(rng, dtype=dtype)
        self.batches = [(x[r], y[r], ()) for r in rows]
        self.tensors = formulas.tensors(model)
        self.numbers, _ = steps.alone(model, self.tensors, self.state, self.batches)
        self.dtype, self.path = np.dtype(dtype).type, folder / f"{name}.html"
        self.path.write_text(page(model, self.state, self.batches), encoding="utf-8")

    def drawn(self, rng):
        """Return a step, a tensor, a place."""
        step = int(rng.integers(len(self.numbers)))
        tensor = self.tensors[rng.integers(len(self.tensors))]
        shape = tensor.shape(self.numbers[step].ours["N"])
        return step, tensor, tuple(int(rng.integers(n)) for n in shape)

    def number(self, step, name, index):
        return np.asarray(self.numbers[step].ours[name])[tuple(index)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    return {name: Made(folder, name, model) for name, model in MODELS.items()}


def value(tree, dtype):
    """Evaluate what a card prints, with the bound of its operations."""
    if not isinstance(tree, list):
        return tree
    word, *parts = tree
    if word == "number":
        return float(parts[0]) if parts[1] else exact(np.asarray(dtype(parts[0])))
    if word == "const":
        return parts[1]
    if word == "where":
        (comparison, *sides), yes, no = parts
        found = [getattr(s, "value", s) for s in (value(side, dtype) for side in sides)]
        chosen = value(yes if COMPARISONS[comparison](*found) else no, dtype)
        return dtype(chosen) if isinstance(chosen, (int, float)) else chosen
    found = [value(part, dtype) for part in parts]
    if word in ("sum", "max"):
        terms = [np.asarray(getattr(f, "value", f)) for f in found]
        bounds = [np.asarray(getattr(f, "bound", 0.0)) for f in found]
        if word == "max":
            return exact(np.max(terms))
        total = np.sum(terms, dtype=np.float64)
        size = np.sum(np.abs(terms)) * len(terms) * np.finfo(dtype).eps
        return type(exact(terms[0]))(
            np.asarray(dtype(total)), np.sum(bounds) + size, np.finfo(dtype).eps / 2
        )
    return OPERATIONS[word](*found)


@pytest.mark.parametrize("name", MODELS)
def test_a_card_prints_the_record_and_its_formula_holds(made, opened, name):
    one, rng = made[name], np.random.default_rng(7)
    window = opened(one.path)
    formulas_seen = 0
    for _ in range(DRAWN):
        step, tensor, index = one.drawn(rng)
        window.show(step, tensor.name, index)
        page = window.page
        assert window.card() == [tensor.name, *index]
        ours = one.number(step, tensor.name, index)
        result = page.get_attribute("[data-role=result]", "data-value")
        assert same_bits(np.asarray(ours.dtype.type(result)), ours), (tensor.name, index)
        shown = page.inner_text("[data-role=result]").replace("−", "-").removeprefix("= ")
        assert float(shown) == float(result)
        if tensor.formula is None:
            continue
        where = page.locator(".formula[data-role=numbers]")
        found = value(json.loads(where.get_attribute("data-tree")), one.dtype)
        formulas_seen += 1
        if hasattr(found, "bound"):
            bounds = Bounds(np.asarray(found.value), np.asarray(found.bound, np.float64))
            assert fits(ours, bounds).all(), (tensor.name, index, found)
        else:
            assert float(found) == float(ours)
        for part in where.locator(".part").all():
            q, i = part.get_attribute("data-q"), part.get_attribute("data-i")
            place = tuple(map(int, i.split(","))) if i else ()
            printed = part.text_content().replace("−", "-")
            assert float(ours.dtype.type(printed)) == float(one.number(step, q, place)) or (
                float(printed) == float(one.number(step, q, place))
            )
        links = page.locator("#card a.part[data-q]")
        if count := links.count():
            link = links.nth(int(rng.integers(count)))
            wanted = [link.get_attribute("data-q"), link.get_attribute("data-i")]
            link.click()
            name_now, *index_now = window.card()
            assert [name_now, ",".join(map(str, index_now))] == wanted
    assert formulas_seen > DRAWN / 2


def test_tensorflows_number_is_the_one_that_was_computed(made, opened):
    from tftwin.microscope.twin import add_twin

    one = made["deep"]
    add_twin(one.model, one.state, one.batches, one.numbers, "function")
    window, rng = opened(one.path), np.random.default_rng(5)
    for _ in range(60):
        step, tensor, index = one.drawn(rng)
        if tensor.name not in one.numbers[step].theirs or tensor.kind == "scalar":
            continue
        window.show(step, tensor.name, index)
        theirs = one.numbers[step].theirs[tensor.name][tuple(index)]
        shown = window.page.get_attribute("[data-role=tensorflow]", "data-value")
        assert np.float32(shown) == theirs, tensor.name
        allowed = float(window.page.get_attribute("[data-role=allowed]", "data-value"))
        bound = float(one.numbers[step].bounds[tensor.name][tuple(index)])
        if 0 < bound < np.inf:
            kept = 2 * 2.0 ** (np.ceil(STEPS_OF_LOG * np.log2(bound)) / STEPS_OF_LOG)
            assert abs(allowed - kept) <= 2 * np.spacing(kept)  # two powers, each to its last bit
        else:
            assert allowed == 2 * bound


def test_what_does_not_exist_yet_is_empty(made, opened):
    window = opened(made["deep"].path)
    for phase, filled, empty in (
        ("forward", "y4", "dW1"), ("loss", "p", "dy4"), ("backward", "dW1", "W1'"),
    ):  # fmt: skip
        window.show(1, "y1", [0, 0], phase)
        cells = window.page.locator(f'#bands td[data-q="{filled}"]')
        assert all(text for text in cells.all_inner_texts())
        window.show(1, empty, [0] * (1 if empty == "p" else 2), phase)
        assert "does not exist yet" in window.page.inner_text("#card")
    window.show(1, "y1", [0, 0], "forward")
    assert set(window.page.locator('#bands td[data-q="dW1"]').all_inner_texts()) == {""}


def test_the_keyboard_is_enough(made, opened):
    window = opened(made["deep"].path)
    page, press = window.page, window.page.keyboard.press
    for _ in range(40):
        press("Tab")
        if page.evaluate("document.activeElement.matches('td[data-q=W1]')"):
            break
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Enter"):
        press(key)
    assert window.card() == ["W1", 1, 2]
    press("]")
    assert page.inner_text("#step-text") == "step 2 of 4"
    assert window.card() == ["W1", 1, 2]
    page.locator("#card a.part").first.focus()
    press("Enter")
    assert window.card() == ["W1'", 1, 2]  # made in the step before
    press("Backspace")
    assert window.card() == ["W1", 1, 2]
    press("1")
    assert page.get_attribute("[data-phase=forward]", "aria-pressed") == "true"
    press("Escape")
    assert page.evaluate("view.q") is None


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", MODELS)
def test_nothing_scrolls_sideways(made, opened, name, width):
    for scheme in ("light", "dark"):
        window = opened(
            made[name].path, viewport={"width": width, "height": 800}, color_scheme=scheme
        )
        for q, index in ((None, ()), ("W1", (0, 0)), ("dW1", (0, 0)), ("data", ())):
            if q:
                window.show(1, q, index)
            assert window.page.evaluate("document.documentElement.scrollWidth") <= width
        ground = window.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") == (scheme == "light")


def test_forced_colours_keep_the_cells_readable(made, opened):
    window = opened(made["iris"].path, forced_colors="active")
    assert window.page.evaluate("matchMedia('(forced-colors: active)').matches")
    ink, ground = window.page.evaluate(
        "(() => { const s = getComputedStyle(document.querySelector('td[data-q=W1]'));"
        " return [s.color, s.backgroundColor] })()"
    )
    assert ink != ground


class Faulty(Tanh):
    """tanh' wrong in one unit."""

    def backward(self, dy, x, y):
        return super().backward(dy, x, y) * np.array([1, 1, 1.5, 1, 1], y.dtype)

    def tensorflow(self, x):
        import tensorflow as tf

        return tf.tanh(x)


def test_a_planted_fault_turns_its_cells_red_and_no_other(tmp_path, opened):
    model = Model(multilayer([4, 5, 3], Faulty()), SoftmaxCrossentropy(), Adam(0.01))
    one = Made(tmp_path, "red", model)
    window = opened(one.path)
    for row in (0, 7):
        window.show(2, "y1", [row, 0])
        red = window.page.eval_on_selector_all(
            "#bands td.wrong", "cells => cells.map(c => [c.dataset.q, c.dataset.i])"
        )
        assert red == [["dy1", f"{row},2"]]
    assert "numbers are not TensorFlow's: dy1[" in window.page.inner_text("#twin")
    window.page.click("#twin .wrong-note .part")
    assert window.card()[0] == "dy1"
    assert "not what TensorFlow makes" in window.page.inner_text("#card")


def test_a_prediction_is_answered_and_a_known_mistake_is_named(made, opened):
    one, window = made["deep"], opened(made["deep"].path)
    page = window.page
    page.click("#predict")
    known = mistakes(one.model, one.numbers[1], 1)
    named = 0
    for name in ("dy1", "dW5", "dy5", "W3'", "y1"):
        for flat, said in known.get(name, {}).items():
            shape = one.numbers[1].ours[name].shape
            index = [int(i) for i in np.unravel_index(int(flat), shape)]
            right = float(one.number(1, name, index))
            window.show(1, name, index)
            assert page.locator("[data-role=result]").count() == 0
            for given, answer in ((f"{right:.3g}", "Right."), (f"{right * 3.7:.3g}", None)):
                page.fill("#prediction input", given)
                page.click("#prediction button >> nth=0")
                text = page.inner_text("#verdict")
                assert (text == "Right.") == (answer == "Right."), (name, given, text)
            wrong = next((v for v, _ in said if abs(v / right - 1) > 0.01 and v), None)
            if wrong is None or f"{wrong:.3g}" == f"{-right:.3g}":
                continue
            page.fill("#prediction input", f"{wrong:.3g}")
            page.click("#prediction button >> nth=0")
            assert "a known mistake gives" in page.inner_text("#verdict"), (name, wrong)
            named += 1
    assert named > 5
    page.click("#reveal")
    assert page.locator("[data-role=result]").count() == 1


def test_five_questions_of_a_learner_take_three_clicks(made, opened):
    """Each list is what is clicked, and then what stands on the card."""
    deep, dead = made["deep"], made["dots"]
    window = opened(deep.path)
    page = window.page
    page.click('#bands td[data-q="dW3"][data-i="3,7"]')  # why is dW3[3, 7] this number?
    assert page.locator("#card .sum tbody tr").count() == 32
    window = opened(deep.path)
    window.page.click("#next")  # what did Adam do to b1[0] in step 2?
    window.page.click('#bands td[data-q="b1"][data-i="0"]')
    heads = window.page.locator("#card .optimizer th").all_inner_texts()
    assert heads == ["w", "g", "m", "m '", "m̂", "v", "v '", "v̂", "√v̂+ε", "Δ", "w'"]
    window.page.click("#twin .part")  # where does TensorFlow differ?
    assert "ulp" in window.page.inner_text("#card .twin")
    window.page.click("#close")
    window.page.click('#bands td[data-q="W1"][data-i="1,2"]')  # what would SGD have done?
    step = int(window.page.evaluate("view.step"))
    w, g = deep.number(step, "W1", (1, 2)), deep.number(step, "dW1", (1, 2))
    shown = window.page.get_attribute("[data-role=sgd]", "data-value")
    assert np.float32(shown) == w - np.float32(0.01) * g
    window = opened(dead.path)  # why is this unit dead?
    cells = window.page.locator("#bands td.dead[data-q=y2]")
    units = [int(c.get_attribute("data-i").split(",")[1]) for c in cells.all()]
    ours = dead.numbers[0].ours["y2"]
    assert units == np.flatnonzero((ours == 0).all(axis=0)).tolist()
    if units:
        cells.first.click()
        assert "0 in all 32 rows" in window.page.inner_text("#card .dead-note")


def test_a_large_layer_is_a_heat_map_with_a_lens(tmp_path, opened):
    model = Model(multilayer([4, 300, 3], Tanh()), SoftmaxCrossentropy(), Adam(0.01))
    one = Made(tmp_path, "wide", model, count=1)
    window = opened(one.path)
    canvas = window.page.locator('canvas[data-map="W1"]').first
    assert "mean of 3 × 3 numbers" in canvas.locator("xpath=..").inner_text()
    canvas.focus()
    for _ in range(6):
        window.page.keyboard.press("ArrowRight")
    lens = canvas.locator("xpath=..").locator(".lens")
    assert "W1[0, 6]" in lens.inner_text()
    window.page.keyboard.press("Enter")
    assert window.card() == ["W1", 0, 6]
    ours = one.number(0, "W1", (0, 6))
    assert np.float32(window.page.get_attribute("[data-role=result]", "data-value")) == ours
