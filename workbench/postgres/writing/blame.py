"""Blame: which items of a plan broke a constraint, as the server tells only the values; and for a unique value, which
softly deleted item still has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.domain.resource import Resource, Target
from workbench.errors import ConstraintViolated
from workbench.postgres.encoding import encoded, is_list
from workbench.postgres.engine import Engine
from workbench.postgres.query import PostgresReader
from workbench.postgres.writing.holder import with_holder
from workbench.postgres.writing.statements import Statement
from workbench.state.planning.change import Change
from workbench.state.planning.plan import Plan
from workbench.state.planning.table import Column, Table
from workbench.state.planning.telling import told_parked
from workbench.wording import joined


async def blamed(
    engine: Engine, reader: PostgresReader, violation: ConstraintViolated, statement: Statement,
    moved: dict[Target, str],
) -> ConstraintViolated:
    """The violation with the items that broke it; an insert of an item that is there by now is noted as moved."""
    changes, table, detail = statement.changes, statement.table, violation.detail
    found = _blamed_of(changes, table, violation)
    if violation.kind == "unique" or (not found and "=(" in detail):
        async with engine.acquire(doing="reading what is in the way") as connection:
            if violation.kind == "unique" and statement.kind == "insert":
                kindred = changes[0].target[:2]
                there = await reader.load_with(
                    connection, kindred, [change.target.identifier for change in changes], deleted=True)
                moved |= {Target(*kindred, item._id): "insert" for item in there}
            found = found or await _told_by_server(connection, changes, table, violation)
            if violation.kind == "unique" and found:
                detail = await with_holder(detail, connection, table, violation.columns, found[0].after)
    if found:
        detail = joined(detail, told_parked(found[0].parked))
    return _with_items(violation, detail, found)


async def blamed_at_the_end(engine: Engine, plan: Plan, violation: ConstraintViolated) -> ConstraintViolated:
    """The violation of a unique constraint that is checked at the end, with the items that have the value."""
    for kindred, table in plan.tables.items():
        if table.name != violation.table:
            continue
        having = [change for change in plan.changes if change.target[:2] == kindred and change.after is not None]
        found = [change for change in having if _is_told(change, table, violation)]
        async with engine.acquire(doing="reading what is in the way") as connection:
            found = found or await _told_by_server(connection, having, table, violation)
            if found:
                detail = await with_holder(violation.detail, connection, table, violation.columns, found[0].after)
                return _with_items(violation, detail, found)
    return violation


def _with_items(violation: ConstraintViolated, detail: str, found: Sequence[Change]) -> ConstraintViolated:
    return ConstraintViolated(
        violation.kind, violation.constraint, violation.table, detail,
        columns=violation.columns, targets=[change.target for change in found])


def _blamed_of(changes: Sequence[Change], table: Table, violation: ConstraintViolated) -> list[Change]:
    """The changes that a violation speaks of: their values are in the server's words, or one is alone."""
    if len(changes) == 1:
        return [*changes]
    if violation.kind in ("check", "not null"):     # Failing row contains (1, …): no key is named, but etags are unique
        told = violation.detail
        return [change for change in changes if change.after is not None and str(change.after._etag) in told]
    return [change for change in changes if _is_told(change, table, violation)]


def _is_told(change: Change, table: Table, violation: ConstraintViolated) -> bool:
    """Whether the values of a change, as it leaves its item or as it takes it away, are in the words of a violation."""
    columns = _columns(table)
    values = [columns[name].kind.dump(_value(change, columns[name])) for name in violation.columns if name in columns]
    told = f"=({', '.join(str(value) for value in values)})"
    return bool(values) and told in violation.detail


async def _told_by_server(
    connection: Any, changes: Sequence[Change], table: Table, violation: ConstraintViolated,
) -> list[Change]:
    """The same of values that the server writes in a way of its own, by its settings, as moments and bytes: it is asked
    how it does."""
    known = _columns(table)
    columns = [known[name] for name in violation.columns if name in known and not is_list(known[name].kind)]
    if not columns or len(columns) < len(violation.columns):
        return []
    values = [[encoded(column.kind, _value(change, column)) for change in changes] for column in columns]
    given = ", ".join(f"${place}::{column.type}[]" for place, column in enumerate(columns, 1))
    names = ", ".join(f"value{place}" for place in range(len(columns)))
    rows = await connection.fetch(      # not cast to text: the words have t for true
        f"SELECT place FROM unnest({given}) WITH ORDINALITY AS given({names}, place) "
        f"WHERE strpos(${len(columns) + 1}::text, '=(' || concat_ws(', ', {names}) || ')') > 0 ORDER BY place",
        *values, violation.detail)
    return [changes[place - 1] for (place,) in rows]


def _columns(table: Table) -> Mapping[str, Column]:
    return {column.name: column for column in table.columns}


def _value(change: Change, column: Column) -> Any:
    """What a change puts into a column, for a moment where it is parked; what it takes away where it deletes."""
    item: Resource | None = change.after if change.after is not None else change.before
    return (change.parked or {}).get(column.field, getattr(item, column.field))
