"""Rebase: the pending commands again on what is stored now; and phantoms, out of which it is the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.editing import Note, desk, edit
from tests.postgres.rivals import A, B, C, D, conflict, notes, written
from workbench import (
    Command,
    Conflict,
    Context,
    Delete,
    Domain,
    Event,
    Insert,
    Rejected,
    Resource,
    Session,
    Update,
    field,
)
from workbench.errors import ConnectionLost, DatabaseError

# ------------------------------------------------------------------------------------------------ rebase

class Add(Command):
    by = field(int, initial=1)


class Added(Event):
    by = field(int)


class Branch(Command):
    """Makes a new item beside the one it is on."""


class Branched(Event):
    pass


class Log(Resource):
    number = field(int, initial=0)
    note = field(str)


def counting() -> Domain:
    """Notes and Logs; Add is refused where a number would pass ten; Branch makes a Log whose identifier is made up."""
    domain = desk(Note, Log)

    async def add(command: Add, context: Context) -> AsyncIterator[Added]:
        item = await context.fetch(context.target)
        if item.number + command.by > 10:
            raise Rejected(f"{item.number} + {command.by} is above ten")
        yield Added(by=command.by).on(item)

    async def added(event: Added, context: Context) -> AsyncIterator[Update]:
        item = await context.fetch(event.target)
        yield Update(item, number=item.number + event.by)

    async def branch(command: Branch, context: Context) -> AsyncIterator[Any]:
        note = await context.fetch(context.target)
        log = context.new(Log)
        yield Branched().on(log)
        yield context.respond(log=log, number=note.number)

    async def branched(event: Branched, context: Context) -> AsyncIterator[Insert]:
        yield Insert(event.target, note="n")

    domain.command(on=Note)(Add)
    domain.command(key="add-log", on=Log)(AddLog)
    domain.command(on=Note)(Branch)
    domain.event(Added)
    domain.event(Branched)
    domain.command_handler(Add, AddLog)(add)
    domain.event_handler(Added)(added)
    domain.command_handler(Branch)(branch)
    domain.event_handler(Branched)(branched)
    return domain


class AddLog(Add):
    pass


async def test_rebase(dsn: str, admin: asyncpg.Connection) -> None:
    """rebase() issues the pending commands again on what is stored now, in their order, by whom and where they were
    issued; a refused one is told and left out, the rest is kept. Nothing is written before the commit."""
    async with Session(counting(), dsn=dsn, user="ada") as session, Session(counting(), dsn=dsn) as rival:
        await written(session, Insert(A, number=1), Insert(B, number=1))
        await session.issue(Add(by=2), on=A, cell=7)
        await session.issue(Add(by=3), on=A)
        session.user = "eve"
        await session.issue(Add(by=1), on=A)
        await session.issue(Add(by=4), on=B)
        await rival.issue(Add(by=6), on=A)
        await rival.commit()
        assert await conflict(session) == [("a", "update-update")]
        stored = await notes(admin)
        rebased = await session.rebase()
        assert await notes(admin) == stored
        (refusal,) = rebased.refused
        assert str(refusal) == "step 3, desk:add/note/a: Rejected: 9 + 3 is above ten"
        assert repr(rebased).splitlines() == [
            "rebased: 0 to add, 2 to change, 0 to delete (before: 0 to add, 2 to change, 0 to delete)",
            "  now ~ desk:note/a  number: 7 -> 10", f"  refused {refusal}"]
        assert [(step.user, step.cell, step.command.by) for step in session.steps[1:]] == [
            ("ada", 7, 2), ("eve", None, 1), ("eve", None, 4)]
        assert [step.number for step in session.steps] == [1, 2, 3, 4]
        await session.commit()
        assert await notes(admin) == {"a": ("", 10), "b": ("", 5)}
        nothing = await session.rebase()
        assert (nothing.refused, len(nothing.plan)) == ((), 0)


async def test_rebase_makes_up_the_same_identifiers(dsn: str, admin: asyncpg.Connection) -> None:
    """What a command made has the same identifier after a rebase, so that later commands still find it."""
    async with Session(counting(), dsn=dsn) as session, Session(counting(), dsn=dsn) as rival:
        await written(session, Insert(A, number=1))
        made = [(await session.issue(Branch(), on=A)).response.values["log"] for _ in range(2)]
        await session.issue(AddLog(by=2), on=made[0])
        await session.issue(AddLog(by=5), on=made[1])
        await session.issue(Add(by=1), on=A)
        await rival.issue(Add(by=3), on=A)
        await rival.commit()
        assert (await session.rebase()).refused == ()
        await session.commit()
        assert dict(await admin.fetch("SELECT _id, number FROM desk_log")) == {
            made[0].identifier: 2, made[1].identifier: 5}
        assert await notes(admin) == {"a": ("", 5)}


async def test_a_rebase_on_what_is_gone_or_there(session: Session, rival: Session, admin: asyncpg.Connection) -> None:
    """Commands on items that are gone, and inserts of items that are there, are refused by name; the rest goes on."""
    await written(session, Insert(A), Insert(B))
    await edit(session, Update(A, text="mine"))
    await edit(session, Insert(C, text="mine"))
    await edit(session, Update(B, text="mine"))
    await written(rival, Delete(A), Insert(C, text="theirs"))
    assert [type(refusal.error).__name__ for refusal in (await session.rebase()).refused] == [
        "NotFound", "AlreadyExists"]
    await session.commit()
    assert await notes(admin) == {"b": ("mine", 0), "c": ("theirs", 0)}


async def test_a_rebase_without_a_database(
    session: Session, rival: Session, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A database that fails in the middle of a rebase refuses no command: it is raised, and all stays pending."""
    await written(session, Insert(A), Insert(B))
    await edit(session, Update(A, text="mine"))
    await edit(session, Update(B, text="mine"))
    before = repr(session.plan())
    await written(rival, Delete(A))

    async def failing(*_: Any, **__: Any) -> Any:
        raise ConnectionLost("reading")

    for verb in ("load", "find"):
        monkeypatch.setattr(session.reader, verb, failing)
    with pytest.raises(DatabaseError):
        await session.rebase()
    assert repr(session.plan()) == before


