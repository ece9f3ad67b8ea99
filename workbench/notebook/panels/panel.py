"""Panel: a Workbench to click: commands and their forms, items, the plan, steps and branches, conflicts, the map.

    CommandView  ──issue──▶  Workbench  ──watch──▶  Panel.refresh  ──▶  PlanView, ItemsView, StepsView, ConflictView

It keeps no state of its own: each view shows what the Workbench has, whoever moved it, a click here, another panel or
a cell. Only the tab in sight is drawn, and nothing while the panel itself is out of sight, as after its cell ran again.
All that fails in a callback ends in ``last_error`` and in the status line.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as widgets

from workbench.notebook.closing import close
from workbench.notebook.display import after_cells
from workbench.notebook.forms.keys import keeping_keys
from workbench.notebook.forms.style import ARROW, seen_style
from workbench.notebook.html.box import box, scrolled
from workbench.notebook.panels.command_view import CommandView
from workbench.notebook.panels.conflict_view import ConflictView
from workbench.notebook.panels.items_view import ItemsView
from workbench.notebook.panels.plan_view import PlanView
from workbench.notebook.panels.status_view import StatusView
from workbench.notebook.panels.steps_view import StepsView
from workbench.state.manager import StateManager

_STYLE = f"""{keeping_keys(".wb-panel")}
.wb-commands > .widget-text, .wb-commands > .widget-dropdown {{width: auto; max-width: 26em}}
.wb-panel .wb-left > .wb-commands, .wb-panel .wb-right > * {{max-width: 100%; box-sizing: border-box}}
.wb-panel .wb-left {{flex: 1 1 20em; max-width: 30em; min-width: 0; padding-right: 1em}}
.wb-panel .wb-right {{flex: 3 1 30em; min-width: 0}}
.wb-panel .wb-conflict {{border-left: 4px solid var(--jp-error-color1, #c62828); padding-left: .8em;
    margin-bottom: .8em}}
.wb-panel .widget-html-content {{overflow-x: auto; min-width: 0}}
.wb-map svg {{max-width: none}}
.wb-panel {{{ARROW}}}
.wb-panel .lm-TabBar-tabLabel {{color: var(--jp-ui-font-color0, inherit)}}
{seen_style(".wb-panel")}
.wb-panel .wb-form.jupyter-widgets-disconnected > .wb-gone {{display: none}}
.wb-panel .wb-form.jupyter-widgets-disconnected > :not(.wb-gone) {{opacity: 1}}
</style>"""
# Shown by the style alone: there is no kernel any more that could show it.
_GONE = ('<div class="delete" role="alert">✗ The kernel was restarted or is gone, and with it this panel and what was '
         "pending: nothing can be clicked here any more. Run the cells again, or wb.panel() in a new one.</div>")
TABS = ("Plan", "Items", "Steps", "Map")


class Panel:
    """What ``wb.panel()`` gives; several may be open at once. ``close`` takes it away."""

    def __init__(self, wb: Any) -> None:
        self._wb = wb
        self.status = StatusView()
        self.head = widgets.HTML()
        self.commands = CommandView(wb, self.status)
        self.items = ItemsView(self._manager, self.status)
        self.steps = StepsView(wb, self._manager, self.status)
        self.conflict = ConflictView(wb, self._manager, self.status, lambda: self.plan.commit.focus())
        self.plan = PlanView(wb, self.status, self.conflict.focus)
        self.map = widgets.HTML().add_class("wb-map")
        views = [self.plan.widget, self.items.widget, self.steps.widget, self.map]
        self.tabs = widgets.Tab(views, titles=TABS)
        left = widgets.VBox([self.commands.widget]).add_class("wb-left")
        right = widgets.VBox([self.conflict.widget, self.tabs]).add_class("wb-right")
        self.body = widgets.Box([left, right], layout=widgets.Layout(flex_flow="row wrap"))
        gone = widgets.HTML(box(_GONE)).add_class("wb-gone")
        self.widget = widgets.VBox([widgets.HTML(_STYLE), gone, self.head, self.status.widget, self.body])
        self.widget.add_class("wb-panel")
        self.tabs.observe(lambda _: self.refresh(), "selected_index")
        self._seen: list[int] = []      # the versions of the domains that were shown
        self._ends: list[Callable[[], None]] = []
        self.widget._view_count = 0     # the front end counts from now on where it is in sight
        self.widget.observe(self._sighted, "_view_count")
        self._follow()

    @property
    def last_error(self) -> BaseException | None:
        """What the last click ended in; None where it went well."""
        return self.status.last_error

    @property
    def watches(self) -> bool:
        """Whether it follows the workbench; not while it is out of sight, nor when it was closed."""
        return bool(self._ends)

    def refresh(self) -> None:
        """Shows everything as it is now; called after every verb, whoever called it."""
        self.status.draw(self._refresh)

    def close(self) -> None:
        """Closes the panel; the workbench stays open."""
        self._sleep()
        self.commands.close()
        close(self.widget)

    def _sighted(self, change: Any) -> None:
        """Sleeps when no page shows the panel, as when its cell ran again; wakes when one does."""
        if change.new == 0:
            self._sleep()
        elif not self.watches:
            self._follow()

    def _follow(self) -> None:
        self._ends = [self._wb.watch(self.refresh), after_cells(self._defined)]
        self.refresh()

    def _sleep(self) -> None:
        for end in self._ends:
            end()
        self._ends = []

    def _defined(self) -> None:
        """After a cell: offers what it defined. What it issued was told already."""
        if not self._wb.closed and self._seen != self._versions():
            self.refresh()

    def _versions(self) -> list[int]:
        return [domain.version for domain in self._wb.session.registry.domains.values()]

    def _manager(self) -> StateManager:
        manager: StateManager = self._wb._at_work().manager
        return manager

    def _refresh(self) -> None:
        self.head.value = box(f"<b>{escape(repr(self._wb).strip('<>'))}</b>")
        if self._wb.closed:     # nothing here can do anything any more
            self.body.layout.display = "none"
        self._manager().registry.refresh()
        versions = self._versions()
        self.commands.refresh()
        self.conflict.refresh()
        (self.plan.refresh, self.items.refresh, self.steps.refresh, self._draw)[self.tabs.selected_index or 0]()
        self._seen = versions       # where something above failed, the next cell has it looked at again

    def _draw(self) -> None:
        self.map.value = scrolled(self._wb.map().svg(), "the map")

    def __repr__(self) -> str:
        return (f"<panel of {self._wb!r}; where there is nothing to click, the kernel was restarted or is gone: "
                "open it again with wb.panel()>")

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = self.widget._repr_mimebundle_(**options) or {}
        return {**bundle, "text/html": self._still(), "text/plain": repr(self)}

    def _still(self) -> str:
        """The plan and the steps as they are now, as HTML for a page without a kernel."""
        self.status.draw(self.steps.refresh)
        told = '<div class="dim">a panel, as it was when its cell ran; in a running notebook: wb.panel()</div>'
        return f"{self.head.value}{self.plan.html.value}{self.steps.table.value}{box(told)}"
