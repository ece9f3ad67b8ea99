"""Session: the verbs, plans that went stale, many at once, and what of it reaches the rows."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from gino import Gino

from tests.editing import Note, Paper, at, desk, edit
from tests.state.domains import START, Clock, Identifiers
from workbench import (
    Command,
    Conflict,
    Context,
    Delete,
    Event,
    Insert,
    Invalid,
    NotFound,
    Rejected,
    Session,
    Update,
    WorkbenchError,
    field,
)
from workbench.domain.mutation import Mutation
from workbench.errors import NothingTo, StalePlan, UnknownName
from workbench.examples.bank import Deposit, OpenAccount, Pay, bank
from workbench.postgres.engine import connect


@pytest.fixture
async def session(dsn: str) -> AsyncIterator[Session]:
    """A session over Notes and Papers."""
    async with Session(desk(Note, Paper), dsn=dsn, user="ada", clock=Clock(), identifiers=Identifiers()) as opened:
        yield opened


async def numbers(admin: asyncpg.Connection) -> dict[str, int]:
    """The stored Notes: number by identifier."""
    return dict(map(tuple, await admin.fetch("SELECT _id, number FROM desk_note")))


async def stored(admin: asyncpg.Connection, table: str = "desk_note") -> dict[str, str]:
    """Texts by identifier, as they are in a table."""
    return dict(map(tuple, await admin.fetch(f"SELECT _id, text FROM {table}")))


# ------------------------------------------------------------------------------------------------ the verbs

async def test_issue_by_object_and_by_address(dsn: str, admin: asyncpg.Connection) -> None:
    """A command is issued as it is or by its address, on whatever names the item; nothing is written by it."""
    async with Session(bank, dsn=dsn) as session:
        opened = await session.issue(OpenAccount(owner="Ada"))
        number = opened.target.identifier
        await session.issue(Deposit(amount=1), on=opened)
        await session.issue(f"bank:deposit/account/{number}", amount="2")
        await session.issue("deposit", on=f"account/{number}", data={"amount": 4})
        await session.issue("deposit", on=number, amount=8)
        await session.issue(Deposit(amount=16), on=opened.target)
        step = await session.issue(Deposit(amount=32), on=await session.fetch("account", str(number)), cell=7)
        assert (step.response and step.response["balance"], step.cell, step.number) == (63, 7, 7)
        assert await admin.fetchval("SELECT count(*) FROM bank_account") == 0
        assert repr(await session.commit()) == "committed: 1 added, 0 changed, 0 deleted by 1 statement"
        assert await admin.fetchval("SELECT balance FROM bank_account") == 63


@pytest.mark.parametrize(("given", "data", "words"), [
    (Deposit(amount=1), {"amount": 2}, "amount: the command carries its fields already; set it there"),
    (Deposit(amount=1), {"data": {"a": 2}}, "a: the command carries its fields already; set it there"),
    (3, {}, "3 is no command; give one such as OpenAccount"),
    (Deposit, {"amount": 2}, r"Deposit is the class of a command; give one of it: Deposit\(amount=…\)"),
    (Deposit, {}, r"Deposit is the class of a command; give one of it: Deposit\(amount=…\)"),
    ("bank:deposit/account/x", {"on": "account/y", "amount": 1}, "on: the address already says on what: account/x"),
    ("bank:deposit/account/x", {"amount": 1}, "the identifier of a Account was refused"),
    ("bank:deposit/account", {"amount": "ten"}, "amount: 'ten' is not a Decimal"),
    ("bank:deposit", {"amont": 1}, 'amont: there is no such field; did you mean "amount"?'),
    ("bank:deposit", {"amount": 1, "_target": 1}, "_target: is set by the workbench alone; leave it out"),
])
async def test_refused(dsn: str, given: Any, data: dict[str, Any], words: str) -> None:
    """What cannot be issued is refused in words, and nothing is pending."""
    async with Session(bank, dsn=dsn) as session:
        with pytest.raises(Invalid, match=words.replace("?", r"\?")):
            await session.issue(given, **data)
        with pytest.raises(Invalid, match=r"on: 'account/x' has no name; what a .* on=: issue\(…, on=…\)"):
            await session.issue(given, "account/x")   # type: ignore[arg-type]  # as a user would
        assert session.steps == []
        with pytest.raises(UnknownName, match='no command "depositt" in bank; did you mean "deposit"?'):
            await session.issue("bank:depositt")


async def test_stamps(session: Session, admin: asyncpg.Connection) -> None:
    """User, clock and identifiers are the session's: steps and rows repeat exactly."""
    step = await edit(session, Insert(at(Note, "a")))
    assert (step.user, step.at) == ("ada", START)
    session.user = "bob"
    assert (await edit(session, Insert(at(Note, "b")))).user == session.user == "bob"
    await session.commit()
    assert await admin.fetch("SELECT _id, _created, _updated, _etag FROM desk_note ORDER BY _id") == [
        ("a", START, START, UUID(int=1).hex), ("b", START.replace(second=1), START.replace(second=1), UUID(int=2).hex)]


