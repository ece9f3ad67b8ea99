"""ShownTables: a TablesPlan as ``wb.tables()`` gives it, to look at as HTML, text, a DataFrame or SQL, and to apply."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from workbench.notebook.frames.state import frame_of
from workbench.notebook.html.box import LIMIT, box, safely
from workbench.notebook.html.sql import sql_html
from workbench.postgres.tables.alteration import Alteration
from workbench.postgres.tables.ddl_plan import Altered, TablesPlan, told
from workbench.wording import listed

if TYPE_CHECKING:
    import pandas as pd

VERB = "wb.tables()"
_CLASSES = {"add": "insert", "alter": "update", "drop": "delete"}


class ShownTables:
    """What would make the tables those of the definitions; ``plan`` is the value itself. True where there is anything.

    ``run`` runs a verb on the session's loop. Showing it asks nothing of the database."""

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
        """The changes as a DataFrame, one a row; see ``tables_frame`` for its columns."""
        return tables_frame(self.plan)

    def sql(self, *, all: bool = True) -> str:
        """The statements of ``apply`` as a script for psql; see TablesPlan.sql."""
        return self.plan.sql(all=all)

    def apply(self, *, all: bool = False) -> Altered:
        """Makes the additive changes, with ``all=True`` the others too, in one transaction; what is pending stays.

        See TablesPlan.apply for what is raised; nothing is altered then, but that enum types may have new labels
        already."""
        return self._run(self.plan.apply(all=all))

    def __len__(self) -> int:
        return len(self.plan)

    def __repr__(self) -> str:
        return listed(f"tables: {self.summary}", told(self.alterations))

    def _repr_html_(self) -> str:
        return safely(tables_html, self.plan)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def tables_frame(plan: TablesPlan) -> pd.DataFrame:
    """The changes of tables, one a row; the index counts from 1.

    Columns: ``change`` ("add", "alter", "drop"), ``table``, ``resource``, ``what`` (in words), ``costs`` ("additive",
    "other", "blocked"), ``reason`` (why it is not additive, or None), ``hint`` (what else may have been meant, or None)
    and ``sql``."""
    rows = [(it.kind, it.table, ":".join(it.kindred), it.what,
             "additive" if it.additive else "blocked" if it.blocked else "other", it.reason or None, it.hint or None,
             it.sql) for it in plan.alterations]
    return frame_of(rows, {"change": str, "table": str, "resource": str, "what": str, "costs": str,
                           "reason": str | None, "hint": str | None, "sql": str})


def tables_html(plan: TablesPlan) -> str:
    """A plan of tables: a summary line with the ways to apply it, the changes by table; the SQL is folded."""
    parts = [f"<div><b>Tables: {escape(plan.summary_with(VERB))}</b></div>", *_tables(plan.alterations)]
    if plan:
        of = " of apply(all=True)" if plan.others else ""
        parts.append(f"<details><summary>SQL{of}</summary><pre>{sql_html(plan.sql())}</pre></details>")
    return box(*parts)


def altered_html(altered: Altered) -> str:
    """What ``apply`` has done, folded, and what it left."""
    parts = [f'<div><span class="insert">✓</span> {escape(altered.summary)}</div>']
    parts.append(f"<details><summary>made</summary>{''.join(_tables(altered.done))}</details>")
    if altered.left:
        rest = TablesPlan(altered.left)
        parts += [f"<div>left: {escape(rest.summary_with(VERB))}</div>", *_tables(altered.left)]
    return box(*parts)


def _tables(alterations: Sequence[Alteration]) -> list[str]:
    groups: dict[str, list[Alteration]] = {}
    for alteration in alterations[:LIMIT]:
        groups.setdefault(f"{alteration.table}, for {':'.join(alteration.kindred)}", []).append(alteration)
    parts = [f'<table><tr><th colspan=3 scope="colgroup">{escape(table)}</th></tr>{"".join(map(_row, some))}</table>'
             for table, some in groups.items()]
    if len(alterations) > LIMIT:
        parts.append(f'<div class="dim">… and {len(alterations) - LIMIT} more; wb.tables().frame() has them all</div>')
    return parts


def _row(alteration: Alteration) -> str:
    costs = '<span class="insert">✓ additive</span>'
    if alteration.reason:
        sign, kind = ("✗ blocked", "delete") if alteration.blocked else ("⚠ only when asked", "update")
        costs = f'<span class="{kind}">{sign}:</span> {escape(alteration.reason)}'
    hint = f'<div class="dim">{escape(alteration.hint)}</div>' if alteration.hint else ""
    return (f'<tr><td class="{_CLASSES[alteration.kind]}">{alteration.sign}</td>'
            f'<td class="told">{escape(alteration.what)}{hint}</td><td class="told">{costs}</td></tr>')
