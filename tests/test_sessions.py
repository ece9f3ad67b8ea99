"""Several sessions on one database: they share nothing but the rows, and each caller gets its own response."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from tests.editing import Note, Paper, at, desk, edit
from workbench import (
    Insert,
    NotFound,
    Session,
    Update,
)
from workbench.examples.bank import Deposit, OpenAccount, bank
from workbench.postgres.engine import connect


@pytest.fixture
async def session(dsn: str) -> AsyncIterator[Session]:
    """A session over Notes and Papers."""
    async with Session(desk(Note, Paper), dsn=dsn) as opened:
        yield opened


async def stored(admin: asyncpg.Connection, table: str = "desk_note") -> dict[str, str]:
    """Texts by identifier, as they are in a table."""
    return dict(map(tuple, await admin.fetch(f"SELECT _id, text FROM {table}")))


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
