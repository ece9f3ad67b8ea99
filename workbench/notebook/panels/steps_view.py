"""StepsView: the steps of the present branch, with undo, redo, goto, and the branches to switch to, make or merge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import ipywidgets as widgets

from workbench.notebook.arrival import Arrival
from workbench.notebook.html.box import box, safely, scrolled
from workbench.notebook.html.called import Called
from workbench.notebook.html.step import address_html, step_html
from workbench.notebook.panels.status_view import StatusView, button
from workbench.state.history.branch import Branch
from workbench.state.manager import StateManager
from workbench.state.step import Step

SHOWN = 50      # steps in the table, the last ones


class Moving(Protocol):
    """The verbs of a Workbench that are used here."""

    def undo(self, n: int = 1) -> list[Step]: ...
    def redo(self, n: int = 1) -> list[Step]: ...
    def goto(self, step: int) -> Step | None: ...
    def branch(self, name: str) -> Branch: ...
    def switch(self, branch: str) -> Branch: ...
    def merge(self, branch: str) -> Any: ...


class StepsView:
    """A table of steps under the buttons that move along it."""

    def __init__(self, wb: Moving, manager: Callable[[], StateManager], status: StatusView) -> None:
        self._wb, self._manager, self._status = wb, manager, status
        self._own = False       # whether the choosers are being filled, not chosen from
        self.undo = button("↶ Undo", "wb-undo", lambda: self._move(wb.undo, "undone"))
        self.redo = button("↷ Redo", "wb-redo", lambda: self._move(wb.redo, "redone"))
        self.goto = widgets.Dropdown(description="go to").add_class("wb-goto")
        self.branch = widgets.Dropdown(description="branch").add_class("wb-branch")
        # Sent when it is left: of what is sent while one types, the last part may come after a click on the button.
        self.name = widgets.Text(description="new branch", placeholder="its name", continuous_update=False)
        self.name.add_class("wb-branch-name")
        self._arrival = Arrival()
        self.name.on_msg(self._entered)
        self.make = button("Branch from here", "wb-branch-make", self._branch)
        self.other = widgets.Dropdown(description="merge").add_class("wb-other")
        self.merge = button("Merge into this one", "wb-branch-merge", self._merge)
        row = widgets.Layout(flex_flow="row wrap", align_items="center")
        self.merging = widgets.Box([self.other, self.merge], layout={"flex_flow": "row wrap", "align_items": "center"})
        self.table = widgets.HTML()
        self.goto.observe(self._goto, "value")
        self.branch.observe(self._switch, "value")
        self.widget = widgets.VBox([
            widgets.Box([self.undo, self.redo, self.goto], layout=row),
            widgets.Box([self.branch, widgets.HBox([self.name, self.make]), self._arrival.widget], layout=row),
            self.merging, self.table])
        self.widget.add_class("wb-steps")

    def refresh(self) -> None:
        """Shows the steps and branches as they are now."""
        manager = self._manager()
        here = manager.here
        state, left = here.line
        pending, steps = state.pending(), state.steps()
        undone = [one.step for one in left if one.step is not None]
        self.undo.disabled, self.redo.disabled = not pending, not undone
        before = pending[0].number - 1 if pending else (steps[-1].number if steps else 0)
        places = [("before all that is pending", before)]
        places += [(f"step {step.number}: {type(step.command).__name__}", step.number) for step in [*pending, *undone]]
        self._own = True
        try:
            self.goto.options, self.branch.options = places, list(manager.branches)
            self.goto.value, self.branch.value = steps[-1].number if steps else 0, here.name
        finally:
            self._own = False
        others = [name for name in manager.branches if name != here.name]
        if list(self.other.options) != others:
            self.other.options = others
            self.other.value = others[0] if others else None    # a chooser that had nothing chooses nothing by itself
        self.merging.layout.display = "" if others else "none"
        states = {**dict.fromkeys(pending, "pending"), **dict.fromkeys(undone, "undone")}
        line = [*steps, *undone]
        called = Called(manager)
        rows = [_row(step, states.get(step, "committed"), bool(steps) and step is steps[-1], called)
                for step in line[:-SHOWN - 1:-1]]
        more = f'<div class="dim">{len(line) - SHOWN} earlier ones: wb.steps</div>' if len(line) > SHOWN else ""
        heads = "".join(f'<th scope="col">{head}</th>' for head in ("step", "state", "at", "what came of it"))
        table = f'<table aria-label="steps"><tr>{heads}</tr>{"".join(rows)}</table>'
        told = table + more if rows else '<div class="dim">Nothing was issued yet.</div>'
        self.table.value = scrolled(box(told), "the steps, the last one first")

    def _move(self, verb: Callable[[], list[Step]], told: str) -> None:
        def deed() -> str:
            return f"{told}: " + ", ".join(f"step {step.number}, {_address(step, Called(self._manager()))}"
                                           for step in verb())

        self._status.run(deed)
        if self.undo.disabled != self.redo.disabled:        # a browser takes the keyboard from a button that is off
            (self.redo if self.undo.disabled else self.undo).focus()

    def _goto(self, change: Any) -> None:
        def deed() -> str:
            step = self._wb.goto(change.new)
            return "before all that is pending" if step is None else f"at step {step.number}"

        self._chosen(deed)

    def _switch(self, change: Any) -> None:
        self._chosen(lambda: f"on {self._wb.switch(change.new)!r}")

    def _chosen(self, deed: Callable[[], str]) -> None:
        """Does what was chosen; if that fails, the choosers show again where we are."""
        with self._status.drawing:      # where it is another thread that fills, this is chosen
            own = self._own
        if not own and not self._status.run(deed):
            self._status.draw(self.refresh)

    def _entered(self, _: Any, content: dict[str, Any], __: Any) -> None:
        if content.get("event") == "submit":        # which comes before the name
            self._arrival.then(self._branch)

    def _branch(self) -> None:
        def deed() -> str:
            made = self._wb.branch(self.name.value.strip())
            self.name.value = ""
            return f"on {self._wb.switch(made.name)!r}"

        self._status.run(deed)

    def _merge(self) -> None:
        name = self.other.value

        def deed() -> str:
            self._wb.merge(name)
            return f"merged {name!r} into {self._manager().here.name!r}; one step, which undo takes back"

        self._status.work("merging", deed)


def _address(step: Step, called: Called) -> str:
    """The address of a step as text, in which the item that it was on is named."""
    where = None if step.on is None else step.address.removesuffix(f"/{step.on.identifier}")
    return step.address if step.on is None or where is None or where == step.address else called.text(where, step.on)


def _row(step: Step, state: str, here: bool, called: Called) -> str:
    mark = "▶ " if here else ""
    kind = {"pending": "update", "undone": "dim", "committed": "insert"}[state]
    sign = {"pending": "~", "undone": "↶", "committed": "✓"}[state]
    # Its own tree, within this box: the style is there already.
    tree = safely(step_html, step, called).partition("</style>")[2]
    return (f'<tr><td>{mark}{step.number}</td><td class="{kind}">{sign} {state}</td><td>{step.at:%H:%M:%S}</td>'
            f'<td class="told"><details><summary>{address_html(step, called)}</summary>{tree}</details></td></tr>')
