"""ItemsView: the cached items of a resource, a page at a time, filtered and sorted; 100,000 of them do no harm.

It looks at the State Manager's items and asks nothing of the database.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from html import escape
from math import isnan
from typing import Any

import ipywidgets as widgets

from workbench.domain.resource import Resource, Target
from workbench.errors import ItemsLeftOut
from workbench.notebook.html.box import box, identifier_html, scrolled
from workbench.notebook.html.called import Called, field_html
from workbench.notebook.panels.status_view import StatusView, button
from workbench.state.manager import StateManager

PAGE = 20
_KINDS = {"new": ("insert", "+"), "changed": ("update", "~"), "deleted": ("delete", "-"), "clean": ("dim", "·")}
_ORDER = "in the order of making"
Row = tuple[str, Target, Resource]


class ItemsView:
    """A table of items with a chooser of the resource, a filter, a sort order and pages."""

    def __init__(self, manager: Callable[[], StateManager], status: StatusView) -> None:
        self._manager, self._status = manager, status
        names = [f"{domain}:{key}" for domain, key in manager().registry.resources]
        self.resource = widgets.Dropdown(options=names, description="resource")
        self.filter = widgets.Text(description="filter", placeholder="text in any column", continuous_update=True)
        self.sort = widgets.Dropdown(options=[_ORDER], description="sort by")
        self.descending = widgets.Checkbox(description="descending", indent=False)
        self.table = widgets.HTML()
        self.earlier = button("◀ earlier", "wb-earlier", lambda: self._turn(-1))
        self.later = button("later ▶", "wb-later", lambda: self._turn(1))
        self.place = widgets.Label()
        self.page = 0
        self._rows: list[Row] = []
        self._misfits: list[str] = []
        self._columns: list[str] = []
        self.resource.observe(self._asked, "value")
        for control in (self.filter, self.sort, self.descending):
            control.observe(self._narrowed, "value")
        row = widgets.Layout(flex_flow="row wrap", align_items="center")
        self.widget = widgets.VBox([
            widgets.Box([self.resource, self.filter, self.sort, self.descending], layout=row), self.table,
            widgets.Box([self.earlier, self.place, self.later], layout=row)])
        self.widget.add_class("wb-items")

    def refresh(self) -> None:
        """Shows the items as they are now."""
        manager = self._manager()
        names = [f"{domain}:{key}" for domain, key in manager.registry.resources]
        if list(self.resource.options) != names:        # a cell defined one more
            self.resource.options = names
        if self.resource.value is None and names:       # a chooser that had nothing chooses nothing by itself
            self.resource.value = names[0]
        if self.resource.value is None:
            self.table.value = box('<div class="dim">There is no resource yet.</div>')
            return
        cls = manager.registry.resource(manager.registry.kindred(self.resource.value))
        columns = list(cls._public)
        if list(self.sort.options) != [_ORDER, "identifier", *columns]:
            self.sort.options = [_ORDER, "identifier", *columns]
        self._rows, self._columns = list(manager.items(self.resource.value)), columns
        self._misfits = manager.misfits(self.resource.value)
        self._draw()

    def _draw(self) -> None:
        """Shows a page of the items as they were at the last ``refresh``; after every change there is one."""
        everything, columns = self._rows, self._columns
        rows = self._sorted([row for row in everything if self._matches(row, columns)])
        pages = max(1, -(-len(rows) // PAGE))
        self.page = min(self.page, pages - 1)
        first = self.page * PAGE
        self.earlier.disabled, self.later.disabled = self.page == 0, self.page == pages - 1
        of = "" if len(rows) == len(everything) else f" of {len(everything)}"
        self.place.value = (f"{first + 1} to {min(first + PAGE, len(rows))} of {len(rows)} items"
                            if rows else "no items") + (f" (filtered{of})" if of else "")
        self.table.value = _left_out(self.resource.value, self._misfits) + _table(
            self.resource.value, rows[first:first + PAGE], columns, Called(self._manager()))

    def _matches(self, row: Row, columns: list[str]) -> bool:
        wanted = self.filter.value.strip().casefold()
        if not wanted:
            return True
        state, target, item = row
        values = (state, target.identifier, *(getattr(item, name, None) for name in columns))
        return any(wanted in str(value).casefold() for value in values)

    def _sorted(self, rows: list[Row]) -> list[Row]:
        by = self.sort.value
        if by == _ORDER or by is None:
            return rows[::-1] if self.descending.value else rows

        def value(row: Row) -> Any:
            return row[1].identifier if by == "identifier" else getattr(row[2], by, None)

        absent = [row for row in rows if _is_absent(value(row))]     # last, whichever the direction
        there = [row for row in rows if not _is_absent(value(row))]
        try:
            there.sort(key=value, reverse=self.descending.value)
        except (TypeError, ArithmeticError):        # values without an order, such as dicts, or lists with a NaN
            there.sort(key=lambda row: str(value(row)), reverse=self.descending.value)
        return there + absent

    def _asked(self, _: Any) -> None:
        self.page = 0
        self._status.draw(self.refresh)

    def _narrowed(self, _: Any) -> None:
        self.page = 0
        self._status.draw(self._draw)

    def _turn(self, by: int) -> None:
        self.page = max(0, self.page + by)
        self._status.draw(self._draw)


def _is_absent(value: Any) -> bool:
    """Whether a value has no place in an order: there is none, or it is not a number."""
    if isinstance(value, Decimal):
        return value.is_nan()
    return value is None or (isinstance(value, float) and isnan(value))


def _left_out(name: str, misfits: list[str]) -> str:
    """The warning of ``wb.items``, where there are items that a changed definition leaves out."""
    if not misfits:
        return ""
    head, *lines = str(ItemsLeftOut(name, misfits)).splitlines()
    told = "".join(f'<div class="in">{escape(line.strip())}</div>' for line in lines)
    return box(f'<div role="alert"><span class="update">! {escape(head)}</span></div>{told}')


def _table(name: str, rows: list[Row], columns: list[str], called: Called) -> str:
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in ("state", "identifier", *columns))
    body = "".join(_row(row, columns, called) for row in rows)
    return scrolled(box(f'<table aria-label="{escape(name)}"><tr>{heads}</tr>{body}</table>'), f"items of {name}")


def _row(row: Row, columns: list[str], called: Called) -> str:
    state, target, item = row
    kind, sign = _KINDS[state]
    cells = "".join(f'<td class="cell">{field_html(called, target, name, getattr(item, name, None))}</td>'
                    for name in columns)
    return (f'<tr><td class="{kind}">{sign} {state}</td><td class="cell">{identifier_html(target.identifier)}</td>'
            f"{cells}</tr>")
