"""The panel in JupyterLab: by mouse, by keyboard alone, with a rival in a second kernel, in all its looks.

How it lives on through interrupts and restarts is in ``test_panel_lives``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
from playwright.async_api import Locator, expect

from tests.browser.conftest import OpenPage
from tests.browser.pages import NotebookPage, notebook_of, theme

OPENING = """\
from workbench import Workbench
from workbench.examples.bank import *
wb = Workbench(bank, dsn={dsn!r}, user={user!r})"""
TABS = ("Plan", "Items", "Steps", "Map")


async def opened(
    open_page: OpenPage, server: str, dsn: str, name: str, *cells: str, user: str = "ada", width: int = 1280,
) -> NotebookPage:
    """A notebook whose first cell opens a workbench on the test's database; all cells were run."""
    notebook = await open_page(server, name, notebook_of(OPENING.format(dsn=dsn, user=user), *cells), width=width)
    await notebook.run_all()
    assert await notebook.errors() == []
    return notebook


async def until(what: Callable[[], Any]) -> None:
    """Waits until something is so, for twenty seconds."""
    for _ in range(200):
        if await what():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it did not come to that")


def go(panel: Locator, tab: str) -> Locator:
    """The head of a tab, to be clicked."""
    return panel.locator(".lm-TabBar-tab", has_text=tab)


async def choose(panel: Locator, part: str) -> None:
    """Searches the command whose name has a part, and waits for its form."""
    await panel.locator(".wb-search input").fill(part)
    await panel.locator(".wb-search input").press("Tab")
    await expect(panel.locator(".wb-command option")).to_have_count(1)
    await expect(panel.locator(".wb-form")).to_contain_text(part)


async def commit(panel: Locator) -> None:
    """Commits by mouse: asked, and answered."""
    await panel.locator("button.wb-commit").click()
    await expect(panel.locator(".wb-plan")).to_contain_text("Write this to the database?")
    await panel.locator(".wb-confirm").click()


async def test_by_mouse(lab: str, open_page: OpenPage, dsn: str, admin: asyncpg.Connection) -> None:
    """A form is filled in wrongly and rightly, the plan moves, is checked and committed after a confirmation; each way
    out of a conflict with a second kernel does what it says; undo, redo, a branch, and back."""
    notebook = await opened(open_page, lab, dsn, "panel.ipynb", "wb.panel()")
    rival = await opened(open_page, lab, dsn, "rival.ipynb", user="bob")
    panel = notebook.find(".wb-panel")
    await choose(panel, "open-account")
    await panel.locator(".wb-issue").click()
    await expect(panel.locator(".wb-form")).to_contain_text("required")
    await panel.locator(".wb-field-owner input").fill("Ada")
    await panel.locator(".wb-issue").click()
    await expect(panel.locator(".wb-outcome")).to_contain_text("AccountOpened")
    await expect(panel.locator(".wb-plan")).to_contain_text("1 to add")
    await panel.locator("button.wb-check").click()
    await expect(panel.locator(".wb-plan")).to_contain_text("no violation")
    await commit(panel)
    await expect(panel.locator(".wb-status")).to_contain_text("committed: 1 added")
    account = await admin.fetchval("SELECT _id FROM bank_account")
    await choose(panel, "deposit")
    await panel.locator(".wb-on input").fill(f"account/{account}")
    amount = panel.locator(".wb-field-amount input")
    await amount.fill("ten")
    await amount.press("Tab")
    await expect(panel.locator(".wb-form")).to_contain_text("is not a Decimal")
    await amount.fill("10")
    for way, balance in (("mine", 10), ("rebase", 21), ("theirs", 22)):
        await panel.locator(".wb-issue").click()
        await expect(panel.locator(".wb-plan")).to_contain_text("1 to change")
        await rival.run(f"_ = wb.refresh('account'), wb.issue(Deposit(amount=1), on='account/{account}'), wb.commit()")
        assert await rival.errors() == []
        await commit(panel)
        await expect(panel.locator(".wb-conflict")).to_contain_text("✗ balance")
        await notebook.keep(f"panel-conflict-{way}")
        await panel.locator(f".wb-conflict .wb-{way}").click()
        await expect(panel.locator(".wb-conflict")).to_be_hidden()
        if way != "theirs":     # else there is nothing left to write
            await commit(panel)
            await expect(panel.locator(".wb-status")).to_contain_text("committed: 0 added, 1 changed")
        assert await admin.fetchval("SELECT balance FROM bank_account") == balance
    await panel.locator(".wb-issue").click()
    await expect(panel.locator(".wb-plan")).to_contain_text("balance: 22 → 32")
    await admin.execute("UPDATE bank_account SET owner = 'Eve', _etag = 'moved'")
    await commit(panel)
    await panel.locator(".wb-conflict .wb-merge").click()
    await expect(panel.locator(".wb-conflict")).to_be_hidden()
    await go(panel, "Steps").click()
    await panel.locator(".wb-undo").click()
    await expect(panel.locator(".wb-status")).to_contain_text("undone: step")
    await panel.locator(".wb-redo").click()
    await expect(panel.locator(".wb-status")).to_contain_text("redone: step")
    await panel.locator(".wb-branch-name input").fill("what if")
    await panel.locator(".wb-branch-name input").press("Tab")
    await panel.locator(".wb-branch-make").click()
    await expect(panel.locator(".wb-status")).to_contain_text("on <branch 'what if'")
    await panel.locator(".wb-issue").click()
    await expect(panel).to_contain_text("5 steps pending")
    await panel.locator(".wb-branch select").select_option("main")
    await expect(panel.locator(".wb-status")).to_contain_text("on <branch 'main'")
    await panel.locator(".wb-branch-merge").click()
    await expect(panel.locator(".wb-status")).to_contain_text("merged 'what if' into 'main'")
    await commit_from(panel)
    assert await admin.fetchrow("SELECT owner, balance FROM bank_account") == ("Eve", 42)
    assert await notebook.errors() == []


