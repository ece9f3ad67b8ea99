"""By hand: the same mixed changes, written as one would write them without a library, with the same guarantees.

One transaction, every etag stated, every row counted. The fastest shapes known: COPY for new rows, pipelined chunks of
``unnest`` for the others. `Work` sorts pairs of items before and after into rows; `Work.write` sends them, and
`Work.one_by_one` does the same with one gino statement an item.
"""

from __future__ import annotations

from typing import Any

from things import values

from workbench import Session

Pair = tuple[Any, Any]      # an item as it was (None: it is new), and as it is to be (None: it is to go)
NAMES = ["_id", "_created", "_updated", "_etag", *values(0)]
SET = ["price", "stock", "facts", "_updated", "_etag"]
TYPES = {"price": "numeric", "stock": "bigint", "facts": "jsonb", "_updated": "timestamptz", "_etag": "text"}
UPDATE = (
    f"UPDATE bench_thing AS old SET {', '.join(f'{name} = new.{name}' for name in SET)} FROM unnest($1::uuid[], "
    f"$2::text[], {', '.join(f'${place}::{TYPES[name]}[]' for place, name in enumerate(SET, 3))}) "
    f"AS new(_key, _expected, {', '.join(SET)}) WHERE old._id = new._key AND old._etag = new._expected "
    "RETURNING old._id")
DELETE = ("DELETE FROM bench_thing AS old USING unnest($1::uuid[], $2::text[]) AS new(_key, _expected) "
          "WHERE old._id = new._key AND old._etag = new._expected RETURNING old._id")


def pairs(session: Session) -> list[Pair]:
    """What is pending in a session, as items before and after."""
    return [(change.before, change.after) for change in session.plan().changes]


class Work:
    """Rows as asyncpg takes them: ``new`` for COPY, ``changed`` and ``gone`` in chunks of a hundred."""

    def __init__(self, items: list[Pair]) -> None:
        changed, gone = [], []
        self.new = []
        for before, after in items:
            if before is None:
                self.new.append([getattr(after, name) for name in NAMES])
            else:
                (gone if after is None else changed).append((before, after))
        for some in (changed, gone):
            some.sort(key=lambda pair: pair[0]._id)
        self.counts = len(changed), len(gone)
        self.changed = [([before._id for before, _ in chunk], [before._etag for before, _ in chunk],
                         *([getattr(after, name) for _, after in chunk] for name in SET)) for chunk in chunks(changed)]
        self.gone = [([before._id for before, _ in chunk], [before._etag for before, _ in chunk])
                     for chunk in chunks(gone)]

    async def write(self, session: Session) -> None:
        async with session.engine.acquire() as connection, connection.transaction():
            await connection.copy_records_to_table("bench_thing", columns=NAMES, records=self.new)
            found = len(await connection.fetchmany(UPDATE, self.changed)), len(
                await connection.fetchmany(DELETE, self.gone))
            assert found == self.counts


async def one_by_one(session: Session, items: list[Pair]) -> None:
    """One gino statement an item."""
    table = next(iter(session.reader.tables.values())).model.__table__
    async with session.engine.gino.transaction() as transaction:
        run = transaction.connection.status
        for before, after in items:
            if before is None:
                await run(table.insert().values({name: getattr(after, name) for name in NAMES}))
                continue
            same = (table.c._id == before._id) & (table.c._etag == before._etag)
            tag, _ = await run(
                table.delete().where(same) if after is None else
                table.update().where(same).values({name: getattr(after, name) for name in SET}))
            assert tag.endswith(" 1")


def chunks(some: list[Any]) -> list[list[Any]]:
    return [some[start:start + 100] for start in range(0, len(some), 100)]
