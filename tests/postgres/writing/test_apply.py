"""Applying saved plans to real tables: exactly what was saved, by whoever, once only, or refused in words."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.editing import Account, Note, Owner, Paper, at, desk, edit
from workbench import Conflict, Delete, Insert, Resource, Session, Update, field
from workbench.errors import (
    AlreadyApplied,
    Busy,
    ConstraintViolated,
    DatabaseError,
    NothingTo,
    OtherDefinition,
    SavedPlanError,
    TablesDiffer,
    TamperedPlan,
    UnreadablePlan,
    WorkbenchError,
)
from workbench.postgres.writing.script import script
from workbench.state.saved.plan import SavedPlan

REPOSITORY = Path(__file__).resolve().parents[3]


def opened(dsn: str, user: str) -> Session:
    return Session(desk(Note, Paper, Owner, Account), dsn=dsn, user=user)


@pytest.fixture
async def session(dsn: str) -> AsyncIterator[Session]:
    """Ada's session, in which the note "a" was committed."""
    async with opened(dsn, "ada") as ada:
        await edit(ada, Insert(at(Note, "a"), number=1))
        await ada.commit()
        yield ada


@pytest.fixture
async def other(session: Session, dsn: str) -> AsyncIterator[Session]:
    """Bob's session on the same database."""
    async with opened(dsn, "bob") as bob:
        yield bob


async def test_a_check_tells_of_a_plan_that_was_applied(session: Session, other: Session) -> None:
    """What another session has written, a check finds, though the rows as they are now were no hindrance."""
    await edit(session, Insert(at(Note, "b")))
    saved = session.plan().saved()
    assert (await session.check()).ok
    await other.apply(saved)
    await edit(other, Delete(at(Note, "b")))
    await other.commit()
    [found] = (await session.check()).violations
    assert (found.kind, found.target) == ("applied", None)
    assert found.detail.startswith(f"the saved plan {saved.nonce} was written before, at ")
    with pytest.raises(AlreadyApplied):
        await session.commit()
    session.undo()
    await edit(session, Insert(at(Note, "b")))
    assert (await session.check()).ok


async def receipts(admin: asyncpg.Connection) -> int:
    if await admin.fetchval("SELECT to_regclass('workbench_receipt')") is None:
        return 0
    return int(await admin.fetchval("SELECT count(*) FROM workbench_receipt"))


async def numbers(admin: asyncpg.Connection) -> dict[str, int]:
    """The stored Notes: number by identifier."""
    return dict(map(tuple, await admin.fetch("SELECT _id, number FROM desk_note")))


async def saved_by(session: Session) -> SavedPlan:
    """A plan that changes the note "a" and adds "b", pending and saved."""
    await edit(session, Update(at(Note, "a"), number=2), Insert(at(Note, "b"), number=5))
    return session.plan().saved()


# ------------------------------------------------------------------------------------------------ what is written

async def test_another_session_applies_it(
    session: Session, other: Session, admin: asyncpg.Connection, tmp_path: Path,
) -> None:
    """What one session saved another one writes, with the stamps of the first; its receipt says by whom and when."""
    await edit(session, Insert(at(Paper, "p"), text="by ada"), Update(at(Note, "a"), number=2))
    saved = session.plan().save(tmp_path / "x.plan.json")
    assert await numbers(admin) == {"a": 1}
    done = await other.apply(tmp_path / "x.plan.json")
    assert repr(done) == "committed: 1 added, 1 changed, 0 deleted by 2 statements"
    assert (done.nonce, done.user, other.commits) == (saved.nonce, "bob", [done])
    assert await numbers(admin) == {"a": 2}
    row = await admin.fetchrow("SELECT text, _creator, _etag FROM desk_paper")
    assert row is not None
    assert (row["text"], row["_creator"]) == ("by ada", "ada")
    assert row["_etag"] == next(it.after["_etag"] for it in saved.changes if it.after and it.kind == "insert")
    receipts = await admin.fetch("SELECT nonce::text, hash, at, by FROM workbench_receipt")
    assert [(it["nonce"], it["hash"], it["by"]) for it in receipts] == [(saved.nonce, saved.hash, "bob")]
    assert (await other.fetch("note/a")).number == 2


