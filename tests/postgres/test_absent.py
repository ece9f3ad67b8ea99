"""Absent: what a step looked for by its key and did not find is a read as well; somebody else who adds it is noticed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.editing import Edited, Note, at, desk, edit
from tests.postgres.rivals import KINDS, A, B, C, Sheet, conflict, notes, written
from tests.postgres.writing.test_script import psql
from workbench import Command, Conflict, Context, Delete, Insert, NotFound, Session, Update, field
from workbench.errors import Busy, NotClosed
from workbench.postgres.writing.guards import VERIFYING
from workbench.postgres.writing.script import script
from workbench.state.step import NOT_THERE


class AddUnless(Command):
    """Does what its mutations say unless there are some items."""

    keys: Any = field(object)
    mutations: Any = field(object)


async def add_unless(command: AddUnless, context: Context) -> AsyncIterator[Edited]:
    for target in command.keys:
        try:
            await context.fetch(target)
        except NotFound:
            continue
        return
    yield Edited(mutations=command.mutations)


def looking() -> Any:
    """The desk, with a command that looks whether something is there."""
    domain = desk(*KINDS)
    domain.command(AddUnless)
    domain.command_handler(AddUnless)(add_unless)
    return domain


@pytest.fixture
async def session(dsn: str) -> AsyncIterator[Session]:
    async with Session(looking(), dsn=dsn, user="ada") as opened:
        yield opened


@pytest.fixture
async def rival(session: Session, dsn: str) -> AsyncIterator[Session]:
    async with Session(looking(), dsn=dsn, user="bob") as opened:
        yield opened


async def test_each_adds_what_the_other_did_not_find(session: Session, rival: Session, admin: Any) -> None:
    """Two who each add an item because the other's is not there do not both come through; they do where that is not to
    be verified, and a rebase sees what is there."""
    await session.issue(AddUnless(keys=[B], mutations=[Insert(A)]))
    await rival.issue(AddUnless(keys=[A], mutations=[Insert(B)]))
    await rival.commit()
    assert await conflict(session) == [("b", "search-insert")]
    [violation] = (await session.check()).violations
    assert (violation.kind, violation.target) == ("read", B)
    assert violation.detail.startswith("a step looked for it and did not find it, and it was added since (its etag is ")
    assert [cause.step for cause in violation.causes] == [1]
    await session.rebase()
    assert session.plan().changes == ()
    session.undo()
    await session.issue(AddUnless(keys=[C], mutations=[Insert(A)]))
    await written(rival, Insert(C))
    await session.commit(verify_reads=False)
    assert set(await notes(admin)) == {"a", "b", "c"}


async def turns(admin: asyncpg.Connection) -> list[bool]:
    """Of each who has or wants the turn of those who verify, whether he has it."""
    return [row[0] for row in await admin.fetch(
        "SELECT granted FROM pg_locks WHERE locktype = 'advisory' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")]


async def until_waiting(admin: asyncpg.Connection, count: int) -> None:
    while (await turns(admin)).count(False) < count:  # noqa: ASYNC110  # nobody tells that a lock is waited for
        await asyncio.sleep(0.01)


async def test_a_serializable_commit_that_waits_for_its_turn(
    session: Session, rival: Session, admin: asyncpg.Connection,
) -> None:
    """What was added while a serializable commit waited for its turn is noticed, although the transaction could not see
    it had it begun before; and the turn is another's afterwards."""
    await written(session, Insert(A))
    await rival.refresh(Note)
    await session.issue(AddUnless(keys=[B], mutations=[Update(A, text="mine")]))
    await edit(rival, Insert(B), reads=[A])
    turn = admin.transaction()
    await turn.start()
    await admin.execute(f"SELECT pg_advisory_xact_lock({VERIFYING})")
    commits = []
    for waiting, committing in enumerate((rival.commit(), session.commit(serializable=True)), 1):
        commits.append(asyncio.ensure_future(committing))
        await until_waiting(admin, waiting)
    await turn.rollback()
    await commits[0]
    with pytest.raises(Conflict) as caught:
        await commits[1]
    assert [(clash.target, clash.kind) for clash in caught.value.items] == [(B, "search-insert")]
    assert await turns(admin) == []


async def test_a_turn_that_is_not_had(session: Session, admin: asyncpg.Connection) -> None:
    """A serializable commit that waits in vain for its turn is Busy, and leaves nothing; so one that is cancelled."""
    await session.issue(AddUnless(keys=[B], mutations=[Insert(A)]))
    async with admin.transaction():
        await admin.execute(f"SELECT pg_advisory_xact_lock({VERIFYING})")
        with pytest.raises(Busy):
            await session.commit(serializable=True, wait=0.2)
        assert await turns(admin) == [True]
        committing = asyncio.ensure_future(session.commit(serializable=True))
        await until_waiting(admin, 1)
        committing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await committing
    assert await turns(admin) == []
    await session.commit(serializable=True)


