"""Patience: how long a commit waits for the locks of others in all.

Postgres counts its lock_timeout anew for each lock; a statement that meets one locked row after the other would wait
without end. So when the time is over it is looked, from another connection, whether the commit waits for a lock; if it
does, the server is told to cancel that. A commit that is at work is left alone, however long it takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from math import inf, isnan

import asyncpg

from workbench.errors import Invalid, Problem, WorkbenchError
from workbench.postgres.driver_errors import DRIVER_ERRORS
from workbench.postgres.engine import Engine

LOOK = 0.1      # seconds between two looks
_CANCEL = """
SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND state = 'active' AND wait_event_type = 'Lock'
"""


def check_seconds(verb: str, name: str, value: float) -> None:
    """Raises Invalid where what a verb was given for a time is NaN, which no clock ever reaches."""
    if isnan(value):
        raise Invalid(verb, [Problem(name, value, "it is no number of seconds; give one such as 10")])


class Patience:
    """Ends at ``end``, by the clock of the loop; ``over`` says that a statement was cancelled, or is just being."""

    def __init__(self, engine: Engine, end: float) -> None:
        self._engine, self._end = engine, end
        self.over = False

    @asynccontextmanager
    async def with_locks(self, connection: asyncpg.Connection) -> AsyncIterator[None]:
        """Looks after what a connection does within; where its statement is cancelled, asyncpg raises so."""
        if self._end == inf:
            yield
            return
        loop, looking = asyncio.get_running_loop(), list[asyncio.Task[None]]()
        process = connection.get_server_pid()
        timer = loop.call_at(max(self._end, loop.time() + LOOK),
                             lambda: looking.append(loop.create_task(self._look(process))))
        try:
            yield
        finally:
            timer.cancel()
            for task in looking:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _look(self, process: int) -> None:
        while not self.over:
            # Where there is no other connection, lock_timeout is all there is.
            with suppress(WorkbenchError, *DRIVER_ERRORS):
                async with self._engine.acquire(tidy=True) as other:
                    self.over = True        # the answer may come after the error
                    self.over = bool(await other.fetchval(_CANCEL, process))
            await asyncio.sleep(LOOK)
