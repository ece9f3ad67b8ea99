"""The pool under an engine: asyncpg's, in the form that gino wants, on the loop that opened it and on no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from gino.dialects.asyncpg import Pool as GinoPool

from workbench.errors import ConnectionLost, DatabaseError, LoopError, WorkbenchError
from workbench.postgres.driver_errors import LOST, is_closed, unreachable
from workbench.postgres.dsn import masked
from workbench.postgres.json_codec import set_codecs

CLOSING = 5.0       # seconds that connections in use are given when the pool is closed


class Pool(GinoPool):  # type: ignore[misc]  # gino has no types
    """gino's pool, with the DSN given to asyncpg whole: gino takes it apart and loses ``?host=/socket`` on the way."""

    def __init__(
        self, dsn: str, revive: Callable[[], Awaitable[bool]] | None, url: Any, loop: asyncio.AbstractEventLoop,
        **kwargs: Any,
    ) -> None:
        super().__init__(url, loop, **kwargs)
        self._dsn, self._revive, self.closed = dsn, revive, False
        self.tidy: set[int] = set()     # the server's processes of connections that are given back as they were

    async def _init(self) -> Pool:
        # For asyncpg there is no least number: it would make connections anew by itself, and log a traceback each
        # minute for a server that is gone.
        self._pool = await asyncpg.create_pool(
            self._dsn, **{**self._kwargs, "min_size": 0, "init": self._begin, "reset": self._reset})
        try:
            await self._pool.release(await self._pool.acquire())
        except asyncio.CancelledError:      # perhaps in the middle of giving it back, which goes on by itself
            await self._close()
            raise
        except BaseException:
            self._pool.terminate()
            raise
        return self

    async def _begin(self, connection: asyncpg.Connection) -> None:
        self.tidy.discard(connection.get_server_pid())
        await set_codecs(connection)

    async def _reset(self, connection: asyncpg.Connection) -> None:
        """For asyncpg, which has rolled back an open transaction before."""
        process = connection.get_server_pid()
        if process in self.tidy:
            self.tidy.discard(process)
        elif query := connection.get_reset_query():
            await connection.execute(query)

    def check_loop(self) -> None:
        """Raises LoopError on another loop than the one that opened it."""
        if asyncio.get_running_loop() is not self._loop:
            raise LoopError(
                "this database engine was opened by another event loop, and its connections work on that loop only. "
                "In a notebook use the workbench's own verbs (wb.issue(…), or await wb.aio.issue(…)); "
                "elsewhere open the session in the loop that uses it")

    async def acquire(      # gino calls it with a timeout
        self, *, timeout: float | None = None, doing: str = "connecting",  # noqa: ASYNC109
    ) -> asyncpg.Connection:
        """A connection; also for gino, which comes here for every one of its own."""
        self.check_loop()
        if self.closed:
            raise DatabaseError(f"the engine on {masked(self._dsn)} is closed; open another one with connect(dsn)")
        try:
            try:
                return await self._pool.acquire(timeout=timeout)
            except LOST:       # it had to be made anew, and the server is not there
                if self._revive is None or not await self._revive():
                    raise
                return await self._pool.acquire(timeout=timeout)
        except LOST as error:
            raise ConnectionLost(doing) from error
        except WorkbenchError as error:     # which says why the server cannot be brought back
            raise ConnectionLost(f"{doing} ({error})") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if is_closed(error):       # the pool's own connection broke while it was handed out; the next one is new
                raise ConnectionLost(doing) from error
            raise unreachable(self._dsn, error) from error

    async def expire(self) -> None:
        await self._pool.expire_connections()

    async def close(self) -> None:
        self.check_loop()
        self.closed = True
        await self._close()

    async def _close(self) -> None:
        try:
            await asyncio.wait_for(self._pool.close(), CLOSING)
        except TimeoutError:
            self._pool.terminate()
