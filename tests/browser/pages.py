"""NotebookPage: one notebook open in JupyterLab or Notebook 7, as somebody sees and clicks it."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Locator, Page

READY = """async () => {
  const app = window.jupyterapp || window.jupyterlab;
  const context = app.shell.currentWidget.context;
  await context.ready; await context.sessionContext.ready;
  const kernel = context.sessionContext.session.kernel;
  await kernel.info;
  while (kernel.status !== "idle") await new Promise(later => setTimeout(later, 50));
}"""
RUN_ALL = "(window.jupyterapp || window.jupyterlab).commands.execute('notebook:run-all-cells')"
# Faults of our own output only: JupyterLab's are not ours to mend.
AXE = "async (chosen) => (await axe.run(chosen, {resultTypes: ['violations']})).violations"


def notebook_of(*cells: str) -> str:
    """A notebook file of some code cells; without a kernelspec JupyterLab would ask for a kernel."""
    return json.dumps({
        "cells": [{"cell_type": "code", "execution_count": None, "id": f"cell-{number}", "metadata": {}, "outputs": [],
                   "source": source} for number, source in enumerate(cells)],
        "metadata": {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}},
        "nbformat": 4, "nbformat_minor": 5})


class NotebookPage:
    """A notebook in a tab of its own."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def open(self, address: str, name: str, *, lab: bool = True) -> None:
        """Opens a notebook of the server's and waits until its kernel is idle."""
        where = f"doc/workspaces/w{uuid.uuid4().hex[:8]}/tree/{name}?reset" if lab else f"notebooks/{name}"
        await self.page.goto(f"{address}/{where}")
        if lab:
            await self.page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=60_000)
        await self.page.wait_for_selector(".jp-Cell", timeout=60_000)
        await self.page.evaluate(READY)

    async def run_all(self) -> None:
        """Runs all cells, as the menu does, and waits until the last one is done."""
        await self.page.evaluate(RUN_ALL)
        await self.idle()

    async def run(self, source: str) -> None:
        """Runs some code in a new last cell."""
        await self.page.evaluate(
            """async source => {
              const app = window.jupyterapp || window.jupyterlab;
              const notebook = app.shell.currentWidget.content;
              notebook.activeCellIndex = notebook.widgets.length - 1;
              await app.commands.execute("notebook:insert-cell-below");
              notebook.activeCell.model.sharedModel.setSource(source);
              await app.commands.execute("notebook:run-cell");
            }""", source)
        await self.idle()

    async def idle(self) -> None:
        """Waits until the kernel has nothing to do."""
        await self.page.evaluate(READY)

    def find(self, css: str) -> Locator:
        return self.page.locator(css)

    async def errors(self) -> list[str]:
        """The tracebacks that cells have ended in."""
        return await self.page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']"
                                       ).all_inner_texts()

    async def faults(self, *css: str) -> list[str]:
        """The serious faults that axe-core finds in some parts of the page, a line each."""
        await self.page.add_script_tag(path=AXE_FILE_PATH)
        violations = await self.page.evaluate(AXE, {"include": [[one] for one in css]})
        return [f"{fault['id']}: {fault['help']}: {node['html'][:200]}" for fault in violations
                if fault["impact"] in ("serious", "critical") for node in fault["nodes"]]

    async def keep(self, name: str) -> None:
        """Takes a picture, where ``WORKBENCH_PICTURES`` names a folder for it."""
        folder = os.environ.get("WORKBENCH_PICTURES")
        if folder:
            await self.page.screenshot(path=str(Path(folder) / f"{name}.png"))


async def theme(pages: Sequence[NotebookPage], name: str) -> None:
    """Has JupyterLab wear a theme: "JupyterLab Light" or "JupyterLab Dark"."""
    for one in pages:
        await one.page.evaluate(
            "name => (window.jupyterapp || window.jupyterlab).commands.execute('apputils:change-theme', {theme: name})",
            name)
        await one.page.wait_for_function(
            "name => document.body.dataset.jpThemeName === name", arg=name)
        await one.page.wait_for_selector("#jupyterlab-splash", state="detached")
