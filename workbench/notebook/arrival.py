"""Arrival: what is to be done when all that was typed has arrived from the front end.

A front end sends the first letter that is typed at once, and holds the others back until the kernel is done with it;
Enter and clicks are not held back and overtake them: what is issued then was typed half. So a widget is put into the
page, unseen, whose being seen is told by the front end behind all that it held back; then the deed is done. Where the
page is closed before it tells, the deed is given up: a page that is opened again later would tell of a click of then.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time
from typing import Any

import ipywidgets as widgets

from workbench.notebook.closing import close

LATE = 600.0    # seconds: a page that was left without a word, as when it is loaded anew, tells nothing but this


class Arrival:
    """``widget`` is to stand in the page, beside what is typed into."""

    def __init__(self) -> None:
        self.widget = widgets.VBox(layout={"display": "none"})
        self.widget._view_count = 0     # the front end counts from now on in how many places it shows it
        self.widget.observe(self._sighted, "_view_count")
        self._probe: widgets.Box | None = None

    def then(self, deed: Callable[[], object]) -> None:
        """Does it when all is here; at once where no front end shows it. What is asked for meanwhile is not done."""
        if not self.widget._view_count:
            deed()
        elif not self.widget.children:
            if self._probe is not None:     # the last one; not before its leaving the page was told
                close(self._probe)
            probe, asked = widgets.Box(), time()        # not monotonic: it stands still while a machine sleeps
            probe._view_count = 0
            probe.observe(lambda _: self._seen(probe, asked, deed), "_view_count")
            self._probe = probe
            self.widget.children = (probe,)

    def close(self) -> None:
        """Takes it away; what was asked for is not done."""
        if self._probe is not None:
            close(self._probe)
        close(self.widget)

    def _seen(self, probe: widgets.Box, asked: float, deed: Callable[[], object]) -> None:
        if self.widget.children == (probe,):        # else it has left
            self.widget.children = ()
            if time() - asked < LATE:
                deed()

    def _sighted(self, change: Any) -> None:
        """Nobody looks any more: what was asked for is not done later."""
        if change.new == 0:
            self.widget.children = ()
