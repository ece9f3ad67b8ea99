"""One JupyterLab and one Chromium for the tests in a browser; a page and a database of its own for each test."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.browser.pages import NotebookPage
from tests.browser.servers import served

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage")
OpenPage = Callable[..., Awaitable[NotebookPage]]


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed (apt-get install chromium)")
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield opened
        await opened.close()


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of notebooks that the servers show."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="session")
def lab(root: Path, tmp_path_factory: pytest.TempPathFactory, server_dsn: str) -> Iterator[str]:
    """The address of a running server: JupyterLab, and beside it, at ``at``, Notebook 7 and Voila."""
    with served(root, tmp_path_factory.mktemp("jupyter"), server_dsn) as address:
        yield address


@pytest.fixture
async def open_page(browser: Browser, root: Path) -> AsyncIterator[OpenPage]:
    """Opens a notebook, given as its file's text, on a server; the page has the width and is closed after the test."""
    pages = []

    async def opening(address: str, name: str, notebook: str, *, width: int = 1280, at: str = "") -> NotebookPage:
        (root / name).write_text(notebook, encoding="utf-8")
        page = await browser.new_page(viewport={"width": width, "height": 1600})
        page.set_default_timeout(30_000)
        pages.append(page)
        opened = NotebookPage(page)
        await opened.open(address, name, at=at)
        return opened

    yield opening
    for page in pages:
        await page.close()
