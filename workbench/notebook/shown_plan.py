"""ShownPlan: a Plan as ``wb.plan()`` gives it, to look at: as HTML, text, a DataFrame, or SQL."""

from __future__ import annotations

from typing import Any

import pandas as pd

from workbench.domain.resource import Resource, Target
from workbench.notebook.display import plan_html, safely
from workbench.notebook.frames import plan_frame
from workbench.postgres.statements import compiled
from workbench.state.change import Change
from workbench.state.plan import Plan


class ShownPlan:
    """The plan of all that is pending; ``plan`` is the value itself. Showing it asks nothing of the database."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes, one an item, in the order in which they are written."""
        return self.plan.changes

    @property
    def summary(self) -> str:
        """``3 to add, 1 to change, 0 to delete``."""
        return self.plan.summary

    def frame(self) -> pd.DataFrame:
        """The changes as a DataFrame, one item a row; see ``frames.plan_frame`` for its columns."""
        return plan_frame(self.plan)

    def sql(self) -> str:
        """The statements that a commit runs, in their order, each with how many items it carries.

        Values are shown as the parameters ``$1`` …; many new rows go by COPY."""
        return "\n".join(
            f"-- {statement.kind} {len(statement.changes)} of {statement.table.name}\n{statement.sql};"
            for statement in compiled(self.plan))

    def why(self, item: Change | Target | Resource) -> str:
        """In words, what led to a change: each mutation, its event, command, step and cell; or why there is none."""
        return self.plan.why(item)

    def __len__(self) -> int:
        return len(self.plan)

    def __repr__(self) -> str:
        return repr(self.plan)

    def _repr_html_(self) -> str:
        return safely(lambda: plan_html(self.plan, [self.sql()]))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}
