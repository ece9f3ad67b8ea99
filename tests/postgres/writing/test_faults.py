"""Faults on the way: connections cut before, in and after COMMIT, and a server that restarts. Always: all or nothing,
everything pending is kept unless it was written, and what is said of it is true.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from math import inf
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.editing import Note, at, desk, edit
from tests.postgres.writing.proxy import NEW, OLD, A, B, C, Proxy, nothing, stored, through
from workbench import Conflict, Insert, Session, Update
from workbench.errors import ConnectionLost, DatabaseError
from workbench.postgres.server.embedded import EmbeddedPostgres
from workbench.postgres.server.processes import born, until
from workbench.postgres.writing.commit import Commit

# ------------------------------------------------------------------------------------------------ the connection

async def test_cut_before_the_commit(dsn: str) -> None:
    """A COMMIT that never came to the server: nothing is written, that is said, and the next commit does it."""
    async with through(dsn) as (session, proxy):
        before, proxy.before = repr(session.plan()), nothing
        with pytest.raises(ConnectionLost) as caught:
            await session.commit()
        assert caught.value.committed is False
        assert str(caught.value) == ("the connection to the database was lost while committing: nothing was written, "
                                     "everything pending is kept; try again")
        assert (await stored(dsn), repr(session.plan()), len(session.steps)) == (OLD, before, 4)
        await session.commit()
        assert (await stored(dsn), session.plan().changes) == (NEW, ())


async def test_cut_after_the_commit(dsn: str) -> None:
    """A COMMIT whose answer was lost is found out to be done: it is reported as done, once, and is settled."""
    async with through(dsn) as (session, proxy):
        proxy.after = nothing
        done = await session.commit()
        assert isinstance(done, Commit)
        assert (await stored(dsn), session.plan().changes, proxy.commits) == (NEW, (), 2)
        assert session.commits[-1] is done
        await edit(session, Update(A, text="again"))        # what was written is what is cached
        await session.commit()


async def test_the_outcome_cannot_be_asked(dsn: str) -> None:
    """When the server cannot be reached any more, it is not known, and that is said; the next commit finds it out."""
    for place in ("before", "after"):
        connection = await asyncpg.connect(dsn)
        await connection.execute("DROP TABLE IF EXISTS desk_note")
        await connection.close()
        async with through(dsn) as (session, proxy):
            async def cut(proxy: Proxy = proxy) -> None:
                proxy.down = True

            before = repr(session.plan())
            setattr(proxy, place, cut)
            with pytest.raises(ConnectionLost) as caught:
                await session.commit()
            assert caught.value.committed is None
            assert str(caught.value).endswith("it is not known whether the commit was done")
            assert (await stored(dsn), repr(session.plan())) == (OLD if place == "before" else NEW, before)
            with pytest.raises(DatabaseError):
                await session.commit()      # still down
            assert repr(session.plan()) == before
            proxy.down = False
            await session.commit()
            assert (await stored(dsn), session.plan().changes) == (NEW, ())


async def test_a_rival_after_an_unknown_outcome(dsn: str) -> None:
    """A commit that was done unknowingly and changed by a rival since is a conflict, not a second time done."""
    async with through(dsn) as (session, proxy):
        async def cut() -> None:
            proxy.down = True

        proxy.after = cut
        with pytest.raises(ConnectionLost):
            await session.commit()
        async with Session(desk(Note), dsn=dsn) as rival:
            await edit(rival, Update(C, text="theirs"))
            await rival.commit()
        proxy.down = False
        with pytest.raises(Conflict):
            await session.commit()
        assert (await stored(dsn)) == {"a": "mine", "c": "theirs"}


@asynccontextmanager
async def ended_at(dsn: str, word: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """Ends the backend before the first statement that begins with a word, or returns it; gives the SQL met so far."""
    admin = await asyncpg.connect(dsn)
    met: list[str] = []
    real = {name: getattr(asyncpg.Connection, name) for name in ("execute", "fetch", "fetchval", "fetchmany")}

    def ending(name: str) -> Any:
        async def method(connection: Any, sql: str, *arguments: Any, **how: Any) -> Any:
            if (sql.startswith(word) or word in sql.partition("RETURNING")[2]) and not met:
                met.append(sql)
                await real["execute"](admin, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                                      "WHERE application_name = 'workbench' AND datname = current_database()")
            return await real[name](connection, sql, *arguments, **how)
        return method

    try:
        with monkeypatch.context() as patched:
            for name in real:
                patched.setattr(asyncpg.Connection, name, ending(name))
            yield met
    finally:
        await admin.close()


@pytest.mark.parametrize("word", ["BEGIN", "UPDATE", "INSERT", "DELETE", "pg_current_xact_id"])
async def test_cut_between_the_statements(dsn: str, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that is ended at any statement leaves nothing, and all is pending; the next commit does it."""
    async with through(dsn) as (session, _):
        async with ended_at(dsn, word, monkeypatch) as met:
            with pytest.raises(ConnectionLost) as caught:
                await session.commit()
        assert (len(met), caught.value.committed) == (1, False)
        assert (await stored(dsn), len(session.plan().changes)) == (OLD, 3)
        await session.commit()
        assert await stored(dsn) == NEW


