"""Frames: ``items()`` and ``plan().frame()`` of 100,000 items of twelve columns, beside the same without a workbench.

By hand, ``items()`` is one list a column, taken from the very items, and a DataFrame of them whose dtypes are given, so
that pandas infers nothing; the naive one is a dict for each item. The naive diff compares the dicts of each item before
and after, and gives the list of what differs to pandas.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
from table import Peer, Table
from things import NOW, Mix, Thing, bench

from workbench import Delete, Insert, Target, Update
from workbench.domain.datadef import values_of
from workbench.domain.registry import Registry
from workbench.notebook.frames.plan import plan_frame
from workbench.notebook.frames.state import items_frame
from workbench.state.manager import StateManager
from workbench.state.reader import MemoryReader


def thing(number: int) -> Thing:
    return Thing(
        _id=uuid4(), name=f"thing {number}", price=Decimal(number) / 100, stock=number, sold=number % 2 == 0,
        facts={"a": number}, seen=NOW, owner=uuid4(), maker=uuid4(), _created=NOW + timedelta(seconds=number),
        _updated=NOW, _etag=f"etag {number}")


def opened(size: int) -> StateManager:
    """A session in memory with so many clean items."""
    manager = StateManager(Registry([bench]), MemoryReader())
    for number in range(size):
        item = thing(number)
        manager.cache.keep(Target("bench", "thing", item._id), item)
    return manager


async def changed(size: int) -> StateManager:
    """A session in which 60 % are new, 30 % changed and 10 % deleted."""
    manager = opened(size * 4 // 10)
    there = list(manager.cache.items)
    cut = size * 3 // 10
    new = [values_of(thing(number)) for number in range(size - len(there))]
    await manager.issue(Mix(mutations=[
        *(Insert(Target("bench", "thing", uuid4()), **values) for values in new),
        *(Update(target, price=Decimal(1), stock=-n, facts={"b": n}) for n, target in enumerate(there[:cut])),
        *map(Delete, there[cut:])]))
    return manager


# ------------------------------------------------------------------------------------------------ the peers


def items(manager: StateManager) -> pd.DataFrame:
    return items_frame(Thing, manager.items("thing"))


def by_column(manager: StateManager) -> pd.DataFrame:
    """As by hand: a list a column, its dtype given."""
    rows = list(manager.cache.items.values())

    def taken(name: str) -> list[Any]:
        return [getattr(row, name) for row in rows]

    def objects(name: str) -> Any:
        return np.fromiter(taken(name), dtype=object, count=len(rows))

    def moments(name: str) -> Any:
        return pd.DatetimeIndex(taken(name), dtype="datetime64[us, UTC]")

    columns = {
        "state": pd.array(["clean"] * len(rows), dtype="str"), "name": pd.array(taken("name"), dtype="str"),
        "price": objects("price"), "stock": np.array(taken("stock"), dtype="int64"),
        "sold": np.array(taken("sold"), dtype="bool"), "facts": objects("facts"), "seen": moments("seen"),
        "owner": objects("owner"), "maker": objects("maker"), "_created": moments("_created"),
        "_updated": moments("_updated"), "_etag": pd.array(taken("_etag"), dtype="str")}
    index = pd.Index(objects("_id"), name="_id")
    return pd.DataFrame({name: pd.Series(column, index=index, dtype=column.dtype, copy=False)
                         for name, column in columns.items()}, copy=False)


def by_row(manager: StateManager) -> pd.DataFrame:
    """Naively: a dict an item, pandas finds out the rest."""
    return pd.DataFrame([
        {name: getattr(item, name) for name in Thing._fields} for item in manager.cache.items.values()])


def diff(manager: StateManager) -> pd.DataFrame:
    """Naively: the dicts of each item before and after, compared."""
    rows = []
    for target, entry in manager.state.changed.items():
        before = {} if entry.origin is None else dict(entry.origin.serialize())
        after = {} if entry.current is None else dict(entry.current.serialize())
        names = [name for name in Thing._fields if before.get(name) != after.get(name)]
        rows.append({
            "change": "insert" if not before else "update" if after else "delete", "resource": "bench:thing",
            "identifier": target.identifier, "columns": names, "old": {name: before.get(name) for name in names},
            "new": {name: after.get(name) for name in names}, "etag": before.get("_etag")})
    return pd.DataFrame(rows)


async def main() -> None:
    table = Table("frames")
    for size in table.sizes(1000, 100_000):
        manager = opened(size)
        rows = manager.items("thing")
        assert items(manager).shape == by_column(manager).shape
        await table.race(f"items() of {size:,} x 12", Peer("workbench", lambda m=manager: items(m)),
                         Peer("columns, dtypes given", lambda m=manager: by_column(m), goal="<= 1.25"),
                         Peer("a dict a row", lambda m=manager: by_row(m)))
        await table.race(f"  its frame alone, {size:,} rows", Peer("workbench", lambda r=rows: items_frame(Thing, r)),
                         Peer("columns, dtypes given", lambda m=manager: by_column(m), goal="<= 1.25"))
        frame = items(manager)
        await table.race(f"  repr and HTML of {size:,} rows", Peer("", lambda f=frame: (repr(f), f._repr_html_())))
        pending = await changed(size)
        plan = pending.plan()
        assert len(plan_frame(plan)) == len(diff(pending))
        await table.race(f"plan().frame() of {size:,} changes",
                         Peer("workbench", lambda m=pending: plan_frame(m.plan())),
                         Peer("naive diff", lambda m=pending: diff(m), goal=">= 5"))
        await table.race(f"  its frame alone, {len(plan):,} changes", Peer("workbench", lambda p=plan: plan_frame(p)),
                         Peer("naive diff", lambda m=pending: diff(m), goal=">= 5"))
    table.close()


if __name__ == "__main__":
    asyncio.run(main())
