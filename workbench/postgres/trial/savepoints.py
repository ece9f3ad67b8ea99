"""Savepoints: statements of one transaction that are tried one by one, each undone by itself where it fails.

Limits on locks and on all the time there is keep it short. One that takes long is looked at from another connection, to
tell who is in its way. ``undone`` is the transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any

import asyncpg

from workbench.errors import ConnectionLost
from workbench.postgres.driver_errors import DRIVER_ERRORS, translate
from workbench.postgres.engine import Engine
from workbench.postgres.sending import is_gone
from workbench.postgres.trial.caveats import blockers
from workbench.postgres.writing.guards import BEGIN

PATIENCE = 2.0      # seconds for a lock, at most a quarter of all
HASTE = 0.2         # and for each further lock of the same statement


@asynccontextmanager
async def undone(connection: asyncpg.Connection, *, readonly: bool = False) -> AsyncIterator[None]:
    """A transaction that is always rolled back, however it is left; being cancelled is waited out while it ends."""
    try:
        await connection.execute(f"{BEGIN}{' READ ONLY' if readonly else ''}")
        yield
    finally:
        if not is_gone(connection):
            with suppress(*DRIVER_ERRORS):      # no connection: the server rolls back by itself
                ending = asyncio.ensure_future(connection.execute("ROLLBACK"))
                try:
                    await asyncio.shield(ending)
                except asyncio.CancelledError:
                    await asyncio.gather(ending, return_exceptions=True)
                    raise


class OutOfTime(Exception):
    """Ends a trial; never leaves it."""


class CutOff(Exception):
    """Says that a statement was ended by a statement_timeout of the role or the database, as a commit's would be."""


class Savepoints:
    """What is tried on a connection in a transaction, until ``timeout`` seconds after ``started`` are over.

    ``patience`` is how many seconds a lock is waited for; ``cut`` after how many milliseconds the server itself ends a
    statement, 0 for never."""

    def __init__(
        self, engine: Engine, connection: asyncpg.Connection, *, started: float, timeout: float, cut: int,
    ) -> None:
        self._engine, self._connection, self._deadline, self._cut = engine, connection, started + timeout, cut
        self.patience = min(PATIENCE, timeout / 4)
        self._waited_for = ""

    async def attempt(self, running: Coroutine[Any, Any, Any], patience: float | None = None) -> Any:
        """What a coroutine gives, or the error it raised (CutOff among them), all it did being undone.

        Each of its statements waits for a lock ``patience`` seconds at most, those of the Savepoints unless others are
        given. Raises OutOfTime when the time is over before it begins, and what the driver raises where the connection
        is lost."""
        left = self._deadline - monotonic()
        if left <= 0:
            running.close()
            raise OutOfTime
        patience = min(self.patience if patience is None else patience, left)
        limit = max(1, int(left * 1000) + 1)
        cut = 0 < self._cut < limit
        limit = self._cut if cut else limit
        try:
            await self._connection.execute(
                f"SET LOCAL statement_timeout = {limit}; SET LOCAL lock_timeout = {max(1, int(patience * 1000))}; "
                "SAVEPOINT workbench")
        except BaseException:
            running.close()
            raise
        try:
            outcome = await self._watched(running, patience)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ArithmeticError, TypeError, ValueError) as error:
            if self._connection.is_closed() or isinstance(translate(error), ConnectionLost):
                raise
            await self._connection.execute("ROLLBACK TO SAVEPOINT workbench; RELEASE SAVEPOINT workbench")
            if cut and isinstance(error, asyncpg.QueryCanceledError):
                return CutOff(f"{error} (statement_timeout is {self._cut} ms here)")
            return error        # the last three: COPY's encoders raise as they are, and who runs a statement
        await self._connection.execute("RELEASE SAVEPOINT workbench")
        return outcome

    async def _watched(self, running: Coroutine[Any, Any, Any], patience: float) -> Any:
        """Awaits it, and where it takes long looks, on another connection, who is in the way."""
        task = asyncio.ensure_future(running)
        try:
            done, _ = await asyncio.wait({task}, timeout=patience / 2)
            if not done:
                self._waited_for = await blockers(
                    self._engine, self._connection.get_server_pid(), within=patience / 2)
            return await task
        finally:
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError, *DRIVER_ERRORS):
                    await task

    def waiting(self) -> str:
        """What to say of a lock that was not had: who held it when it was last looked at."""
        return f"a lock was not had in time{self._waited_for or ', and who holds it could not be found out'}"