async def commit_from(panel: Locator) -> None:
    """Commits what is pending, from whatever tab is open."""
    await go(panel, "Plan").click()
    await commit(panel)
    await expect(panel.locator(".wb-status")).to_contain_text("committed")


async def test_by_keyboard(lab: str, open_page: OpenPage, dsn: str, admin: asyncpg.Connection) -> None:
    """All of it goes without a mouse: Tab leads on in the order in which one reads, Enter issues and presses, the
    confirmation and the ways out of a conflict have the keyboard when they come."""
    notebook = await opened(open_page, lab, dsn, "keys.ipynb", "wb.panel()")
    panel, keys = notebook.find(".wb-panel"), notebook.page.keyboard
    await panel.locator(".wb-search input").focus()
    await notebook.tab_to(".wb-command select")
    for key in ("Space", "ArrowDown", "ArrowDown", "Enter"):
        await keys.press(key)
    await expect(panel.locator(".wb-form")).to_contain_text("withdraw")
    await notebook.tab_to(".wb-search input", back=True)
    await keys.type("open-account")
    await keys.press("Tab")
    await expect(panel.locator(".wb-form")).to_contain_text("open-account")
    await notebook.tab_to(".wb-field-owner input")
    await keys.type("Ada Lovelace of London")       # faster than the front end sends it
    await keys.press("Enter")
    await expect(panel.locator(".wb-outcome")).to_contain_text("AccountOpened owner='Ada Lovelace of London'")
    await expect(panel.locator(".wb-plan")).to_contain_text("1 to add")
    await notebook.tab_to(".wb-check")
    await keys.press("Enter")
    await expect(panel.locator(".wb-plan")).to_contain_text("no violation")
    await notebook.tab_to(".wb-commit")
    await keys.press("Enter")
    await expect(panel.locator(".wb-confirm")).to_be_focused()
    await notebook.tab_to(".wb-cancel")
    await keys.press("Enter")
    await expect(panel.locator("button.wb-commit")).to_be_focused()
    await keys.press("Enter")
    await expect(panel.locator(".wb-confirm")).to_be_focused()
    await keys.press("Enter")
    await expect(panel.locator(".wb-status")).to_contain_text("committed: 1 added")
    account = await admin.fetchval("SELECT _id FROM bank_account")
    await notebook.run(f"_ = wb.issue(Deposit(amount=5), on='account/{account}')")
    await admin.execute("UPDATE bank_account SET balance = 1, _etag = 'moved'")
    await panel.locator("button.wb-commit").focus()
    await keys.press("Enter")
    await expect(panel.locator(".wb-confirm")).to_be_focused()
    await keys.press("Enter")
    await expect(panel.locator(".wb-conflict .wb-mine")).to_be_focused()
    await notebook.tab_to(".wb-rebase")
    await notebook.keep("panel-keyboard")
    await keys.press("Enter")
    await expect(panel.locator(".wb-conflict")).to_be_hidden()
    await expect(panel.locator(".wb-plan")).to_contain_text("balance: 1 → 6")
    await panel.locator(".lm-TabBar-tab.lm-mod-current").focus()
    await keys.press("ArrowRight")
    await keys.press("ArrowRight")
    await keys.press("Enter")
    await notebook.tab_to(".wb-undo")
    await keys.press("Enter")
    await expect(panel.locator(".wb-status")).to_contain_text("undone: step")
    await notebook.tab_to(".wb-redo")
    await keys.press("Enter")
    await expect(panel.locator(".wb-status")).to_contain_text("redone: step")
    await notebook.tab_to(".wb-branch-name input")
    await keys.type("what if")
    await notebook.tab_to(".wb-branch-make")
    await keys.press("Enter")
    await expect(panel.locator(".wb-status")).to_contain_text("on <branch 'what if'")
    await notebook.tab_to(".wb-branch select", back=True)
    for key in ("Space", "ArrowUp", "Enter"):       # JupyterLab takes the arrows for itself, but for an open list
        await keys.press(key)
    await expect(panel.locator(".wb-status")).to_contain_text("on <branch 'main'")


