"""A notebook without a kernel: saved by JupyterLab, exported to HTML, opened without a network."""

from __future__ import annotations

from pathlib import Path

from nbconvert import HTMLExporter
from playwright.async_api import Browser, expect

from tests.browser.conftest import OpenPage
from tests.browser.pages import NotebookPage
from tests.browser.test_panel import opened


async def test_a_static_export(lab: str, open_page: OpenPage, browser: Browser, root: Path, dsn: str) -> None:
    """Step, plan, panel, map and conflict are there to be read, though no script of another host can be had."""
    notebook = await opened(
        open_page, lab, dsn, "export.ipynb", "ada = wb.issue(OpenAccount(owner='Ada <b>'))\nada", "wb.plan()",
        "wb.panel()", "wb.map()",
        "with wb.branch('what if'):\n    wb.issue(Deposit(amount=2), on=ada)\nwb.issue(Deposit(amount=1), on=ada)\n"
        "try:\n    wb.merge('what if')\nexcept Exception as error:\n    conflict = error\nconflict")
    await notebook.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    html, _ = HTMLExporter().from_filename(str(root / "export.ipynb"))
    (root / "export.html").write_text(html, encoding="utf-8")
    page = await browser.new_page(viewport={"width": 1280, "height": 2200})
    try:
        await page.context.set_offline(True)
        await page.goto((root / "export.html").as_uri(), wait_until="domcontentloaded")
        step, plan, panel, map_, conflict = (page.locator(".jp-Cell").nth(number) for number in range(1, 6))
        await expect(step).to_contain_text("AccountOpened owner='Ada <b>'")
        await expect(plan).to_contain_text("Plan: 1 to add, 0 to change, 0 to delete")
        await expect(panel).to_contain_text("workbench on bank: 1 step pending")
        await expect(panel).to_contain_text("Plan: 1 to add, 0 to change, 0 to delete")
        await expect(panel).to_contain_text("a panel, as it was when its cell ran")
        await page.wait_for_function(
            "picture => picture.complete && picture.getBoundingClientRect().width > 600",
            arg=await map_.locator("img").element_handle())
        await expect(conflict).to_contain_text("Conflict with the branch 'what if' on 1 item")
        exported = NotebookPage(page)
        await exported.keep("export")
        assert await exported.faults(".jp-OutputArea-output .wb") == []
    finally:
        await page.close()
