"""Records: one of twelve checked fields built and changed, and what it takes in memory, beside pyrsistent and attrs.

The class of pyrsistent has the same fields with the same types and the same check, as one would write it by hand; the
one of attrs has their names alone. What an item takes is counted as a cache holds it: in a dict, by a key that is
there already, its values not counted.
"""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import partial
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import attrs
import pyrsistent
from table import Peer, Table
from things import NOW, values

from workbench import Resource, field

TIMES = 20_000
TYPES: dict[str, Any] = {
    "_id": UUID, "_created": (datetime, type(None)), "_updated": (datetime, type(None)), "_etag": (str, type(None)),
    "name": str, "price": Decimal, "stock": int, "sold": bool, "facts": dict, "seen": datetime, "owner": UUID,
    "maker": UUID}


def not_negative(price: Decimal) -> tuple[bool, str]:
    return price >= 0, "a price is not below zero"


class Checked(Resource):
    """With its identifier and stamps twelve fields."""

    name = field(str)
    price = field(Decimal, check=not_negative)
    stock = field(int)
    sold = field(bool)
    facts = field(dict)
    seen = field(datetime)
    owner = field(UUID)
    maker = field(UUID)


Plain: Any = type(pyrsistent.PClass)("Plain", (pyrsistent.PClass,), {
    name: pyrsistent.field(type=held, mandatory=True, **({"invariant": not_negative} if name == "price" else {}))
    for name, held in TYPES.items()})
Slotted: Any = attrs.make_class("Slotted", list(TYPES), slots=True, frozen=True)


def given(number: int = 7) -> dict[str, Any]:
    """Values of all twelve fields, as the fields keep them."""
    frozen = Checked(_id=uuid4(), _created=NOW, _updated=NOW, _etag="e", **values(number))
    return {name: getattr(frozen, name) for name in TYPES}


def each(deed: Callable[[], Any]) -> float:
    """Seconds that a deed takes, of many."""
    begun = perf_counter()
    for _ in range(TIMES):
        deed()
    return (perf_counter() - begun) / TIMES


def bytes_of(make: Callable[[dict[str, Any]], Any], rows: list[dict[str, Any]]) -> float:
    """What an item takes in a cache above its values."""
    cache: dict[Any, Any] = {}
    tracemalloc.start()
    try:
        for row in rows:
            cache[row["_id"]] = make(row)
        return tracemalloc.get_traced_memory()[0] / len(rows)
    finally:
        tracemalloc.stop()


async def main() -> None:
    table = Table("records", runs=15)
    row = given()
    await table.race("build a record of 12 fields", Peer("workbench", partial(each, lambda: Checked(**row))),
                     Peer("PClass.create", partial(each, lambda: Plain.create(row)), goal=">= 11"))
    ours, plain = Checked(**row), Plain.create(row)
    price = Decimal("3.50")
    await table.race(
        "change 3 fields of it", Peer("workbench", partial(each, lambda: ours.set(price=price, stock=9, sold=True))),
        Peer("PClass.set", partial(each, lambda: plain.set(price=price, stock=9, sold=True)), goal=">= 12"))
    rows = [given(number) for number in range(table.sizes(10_000)[0])]
    table.add("memory of a cached item above its values", "attrs, slotted and frozen", bytes_of(
        lambda row: Checked(**row), rows), bytes_of(lambda row: Slotted(**{
            name.lstrip("_"): value for name, value in row.items()}), rows), goal="<= 1.15", unit="B")
    table.close()


if __name__ == "__main__":
    asyncio.run(main())
