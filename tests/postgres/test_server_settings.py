"""Settings of the server, of a database or of a role, that are not the usual ones: nothing rests on their defaults."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import asyncpg
import pytest
import sqlalchemy as sa
from gino import Gino

from tests.editing import Note, Owner, Paper, at, desk, edit
from tests.postgres.rivals import KINDS, A, B, notes, written
from tests.postgres.writing.test_script import psql
from tests.postgres.writing.test_waiting import somebody_waits
from workbench import Conflict, Insert, Session, Update
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

async def test_names_that_are_all_quoted(dsn: str, admin: asyncpg.Connection) -> None:
    """Where the server quotes all identifiers, tables fit as they do elsewhere, the conditions of their indexes are the
    same, and the setting stays."""
    db = Gino()

    class Row(db.Model):
        __tablename__ = "row"
        _id = db.Column(db.String(9), primary_key=True)
        text = db.Column(db.Text, nullable=False)
        number = db.Column(db.BigInteger, nullable=False)
        _created = db.Column(db.DateTime(timezone=True))
        _updated = db.Column(db.DateTime(timezone=True))
        _etag = db.Column(db.String(32))
        some = db.Index("some", "number", unique=True, postgresql_where=sa.text("number > 0"))

    quoting = under(dsn, quote_all_identifiers="on")
    for path in (quoting, quoting, dsn):
        async with Session(desk(Note, Owner, models={Note: Row}), dsn=path) as session:
            assert repr(await session.tables()) == "tables: they are as they are defined"
            [unique] = session.models.tables["desk", "note"].uniques
            assert unique.where == "(number > 0)"
            async with session.engine.acquire() as connection:
                assert await connection.fetchval("SHOW quote_all_identifiers") == ("on" if path is quoting else "off")
    async with Session(desk(Note, Owner, models={Note: Row}), dsn=quoting) as session:
        await edit(session, Insert(at(Note, "a"), text="a", number=1))
        assert (await session.check()).ok
        await session.commit()
    assert await admin.fetchval('SELECT text::text FROM "row"') == "a"
