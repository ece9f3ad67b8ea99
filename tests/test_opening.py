"""Opening a Session: everything that is in the way at once, the server that is meant, tables made or refused."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.editing import Account, Note, Owner, at, desk, edit
from workbench import (
    Command,
    Domain,
    Event,
    Insert,
    Invalid,
    Session,
    WorkbenchError,
)
from workbench.errors import DatabaseError, DefinitionError, LoopError, TablesDiffer
from workbench.examples.bank import bank
from workbench.postgres.server.folder_lock import folder_lock


async def test_all_faults_at_once(dsn: str) -> None:
    """A domain that is not whole is not opened, and all that is missing is said together."""
    class Lost(Command):
        pass

    class Happened(Event):
        pass

    shop = Domain("shop", uses=[Note])
    shop.command(Lost)
    shop.event(Happened)
    with pytest.raises(DefinitionError) as caught:
        await Session(shop, dsn=dsn)
    assert str(caught.value) == (
        "the domains cannot be opened yet\n"
        '  shop: the command "lost" (Lost) has no handler; write one with @shop.command_handler(Lost)\n'
        '  shop: the event "happened" (Happened) has no handler; write one with @shop.event_handler(Happened)\n'
        "  shop: it uses Note, whose domain is not opened here; open it in the same session")


async def test_the_environment_names_the_server(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """WORKBENCH_DSN is the server where none is given; one that is given wins."""
    monkeypatch.setenv("WORKBENCH_DSN", dsn)
    async with Session(desk(Note)) as session:
        assert await session.engine.gino.scalar("SELECT current_database()") in dsn
    monkeypatch.setenv("WORKBENCH_DSN", "postgresql://nobody@/nowhere?host=/nowhere")
    async with Session(desk(Note), dsn=dsn) as session:
        assert session.created == []
    with pytest.raises(DatabaseError, match="could not connect to postgresql://nobody@/nowhere"):
        await Session(desk(Note))


async def test_embedded_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any DSN a Postgres is started in the folder; what was committed is there when it is opened again."""
    monkeypatch.delenv("WORKBENCH_DSN", raising=False)
    place = Path(tempfile.mkdtemp(prefix="wb-test-"))
    try:
        async with Session(desk(Note), folder=place / "data") as session:
            assert session.created == ["desk_note"]
            await edit(session, Insert(at(Note, "a"), number=1))
            await session.commit()
        async with Session(desk(Note), folder=place / "data") as session:
            assert session.created == []
            assert (await session.fetch("note/a")).number == 1
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for an embedded server of a test's own."""
    monkeypatch.delenv("WORKBENCH_DSN", raising=False)
    place = Path(tempfile.mkdtemp(prefix="wb-test-"))
    yield place / "data"
    shutil.rmtree(place, ignore_errors=True)


def is_served(folder: Path) -> bool:
    """Whether a server is at work on a folder, after whoever starts or stops one now."""
    with folder_lock(folder):
        return (folder / "postgres" / "postmaster.pid").exists()


async def test_an_opening_that_is_cancelled(folder: Path) -> None:
    """An opening that is cancelled while the embedded server starts leaves no server behind; the session can be opened
    again."""
    session = Session(desk(Note), folder=folder)
    opening = asyncio.create_task(session.open())
    while not (folder / "postgres.lock").exists():  # noqa: ASYNC110  # a thread makes it
        await asyncio.sleep(0.001)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert not await asyncio.to_thread(is_served, folder)
    async with session:
        assert await asyncio.to_thread(is_served, folder)


async def test_closing_on_another_loop(folder: Path) -> None:
    """A session that is closed on another event loop says so and stays open, its server too; on its own loop it can
    still be closed."""
    async with Session(desk(Note), folder=folder) as session:
        with pytest.raises(LoopError, match="opened by another event loop"):
            await asyncio.to_thread(asyncio.run, session.close())
        assert await session.find(Note) == []
    assert not await asyncio.to_thread(is_served, folder)


async def test_a_closing_that_is_cancelled(folder: Path) -> None:
    """A closing that is cancelled while a connection is still in use lets the embedded server go all the same."""
    session = await Session(desk(Note), folder=folder)
    async with session.engine.acquire():
        closing = asyncio.create_task(session.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
    assert not await asyncio.to_thread(is_served, folder)


async def test_a_user_that_cannot_be_stored(dsn: str) -> None:
    """A user whose name no column could hold is refused at once, rather than by each commit."""
    with pytest.raises(Invalid, match="the user was refused: 1 problem\n  .* holds the character NUL"):
        Session(bank, dsn=dsn, user="a\0b")
    async with Session(bank, dsn=dsn, user="ada") as session:
        with pytest.raises(Invalid, match="holds half a surrogate pair"):
            session.user = "a\ud800"
        assert session.user == "ada"


async def test_missing_tables_are_created(dsn: str, admin: asyncpg.Connection) -> None:
    """Opening makes the tables that are missing, and touches those that are there no more."""
    async with Session(desk(Note), dsn=dsn) as session:
        assert session.created == ["desk_note"]
        await edit(session, Insert(at(Note, "a"), number=1))
        await session.commit()
    async with Session(desk(Note, Account, Owner), dsn=dsn) as session:
        assert sorted(session.created) == ["desk_account", "desk_owner"]
    assert await admin.fetch("SELECT _id, number FROM desk_note") == [("a", 1)]


async def test_a_table_that_does_not_fit(dsn: str, admin: asyncpg.Connection) -> None:
    """A table that is there and differs is an error that shows how; nothing is made or changed, no connection stays."""
    await admin.execute("CREATE TABLE desk_note (_id text PRIMARY KEY, _created timestamptz, _updated timestamptz, "
                        "_etag text, text integer NOT NULL)")
    with pytest.raises(TablesDiffer) as caught:
        await Session(desk(Note, Owner), dsn=dsn)
    first, *lines = str(caught.value).splitlines()
    assert first == ("the database's tables differ from the definitions (they are never altered silently). "
                     "wb.tables() shows what would make them fit, its apply() does what loses nothing, apply(all=True) "
                     "the rest; where no workbench is open yet, wb = Workbench(…, tables_differ=True) opens it. Or "
                     "define the resources as they were")
    assert len(lines) == len(caught.value.differences) == 2
    assert all(line.startswith("  desk_note, for desk:note: ") for line in lines)
    assert "number" in caught.value.differences[1]
    assert await admin.fetchval("SELECT to_regclass('desk_owner')") is None
    assert await admin.fetchval("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") == 1


async def test_not_open(dsn: str) -> None:
    """Verbs of a session that is not open yet, or not any more, say so; it can be opened again."""
    session = Session(desk(Note), dsn=dsn)
    words = r"the session is not open; open it with `await session` or `async with Session\(…\)`"
    for _ in range(2):
        with pytest.raises(WorkbenchError, match=words):
            await edit(session, Insert(at(Note, "a")))
        for read in (lambda: session.engine, lambda: session.manager, session.plan, session.undo, lambda: session.user):
            with pytest.raises(WorkbenchError, match=words):
                read()
        assert await session is session
        await edit(session, Insert(at(Note, "a")))
        assert await session.open() is session      # once open it does nothing
        assert len(session.plan()) == 1
        assert list(session.models.tables) == [("desk", "note")]
        await session.close()
        await session.close()
    with pytest.raises(WorkbenchError, match=words):
        _ = Session(desk(Note)).models
