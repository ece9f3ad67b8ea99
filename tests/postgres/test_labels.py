"""Labels: rows are found by a part of their label or the beginning of their identifier, and never too many."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.editing import Account, Note, Owner, Paper, at, desk, edit
from workbench import Delete, Insert, Session
from workbench.errors import DatabaseError
from workbench.postgres import labels
from workbench.postgres.labels import labelled

TEXTS = {"a1": "Ada", "a2": "Adam", "b1": "100 %", "b2": "a_b", "c": "', 1); DROP TABLE desk_note; --"}


async def found(session: Session, resource: type[Any], label: str | None, text: str, limit: int = 10) -> list[Any]:
    table = session.reader.tables["desk", resource.__name__.lower()]
    return [tuple(row) for row in await labelled(session.engine, table, label, text, limit=limit)]


async def test_by_a_part_of_the_label(dsn: str) -> None:
    """A text is found within labels, in any case, as it is: no sign in it has a meaning, and nothing in it is run."""
    async with Session(desk(Note), dsn=dsn) as session:
        await edit(session, *(Insert(at(Note, key), text=text) for key, text in TEXTS.items()))
        await session.commit()
        assert await found(session, Note, "text", "ADA") == [("a1", "Ada"), ("a2", "Adam")]
        assert await found(session, Note, "text", "%") == [("b1", "100 %")]
        assert await found(session, Note, "text", "a_") == [("b2", "a_b")]
        assert await found(session, Note, "text", TEXTS["c"]) == [("c", TEXTS["c"])]
        assert await found(session, Note, "text", "nobody") == []
        assert [await found(session, Note, "text", odd) for odd in ("a\0", "\ud800")] == [[], []]
        assert len(await found(session, Note, "text", "")) == len(TEXTS)
        assert await found(session, Note, "text", "ad", limit=1) == [("a1", "Ada")]
        assert await found(session, Note, "number", "0", limit=1) == [("a1", "0")]


async def test_by_the_beginning_of_the_identifier(dsn: str) -> None:
    """An identifier is found by how it begins, of any type; without a label that is all that is looked at."""
    key = UUID("abcdef00-0000-0000-0000-000000000001")
    async with Session(desk(Note, Owner, Account), dsn=dsn) as session:
        await edit(session, Insert(at(Note, "a1"), text="x"), Insert(at(Owner, key), email="x"))
        await session.commit()
        assert await found(session, Note, None, "A") == [("a1", None)]
        assert await found(session, Note, "text", "1") == []
        assert await found(session, Owner, "email", "ABCD") == [(key, "x")]


async def test_a_whole_identifier_comes_first(dsn: str) -> None:
    """The row whose identifier a text is comes before all that have it in their label, however many those are."""
    async with Session(desk(Note), dsn=dsn) as session:
        await edit(session, Insert(at(Note, "7"), text="z"), *(
            Insert(at(Note, f"{letter}7"), text=f"a {letter} of 7") for letter in "abc"))
        await session.commit()
        assert await found(session, Note, "text", "7", limit=2) == [("7", "z"), ("a7", "a a of 7")]


async def test_what_is_deleted(dsn: str) -> None:
    """A row that was deleted softly is not found."""
    async with Session(desk(Paper), dsn=dsn) as session:
        await edit(session, Insert(at(Paper, "a"), text="x"), Insert(at(Paper, "b"), text="x"))
        await session.commit()
        await edit(session, Delete(at(Paper, "a")))
        await session.commit()
        assert await found(session, Paper, "text", "x") == [("b", "x")]


async def test_a_search_that_takes_too_long(
    dsn: str, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A search is given up in time, and says what to type instead; the connection is whole afterwards."""
    async with Session(desk(Note), dsn=dsn) as session:
        await edit(session, Insert(at(Note, "a"), text="x"))
        await session.commit()
        monkeypatch.setattr(labels, "PATIENCE", 0.05)
        transaction = admin.transaction()
        await transaction.start()
        await admin.execute("LOCK TABLE desk_note")
        with pytest.raises(DatabaseError, match="the search for 'x' took longer than 0.05 s; type more of it"):
            await found(session, Note, "text", "x")
        await transaction.rollback()
        monkeypatch.undo()
        assert await found(session, Note, "text", "x") == [("a", "x")]
