"""By hand: the same mixed changes, written as one would write them without a library, with the same guarantees.

One transaction, every etag stated, every row counted; rows are locked in the order of their identifiers, no lock is
waited for longer than a commit waits, and the transaction's number is known before COMMIT, so that its outcome can be
asked for should the connection break. The fastest shapes known: COPY for new rows, pipelined chunks of ``unnest`` for
the others, values taken by one getter an item, the garbage collector paused. `Work` sorts pairs of items before and
after into rows; `Work.write` sends them, and `one_by_one` does the same with one gino statement an item.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from things import values

from workbench import Session, Target

Pair = tuple[Any, Any]      # an item as it was (None: it is new), and as it is to be (None: it is to go)
NAMES = ["_id", "_created", "_updated", "_etag", *values(0)]
KEYS = ["_id", "_etag"]
SET = ["price", "stock", "facts", "_updated", "_etag"]
TYPES = {"price": "numeric", "stock": "bigint", "facts": "jsonb", "_updated": "timestamptz", "_etag": "text"}
UPDATE = (
    f"UPDATE bench_thing AS old SET {', '.join(f'{name} = new.{name}' for name in SET)} FROM unnest($1::uuid[], "
    f"$2::text[], {', '.join(f'${place}::{TYPES[name]}[]' for place, name in enumerate(SET, 3))}) "
    f"AS new(_key, _expected, {', '.join(SET)}) WHERE old._id = new._key AND old._etag = new._expected "
    "RETURNING old._id")
READ = ("SELECT array_agg(_etag) FROM (SELECT _etag FROM bench_thing WHERE _id = ANY($1::uuid[]) ORDER BY _id) "
        "AS there")
DELETE = ("DELETE FROM bench_thing AS old USING unnest($1::uuid[], $2::text[]) AS new(_key, _expected) "
          "WHERE old._id = new._key AND old._etag = new._expected RETURNING old._id")


def pairs(session: Session) -> list[Pair]:
    """What is pending in a session, as items before and after."""
    return [(change.before, change.after) for change in session.plan().changes]


class Work:
    """Rows as asyncpg takes them: ``new`` for COPY, ``changed`` and ``gone`` in chunks of a hundred; what others were
    ``read``, with the etags expected, in chunks of a thousand."""

    def __init__(self, items: list[Pair], reads: Mapping[Target, str | None] = MappingProxyType({})) -> None:
        with paused():
            changed, gone = [], []
            new = []
            for before, after in items:
                if before is None:
                    new.append(after)
                else:
                    (gone if after is None else changed).append((before, after))
            for some in (changed, gone):
                some.sort(key=lambda pair: pair[0]._id.int)
            self.counts = len(changed), len(gone)
            self.new = list(map(attrgetter(*NAMES), new))
            self.changed = [(*arrays(before, KEYS), *arrays(after, SET)) for before, after in chunks(changed)]
            self.gone = [arrays(before, KEYS) for before, _ in chunks(gone)]
            read = sorted(((target.identifier, etag) for target, etag in reads.items()), key=lambda pair: pair[0].int)
            self.read = [tuple(zip(*read[start:start + 1000], strict=True)) for start in range(0, len(read), 1000)]

    async def write(self, session: Session) -> None:
        with paused():
            async with session.engine.acquire() as connection:
                await connection.execute("BEGIN; SET LOCAL lock_timeout = 10000")
                try:
                    if self.read:
                        await connection.execute("SELECT pg_advisory_xact_lock(1)")
                        there = await connection.fetchmany(READ, [(identifiers,) for identifiers, _ in self.read])
                        assert [tuple(etags) for (etags,) in there] == [etags for _, etags in self.read]
                    await connection.copy_records_to_table("bench_thing", columns=NAMES, records=self.new)
                    found = len(await connection.fetchmany(UPDATE, self.changed)), len(
                        await connection.fetchmany(DELETE, self.gone))
                    assert found == self.counts
                    self.number = await connection.fetchval("SELECT pg_current_xact_id()::text")
                except BaseException:
                    await connection.execute("ROLLBACK")
                    raise
                await connection.execute("COMMIT")


async def one_by_one(session: Session, items: list[Pair]) -> None:
    """One gino statement an item, each as gino's documentation writes it."""
    model = next(iter(session.reader.tables.values())).model
    async with session.engine.gino.transaction() as transaction:
        bind = transaction.connection
        for before, after in items:
            if before is None:
                await model.create(bind, **{name: getattr(after, name) for name in NAMES})
                continue
            verb = model.delete if after is None else model.update.values(
                **{name: getattr(after, name) for name in SET})
            tag, _ = await bind.status(verb.where(model._id == before._id).where(model._etag == before._etag))
            assert tag.endswith(" 1")


def chunks(some: list[Pair]) -> Iterator[tuple[Any, Any]]:
    """The items before and those after, a hundred at a time."""
    for start in range(0, len(some), 100):
        yield tuple(zip(*some[start:start + 100], strict=True))  # type: ignore[misc]  # two of them


def arrays(items: Any, names: list[str]) -> tuple[Any, ...]:
    """A sequence of values for each of some columns."""
    return tuple(zip(*map(attrgetter(*names), items), strict=True))


@contextmanager
def paused() -> Iterator[None]:
    """Without the cyclic garbage collector."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
