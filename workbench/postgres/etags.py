"""Etags as they are stored: what tells whether a row has moved since it was read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.postgres.sending import sent
from workbench.state.planning.table import Column, Table, quoted

SOME = 1000      # etags that are compared at once: those of the next ones are sent meanwhile
_GONE = object()


async def etags_of(
    connection: Any, table: Table, identifiers: Sequence[Any], *, locking: str = "", alive: bool = False,
) -> dict[Any, str | None]:
    """The etags by identifier, of soft-deleted rows too unless ``alive``; those that are not there are left out.

    ``locking`` is how the rows are to be locked, one after the other (``"FOR UPDATE SKIP LOCKED"``)."""
    key, etag = table.column("_id"), table.column("_etag")
    rows = await connection.fetch(
        f"SELECT {quoted(key.name)}, {quoted(etag.name)} FROM {table.quoted} "
        f"WHERE {quoted(key.name)} = ANY($1::{key.type}[])" + (table.alive if alive else "")
        + (f" ORDER BY {_order(key)} {locking}" if locking else ""),
        identifiers)
    return dict(rows)       # a record of two is a pair


async def moved_of(
    connection: Any, table: Table, identifiers: list[Any], etags: list[str | None], *, locking: str = "",
) -> list[Any]:
    """The identifiers of those rows that are not there or have another etag than the one expected; they are given in
    the order of locking, in which etags are compared fastest. ``locking`` is as for ``etags_of``."""
    key, etag = table.column("_id"), table.column("_etag")
    portions = [slice(start, start + SOME) for start in range(0, len(identifiers), SOME)]
    found = await sent(connection, connection.fetchmany(
        f"SELECT array_agg(_etag) FROM (SELECT {quoted(etag.name)} AS _etag FROM {table.quoted} "
        f"WHERE {quoted(key.name)} = ANY($1::{key.type}[]) ORDER BY {_order(key)} {locking}) AS there",
        ((identifiers[some],) for some in portions)))
    if all(there == etags[some] for (there,), some in zip(found, portions, strict=True)):      # as nearly always
        return []
    stored = await etags_of(connection, table, identifiers)
    return [identifier for identifier, expected in zip(identifiers, etags, strict=True)
            if stored.get(identifier, _GONE) != expected]


def _order(key: Column) -> str:
    """How SQL says the order in which all lock rows (guards.lock_order), whatever the database's collation."""
    return f'{quoted(key.name)} COLLATE "C"' if key.kind.annotation is str else quoted(key.name)
