"""Load: items by their identifiers, checked and in the cache, beside the raw records of the same query and codec."""

from __future__ import annotations

import asyncio
import tempfile
from functools import partial
from typing import Any

from table import Peer, Table
from things import bench, seed

from workbench import Session


async def main() -> None:
    table = Table("loads")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with Session(bench, folder=folder) as session:
            stored = session.reader.tables["bench", "thing"]
            columns = ", ".join(f'"{column.name}"' for column in stored.columns)

            async def raw(identifiers: list[Any]) -> None:
                async with session.engine.acquire() as connection:
                    rows = await connection.fetch(
                        f"SELECT {columns} FROM {stored.quoted} WHERE _id = ANY($1::uuid[])", identifiers)
                    assert len(rows) == len(identifiers)

            async def ours(identifiers: list[Any]) -> None:
                items = await session.fetch("thing", identifiers)
                assert len(items) == len(identifiers)

            def nothing_cached(identifiers: list[Any]) -> list[Any]:
                session.manager.cache.items.clear()
                return identifiers

            for size in table.sizes(1000, 10_000, 100_000):
                identifiers = [target.identifier for target in await seed(session, size)]
                given = partial(nothing_cached, identifiers)
                await table.race(f"load {size:,} by identifier", Peer("workbench", ours, given),
                                 Peer("raw records, same codec", raw, given, goal="<= 1.4"),
                                 runs=max(table.runs, 50_000 // size))      # of few milliseconds one tells little
    table.close()


if __name__ == "__main__":
    asyncio.run(main())
