"""PlanView: what a commit would write, live, with Check and Commit; the commit asks first, with the summary.

Only the plan that was asked about is written: if it has moved since, the commit refuses it.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Protocol

import ipywidgets as widgets

from workbench.notebook.html.box import box, scrolled
from workbench.notebook.panels.status_view import StatusView, button
from workbench.notebook.shown.plan import ShownPlan
from workbench.postgres.writing.commit import Commit
from workbench.wording import counted


class Committing(Protocol):
    """The verbs of a Workbench that are used here."""

    def plan(self) -> ShownPlan: ...
    def commit(self, plan: ShownPlan) -> Commit: ...


class PlanView:
    """The pending plan and its two buttons; ``refused`` is called when a commit was refused."""

    def __init__(self, wb: Committing, status: StatusView, refused: Callable[[], None]) -> None:
        self._wb, self._status, self._refused = wb, status, refused
        self.shown: ShownPlan | None = None
        self._asked: ShownPlan | None = None
        self.html = widgets.HTML()
        self.check = button("Check", "wb-check", self._check, tooltip="try the plan and roll it back")
        self.commit = button("Commit …", "wb-commit", self._ask, style="primary", tooltip="write the plan; asks first")
        self.question = widgets.HTML()
        self.confirm = button("Write it", "wb-confirm", self._commit, style="danger")
        self.cancel = button("Not now", "wb-cancel", self._not_now)
        self.asking = widgets.VBox([self.question, widgets.HBox([self.confirm, self.cancel])])
        self.widget = widgets.VBox([widgets.HBox([self.check, self.commit]), self.asking, self.html])
        self.widget.add_class("wb-plan")
        self._withdraw()

    def refresh(self) -> None:
        """Shows the plan as it is now. If it has changed, its check is forgotten, and a question about it withdrawn."""
        plan = self._wb.plan()
        if self.shown is None or plan.plan.state is not self.shown.plan.state:
            self.shown = plan
            self._withdraw()
        self.check.disabled = not len(self.shown)
        self.commit.disabled = not self.shown.plan.steps
        self._show(self.shown)

    def _show(self, plan: ShownPlan) -> None:
        self.html.value = scrolled(plan._repr_html_(), "the plan")

    def _check(self) -> None:
        def deed() -> str | None:
            plan = self._present()
            found = plan.check().violations
            with self._status.drawing:
                if plan is self.shown:      # else a cell has changed it meanwhile
                    self._show(plan)
            if found:
                self._status.warn(f"the check found {counted(len(found), 'violation')}; see the plan")
                return None
            return "checked: nothing is in the way of a commit"

        self._status.work("checking", deed)

    def _ask(self) -> None:
        def deed() -> None:
            plan = self._asked = self._present()
            last = plan.checked
            told = ("It was not checked." if last is None else "The check found nothing in its way." if last.ok
                    else f"The check found violations: {len(last.violations)}.")
            self.question.value = box(
                f"<div><b>Write this to the database?</b> {escape(plan.summary)}; "
                f"{counted(len(plan.statements), 'statement')}, in one transaction. {told}</div>")
            self.asking.layout.display = ""
            self.confirm.focus()
            self._status.warn("nothing is written yet; confirm it, or not now")

        self._status.run(deed)

    def _present(self) -> ShownPlan:
        """The plan that is shown, after a look whether a cell has changed it."""
        with self._status.drawing:
            self.refresh()
            assert self.shown is not None
            return self.shown

    def _commit(self) -> None:
        plan = self._asked
        self._withdraw()
        if plan is None:        # it was pressed twice
            return
        if not self._status.work("committing", lambda: repr(self._wb.commit(plan)).splitlines()[0]):
            self._refused()

    def _not_now(self) -> None:
        self._withdraw()
        self.commit.focus()
        self._status.tell("nothing was written")

    def _withdraw(self) -> None:
        self._asked = None
        self.asking.layout.display = "none"
