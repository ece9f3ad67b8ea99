"""Settings of the server, of a database or of a role, that are not the usual ones: nothing rests on their defaults."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest
import sqlalchemy as sa
from gino import Gino

from tests.editing import Note, Owner, Paper, at, desk, edit
from tests.postgres.rivals import KINDS, A, B, notes, written
from tests.postgres.writing.test_script import psql
from tests.postgres.writing.test_waiting import somebody_waits
from workbench import Conflict, Insert, Resource, Session, Update, field, values_of
from workbench.domain.registry import Registry
from workbench.postgres.engine import connect
from workbench.postgres.tables.ddl import LOCK
from workbench.postgres.tables.model import Models
from workbench.postgres.tables.schema import prepare
from workbench.postgres.writing.guards import VERIFYING
from workbench.postgres.writing.script import script

ISOLATIONS = ["read committed", "repeatable read", "serializable"]


def under(dsn: str, **settings: str) -> str:
    """The DSN of a role or a database that has these settings."""
    options = " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items())
    return f"{dsn}&options={quote(options)}"


# ------------------------------------------------------------------------------------------------ isolation

@pytest.mark.parametrize("isolation", ISOLATIONS)
async def test_what_was_read_is_compared_after_waiting(dsn: str, admin: asyncpg.Connection, isolation: str) -> None:
    """A commit and a script that waited for their turn see what was written meanwhile, whatever isolation transactions
    have by default: of two that each change what the other has read, the second one is refused."""
    dsn = under(dsn, default_transaction_isolation=isolation)
    async with Session(desk(*KINDS), dsn=dsn) as session:
        await written(session, Insert(A), Insert(B))
        for number in (1, 2):
            await edit(session, Update(A, number=number), reads=[B])
            await admin.execute("SELECT pg_advisory_lock($1)", VERIFYING)       # as a rival has it who verifies
            if number == 1:
                waiting = asyncio.create_task(session.commit())
            else:
                waiting = asyncio.create_task(asyncio.to_thread(psql, dsn, script(session.plan())))
            await somebody_waits(admin)
            await admin.execute(f"UPDATE desk_note SET number = {number}, _etag = 'theirs {number}' WHERE _id = 'b'")
            await admin.execute("SELECT pg_advisory_unlock_all()")
            if number == 1:
                with pytest.raises(Conflict, match="here a step read it"):
                    await waiting
                session.undo()
                await session.refresh(Note)
            else:
                assert "stale: read by the steps, and changed or deleted since, of desk:note" in (await waiting).stderr
    assert {key: number for key, (_, number) in (await notes(admin)).items()} == {"a": 0, "b": 2}


@pytest.mark.parametrize("isolation", ISOLATIONS)
async def test_tables_that_another_one_is_making(dsn: str, admin: asyncpg.Connection, isolation: str) -> None:
    """Who opens a domain while another one makes its tables waits, and then finds them, whatever isolation transactions
    have by default."""
    connection = await asyncpg.connect(under(dsn, default_transaction_isolation=isolation))
    try:
        making = admin.transaction()
        await making.start()
        await admin.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        opening = asyncio.create_task(prepare(connection, Models(Registry([desk(Note, Paper)]))))
        await somebody_waits(admin)
        await prepare(admin, Models(Registry([desk(Note)])))
        await making.commit()
        assert await opening == ["desk_paper"]
    finally:
        await connection.close()


@pytest.mark.parametrize("isolation", ISOLATIONS)
async def test_a_transaction_of_ours(dsn: str, isolation: str) -> None:
    """An engine's transaction is read committed unless another isolation is asked for."""
    async with await connect(under(dsn, default_transaction_isolation=isolation)) as engine:
        async with engine.transaction() as connection:
            assert await connection.fetchval("SHOW transaction_isolation") == "read committed"
        async with engine.transaction(isolation="serializable") as connection:
            assert await connection.fetchval("SHOW transaction_isolation") == "serializable"


# ------------------------------------------------------------------------------------------------ words

class Sign(Enum):
    """Members whose values are not the same in every kind of literal."""

    PLAIN = "a"
    SLASHED = "b\\c"


