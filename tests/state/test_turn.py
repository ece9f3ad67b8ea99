"""Turns: one after the other, in the order in which they were asked for, whoever is cancelled meanwhile."""

from __future__ import annotations

import asyncio
from contextvars import copy_context

import pytest

from workbench.errors import LoopError
from workbench.state.turn import Turn, Turns


class Queue:
    """Tasks that ask for a turn one after the other, and note their names when they have it; they end when they may."""

    def __init__(self) -> None:
        self.turns, self.had, self.may_end = Turns(), list[str](), asyncio.Event()
        self._outside = copy_context()

    async def join(self, name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(self._take(name), context=self._outside.copy())
        await asyncio.sleep(0)
        return task

    async def _take(self, name: str) -> None:
        async with Turn(self.turns, "commit"):
            self.had.append(name)
            await self.may_end.wait()


async def test_turns_come_in_order() -> None:
    """Who asks later has a later turn, and nobody comes in between while one is handed on."""
    queue = Queue()
    first, *others = [await queue.join(name) for name in "abc"]
    assert (queue.had, queue.turns.locked()) == (["a"], True)
    queue.may_end.set()
    await first
    assert (queue.had, queue.turns.locked()) == (["a", "b"], True)
    await asyncio.gather(*others, await queue.join("d"))
    assert (queue.had, queue.turns.locked()) == (["a", "b", "c", "d"], False)


async def test_who_is_cancelled_while_waiting_is_passed_over() -> None:
    """A cancelled one does not keep the others waiting."""
    queue = Queue()
    first, second, third = [await queue.join(name) for name in "abc"]
    second.cancel()
    queue.may_end.set()
    await asyncio.gather(first, third)
    assert (queue.had, second.cancelled(), queue.turns.locked()) == (["a", "c"], True, False)


async def test_who_is_cancelled_when_its_turn_has_come_passes_it_on() -> None:
    """A turn given to one that is cancelled before it runs goes to the next one."""
    queue = Queue()
    begun = queue.turns.begin("commit")
    assert begun is not None
    second, third = [await queue.join(name) for name in "bc"]
    queue.turns.end(begun)
    second.cancel()
    queue.may_end.set()
    await third
    assert (queue.had, second.cancelled(), queue.turns.locked()) == (["c"], True, False)


async def test_who_has_a_turn_cannot_ask_for_another() -> None:
    """What has a turn would wait for itself, and so would a task that it makes; turns of two sessions nest."""
    turns, others = Turns(), Turns()
    async with Turn(turns, "commit"), Turn(others, "commit"):
        with pytest.raises(LoopError, match="called commit by itself.*commit when the command is done"):
            turns.begin("commit")
        with pytest.raises(LoopError, match="called issue by itself.*let a policy issue the command"):
            await asyncio.create_task(waited(turns))
    assert not turns.locked()
    assert not others.locked()


async def waited(turns: Turns) -> None:
    async with Turn(turns, "issue"):
        raise AssertionError("it had the turn of another")


async def held(turns: Turns) -> None:
    async with Turn(turns, "issue"):
        await asyncio.Event().wait()


async def test_who_is_closed_while_waiting_is_passed_over() -> None:
    """One that is closed rather than cancelled, as when its loop ends, does not keep the others waiting."""
    queue = Queue()
    first = await queue.join("a")
    dropped = waited(queue.turns)
    queue._outside.run(dropped.send, None)
    dropped.close()
    queue.may_end.set()
    await asyncio.gather(first, await queue.join("c"))
    assert (queue.had, queue.turns.locked()) == (["a", "c"], False)


async def test_a_turn_whose_holder_is_closed_from_elsewhere_ends() -> None:
    """What had the turn may be dropped, and closed in another context than it began in."""
    turns = Turns()
    holder = held(turns)
    copy_context().run(holder.send, None)
    assert turns.locked()
    holder.close()
    assert not turns.locked()


async def test_what_a_turn_left_behind_may_wait_for_another() -> None:
    """A task made in a turn that has ended is no part of the one that it is now."""
    turns, go = Turns(), asyncio.Event()

    async def left_behind() -> None:
        await go.wait()
        async with Turn(turns, "issue"):
            pass

    async with Turn(turns, "issue"):
        task = asyncio.create_task(left_behind())
    async with Turn(turns, "issue"):
        go.set()
        await asyncio.sleep(0.01)
        assert not task.done()
    await task
    assert not turns.locked()
