"""Rows: the other way to look at a Statement: as the rows it carries, whichever form they travel in.

``columns_of`` and ``rows_of`` take a statement apart into columns and one tuple an item; ``part_of`` is the statement
for some of its rows alone. The script writes rows as literals, the check tries parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.domain.registry import Kindred
from workbench.postgres.statements import CHUNK, Statement, column_of, in_lock_order
from workbench.state.plan import Plan
from workbench.state.table import Column, Table, quoted


def columns_of(statement: Statement) -> list[Column]:
    """The columns of ``rows_of``: of an insert all; else the identifier, the etag expected, and what is set."""
    table = statement.table
    if statement.kind == "insert":
        return list(table.columns)
    change = statement.changes[0]
    keys = [column_of(table, "_id"), column_of(table, "_etag")]
    if change.after is None:
        return keys
    return keys + [column for column in table.columns if column.field in change.columns]


def rows_of(statement: Statement) -> list[tuple[Any, ...]]:
    """One tuple of values for each of ``statement.changes``, in their order, as asyncpg takes them."""
    if not is_chunked(statement):
        return statement.parameters
    return [row for chunk in statement.parameters for row in zip(*chunk, strict=True)]


def is_chunked(statement: Statement) -> bool:
    """Whether each run of a statement takes arrays: an identifier itself is never a list."""
    return statement.kind != "insert" and isinstance(statement.parameters[0][0], list)


def part_of(statement: Statement, places: Sequence[int], rows: Sequence[tuple[Any, ...]]) -> Statement:
    """The statement for the changes at some places alone; ``rows`` are all its rows."""
    chosen = [rows[place] for place in places]
    if is_chunked(statement):
        chosen = [tuple(map(list, zip(*chosen[start:start + CHUNK], strict=True)))
                  for start in range(0, len(chosen), CHUNK)]
    return statement._replace(parameters=chosen, changes=tuple(statement.changes[place] for place in places))


def expects_null(rows: Sequence[tuple[Any, ...]]) -> bool:
    """Whether any row of an update or delete expects that there is no etag, which ``=`` would never find."""
    return any(row[1] is None for row in rows)


def deferral(plan: Plan) -> str | None:
    """``SET CONSTRAINTS … DEFERRED`` for what the plan's order relies on; None when it relies on nothing."""
    names = sorted({_constraint(table, name) for table in plan.tables.values()
                    for name, deferrable in (*((key.name, key.deferrable) for key in table.foreign_keys),
                                             *((unique.name, unique.deferrable) for unique in table.uniques))
                    if deferrable and name in plan.order.deferred})
    return f"SET CONSTRAINTS {', '.join(names)} DEFERRED" if names else None


def _constraint(table: Table, name: str) -> str:
    """A constraint's name as SET CONSTRAINTS takes it: in the schema of its table."""
    return f"{quoted(table.schema)}.{quoted(name)}" if table.schema else quoted(name)


def reads_of(plan: Plan) -> Mapping[Kindred, list[Any]]:
    """The identifiers that the steps only read, by resource, in the order in which a commit locks them."""
    by_kind: dict[Kindred, list[Any]] = {}
    for target in plan.reads:
        by_kind.setdefault(target[:2], []).append(target.identifier)
    return {kindred: in_lock_order(by_kind[kindred]) for kindred in sorted(by_kind)}
