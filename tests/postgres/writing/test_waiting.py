"""Commits that wait: behind another one, for a rival's lock, and again after a deadlock."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.editing import Note, Owner, Paper, at, desk, edit
from tests.postgres.rivals import KINDS, A, B, notes, written
from workbench import (
    Conflict,
    Insert,
    Invalid,
    Rejected,
    Session,
    Update,
    WorkbenchError,
)
from workbench.errors import Busy
from workbench.postgres.writing.script import script

# ------------------------------------------------------------------------------------------------ one after another

async def test_a_commit_after_another(session: Session, rival: Session, admin: asyncpg.Connection) -> None:
    """commit(after=…) waits for it, whoever is faster, and sees what it wrote."""
    await edit(session, Insert(at(Owner, UUID(int=1)), email="a@x"))
    gate = asyncio.Event()

    async def first() -> Any:
        await gate.wait()
        return await session.commit()

    one = asyncio.create_task(first())
    await edit(rival, Insert(A))
    two = asyncio.create_task(rival.commit(after=one))
    await asyncio.sleep(0.05)
    assert (two.done(), await notes(admin)) == (False, {})
    gate.set()
    await two
    assert one.done()
    assert await notes(admin) == {"a": ("", 0)}


@pytest.mark.parametrize("how", ["fails", "is cancelled"])
async def test_a_commit_after_one_that_failed(session: Session, admin: asyncpg.Connection, how: str) -> None:
    """When the earlier one fails, or is cancelled, this one writes nothing and says so; it can be tried again."""
    async def first() -> None:
        if how == "fails":
            raise Rejected("no")
        await asyncio.sleep(60)

    one = asyncio.create_task(first())
    await edit(session, Insert(A))
    two = asyncio.create_task(session.commit(after=one))
    await asyncio.sleep(0)
    if how != "fails":
        one.cancel()
    words = r"was to come after failed \((Rejected|it was cancelled)\); nothing was written, everything pending is kept"
    with pytest.raises(WorkbenchError, match=words):
        await two
    assert (await notes(admin), len(session.plan())) == ({}, 1)
    await session.commit()


async def test_who_waits_cancels_no_other(session: Session) -> None:
    """Cancelling a commit that waits behind another one leaves that other one alone."""
    gate = asyncio.Event()
    one = asyncio.create_task(gate.wait())
    await edit(session, Insert(A))
    two = asyncio.create_task(session.commit(after=one))
    await asyncio.sleep(0.01)
    two.cancel()
    with pytest.raises(asyncio.CancelledError):
        await two
    assert not one.cancelling()
    gate.set()
    assert await one


# ------------------------------------------------------------------------------------------------ waiting

async def somebody_waits(admin: asyncpg.Connection) -> None:
    """Until a transaction waits for a lock."""
    while not await admin.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110  # the server's
        await asyncio.sleep(0.01)


async def test_busy(session: Session, admin: asyncpg.Connection) -> None:
    """A lock that a rival does not let go: after ``wait`` seconds the commit says how long and how often it tried."""
    await written(session, Insert(A))
    await edit(session, Update(A, text="mine"))
    async with admin.transaction():
        await admin.execute("SELECT FROM desk_note FOR UPDATE")
        with pytest.raises(Busy) as caught:
            await session.commit(wait=0.2)
        assert str(caught.value) == (
            f"the commit was given up after 0.2 s and {caught.value.attempts} "
            f"attempt{'' if caught.value.attempts == 1 else 's'}: rows of this plan are locked by another transaction; "
            "nothing was written, everything pending is kept. Try again, or with a longer wait=")
        with pytest.raises(Busy):
            await session.commit(wait=0)
        assert len(session.plan()) == 1
    await session.commit(wait=float("inf"))
    assert (await notes(admin))["a"] == ("mine", 0)


@pytest.mark.parametrize("after", [None, str(UUID(int=1))])
async def test_a_time_that_is_none(session: Session, after: str | None) -> None:
    """NaN, which no clock reaches, is refused: the commit would be tried for ever."""
    await edit(session, Insert(A))
    with pytest.raises(Invalid, match="wait: it is no number of seconds; give one such as 10"):
        await session.commit(after=after, wait=float("nan"))
    await session.commit()


async def test_many_locks_one_after_the_other(dsn: str, session: Session, admin: asyncpg.Connection) -> None:
    """``wait`` is for all locks together: they may each be let go in time, and the commit is given up all the same."""
    keys = "abcdef"
    await written(session, *(Insert(at(Note, key)) for key in keys))
    await edit(session, *(Update(at(Note, key), text="mine") for key in keys))

    async def hold(key: str, seconds: float) -> None:
        holder = await asyncpg.connect(dsn)
        async with holder.transaction():
            await holder.execute("SELECT FROM desk_note WHERE _id = $1 FOR UPDATE", key)
            await asyncio.sleep(seconds)
        await holder.close()

    holding = [asyncio.create_task(hold(key, 0.6 + 0.4 * place)) for place, key in enumerate(keys)]
    await asyncio.sleep(0.3)
    began = time.monotonic()
    with pytest.raises(Busy, match=r"given up after 0\.5 s and 1 attempt: rows of this plan are locked by another"):
        await session.commit(wait=0.5)
    assert time.monotonic() - began < 1.2
    await asyncio.gather(*holding)
    assert {text for text, _ in (await notes(admin)).values()} == {""}
    await session.commit()
    assert {text for text, _ in (await notes(admin)).values()} == {"mine"}


async def test_a_commit_that_takes_longer_than_it_may_wait(session: Session, admin: asyncpg.Connection) -> None:
    """``wait`` is for others: a commit that is itself at work is not given up."""
    await admin.execute("""
        CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.15); RETURN NEW; END $$;
        CREATE TRIGGER slow BEFORE INSERT ON desk_note FOR EACH ROW EXECUTE FUNCTION slow()""")
    await edit(session, *(Insert(at(Note, key)) for key in "abcd"))
    await session.commit(wait=0.1)
    assert len(await notes(admin)) == 4


async def test_a_table_that_is_altered_under_an_open_session(session: Session, admin: asyncpg.Connection) -> None:
    """A statement that was prepared for the table as it was is made anew, and the commit goes through."""
    await written(session, Insert(A))
    await written(session, Update(A, text="b"))
    await admin.execute("ALTER TABLE desk_note ALTER _id TYPE varchar(50)")
    await edit(session, Update(A, text="c"))
    assert (await session.commit()).attempts == 2
    assert (await notes(admin))["a"] == ("c", 0)


async def test_a_lock_that_goes_in_time(session: Session, admin: asyncpg.Connection) -> None:
    """A commit waits for a rival's lock and goes on when it is let go."""
    await written(session, Insert(A))
    await edit(session, Update(A, text="mine"))
    rivals = admin.transaction()
    await rivals.start()
    await admin.execute("SELECT FROM desk_note FOR UPDATE")
    committing = asyncio.create_task(session.commit(wait=60))
    await somebody_waits(admin)
    await rivals.rollback()
    assert (await committing).attempts == 1
    assert (await notes(admin))["a"] == ("mine", 0)