async def test_its_looks(lab: str, open_page: OpenPage, dsn: str) -> None:
    """In both themes, wide and narrow, nothing is wider than its place, and the map is as large as it was drawn; each
    tab and both conflicts show without a serious fault for axe-core."""
    notebook = await opened(
        open_page, lab, dsn, "looks.ipynb", "panel = wb.panel(); panel",
        "names = ['Ada', 'a long name, ' * 20, '<b>Eve</b>', *map(str, range(25))]\n"
        "ada, *others = [wb.issue(OpenAccount(owner=name)) for name in names]\nwb.commit()\n"
        "with wb.branch('what if'):\n    _ = [wb.issue(Deposit(amount=2), on=one) for one in (ada, others[0])]\n"
        "_ = [wb.issue(Deposit(amount=1), on=one) for one in (ada, others[0])]\n"
        "def merge():\n    try:\n        wb.merge('what if')\n    except Exception:\n        pass\n"
        "def rival():\n    bob = wb.rival('bob')\n    bob.issue(Deposit(amount=5), on=ada.target)\n    bob.commit()\n"
        "    try:\n        wb.commit()\n    except Exception:\n        pass")
    panel = notebook.find(".wb-panel")
    await choose(panel, "pay")
    await panel.locator(".wb-issue").click()
    for width in (1280, 800):
        await notebook.page.set_viewport_size({"width": width, "height": 1600})
        for name in ("JupyterLab Dark", "JupyterLab Light"):
            await theme([notebook], name)
            for tab in TABS:
                await go(panel, tab).click()
                await expect(panel.locator(".lm-TabBar-tab.lm-mod-current")).to_have_text(tab)
                await notebook.keep(f"panel-{width}-{name[-5:].strip()}-{tab}")
                assert await panel.evaluate("e => e.scrollWidth - e.clientWidth") <= 1
                if tab == "Map":
                    small = "e => e.viewBox.baseVal.width - e.getBoundingClientRect().width"
                    assert await panel.locator(".wb-map svg").evaluate(small) <= 1
                if width == 1280:
                    assert await notebook.faults(".wb-panel") == []
    for conflict in ("merge", "rival"):
        await notebook.run(f"{conflict}()")
        await expect(panel.locator(".wb-conflict")).to_contain_text("branch" if conflict == "merge" else "pending")
        await notebook.keep(f"panel-800-conflict-{conflict}")
        assert await notebook.faults(".wb-conflict") == []
    assert await notebook.errors() == []
