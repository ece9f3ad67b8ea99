"""Arrival: what is to be done when all that was typed has arrived from the front end.

A front end sends the first letter that is typed at once, and holds the others back until the kernel is done with it;
Enter and clicks are not held back and overtake them: what is issued then was typed half. So a widget is put into the
page, unseen, whose being seen is told by the front end behind all that it held back; then the deed is done.
"""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets


class Arrival:
    """``widget`` is to stand in the page, beside what is typed into."""

    def __init__(self) -> None:
        self.widget = widgets.VBox(layout={"display": "none"})
        self.widget._view_count = 0     # the front end counts from now on in how many places it shows it
        self._probe: widgets.Box | None = None

    def then(self, deed: Callable[[], object]) -> None:
        """Does it when all is here; at once where no front end shows it. What is asked for meanwhile is not done."""
        if not self.widget._view_count:
            deed()
        elif not self.widget.children:
            if self._probe is not None:     # the last one; not before its leaving the page was told
                self._probe.close()
            probe = self._probe = widgets.Box()
            probe._view_count = 0
            probe.observe(lambda change: self._seen(deed), "_view_count")
            self.widget.children = (probe,)

    def _seen(self, deed: Callable[[], object]) -> None:
        if self.widget.children:        # else it has left
            self.widget.children = ()
            deed()