async def test_commit_after_commit(session: Session, admin: asyncpg.Connection) -> None:
    """What was committed is clean: it can be changed and committed on, and is not undone."""
    await edit(session, Insert(at(Note, "a"), number=1))
    first = await session.commit()
    with pytest.raises(NothingTo, match="no step is pending: what is committed is not undone"):
        session.undo()
    with pytest.raises(NothingTo, match="nothing to commit.*no step is pending; issue a command first"):
        await session.commit()
    await edit(session, Update(at(Note, "a"), number=2))
    await edit(session, Update(at(Note, "a"), number=1))
    second = await session.commit()
    assert ([*session.commits], second.statements, len(second.plan)) == ([first, second], 0, 0)
    await edit(session, Update(at(Note, "a"), number=3))
    await session.commit()
    await edit(session, Delete(at(Note, "a")))
    await session.commit()
    await edit(session, Insert(at(Note, "a"), number=5))
    await session.commit()
    assert await numbers(admin) == {"a": 5}
    assert [step.number for step in session.steps] == [1, 2, 3, 4, 5, 6]
    assert all(commit.at.tzinfo is not None for commit in session.commits)


async def test_undo_and_redo(session: Session, admin: asyncpg.Connection) -> None:
    """What is undone is not committed; what is redone is."""
    for key in "abc":
        await edit(session, Insert(at(Note, key)))
    session.undo(2)
    session.redo()
    await session.commit()
    assert set(await numbers(admin)) == {"a", "b"}
    with pytest.raises(NothingTo, match="nothing to redo"):
        session.redo()


async def test_refresh(session: Session, dsn: str) -> None:
    """Refresh takes in what others committed, except for items that are changed here."""
    await edit(session, *(Insert(at(Note, key)) for key in "abcd"))
    await session.commit()
    await edit(session, Update(at(Note, "d"), number=7))
    async with Session(desk(Note), dsn=dsn) as other:
        await edit(other, Update(at(Note, "a"), number=1), Delete(at(Note, "b")), Update(at(Note, "d"), number=9))
        await other.commit()
    assert (await session.fetch("note/a")).number == 0
    assert await session.refresh("note") == 2
    assert (await session.fetch("note/a")).number == 1
    assert (await session.fetch("note/d")).number == 7
    with pytest.raises(NotFound):
        await session.fetch("note/b")


# ------------------------------------------------------------------------------------------------ stale plans

async def test_a_plan_is_committed_as_it_was_shown(session: Session, dsn: str, admin: asyncpg.Connection) -> None:
    """commit(plan) writes that plan or refuses, and says what has happened since it was made."""
    await edit(session, Insert(at(Note, "a")))
    plan = session.plan()
    await edit(session, Insert(at(Note, "b")))
    with pytest.raises(StalePlan) as caught:
        await session.commit(plan)
    assert str(caught.value) == ("the plan is stale: nothing was written. Make it again with plan(); since it was made"
                                 "\n  issued: step 2, desk:edit")
    session.undo(2)
    with pytest.raises(StalePlan, match="undone: step 1, desk:edit"):
        await session.commit(plan)
    await edit(session, Insert(at(Note, "c")))
    with pytest.raises(StalePlan) as caught:
        await session.commit(plan)
    assert caught.value.moved == ("issued: step 1, desk:edit", "undone: step 1, desk:edit")
    async with Session(desk(Note), dsn=dsn) as other:
        await edit(other, Insert(at(Note, "z")))
        with pytest.raises(StalePlan, match="undone: step 1"):
            await session.commit(other.plan())
    assert await numbers(admin) == {}
    plan = session.plan()
    session.undo()
    session.redo()
    assert (await session.commit(plan)).plan is plan        # it is what is pending, again
    with pytest.raises(StalePlan, match="it was committed"):
        await session.commit(plan)
    assert await numbers(admin) == {"c": 0}


# ------------------------------------------------------------------------------------------------ many at once

