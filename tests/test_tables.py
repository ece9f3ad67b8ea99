"""Tables through a session: a resource is defined again, its table follows when asked, and what is pending stays."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.editing import desk, edit
from workbench import Conflict, Delete, Insert, Resource, Session, Target, Update, field
from workbench.errors import DatabaseError, NothingTo, StalePlan, TablesDiffer

ONE, TWO, THREE = (Target("desk", "card", UUID(int=number)) for number in (1, 2, 3))


def define(**fields: Any) -> type[Resource]:
    """A resource, as its cell defines it another time."""
    return type("Card", (Resource,), {"__module__": __name__, "__qualname__": "Card", **fields})


async def test_one_more_field(dsn: str, admin: asyncpg.Connection) -> None:
    """Cached and pending items are carried over to a resource with one more field, the error says what to do, and when
    it is done all that was pending is committed, and can be undone and gone on with before."""
    domain = desk(define(name=field(str)))
    async with Session(domain, dsn=dsn) as session:
        await edit(session, Insert(ONE, name="one"), Insert(TWO, name="two"))
        await session.commit()
        await edit(session, Update(ONE, name="uno"), Delete(TWO), Insert(THREE, name="three"))
        domain.resource(define(name=field(str), colour=field(str, initial="red")))
        with pytest.raises(TablesDiffer, match=r"wb\.tables\(\) shows what would make them fit") as caught:
            await session.commit()
        assert caught.value.differences == (
            'desk_card, for desk:card: the column "colour" (text) is missing in the database',)
        plan = await session.tables()
        assert repr(plan) == (
            "tables: 1 additive: tables().apply()\n  desk_card, for desk:card\n"
            "    + column \"colour\" (text); rows that are there get 'red'")
        assert len(session.plan()) == 3
        assert repr(await plan.apply()) == "1 change of tables made"
        assert len(session.plan()) == 3
        await edit(session, Update(THREE, colour="blue"))
        session.undo()
        session.redo()
        await session.commit()
        assert await admin.fetch("SELECT name, colour FROM desk_card ORDER BY name") == [
            ("three", "blue"), ("uno", "red")]
        assert (await session.fetch(ONE)).colour == "red"
        with pytest.raises(NothingTo):
            await (await session.tables()).apply()
    async with Session(domain, dsn=dsn) as session:
        assert [card.colour for card in await session.find("card", name="three")] == ["blue"]


async def test_what_is_cached_is_as_stored_afterwards(dsn: str) -> None:
    """Items that were read before an alteration are read anew: what the database made for them is what is seen."""
    domain = desk(define(number=field(str)))
    async with Session(domain, dsn=dsn) as session:
        await edit(session, Insert(ONE, number="7"))
        await session.commit()
        await edit(session, Insert(TWO, number="8"))
        domain.resource(define(number=field(int), key=field(UUID, initial=lambda: UUID(int=5)), more=field(int | None)))
        await (await session.tables()).apply()
        one = await session.fetch(ONE)
        assert (one.number, one.key) == (7, UUID(int=5))
        assert (await session.fetch(TWO)).number == 8
        await session.commit()
        assert await session.drift() == []


async def test_statements_that_were_prepared(dsn: str, admin: asyncpg.Connection) -> None:
    """After columns became of other types, here and for another session, everything that reads and writes goes on, also
    within a transaction, though all connections had prepared their statements for the old ones."""
    def domains(**fields: Any) -> Any:
        return define(**fields)

    before, after = {"a": field(int), "b": field(list[int])}, {"a": field(str), "b": field(list[str])}
    ada, bob = desk(domains(**before)), desk(domains(**before))
    async with Session(ada, dsn=dsn) as session, Session(bob, dsn=dsn) as rival:
        await edit(session, Insert(ONE, a=1, b=[1]), Insert(TWO, a=2, b=[2]))
        await session.commit()
        for each in (session, rival):
            await edit(each, Update(ONE, a=5), reads=[TWO])
            assert (await each.check()).ok
        for domain in (ada, bob):
            domain.resource(domains(**after))
        await (await session.tables()).apply(all=True)
        session.undo()
        rival.undo()
        for number, each in enumerate((session, rival)):
            assert await each.refresh("card") == number
            await edit(each, Update(ONE, a=f"x{number}", b=["y"]), reads=[TWO])
            assert (await each.check()).ok
            await each.commit()
        assert await admin.fetch("SELECT a, b FROM desk_card ORDER BY a") == [("2", ["2"]), ("x1", ["y"])]


async def test_a_definition_that_was_looked_at_before(dsn: str) -> None:
    """The tables follow a new definition also where a form, a frame or a completion has taken it in already."""
    domain = desk(define(name=field(str)))
    async with Session(domain, dsn=dsn) as session:
        domain.resource(define(name=field(str), colour=field(str)))
        domain.resource(key="late")(type("Late", (Resource,), {"__module__": __name__}))
        assert session.registry.refresh()
        with pytest.raises(TablesDiffer):
            await session.find("late")
        await (await session.tables()).apply()
        assert await session.find("late") == []


async def test_two_sessions_at_once(dsn: str) -> None:
    """Of two sessions that apply the same change at once one does it, the other is told so, and both go on."""
    ada, bob = desk(define(name=field(str))), desk(define(name=field(str)))
    async with Session(ada, dsn=dsn) as session, Session(bob, dsn=dsn) as rival:
        for domain in (ada, bob):
            domain.resource(define(name=field(str), colour=field(str, initial="red")))
        plans = [await session.tables(), await rival.tables()]
        found = await asyncio.gather(*(plan.apply() for plan in plans), return_exceptions=True)
        assert sorted(type(one).__name__ for one in found) == ["Altered", "StalePlan"]
        await edit(session, Insert(ONE, name="one"))
        await edit(rival, Insert(TWO, name="two", colour="blue"))
        await asyncio.gather(session.commit(), rival.commit())
        assert sorted(card.colour for card in await session.find("card")) == ["blue", "red"]


async def test_a_failure_leaves_everything(dsn: str, admin: asyncpg.Connection) -> None:
    """When applying fails the tables, what is pending and the session are as before, and it can be tried again."""
    domain = desk(define(name=field(str), gone=field(int)))
    async with Session(domain, dsn=dsn) as session:
        await admin.execute("CREATE VIEW seen AS SELECT gone FROM desk_card")
        await edit(session, Insert(ONE, name="one", gone=1))
        domain.resource(define(name=field(str), colour=field(str, initial="red")))
        plan = await session.tables()
        with pytest.raises(DatabaseError, match="other objects depend on it"):
            await plan.apply(all=True)
        assert len(session.plan()) == 1
        await admin.execute("DROP VIEW seen")
        assert len((await plan.apply(all=True)).done) == 3
        await session.commit()
        with pytest.raises(StalePlan):
            await plan.apply(all=True)
        assert await admin.fetch("SELECT name, colour FROM desk_card") == [("one", "red")]


async def test_opened_on_tables_that_differ(dsn: str, admin: asyncpg.Connection) -> None:
    """A session that is to open on such tables does, handles what needs none of them, and says what differs until they
    are altered."""
    async with Session(desk(define(name=field(str))), dsn=dsn) as session:
        await edit(session, Insert(ONE, name="one"))
        await session.commit()
    domain = desk(define(name=field(str), colour=field(str, initial="red")))
    with pytest.raises(TablesDiffer, match=r", tables_differ=True\)"):
        await Session(domain, dsn=dsn)
    async with Session(domain, dsn=dsn, tables_differ=True) as session:
        await edit(session, Insert(TWO, name="two"))
        for verb in (session.commit, lambda: session.find("card"), lambda: session.fetch(ONE), session.check):
            with pytest.raises(TablesDiffer, match='the column "colour"'):
                await verb()
        await (await session.tables()).apply()
        await session.commit()
        assert sorted((card.name, card.colour) for card in await session.find("card")) == [
            ("one", "red"), ("two", "red")]
    async with Session(domain, dsn=dsn, tables_differ=True) as session:
        assert len(await session.find("card")) == 2
    assert await admin.fetchval("SELECT count(*) FROM desk_card") == 2


async def test_the_fields_of_renamed_columns(dsn: str) -> None:
    """A field with another name takes its values along when that is said."""
    domain = desk(define(owner=field(str)))
    async with Session(domain, dsn=dsn) as session:
        await edit(session, Insert(ONE, owner="Ada"))
        await session.commit()
        domain.resource(define(holder=field(str)))
        assert len((await session.tables()).blocked) == 1
        await (await session.tables(renamed={"desk_card.owner": "holder"})).apply()
        assert (await session.fetch(ONE)).holder == "Ada"


async def test_a_verb_while_tables_are_altered(dsn: str, admin: asyncpg.Connection) -> None:
    """A verb that runs while an alteration waits for the table does not leave the session with the tables as they were.
    """
    domain = desk(define(name=field(str, unique=True)))
    async with Session(domain, dsn=dsn) as session:
        domain.resource(define(name=field(str)))
        plan = await session.tables()
        async with admin.transaction():
            await admin.execute("LOCK TABLE desk_card IN ACCESS SHARE MODE")
            applying = asyncio.ensure_future(plan.apply(all=True))
            while not await admin.fetchval(  # noqa: ASYNC110  # the server alone knows who waits
                    "SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
            await session.tables()
        await applying
        assert session.manager.tables["desk", "card"].uniques == ()
        await edit(session, Insert(ONE, name="same"), Insert(TWO, name="same"))
        await session.commit()


# ------------------------------------------------------------------------------------------------ what is pending

async def test_pending_items_begin_with_what_their_rows_have(dsn: str, admin: asyncpg.Connection) -> None:
    """An item that was pending when its table got a column has there what the row got, on every branch and after an
    undo, not what the field's initial says by now: a value that differs from the row is written."""
    domain = desk(define(name=field(str)))
    async with Session(domain, dsn=dsn) as session:
        await edit(session, Insert(ONE, name="one"))
        await session.commit()
        await edit(session, Update(ONE, name="uno"))
        with session.branch("other"):
            await edit(session, Update(ONE, name="yksi"))
        await edit(session, Update(ONE, name="eins"))
        session.undo()
        domain.resource(define(name=field(str), number=field(int, initial=5)))
        await (await session.tables()).apply()
        domain.resource(define(name=field(str), number=field(int, initial=7)))
        assert (await session.fetch(ONE)).number == 5
        session.redo()
        assert (await session.fetch(ONE)).number == 5
        session.switch("other")
        assert (await session.fetch(ONE)).number == 5
        await edit(session, Update(ONE, number=7))
        assert repr(session.plan()).endswith("name: 'one' -> 'yksi', number: 5 -> 7")
        await session.commit()
        assert await admin.fetch("SELECT name, number FROM desk_card") == [("yksi", 7)]


