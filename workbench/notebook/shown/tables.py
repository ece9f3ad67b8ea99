"""ShownTables: a TablesPlan as ``wb.tables()`` gives it, to look at as HTML, text, a DataFrame or SQL, and to apply."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from workbench.done import Done
from workbench.notebook.frames.tables import tables_frame
from workbench.notebook.html.box import safely
from workbench.notebook.html.tables import VERB, tables_html
from workbench.notebook.shown.source import ShownSql
from workbench.notebook.slips import Slips
from workbench.postgres.tables.alteration import Alteration
from workbench.postgres.tables.ddl_plan import Altered, TablesPlan, lines_of
from workbench.wording import listed

if TYPE_CHECKING:
    import pandas as pd


class ShownTables(Slips, Done):
    """The changes that would make the tables fit the definitions; ``plan`` is the value itself. True if there are any.

    ``run`` runs a verb on the session's loop. Showing it asks nothing of the database."""

    _noun = "a plan of tables"

    def __init__(self, plan: TablesPlan, run: Callable[[Coroutine[Any, Any, Altered]], Altered]) -> None:
        self.plan, self._run = plan, run

    @property
    def alterations(self) -> tuple[Alteration, ...]:
        """The changes, table by table."""
        return self.plan.alterations

    @property
    def summary(self) -> str:
        """``2 additive: wb.tables().apply(); 1 other: wb.tables().apply(all=True)``."""
        return self.plan.summary_with(VERB)

    def frame(self) -> pd.DataFrame:
        """The changes as a DataFrame, one a row; see ``frames.tables.tables_frame`` for its columns."""
        return tables_frame(self.plan)

    def sql(self, *, all: bool = True) -> ShownSql:
        """The statements of ``apply`` as a script for psql; see TablesPlan.sql."""
        return ShownSql(self.plan.sql(all=all))

    def apply(self, *, all: bool = False) -> Altered:
        """Makes the additive changes, with ``all=True`` the others too, in one transaction; what is pending stays.

        See TablesPlan.apply for what is raised; nothing is altered then, but that enum types may have new labels
        already."""
        return self._run(self.plan.apply(all=all))

    def __len__(self) -> int:
        return len(self.plan)

    def __repr__(self) -> str:
        return listed(f"tables: {self.summary}", lines_of(self.alterations))

    def _repr_html_(self) -> str:
        return safely(tables_html, self.plan)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}
