"""ProgressBar: how far a long verb is, with a button that cancels it.

    with ProgressBar("issue_many") as bar:
        bridge.run(session.issue_many(commands, progress=bar), begun=bar.begin)

The verb calls it as ``bar(done, total)`` from within its task, on the loop's thread; one that does not say how far it
is can be cancelled all the same. Nothing is shown before half a second is over. In a kernel it is a widget, below the
cell or in the panel that was clicked, that is gone at the end; in a terminal a line that is written over; elsewhere
nothing. A kernel has one thread for cells and one, a subshell, for what is clicked: the click on Cancel goes to the one
that is free. Where a front end or a kernel knows no such way, the kernel's interrupt does the same.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from time import monotonic
from types import TracebackType
from typing import Any, Protocol, Self

from workbench.errors import Cancelled
from workbench.notebook.loop import cancel

DELAY = 0.5     # seconds before anything is shown
PAUSE = 0.1     # seconds from one look to the next


class Face(Protocol):
    """Where progress is shown."""

    def show(self, done: int, total: int, words: str) -> None: ...
    def close(self) -> None: ...


class ProgressBar:
    """The ``progress=`` of one call of a verb; as a context it raises Cancelled where its button ended the call."""

    def __init__(self, verb: str, *, delay: float = DELAY) -> None:
        self.verb, self.done, self.total = verb, 0, 0
        self.face: Face | None = None
        self.cancelled = False
        self.by_click = threading.current_thread() is not threading.main_thread()     # whether in a subshell
        self._due = monotonic() + delay
        self._task: asyncio.Task[Any] | None = None

    def __call__(self, done: int, total: int) -> None:
        """Takes how far the verb has come; called from within its task."""
        self._task, self.done, self.total = asyncio.current_task(), done, total
        if monotonic() >= self._due and done < total:
            self._show()

    def begin(self, task: asyncio.Task[Any]) -> None:
        """Takes the verb's task, on its loop, so that it is shown and can be cancelled even if it never calls."""
        self._task = task
        late = task.get_loop().call_later(max(0.0, self._due - monotonic()), self._late)
        task.add_done_callback(lambda _: late.cancel())

    def _late(self) -> None:
        if self.face is None and self._task is not None and self.can_cancel:
            self._show()

    def _show(self) -> None:
        if self.face is None:
            self.face = face(self)
        self.face.show(self.done, self.total, words(self.done, self.total))
        self._due = monotonic() + PAUSE

    @property
    def can_cancel(self) -> bool:
        """False once all is written: the commit may have happened, so cancelling could promise nothing."""
        return self.total == 0 or self.done < self.total

    def cancel(self) -> None:
        """Cancels the verb's task, from any thread; does nothing before it began, or once all is written."""
        task = self._task
        if task is not None and not task.done() and self.can_cancel:
            self.cancelled = True
            cancel(task)

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
        from workbench.notebook.progress_widget import ProgressWidget  # not for those whose verbs are short

        return ProgressWidget(bar.verb, bar.cancel, clicked=bar.by_click)
    return TerminalLine(bar.verb) if sys.stderr.isatty() else Nowhere()


def words(done: int, total: int) -> str:
    """How far a verb has come, in words."""
    return f"{done:,} of {total:,}" if total else "working …"


class TerminalLine:
    """One line of a terminal, written over each time."""

    def __init__(self, verb: str) -> None:
        self.verb, self.width = verb, 0

    def show(self, done: int, total: int, words: str) -> None:
        text = f"{self.verb}: {words}"
        self.width = max(self.width, len(text))
        sys.stderr.write(f"\r{text:<{self.width}}")
        sys.stderr.flush()

    def close(self) -> None:
        sys.stderr.write(f"\r{'':<{self.width}}\r")
        sys.stderr.flush()


class Nowhere:
    """Where nobody looks."""

    def show(self, done: int, total: int, words: str) -> None:
        """Shows nothing: what a script prints is its own."""

    def close(self) -> None:
        """There is nothing to take away."""
