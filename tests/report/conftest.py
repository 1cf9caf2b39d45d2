"""A browser and pages for it: whatever a test does with a page, the page asks for nothing and complains of nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from html_reports import Opened, many, texts_in_all_places, with_outcomes

from torchfix_codemods.report.formats import writer
from torchfix_codemods.report.model import Report

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for one module of tests.

    Playwright keeps an event loop running in this thread as long as it lives: tests of other modules, which run
    programs that call `asyncio.run`, must not meet it.
    """
    names = (os.environ.get("TORCHFIX_CHROMIUM", ""), "chromium", "google-chrome", "chromium-browser")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium on this machine (name one in TORCHFIX_CHROMIUM)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Root may not use the sandbox of Chromium; the page loads nothing that would need it.
        launched = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The page of a report by its name, written once."""
    folder = tmp_path_factory.mktemp("pages")
    hostile = "</script><img src=x onerror='document.title=1'>\"\u202e\x00\ud800"
    reports: dict[str, Callable[[], Report]] = {
        "many": lambda: many(500),
        "few": lambda: many(3),
        "some": lambda: many(20),
        "hostile": lambda: texts_in_all_places(hostile, "x = '</code><script>document.title=1</script>\u202e'"),
        "empty": lambda: Report("0", 1, (), (), {}),
    }

    def file(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            text = writer("html")(*with_outcomes(reports[name]()))
            path.write_bytes(text.encode("utf-8", "backslashreplace"))
        return path

    return file


@pytest.fixture
def opened(browser: Browser, files: Callable[[str], Path]) -> Iterator[Callable[..., Opened]]:
    """Opens a page; whatever is done with it, it asks for nothing but itself and complains of nothing."""
    pages: list[Opened] = []

    def open_page(name: str, **options: object) -> Opened:
        context = browser.new_context(offline=True, **options)  # type: ignore[arg-type]
        one = Opened(context.new_page())
        one.page.set_default_timeout(20_000)
        one.page.on("request", lambda request: one.requests.append(request.url))
        one.page.on("requestfailed", lambda request: one.complaints.append(request.url))
        one.page.on("console", lambda message: one.complaints.append(message.text))
        one.page.on("pageerror", lambda error: one.complaints.append(str(error)))
        one.page.on("dialog", lambda dialog: one.complaints.append(dialog.message))
        one.page.goto(files(name).as_uri())
        pages.append(one)
        return one

    yield open_page
    for one in pages:
        assert [url for url in one.requests if url.partition("#")[0] != one.page.url.partition("#")[0]] == []
        assert one.complaints == []
        one.page.context.close()
