"""Arrival: an action that waits until all that was typed has arrived from the front end.

A front end sends the first letter that is typed at once, and holds the others back until the kernel is done with it;
Enter and clicks are not held back and overtake them: what would be issued then is typed only half. So an invisible
widget is added: the front end reports it after the held-back keys, and then the action runs. If the page is closed
before it reports, the action is given up: a page that is opened again later would run what was clicked long ago.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time
from typing import Any

import ipywidgets as widgets

from workbench.notebook.closing import close

LATE = 600.0    # seconds after which a report is not of the click: a page that is reloaded does not say that it closed


class Arrival:
    """Runs actions late enough; its ``widget`` must be in the page, beside the inputs."""

    def __init__(self) -> None:
        self.widget = widgets.VBox(layout={"display": "none"})
        self.widget._view_count = 0     # the front end counts from now on in how many places it shows it
        self.widget.observe(self._sighted, "_view_count")
        self._probe: widgets.Box | None = None

    def then(self, deed: Callable[[], object]) -> None:
        """Runs an action once all that was typed is here, at once where no front end shows the widget.

        What is asked for while another action waits is not run."""
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
        """Closes the widget; an action that waits is not run."""
        if self._probe is not None:
            close(self._probe)
        close(self.widget)

    def _seen(self, probe: widgets.Box, asked: float, deed: Callable[[], object]) -> None:
        if self.widget.children == (probe,):        # else it has left
            self.widget.children = ()
            if time() - asked < LATE:
                deed()

    def _sighted(self, change: Any) -> None:
        """Gives up the action that waits when nothing shows the widget any more."""
        if change.new == 0:
            self.widget.children = ()
