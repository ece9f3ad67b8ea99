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
    leaving = [child for child in box.children if child not in children]
    for child in leaving:
        uncount(child)
    box.children = children
    for child in leaving:
        close(child)


def uncount(widget: widgets.Widget) -> None:
    """Ends the front end's counting of where a widget and what is in it is seen: that it has left the page would be
    told to what is closed by then, and the kernel logs each time that there is no such comm."""
    for child in getattr(widget, "children", ()):
        uncount(child)
    if widget._view_count is not None:
        widget.unobserve_all("_view_count")
        widget._view_count = None