async def test_what_nobody_set_is_not_planned(dsn: str, admin: asyncpg.Connection) -> None:
    """A new column that rows have NULL in, as its initial gives another value each time, stays so where no pending step
    has set it, be it that the item was changed while the table lacked it; new items have one value for good."""
    domain = desk(define(name=field(str)))
    async with Session(domain, dsn=dsn) as session:
        await edit(session, Insert(ONE, name="one"), Insert(TWO, name="two"))
        await session.commit()
        await edit(session, Update(ONE, name="uno"), Insert(THREE, name="three"))
        domain.resource(define(name=field(str), token=field(str | None, initial=lambda: uuid4().hex)))
        await edit(session, Update(ONE, name="eins"), Update(TWO, name="due", token="mine"))
        await (await session.tables()).apply()
        new = await session.fetch(THREE)
        assert [change.columns for change in session.plan().changes if change.kind == "update"] == [
            ("_updated", "_etag", "name"), ("_updated", "_etag", "name", "token")]
        await session.commit()
        assert await admin.fetch("SELECT name, token FROM desk_card ORDER BY name") == [
            ("due", "mine"), ("eins", None), ("three", new.token)]


async def test_rows_that_others_changed_as_tables_were_altered(dsn: str) -> None:
    """What is pending of a row that another one changed meanwhile is a conflict as ever."""
    domain = desk(define(name=field(str)))
    async with Session(domain, dsn=dsn) as session, Session(desk(define(name=field(str))), dsn=dsn) as rival:
        await edit(session, Insert(ONE, name="one"), Insert(TWO, name="two"))
        await session.commit()
        await edit(session, Update(ONE, name="uno"), Delete(TWO))
        await edit(rival, Update(await rival.fetch(ONE), name="ein"), Delete(await rival.fetch(TWO)))
        await rival.commit()
        domain.resource(define(name=field(str), number=field(int, initial=5)))
        await (await session.tables()).apply()
        with pytest.raises(Conflict) as caught:
            await session.commit()
        assert [clash.kind for clash in caught.value.items] == ["update-update", "delete-delete"]
