"""The engine on a real server: who may use it, what is lost and found again, and every error."""

from __future__ import annotations

import asyncio
import gc
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from workbench.errors import ConnectionLost, ConstraintViolated, DatabaseError, LoopError
from workbench.postgres.engine import Engine, connect
from workbench.postgres.server.embedded import EmbeddedPostgres

# ------------------------------------------------------------------------------------------------ opening, closing

async def test_the_server_knows_who_calls(engine: Engine) -> None:
    """Connections carry the application's name, also after they were given back and reset."""
    for _ in range(2):
        async with engine.acquire() as connection:
            assert await connection.fetchval("SELECT current_setting('application_name')") == "workbench"


async def test_a_second_engine(dsn: str) -> None:
    """Engines may be opened one after another and beside each other."""
    async with await connect(dsn) as one, await connect(dsn) as other:
        async with one.acquire() as first, other.acquire() as second:
            assert await first.fetchval("SELECT 1") + await second.fetchval("SELECT 1") == 2
        assert repr(one) == f"<engine {dsn}>"


async def test_closed_is_closed(dsn: str) -> None:
    """A closed engine says so, may be closed again, and has let its connections go."""
    engine = await connect(dsn)
    await engine.close()
    await engine.close()
    assert engine.closed
    assert repr(engine) == f"<engine {dsn} (closed)>"
    with pytest.raises(DatabaseError, match=r"the engine on .* is closed; open another one with connect\(dsn\)"):
        async with engine.acquire():
            pass
    with pytest.raises(DatabaseError, match="is closed"):
        await engine.gino.scalar("SELECT 1")


async def test_close_does_not_wait_for_ever(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is never given back is cut off when its time is over."""
    monkeypatch.setattr("workbench.postgres.pool.CLOSING", 0.05)
    engine = await connect(dsn)
    async with engine.acquire():
        await engine.close()
    other = await asyncpg.connect(dsn)
    left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'workbench' AND datname = current_database()"
    for _ in range(100):
        if await other.fetchval(left) == 0:
            break
        await asyncio.sleep(0.01)
    assert await other.fetchval(left) == 0
    await other.close()


def test_another_loop_is_refused(dsn_of_a_thread: str) -> None:
    """From another event loop than the one that opened it, every way to a connection is a LoopError that says why."""
    with asyncio.Runner() as one, asyncio.Runner() as other:
        engine = one.run(connect(dsn_of_a_thread))

        async def acquire() -> None:
            async with engine.acquire():
                pass

        async def query() -> None:
            await engine.gino.scalar("SELECT 1")

        for way in (acquire, query, engine.close):
            with pytest.raises(LoopError, match=r"opened by another event loop.*wb\.issue"):
                other.run(way())
        one.run(engine.close())


@pytest.fixture
def dsn_of_a_thread(server_dsn: str) -> str:
    """For tests that are not async: the server's own database, in which they make nothing."""
    return server_dsn


@pytest.mark.parametrize(("bad", "words"), [
    ("postgresql://ada:s3cret@127.0.0.1:1/bank", r"could not connect to postgresql://ada:\*\*\*@127.0.0.1:1/bank: .*"
                                                 r"is the server running"),
    ("postgresql://ada:s3cret@/bank?host=/nowhere", r"ada:\*\*\*@/bank\?host=/nowhere: .*is the server running"),
    ("postgresql://ada:s3/cret@localhost/bank", r"ada:\*\*\*@localhost/bank is no DSN that can be read; .*%-codes"),
    ("postgresql://ada:s3cret#x@localhost/bank", r"ada:\*\*\*@localhost/bank is no DSN that can be read"),
    ("postgresql://ada:s3cret@127.0.0.1:99999/bank", r"ada:\*\*\*@127.0.0.1:99999/bank is no DSN that can be read"),
    ("mysql://ada:s3cret@localhost/bank", r"mysql://ada:\*\*\*@localhost/bank is no DSN that can be read; give one"),
])
async def test_no_connection(bad: str, words: str) -> None:
    """Where there is no server, or no DSN, the error says which and what to try; the password is nowhere in it."""
    with pytest.raises(DatabaseError, match=words) as caught:
        await connect(bad)
    assert "s3" not in str(caught.value)
    assert "cret" not in repr((caught.value.__cause__, caught.value.__context__))


async def test_no_such_database(server_dsn: str) -> None:
    """A database that is not there: the server's words, and that it must be made first."""
    with pytest.raises(DatabaseError, match='database "nowhere" does not exist; make that database first'):
        await connect(server_dsn.replace("@/postgres", "@/nowhere"))


# ------------------------------------------------------------------------------------------------ transactions

async def test_a_transaction_is_all_or_nothing(engine: Engine) -> None:
    """Committed at its end; rolled back by whatever is raised within, which comes out as it is."""
    async with engine.transaction() as connection:
        await connection.execute("CREATE TABLE t (x int)")
        await connection.execute("INSERT INTO t VALUES (1)")

    async def fail() -> None:
        async with engine.transaction() as connection:
            await connection.execute("INSERT INTO t VALUES (2)")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await fail()
    async with engine.transaction(isolation="serializable", readonly=True) as connection:
        assert await connection.fetchval("SELECT sum(x) FROM t") == 1
        assert await connection.fetchval("SHOW transaction_isolation") == "serializable"


async def test_a_deferred_violation_comes_at_the_commit(engine: Engine) -> None:
    """What is only checked at COMMIT is translated like all else, and nothing is written."""
    async with engine.acquire() as connection:
        await connection.execute("CREATE TABLE t (x int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(ConstraintViolated, match='the unique constraint "t_x_key" of t was broken'):
        async with engine.transaction() as connection:
            await connection.execute("INSERT INTO t VALUES (1), (1)")
    async with engine.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM t") == 0


# ------------------------------------------------------------------------------------------------ a connection lost

async def cut(dsn: str) -> None:
    """Ends all other connections to the database, as an administrator can."""
    other = await asyncpg.connect(dsn)
    await other.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()")
    await other.close()


async def test_a_connection_lost_in_use(engine: Engine, dsn: str) -> None:
    """The statement under way fails as ConnectionLost; the next one has a new connection."""
    async def count() -> None:
        async with engine.acquire(doing="counting") as connection:
            await cut(dsn)
            await connection.fetchval("SELECT 1")

    with pytest.raises(ConnectionLost, match="was lost while counting: nothing was written") as caught:
        await count()
    assert caught.value.committed is False
    assert caught.value.__cause__ is not None
    async with engine.acquire() as connection:
        assert await connection.fetchval("SELECT 2") == 2


async def test_a_connection_lost_at_the_commit(engine: Engine, dsn: str) -> None:
    """When it goes with the COMMIT, the error says that it is not known whether that was done."""
    with pytest.raises(ConnectionLost, match="it is not known whether the commit was done") as caught:
        async with engine.transaction():
            await cut(dsn)
    assert caught.value.committed is None


async def test_connections_lost_while_idle(engine: Engine, dsn: str) -> None:
    """Connections that broke while nobody used them are replaced without a word."""
    async with engine.acquire() as one, engine.acquire() as other:
        assert await one.fetchval("SELECT 1") == await other.fetchval("SELECT 1")
    await cut(dsn)
    async with engine.acquire() as one, engine.acquire() as other:
        assert await one.fetchval("SELECT 1") == await other.fetchval("SELECT 1")


@pytest.fixture
def folder() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="wb-test-")).resolve()
    yield place / "data"
    shutil.rmtree(place, ignore_errors=True)


