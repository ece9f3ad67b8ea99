"""ConflictView: the items of the last Conflict that are still open, each with its ways out, and rebase for all.

An item is open until what is pending of it stands on what is stored: by a button here, or by a cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import ipywidgets as widgets

from workbench.errors import Conflict
from workbench.notebook.conflict_html import conflict_html
from workbench.notebook.status_view import StatusView, button
from workbench.state.clash import Clash
from workbench.state.manager import StateManager

SHOWN = 20      # items with buttons: hundreds of widgets are slow
WAYS = {"mine": "keep what is pending here", "theirs": "take what is stored now, drop what is pending here",
        "merge": "keep both, where each changed other columns"}


class Resolving(Protocol):
    """The verbs of a Workbench that are used here."""

    def resolve(self, item: Any, way: str) -> Any: ...
    def rebase(self) -> Any: ...


class ConflictView:
    """A conflict, shown while there is one."""

    def __init__(
        self, wb: Resolving, conflict: Callable[[], Conflict | None], manager: Callable[[], StateManager],
        status: StatusView,
    ) -> None:
        self._wb, self._conflict, self._manager, self._status = wb, conflict, manager, status
        self._clashes: Sequence[Clash] = ()
        self.rebase = button("Rebase", "wb-rebase", self._rebase, style="primary",
                             tooltip="fetch what moved and issue all pending commands again")
        self.rebase.layout.align_self = "flex-start"
        self.items = widgets.VBox()
        self.widget = widgets.VBox([self.items, self.rebase])
        self.widget.add_class("wb-conflict")
        self._show(())

    def refresh(self) -> None:
        """Shows what is open now."""
        conflict, manager = self._conflict(), self._manager()
        # One with a branch is decided by merge(…, ways=…), as the error says: resolve speaks of the database.
        items = () if conflict is None or conflict.branch is not None else conflict.items
        clashes = [clash for clash in items if is_open(clash, manager)]
        if clashes != list(self._clashes):
            self._show(clashes)

    def _show(self, clashes: Sequence[Clash]) -> None:
        self._clashes = tuple(clashes)
        self.widget.layout.display = "" if clashes else "none"
        self.items.children = [self._item(clash) for clash in clashes[:SHOWN]]
        if len(clashes) > SHOWN:
            self.items.children += (widgets.Label(f"… and {len(clashes) - SHOWN} items more: rebase, or wb.conflict"),)

    def _item(self, clash: Clash) -> widgets.VBox:
        ways = [way for way in WAYS if way != "merge" or not clash.kind.startswith(("read", "search"))]
        buttons = [button(way.capitalize(), f"wb-{way}", partial(self._resolve, clash, way),
                          tooltip=f"{clash.target}: {WAYS[way]}") for way in ways]
        return widgets.VBox([widgets.HTML(conflict_html([clash])), widgets.HBox(buttons)])

    def _resolve(self, clash: Clash, way: str) -> None:
        def deed() -> str:
            self._wb.resolve(clash.target, way)
            return f"{clash.target}: {way}; commit again when nothing is open"

        self._status.work("resolving", deed)

    def _rebase(self) -> None:
        def deed() -> str:
            return repr(self._wb.rebase())

        self._status.work("rebasing", deed)


def is_open(clash: Clash, manager: StateManager) -> bool:
    """Whether what is pending of an item still stands on what the conflict found outdated."""
    entry = manager.state.changed.get(clash.target)
    if clash.kind.startswith(("read", "search")):
        stored = (clash.theirs or {}).get("_etag")
        reads = manager.plan().reads
        return clash.target in reads and reads[clash.target] != stored
    origin = None if entry is None else entry.origin
    return entry is not None and (None if origin is None else origin._etag) == (clash.base or {}).get("_etag")
