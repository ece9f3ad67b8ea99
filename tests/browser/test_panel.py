"""The panel and a form in JupyterLab, by mouse and by keyboard: from a wrong value to a resolved conflict."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.pages import NotebookPage, notebook_of, theme
from workbench import Session
from workbench.examples.bank import Deposit, bank

OPENING = """\
from workbench import Workbench
from workbench.examples.bank import *
wb = Workbench(bank, dsn={dsn!r}, user='ada')"""


async def opened(open_page: OpenPage, lab: str, dsn: str, name: str, *cells: str, width: int = 1280) -> NotebookPage:
    """A notebook whose first cell opens a workbench on the test's database; all cells were run."""
    notebook = await open_page(lab, name, notebook_of(OPENING.format(dsn=dsn), *cells), width=width)
    await notebook.run_all()
    return notebook


async def until(what: Callable[[], Any]) -> None:
    """Waits until something is so, for ten seconds."""
    for _ in range(100):
        if await what():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it did not come to that")


async def test_a_form(lab: str, open_page: OpenPage, dsn: str) -> None:
    """A wrong value is said beneath its field while one types; a right one is issued by Enter, and the outcome and the
    code are below."""
    notebook = await opened(open_page, lab, dsn, "form.ipynb", "ada = wb.issue(OpenAccount(owner='Ada'))",
                            "wb.form(Deposit, on=ada)")
    form = notebook.find(".wb-form")
    amount = form.locator(".wb-field-amount input")
    await amount.fill("ten")
    await amount.press("Tab")
    await expect(form).to_contain_text("is not a Decimal")
    await amount.fill("12.50")
    await amount.press("Enter")
    await expect(form.locator(".wb-outcome")).to_contain_text("Deposited")
    await expect(form.locator(".wb-code")).to_contain_text("wb.issue('bank:deposit'")
    await notebook.run("print('balance', wb.items('account')['balance'].tolist())")
    await expect(notebook.find(".jp-Cell").last).to_contain_text("balance [Decimal('12.50')]")
    assert await notebook.faults(".wb-form") == []
    assert await notebook.errors() == []


async def test_a_panel(lab: str, open_page: OpenPage, dsn: str, admin: asyncpg.Connection) -> None:
    """A command is issued, the plan moves, it is checked and committed after a confirmation; a rival's change becomes a
    conflict that is resolved; a cell's issue is seen at once, and undone; a branch is made and left."""
    notebook = await opened(open_page, lab, dsn, "panel.ipynb", "wb.panel()")
    panel = notebook.find(".wb-panel")
    await panel.locator(".wb-search input").fill("open")
    await panel.locator(".wb-search input").press("Tab")
    await panel.locator(".wb-form .wb-field-owner input").fill("Ada")
    await panel.locator(".wb-form .wb-issue").click()
    await expect(panel.locator(".wb-plan")).to_contain_text("1 to add")
    await panel.locator("button.wb-check").click()
    await expect(panel).to_contain_text("no violation")
    await panel.locator("button.wb-commit").click()
    await expect(panel.locator(".wb-confirm")).to_be_visible()
    await panel.locator(".wb-confirm").click()
    await expect(panel.locator(".wb-plan")).to_contain_text("0 to add")
    account = await admin.fetchval("SELECT _id FROM bank_account")
    await notebook.run(f"_ = wb.issue(Deposit(amount=5), on='account/{account}')")
    await expect(panel.locator(".wb-plan")).to_contain_text("1 to change")
    async with Session(bank, dsn=dsn, user="rival") as rival:
        await rival.issue(Deposit(amount=1), on=f"account/{account}")
        await rival.commit()
    await panel.locator("button.wb-commit").click()
    await panel.locator(".wb-confirm").click()
    await expect(panel.locator(".wb-conflict")).to_contain_text("theirs")
    await notebook.keep("panel-conflict")
    await panel.locator("button.wb-rebase").click()
    await expect(panel.locator(".wb-conflict")).to_be_hidden()
    await panel.locator("button.wb-commit").click()
    await expect(panel.locator(".wb-confirm")).to_be_focused()
    await notebook.page.keyboard.press("Enter")

    async def committed() -> bool:
        return bool(await admin.fetchval("SELECT balance FROM bank_account") == 6)

    await until(committed)
    for name in ("JupyterLab Dark", "JupyterLab Light"):
        await theme([notebook], name)
        await notebook.keep(f"panel-{name[-5:].strip()}")
        assert await notebook.faults(".wb-panel") == []
    assert await notebook.errors() == []