# ------------------------------------------------------------------------------------------------ phantoms

class Seek(Command):
    text = field(str)


class Sought(Event):
    text = field(str)
    there = field(int)


def seeking() -> Domain:
    """Notes; Seek counts those of a text, and makes one that says how many there are."""
    domain = desk(Note)

    async def seek(command: Seek, context: Context) -> AsyncIterator[Any]:
        yield Sought(text=command.text, there=len(await context.find(Note, text=command.text))).on(context.target)

    async def sought(event: Sought, context: Context) -> AsyncIterator[Insert]:
        yield Insert(event.target, text=event.text, number=event.there)

    domain.command(on=Note)(Seek)
    domain.event(Sought)
    domain.command_handler(Seek)(seek)
    domain.event_handler(Sought)(sought)
    return domain


async def test_what_a_rebase_writes_over_is_told(dsn: str) -> None:
    """A change that comes to the same value as before and writes over what a rival wrote is among those that differ."""
    async with Session(desk(Note), dsn=dsn) as session, Session(desk(Note), dsn=dsn) as rival:
        await edit(rival, Insert(A), Insert(B))
        await rival.commit()
        await session.fetch(A)
        await session.fetch(B)
        await edit(session, Update(A, text="mine"), Update(B, text="mine"))
        await edit(rival, Update(A, text="theirs", number=7))
        await rival.commit()
        rebased = await session.rebase()
        assert repr(rebased) == (
            "rebased: 0 to add, 2 to change, 0 to delete (before: 0 to add, 2 to change, 0 to delete)\n"
            "  now ~ desk:note/a  text: 'theirs' -> 'mine'")


async def test_a_phantom(dsn: str, admin: asyncpg.Connection) -> None:
    """A row that a search would find now is a conflict where the commit is serializable; a rebase searches again, a
    resolution takes it as it is."""
    async with Session(seeking(), dsn=dsn) as session, Session(seeking(), dsn=dsn) as rival:
        await session.issue(Seek(text="x"), on=A)
        await rival.issue(Seek(text="x"), on=B)
        await rival.commit(serializable=True)
        with pytest.raises(Conflict) as caught:
            await session.commit(serializable=True)
        assert str(caught.value.items[0]) == (
            "desk:note/b: here a step searched and did not find it, meanwhile another added it")
        assert caught.value.items[0].kind == "search-insert"
        await session.rebase()
        await session.commit(serializable=True)
        assert await notes(admin) == {"a": ("x", 1), "b": ("x", 0)}
        await session.issue(Seek(text="x"), on=C)
        await rival.refresh(Note)
        await rival.issue(Seek(text="x"), on=D)
        await rival.commit()
        assert await conflict(session, serializable=True) == [("d", "search-insert")]
        await session.resolve(D, "theirs")
        await session.commit(serializable=True)
        assert (await notes(admin))["c"] == ("x", 2)
