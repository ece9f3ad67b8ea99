"""Ahead: statements that are made while others are at work are the same, and all of them, whenever they are taken."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.editing import Edit, Note, at, desk
from tests.state.domains import manage, stored
from workbench import Delete, Insert, Update
from workbench.domain.registry import Registry
from workbench.postgres.tables.model import Models
from workbench.postgres.writing.ahead import BATCH, SHORT, Ahead
from workbench.postgres.writing.statements import PIECE, Statement, compiled
from workbench.state.planning.plan import Plan
from workbench.state.reader import MemoryReader


async def plan_of(count: int) -> Plan:
    """A plan of new, changed and deleted Notes, a third each, of which the new ones come first."""
    keys = [f"{number:05}" for number in range(count)]
    there = [Note(_id=key, _etag=f"e-{key}") for key in keys[count // 3:]]
    manager = manage(desk(Note), reader=MemoryReader(stored("desk", "note", *there)),
                     tables=Models(Registry([desk(Note)])).tables)
    cut = count * 2 // 3
    await manager.issue(Edit(mutations=[
        *(Insert(at(Note, key)) for key in keys[:count // 3]),
        *(Update(at(Note, key), **({"text": "x"} if number % 2 else {"number": 1}))
          for number, key in enumerate(keys[count // 3:cut])),
        *(Delete(at(Note, key)) for key in keys[cut:])]))
    return manager.plan()


async def taken(ahead: Ahead) -> list[Statement]:
    async with ahead.at_work() as statements:
        return [statement async for statement in statements]


def sent(statements: list[Statement]) -> list[tuple[str, list[tuple[Any, ...]]]]:
    """What is sent of statements: their texts and parameters."""
    return [(statement.sql, statement.parameters) for statement in statements]


@pytest.mark.parametrize("count", [3, SHORT, SHORT + 1, 2 * SHORT])
async def test_they_are_the_statements_of_the_plan(count: int) -> None:
    """Short plan or long, each statement is made, in its order, and made once: a further attempt has the very same."""
    plan = await plan_of(count)
    ahead = Ahead(plan)
    first = await taken(ahead)
    assert sent(first) == sent(compiled(plan))
    assert first == ahead.made
    assert sum(len(statement.changes) for statement in first) == ahead.total == count
    assert [one is other for one, other in zip(first, await taken(ahead), strict=True)] == [True] * len(first)


async def test_the_next_one_is_made_meanwhile() -> None:
    """While the first statement of a long plan is at work the next ones are made, and all others have their turns."""
    ahead, turns = Ahead(await plan_of(9 * PIECE)), 0
    async with ahead.at_work() as statements:
        async for _ in ahead.batches(await anext(statements), lambda _: None):
            assert len(ahead.made) == 1
        while len(ahead.made) < 2 and turns < 100:
            await asyncio.sleep(0)
            turns += 1
    assert 4 <= turns < 100


async def test_they_are_made_while_reads_are_verified() -> None:
    """None is made before the first one is asked for, unless the server is said to be at work already."""
    ahead = Ahead(await plan_of(9 * PIECE))
    async with ahead.at_work() as statements:
        for made in (0, 3):
            for _ in range(100):
                await asyncio.sleep(0)
            assert len(ahead.made) >= made
            assert made or not ahead.made
            ahead.begin()
        assert sum([len(statement.changes) async for statement in statements]) == ahead.total


@pytest.mark.parametrize("count", [3, 3 * BATCH, 3 * BATCH + 3, 9 * PIECE])
async def test_the_rows_of_a_copy(count: int) -> None:
    """All are given, in their order; others have a turn after every few, but no statement is made in it, nor before the
    first ones are taken."""
    ahead, told, rows = Ahead(await plan_of(count)), list[int](), list[Any]()
    async with ahead.at_work() as statements:
        first, turns = await anext(statements), 0

        async def others() -> None:
            nonlocal turns
            while len(rows) < len(first.changes):
                turns += 1
                await asyncio.sleep(0)

        before, task = len(ahead.made), asyncio.ensure_future(others())
        for _ in range(9):
            await asyncio.sleep(0)
        async for some in ahead.batches(first, told.append):
            rows += first.rows(some.start, some.stop)
        assert count <= SHORT or len(ahead.made) == before
        await task
    assert rows == first.parameters
    assert told == [BATCH] * ((len(rows) - 1) // BATCH)
    assert turns >= len(told)


async def test_rows_that_are_given_up() -> None:
    """A COPY that is broken off between two batches does not keep the next attempt from making its statements."""
    ahead = Ahead(await plan_of(9 * PIECE))
    for begun in (False, True):
        async with ahead.at_work() as statements:
            first = await anext(statements)
            if begun:
                batches = ahead.batches(first, lambda _: None)
                await anext(batches)
                breaking = asyncio.ensure_future(anext(batches))
                await asyncio.sleep(0)
                breaking.cancel()
    async with asyncio.timeout(20):
        assert sum(len(statement.changes) for statement in await taken(ahead)) == ahead.total


@pytest.mark.parametrize("given_up", [False, True])
async def test_what_the_cache_takes_over(given_up: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The items that are new and changed are put together meanwhile, wherever that was left off; not few, nor very
    many."""
    plan = await plan_of(SHORT + 1)
    ahead = Ahead(plan)
    if given_up:
        async with ahead.at_work() as statements:
            await anext(statements)
    await taken(ahead)
    wanted = {change.target: change.after for change in plan.changes if change.kind != "delete"}
    assert ahead.items == wanted
    assert Ahead(await plan_of(SHORT)).items is None
    monkeypatch.setattr("workbench.postgres.writing.ahead.MOST", SHORT)
    many = Ahead(plan)
    await taken(many)
    assert many.items is None


async def test_one_that_is_given_up() -> None:
    """An attempt that ends at its first statement leaves the others to the next one."""
    plan = await plan_of(SHORT + 3)
    ahead = Ahead(plan)
    for _ in range(2):
        async with ahead.at_work() as statements:
            assert (await anext(statements)).kind == "insert"
    assert sent(await taken(ahead)) == sent(compiled(plan))


async def test_what_cannot_be_made() -> None:
    """A statement that cannot be made raises, and is never taken for the end of the plan."""
    plan = await plan_of(SHORT + 3)
    ahead = Ahead(Plan(plan.state, plan.order, plan.idle, plan.reads, plan.steps, {}))
    for error in (KeyError, AssertionError):
        with pytest.raises(error):
            await taken(ahead)
