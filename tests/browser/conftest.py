"""A real browser: Debian's Chromium, driven by Playwright; without either, a reason to skip."""

import shutil

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no Playwright: pip install -e '.[browser]'"
    )
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        found = driver.chromium.launch(executable_path=CHROMIUM, args=options)
        yield found
        found.close()


class Opened:
    """A page in the browser, with everything that it complained of or asked for."""

    def __init__(self, page, path, ready="body[data-ready]", place=""):
        self.page, self.path, self.errors, self.requests = page, path, [], []
        page.on("console", lambda m: m.type in ("error", "warning") and self.errors.append(m.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(f"file://{path}{place}")
        page.wait_for_selector(ready, state="attached")

    def show(self, step, name, index, phase="update"):
        """Open a card by its address; the page draws at once."""
        place = ",".join([name, *map(str, index)])
        given = {"step": step + 1, "place": place, "phase": phase}
        self.page.evaluate(
            "g => { location.hash = `#step=${g.step}&q=${encodeURIComponent(g.place)}"
            "&phase=${g.phase}`; readAddress(); draw(); }",
            given,
        )

    def card(self):
        """Return name and index of the open card."""
        return self.page.evaluate("[view.q.name, ...view.q.index]")


@pytest.fixture
def opened(browser):
    """Open a page in a fresh window; afterwards it must have been silent."""
    windows = []

    def opener(path, ready="body[data-ready]", place="", **options):
        page = browser.new_page(**({"viewport": {"width": 1280, "height": 900}} | options))
        windows.append(Opened(page, path, ready, place))
        return windows[-1]

    yield opener
    for one in windows:
        assert one.errors == []
        asked = {r.partition("#")[0] for r in one.requests}
        assert asked <= {f"file://{one.path}", "data:,"}
        one.page.close()
