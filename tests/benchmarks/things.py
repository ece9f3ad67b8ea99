"""Things: what the benchmarks of the database are about: a table of twelve columns, and one command for any mutations.

`pend` leaves a mix pending: 60 % insert, 30 % update, 10 % delete, of rows that are there.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from workbench import Command, Delete, Domain, Event, Insert, Resource, Session, Target, Update, field

NOW = datetime(2026, 1, 1, tzinfo=UTC)
bench = Domain("bench")


@bench.resource
class Thing(Resource):
    """With its identifier and stamps twelve columns."""

    name = field(str)
    price = field(Decimal)
    stock = field(int)
    sold = field(bool)
    facts = field(dict)
    seen = field(datetime)
    owner = field(UUID)
    maker = field(UUID)


@bench.command
class Mix(Command):
    """Reads some items, and does mutations."""

    mutations: Any = field(object)
    reads: Any = field(object, initial=())


@bench.event
class Mixed(Event):
    mutations: Any = field(object)


@bench.command_handler(Mix)
async def mix(command: Mix, context: Any) -> AsyncIterator[Any]:
    if command.reads:
        await context.fetch(command.reads)
    yield Mixed(mutations=command.mutations)


@bench.event_handler(Mixed)
def mixed(event: Mixed, context: Any) -> Iterable[Any]:
    return list(event.mutations)


def values(number: int) -> dict[str, Any]:
    return {"name": f"thing {number}", "price": Decimal(number) / 100, "stock": number, "sold": number % 2 == 0,
            "facts": {"a": number}, "seen": NOW, "owner": uuid4(), "maker": uuid4()}


async def seed(session: Session, count: int) -> list[Target]:
    """So many rows, committed."""
    targets = [Target("bench", "thing", uuid4()) for _ in range(count)]
    await session.issue(Mix(mutations=[Insert(target, **values(n)) for n, target in enumerate(targets)]))
    await session.commit()
    return targets


async def pend(session: Session, size: int, reads: int = 0) -> None:
    """A pending mix of ``size`` mutations, of a command that read as many other rows as ``reads`` says.

    All updates change the same columns, as by_hand.py has it; no row has a price below zero before."""
    there = await seed(session, size * 4 // 10 + reads)
    read, there = there[:reads], there[reads:]
    random.shuffle(there)
    cut = size * 3 // 10
    await session.issue(Mix(reads=read, mutations=[
        *(Insert(Target("bench", "thing", uuid4()), **values(n)) for n in range(size * 6 // 10)),
        *(Update(target, price=Decimal(-1), stock=-n, facts={"b": n}) for n, target in enumerate(there[:cut])),
        *(Delete(target) for target in there[cut:])]))
