"""NotebookPage: one notebook open in JupyterLab, Notebook 7 or Voila, as somebody sees and clicks it."""

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
  // Behind all that was sent, and what it shows: idle the kernel is for a moment between two cells as well.
  await kernel.requestExecute({code: "", silent: true, store_history: false}).done;
  while (kernel.status !== "idle") await new Promise(later => setTimeout(later, 50));
}"""
ERRORS = """() => [...(window.jupyterapp || window.jupyterlab).shell.currentWidget.context.model.cells]
  .filter(cell => cell.type === "code").flatMap(cell => cell.outputs.toJSON())
  .filter(output => output.output_type === "error").map(output => `${output.ename}: ${output.evalue}`)"""
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

    async def open(self, address: str, name: str, *, at: str = "") -> None:
        """Opens a notebook of the server's and waits until its kernel is idle; Voila, until it has run.

        ``at`` is where the server has its notebooks: "notebooks" in Notebook 7, "voila/render" in Voila; nothing is
        JupyterLab."""
        place = at or f"doc/workspaces/w{uuid.uuid4().hex[:8]}/tree"
        await self.page.goto(f"{address}/{place}/{name}{'' if at else '?reset'}")
        if not at:
            await self.page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=60_000)
        if at.startswith("voila"):
            await self.page.wait_for_selector(".jupyter-widgets", timeout=60_000)
            return
        await self.page.wait_for_selector(".jp-Cell", timeout=60_000)
        await self.page.evaluate(READY)

    async def run_all(self) -> None:
        """Runs all cells, as the menu does, and waits until the last one is done."""
        await self.page.evaluate(RUN_ALL)
        await self.idle()

    async def run(self, source: str) -> None:
        """Runs some code in a new last cell."""
        await self.start(source)
        await self.idle()

    async def start(self, source: str) -> None:
        """Has some code run in a new last cell, and does not wait for it."""
        await self.page.evaluate(
            """async source => {
              const app = window.jupyterapp || window.jupyterlab;
              const notebook = app.shell.currentWidget.content;
              notebook.activeCellIndex = notebook.widgets.length - 1;
              await app.commands.execute("notebook:insert-cell-below");
              notebook.widgets.at(-1).model.sharedModel.setSource(source);
            }""", source)
        await self._run(-1)

    async def run_cell(self, number: int) -> None:
        """Runs a cell again, the first one is 0."""
        await self._run(number)
        await self.idle()

    async def _run(self, number: int) -> None:
        # Until it was sent, and not until it has ended: the kernel is busy from then on. The cell is chosen at the very
        # moment: an earlier click into another one's output makes that one active when it likes.
        await self.page.evaluate("""async number => {
          const app = window.jupyterapp || window.jupyterlab;
          const {content, context} = app.shell.currentWidget;
          const kernel = context.sessionContext.session.kernel;
          const busy = new Promise(done => kernel.statusChanged.connect((_, status) => status === "busy" && done()));
          content.activeCellIndex = number < 0 ? content.widgets.length + number : number;
          app.commands.execute("notebook:run-cell");
          await busy;
        }""", number)

    async def restart(self) -> None:
        """Restarts the kernel, as the menu does when it was asked and answered."""
        await self.page.evaluate("""() => (window.jupyterapp || window.jupyterlab)
          .shell.currentWidget.context.sessionContext.session.kernel.restart()""")
        await self.idle()

    async def idle(self) -> None:
        """Waits until the kernel has nothing to do."""
        await self.page.evaluate(READY)

    def find(self, css: str) -> Locator:
        return self.page.locator(css)

    async def printed(self) -> str:
        """What the last cell shows below its code."""
        return await self.page.locator(".jp-Cell").last.locator(".jp-OutputArea").inner_text()

    async def errors(self) -> list[str]:
        """The errors that cells have ended in."""
        found: list[str] = await self.page.evaluate(ERRORS)
        return found

    async def tab_to(self, css: str, *, back: bool = False) -> None:
        """Presses Tab until the keyboard is at an element."""
        for _ in range(60):
            if await self.page.evaluate("css => document.activeElement.matches(css)", css):
                return
            await self.page.keyboard.press("Shift+Tab" if back else "Tab")
        raise AssertionError(f"the keyboard does not come to {css}")

    async def faults(self, *css: str) -> list[str]:
        """The serious faults that axe-core finds in some parts of the page, a line each."""
        if not await self.page.evaluate("'axe' in window"):
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