async def test_in_the_order_of_its_tables(session: Session, other: Session, admin: asyncpg.Connection) -> None:
    """The order is found again where it is applied: parents first, and two rows that swap a unique value."""
    ada, bob, child = uuid4(), uuid4(), uuid4()
    await edit(session, Insert(at(Owner, ada), email="a@x"), Insert(at(Owner, bob), email="b@x"))
    await session.commit()
    await edit(session, Insert(at(Account, child), owner=ada, parent=child))
    await edit(session, Update(at(Owner, ada), email="tmp@x"))
    await edit(session, Update(at(Owner, bob), email="a@x"))
    await edit(session, Update(at(Owner, ada), email="b@x"), Delete(at(Note, "a")))
    await other.apply(SavedPlan.read(session.plan().saved().text))
    assert dict(map(tuple, await admin.fetch("SELECT _id, email FROM desk_owner"))) == {ada: "b@x", bob: "a@x"}
    assert await admin.fetchval("SELECT parent FROM desk_account") == child
    assert await numbers(admin) == {}


async def test_own_plan_is_settled(session: Session, admin: asyncpg.Connection) -> None:
    """Applied by the session whose pending plan it is, it is settled as by a commit, and work goes on from there."""
    saved = await saved_by(session)
    done = await session.apply(saved)
    assert done.nonce == saved.nonce
    assert session.plan().steps == ()
    with pytest.raises(NothingTo, match="there is nothing to commit"):
        await session.commit()
    await edit(session, Update(at(Note, "b"), number=6))
    await session.commit()
    assert await numbers(admin) == {"a": 2, "b": 6}


async def test_pending_work_stays(session: Session, other: Session, admin: asyncpg.Connection) -> None:
    """A session with work of its own applies a plan: what is apart stays good, what the plan moved is stale."""
    saved = await saved_by(session)
    await edit(other, Insert(at(Note, "mine"), number=9))
    await edit(other, Update(at(Note, "a"), number=100))
    await other.apply(saved)
    assert [step.number for step in other.plan().steps] == [1, 2]
    with pytest.raises(Conflict) as caught:
        await other.commit()
    [clash] = caught.value.items
    assert (clash.kind, clash.mine["number"], clash.theirs["number"]) == ("update-update", 100, 2)
    rebased = await other.rebase()
    assert rebased.refused == ()
    await other.commit()
    assert await numbers(admin) == {"a": 100, "b": 5, "mine": 9}


async def test_a_conflict_names_what_to_do_with_the_plan(session: Session, other: Session) -> None:
    """A saved plan that the database moved under is told how to be made again, in the words and as a fact."""
    saved = await saved_by(session)
    await edit(other, Update(at(Note, "a"), number=100))
    await other.commit()
    with pytest.raises(Conflict) as caught:
        await other.apply(saved)
    assert caught.value.ways.startswith("ways out: a saved plan stays as it is; issue its commands (.commands) again")
    assert str(caught.value).endswith(f"\n  {caught.value.ways}")


async def test_pending_here_under_later_steps(session: Session, admin: asyncpg.Connection) -> None:
    """The own plan with later steps on top is not written twice: it says how many to undo, or to commit them all."""
    saved = await saved_by(session)
    await edit(session, Insert(at(Note, "c")))
    with pytest.raises(SavedPlanError, match=(
            f"the steps of the saved plan {saved.nonce} are pending here, with 1 later step on top: nothing was "
            r"written. commit\(\) writes them all; or undo\(1\), apply the plan")):
        await session.apply(saved)
    assert await numbers(admin) == {"a": 1}
    session.undo(1)
    await session.apply(saved)
    assert await numbers(admin) == {"a": 2, "b": 5}


