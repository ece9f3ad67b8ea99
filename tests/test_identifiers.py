"""Identifiers: however one is given, it is the one item, from a command down to its row."""

from __future__ import annotations

from uuid import UUID

import asyncpg
import pytest

from tests.editing import at, desk, edit
from workbench import Insert, Invalid, Resource, Session, Update, field
from workbench.examples.bank import Deposit, OpenAccount, bank


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
