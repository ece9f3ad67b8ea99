"""The anomalies of Hermitage (github.com/ept/hermitage), played by sessions and by raw transactions on real tables.

Each scenario returns whether the anomaly was prevented; ``ANOMALIES`` says of each what the README promises, in each
mode of ``commit``. A raw writer changes the ``_etag`` with the row, as every writer beside us must.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest

from tests.editing import at, desk, edit
from workbench import Command, Conflict, Context, Domain, Event, Insert, Resource, Session, Update, field
from workbench.postgres.writing.commit import Commit

MODES: dict[str, dict[str, bool]] = {
    "default": {}, "verify_reads=False": {"verify_reads": False}, "serializable=True": {"serializable": True}}
ALL, READS, SEARCHES = (True, True, True), (True, False, True), (False, False, True)
# What it is, and whether it is prevented in each of the modes.
ANOMALIES: dict[str, tuple[str, tuple[bool, bool, bool]]] = {
    "G0": ("dirty write: the writes of two commits are mixed", ALL),
    "G1a": ("aborted read: what was rolled back is seen", ALL),
    "G1b": ("intermediate read: what is not final is seen", ALL),
    "G1c": ("circular information flow: each sees what the other has not committed", ALL),
    "OTV": ("observed transaction vanishes: half of what was seen is unseen again", ALL),
    "PMP": ("predicate-many-preceders: what a step searched for has appeared since", SEARCHES),
    "P4": ("lost update: a write is overwritten by one who had not seen it", ALL),
    "G-single": ("read skew: a step saw one item before, another after a commit", READS),
    "G2-item": ("write skew by key: each changes what the other has read", READS),
    "G2": ("write skew by search: each adds what the other has searched for", SEARCHES),
}


class Cell(Resource):
    """A row of Hermitage's ``test (id, value)``."""

    _id = field(int)
    value = field(int)


class AddIfNone(Command):
    """Adds a cell of a value unless there is one already."""

    value = field(int)


class CellAdded(Event):
    value = field(int)


def cells() -> Domain:
    domain = desk(Cell)

    async def add(command: AddIfNone, context: Context) -> AsyncIterator[CellAdded]:
        if not await context.find(Cell, value=command.value):
            yield CellAdded(value=command.value).on(context.target)

    async def added(event: CellAdded, context: Context) -> AsyncIterator[Insert]:
        yield Insert(event.target, value=event.value)

    domain.command(on=Cell)(AddIfNone)
    domain.event(CellAdded)
    domain.command_handler(AddIfNone)(add)
    domain.event_handler(CellAdded)(added)
    return domain


class Table(NamedTuple):
    """Two sessions, a raw connection, and how the sessions commit."""

    one: Session
    two: Session
    raw: asyncpg.Connection
    mode: dict[str, bool]

    async def commit(self, *sessions: Session) -> list[str]:
        """Commits at the same moment; "Commit" or "Conflict" for each. Whatever else comes of it is raised."""
        done = await asyncio.gather(*(session.commit(**self.mode) for session in sessions), return_exceptions=True)
        for outcome in done:
            if not isinstance(outcome, Commit | Conflict):
                raise outcome
        return sorted(type(outcome).__name__ for outcome in done)

    async def set(self, key: int, value: int) -> None:
        await self.raw.execute("UPDATE desk_cell SET value = $2, _etag = gen_random_uuid()::text WHERE _id = $1",
                               key, value)

    async def rows(self) -> dict[int, int]:
        return dict(map(tuple, await self.raw.fetch("SELECT _id, value FROM desk_cell ORDER BY 1")))


CELL = [at(Cell, key) for key in range(5)]


async def value(session: Session, key: int) -> int:
    return int((await session.fetch(CELL[key])).value)


async def g0(t: Table) -> bool:
    """Both write both rows at once; and a raw transaction writes the second while our commit waits for the first."""
    await edit(t.one, Update(CELL[1], value=11), Update(CELL[2], value=21))
    await edit(t.two, Update(CELL[2], value=22), Update(CELL[1], value=12))
    outcomes = await t.commit(t.one, t.two)
    whole = await t.rows() in ({1: 11, 2: 21}, {1: 12, 2: 22})
    rival = t.raw.transaction()
    await rival.start()
    await t.set(1, 13)
    for session in (t.one, t.two):
        if session.plan().changes:      # it was the slower one
            waiting = asyncio.create_task(t.commit(session))
    await asyncio.sleep(0.05)
    await t.set(2, 23)
    await rival.commit()
    return (outcomes == ["Commit", "Conflict"] and whole and await waiting == ["Conflict"]
            and await t.rows() == {1: 13, 2: 23})


async def g1a(t: Table) -> bool:
    """A raw transaction writes, is looked at, and rolls back."""
    rival = t.raw.transaction()
    await rival.start()
    await t.set(1, 101)
    seen = await value(t.one, 1)
    await edit(t.one, Update(CELL[2], value=seen + 10), reads=[CELL[1]])
    await rival.rollback()
    return seen == 10 and await t.commit(t.one) == ["Commit"] and await t.rows() == {1: 10, 2: 20}


async def g1b(t: Table) -> bool:
    """A raw transaction writes twice, and is looked at in between and after."""
    rival = t.raw.transaction()
    await rival.start()
    await t.set(1, 101)
    between = await value(t.one, 1)
    await t.set(1, 11)
    await rival.commit()
    await t.one.refresh(Cell)
    return (between, await value(t.one, 1)) == (10, 11)