@pytest.mark.parametrize("size", [1, 4])
async def test_many_at_once(
    dsn: str, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, size: int,
) -> None:
    """Commands, searches and commits at the same moment on one session, with one connection or several, do not get
    into each other's way: every command counts once."""
    monkeypatch.setattr("workbench.opening.connect", functools.partial(connect, max_size=size))
    domain = desk(Note)

    class Raise(Command):
        by = field(int)

    class Raised(Event):
        by = field(int)

    async def raise_it(command: Raise, context: Any) -> AsyncIterator[Any]:
        note = await context.fetch(context.target)
        await asyncio.sleep(0)
        yield Raised(by=command.by).on(note)
        yield context.respond(number=note.number + command.by)

    async def raised(event: Raised, context: Any) -> AsyncIterator[Update]:
        note = await context.fetch(event.target)
        yield Update(note, number=note.number + event.by)

    domain.command(Raise)
    domain.event(Raised)
    domain.command_handler(Raise)(raise_it)
    domain.event_handler(Raised)(raised)

    async def commit() -> Any:
        try:
            return await session.commit()
        except NothingTo:
            return None

    async with Session(domain, dsn=dsn) as session:
        await edit(session, Insert(at(Note, "a")), Insert(at(Note, "b")))
        await session.commit()
        steps = await asyncio.gather(*(
            commit() if place % 5 == 4 else session.find(Note, number=place) if place % 5 == 3 else
            session.issue(Raise(by=1), on=f"note/{'ab'[place % 2]}") for place in range(100)))
        await commit()
        assert await numbers(admin) == {"a": 30, "b": 30}
        assert {note._id: note.number for note in await session.find(Note)} == {"a": 30, "b": 30}
        told = sorted(step.response["number"] for step in steps if hasattr(step, "response"))
        assert told == sorted([*range(1, 31)] * 2)


async def test_undo_while_a_commit_is_at_work(session: Session, admin: asyncpg.Connection) -> None:
    """Undo does not take back what is being committed: it says that it must wait."""
    await edit(session, Insert(at(Note, "a")))
    task = asyncio.ensure_future(session.commit())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(WorkbenchError, match="a command or a commit is at work; await it, then undo"):
        session.undo()
    await task
    assert await numbers(admin) == {"a": 0}


async def test_two_domains(dsn: str, admin: asyncpg.Connection) -> None:
    """Two domains in one session are one plan and one commit, each its own tables."""
    async with Session(bank, desk(Note, Paper), dsn=dsn) as session:
        await session.issue(OpenAccount(owner="Ada"))
        await edit(session, Insert(at(Note, "a")), Insert(at(Paper, "p")))
        done = await session.commit()
        assert (done.plan.counts["insert"], done.statements) == (3, 3)
        assert await admin.fetchval("SELECT owner FROM bank_account") == "Ada"
        assert isinstance((await session.fetch("desk:paper/p"))._created, datetime)
        with pytest.raises(UnknownName, match='there is no resource "papr"; .*desk:paper'):
            await session.find("papr")


# ------------------------------------------------------------------------------------------------ what reaches the rows

async def test_all_mutations_of_a_handler_are_applied(session: Session, admin: asyncpg.Connection) -> None:
    """Not only the first mutation, of not only the first event, reaches the rows; and each sees those before it."""
    class Many(Command):
        pass

    class Done(Event):
        key = field(str)

    async def many(command: Many, context: Context) -> AsyncIterator[Done]:
        for key in "ab":
            yield Done(key=key)
        assert (await context.fetch(at(Note, "b"))).text == "b2"

    async def done(event: Done, context: Context) -> AsyncIterator[Mutation]:
        yield Insert(at(Note, event.key), text="1")
        yield Update(at(Note, event.key), text=f"{event.key}2")
        yield Insert(at(Paper, event.key), text="p")

    (domain,) = session.registry.domains.values()
    domain.command(Many)
    domain.event(Done)
    domain.command_handler(Many)(many)
    domain.event_handler(Done)(done)
    await session.issue(Many())
    await session.commit()
    assert await stored(admin) == {"a": "a2", "b": "b2"}
    assert await stored(admin, "desk_paper") == {"a": "p", "b": "p"}


async def test_a_failed_command_is_not_committed_by_the_next(dsn: str, admin: asyncpg.Connection) -> None:
    """What a command did before it failed, policies and all, is gone: the next commit has nothing of it."""
    async with Session(bank, dsn=dsn) as session:
        ada = (await session.issue(OpenAccount(owner="Ada"))).target
        await session.issue(Deposit(amount=10), on=ada)
        with pytest.raises(NotFound):       # the money is taken, and then there is nobody to get it
            await session.issue(Pay(amount=4, to=UUID(int=404)), on=ada)
        with pytest.raises(Rejected, match="Ada has 10 EUR, less than 99"):
            await session.issue("bank:withdraw", on=ada, amount=99)
        await session.issue(OpenAccount(owner="Bob"))
        await session.commit()
        assert await admin.fetch("SELECT owner, balance FROM bank_account ORDER BY owner") == [
            ("Ada", Decimal(10)), ("Bob", Decimal(0))]


