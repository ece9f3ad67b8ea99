"""Redefinition: what is defined again while a session is open is taken up by it, with what is pending."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.editing import Edit, Note, Owner, at, desk, edit
from tests.state.domains import Clock, Identifiers
from workbench import (
    Command,
    Insert,
    Resource,
    Session,
    Target,
    field,
)
from workbench.errors import DefinitionError, TablesDiffer


@pytest.fixture
async def session(dsn: str) -> AsyncIterator[Session]:
    """A session over Notes."""
    async with Session(desk(Note), dsn=dsn, user="ada", clock=Clock(), identifiers=Identifiers()) as opened:
        yield opened


async def numbers(admin: asyncpg.Connection) -> dict[str, int]:
    """The stored Notes: number by identifier."""
    return dict(map(tuple, await admin.fetch("SELECT _id, number FROM desk_note")))


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


async def test_a_redefined_command_is_the_present_one(session: Session) -> None:
    """An Edit made before its class was registered anew is handled as the present one."""
    old = Edit(mutations=(Insert(at(Note, "a")),))
    new = type("Edit", (Command,), {"__module__": Edit.__module__, "__qualname__": "Edit", "mutations": field(object),
                                    "reads": field(object, initial=())})
    (domain,) = session.registry.domains.values()
    domain.command(new)
    step = await session.issue(old)
    assert type(step.command) is new