async def begun_anew(*sessions: Session) -> None:
    """Undoes what is pending, and has all notes as they are stored."""
    for session in sessions:
        if pending := session.manager.state.pending():
            session.undo(len(pending))
        await session.refresh(Note)


async def test_commits_that_write_what_the_other_has_read(session: Session, rival: Session) -> None:
    """Of two that each change what the other has read one is written and one a conflict, though neither waits long."""
    await written(session, Insert(A), Insert(B))
    for number in range(1, 6):
        await edit(session, Update(A, number=number), reads=[B])
        await edit(rival, Update(B, number=number), reads=[A])
        outcomes = await asyncio.gather(session.commit(wait=0.9), rival.commit(wait=0.9), return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Commit", "Conflict"]
        await begun_anew(session, rival)


async def test_commits_that_read_what_another_is_writing(session: Session, rival: Session) -> None:
    """One that has read many rows and one that writes them in several statements are never in each other's way."""
    read = [at(Note, f"{number:02}") for number in range(20)]
    await written(session, Insert(A), Insert(B), *map(Insert, read))
    for number in range(1, 6):
        await edit(session, Update(A, number=number), reads=read)
        await edit(rival, *(Update(note, number=number) for note in read[10:]),
                   *(Update(note, text=str(number)) for note in read[:10]), reads=[B])
        outcomes = await asyncio.gather(session.commit(wait=0.9), rival.commit(wait=0.9), return_exceptions=True)
        assert {type(outcome).__name__ for outcome in outcomes} <= {"Commit", "Conflict"}
        assert type(outcomes[1]).__name__ == "Commit"
        await begun_anew(session, rival)


async def test_a_script_that_writes_what_a_commit_has_read(
    dsn: str, session: Session, rival: Session, admin: asyncpg.Connection,
) -> None:
    """A script takes turns with commits, too: of two that each change what the other has read, the second one is stale.
    """
    await written(session, Insert(A), Insert(B))
    await edit(session, Update(A, number=1), reads=[B])
    await edit(rival, Update(B, number=1), reads=[A])
    running = await asyncpg.connect(dsn)
    try:
        lines = [line for line in script(rival.plan()).splitlines() if not line.startswith("\\")]
        await running.execute("\n".join(lines).removesuffix("COMMIT;"))
        committing = asyncio.ensure_future(session.commit())
        await asyncio.wait([committing], timeout=0.3)
        await running.execute("COMMIT")
        with pytest.raises(Conflict, match="here a step read it"):
            await committing
    finally:
        await running.close()
    assert {key: number for key, (_, number) in (await notes(admin)).items()} == {"a": 0, "b": 1}


async def test_a_deadlock_is_tried_again(session: Session, admin: asyncpg.Connection) -> None:
    """Of two that wait for each other the server ends one; a commit that is ended is tried again, and says so."""
    await admin.execute("ALTER DATABASE " + await admin.fetchval("SELECT current_database()") +
                        " SET deadlock_timeout = '2s'")       # it looks but once: the other must be waiting by then
    async with Session(desk(*KINDS), dsn=session._dsn) as fast:
        await written(fast, Insert(A), Insert(at(Paper, "a")))
        await edit(fast, Update(A, text="mine"), Update(at(Paper, "a"), text="mine"), reads=[])
        other = await asyncpg.connect(session._dsn, server_settings={"deadlock_timeout": "60s"})
        try:
            theirs = other.transaction()
            await theirs.start()
            await other.execute("SELECT FROM desk_paper FOR UPDATE")
            committing = asyncio.create_task(fast.commit(wait=60))
            await somebody_waits(admin)
            await other.execute("SELECT FROM desk_note FOR UPDATE")     # had once the commit was ended
            await theirs.rollback()
            done = await committing
        finally:
            await other.close()
        assert done.attempts > 1
        assert repr(done).endswith(f"by 2 statements, at attempt {done.attempts}")
        assert (await notes(admin))["a"] == ("mine", 0)
