"""Session: opening and closing, the verbs, plans that went stale, definitions that change, many at once."""

from __future__ import annotations

import asyncio
import functools
import shutil
import tempfile
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.editing import Account, Edit, Note, Owner, Paper, at, desk, edit
from tests.state.domains import START, Clock, Identifiers
from workbench import (
    Command,
    Delete,
    Domain,
    Event,
    Insert,
    Invalid,
    NotFound,
    Resource,
    Session,
    Target,
    Update,
    WorkbenchError,
    field,
)
from workbench.errors import DatabaseError, DefinitionError, NothingTo, StalePlan, TablesDiffer, UnknownName
from workbench.examples.bank import Deposit, OpenAccount, bank
from workbench.postgres.engine import connect


@pytest.fixture
async def session(dsn: str) -> AsyncIterator[Session]:
    """A session over Notes."""
    async with Session(desk(Note), dsn=dsn, user="ada", clock=Clock(), identifiers=Identifiers()) as opened:
        yield opened


async def numbers(admin: asyncpg.Connection) -> dict[str, int]:
    """The stored Notes: number by identifier."""
    return dict(map(tuple, await admin.fetch("SELECT _id, number FROM desk_note")))


# ------------------------------------------------------------------------------------------------ opening

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
    assert await numbers(admin) == {"a": 1}


async def test_a_table_that_does_not_fit(dsn: str, admin: asyncpg.Connection) -> None:
    """A table that is there and differs is an error that shows how; nothing is made or changed, no connection stays."""
    await admin.execute("CREATE TABLE desk_note (_id text PRIMARY KEY, _created timestamptz, _updated timestamptz, "
                        "_etag text, text integer NOT NULL)")
    with pytest.raises(TablesDiffer) as caught:
        await Session(desk(Note, Owner), dsn=dsn)
    first, *lines = str(caught.value).splitlines()
    assert first == ("the database's tables differ from the definitions (they are never altered silently). Open a "
                     "workbench on them if none is open, wb = Workbench(…, tables_differ=True); then wb.tables() shows "
                     "what would make them fit, its apply() does what loses nothing, apply(all=True) the rest. Or "
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


# ------------------------------------------------------------------------------------------------ redefinition

async def test_a_resource_defined_while_open(dsn: str, admin: asyncpg.Connection) -> None:
    """A resource that is defined while the session is open gets its table with the next verb, even if many come."""
    domain = desk(Note)
    async with Session(domain, dsn=dsn) as session:
        await edit(session, Insert(at(Note, "a")))
        domain.resource(Owner)
        found = await asyncio.gather(*(session.find(Owner) for _ in range(5)))
        assert found == [[]] * 5
        assert session.created == ["desk_note", "desk_owner"]
        await edit(session, Insert(at(Owner, UUID(int=1)), email="x"))
        await session.commit()
        assert await admin.fetchval("SELECT count(*) FROM desk_owner") == 1


async def test_one_more_field(dsn: str, admin: asyncpg.Connection) -> None:
    """A field that the table lacks: reading and committing say so, pending is kept, and when the table fits, all goes
    on."""
    def define(**fields: Any) -> Any:
        return type("Card", (Resource,), {"__module__": __name__, "__qualname__": "Card", **fields})

    domain = desk(define(name=field(str)))
    async with Session(domain, dsn=dsn) as session:
        await edit(session, Insert(Target("desk", "card", UUID(int=1)), name="x"))
        domain.resource(define(name=field(str), colour=field(str, initial="red")))
        for verb in (session.commit, lambda: session.find("card"), lambda: session.fetch(f"card/{UUID(int=2)}")):
            with pytest.raises(TablesDiffer, match='desk_card, for desk:card: the column "colour"'):
                await verb()
        assert (await session.fetch(f"card/{UUID(int=1)}")).colour == "red"
        assert len(session.plan()) == 1
        await admin.execute("ALTER TABLE desk_card ADD COLUMN colour text NOT NULL")
        await session.commit()
        assert await admin.fetch("SELECT name, colour FROM desk_card") == [("x", "red")]


async def test_a_definition_that_cannot_be_stored(dsn: str, admin: asyncpg.Connection) -> None:
    """A resource that no table can hold is told at every verb until its cell is corrected; pending is kept."""
    def define(kind: Any) -> Any:
        return type("Card", (Resource,), {"__module__": __name__, "__qualname__": "Card", "name": field(kind)})

    domain = desk(Note)
    async with Session(domain, dsn=dsn) as session:
        await edit(session, Insert(at(Note, "a")))
        domain.resource(define(object))
        for _ in range(2):
            with pytest.raises(DefinitionError, match='desk:card: the field "name" may hold any value'):
                await session.commit()
        domain.resource(define(str))
        assert await session.find("card") == []
        await session.commit()
        assert await numbers(admin) == {"a": 0}


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


async def test_a_redefined_command_is_the_present_one(session: Session) -> None:
    """An Edit made before its class was registered anew is handled as the present one."""
    old = Edit(mutations=(Insert(at(Note, "a")),))
    new = type("Edit", (Command,), {"__module__": Edit.__module__, "__qualname__": "Edit", "mutations": field(object),
                                    "reads": field(object, initial=())})
    (domain,) = session.registry.domains.values()
    domain.command(new)
    step = await session.issue(old)
    assert type(step.command) is new
