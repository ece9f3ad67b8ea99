"""Holder: the deleted item that still has a unique value which a change was to take; its row stays, unfound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.domain.resource import Resource, Target
from workbench.postgres.encoding import encoded
from workbench.state.planning.table import Table, quoted
from workbench.wording import joined


async def with_holder(
    detail: str, connection: Any, table: Table, columns: Sequence[str], item: Resource | None,
) -> str:
    """What is said of a unique constraint that an item breaks, and which softly deleted item has its values."""
    return joined(detail, await _held_by_deleted(connection, table, columns, item))


async def _held_by_deleted(connection: Any, table: Table, columns: Sequence[str], item: Resource | None) -> str:
    """In words, which softly deleted item has the values of an item in some columns; empty where none has."""
    known = {column.name: column for column in table.columns}
    if item is None or not table.alive or not columns or not known.keys() >= {*columns}:
        return ""
    values = [encoded(known[name].kind, getattr(item, known[name].field)) for name in columns]
    key, deleted = table.column("_id"), table.column("_deleted")
    same = " AND ".join(f"{quoted(name)} = ${place}::{known[name].type}" for place, name in enumerate(columns, 1))
    found = await connection.fetchval(
        f"SELECT {quoted(key.name)} FROM {table.quoted} WHERE {same} AND {quoted(deleted.name)} IS NOT NULL", *values)
    return "" if found is None else held_by(table, found)


def held_by(table: Table, identifier: Any) -> str:
    """What is said of a unique value that the softly deleted item of an identifier has."""
    return (f"it is held by a deleted item, {Target(*table.kindred, identifier)}: its row stays, and keeps its values; "
            "give others")
