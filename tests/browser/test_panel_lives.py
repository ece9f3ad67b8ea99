"""What happens to an open panel in JupyterLab: two at once, cells that run again, interrupts, a branch, a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.pages import NotebookPage
from tests.browser.test_panel import commit, go, opened

COMMAND = "name => (window.jupyterapp || window.jupyterlab).commands.execute(name)"


@asynccontextmanager
async def locked(admin: asyncpg.Connection) -> AsyncIterator[None]:
    """While somebody holds the table a commit takes long."""
    async with admin.transaction():
        await admin.execute("LOCK TABLE bank_account")
        yield


async def shows(notebook: NotebookPage, source: str) -> str:
    """What an expression is in the kernel."""
    await notebook.run(f"print({source})")
    return (await notebook.printed()).strip()


async def test_an_open_panel(lab: str, open_page: OpenPage, dsn: str, admin: asyncpg.Connection) -> None:
    """Two panels after Run All show the same, whoever issued it, and what a cell defines; a commit that takes long is
    cancelled by its button and by the kernel's interrupt, a cell's as well, and both panels work on; one whose cell ran
    again follows no more; after a restart the old ones say so, and new ones work."""
    notebook = await opened(open_page, lab, dsn, "lives.ipynb", "one = wb.panel(); one", "wb.panel()",
                            "ada = wb.issue(OpenAccount(owner='Ada'))")
    first, second = notebook.find(".wb-panel").first, notebook.find(".wb-panel").nth(1)
    for panel in (first, second):
        await expect(panel.locator(".wb-plan")).to_contain_text("1 to add")
    await go(second, "Steps").click()
    await second.locator(".wb-undo").click()
    await expect(first.locator(".wb-plan")).to_contain_text("Nothing to do.")
    await second.locator(".wb-redo").click()
    await expect(first.locator(".wb-plan")).to_contain_text("1 to add")

    await notebook.run("@bank.command(on=Account)\nclass CallIt(Command):\n    name = field(str)")
    for panel in (first, second):
        await expect(panel.locator(".wb-command option", has_text="bank:call-it")).to_have_count(1)

    async with locked(admin):
        for end in ("button", "interrupt", "button", "interrupt"):      # the second time by another thread
            await commit(first)
            await expect(first.locator(".wb-progress")).to_contain_text("working")
            if end == "button":
                await first.locator(".wb-progress button").click()
            else:
                await notebook.page.evaluate(COMMAND, "kernelmenu:interrupt")
            await expect(first.locator(".wb-progress")).to_have_count(0)
            await expect(first.locator(".wb-status")).to_contain_text("nothing was")
        await notebook.start("wb.commit()")
        await notebook.find(".jp-Cell").last.locator(".wb-progress").wait_for()
        await notebook.page.evaluate(COMMAND, "kernelmenu:interrupt")
        await notebook.idle()
        assert [error.partition(":")[0] for error in await notebook.errors()] == ["KeyboardInterrupt"]
    await go(second, "Plan").click()
    await commit(second)
    await expect(second.locator(".wb-status")).to_contain_text("committed: 1 added")
    await expect(first.locator(".wb-plan")).to_contain_text("Nothing to do.")

    await notebook.run("old = one; ended = len(get_ipython().events.callbacks['post_run_cell'])")
    await notebook.run_cell(1)
    assert await shows(notebook, "old.watches, one.watches") == "False True"
    # Neither the panel nor the form in it: else there were more with every run.
    assert await shows(notebook, "len(get_ipython().events.callbacks['post_run_cell']) - ended") == "0"

    await notebook.restart()
    for panel in (first, second):
        await expect(panel.locator("> .wb-gone")).to_be_visible()
        await expect(panel.locator("> .wb-gone")).to_contain_text("The kernel was restarted or is gone")
        await expect(panel.locator(".wb-form > .wb-gone")).to_be_hidden()       # it is said once
    await notebook.keep("panel-restarted")
    await notebook.run_all()
    await notebook.run("_ = wb.issue(OpenAccount(owner='Eve'))")
    await expect(first.locator(".wb-plan")).to_contain_text("1 to add")
    await expect(first.locator("> .wb-gone")).to_be_hidden()


async def test_a_merge_is_decided(lab: str, open_page: OpenPage, dsn: str) -> None:
    """A branch that changed the same items is merged from the panel, item by item."""
    notebook = await opened(
        open_page, lab, dsn, "branch.ipynb", "wb.panel()",
        "ada, bob = [wb.issue(OpenAccount(owner=name)) for name in ('Ada', 'Bob')]\n"
        "with wb.branch('what if'):\n    _ = [wb.issue(Deposit(amount=2), on=one) for one in (ada, bob)]\n"
        "_ = [wb.issue(Deposit(amount=1), on=one) for one in (ada, bob)]")
    panel = notebook.find(".wb-panel")
    await go(panel, "Steps").click()
    await panel.locator(".wb-branch-merge").click()
    await expect(panel.locator(".wb-conflict")).to_contain_text("Conflict with the branch 'what if' on 2 items")
    await panel.locator(".wb-conflict .wb-theirs").first.click()
    await expect(panel.locator(".wb-conflict")).to_contain_text("1 decided")
    await expect(panel.locator(".wb-conflict .wb-mine")).to_be_focused()
    await notebook.page.keyboard.press("Enter")
    await expect(panel.locator(".wb-status")).to_contain_text("merged 'what if', as decided")
    assert await shows(notebook, "sorted(map(int, wb.items('account')['balance']))") == "[1, 2]"
