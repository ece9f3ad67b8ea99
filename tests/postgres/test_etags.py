"""Etags, as a commit compares them: which of many rows are not as they were read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.editing import Note, Owner, at, edit
from workbench import (
    Conflict,
    Delete,
    Insert,
    Session,
    Target,
    Update,
)
from workbench.domain.mutation import Mutation
from workbench.postgres import etags as etags_module
from workbench.postgres.etags import moved_of
from workbench.postgres.writing.guards import lock_order

TEXTS = ["a", "B", "b", "ä", "Z", "_", "0", "a b", "ab", "€"]      # in another order in nearly every collation
UUIDS = [UUID(int=number << 120 | 7) for number in (250, 3, 128, 127, 0)]


@pytest.mark.parametrize("some", [1, 2, 1000])
@pytest.mark.parametrize("resource, identifiers, values", [
    (Note, TEXTS, {}), (Owner, UUIDS, {"email": "{}@example.org"})])
async def test_what_moved(
    session: Session, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch,
    resource: Any, identifiers: Sequence[Any], values: dict[str, str], some: int,
) -> None:
    """Rows are compared in the order in which they are locked, whatever the collation, some at a time; those that have
    another etag, or are gone, are named."""
    monkeypatch.setattr(etags_module, "SOME", some)
    await edit(session, *(Insert(Target("desk", at(resource, identifiers[0]).resource, one), **{
        name: value.format(number) for name, value in values.items()}) for number, one in enumerate(identifiers)))
    await session.commit()
    [table] = [table for kindred, table in session.reader.tables.items() if kindred[1] == resource.__name__.lower()]
    ordered = [identifiers[place] for place in lock_order(identifiers)]
    stored = {item._id: item._etag for item in await session.fetch(resource, ordered)}
    etags = [stored[one] for one in ordered]

    async def moved() -> list[Any]:
        async with session.engine.acquire() as connection, connection.transaction():
            asked: list[str] = []
            with connection.query_logger(lambda query: asked.append(query.query)):
                found = await moved_of(connection, table, ordered, etags)
            await asyncio.sleep(0)      # the logger is called at the loop's next turn
            of_it = [query for query in asked if table.quoted in query]     # asyncpg asks about types by itself
            assert len(of_it) == (2 if found else 1)        # nearly always one, which compares alone
            return found

    assert await moved() == []
    await admin.execute(f"UPDATE {table.quoted} SET _etag = 'other' WHERE _id = $1", ordered[1])
    await admin.execute(f"DELETE FROM {table.quoted} WHERE _id = $1", ordered[-1])
    assert await moved() == [ordered[1], ordered[-1]]


@pytest.mark.parametrize("mutation", [Update(at(Note, "a"), text="mine"), Delete(at(Note, "a"))])
@pytest.mark.parametrize("others", [0, 150])
async def test_a_stale_etag_is_no_silent_nothing(
    session: Session, admin: asyncpg.Connection, mutation: Mutation, others: int,
) -> None:
    """A row that has another etag by now is a conflict, alone and among hundreds; it is not merely left as it is."""
    keys = [f"k{number}" for number in range(others)]
    await edit(session, *(Insert(at(Note, key), text="x") for key in ["a", *keys]))
    await session.commit()
    await admin.execute("UPDATE desk_note SET text = 'theirs', _etag = 'other' WHERE _id = 'a'")
    again = [Delete(at(Note, key)) if isinstance(mutation, Delete) else Update(at(Note, key), text="mine")
             for key in keys]
    await edit(session, *again, mutation)
    with pytest.raises(Conflict) as caught:
        await session.commit()
    assert [clash.target.identifier for clash in caught.value.items] == ["a"]
    rows = await admin.fetch("SELECT _id, text FROM desk_note")
    assert dict(map(tuple, rows)) == {"a": "theirs"} | dict.fromkeys(keys, "x")
