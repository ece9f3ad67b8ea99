"""Ahead: the statements of a plan, each made while the server is at work on the one before; and what is kept of it.

They are made once, and kept for further attempts. A short plan is made at once: to take turns would cost more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from workbench.postgres.writing.statements import Statement, in_pieces
from workbench.state.planning.plan import Plan

SHORT = 500     # changes that are made into statements at once


class Ahead:
    """The statements of a plan; ``made`` are those that there are so far, ``total`` is how many changes there are."""

    def __init__(self, plan: Plan) -> None:
        self.total = sum(map(len, plan.ranks))
        self._plan = plan
        self.made: list[Statement] = []
        self._pieces = in_pieces(plan)
        self._complete = False
        if self.total <= SHORT:
            self.made += [statement for statement in self._pieces if statement is not None]
            self._complete = True

    async def each(self) -> AsyncGenerator[Statement, None]:
        """Every statement, in the order in which they must run; to be closed by who does not take them all."""
        place = 0
        while self._complete and place < len(self.made):
            place += 1
            yield self.made[place - 1]
        if self._complete:
            return
        following = asyncio.ensure_future(self._make(1))
        try:
            while await following:
                place += 1
                following = asyncio.ensure_future(self._make(place + 1))
                yield self.made[place - 1]
        finally:
            following.cancel()
            following.add_done_callback(_heard)

    async def _make(self, count: int) -> bool:
        """Makes so many statements, others having a turn after each piece; whether there are so many."""
        while len(self.made) < count and not self._complete:
            try:
                piece = next(self._pieces)
            except StopIteration:
                assert sum(len(statement.changes) for statement in self.made) == self.total
                self._complete = True
                self._plan.written      # noqa: B018  # it is found out now, rather than after COMMIT
                break
            if piece is not None:
                self.made.append(piece)
            await asyncio.sleep(0)
        return len(self.made) >= count


def _heard(task: asyncio.Task[bool]) -> None:
    """Takes notice of how a task ended that nobody waits for any more; else asyncio would log what it raised."""
    if not task.cancelled():
        task.exception()