async def test_a_server_that_restarts(folder: Path) -> None:
    """While the server is gone a connection is lost; when it is there again the same engine works."""
    server = await asyncio.to_thread(EmbeddedPostgres.start, folder)
    try:
        async with await connect(server.dsn) as engine:
            await asyncio.to_thread(server.stop)
            for _ in range(2):
                with pytest.raises(ConnectionLost, match="lost while reading: nothing was written"):
                    async with engine.acquire(doing="reading") as connection:
                        await connection.fetchval("SELECT 1")
            server = await asyncio.to_thread(EmbeddedPostgres.start, folder)
            async with engine.acquire() as connection:
                assert await connection.fetchval("SELECT 1") == 1
    finally:
        await asyncio.to_thread(server.stop)


async def test_a_session_is_reset_unless_it_was_left_tidy(engine: Engine) -> None:
    """Settings do not outlive the use of a connection; of one that was to be left tidy nothing is looked for, unless
    something was raised."""
    async def leave(value: str, *, tidy: bool = False, fail: bool = False) -> str:
        with suppress(ZeroDivisionError):
            async with engine.acquire(tidy=tidy) as connection:
                await connection.execute(f"SET app.mark = '{value}'")
                assert not fail or 1 / 0
        async with engine.acquire(tidy=True) as connection:
            return str(await connection.fetchval("SELECT current_setting('app.mark', true)"))

    assert await leave("a") in ("", "None")
    assert await leave("b", tidy=True) == "b"       # a promise that was not kept
    assert await leave("c", tidy=True, fail=True) == ""
    async with engine.gino.acquire() as connection:
        await connection.status("SET app.mark = 'd'")
    async with engine.acquire() as connection:
        assert await connection.fetchval("SELECT current_setting('app.mark', true)") == ""


