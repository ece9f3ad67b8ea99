"""Closing: a widget that leaves the page is closed with all its parts; ipywidgets keeps open ones for ever."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets


def close(widget: widgets.Widget) -> None:
    """Closes a widget with all that is in it, and with their layouts and styles, which are widgets as well."""
    parts = (*getattr(widget, "children", ()), getattr(widget, "layout", None), getattr(widget, "style", None))
    for part in parts:
        if part is not None:
            close(part)
    widget.close()


def show(box: widgets.Box, children: Sequence[widgets.Widget]) -> None:
    """Gives a box other children; those that it no longer has are closed."""
    earlier, box.children = box.children, children
    for child in earlier:
        if child not in children:
            close(child)
