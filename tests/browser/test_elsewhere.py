"""The panel in Notebook 7 and as an app of Voila: the same widgets, another page around them."""

from __future__ import annotations

import asyncpg
from playwright.async_api import Locator, expect

from tests.browser.conftest import OpenPage
from tests.browser.pages import notebook_of
from tests.browser.test_panel import OPENING, choose, commit


async def used(panel: Locator, admin: asyncpg.Connection) -> None:
    """Issues a command wrongly and rightly, checks, and commits."""
    await choose(panel, "open-account")
    await panel.locator(".wb-issue").click()
    await expect(panel.locator(".wb-form")).to_contain_text("required")
    await panel.locator(".wb-field-owner input").fill("Ada")
    await panel.locator(".wb-issue").click()
    await expect(panel.locator(".wb-plan")).to_contain_text("1 to add")
    await panel.locator("button.wb-check").click()
    await expect(panel.locator(".wb-plan")).to_contain_text("no violation")
    await commit(panel)
    await expect(panel.locator(".wb-status")).to_contain_text("committed: 1 added")
    assert await admin.fetchval("SELECT owner FROM bank_account") == "Ada"


async def test_in_notebook_7(lab: str, open_page: OpenPage, dsn: str, admin: asyncpg.Connection) -> None:
    """A panel and a plan are used in Notebook 7 as in JupyterLab, with no serious fault for axe-core."""
    notebook = await open_page(lab, "seven.ipynb", notebook_of(
        OPENING.format(dsn=dsn, user="ada"), "wb.panel()"), at="notebooks")
    await notebook.run_all()
    assert await notebook.errors() == []
    await used(notebook.find(".wb-panel"), admin)
    await notebook.run("_ = wb.issue(OpenAccount(owner='Bob'))\nwb.plan()")
    await expect(notebook.find(".wb-panel .wb-plan")).to_contain_text("1 to add")
    await notebook.keep("notebook-7")
    assert await notebook.faults(".wb-panel", ".jp-RenderedHTML .wb") == []


async def test_as_an_app_of_voila(lab: str, open_page: OpenPage, dsn: str, admin: asyncpg.Connection) -> None:
    """Voila shows the outputs alone, and the panel works in them."""
    app = await open_page(lab, "app.ipynb", notebook_of(
        OPENING.format(dsn=dsn, user="ada"), "wb.panel()"), at="voila/render")
    await used(app.find(".wb-panel"), admin)
    await app.keep("voila")
    assert await app.faults(".wb-panel") == []