async def g1c(t: Table) -> bool:
    """Each writes one row and looks at the other's."""
    await edit(t.one, Update(CELL[1], value=11))
    await edit(t.two, Update(CELL[2], value=22))
    seen = await value(t.one, 2), await value(t.two, 1)
    rival = t.raw.transaction()
    await rival.start()
    await t.set(1, 13)
    unseen = await t.two.find(Cell, value=13)
    await rival.rollback()
    return seen == (20, 10) and not unseen and await t.commit(t.one, t.two) == ["Commit", "Commit"]


async def otv(t: Table) -> bool:
    """Two raw transactions write both rows, the second waits for the first; both rows are looked at meanwhile."""
    other = await asyncpg.connect(t.one._dsn)
    try:
        first, second = t.raw.transaction(), other.transaction()
        await first.start()
        await t.set(1, 11)
        await t.set(2, 19)
        await second.start()
        waiting = asyncio.create_task(t._replace(raw=other).set(1, 12))
        await asyncio.sleep(0.02)
        await first.commit()
        await waiting
        seen = [await value(t.one, 1)]
        await t._replace(raw=other).set(2, 18)
        seen += [await value(t.one, 2)]
        await second.commit()
        seen += [await value(t.one, 2), await value(t.one, 1)]
        await t.one.refresh(Cell)
        return [*seen, await value(t.one, 2), await value(t.one, 1)] == [11, 19, 19, 11, 18, 12]
    finally:
        await other.close()


async def pmp(t: Table) -> bool:
    """One searches, another adds what would have been found, the first one commits what it decided."""
    await t.one.issue(AddIfNone(value=30), on=CELL[3])
    await edit(t.two, Insert(CELL[4], value=30))
    assert await t.commit(t.two) == ["Commit"]
    return await t.commit(t.one) == ["Conflict"]


async def p4(t: Table) -> bool:
    """Both read a row and write what they made of it."""
    for session in (t.one, t.two):
        await edit(session, Update(CELL[1], value=await value(session, 1) + 1))
    return await t.commit(t.one, t.two) == ["Commit", "Conflict"] and (await t.rows())[1] == 11


async def g_single(t: Table) -> bool:
    """One reads a row, another writes two, the first one reads the second, and commits what it made of both."""
    first = await value(t.one, 1)
    await edit(t.two, Update(CELL[1], value=12), Update(CELL[2], value=18))
    assert await t.commit(t.two) == ["Commit"]
    second = await value(t.one, 2)
    assert (first, second) == (10, 18)
    await edit(t.one, Insert(CELL[3], value=first + second), reads=[CELL[1], CELL[2]])
    return await t.commit(t.one) == ["Conflict"]


async def g2_item(t: Table) -> bool:
    """Each reads both rows and writes one."""
    await edit(t.one, Update(CELL[1], value=11), reads=CELL[1:3])
    await edit(t.two, Update(CELL[2], value=21), reads=CELL[1:3])
    return await t.commit(t.one, t.two) == ["Commit", "Conflict"]


async def g2(t: Table) -> bool:
    """Each searches for a value and adds it, for it is not there; at once, and one after the other."""
    await t.one.issue(AddIfNone(value=30), on=CELL[3])
    await t.two.issue(AddIfNone(value=30), on=CELL[4])
    return await t.commit(t.one, t.two) == ["Commit", "Conflict"]


SCENARIOS: dict[str, Callable[[Table], Awaitable[bool]]] = {
    "G0": g0, "G1a": g1a, "G1b": g1b, "G1c": g1c, "OTV": otv, "PMP": pmp, "P4": p4, "G-single": g_single,
    "G2-item": g2_item, "G2": g2}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("anomaly", ANOMALIES)
async def test_anomaly(dsn: str, anomaly: str, mode: str) -> None:
    """Each anomaly is prevented, or happens, as the table says, in each mode."""
    raw = await asyncpg.connect(dsn)
    try:
        async with Session(cells(), dsn=dsn) as before:
            await edit(before, Insert(CELL[1], value=10), Insert(CELL[2], value=20))
            await before.commit()
        async with Session(cells(), dsn=dsn) as one, Session(cells(), dsn=dsn) as two:
            prevented = await SCENARIOS[anomaly](Table(one, two, raw, MODES[mode]))
    finally:
        await raw.close()
    assert prevented == dict(zip(MODES, ANOMALIES[anomaly][1], strict=True))[mode]


def rows() -> list[str]:
    """The table of the README."""
    told = {True: "prevented", False: "**possible**"}
    heads = ["`commit()`", *(f"`commit({mode})`" for mode in list(MODES)[1:])]
    return [f"| anomaly | | {' | '.join(heads)} |", "| --- | --- | --- | --- | --- |",
            *(f"| {name} | {words} | {' | '.join(told[prevented] for prevented in modes)} |"
              for name, (words, modes) in ANOMALIES.items())]


def test_the_readme_tells_it() -> None:
    """The README's table has exactly what is tested here."""
    text = (Path(__file__).parents[2] / "README.md").read_text()
    section = text.partition("## What a commit protects against\n")[2].partition("\n## ")[0]
    assert [line for line in section.splitlines() if line.startswith("|")] == rows()
