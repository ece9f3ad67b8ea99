"""Faults on the way: connections cut before, in and after COMMIT, a server that restarts, time and room that run out.

A ``Proxy`` stands between a session and its server, and does something where the word COMMIT comes by. Always: all or
nothing, everything pending is kept unless it was written, and what is said of it is true.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import asyncpg
import pytest

from tests.editing import Note, at, desk, edit
from workbench import Conflict, Delete, Insert, Session, Update
from workbench.errors import ConnectionLost, DatabaseError
from workbench.postgres.server.embedded import EmbeddedPostgres
from workbench.postgres.server.processes import born, until
from workbench.postgres.writing.commit import Commit

COMMIT = b"COMMIT\x00"      # the end of asyncpg's message
A, B, C = (at(Note, key) for key in "abc")
Deed = Callable[[], Awaitable[Any]]


class Proxy:
    """A loopback port that passes on to a server's socket. ``before`` is done when a COMMIT comes by, and it is then
    not passed on; ``after`` when the server has answered it, and the answer is not passed on. Both are done once; the
    connection is cut then. ``down`` cuts all new ones at once."""

    def __init__(self, dsn: str) -> None:
        match = re.search(r"@/(\w+)\?host=([^&]*)&port=(\d+)", dsn)
        assert match is not None
        self._socket = f"{unquote(match[2])}/.s.PGSQL.{match[3]}"
        self._database = match[1]
        self.before: Deed | None = None
        self.after: Deed | None = None
        self.down = False
        self.commits = 0
        self.dsn = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.dsn = f"postgresql://postgres@127.0.0.1:{port}/{self._database}?sslmode=disable"

    async def close(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError):
                if not self.down:
                    await self._pass(reader, writer)
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(self._socket)
        answers = asyncio.create_task(self._answer(from_server, writer))
        try:
            while data := await reader.read(65536):
                if COMMIT in data:
                    self.commits += 1
                    if self.before is not None:
                        deed, self.before = self.before, None
                        await deed()
                        return
                    if self.after is not None:
                        deed, self.after = self.after, None
                        answers.cancel()
                        await asyncio.wait([answers])
                        to_server.write(data)
                        assert await from_server.read(65536)
                        await deed()
                        return
                to_server.write(data)
                await to_server.drain()
        finally:
            answers.cancel()
            to_server.close()

    async def _answer(self, from_server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await from_server.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()      # also where the server cut it off, with something of the client's still unread


@asynccontextmanager
async def through(dsn: str) -> AsyncIterator[tuple[Session, Proxy]]:
    """A session through a proxy: a Note is stored, another one is changed, made and deleted in three pending steps."""
    proxy = Proxy(dsn)
    await proxy.open()
    try:
        async with Session(desk(Note), dsn=proxy.dsn) as session:
            await edit(session, Insert(A, text="x"), Insert(B, text="x"))
            await session.commit()
            await edit(session, Update(A, text="mine"))
            await edit(session, Insert(C, text="mine"))
            await edit(session, Delete(B))
            yield session, proxy
    finally:
        await proxy.close()


OLD, NEW = {"a": "x", "b": "x"}, {"a": "mine", "c": "mine"}


async def stored(dsn: str) -> dict[str, str]:
    connection = await asyncpg.connect(dsn)
    try:
        return dict(map(tuple, await connection.fetch("SELECT _id, text FROM desk_note ORDER BY 1")))
    finally:
        await connection.close()


async def nothing() -> None:
    pass


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
    os.kill(killed, signal.SIGKILL)
    await asyncio.to_thread(until, lambda: born(killed) is None, seconds=10)
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


# ------------------------------------------------------------------------------------------------ time and room

@pytest.mark.parametrize("setting, error, words", [
    ("statement_timeout", DatabaseError, "the database refused while committing: canceling statement due to statement "
                                         "timeout"),
    ("transaction_timeout", ConnectionLost, "lost while committing: nothing was written, everything pending is kept")])
async def test_time_runs_out(dsn: str, setting: str, error: type[Exception], words: str) -> None:
    """A limit that the database itself sets ends the commit: nothing is written, all is pending, the words are its."""
    admin = await asyncpg.connect(dsn)
    try:
        name = await admin.fetchval("SELECT current_database()")
        await admin.execute(f"ALTER DATABASE {name} SET {setting} = '1s'")
        async with through(dsn) as (session, _):
            async with admin.transaction():
                await admin.execute("SET LOCAL transaction_timeout = 0; SET LOCAL statement_timeout = 0")
                await admin.execute("SELECT FROM desk_note FOR UPDATE")
                with pytest.raises(error, match=words):
                    await session.commit()
            assert (await stored(dsn), len(session.plan().changes)) == (OLD, 3)
            await session.commit()
            assert await stored(dsn) == NEW
    finally:
        await admin.close()


async def test_a_disk_that_the_server_calls_full(dsn: str) -> None:
    """Postgres' own error for a full disk leaves nothing written and all pending; with room again it goes through."""
    admin = await asyncpg.connect(dsn)
    try:
        async with through(dsn) as (session, _):
            await admin.execute("""
                CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full',
                        HINT = 'Check free disk space.'; END $$;
                CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON desk_note DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION full_disk()""")       # so that it is found at COMMIT
            with pytest.raises(DatabaseError, match="No space left on device; Check free disk space") as caught:
                await session.commit()
            assert isinstance(caught.value.__cause__, asyncpg.DiskFullError)
            assert (await stored(dsn), len(session.plan().changes)) == (OLD, 3)
            await admin.execute("DROP TRIGGER full_disk ON desk_note")
            await session.commit()
            assert await stored(dsn) == NEW
    finally:
        await admin.close()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A folder on a disk of four megabytes."""
    place = Path(tempfile.mkdtemp(prefix="wb-full-"))
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)],
        capture_output=True, check=False).returncode == 0
    try:
        if not mounted:
            pytest.skip("a small disk can be mounted by root only, and not in every container")
        place.chmod(0o777)
        (place / "data").mkdir(mode=0o777)
        (place / "data").chmod(0o777)
        yield place / "data"
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=True)
        place.rmdir()


async def test_a_disk_that_is_full(dsn: str, small_disk: Path) -> None:
    """On a disk of a few megabytes that fills up in the middle of a commit nothing of that commit stays."""
    admin = await asyncpg.connect(dsn)
    name, dice = await admin.fetchval("SELECT current_database()"), random.Random(1)
    try:
        owner = os.stat(await admin.fetchval("SHOW data_directory"))
        os.chown(small_disk, owner.st_uid, owner.st_gid)
        await admin.execute(f"CREATE TABLESPACE tiny_{name} LOCATION '{small_disk}'")
        await admin.execute(f"ALTER DATABASE {name} SET default_tablespace = 'tiny_{name}'")
        async with through(dsn) as (session, _):
            await edit(session, *(Insert(at(Note, f"n{number}"), text=dice.randbytes(1500).hex())
                                  for number in range(3000)))
            with pytest.raises(DatabaseError, match="No space left on device"):
                await session.commit()
            assert (await stored(dsn), len(session.plan().changes)) == (OLD, 3003)
            session.undo()
            await session.commit()
            assert await stored(dsn) == NEW
        await admin.execute("DROP TABLE desk_note")
    finally:
        await admin.execute(f"ALTER DATABASE {name} RESET default_tablespace")
        with suppress(asyncpg.ObjectInUseError):
            await admin.execute(f"DROP TABLESPACE IF EXISTS tiny_{name}")
        await admin.close()


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
