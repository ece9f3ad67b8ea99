"""Revert: the inverse of a commit as a plan to look at; on top of what else changed, or a Conflict."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from gino import Gino
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.editing import Account, Note, Owner, Paper, at, desk, edit
from tests.state.domains import Clock
from workbench import Conflict, Delete, Insert, Invalid, Resource, Session, Update, field
from workbench.errors import NothingTo
from workbench.postgres.writing.commit import Commit


@pytest.fixture
async def session(dsn: str) -> AsyncIterator[Session]:
    """Ada's session, in which the notes "a" and "b" were committed."""
    async with Session(desk(Note, Paper, Owner, Account), dsn=dsn, user="ada", clock=Clock()) as ada:
        await edit(ada, Insert(at(Note, "a"), number=1, text="one"), Insert(at(Note, "b"), number=2, text="two"))
        await ada.commit()
        yield ada


@pytest.fixture
async def rival(session: Session, dsn: str) -> AsyncIterator[Session]:
    async with Session(desk(Note, Paper, Owner, Account), dsn=dsn, user="bob") as bob:
        yield bob


async def notes(admin: asyncpg.Connection) -> dict[str, tuple[int, str]]:
    """The stored Notes: number and text by identifier."""
    return {row[0]: (row[1], row[2]) for row in await admin.fetch("SELECT _id, number, text FROM desk_note")}


async def committed(session: Session, *mutations: Any) -> Commit:
    await edit(session, *mutations)
    return await session.commit()


# ------------------------------------------------------------------------------------------------ the inverse

async def test_each_kind(session: Session, admin: asyncpg.Connection) -> None:
    """What was added goes, what was deleted comes back as it was, what was changed has its old values; by commit."""
    before = await admin.fetch("SELECT _id, _created, number, text FROM desk_note ORDER BY _id")
    done = await committed(session, Update(at(Note, "a"), number=10), Delete(at(Note, "b")), Insert(at(Note, "c")))
    plan = await session.revert(done)
    assert repr(plan) == (
        "plan: 1 to add, 1 to change, 1 to delete\n"
        "  ~ desk:note/a  number: 10 -> 1\n"
        "  + desk:note/b  text='two', number=2\n"
        "  - desk:note/c  text='', number=0")
    assert (await notes(admin))["a"] == (10, "one")
    assert plan.why("note/a") == (
        "~ desk:note/a  number: 10 -> 1\n"
        "  step 3: revert commit 2 by ada at 2013-01-01 00:00:04 UTC\n"
        "    event CommitReverted number=2\n"
        "    update number=1")
    await session.commit(plan)
    assert await admin.fetch("SELECT _id, _created, number, text FROM desk_note ORDER BY _id") == before


async def test_as_a_step(session: Session, admin: asyncpg.Connection) -> None:
    """A revert is one step: undone, redone, on top of other pending steps; and can itself be reverted."""
    await committed(session, Update(at(Note, "a"), number=10))
    await edit(session, Update(at(Note, "a"), text="pending"))
    await session.revert(2)
    assert [step.address for step in session.plan().steps] == ["desk:edit", "revert commit 2"]
    assert (await session.fetch("note/a")).number == 1
    assert session.undo()[0].address == "revert commit 2"
    assert (await session.fetch("note/a")).number == 10
    session.redo()
    await session.commit()
    assert (await notes(admin))["a"] == (1, "pending")
    await session.revert(-1)
    await session.commit()
    assert (await notes(admin))["a"] == (10, "one")


async def test_a_soft_delete(session: Session, admin: asyncpg.Connection) -> None:
    """A soft-deleted item lives again, the same row; and what so came back can go again."""
    await committed(session, Insert(at(Paper, "p"), text="x"))
    made = await admin.fetchval("SELECT _created FROM desk_paper")
    await committed(session, Delete(at(Paper, "p")))
    plan = await session.revert(-1)
    assert plan.counts == {"insert": 0, "update": 1, "delete": 0}
    assert repr(plan).splitlines()[1] == "  ~ desk:paper/p  _deleted: 2013-01-01 00:00:04 UTC -> None"
    assert (await session.fetch("paper/p")).text == "x"
    await session.commit()
    assert await admin.fetchrow("SELECT text, _deleted, _created FROM desk_paper") == ("x", None, made)
    plan = await session.revert(-1)
    assert plan.counts == {"insert": 0, "update": 0, "delete": 1}
    await session.commit()
    assert await admin.fetchval("SELECT _deleted IS NOT NULL FROM desk_paper")


async def test_in_the_order_of_the_tables(session: Session, admin: asyncpg.Connection) -> None:
    """The inverse of a parent with its child is ordered by the foreign key, there and back."""
    owner, account = uuid4(), uuid4()
    await committed(session, Insert(at(Owner, owner), email="a@x"), Insert(at(Account, account), owner=owner))
    await session.revert(-1)
    await session.commit()
    assert await admin.fetchval("SELECT count(*) FROM desk_owner") == 0
    await session.revert(-1)
    await session.commit()
    assert await admin.fetchval("SELECT owner FROM desk_account") == owner


