"""ProgressBar: how far a long verb is, with a button that cancels it.

    with ProgressBar("issue_many") as bar:
        bridge.run(session.issue_many(commands, progress=bar))

The verb calls it as ``bar(done, total)`` from within its task, on the loop's thread. Nothing is shown before half a
second is over. In a kernel it is a widget, below the cell, that is gone at the end; in a terminal a line that is
written over; elsewhere nothing. JupyterLab sends the click to a subshell, so that it comes in while the cell runs;
where a front end sends it behind the cell, the kernel's interrupt does the same.
"""

from __future__ import annotations

import asyncio
import sys
from time import monotonic
from types import TracebackType
from typing import Any, Protocol, Self

from workbench.errors import Cancelled

DELAY = 0.5     # seconds before anything is shown
PAUSE = 0.1     # seconds from one look to the next


class Face(Protocol):
    """Where progress is shown."""

    def show(self, done: int, total: int) -> None: ...
    def close(self) -> None: ...


class ProgressBar:
    """The ``progress=`` of one call of a verb; a context, which ends in Cancelled when it was cancelled by its button.
    """

    def __init__(self, verb: str, *, delay: float = DELAY) -> None:
        self.verb, self.done, self.total = verb, 0, 0
        self.face: Face | None = None
        self.cancelled = False
        self._due = monotonic() + delay
        self._task: asyncio.Task[Any] | None = None

    def __call__(self, done: int, total: int) -> None:
        """Takes how far the verb is; called from within its task."""
        self._task, self.done, self.total = asyncio.current_task(), done, total
        if monotonic() >= self._due and done < total:
            if self.face is None:
                self.face = face(self)
            self.face.show(done, total)
            self._due = monotonic() + PAUSE

    def cancel(self) -> None:
        """Cancels the task that the verb runs in; from any thread. Before the first call nothing, nor when all is done:
        what is left of a commit then is its very end, which nobody could say of that it was not done."""
        task = self._task
        if task is not None and not task.done() and self.done < self.total:
            self.cancelled = True
            task.get_loop().call_soon_threadsafe(task.cancel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        self._task = None
        if self.face is not None:
            self.face.close()
        if self.cancelled and isinstance(error, asyncio.CancelledError):
            raise Cancelled(self.verb, self.done, self.total) from None


def face(bar: ProgressBar) -> Face:
    """Where the progress of a bar can be seen: in the notebook, in the terminal, or nowhere."""
    ipython: Any = sys.modules.get("IPython")       # not imported here: without it there is no notebook
    shell = ipython and ipython.get_ipython()
    if getattr(shell, "kernel", None) is not None:
        return Widget(bar)
    return Line(bar.verb) if sys.stderr.isatty() else Nowhere()


def words(done: int, total: int) -> str:
    """How far, for people."""
    return f"{done:,} of {total:,}"


class Widget:
    """A bar, a label and a Cancel button, as the output of a cell."""

    def __init__(self, bar: ProgressBar) -> None:
        import ipywidgets  # not for those whose verbs are short
        from IPython.display import display

        self.bar = ipywidgets.IntProgress(description=bar.verb, style={"description_width": "initial"})
        self.label = ipywidgets.Label()
        self.button = ipywidgets.Button(description="Cancel", tooltip=f"Cancel {bar.verb}; nothing will be half done")
        self.button.on_click(lambda _: self._cancel(bar))
        # ipykernel 7.4 sends a click to the shell that the widget last spoke from: to this one, where it would wait
        # for the end of the cell that it is to cancel. The front end's own choice, a subshell, is what others take.
        self.button.comm._reply_subshell_for = lambda data, chosen: chosen
        self.box = ipywidgets.HBox([self.bar, self.label, self.button]).add_class("wb-progress")
        self.handle = display(self.box, display_id=True)  # type: ignore[no-untyped-call]  # IPython's own

    def _cancel(self, bar: ProgressBar) -> None:
        self.button.disabled = True
        self.label.value = "cancelling …"
        bar.cancel()

    def show(self, done: int, total: int) -> None:
        self.bar.max, self.bar.value = total, done
        if not self.button.disabled:
            self.label.value = words(done, total)

    def close(self) -> None:
        """Takes it away, so that no bar without its model is saved with the notebook."""
        self.handle.update({"text/plain": ""}, raw=True)
        for widget in (self.box, self.bar, self.label, self.button):
            widget.close()


class Line:
    """One line of a terminal, written over."""

    def __init__(self, verb: str) -> None:
        self.verb, self.width = verb, 0

    def show(self, done: int, total: int) -> None:
        text = f"{self.verb}: {words(done, total)}"
        self.width = max(self.width, len(text))
        sys.stderr.write(f"\r{text:<{self.width}}")
        sys.stderr.flush()

    def close(self) -> None:
        sys.stderr.write(f"\r{'':<{self.width}}\r")
        sys.stderr.flush()


class Nowhere:
    """Where nobody looks."""

    def show(self, done: int, total: int) -> None:
        """Shows nothing: what a script prints is its own."""

    def close(self) -> None:
        """There is nothing to take away."""
