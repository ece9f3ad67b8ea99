"""Tables as HTML: the changes that a plan of tables would make, and what its ``apply`` has made of them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from workbench.notebook.html.box import box
from workbench.notebook.html.sql import sql_html
from workbench.postgres.tables.alteration import Alteration
from workbench.postgres.tables.ddl_plan import Altered, TablesPlan
from workbench.wording import LIMIT

VERB = "wb.tables()"
_CLASSES = {"add": "insert", "alter": "update", "drop": "delete"}


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