async def test_of_an_applied_plan(session: Session, rival: Session, admin: asyncpg.Connection) -> None:
    """A saved plan of somebody else is reverted by who applied it."""
    await edit(rival, Update(at(Note, "a"), number=10), Insert(at(Note, "c")))
    await session.apply(rival.plan().saved())
    await session.revert(-1)
    await session.commit()
    assert await notes(admin) == {"a": (1, "one"), "b": (2, "two")}


# ------------------------------------------------------------------------------------------------ what moved since

async def test_other_columns_stay(session: Session, rival: Session, admin: asyncpg.Connection) -> None:
    """What else changed since, here or by a rival, stays as it is; also where this session has not seen it."""
    await committed(session, Update(at(Note, "a"), number=10), Update(at(Note, "b"), number=20))
    await committed(session, Update(at(Note, "b"), text="here"))
    await committed(rival, Update(at(Note, "a"), text="there"))
    plan = await session.revert(2)
    assert [change.new for change in plan.changes] == [{"number": 1}, {"number": 2}]
    await session.commit()
    assert await notes(admin) == {"a": (1, "there"), "b": (2, "here")}


class Seat(Resource):
    """At a place in a line; no two are at the same."""

    _id = field(str)
    line = field(int)
    place = field(int)


async def test_of_a_swap_other_columns_stay(dsn: str, admin: asyncpg.Connection) -> None:
    """A field that a swap only set and set back is no change of the commit: who changes it since is not in the way."""
    db = Gino()
    model = type("Seats", (db.Model,), {
        "__tablename__": "seats", "_id": db.Column("id", db.Text(), primary_key=True),
        "line": db.Column(db.BigInteger(), nullable=False), "place": db.Column(db.BigInteger(), nullable=False),
        "_created": db.Column(db.DateTime(timezone=True)), "_updated": db.Column(db.DateTime(timezone=True)),
        "_etag": db.Column(db.Text()), "at": db.UniqueConstraint("line", "place")})
    async with Session(desk(Seat, models={Seat: model}), dsn=dsn) as session:
        a, b = at(Seat, "a"), at(Seat, "b")
        await committed(session, Insert(a, line=1, place=1), Insert(b, line=1, place=2))
        done = await committed(session, Update(a, place=2), Update(b, place=1))
        assert ("line", "place") in [change.columns[-2:] for change in done.plan.changes]
        await admin.execute("UPDATE seats SET line = 5, _etag = id")
        await session.revert(done)
        await session.commit()
        assert await admin.fetch("SELECT id, line, place FROM seats ORDER BY id") == [("a", 5, 1), ("b", 5, 2)]


async def test_conflicts(session: Session, rival: Session, admin: asyncpg.Connection) -> None:
    """The same column changed again, an item gone, one that came back: all are told with base, mine and theirs."""
    await committed(session, Insert(at(Note, "d")), Insert(at(Note, "e")))
    await committed(
        session, Update(at(Note, "a"), number=10), Delete(at(Note, "b")), Insert(at(Note, "c")),
        Update(at(Note, "d"), number=7), Update(at(Note, "e"), number=8))
    await committed(rival, Update(at(Note, "a"), number=11), Insert(at(Note, "b"), number=3))
    await committed(rival, Update(at(Note, "c"), text="mine now"), Delete(at(Note, "d")))
    with pytest.raises(Conflict, match="conflict on 4 items: nothing was written") as caught:
        await session.revert(-1)
    assert [(clash.target.identifier, clash.kind) for clash in caught.value.items] == [
        ("a", "update-update"), ("b", "insert-insert"), ("c", "delete-update"), ("d", "update-delete")]
    first = caught.value.items[0]
    assert [it["number"] for it in (first.base, first.mine, first.theirs)] == [10, 1, 11]
    assert "number: base 10, mine 1, theirs 11" in str(caught.value)
    assert caught.value.ways == (
        "what another has changed, no revert takes back: issue a command for what is to be as it was")
    assert session.plan().steps == ()
    assert (await notes(admin))["e"] == (8, "")


async def test_later_commits_and_pending_steps(session: Session) -> None:
    """The same column changed by a later commit of this session, or by a pending step, is a conflict as well."""
    await committed(session, Update(at(Note, "a"), number=10))
    await edit(session, Update(at(Note, "a"), number=11))
    for theirs in (11, 11):
        with pytest.raises(Conflict) as caught:
            await session.revert(2)
        assert caught.value.items[0].theirs["number"] == theirs
        if session.plan().steps:
            await session.commit()


