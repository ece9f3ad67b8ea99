"""Copying: what is sent of a COPY is in parts that the server takes, however large the values are, and only to columns
of the types that it is made for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import time
from typing import Any

import asyncpg
import pytest

from tests.editing import at, desk, edit
from workbench import Insert, Resource, Session, Update, field
from workbench.errors import Conflict, ConstraintViolated, TablesDiffer
from workbench.postgres.writing.statements import LONGEST


class Film(Resource):
    _id = field(int)
    raw = field(bytes)


async def test_large_values(dsn: str, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of which a few together are more than the server takes in one message (a gigabyte) are sent in parts."""
    sizes: list[int] = []
    real = asyncpg.Connection.copy_to_table

    async def measured(connection: Any, name: str, *, source: AsyncIterator[bytes], **how: Any) -> str:
        async def parts() -> AsyncIterator[bytes]:
            async for part in source:
                sizes.append(len(part))
                yield part
        return await real(connection, name, source=parts(), **how)

    monkeypatch.setattr(asyncpg.Connection, "copy_to_table", measured)
    films = [bytes([place]) * (300_000 + 70_001 * place) for place in range(40)]
    async with Session(desk(Film), dsn=dsn) as session:
        await edit(session, *(Insert(at(Film, place), raw=raw) for place, raw in enumerate(films)))
        await session.commit()
    assert max(sizes) <= 1 << 20 < sum(sizes)
    assert [row[0] for row in await admin.fetch("SELECT raw FROM desk_film ORDER BY _id")] == films


async def test_large_values_changed(dsn: str, admin: asyncpg.Connection) -> None:
    """Changed rows whose values are too much for one message are sent in several, and all of them are found."""
    films = [bytes([place]) * (LONGEST // 10) for place in range(25)]
    async with Session(desk(Film), dsn=dsn) as session:
        await edit(session, *(Insert(at(Film, place), raw=b"") for place in range(25)))
        await session.commit()
        await edit(session, *(Update(at(Film, place), raw=raw) for place, raw in enumerate(films)))
        assert (await session.check()).ok
        assert repr(await session.commit()) == "committed: 0 added, 25 changed, 0 deleted by 1 statement"
        assert [row[0] for row in await admin.fetch("SELECT raw FROM desk_film ORDER BY _id")] == films
        await edit(session, *(Update(at(Film, place), raw=b"") for place in range(25)))
        await session.commit()
        await edit(session, *(Update(at(Film, place), raw=raw) for place, raw in enumerate(films)))
        await admin.execute("UPDATE desk_film SET _etag = 'other' WHERE _id = 23")
        with pytest.raises(Conflict) as caught:
            await session.commit()
        assert [clash.target for clash in caught.value.items] == [at(Film, 23)]


@pytest.mark.parametrize("verb", ["commit", "check"])
async def test_cancelled_in_the_middle_of_sending(dsn: str, admin: asyncpg.Connection, verb: str) -> None:
    """What is cancelled while it waits for a row that another transaction has locked, with more to be sent than the
    connection takes, ends soon, and everything pending is kept."""
    async with Session(desk(Film), dsn=dsn) as session:
        await edit(session, *(Insert(at(Film, place), raw=b"") for place in range(60)))
        await session.commit()
        await edit(session, *(Update(at(Film, place), raw=bytes(LONGEST // 10)) for place in range(60)))
        async with admin.transaction():
            await admin.execute("UPDATE desk_film SET raw = 'x' WHERE _id = 0")
            how: dict[str, Any] = {"wait": 60} if verb == "commit" else {"timeout": 60}
            task = asyncio.create_task(getattr(session, verb)(**how))
            while not await admin.fetchval(  # noqa: ASYNC110  # what the server waits for sets no Event
                    "SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)        # until no more can be sent
            task.cancel()
            await asyncio.wait([task], timeout=15)
            assert task.cancelled()
            await admin.execute("UPDATE desk_film SET raw = ''")
        assert len(session.plan()) == 60
        assert (await admin.fetchval("SELECT sum(length(raw)) FROM desk_film")) == 0
        await session.refresh(Film)
        await session.rebase()
        await session.commit()


class Count(Resource):
    _id = field(int)
    number = field(int)


class Hour(Resource):
    """One whose rows the driver encodes."""

    _id = field(int)
    number = field(int)
    at = field(time)


@pytest.mark.parametrize("other", ["double precision", "integer", "timestamp with time zone"])
@pytest.mark.parametrize("kind, values", [(Count, {"number": 7}), (Hour, {"number": 7, "at": time(7)})])
async def test_columns_that_are_others_by_now(
    dsn: str, admin: asyncpg.Connection, kind: type[Resource], values: dict[str, Any], other: str,
) -> None:
    """Where a column has another type since the session looked, bytes that mean something else to it are not sent."""
    name = f"desk_{kind.__name__.lower()}"
    async with Session(desk(kind), dsn=dsn) as session:
        await edit(session, *(Insert(at(kind, key), **values) for key in (1, 2)))
        await session.commit()
        await edit(session, *(Insert(at(kind, key), **values) for key in (3, 4)))
        await admin.execute(f"ALTER TABLE {name} ALTER number TYPE {other} USING NULL::{other}, "
                            "ALTER number DROP NOT NULL")
        before = repr(session.plan())
        for verb in (session.check, session.commit):
            with pytest.raises(TablesDiffer) as caught:
                await verb()
            assert caught.value.differences == (
                f'{name}: the column "number" is {other} in the database, but bigint in the definition',)
        assert (repr(session.plan()), await admin.fetchval(f"SELECT count(*) FROM {name}")) == (before, 2)
        await admin.execute(f"ALTER TABLE {name} ALTER number TYPE bigint USING 7")
        await session.commit()
        assert [row[0] for row in await admin.fetch(f"SELECT number FROM {name}")] == [7] * 4


async def test_columns_of_a_domain(dsn: str, admin: asyncpg.Connection) -> None:
    """A column of a domain is one of the type under it, and takes new rows, whose rules are kept."""
    await admin.execute("CREATE DOMAIN small AS bigint CHECK (VALUE < 10)")
    async with Session(desk(Count), dsn=dsn) as session:
        await admin.execute("ALTER TABLE desk_count ALTER number TYPE small")
        await edit(session, *(Insert(at(Count, key), number=key) for key in (1, 2)))
        await session.commit()
        await edit(session, *(Insert(at(Count, key), number=key) for key in (9, 10)))
        with pytest.raises(ConstraintViolated, match="small"):
            await session.commit()
