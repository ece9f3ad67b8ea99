"""The classic faults of such libraries, each tried from a command down to the rows of a real Postgres."""

from __future__ import annotations

import asyncio
import functools
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from gino import Gino

from tests.editing import Note, Paper, at, desk, edit
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
    Resource,
    Session,
    Update,
    field,
)
from workbench.domain.mutation import Mutation
from workbench.examples.bank import Deposit, OpenAccount, Pay, bank
from workbench.postgres.engine import connect


@pytest.fixture
async def session(dsn: str) -> AsyncIterator[Session]:
    """A session over Notes and Papers."""
    async with Session(desk(Note, Paper), dsn=dsn) as opened:
        yield opened


async def stored(admin: asyncpg.Connection, table: str = "desk_note") -> dict[str, str]:
    """Texts by identifier, as they are in a table."""
    return dict(map(tuple, await admin.fetch(f"SELECT _id, text FROM {table}")))


@pytest.mark.parametrize("mutation", [Update(at(Note, "a"), text="mine"), Delete(at(Note, "a"))])
@pytest.mark.parametrize("others", [0, 150])
async def test_a_stale_etag_is_no_silent_nothing(
    session: Session, admin: asyncpg.Connection, mutation: Mutation, others: int,
) -> None:
    """A row that has another etag by now is a conflict, alone and among hundreds; it is not merely left as it is."""
    keys = [f"k{number}" for number in range(others)]
    await edit(session, *(Insert(at(Note, key), text="x") for key in ["a", *keys]))
    await session.commit()
    await admin.execute("UPDATE desk_note SET text = 'theirs', _etag = 'other' WHERE _id = 'a'")
    again = [Delete(at(Note, key)) if isinstance(mutation, Delete) else Update(at(Note, key), text="mine")
             for key in keys]
    await edit(session, *again, mutation)
    with pytest.raises(Conflict) as caught:
        await session.commit()
    assert [clash.target.identifier for clash in caught.value.items] == ["a"]
    assert await stored(admin) == {"a": "theirs"} | dict.fromkeys(keys, "x")


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


async def test_two_sessions_share_nothing(session: Session, dsn: str, admin: asyncpg.Connection) -> None:
    """What is pending, cached and said by the one is not the other's, though the domain be the same object."""
    (domain,) = session.registry.domains.values()
    async with Session(domain, dsn=dsn, user="bob") as other:
        await edit(session, Insert(at(Note, "a"), text="x"))
        assert other.steps == []
        with pytest.raises(NotFound):
            await other.fetch("note/a")
        await edit(other, Insert(at(Note, "b"), text="y"))
        await session.commit()
        assert await stored(admin) == {"a": "x"}
        assert (await other.fetch("note/a")).text == "x"
        assert (session.user, other.user, len(other.plan()), len(session.commits), len(other.commits)) == (
            None, "bob", 1, 1, 0)


async def test_an_identifier_given_as_text_is_the_same(dsn: str, admin: asyncpg.Connection) -> None:
    """Text, UUID, Target and address lead to the one cached item, also when the rows are gone meanwhile."""
    async with Session(bank, dsn=dsn) as session:
        target = (await session.issue(OpenAccount(owner="Ada"))).target
        await session.commit()
        text = str(target.identifier)
        item = await session.fetch(target)
        await admin.execute("DELETE FROM bank_account")
        for given in ((f"account/{text}",), (f"bank:account/{text.upper()}",), ("account", text), (target,), (item,),
                      ("account", target.identifier), (target._replace(identifier=text),)):
            assert await session.fetch(*given) is item
        assert await session.fetch("account", [text, target.identifier]) == [item, item]
        step = await session.issue(Deposit(amount=1), on=f"account/{text}")
        assert (step.target, type(step.target.identifier)) == (target, UUID)


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


