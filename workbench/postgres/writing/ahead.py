"""Ahead: the statements of a plan, each made while the server is at work on the one before.

They are made once, and kept for further attempts. Those of a short plan are made in one go, mostly while the server
begins the transaction: to take turns would cost more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from workbench.postgres.writing.statements import Statement, in_pieces
from workbench.state.planning.plan import Plan

SHORT = 500     # changes that are made into statements in one go


class Ahead:
    """The statements of a plan; ``made`` are those that there are so far, ``total`` is how many changes there are."""

    def __init__(self, plan: Plan) -> None:
        self.total = sum(map(len, plan.ranks))
        self.made: list[Statement] = []
        self._pieces = in_pieces(plan)
        self._complete = False
        self._asked = asyncio.Event()       # for the first statement

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[AsyncIterator[Statement]]:
        """Makes the statements while the server is waited for; gives every one, in the order in which they must run."""
        work = None if self._complete else asyncio.ensure_future(self._make())
        try:
            async with aclosing(self._each(work)) as statements:
                yield statements
        finally:
            if work is not None:
                work.cancel()
                work.add_done_callback(_heard)

    async def _each(self, work: asyncio.Task[None] | None) -> AsyncGenerator[Statement, None]:
        place = 0
        self._asked.set()
        while True:
            while place < len(self.made):
                place += 1
                yield self.made[place - 1]
            if self._complete or work is None:
                return
            if work.done():
                work.result()
            await asyncio.sleep(0)

    async def _make(self) -> None:
        """Makes all that are left, others having a turn after each piece of a long plan: that has time until the first
        one is at work, and would only delay the beginning."""
        if self.total > SHORT:
            await self._asked.wait()
        while not self._complete:
            try:
                piece = next(self._pieces)
            except StopIteration:
                assert sum(len(statement.changes) for statement in self.made) == self.total
                self._complete = True
                break
            if piece is not None:
                self.made.append(piece)
            if self.total > SHORT:
                await asyncio.sleep(0)


def _heard(task: asyncio.Task[None]) -> None:
    """Takes notice of how a task ended that nobody waits for any more; else asyncio would log what it raised."""
    if not task.cancelled():
        task.exception()