async def test_cut_where_only_the_number_is_asked_for(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no statement brings the transaction's number along, as a COPY cannot, it is asked for by itself; a backend
    that is ended there leaves nothing, and that is said."""
    async with through(dsn) as (session, _):
        session.undo(3)
        await edit(session, *(Insert(at(Note, key), text="new") for key in "cd"))
        async with ended_at(dsn, "SELECT pg_current_xact_id", monkeypatch) as met:
            with pytest.raises(ConnectionLost) as caught:
                await session.commit()
        assert (met, caught.value.committed) == (["SELECT pg_current_xact_id()::text"], False)
        assert (await stored(dsn), len(session.plan().changes)) == (OLD, 2)
        await session.commit()
        assert await stored(dsn) == OLD | {"c": "new", "d": "new"}


class Full(Proxy):
    """A Proxy that takes no more than ``most`` bytes in all, is ``full`` then, and cuts it off at ``cut``."""

    full: asyncio.Event
    cut: asyncio.Event
    passed, most = 0, inf

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(self._socket)
        answers = asyncio.create_task(self._answer(from_server, writer))
        try:
            while data := await reader.read(65536):
                self.passed += len(data)
                if self.passed > self.most and not self.cut.is_set():
                    self.full.set()
                    await self.cut.wait()
                    return
                to_server.write(data)
                await to_server.drain()
        finally:
            answers.cancel()
            to_server.close()


@pytest.mark.parametrize("kind, count", [("insert", 600), ("update", 600), ("read", 5000)])
async def test_a_connection_that_goes_while_more_is_to_be_sent(dsn: str, kind: str, count: int) -> None:
    """A commit that waits until it may send more does not wait for ever when the connection goes."""
    proxy = Full(dsn)
    proxy.full, proxy.cut = asyncio.Event(), asyncio.Event()
    await proxy.open()
    keys = [at(Note, f"{number:03}" + "x" * (2000 if kind == "read" else 0)) for number in range(count)]
    try:
        async with Session(desk(Note), dsn=proxy.dsn) as session:
            if kind != "insert":
                await edit(session, *map(Insert, keys))
                await session.commit()
            if kind == "read":
                await edit(session, Insert(at(Note, "one")), reads=keys)
            else:
                mutation = Insert if kind == "insert" else Update
                await edit(session, *(mutation(key, text="x" * 100_000) for key in keys))
            proxy.most = proxy.passed + (1 << 20)
            commit = asyncio.ensure_future(session.commit())
            await proxy.full.wait()
            while not any(it._con is not None and it._con._transport.get_write_buffer_size() > 1 << 16
                          for it in session.engine.gino._pool._pool._holders):
                assert not commit.done()
                await asyncio.sleep(0.01)
            proxy.cut.set()
            with pytest.raises(ConnectionLost, match="nothing was written, everything pending is kept"):
                await asyncio.wait_for(commit, 60)
            assert len(session.plan().changes) == (1 if kind == "read" else len(keys))
            await session.commit()
    finally:
        await proxy.close()


@pytest.mark.parametrize("how", ["cancel", "raise"])
async def test_one_that_is_ended_behind_the_error_of_a_copy(
    dsn: str, admin: asyncpg.Connection, how: str, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A COPY that the server has refused already, and that is ended from here then, waits for no other answer."""
    monkeypatch.setattr("workbench.postgres.writing.attempt.GIVE_UP", 0.2)
    async with Session(desk(Note), dsn=dsn) as session:
        await edit(session, *(Insert(at(Note, f"{number:04}"), text="x" * 4000) for number in range(1500)))
        await admin.execute("INSERT INTO desk_note (_id, text, number, _etag) VALUES ('0000', '', 0, 'e')")

        def progress(done: int, total: int) -> None:
            if 500 < done < 700:
                time.sleep(0.1)     # the server says no meanwhile
            if done > 1200:
                if how == "raise":
                    raise LookupError("enough")
                commit.cancel()

        commit = asyncio.ensure_future(session.commit(progress=progress))
        with pytest.raises(LookupError if how == "raise" else asyncio.CancelledError):
            await asyncio.wait_for(commit, 60)
        assert len(session.plan().changes) == 1500
        await admin.execute("DELETE FROM desk_note")
        await session.commit()


# ------------------------------------------------------------------------------------------------ the server

@pytest.fixture(scope="module")
def folder() -> Any:
    place = Path(tempfile.mkdtemp(prefix="wb-fault-")).resolve()
    yield place / "data"
    shutil.rmtree(place, ignore_errors=True)


async def restarted(server: EmbeddedPostgres, folder: Path) -> EmbeddedPostgres:
    await asyncio.to_thread(server.stop)
    return await asyncio.to_thread(EmbeddedPostgres.start, folder)


@pytest.mark.parametrize("before", ["issue", "commit"])
async def test_an_embedded_server_that_was_killed(folder: Path, before: str) -> None:
    """An embedded server that is killed under an open session disturbs one verb at most: it is started again, nothing
    that was committed or is pending is lost, and at the end it is stopped as ever."""
    async with Session(desk(Note), folder=folder.with_name(f"killed before {before}")) as session:
        await edit(session, Insert(A, text="stored"))
        await session.commit()
        if before == "commit":
            await edit(session, Insert(B))
        server, killed = await killed_under(session)
        with suppress(ConnectionLost):
            await session.refresh(Note)
        if before == "issue":
            await edit(session, Update(A, text="mine"), Insert(B))
        assert repr(await session.commit()).startswith("committed: 1 added")
        assert set(await stored(server.dsn)) == {"a", "b"}
        assert born(killed) is None is not born(server.pid)
    assert born(server.pid) is None


async def test_an_embedded_server_that_cannot_come_back(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where a killed server does not start again, the error says why, what is pending stays, and nothing is logged."""
    folder = folder.with_name("killed for good")
    async with Session(desk(Note), folder=folder) as session:
        await edit(session, Insert(A))
        await killed_under(session)
        version = folder / "postgres" / "PG_VERSION"
        version.write_text("17")
        with suppress(ConnectionLost):
            await session.refresh(Note)
        with pytest.raises(ConnectionLost, match=(
                r"lost while \w+ \(the embedded Postgres in .* its data was written by PostgreSQL 17, this is "
                "PostgreSQL 18;.*: nothing was written, everything pending is kept")):
            await session.commit()
        version.write_text("18")
        assert repr(await session.commit()).startswith("committed: 1 added")
    assert caplog.text == ""


async def killed_under(session: Session) -> tuple[EmbeddedPostgres, int]:
    """Kills the embedded server of a session; gives its handle, and the process that it had."""
    server = session._server
    assert server is not None
    killed = server.pid
    async with session.engine.acquire() as connection:
        sessions = [pid for (pid,) in await connection.fetch(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")]
    os.kill(killed, signal.SIGKILL)
    # Those that serve a connection outlive it by a moment: the verb that is to be disturbed would go well.
    await asyncio.to_thread(until, lambda: not any(map(born, [killed, *sessions])), seconds=10)
    return server, killed


@pytest.mark.parametrize("when", ["before", "in", "after"])
async def test_a_server_that_restarts(folder: Path, when: str) -> None:
    """A restart between plan and commit disturbs one verb at most; one in the middle of COMMIT ends in what was so."""
    server = await asyncio.to_thread(EmbeddedPostgres.start, folder)
    servers = [server]

    async def restart() -> None:
        servers.append(await restarted(servers[-1], folder))

    try:
        admin = await asyncpg.connect(server.dsn)
        await admin.execute("DROP TABLE IF EXISTS desk_note")
        await admin.close()
        async with through(server.dsn) as (session, proxy):
            before = repr(session.plan())
            if when == "before":
                await restart()
                with suppress(ConnectionLost):
                    await session.commit()
            elif when == "in":
                proxy.before = restart
                with pytest.raises(ConnectionLost) as caught:
                    await session.commit()
                assert caught.value.committed is False
                assert (await stored(server.dsn), repr(session.plan())) == (OLD, before)
            else:
                proxy.after = restart
                await session.commit()
            if session.plan().changes:
                await session.commit()
            assert (await stored(servers[-1].dsn), session.plan().changes) == (NEW, ())
    finally:
        await asyncio.to_thread(servers[-1].stop)
