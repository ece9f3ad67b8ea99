"""A mixed commit (60 % insert, 30 % update, 10 % delete) from State to committed, beside the same by hand in asyncpg.

Both start from the same items in memory and give the same guarantees: one transaction, every etag stated, every row
counted. By hand is the fastest shape known: COPY for new rows, pipelined chunks of ``unnest`` for the others. Runs
alternate; the medians and their ratio are printed. Sizes may be given: ``bench_commit.py 1000 10000``.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

from workbench import Command, Delete, Domain, Event, Insert, Resource, Session, Target, Update, field

RUNS = 5
NOW = datetime(2026, 1, 1, tzinfo=UTC)
bench = Domain("bench")


@bench.resource
class Thing(Resource):
    """With its stamps, a table of twelve columns."""

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
    mutations: Any = field(object)


@bench.event
class Mixed(Event):
    mutations: Any = field(object)


@bench.command_handler(Mix)
def mix(command: Mix, context: Any) -> Mixed:
    return Mixed(mutations=command.mutations)


@bench.event_handler(Mixed)
def mixed(event: Mixed, context: Any) -> Iterable[Any]:
    return list(event.mutations)


def values(number: int) -> dict[str, Any]:
    return {"name": f"thing {number}", "price": Decimal(number) / 100, "stock": number, "sold": number % 2 == 0,
            "facts": {"a": number}, "seen": NOW, "owner": uuid4(), "maker": uuid4()}


async def seed(session: Session, count: int) -> list[Target]:
    """Rows for the updates and deletes, committed."""
    targets = [Target("bench", "thing", uuid4()) for _ in range(count)]
    await session.issue(Mix(mutations=[Insert(target, **values(n)) for n, target in enumerate(targets)]))
    await session.commit()
    return targets


async def pend(session: Session, size: int) -> None:
    """A pending mix of ``size`` mutations on rows that are there."""
    there = await seed(session, size * 4 // 10)
    random.shuffle(there)
    cut = size * 3 // 10
    await session.issue(Mix(mutations=[
        *(Insert(Target("bench", "thing", uuid4()), **values(n)) for n in range(size * 6 // 10)),
        *(Update(target, price=Decimal(1), stock=-n, facts={"b": n}) for n, target in enumerate(there[:cut])),
        *(Delete(target) for target in there[cut:])]))


async def by_hand(session: Session) -> None:
    """The same changes of the same items, written as one would write them without a library."""
    new, changed, gone = [], [], []
    for entry in session.manager.state.changed.values():
        (gone if entry.current is None else new if entry.origin is None else changed).append(entry)
    names = ["_id", "_created", "_updated", "_etag", *values(0)]
    updated = ["price", "stock", "facts", "_updated", "_etag"]
    types = {"price": "numeric", "stock": "bigint", "facts": "jsonb", "_updated": "timestamptz", "_etag": "text"}
    for entries in (changed, gone):
        entries.sort(key=lambda entry: entry.origin._id)
    sets = ", ".join(f"{name} = new.{name}" for name in updated)
    arrays = ", ".join(f"${place}::{types[name]}[]" for place, name in enumerate(updated, 3))
    async with session.engine.acquire() as connection, connection.transaction():
        await connection.copy_records_to_table(
            "bench_thing", columns=names,
            records=[[getattr(entry.current, name) for name in names] for entry in new])
        chunks = [changed[start:start + 100] for start in range(0, len(changed), 100)]
        found = await connection.fetchmany(
            f"UPDATE bench_thing AS old SET {sets} FROM unnest($1::uuid[], $2::text[], {arrays}) "
            f"AS new(_key, _expected, {', '.join(updated)}) WHERE old._id = new._key AND old._etag = new._expected "
            "RETURNING old._id",
            [([e.origin._id for e in chunk], [e.origin._etag for e in chunk],
              *([getattr(e.current, name) for e in chunk] for name in updated)) for chunk in chunks])
        assert len(found) == len(changed)
        chunks = [gone[start:start + 100] for start in range(0, len(gone), 100)]
        found = await connection.fetchmany(
            "DELETE FROM bench_thing AS old USING unnest($1::uuid[], $2::text[]) AS new(_key, _expected) "
            "WHERE old._id = new._key AND old._etag = new._expected RETURNING old._id",
            [([e.origin._id for e in chunk], [e.origin._etag for e in chunk]) for chunk in chunks])
        assert len(found) == len(gone)


async def main(sizes: list[int]) -> None:
    print(f"{'items':>8} {'workbench':>12} {'by hand':>12} {'ratio':>7}   (medians of {RUNS} alternating runs)")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with Session(bench, folder=folder) as session:
            for size in sizes:
                ours, theirs = [], []
                for _ in range(RUNS):
                    await pend(session, size)
                    start = perf_counter()
                    await session.commit()
                    ours.append(perf_counter() - start)
                    await pend(session, size)
                    start = perf_counter()
                    await by_hand(session)
                    theirs.append(perf_counter() - start)
                    session.undo()
                mine, hand = statistics.median(ours), statistics.median(theirs)
                print(f"{size:>8} {mine * 1000:>9.1f} ms {hand * 1000:>9.1f} ms {mine / hand:>7.2f}")


if __name__ == "__main__":
    asyncio.run(main([int(word) for word in sys.argv[1:]] or [100, 1000, 10_000]))