class Marked(Resource):
    """A resource whose table has a CHECK."""

    _id = field(str)
    sign = field(Sign, initial=Sign.SLASHED)


@pytest.mark.parametrize(("setting", "usual", "other"), [
    ("quote_all_identifiers", "off", "on"), ("standard_conforming_strings", "on", "off"),
    ("extra_float_digits", "1", "-15")])
async def test_how_the_server_writes_its_catalogue(
    dsn: str, admin: asyncpg.Connection, setting: str, usual: str, other: str,
) -> None:
    """However the server has been told to write names and literals, tables fit as they do elsewhere, the conditions of
    their indexes are the same, and the setting stays."""
    db = Gino()

    class Row(db.Model):
        __tablename__ = "row"
        _id = db.Column(db.String(9), primary_key=True)
        text = db.Column(db.Text, nullable=False)
        number = db.Column(db.BigInteger, nullable=False)
        _created = db.Column(db.DateTime(timezone=True))
        _updated = db.Column(db.DateTime(timezone=True))
        _etag = db.Column(db.String(32))
        some = db.Index("some", "number", unique=True, postgresql_where=sa.text("number > '0.123456789'::float8"))

    otherwise = under(dsn, **{setting: other})
    for path in (otherwise, otherwise, dsn):
        async with Session(desk(Note, Owner, Marked, models={Note: Row}), dsn=path) as session:
            assert repr(await session.tables()) == "tables: they are as they are defined"
            [unique] = session.models.tables["desk", "note"].uniques
            assert unique.where == "((number)::double precision > '0.123456789'::double precision)"
            async with session.engine.acquire() as connection:
                assert await connection.fetchval(f"SHOW {setting}") == (usual if path is dsn else other)
            known = str(len(await session.find(Marked)))
            await edit(session, Insert(at(Note, known), text="a", number=int(known)), Insert(at(Marked, known)))
            assert (await session.check()).ok
            await session.commit()
    assert await admin.fetch("SELECT DISTINCT sign FROM desk_marked") == [("b\\c",)]


async def test_a_backslash_in_what_alters_tables(dsn: str, admin: asyncpg.Connection) -> None:
    """A backslash in a choice is one in apply and in the script for psql too, where the server would take it for the
    beginning of a code."""
    async with Session(desk(Marked), dsn=under(dsn, standard_conforming_strings="off")) as session:
        for by_psql in (False, True):
            await admin.execute("ALTER TABLE desk_marked DROP CONSTRAINT desk_marked_sign_check")
            plan = await session.tables()
            if by_psql:
                assert psql(session.dsn, plan.sql()).stderr == ""
            else:
                await plan.apply()
            assert repr(await session.tables()) == "tables: they are as they are defined"


@pytest.mark.parametrize("by_psql", [False, True])
async def test_values_of_another_type(dsn: str, admin: asyncpg.Connection, by_psql: bool) -> None:
    """A column of another type gets the values that it gets elsewhere, by apply and by the script for psql: days as ISO
    has them, and of a moment the day that it is in UTC."""
    dsn = under(dsn, DateStyle="German", TimeZone="Asia/Kolkata", bytea_output="escape")

    def stamped(**fields: Any) -> type[Resource]:
        return type("Stamped", (Resource,), {"_id": field(str), **fields})

    was = stamped(day=field(date), at=field(datetime), raw=field(bytes))
    async with Session(desk(was), dsn=dsn) as session:
        moment = datetime(2026, 2, 3, 23, tzinfo=UTC)
        await edit(session, Insert(at(was, "a"), day=date(2026, 2, 3), at=moment, raw=b"a"))
        await session.commit()
    is_now = stamped(day=field(str), at=field(date), raw=field(str))
    async with Session(desk(is_now), dsn=dsn, tables_differ=True) as session:
        plan = await session.tables()
        if by_psql:
            assert psql(dsn, plan.sql()).stderr == ""
        else:
            await plan.apply(all=True)
        [item] = await session.find(is_now)
        assert values_of(item) == {"day": "2026-02-03", "at": date(2026, 2, 3), "raw": r"\x61"}