async def test_what_is_looked_for_and_added(session: Session, rival: Session) -> None:
    """An item that is added because it was not there is verified by its own insert alone, in the same step and in a
    later one."""
    await session.issue(AddUnless(keys=[A, B], mutations=[Insert(A)]))
    assert session.steps[0].reads == {A: NOT_THERE, B: NOT_THERE}
    await edit(session, Insert(B))
    assert session.plan().reads == {}
    await session.commit()
    await session.issue(AddUnless(keys=[C], mutations=[Insert(C)]))
    await written(rival, Insert(C))
    assert await conflict(session) == [("c", "insert-insert")]


async def test_what_is_added_and_deleted_again(session: Session, rival: Session, admin: asyncpg.Connection) -> None:
    """An item that is added and deleted again was not there: what else was done conflicts with who has added one."""
    await edit(session, Insert(A), Insert(B))
    await edit(session, Delete(A))
    assert session.plan().reads == {A: NOT_THERE}
    await written(rival, Insert(A, text="theirs"))
    assert await conflict(session) == [("a", "search-insert")]
    await session.resolve(A, "theirs")
    await session.commit()
    assert await notes(admin) == {"a": ("theirs", 0), "b": ("", 0)}


async def test_what_was_deleted_softly(session: Session, admin: asyncpg.Connection) -> None:
    """What was deleted softly is not there: it is not found, stays so, and is noticed when it is made again."""
    sheet = at(Sheet, "s")
    await written(session, Insert(sheet))
    await written(session, Delete(sheet))
    await session.issue(AddUnless(keys=[sheet], mutations=[Insert(A)]))
    assert session.plan().reads == {sheet: NOT_THERE}
    assert (await session.check()).violations == ()
    await admin.execute("UPDATE desk_sheet SET _deleted = NULL, _etag = 'again'")
    assert await conflict(session) == [("s", "search-insert")]
    assert [violation.kind for violation in (await session.check()).violations] == ["read"]
    await session.merge()
    await session.commit()
    await session.issue(AddUnless(keys=[at(Sheet, "t")], mutations=[Insert(at(Sheet, "t"))]))
    await edit(session, Delete(at(Sheet, "t")))
    assert session.plan().reads == {at(Sheet, "t"): NOT_THERE}
    await session.commit()


async def test_read_skew_of_one_that_came(session: Session, rival: Session) -> None:
    """A step that did not find an item and a later one that did have not seen one and the same moment."""
    await session.issue(AddUnless(keys=[A], mutations=[Insert(B)]))
    await written(rival, Insert(A))
    await session.fetch(A)
    await edit(session, Update(A, text="mine"))
    assert await conflict(session) == [("a", "search-insert")]


async def test_a_part(session: Session) -> None:
    """What had looked for an item comes with the part that adds it; where it changed nothing it stays behind, and does
    not conflict with that."""
    await session.issue(AddUnless(keys=[A], mutations=[Insert(B)]))
    await session.issue(AddUnless(keys=[A], mutations=[]))
    await edit(session, Insert(A))
    with pytest.raises(NotClosed) as caught:
        await session.commit(only=[A])
    assert caught.value.missing == (B,)
    await session.commit(only=[A, B])
    assert [step.number for step in session.manager.state.pending()] == [2]
    await session.commit()


@pytest.mark.parametrize("kind", [Note, Sheet])
async def test_what_an_earlier_step_deleted(
    session: Session, rival: Session, admin: asyncpg.Connection, kind: type[Any],
) -> None:
    """What was not found because an earlier step had deleted it is still not to be there when that is committed."""
    gone = at(kind, "gone")
    await written(session, Insert(gone))
    await edit(session, Delete(gone))
    await session.issue(AddUnless(keys=[gone], mutations=[Insert(B)]))
    await session.commit(only=[gone])
    assert session.plan().reads == {gone: NOT_THERE}
    if kind is Note:
        await written(rival, Insert(gone))
    else:
        await admin.execute("UPDATE desk_sheet SET _deleted = NULL, _etag = 'again'")
    assert await conflict(session) == [("gone", "search-insert")]


async def test_a_script_and_a_saved_plan(session: Session, rival: Session, admin: Any, dsn: str) -> None:
    """The script of a plan, and the plan applied elsewhere, look again for what was not found."""
    sheet = at(Sheet, "s")
    await session.issue(AddUnless(keys=[B, sheet], mutations=[Insert(A)]))
    saved = session.plan().saved()
    assert saved.reads == {B: NOT_THERE, sheet: NOT_THERE}
    text = script(session.plan())
    await written(rival, Insert(B), Insert(sheet))
    done = psql(dsn, text)
    assert done.returncode == 3
    assert "looked for by the steps and not found, and added since, of desk:note: b" in done.stderr
    with pytest.raises(Conflict) as caught:
        await rival.apply(saved)
    assert [clash.kind for clash in caught.value.items] == ["search-insert", "search-insert"]
    await written(rival, Delete(B), Delete(sheet))
    assert psql(dsn, text).returncode == 0
    assert set(await notes(admin)) == {"a"}
