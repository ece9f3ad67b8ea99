"""ProgressWidget: a bar, a label and a Cancel button, in the output of a cell or in the panel that was clicked.

    ProgressBar  ──makes──▶  ProgressWidget  ──stands in──▶  the cell's output, or the box of ``shown_in``
         ▲                         │
         └──────cancel─────────────┘      by its button, or by the kernel's interrupt while a click is at work

ipykernel hears interrupts in cells only: what runs in a subshell, where JupyterLab has clicks handled, would go on.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import ipywidgets as widgets
from IPython.core.getipython import get_ipython
from IPython.display import display

_PLACE: ContextVar[widgets.Box | None] = ContextVar("where bars are shown", default=None)


@contextmanager
def shown_in(place: widgets.Box) -> Iterator[None]:
    """Shows the bars of verbs that are called within in a box: a click has no cell whose output could show them."""
    token = _PLACE.set(place)
    try:
        yield
    finally:
        _PLACE.reset(token)


class ProgressWidget:
    """What is seen of one ProgressBar; ``clicked`` says whether the verb was called in a subshell."""

    def __init__(self, verb: str, cancel: Callable[[], None], *, clicked: bool) -> None:
        self._cancel = cancel
        self.bar = widgets.IntProgress(description=verb, style={"description_width": "initial"})
        self.label = widgets.Label()
        self.button = widgets.Button(description="Cancel", tooltip=f"Cancel {verb}; nothing will be half done")
        self.button.on_click(lambda _: self._cancelled())
        # ipykernel 7.4 sends a click to the shell that the widget last spoke from: to this one, where it would wait
        # for the end of what it is to cancel. A cell's goes where the front end says, to a subshell; a subshell's to
        # the main shell.
        self.button.comm._reply_subshell_for = lambda data, chosen: None if clicked else chosen
        self.box = widgets.HBox([self.bar, self.label, self.button]).add_class("wb-progress")
        self._place, self._handle = _PLACE.get(), None
        if self._place is None:
            self._handle = display(self.box, display_id=True)  # type: ignore[no-untyped-call]  # IPython's own
        else:
            self._place.children = (*self._place.children, self.box)
        self._interrupt = Interrupt(self._cancelled) if clicked else None

    def _cancelled(self) -> None:
        self.button.disabled = True
        self.label.value = "cancelling …"
        self._cancel()

    def show(self, done: int, total: int, words: str) -> None:
        """Shows how far it is; ``words`` say it."""
        self.bar.max, self.bar.value = total or 1, done
        if not self.button.disabled:
            self.label.value = words

    def close(self) -> None:
        """Takes it away, so that no bar without its model is saved with the notebook."""
        if self._interrupt is not None:
            self._interrupt.close()
        if self._place is not None:
            self._place.children = tuple(child for child in self._place.children if child is not self.box)
        elif self._handle is not None:
            self._handle.update({"text/plain": ""}, raw=True)
        for widget in (self.box, self.bar, self.label, self.button):
            widget.close()


class Interrupt:
    """The kernel's interrupt, heard from now until it is closed; handlers of signals are set in the main thread."""

    def __init__(self, heard: Callable[[], None]) -> None:
        self._heard: Callable[[], None] | None = heard
        self._before: Any = None
        shell: Any = get_ipython()
        self._loop = shell.kernel.io_loop
        self._loop.add_callback(self._listen)

    def close(self) -> None:
        """Gives the interrupt back to its earlier handler."""
        self._heard = None
        self._loop.add_callback(self._leave)

    def _listen(self) -> None:
        if self._heard is not None:
            self._before = signal.signal(signal.SIGINT, self._hear)

    def _hear(self, number: int, frame: Any) -> None:
        if self._heard is not None:
            self._heard()
        if callable(self._before):      # a cell is at work as well
            self._before(number, frame)

    def _leave(self) -> None:
        if signal.getsignal(signal.SIGINT) == self._hear:       # else a cell, which had it set anew, sets it back
            signal.signal(signal.SIGINT, self._before)
