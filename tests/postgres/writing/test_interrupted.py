"""A commit that is cancelled, or loses its connection, at any point: it is all or nothing, and the session knows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from itertools import count
from typing import Any

import asyncpg
import pytest

from tests.editing import Note, at, edit
from tests.postgres.rivals import notes
from workbench import Insert, Session, Update
from workbench.errors import ConnectionLost


class Disturbed:
    """Awaits a coroutine, and at its n-th suspension does something else first; ``reached`` says whether it came to it.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], n: int, deed: Callable[[], Awaitable[Any]]) -> None:
        self._coroutine, self._n, self._deed = coroutine, n, deed
        self.reached = False

    def __await__(self) -> Generator[Any, Any, Any]:
        go: Callable[[Any], Any] = self._coroutine.send
        given: Any = None
        for place in count():
            try:
                future = go(given)
            except StopIteration as stop:
                return stop.value
            if place == self._n:
                self.reached = True
                yield from self._deed().__await__()
            try:
                given = yield future
                go = self._coroutine.send
            except BaseException as error:
                go, given = self._coroutine.throw, error


async def cancel() -> None:
    """Cancels the present task: at its next suspension."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


async def test_a_cancelled_commit_is_all_or_nothing(session: Session, admin: asyncpg.Connection) -> None:
    """Cancelled at any point whatever, a commit is either done, and the session knows, or not, and all is pending."""
    await edit(session, Insert(at(Note, "a")), Insert(at(Note, "b")))
    await session.commit()
    outcomes = set()
    for place in count():
        await edit(session, Update(at(Note, "a"), number=place + 1), Insert(at(Note, f"new {place}")),
                   reads=[at(Note, "b")])
        disturbed = Disturbed(session.commit(), place, cancel)
        try:
            await asyncio.ensure_future(disturbed)
            outcomes.add("done")
        except asyncio.CancelledError:
            outcomes.add("cancelled")
        stored = await notes(admin)
        assert (f"new {place}" in stored) == (stored["a"][1] == place + 1) == (len(session.plan()) == 0)
        if len(session.plan()):
            await session.commit()
        assert (await session.fetch("note/a")).number == (await notes(admin))["a"][1] == place + 1
        if not disturbed.reached:
            break
    assert outcomes == {"done", "cancelled"}
    assert place > 5


async def end_connections(admin: asyncpg.Connection) -> None:
    """Ends all connections to the database but one's own, as a restarting server would."""
    await admin.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()")


async def test_a_connection_lost_in_a_commit(session: Session, admin: asyncpg.Connection) -> None:
    """Ended at any point whatever, a commit is done or raises ConnectionLost, which says truly that nothing was
    written; all is still pending then, and the next commit works."""
    outcomes = set()
    await edit(session, Insert(at(Note, "a")), Insert(at(Note, "b")))
    await session.commit()
    for place in count():
        await edit(session, Update(at(Note, "a"), number=place + 1), Insert(at(Note, f"new {place}")),
                   reads=[at(Note, "b")])
        disturbed, lost = Disturbed(session.commit(), place, lambda: end_connections(admin)), None
        try:
            await disturbed
        except ConnectionLost as error:
            lost = error
        outcomes.add("done" if lost is None else "lost")
        if lost is not None:
            assert lost.committed is False
            assert str(lost) == ("the connection to the database was lost while committing: nothing was written, "
                                 "everything pending is kept; try again")
            assert f"new {place}" not in await notes(admin)
            assert len(session.plan()) == 2
            await session.commit()
        stored = await notes(admin)
        assert (stored[f"new {place}"], stored["a"][1], len(session.plan())) == (("", 0), place + 1, 0)
        if not disturbed.reached:
            break
    assert outcomes == {"done", "lost"}


async def test_a_connection_lost_before(session: Session, admin: asyncpg.Connection) -> None:
    """Idle connections that were ended are replaced: at worst one verb reports it, and the next one works."""
    await edit(session, Insert(at(Note, "a")))
    for verb in (lambda: session.find(Note, text="x"), lambda: session.refresh(Note), session.commit):
        await asyncio.gather(*(session.find(Note) for _ in range(4)))       # so that all of the pool was in use
        await end_connections(admin)
        with suppress(ConnectionLost):
            await verb()
            continue
        await verb()
    assert await notes(admin) == {"a": ("", 0)}


@pytest.mark.parametrize("verb", ["fetch", "find"])
async def test_a_connection_lost_in_a_read(session: Session, admin: asyncpg.Connection, verb: str) -> None:
    """Ended at any point whatever, a fetch and a search give their items or raise ConnectionLost, never the driver's
    own error; what is pending is kept."""
    await admin.execute("INSERT INTO desk_note (_id, text, number) VALUES ('a', '', 1)")
    await edit(session, Insert(at(Note, "b")))
    told = f"the connection to the database was lost while {'reading' if verb == 'fetch' else 'searching'} desk:note: "
    lost: list[str] = []
    for place in count():
        session.manager.cache.items.clear()
        reading = session.fetch(Note, ["a"]) if verb == "fetch" else session.find(Note, number=1)
        disturbed = Disturbed(reading, place, lambda: end_connections(admin))
        try:
            assert [note._id for note in await disturbed] == ["a"]
        except ConnectionLost as error:
            lost.append(str(error))
        assert len(session.plan()) == 1
        if not disturbed.reached:
            break
    assert lost
    assert all(words.startswith(told) for words in lost)
