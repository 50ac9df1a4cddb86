"""The guide's page in a browser, and the two ways between a formula and its numbers."""

import re

import pytest

from tests.guide.equations import EQUATIONS
from tftwin.__main__ import main
from tftwin.guide.texts import LANGUAGES

RULES = ("adam:learning_rate=0.01", "nesterov:learning_rate=0.1")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Both guides, each with a page of the microscope that it links to."""
    folder, found = tmp_path_factory.mktemp("guide"), {}
    for language, rule in zip(LANGUAGES, RULES, strict=True):
        numbers, guide = folder / f"numbers-{language}.html", folder / f"{language}.html"
        made = ["microscope", "--no-tensorflow", "--steps", "2", "--layers", "5", "4", "--l2",
                "0.01", "--dropout", "0.2", "--optimizer", rule,
                "--html", str(numbers)]  # fmt: skip
        assert main(made) == 0
        options = ["--language", language, "--output", str(guide), "--microscope", str(numbers)]
        assert main(["guide", *options]) == 0
        found[language] = guide, numbers
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [1280, 400])
def test_it_is_readable_at_each_width_and_in_the_dark(pages, opened, language, width):
    guide, _ = pages[language]
    for scheme in ("light", "dark"):
        window = opened(
            guide, "main", viewport={"width": width, "height": 800}, color_scheme=scheme
        )
        page = window.page
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
        ink, code = page.evaluate(
            "(() => { const s = getComputedStyle(document.querySelector('pre'));"
            " return [s.color, s.backgroundColor] })()"
        )
        assert len({ink, code, ground}) == 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_label_is_there_and_each_formula_is_drawn(pages, opened, language):
    page = opened(pages[language][0], "main").page
    boxes = page.eval_on_selector_all(
        "figure.box",
        "all => all.map(f => [f.id, f.querySelector('figcaption').innerText,"
        " f.querySelector('math').getBoundingClientRect().height])",
    )
    assert [name for name, _, _ in boxes] == list(EQUATIONS)
    for name, text, height in boxes:
        assert text.startswith(name)
        assert "refnn/" in text
        assert height > 12, name
    unknown = page.evaluate(
        "[...document.querySelectorAll('math *')].filter(e => !(e instanceof MathMLElement)).length"
    )
    assert unknown == 0


def test_an_answer_opens_by_keyboard(pages, opened):
    page = opened(pages["en"][0], "main").page
    page.locator("summary").first.focus()
    assert page.locator("details[open]").count() == 0
    page.keyboard.press("Enter")
    assert page.locator("details[open]").count() == 1


def test_printed_it_is_on_white_with_its_answers(pages, opened):
    page = opened(pages["en"][0], "main", color_scheme="dark").page
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("details p").first.is_visible()
    assert len(page.pdf(format="A4")) > 50_000


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_link_of_a_formula_opens_its_card(pages, browser, language):
    """A click leads to the other page, and to a number with this formula."""
    guide, numbers = pages[language]
    page, errors = browser.new_page(), []
    page.on("console", lambda m: m.type in ("error", "warning") and errors.append(m.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"file://{guide}")
    names = page.eval_on_selector_all("figcaption a", "all => all.map(a => a.innerText)")
    assert len(names) > 12
    for name in names:
        page.goto(f"file://{guide}#{name}")
        page.click(f"#{name} figcaption a")
        page.wait_for_selector("body[data-ready]", state="attached")
        assert page.url.startswith(f"file://{numbers}#step=1&q=")
        assert name in page.locator("#card .equation code").all_inner_texts()
        assert page.locator(f"#card .box.this[data-formula={name}]").count() == 1
        assert page.locator("#card [data-role=result]").count() == 1
        assert page.locator("#card .why").count() == 1
    page.close()
    assert errors == []


def test_an_address_with_an_id_opens_a_card_and_an_unknown_one_opens_none(pages, opened):
    _, numbers = pages["en"]
    window = opened(numbers, place="#eq=dense-weights")
    assert window.card() == ["dW7", 0, 0]
    page = window.page
    page.keyboard.press("1")  # the phase in which no gradient is there yet
    page.evaluate("location.hash = '#eq=adam-step'")
    page.wait_for_function('view.q.name === "W1\'"')
    assert page.locator("#card [data-role=result]").count() == 1
    for wrong in ("#eq=nowhere", "#eq=", "#dense-weights", "#eq=%3Cb%3E"):
        assert opened(numbers, place=wrong).page.evaluate("view.q") is None


def test_a_cards_passage_opens_by_keyboard_and_stays_open(pages, opened):
    for width in (1280, 400):
        window = opened(
            pages["en"][1], place="#eq=adam-m-hat", viewport={"width": width, "height": 800}
        )
        page = window.page
        assert page.locator(".why[open]").count() == 0
        summary = page.locator("#card .why summary")
        assert re.match(r"Why\? \(guide, section \d+: \w", summary.inner_text())
        page.locator("#copy").focus()
        for _ in range(4):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.matches('.why summary')"):
                break
        page.keyboard.press("Enter")
        assert page.locator(".why[open] .passage").is_visible()
        assert page.locator(".passage .box.this figcaption").inner_text().startswith("adam-m-hat")
        page.keyboard.press("]")
        assert page.inner_text("#step-text") == "step 2 of 2"
        assert page.locator(".why[open]").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= width
