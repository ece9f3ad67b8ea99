"""Ahead: the statements of a plan, each made while the server is at work on the one before.

They are made once, and kept for further attempts. Those of a short plan are made in one go, mostly while the server
begins the transaction: to take turns would cost more. Of a long one the new rows come first, a few at a time, so that
the server has something to do meanwhile, and statements are made only when the driver waits. Last, what the cache is to
take over when all is written is put together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager

from workbench.domain.resource import Resource, Target
from workbench.postgres.writing.statements import Statement, in_pieces
from workbench.state.planning.block import PIECE
from workbench.state.planning.plan import Plan

SHORT = 500     # changes that are made into statements in one go
BATCH = 128     # rows of a COPY that are encoded before they are sent
MOST = 200_000  # changes whose items are put together; of more it would take memory when that is scarce


class Ahead:
    """The statements of a plan; ``made`` are those that there are so far, ``total`` is how many changes there are."""

    def __init__(self, plan: Plan) -> None:
        self.total = sum(map(len, plan.ranks))
        self.made: list[Statement] = []
        self._plan, self._pieces = plan, in_pieces(plan)
        self._items: dict[Target, Resource | None] = {}
        self._gathering = self._gathered()
        self._complete = self._sending = False
        self._asked = asyncio.Event()       # for the first statement

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[AsyncIterator[Statement]]:
        """Makes the statements while the server is waited for; gives every one, in the order in which they must run."""
        self._sending = False
        work = None if self._complete else asyncio.ensure_future(self._make())
        try:
            async with aclosing(self._each(work)) as statements:
                yield statements
        finally:
            if work is not None:
                work.cancel()
                work.add_done_callback(_heard)

    def begin(self) -> None:
        """Says that the server is at work for some time, so that statements can be made already."""
        self._asked.set()

    async def _each(self, work: asyncio.Task[None] | None) -> AsyncGenerator[Statement, None]:
        place = 0
        self._asked.set()
        while True:
            while place < len(self.made):
                self._sending = not self.made[place].width      # until the first rows are on their way
                yield self.made[place]
                self._sending, place = False, place + 1
            if self._complete or work is None:
                return
            if work.done():
                work.result()
            await asyncio.sleep(0)

    async def batches(self, statement: Statement, tell: Callable[[int], None]) -> AsyncGenerator[slice, None]:
        """The places of the rows of a COPY, a few at a time, with a turn for what is sent between them, of which
        ``tell`` is called; not for the last ones."""
        for begin in range(0, len(statement.changes), BATCH):
            if begin:
                tell(BATCH)
                self._sending = True
                await asyncio.sleep(0)
            self._sending = False
            yield slice(begin, begin + BATCH)

    async def _make(self) -> None:
        """Makes all that are left, others having a turn after each piece of a long plan: that has time until the first
        one is at work, and would only delay the beginning."""
        if self.total > SHORT:
            await self._asked.wait()
        for piece in self._pieces:
            if piece is not None:
                self.made.append(piece)
            if self.total > SHORT:
                await self._turn()
        assert sum(len(statement.changes) for statement in self.made) == self.total
        self._complete = True
        if SHORT < self.total <= MOST:
            for _ in self._gathering:
                await self._turn()

    async def _turn(self) -> None:
        """Has others go on, until the driver waits."""
        await asyncio.sleep(0)
        while self._sending:  # noqa: ASYNC110  # an Event would wake it when the next rows are being sent already
            await asyncio.sleep(0)

    def _gathered(self) -> Iterator[None]:
        """Puts ``items`` together, piece by piece."""
        for block in self._plan.blocks:
            for start in range(0, 0 if block.kind == "delete" else len(block), PIECE):
                some = slice(start, start + PIECE)
                self._items.update(zip(block.targets[some], block.afters[some], strict=True))
                yield

    @property
    def items(self) -> dict[Target, Resource | None] | None:
        """The items that are new and changed, as they are when all is written; None of few and of very many."""
        if not SHORT < self.total <= MOST:
            return None
        for _ in self._gathering:
            pass
        return self._items


def _heard(task: asyncio.Task[None]) -> None:
    """Takes notice of how a task ended that nobody waits for any more; else asyncio would log what it raised."""
    if not task.cancelled():
        task.exception()
