"""Progress: long commits and loads tell how far they are, and can be cancelled with nothing half done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.editing import Note, at, desk, edit
from workbench import Delete, Insert, Session, Update
from workbench.postgres.query import PORTION
from workbench.postgres.writing.attempt import How
from workbench.postgres.writing.commit import commit
from workbench.state.held import Held

MANY = 50_000


@pytest.fixture
async def session(dsn: str) -> AsyncIterator[Session]:
    async with Session(desk(Note), dsn=dsn) as opened:
        yield opened


async def pend(session: Session, count: int) -> list[str]:
    """That many new Notes, pending."""
    names = [f"{number:06}" for number in range(count)]
    await edit(session, *(Insert(at(Note, name), text=name) for name in names))
    return names


async def count(dsn: str) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval("SELECT count(*) FROM desk_note")
    finally:
        await connection.close()


async def test_a_commit_tells(session: Session) -> None:
    """What was written is told now and then, of whatever kind; the last call says that all is done, and only then."""
    names = await pend(session, PORTION + 2)
    told: list[tuple[int, int]] = []
    await commit(session.engine, session.reader, session.plan(), How(progress=lambda *pair: told.append(pair)))
    assert (told[-1], sorted(set(told))) == ((PORTION + 2, PORTION + 2), told)
    assert len(told) > 10
    Held(session.manager, session.here).settle(session.plan())
    await edit(session, *(Update(at(Note, name), number=1) for name in names[:-2]), Delete(at(Note, names[-1])))
    await edit(session, *(Update(at(Note, name), number=1, text="x") for name in names[-2:-1]))
    told.clear()
    await commit(session.engine, session.reader, session.plan(), How(progress=lambda *pair: told.append(pair)))
    assert (told[-1], sorted(told)) == ((PORTION + 2, PORTION + 2), told)


async def test_cancelled_in_the_middle(session: Session, dsn: str) -> None:
    """A commit that is cancelled between portions leaves no row, keeps all pending, and is done by the next try."""
    await pend(session, MANY)
    before = session.plan()
    told: list[int] = []

    def stop(done: int, total: int) -> None:
        told.append(done)
        if done > total // 2:
            running.cancel()

    running = asyncio.ensure_future(commit(session.engine, session.reader, before, How(progress=stop)))
    with pytest.raises(asyncio.CancelledError):
        await running
    assert 0 < told[-1] < MANY
    assert (await count(dsn), len(session.plan())) == (0, MANY)
    async with session.engine.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM desk_note") == 0
    await session.commit()
    assert (await count(dsn), len(session.plan())) == (MANY, 0)


@pytest.mark.parametrize("pause", [0.0, 0.01, 0.03, 0.06, 0.1])
async def test_cancelled_at_any_moment(session: Session, dsn: str, pause: float) -> None:
    """Whenever it is cancelled, all rows are there or none, and the connections go on working."""
    names = await pend(session, MANY // 5)
    running = asyncio.ensure_future(session.commit())
    await asyncio.sleep(pause)
    running.cancel()
    done = not isinstance((await asyncio.gather(running, return_exceptions=True))[0], BaseException)
    assert (await count(dsn), len(session.plan())) == ((len(names), 0) if done else (0, len(names)))
    if not done:
        await session.commit()
    assert await count(dsn) == len(names)


async def test_what_progress_raises(session: Session, dsn: str) -> None:
    """An error of the callable ends the commit, and nothing is written."""
    await pend(session, 3)

    def fail(done: int, total: int) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        await commit(session.engine, session.reader, session.plan(), How(progress=fail))
    assert (await count(dsn), len(session.plan())) == (0, 3)


async def test_a_load_tells(session: Session) -> None:
    """A long load tells of every portion, and gives the same items as a short one; one that is ended can be made anew.
    """
    names = await pend(session, PORTION + 3)
    await session.commit()
    told: list[tuple[int, int]] = []
    items = await session.reader.load(("desk", "note"), [*names, "none"], progress=lambda *pair: told.append(pair))
    assert sorted(item._id for item in items) == names
    assert told == [(PORTION, PORTION + 4), (PORTION + 3, PORTION + 4), (PORTION + 4, PORTION + 4)]

    def fail(done: int, total: int) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        await session.reader.load(("desk", "note"), names, progress=fail)
    assert len(await session.reader.load(("desk", "note"), names[:5])) == 5


async def test_a_fetch_and_an_applied_plan_tell(session: Session, tmp_path: Path) -> None:
    """The verbs of a session tell as well: a saved plan that is applied, and a fetch of many items."""
    names = await pend(session, 3)
    path = tmp_path / "notes.plan.json"
    session.plan().save(path)
    session.undo(len(session.steps))
    told: list[tuple[int, int]] = []
    await session.apply(path, progress=lambda *pair: told.append(pair))
    assert told[-1] == (3, 3)
    session.manager.cache.items.clear()
    told.clear()
    items = await session.fetch(Note, names, progress=lambda *pair: told.append(pair))
    assert ([item._id for item in items], told[-1]) == (names, (3, 3))
