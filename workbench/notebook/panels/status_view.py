"""StatusView: the line of a panel that says what came of the last click; and who runs a click so that nothing is lost.

An exception in a widget's callback is seen by nobody: here it is caught, shown in words, and kept as ``last_error``.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from threading import RLock
from traceback import format_exception
from typing import Any

import ipywidgets as widgets

from workbench.errors import Conflict, WorkbenchError
from workbench.notebook.html.box import box
from workbench.notebook.progress_widget import shown_in
from workbench.wording import error_words, visible_lines

KEPT = "; nothing was written, everything pending is kept"


class Caveat(str):
    """What came of a click that succeeded in part only; it is shown as a warning."""

    __slots__ = ()


class StatusView:
    """A line of text under a panel's head; ``run`` does what a click asks for, ``work`` what may take a while.

    Below it is the place for the bar of a verb that takes long, and for what else is displayed meanwhile."""

    def __init__(self) -> None:
        self.line = widgets.HTML().add_class("wb-status")
        self.bars, self.output = widgets.VBox(), widgets.Output()
        self.widget = widgets.VBox([self.line, self.bars, self.output])
        self.last_error: BaseException | None = None
        self._failures = 0
        self.drawing = RLock()      # held while something is drawn: a cell and a click may end at the same time

    def tell(self, text: str) -> None:
        """Says that something went well."""
        self.last_error = None
        self._show("insert", "✓", text, "status")

    def fail(self, error: BaseException) -> None:
        """Says what went wrong: our errors are words, of others the traceback is folded beneath."""
        self.last_error = error
        self._failures += 1
        if isinstance(error, Conflict):     # its items stand below, with their ways out
            self._show("delete", "✗", f"Conflict: {str(error).splitlines()[0]}", "alert")
        elif isinstance(error, WorkbenchError):
            self._show("delete", "✗", error_words(error), "alert")
        elif isinstance(error, KeyboardInterrupt):
            late = " ".join(getattr(error, "__notes__", ()))
            self._show("delete", "✗", f"interrupted{f'. {late}' if late else KEPT}", "alert")
        else:
            lines = escape("".join(format_exception(error)))
            trace = f"<details><summary>traceback</summary><pre>{lines}</pre></details>"
            self._show("delete", "✗", error_words(error), "alert", trace)

    def warn(self, text: str) -> None:
        """Shows what should be looked at, though nothing failed."""
        self.last_error = None
        self._show("update", "!", text, "status")

    def run(self, deed: Callable[[], str | None]) -> bool:
        """Calls what a click asks for and shows the text that it returns, a Caveat as a warning; says whether it went
        well.

        A failure while showing the result counts as a failure."""
        failures = self._failures
        try:
            told = deed()
        except (Exception, KeyboardInterrupt) as error:
            self.fail(error)
            return False
        if self._failures != failures:
            return False
        if isinstance(told, Caveat):
            self.warn(told)
        elif told is not None:
            self.tell(told)
        return True

    def draw(self, deed: Callable[[], None]) -> bool:
        """As ``run``, for what draws anew; where another thread draws it waits, so that the later one is what stays."""
        with self.drawing:
            return self.run(deed)

    def work(self, text: str, deed: Callable[[], str | None]) -> bool:
        """As ``run``, for what may take a while; ``text`` says meanwhile what is being done."""
        self.output.outputs = ()
        self._show("dim", "…", text, "status")
        with shown_in(self.bars), self.output:      # what is displayed from a callback would be seen nowhere
            went = self.run(deed)
        return went

    def _show(self, kind: str, sign: str, text: str, role: str, more: str = "") -> None:
        line = f'<pre class="words">{sign} {escape(visible_lines(text))}</pre>'
        self.line.value = box(f'<div class="{kind}" role="{role}">{line}{more}</div>')


def button(text: str, name: str, click: Callable[[], None], *, style: str = "", tooltip: str = "") -> widgets.Button:
    """A button that a test finds by the class ``name``."""
    made = widgets.Button(description=text, button_style=style, tooltip=tooltip or text,
                          layout=widgets.Layout(width="auto"))
    made.add_class(name)

    def clicked(_: Any) -> None:
        click()

    made.on_click(clicked)
    return made