async def test_a_deleted_item_is_not_fetched(session: Session, admin: asyncpg.Connection) -> None:
    """Deleted here, or deleted and committed, hard or softly: it is not found, cannot be changed, and can be undone."""
    for cls in (Note, Paper):
        on = at(cls, "a")
        await edit(session, Insert(on, text="x"))
        await session.commit()
        await edit(session, Delete(on))
        for _ in range(2):
            with pytest.raises(NotFound):
                await session.fetch(on)
            with pytest.raises(NotFound):
                await edit(session, Update(on, text="y"))
            assert await session.find(cls) == []
            if session.manager.state.pending():
                session.undo()
                assert (await session.fetch(on)).text == "x"
                session.redo()
                await session.commit()
    assert (await stored(admin), await stored(admin, "desk_paper")) == ({}, {"a": "x"})


async def test_unknown_keys_are_not_dropped(session: Session) -> None:
    """A key that is no field is refused, with the nearest one, in a command, a mutation and a search."""
    with pytest.raises(Invalid, match='mutation: there is no such field; did you mean "mutations"'):
        await session.issue("desk:edit", mutation=())
    for mutation in (Insert(at(Note, "a"), txet="x"), Insert(at(Note, "a"), text="x", extra=1)):
        with pytest.raises(Invalid, match="there is no such field"):
            await edit(session, mutation)
    await edit(session, Insert(at(Note, "a")))
    with pytest.raises(Invalid, match='txet: there is no such field; did you mean "text"'):
        await edit(session, Update(at(Note, "a"), txet="x"))
    with pytest.raises(Invalid, match='txet: there is no such field; did you mean "text"'):
        await session.find(Note, txet="x")
    with pytest.raises(Invalid, match="_etag: is a stamp, set by the State alone; leave it out"):
        await edit(session, Update(at(Note, "a"), _etag="x"))


async def test_what_was_merely_fetched_is_left_alone(dsn: str, admin: asyncpg.Connection) -> None:
    """A commit does not touch rows that were only read: not those without stamps, as others write them, either."""
    db = Gino()

    class Stored(db.Model):  # type: ignore[misc, name-defined]  # gino has no types
        __tablename__ = "legacy"
        _id = db.Column("id", db.Text(), primary_key=True)
        _created = db.Column("made", db.DateTime(timezone=True))
        _updated = db.Column("changed", db.DateTime(timezone=True))
        _etag = db.Column("version", db.Text())
        text = db.Column(db.Text())
        number = db.Column(db.BigInteger())
        own = db.Column(db.Text(), server_default="kept")

    async with Session(desk(Note, models={Note: Stored}), dsn=dsn) as session:
        await admin.execute("INSERT INTO legacy (id, text, number) VALUES ('a', 'x', 1), ('b', 'y', 2), ('c', 'z', 3)")
        before = await admin.fetch("SELECT xmin::text, legacy.* FROM legacy ORDER BY id")
        assert len(await session.fetch(Note, ["a", "b", "c"])) == len(await session.find(Note)) == 3
        await edit(session, Insert(at(Note, "new")), reads=[at(Note, "a"), at(Note, "b")])
        await edit(session, Update(at(Note, "c"), text="z"))        # equal: no change
        done = await session.commit()
        assert done.plan.counts == {"insert": 1, "update": 0, "delete": 0}
        assert await admin.fetch("SELECT xmin::text, legacy.* FROM legacy WHERE id <> 'new' ORDER BY id") == before
        await edit(session, Update(at(Note, "a"), text="changed"), Delete(at(Note, "b")))
        await session.commit()
        rows = await admin.fetch("SELECT id, text, made IS NULL, version IS NULL, own FROM legacy ORDER BY id")
        assert rows == [("a", "changed", True, False, "kept"), ("c", "z", True, True, "kept"),
                        ("new", "", False, False, "kept")]
        await admin.execute("UPDATE legacy SET version = 'theirs' WHERE id = 'c'")
        await edit(session, Update(at(Note, "c"), text="mine"))
        with pytest.raises(Conflict, match="desk:note/c: here a step changed it, meanwhile another changed it"):
            await session.commit()