async def test_killed_between_save_and_apply(dsn: str, admin: asyncpg.Connection, tmp_path: Path) -> None:
    """The process that saved a plan is killed with all that was pending; another one applies it from the file."""
    path = tmp_path / "x.plan.json"
    code = f"""
import asyncio
from tests.editing import *
from workbench import Insert, Session, Update
async def main():
    async with Session(desk(Note, Paper, Owner, Account), dsn={dsn!r}, user="ada") as session:
        await edit(session, Insert(at(Note, "a"), number=1))
        await session.commit()
        await edit(session, Update(at(Note, "a"), number=2), Insert(at(Note, "b"), number=5))
        session.plan().save({str(path)!r})
        print("saved", flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 60) == b"saved\n"
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()
    assert await numbers(admin) == {"a": 1}
    async with opened(dsn, "bob") as bob:
        await bob.apply(path)
        with pytest.raises(AlreadyApplied):
            await bob.apply(path)
    assert await numbers(admin) == {"a": 2, "b": 5}


# ------------------------------------------------------------------------------------------------ once only

async def test_not_twice(session: Session, other: Session, admin: asyncpg.Connection) -> None:
    """A plan that was applied is refused by whoever comes next, who is told when and by whom."""
    saved = await saved_by(session)
    await other.apply(saved)
    for one in (other, session):
        with pytest.raises(AlreadyApplied, match=(
                rf"the saved plan {saved.nonce} was written before, at \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC by bob, "
                "and is written once only: nothing was written now")) as caught:
            await one.apply(saved)
        assert (caught.value.nonce, caught.value.by) == (saved.nonce, "bob")
    assert await numbers(admin) == {"a": 2, "b": 5}


async def test_not_twice_on_empty_tables(session: Session, other: Session, admin: asyncpg.Connection) -> None:
    """Where all it added is gone again, no etag would stop it; the receipt does."""
    await edit(session, Insert(at(Note, "b"), number=5))
    saved = session.plan().saved()
    await session.apply(saved)
    await admin.execute("TRUNCATE desk_note")
    with pytest.raises(AlreadyApplied):
        await other.apply(saved)
    assert await numbers(admin) == {}


async def test_not_after_its_parts_were_committed(session: Session, other: Session, admin: asyncpg.Connection) -> None:
    """A saved plan whose steps were committed in several parts counts as written with the last one."""
    await edit(session, Insert(at(Note, "b"), number=5))
    await edit(session, Insert(at(Note, "c"), number=6))
    saved = session.plan().saved()
    await session.commit(only=["note/b"])
    assert await receipts(admin) == 0
    await session.commit()
    assert await receipts(admin) == 1
    await admin.execute("TRUNCATE desk_note")
    with pytest.raises(AlreadyApplied):
        await other.apply(saved)


async def test_once_where_its_rows_are_there_already(
    session: Session, other: Session, admin: asyncpg.Connection,
) -> None:
    """A saved plan whose SQL was run by hand can be applied, which writes nothing but its receipt; and never again."""
    await edit(session, Insert(at(Note, "b"), number=5))
    saved = session.plan().saved()
    await admin.execute("\n".join(line for line in script(session.plan()).splitlines() if not line.startswith("\\")))
    done = await other.apply(saved)
    assert repr(done) == "was written already: 1 added, 0 changed, 0 deleted; nothing was written now"
    assert (await numbers(admin), await receipts(admin)) == ({"a": 1, "b": 5}, 1)
    await admin.execute("TRUNCATE desk_note")
    with pytest.raises(AlreadyApplied):
        await other.apply(saved)


@pytest.mark.parametrize("how", ["commit(plan)", "commit()", "with a later step", "a part"])
async def test_not_after_a_live_commit(session: Session, other: Session, admin: asyncpg.Connection, how: str) -> None:
    """A plan that was saved and then committed by its own session counts as written, also as the first part of more."""
    await edit(session, Insert(at(Note, "b"), number=5))
    plan = session.plan()
    saved = plan.saved()
    if how in ("with a later step", "a part"):
        await edit(session, Insert(at(Note, "c"), number=6))
    done = await session.commit(plan if how == "commit(plan)" else None, only=["note/b"] if how == "a part" else None)
    assert done.nonce == (saved.nonce if how.startswith("commit") else None)
    await admin.execute("TRUNCATE desk_note")
    with pytest.raises(AlreadyApplied, match="by ada"):
        await other.apply(saved)
    assert await numbers(admin) == {}


async def test_no_live_commit_after_it_was_applied(
    session: Session, other: Session, admin: asyncpg.Connection,
) -> None:
    """A session whose plan was applied elsewhere cannot write it again; its pending work stays until it is undone."""
    await edit(session, Insert(at(Note, "b"), number=5))
    saved = session.plan().saved()
    await other.apply(saved)
    await admin.execute("TRUNCATE desk_note")
    with pytest.raises(AlreadyApplied, match=r"Where its steps are still pending here, undo\(\) them"):
        await session.commit()
    assert len(session.plan()) == 1
    session.undo()
    await edit(session, Insert(at(Note, "b"), number=7))
    await session.commit()
    assert await numbers(admin) == {"b": 7}


async def test_a_live_commit_whose_outcome_was_not_known(session: Session, admin: asyncpg.Connection) -> None:
    """A saved plan whose live commit was done unbeknown to its session is settled by committing it again."""
    saved = await saved_by(session)
    pending = session.manager.state
    await session.commit()
    session.manager.history.here.state = pending         # as where the connection broke during COMMIT
    done = await session.commit()
    assert done.nonce == saved.nonce
    assert session.plan().steps == ()
    assert await numbers(admin) == {"a": 2, "b": 5}
    session.manager.history.here.state = pending
    await edit(session, Insert(at(Note, "c")))
    with pytest.raises(AlreadyApplied, match="by ada"):     # of this one only the beginning is written
        await session.commit()
    assert await numbers(admin) == {"a": 2, "b": 5}


async def test_no_receipt_without_the_rows(session: Session, other: Session, admin: asyncpg.Connection) -> None:
    """A plan that a constraint refuses leaves no receipt, and is applied when the reason is gone."""
    owner = uuid4()
    await edit(session, Insert(at(Owner, owner), email="a@x"))
    saved = session.plan().saved()
    rival = uuid4()
    await edit(other, Insert(at(Owner, rival), email="a@x"))
    await other.commit()
    with pytest.raises(ConstraintViolated, match="unique constraint"):
        await other.apply(saved)
    assert await admin.fetchval("SELECT count(*) FROM workbench_receipt") == 0
    await edit(other, Delete(at(Owner, rival)))
    await other.commit()
    await other.apply(saved)
    assert await admin.fetchval("SELECT _id FROM desk_owner") == owner


async def test_racing_applies(session: Session, dsn: str, admin: asyncpg.Connection) -> None:
    """Of several sessions that apply the same plan at once exactly one writes it; the table of receipts is new then."""
    await edit(session, Insert(at(Note, "b"), number=5))
    saved = session.plan().saved()
    sessions = [await opened(dsn, f"user {number}") for number in range(4)]
    try:
        assert await admin.fetchval("SELECT to_regclass('workbench_receipt')") is None
        results = await asyncio.gather(*(one.apply(saved) for one in sessions), return_exceptions=True)
    finally:
        for one in sessions:
            await one.close()
    won = [number for number, result in enumerate(results) if not isinstance(result, BaseException)]
    assert len(won) == 1
    assert all(isinstance(result, AlreadyApplied) and result.by == f"user {won[0]}"
               for number, result in enumerate(results) if number not in won)
    assert await numbers(admin) == {"a": 1, "b": 5}
    assert await admin.fetchval("SELECT count(*) FROM workbench_receipt") == 1


async def test_an_apply_under_way(session: Session, other: Session, admin: asyncpg.Connection) -> None:
    """Who comes while the same plan is being written waits: refused when that is committed, Busy when it takes long."""
    saved = await saved_by(session)
    await admin.execute("CREATE TABLE workbench_receipt (nonce uuid PRIMARY KEY, hash text, at timestamptz, by text)")
    under_way = admin.transaction()
    await under_way.start()
    await admin.execute("INSERT INTO workbench_receipt VALUES ($1, NULL, now(), 'carla')", UUID(saved.nonce))
    with pytest.raises(Busy, match=r"the commit was given up after 0.2 s"):
        await other.apply(saved, wait=0.2)
    waiting = asyncio.create_task(other.apply(saved))
    for _ in range(500):
        await asyncio.sleep(0.02)
        if await admin.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                                "AND datname = current_database()"):
            break
    assert not waiting.done()
    await under_way.commit()
    with pytest.raises(AlreadyApplied, match="by carla"):
        await waiting
    assert await numbers(admin) == {"a": 1}


# ------------------------------------------------------------------------------------------------ refused

async def test_stale(session: Session, other: Session, admin: asyncpg.Connection) -> None:
    """Where a written item moved since, base, mine and theirs are told, and nothing is written, no receipt either."""
    saved = await saved_by(session)
    await edit(other, Update(at(Note, "a"), number=50))
    await other.commit()
    for one in (session, other):
        with pytest.raises(Conflict) as caught:
            await one.apply(saved)
        [clash] = caught.value.items
        assert [it["number"] for it in (clash.base, clash.mine, clash.theirs)] == [1, 2, 50]
    assert await numbers(admin) == {"a": 50}
    assert len(session.plan()) == 2
    assert await admin.fetchval("SELECT count(*) FROM workbench_receipt") == 0


async def test_stale_on_empty_tables(session: Session, other: Session, admin: asyncpg.Connection) -> None:
    """A plan that changes what is not there any more is a conflict."""
    saved = await saved_by(session)
    await admin.execute("TRUNCATE desk_note")
    with pytest.raises(Conflict, match="desk:note/a: here a step changed it, meanwhile another deleted it"):
        await other.apply(saved)
    assert await numbers(admin) == {}


async def test_stale_by_what_was_read(session: Session, other: Session, admin: asyncpg.Connection) -> None:
    """An item that the steps only read must be as it was as well, unless verify_reads=False."""
    await edit(session, Insert(at(Note, "b")), reads=[at(Note, "a")])
    saved = session.plan().saved()
    await edit(other, Update(at(Note, "a"), number=50))
    await other.commit()
    with pytest.raises(Conflict, match="desk:note/a: here a step read it, meanwhile another changed it"):
        await other.apply(saved)
    await other.apply(saved, verify_reads=False)
    assert await numbers(admin) == {"a": 50, "b": 0}


async def test_tampered(session: Session, other: Session, admin: asyncpg.Connection, tmp_path: Path) -> None:
    """A file that was changed by hand is not applied."""
    path = tmp_path / "x.plan.json"
    text = (await saved_by(session)).text
    path.write_text(text.replace('"number": 5', '"number": 5000'))
    with pytest.raises(TamperedPlan, match="was changed after it was saved: nothing was written. It can still be"):
        await other.apply(path)
    with pytest.raises(UnreadablePlan, match="the file cannot be read"):
        await other.apply(tmp_path / "gone.json")
    assert await numbers(admin) == {"a": 1}


async def test_another_definition(session: Session, dsn: str, admin: asyncpg.Connection) -> None:
    """A session in which the resource has other fields does not write it, and names them."""
    class Other(Resource):
        _id = field(str)
        text = field(str, initial="")
        number = field(int | None, initial=0)

    saved = await saved_by(session)
    domain = desk()
    domain.resource(key="note", table="desk_note2")(Other)
    async with Session(domain, dsn=dsn) as elsewhere:
        with pytest.raises(OtherDefinition, match="desk:note: the field number was int and is int | None now"):
            await elsewhere.apply(saved)
    assert await numbers(admin) == {"a": 1}


async def test_tables_that_do_not_fit(session: Session, admin: asyncpg.Connection) -> None:
    """Where a table of this session does not fit its definition, that is said first."""
    saved = await saved_by(session)

    class Late(Resource):
        _id = field(str)

    await admin.execute("CREATE TABLE desk_late (_id integer PRIMARY KEY)")
    session.registry.domains["desk"].resource(key="late")(Late)
    with pytest.raises(TablesDiffer, match="desk_late"):
        await session.apply(saved)
    assert await numbers(admin) == {"a": 1}


async def test_receipts_that_cannot_be_made(session: Session, admin: asyncpg.Connection) -> None:
    """A table of that name that is no table of receipts is an error in words; nothing is written."""
    saved = await saved_by(session)
    await admin.execute("CREATE TABLE workbench_receipt (other text)")
    with pytest.raises(DatabaseError, match='the database refused while looking for a receipt: column "nonce" does'):
        await session.apply(saved)
    with pytest.raises(DatabaseError, match="the database refused while committing"):
        await session.commit()
    assert await numbers(admin) == {"a": 1}
    assert len(session.plan()) == 2


# ------------------------------------------------------------------------------------------------ one after the other

async def test_commit_after_a_saved_plan(session: Session, other: Session, admin: asyncpg.Connection) -> None:
    """A commit waits until whoever it be has applied a saved plan, and then writes."""
    saved = await saved_by(session)
    await edit(other, Insert(at(Note, "later")))
    waiting = asyncio.create_task(other.commit(after=saved))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    assert await numbers(admin) == {"a": 1}
    await session.apply(saved)
    await waiting
    assert await numbers(admin) == {"a": 2, "b": 5, "later": 0}
    await edit(other, Insert(at(Note, "last")))
    await other.commit(after=saved.nonce)
    assert "last" in await numbers(admin)


async def test_commit_after_a_plan_that_nobody_applies(session: Session, other: Session) -> None:
    """When nobody applies it in time, nothing is written and all is pending; what is no nonce is refused."""
    saved = await saved_by(session)
    await edit(other, Insert(at(Note, "later")))
    with pytest.raises(Busy, match=(
            rf"the commit was given up after 0.2 s and \d attempts: the saved plan {saved.nonce}, which was to be "
            "applied before, was applied by nobody; nothing was written, everything pending is kept")):
        await other.commit(after=saved, wait=0.2)
    assert len(other.plan()) == 1
    with pytest.raises(WorkbenchError, match="'x.plan.json' is no nonce of a saved plan; give the plan itself"):
        await other.commit(after="x.plan.json")


async def test_no_receipts_unasked(session: Session, admin: asyncpg.Connection) -> None:
    """A session that saves nothing makes no table of receipts."""
    assert len(session.commits) == 1
    assert await admin.fetchval("SELECT to_regclass('workbench_receipt')") is None
