"""Panel: a Workbench to click: commands and their forms, items, the plan, steps and branches, conflicts, the map.

    CommandView  ──issue──▶  Workbench  ──watch──▶  Panel.refresh  ──▶  PlanView, ItemsView, StepsView, ConflictView

It keeps no state of its own: each view shows what the Workbench has, whoever moved it, a click here, another panel or
a cell. Only the tab in sight is drawn. All that fails in a callback ends in ``last_error`` and in the status line.
"""

from __future__ import annotations

from html import escape
from threading import RLock
from typing import Any

import ipywidgets as widgets

from workbench.notebook.box import box
from workbench.notebook.command_view import CommandView
from workbench.notebook.conflict_view import ConflictView
from workbench.notebook.items_view import ItemsView
from workbench.notebook.plan_view import PlanView
from workbench.notebook.status_view import StatusView
from workbench.notebook.steps_view import StepsView
from workbench.state.manager import StateManager

_STYLE = """<style>
.wb-commands > .widget-text, .wb-commands > .widget-dropdown, .wb-commands > .widget-select {width: 100%;
    max-width: 26em}
.wb-panel .wb-left {flex: 1 1 20em; max-width: 30em; min-width: 0; padding-right: 1em}
.wb-panel .wb-right {flex: 3 1 30em; min-width: 0}
.wb-panel .wb-conflict {border-left: 4px solid var(--jp-error-color1, #c62828); padding-left: .8em}
.wb-panel .widget-html-content {overflow-x: auto}
</style>"""
TABS = ("Plan", "Items", "Steps", "Map")


class Panel:
    """What ``wb.panel()`` gives; several may be open at once. ``close`` takes it away."""

    def __init__(self, wb: Any) -> None:
        self._wb = wb
        self._lock = RLock()        # a cell and a click may end at the same time, on two threads
        self.status = StatusView()
        self.head = widgets.HTML()
        self.commands = CommandView(wb, self.status)
        self.plan = PlanView(wb, self.status)
        self.items = ItemsView(self._manager, self.status)
        self.steps = StepsView(wb, self._manager, self.status)
        self.conflict = ConflictView(wb, lambda: wb._conflict, self._manager, self.status)
        self.map = widgets.HTML().add_class("wb-map")
        views = [self.plan.widget, self.items.widget, self.steps.widget, self.map]
        self.tabs = widgets.Tab(views, titles=TABS)
        left = widgets.VBox([self.commands.widget]).add_class("wb-left")
        right = widgets.VBox([self.conflict.widget, self.tabs]).add_class("wb-right")
        self.body = widgets.Box([left, right], layout=widgets.Layout(flex_flow="row wrap"))
        self.widget = widgets.VBox([widgets.HTML(_STYLE), self.head, self.status.widget, self.body])
        self.widget.add_class("wb-panel")
        self.tabs.observe(lambda _: self.refresh(), "selected_index")
        self._unwatch = wb.watch(self.refresh)
        self.refresh()

    @property
    def last_error(self) -> BaseException | None:
        """What the last click ended in; None where it went well."""
        return self.status.last_error

    def refresh(self) -> None:
        """Shows everything as it is now; called after every verb, whoever called it."""
        with self._lock:
            self.status.run(self._refresh)

    def close(self) -> None:
        """Takes the panel away; the workbench stays open."""
        self._unwatch()
        self.widget.close()

    def _manager(self) -> StateManager:
        manager: StateManager = self._wb._at_work().manager
        return manager

    def _refresh(self) -> None:
        self.head.value = box(f"<b>{escape(repr(self._wb).strip('<>'))}</b>")
        try:
            self._manager()
        except Exception:       # it was closed: nothing here can do anything any more
            self.body.layout.display = "none"
            raise
        self.commands.refresh()
        self.conflict.refresh()
        (self.plan.refresh, self.items.refresh, self.steps.refresh, self._draw)[self.tabs.selected_index or 0]()

    def _draw(self) -> None:
        self.map.value = f"<div>{self._wb.map().svg()}</div>"

    def __repr__(self) -> str:
        return (f"<panel of {self._wb!r}; where there is nothing to click, the kernel was restarted or is gone: "
                "open it again with wb.panel()>")

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = self.widget._repr_mimebundle_(**options) or {}
        return {**bundle, "text/plain": repr(self)}