async def test_commands_of_two_users_on_one_connection(
    dsn: str, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two users whose commands interleave on a pool of one connection each commit their own, under their own names."""
    monkeypatch.setattr("workbench.opening.connect", functools.partial(connect, max_size=1))
    only = await connect(dsn, max_size=1)

    async def shared(*_: Any, **__: Any) -> Any:
        return only

    async with Session(desk(Paper), dsn=dsn, user="ada") as ada:
        monkeypatch.setattr("workbench.opening.connect", shared)
        bob = await Session(desk(Paper), dsn=dsn, user="bob")
        eve = await Session(desk(Paper), dsn=dsn, user="eve")
        assert bob.engine is eve.engine is not ada.engine

        async def work(session: Session) -> None:
            for number in range(10):
                on = at(Paper, f"{session.user}{number}")
                await edit(session, Insert(on, text="x"))
                await session.find(Paper, text="x")
                await edit(session, Update(on, text=session.user), reads=[on])
                if number % 4 == 0:
                    await session.commit()
            await session.commit()

        await asyncio.gather(work(bob), work(ada), work(eve))
        await bob.close()
        await eve.close()
    rows = await admin.fetch("SELECT _id, text, _creator, _updater FROM desk_paper ORDER BY _id")
    assert rows == [(f"{user}{number}", user, user, user) for user in ("ada", "bob", "eve") for number in range(10)]


async def test_text_where_a_uuid_was_meant(dsn: str, admin: asyncpg.Connection) -> None:
    """A UUID given as text is that UUID, in fields and identifiers; what is none is refused before anything runs."""
    class Link(Resource):
        to = field(UUID)

    async with Session(desk(Link), dsn=dsn) as session:
        text = "12345678-1234-1234-1234-123456789abc"
        await edit(session, Insert(at(Link, text), to=text))
        item = await session.fetch(Link, UUID(text))
        assert (item._id, item.to) == (UUID(text), UUID(text))
        await session.commit()
        assert await admin.fetchrow('SELECT _id, "to" FROM desk_link') == (UUID(text), UUID(text))
        await edit(session, Update(at(Link, text), to=text.upper()))
        assert len(session.plan()) == 0
        for mutation in (Insert(at(Link, "one"), to=text), Insert(at(Link, UUID(int=1)), to="one")):
            with pytest.raises(Invalid, match="'one' is not a UUID; give UUID"):
                await edit(session, mutation)


async def test_responses_reach_their_own_callers(dsn: str) -> None:
    """Commands issued at the same moment, on one session and on two, each get their own response and output."""
    async with Session(bank, dsn=dsn) as one, Session(bank, dsn=dsn) as two:
        async def work(session: Session, place: int) -> None:
            step = await session.issue(OpenAccount(owner=f"{place}"))
            again = await session.issue(Deposit(amount=place), on=step)
            assert step.output == {"account": step.target.identifier}
            assert (again.output, again.target) == ({"balance": Decimal(place)}, step.target)
            assert (await session.fetch(step.target)).owner == f"{place}"

        await asyncio.gather(*(work(two if place % 2 else one, place) for place in range(1, 40)))
        await asyncio.gather(one.commit(), two.commit())
        assert len(await one.find("account")) == len(await two.find("account")) == 39


async def test_conflicts_are_found_under_optimize(session: Session, dsn: str, admin: asyncpg.Connection) -> None:
    """With python -O, where asserts are gone, a conflict is one all the same."""
    await edit(session, Insert(at(Note, "a")))
    await session.commit()
    script = """
import asyncio, os
from tests.editing import Note, at, desk, edit
from workbench import Conflict, Session, Update

async def main():
    async with Session(desk(Note)) as one, Session(desk(Note)) as two:
        await edit(one, Update(at(Note, "a"), text="one"))
        await edit(two, Update(at(Note, "a"), text="two"))
        await one.commit()
        try:
            await two.commit()
        except Conflict as conflict:
            print(__debug__, conflict.items[0].kind)

asyncio.run(main())
"""
    root = Path(__file__).parent.parent
    environment = {**os.environ, "WORKBENCH_DSN": dsn, "PYTHONPATH": str(root)}
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-O", "-c", script], env=environment, capture_output=True, text=True,
        timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("False update-update\n", "")
    assert await stored(admin) == {"a": "one"}
