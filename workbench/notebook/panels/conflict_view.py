"""ConflictView: the items of the last Conflict that are still open, each with its ways out.

In a conflict with the database an item is open until it is resolved, by a button here or by a cell; rebase is the way
out for all of them at once. In one with a branch each item is decided here, and the last decision merges the branch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import ipywidgets as widgets

from workbench.domain.resource import Target
from workbench.errors import Conflict
from workbench.notebook.closing import show
from workbench.notebook.html.box import box
from workbench.notebook.html.called import Called
from workbench.notebook.html.conflict import clash_html, conflict_head
from workbench.notebook.panels.status_view import Caveat, StatusView, button
from workbench.state.clash import Clash
from workbench.state.manager import StateManager
from workbench.state.resolution import Way, mergeable
from workbench.state.state import Changed

SHOWN = 20      # items with buttons: hundreds of widgets are slow
_WAYS = {"mine": "keep what is pending here", "theirs": "take what is stored now, drop what is pending here",
         "merge": "keep both: each changed other columns"}
_BRANCH_WAYS = {"mine": "keep what it is here", "theirs": "take what it is on the branch"}
_READ_WAYS = {"theirs": "what was read has changed; the steps that read it stay as they are"}
# A decision speaks of an item as it is stored now, and a rebase begins from what is stored then.
_REBASE = ("Rebase issues all pending commands again, now or later: also those of items that were decided here, "
           "whatever the decision.")
_NAMES = {"mine": "Mine", "theirs": "Theirs", "merge": "Merge"}


class Resolving(Protocol):
    """What is used here of a Workbench."""

    @property
    def last_conflict(self) -> Conflict | None: ...
    def resolve(self, item: Any, way: Way) -> Any: ...
    def merge(self, branch: str, *, ways: Mapping[Any, Way]) -> Any: ...
    def rebase(self) -> Any: ...


class ConflictView:
    """A conflict, shown while there is one; ``settled`` takes the keyboard when a button here has ended it."""

    def __init__(
        self, wb: Resolving, manager: Callable[[], StateManager], status: StatusView, settled: Callable[[], None],
    ) -> None:
        self._wb, self._manager, self._status, self._settled = wb, manager, status, settled
        self._conflict: Conflict | None = None      # the one looked at
        self._seen: tuple[str, Any] = ("", None)    # the branch and the State where we were when it came
        self._put_off = False
        self._ways: dict[Target, Way] = {}          # what is decided of a merge
        self._clashes: Sequence[Clash] = ()
        self.head = widgets.HTML()
        self.items = widgets.VBox()
        self.rebase = button("Rebase", "wb-rebase", self._rebase, style="primary",
                             tooltip="fetch what moved and issue all pending commands again")
        self.later = button("Not now", "wb-put-off", self._put_it_off, tooltip="everything stays as it is")
        self.widget = widgets.VBox([self.head, self.items, widgets.HBox([self.rebase, self.later])])
        self.widget.add_class("wb-conflict")
        self._show(())

    def refresh(self) -> None:
        """Shows what is open now."""
        manager = self._manager()
        if self._wb.last_conflict is not self._conflict:
            self._conflict, self._seen = self._wb.last_conflict, (manager.here.name, manager.state)
            self._ways, self._put_off = {}, False
        clashes = [] if self._conflict is None or self._put_off else self._open(self._conflict, manager)
        if clashes != list(self._clashes):
            self._show(clashes)

    def _open(self, conflict: Conflict, manager: StateManager) -> list[Clash]:
        name, state = self._seen
        if conflict.branch is not None:
            there = manager.here.name == name and conflict.branch in manager.branches
            return [clash for clash in conflict.items if there and clash.target not in self._ways]
        reads = manager.plan().reads
        return [clash for clash in conflict.items
                if (manager.state is state if clash.kind.startswith("search") else
                    is_open(clash, manager.state.changed, reads))]

    def _show(self, clashes: Sequence[Clash]) -> None:
        self._clashes = tuple(clashes)
        self.widget.layout.display = "" if clashes else "none"
        show(self.items, [self._item(clash) for clash in clashes[:SHOWN]])
        if self._conflict is None or not clashes:
            return
        branch = self._conflict.branch
        self.rebase.layout.display = "" if branch is None else "none"
        decided = f'<div class="dim">{len(self._ways)} decided</div>' if self._ways else ""
        more = (f'<div class="dim">… and {len(clashes) - SHOWN} more, in wb.conflict</div>'
                if len(clashes) > SHOWN else "")
        rebase = f'<div class="dim">{_REBASE}</div>' if branch is None else ""
        self.head.value = box(conflict_head(len(clashes), branch), rebase, decided, more)

    def _item(self, clash: Clash) -> widgets.VBox:
        assert self._conflict is not None
        kind = clash.kind.partition("-")[0]
        ways = ({} if kind == "search" else _BRANCH_WAYS if self._conflict.branch is not None
                else _READ_WAYS if kind == "read" else _WAYS)
        buttons = [button("Accept" if kind == "read" and len(ways) == 1 else _NAMES[way], f"wb-{way}",
                          partial(self._decide, clash, way), tooltip=f"{told}: {clash.target}")
                   for way, told in ways.items()]
        for merge in buttons[2:]:
            merge.disabled = not mergeable(clash)
            if merge.disabled:
                merge.tooltip = (f"cannot be: both changed the same column, or one deleted {clash.target}; "
                                 "wb.resolve(item, {column: value}) sets it by hand")
        return widgets.VBox([widgets.HTML(box(clash_html(clash, Called(self._manager())))), widgets.HBox(buttons)])

    def _called(self, clash: Clash) -> str:
        target = clash.target
        return Called(self._manager()).text(f"{target.domain}:{target.resource}", target)

    def _decide(self, clash: Clash, way: str) -> None:
        conflict = self._conflict
        if conflict is not None and conflict.branch is not None:
            self._decide_merge(conflict, conflict.branch, clash, way)
        else:
            self._status.work("resolving", lambda: self._resolve(clash, way))
        self._go_on()

    def _resolve(self, clash: Clash, way: str) -> str:
        called = self._called(clash)        # before: theirs may be that it is gone
        self._wb.resolve(clash.target, way)
        return f"{called}: {way}; commit again when nothing is open"

    def _decide_merge(self, conflict: Conflict, branch: str, clash: Clash, way: str) -> None:
        self._ways[clash.target] = way
        ways, left = dict(self._ways), len(conflict.items) - len(self._ways)

        def merge() -> str:
            self._wb.merge(branch, ways=ways)
            return f"merged {branch!r}, as decided; one step, which undo takes back"

        if left:
            self._status.run(lambda: f"{self._called(clash)}: {way}; {left} more to decide")
            self._status.draw(self.refresh)
        elif not self._status.work("merging", merge):
            self._ways.pop(clash.target, None)      # it is decided anew
            self._status.draw(self.refresh)

    def _rebase(self) -> None:
        def rebase() -> str:
            rebased = self._wb.rebase()
            return Caveat(rebased) if rebased.refused else repr(rebased)

        self._status.work("rebasing", rebase)
        self._go_on()

    def _put_it_off(self) -> None:
        self._put_off = True
        self._status.draw(self.refresh)
        self._status.tell("the conflict is left as it is; the next commit or merge meets it again")
        self._settled()

    def _go_on(self) -> None:
        """Puts the cursor where one goes on: the button that was pressed may be gone."""
        if self._clashes:
            self.focus()
        else:
            self._settled()

    def focus(self) -> None:
        """Puts the cursor on the first way out, if there is one."""
        if self._clashes:
            first = self.items.children[0].children[1].children
            (first[0] if first else self.rebase).focus()


def is_open(clash: Clash, changed: Changed, reads: Mapping[Target, str | None]) -> bool:
    """Whether what is pending of an item is still based on the version that the conflict found outdated; ``changed``
    are the changed items of a State, ``reads`` the versions that its steps have read."""
    if clash.kind.startswith("read"):
        return clash.target in reads and reads[clash.target] != (clash.theirs or {}).get("_etag")
    entry = changed.get(clash.target)
    origin = None if entry is None else entry.origin
    return entry is not None and (None if origin is None else origin._etag) == (clash.base or {}).get("_etag")