async def test_whose_change_is_in_the_way(session: Session, rival: Session) -> None:
    """The conflict says who changed an item since: later commits of this session, which are to be reverted first, a
    pending step, or another."""
    await committed(session, Delete(at(Note, "b")))
    await committed(session, Update(at(Note, "a"), number=10))
    with pytest.raises(Conflict) as caught:
        await session.revert(1)
    first, *lines = str(caught.value).splitlines()
    assert first.endswith("; commits 3, 2 changed them since: revert those first, in this order, each committed before "
                          "the next")
    assert [line for line in lines if "desk:" in line] == [
        "  desk:note/a: here the revert deleted it, meanwhile commit 3 changed it",
        "  desk:note/b: here the revert deleted it, meanwhile commit 2 deleted it"]
    for number in (3, 2):
        await session.revert(number)
        await session.commit()
    await edit(session, Update(at(Note, "a"), number=12))
    pending = "desk:note/a: here the revert deleted it, meanwhile a pending step changed it"
    with pytest.raises(Conflict, match=pending) as caught:
        await session.revert(1)
    assert caught.value.ways == ("a pending step changed them since: undo it, or commit it and revert that first; "
                                 "commit 4 changed them since: revert(4) first")
    session.undo()
    await committed(rival, Update(at(Note, "a"), number=13))
    await session.refresh(Note)
    await committed(session, Update(at(Note, "a"), text="x"))
    with pytest.raises(Conflict, match=r"commit 6 changed them since: revert\(6\) first"):
        await session.revert(3)


async def test_nothing_to_revert(session: Session) -> None:
    """What is as it was before the commit needs no revert; a commit of another session cannot be named."""
    await committed(session, Update(at(Note, "a"), number=10))
    await session.revert(2)
    await session.commit()
    with pytest.raises(NothingTo, match="there is nothing to revert: what commit 2 changed is as it was before"):
        await session.revert(2)
    for number in (0, 4, -4, "2"):
        with pytest.raises(Invalid, match="is no commit of this session, which made 3 commits; give a number from 1"):
            await session.revert(number)  # type: ignore[arg-type]


async def test_a_rival_after_the_revert(session: Session, rival: Session) -> None:
    """The revert expects the items as it saw them: a rival in between makes the commit a conflict."""
    await committed(session, Update(at(Note, "a"), number=10))
    await session.revert(2)
    await committed(rival, Update(at(Note, "a"), text="there"))
    with pytest.raises(Conflict, match="desk:note/a: here a step changed it, meanwhile another changed it"):
        await session.commit()


async def test_a_stale_read_stays_stale(session: Session, rival: Session) -> None:
    """A revert that looks at an item anew does not hide that an earlier pending step read an older version of it."""
    await committed(session, Update(at(Note, "a"), number=10))
    await edit(session, Insert(at(Note, "c")), reads=[at(Note, "a")])
    await committed(rival, Update(at(Note, "a"), text="there"))
    await session.revert(2)
    with pytest.raises(Conflict, match="desk:note/a: here a step read it|desk:note/a: here a step changed it"):
        await session.commit()


async def test_a_rebase_tells_what_it_drops(session: Session) -> None:
    """A revert is not issued again by a rebase, and the rebase says so; the other steps are."""
    await committed(session, Update(at(Note, "a"), number=10))
    await session.revert(2)
    await edit(session, Insert(at(Note, "c")))
    rebased = await session.rebase()
    assert [str(refusal) for refusal in rebased.refused] == [
        "step 3, revert commit 2: WorkbenchError: a revert speaks of items as they were, and is not issued again; call "
        "revert() anew"]
    assert [change.target.identifier for change in session.plan().changes] == ["c"]


# ------------------------------------------------------------------------------------------------ there and back

RUNS = count()
EDITS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["insert", "update", "delete"]),
                           st.integers(0, 3), st.sampled_from(["x", "y"])), min_size=1, max_size=6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS)
async def test_a_commit_and_its_revert_leave_all_as_it_was(
    session: Session, admin: asyncpg.Connection, edits: list[tuple[str, str, int, str]],
) -> None:
    """Whatever a commit did to whatever items, its revert leaves the table as it was before; soft deletes as well."""
    query = ("SELECT _id, number, text, _created FROM desk_note UNION ALL "
             "SELECT _id, NULL, text, _created FROM desk_paper WHERE _deleted IS NULL ORDER BY 1, 2, 3")
    run = next(RUNS)        # an identifier that was deleted softly is not free for another item
    await committed(session, *(Insert(at(cls, f"{name} {run}"), text="x") for cls in (Note, Paper) for name in "ab"))
    before = await admin.fetch(query)
    for name, verb, number, text in edits:
        for target, values in ((at(Note, f"{name} {run}"), {"number": number, "text": text}),
                               (at(Paper, f"{name} {run}"), {"text": text})):
            there = await session.find(target.resource, _id=target.identifier)
            if verb == "insert" and not there:
                await edit(session, Insert(target, **values))
            elif verb == "update" and there:
                await edit(session, Update(target, **values))
            elif verb == "delete" and there:
                await edit(session, Delete(target))
    if len(session.plan()):
        await session.commit()
        await session.revert(-1)
        await session.commit()
    assert await admin.fetch(query) == before
    if session.plan().steps:
        session.undo(len(session.plan().steps))
