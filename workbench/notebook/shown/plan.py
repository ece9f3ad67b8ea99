"""ShownPlan: a Plan as ``wb.plan()`` gives it, to look at: as HTML, text, a DataFrame, or SQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from workbench.domain.resource import Resource, Target
from workbench.done import Done
from workbench.errors import WorkbenchError
from workbench.notebook.frames.check import explain_frame
from workbench.notebook.frames.plan import plan_frame
from workbench.notebook.html.box import safely
from workbench.notebook.html.called import Called
from workbench.notebook.html.plan import outline, plan_html
from workbench.notebook.html.saved_names import names_of
from workbench.notebook.shown.check import ShownCheck
from workbench.notebook.shown.saved_plan import ShownSavedPlan
from workbench.notebook.shown.source import ShownSql, ShownText
from workbench.notebook.slips import Slips
from workbench.postgres.trial.explain import Explained
from workbench.postgres.trial.violation import Checked
from workbench.postgres.writing.script import script
from workbench.postgres.writing.statements import Statement, compiled
from workbench.state.planning.change import Change
from workbench.state.planning.plan import Plan

if TYPE_CHECKING:
    import pandas as pd


class ShownPlan(Slips, Done):
    """The plan of all that is pending; ``plan`` is the value itself. Showing it asks nothing of the database.

    ``check`` and ``explain`` are the session's, called with the plan; without them it cannot be tried. ``called``
    tells what items are called. The last check is remembered, and told with the summary."""

    _noun = "a plan"

    def __init__(
        self, plan: Plan, *, check: Callable[..., Checked] | None = None,
        explain: Callable[[Plan], list[Explained]] | None = None, called: Called | None = None,
    ) -> None:
        self.plan, self._check, self._explain, self._called = plan, check, explain, called
        self._last: tuple[float, Checked] | None = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes, one an item, in the order in which they are written."""
        return self.plan.changes

    @property
    def summary(self) -> str:
        """``3 to add, 1 to change, 0 to delete``."""
        return self.plan.summary

    @property
    def warnings(self) -> tuple[str, ...]:
        """What will be of rows and columns that are no resource's, a sentence each, as it is shown below the plan."""
        return self.plan.warnings

    def frame(self) -> pd.DataFrame:
        """The changes as a DataFrame, one item a row; see ``frames.plan.plan_frame`` for its columns."""
        return plan_frame(self.plan)

    def check(self, *, verify_reads: bool = True, timeout: float = 10.0) -> ShownCheck:
        """Tries the plan in a transaction that is rolled back, for about ``timeout`` seconds at most.

        Every violation and stale row is found, with the step, event and cell it comes from; ``.frame()`` has them."""
        if self._check is None:
            raise WorkbenchError("this plan was shown without a database to try it on; make it with wb.plan()")
        checked = self._check(self.plan, verify_reads=verify_reads, timeout=timeout)
        self._last = (monotonic(), checked)
        return ShownCheck(checked, self._called)

    @property
    def checked(self) -> ShownCheck | None:
        """What the last check of this plan found; None when it was not checked."""
        return None if self._last is None else ShownCheck(self._last[1], self._called)

    def explain(self) -> pd.DataFrame:
        """Postgres' estimates, one statement a row; nothing is run. See ``frames.check.explain_frame``."""
        if self._explain is None:
            raise WorkbenchError("this plan was shown without a database to ask; make it with wb.plan()")
        return explain_frame(self._explain(self.plan))

    @property
    def statements(self) -> list[Statement]:
        """The statements that a commit runs, in their order: SQL with parameters, and the changes they carry."""
        return compiled(self.plan)

    def sql(self) -> ShownSql:
        """The plan as a script that psql runs as it stands, values and all: ``psql -X -f plan.sql``.

        It is one transaction, and raises when the plan is stale; ``.save(path)`` writes it. Raises
        Invalid for a value that has no literal."""
        return ShownSql(script(self.plan))

    def save(self, path: str | Path, *, overwrite: bool = False) -> ShownSavedPlan:
        """Writes the plan to a file, to be read by others and applied later, once: ``wb.apply(path)``. It says what
        its items are called here, to whoever looks at it.

        Raises SavedPlanError where there is a file that holds anything else, unless ``overwrite``."""
        names = None if self._called is None else names_of(self.plan.order.changes, self._called)
        saved = self.plan.save(path, overwrite=overwrite, names=names)
        return ShownSavedPlan(saved.document, check=self._check, called=self._called)

    def why(self, item: Change | Target | Resource) -> ShownText:
        """In words, what led to a change: each mutation, its event, command, step and cell; or why there is none."""
        return ShownText(self.plan.why(item))

    def __len__(self) -> int:
        return len(self.plan)

    def __repr__(self) -> str:
        return repr(self.plan)

    def _repr_html_(self) -> str:
        return safely(self._html)

    def _html(self) -> str:
        at, checked = self._last or (0.0, None)
        return plan_html(self.plan, outline(self.statements), checked=checked, ago=monotonic() - at,
                         why=self.plan.why, called=self._called)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}