async def test_a_cancelled_query_leaves_the_pool_whole(engine: Engine) -> None:
    """A query that is cancelled is cancelled on the server too, and its connection can be used again."""
    async def sleep() -> None:
        async with engine.acquire() as connection:
            await connection.execute("SELECT pg_sleep(60)")

    for _ in range(4):
        task = asyncio.create_task(sleep())
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with engine.acquire() as connection:
        assert await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'") == 0


async def test_cancelled_at_any_moment(dsn: str) -> None:
    """Connecting and a transaction that are cancelled, whenever that be, leave nothing open and nothing in the log."""
    heard: list[str] = []

    async def use() -> None:
        async with await connect(dsn) as engine, engine.transaction() as connection:
            await connection.execute("SELECT 1")

    async def transact(engine: Engine) -> None:
        async with engine.transaction() as connection:
            await connection.execute("SELECT 1")

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: heard.append(context["message"]))
    try:
        async with await connect(dsn) as engine:
            for moment in range(200):
                task = asyncio.create_task(transact(engine) if moment % 2 else use())
                await asyncio.sleep(0.0001 * (moment % 100))
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            async with engine.acquire() as connection:
                assert not await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE "
                                                     "datname = current_database() AND state LIKE 'idle in%'")
        del task
        gc.collect()
    finally:
        loop.set_exception_handler(None)
    assert heard == []


# ------------------------------------------------------------------------------------------------ errors

TABLES = """
CREATE TABLE parent (id int PRIMARY KEY, "a b" int, c int, UNIQUE ("a b", c));
CREATE TABLE child (id int REFERENCES parent, n int NOT NULL, CONSTRAINT positive CHECK (n > 0),
                    CONSTRAINT apart EXCLUDE USING btree (n WITH =));
INSERT INTO parent VALUES (1, 1, 1); INSERT INTO child VALUES (1, 1);
"""


@pytest.mark.parametrize(("sql", "kind", "constraint", "table", "columns", "detail"), [
    ("INSERT INTO parent VALUES (2, 1, 1)", "unique", "parent_a b_c_key", "parent", ("a b", "c"),
     'Key ("a b", c)=(1, 1) already exists.'),
    ("INSERT INTO child VALUES (9, 2)", "foreign key", "child_id_fkey", "child", ("id",),
     'Key (id)=(9) is not present in table "parent".'),
    ("DELETE FROM parent", "foreign key", "child_id_fkey", "child", ("id",),
     'Key (id)=(1) is still referenced from table "child".'),
    ("INSERT INTO child VALUES (1, -1)", "check", "positive", "child", (), "Failing row contains (1, -1)."),
    ("INSERT INTO child VALUES (1, NULL)", "not null", "", "child", ("n",), "Failing row contains (1, null)."),
    ("INSERT INTO child VALUES (1, 1)", "exclusion", "apart", "child", ("n",),
     "Key (n)=(1) conflicts with existing key (n)=(1)."),
])
async def test_violations(
    engine: Engine, sql: str, kind: str, constraint: str, table: str, columns: tuple[str, ...], detail: str,
) -> None:
    """Each kind of constraint that is broken becomes a ConstraintViolated with its facts, from the driver's error."""
    async with engine.acquire() as connection:
        await connection.execute(TABLES)
    with pytest.raises(ConstraintViolated, match=f"the {kind} constraint.* of {table} was broken") as caught:
        async with engine.transaction() as connection:
            await connection.execute(sql)
    error = caught.value
    assert (error.kind, error.constraint, error.table, error.columns, error.detail) == (
        kind, constraint, table, columns, detail)
    assert isinstance(error.__cause__, asyncpg.IntegrityConstraintViolationError)


@pytest.mark.parametrize(("sql", "arguments", "words"), [
    ("SELECT * FROM nowhere", (), 'the database refused while reading: relation "nowhere" does not exist'),
    ("SELECT lowr('x')", (), r"function lowr\(unknown\) does not exist;.* No function matches"),
    ("SELECT $1::int", ("x",), "the database refused while reading: invalid input for query argument"),
    ("SELECT 1/0", (), "division by zero"),
])
async def test_other_errors(engine: Engine, sql: str, arguments: tuple[Any, ...], words: str) -> None:
    """Whatever else the server or the driver refuses is a DatabaseError with their words and what was being done."""
    with pytest.raises(DatabaseError, match=words) as caught:
        async with engine.acquire(doing="reading") as connection:
            await connection.fetchval(sql, *arguments)
    assert isinstance(caught.value.__cause__, asyncpg.PostgresError | asyncpg.InterfaceError)
    assert not isinstance(caught.value, ConnectionLost)


async def test_without_words_errors_come_as_they_are(engine: Engine) -> None:
    """Who says not what is being done gets the driver's own errors, to look at them."""
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with engine.acquire() as connection:
            await connection.fetchval("SELECT 1/0")
