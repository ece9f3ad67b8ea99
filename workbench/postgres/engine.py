"""The engine: a pool of connections to one Postgres, as the rest of this room uses it.

``connect`` opens an ``Engine``: an asyncpg pool (pool.py) under a gino engine, so that models can be queried with gino
(``.gino``) and statements be run on the very same connections without it (``acquire``, ``transaction``). A pool belongs
to the event loop that opened it; from another one it says so, where asyncpg would hang or fail obscurely.
``acquire(doing=…)`` and ``transaction`` translate what the driver raises within (driver_errors.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Self

import asyncpg
import gino
from sqlalchemy.dialects import registry

from workbench.errors import DatabaseError
from workbench.postgres.driver_errors import DRIVER_ERRORS, translate, unreachable
from workbench.postgres.dsn import masked
from workbench.postgres.json_codec import as_it_is
from workbench.postgres.pool import Pool


async def connect(
    dsn: str, *, max_size: int = 4, revive: Callable[[], Awaitable[bool]] | None = None,
) -> Engine:
    """An open Engine on the server that a DSN names, with ``max_size`` connections at most; one is made at once.

        async with await connect("postgresql://ada@localhost/bank") as engine: ...

    Where later on no connection can be made, ``revive`` is asked to bring the server back, and says whether it is.

    Raises DatabaseError, with the password of the DSN masked."""
    # Without it SQLAlchemy 1.3 looks the dialect up in the metadata of all installed packages: 100 ms, and on
    # Python 3.12 an error. It belongs to SQLAlchemy's own registry, so that the second time does nothing new.
    for name in ("postgresql.asyncpg", "asyncpg"):
        registry.register(name, "gino.dialects.asyncpg", "AsyncpgDialect")
    engine: Any = None
    try:
        engine = await gino.create_engine(
            "postgresql://", loop=asyncio.get_running_loop(), pool_class=partial(Pool, dsn, revive),
            max_size=max_size, server_settings={"application_name": "workbench"},
            json_serializer=as_it_is, json_deserializer=as_it_is)
    except (ValueError, OverflowError):     # told below: its words may hold a piece of the password
        pass
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise unreachable(dsn, error) from error
    if engine is None:
        raise DatabaseError(
            f"{masked(dsn)} is no DSN that can be read; give one such as postgresql://user:password@host:5432/bank, "
            "signs other than letters and digits in its parts as %-codes (urllib.parse.quote)")
    return Engine(dsn, engine)


class Engine:
    """An open pool; ``gino`` is its gino engine, ``dsn_shown`` its DSN without the password.

    A connection that broke is replaced when the next one is asked for: after a server's restart nothing is to be done.
    """

    def __init__(self, dsn: str, engine: gino.GinoEngine) -> None:
        self.dsn_shown, self.gino = masked(dsn), engine
        self._pool: Pool = engine._pool    # gino's own wrapper; it knows the loop

    def __repr__(self) -> str:
        return f"<engine {self.dsn_shown}{' (closed)' if self.closed else ''}>"

    @property
    def closed(self) -> bool:
        return self._pool.closed

    @asynccontextmanager
    async def acquire(
        self, *, doing: str | None = None, tidy: bool = False,
    ) -> AsyncIterator[asyncpg.Connection]:
        """A connection of asyncpg's, given back at the end and its session reset: settings, cursors, advisory locks.

        With ``tidy`` it is said that nothing of that is touched within; then it is not reset, which would be a round
        trip, unless something is raised.

        What asyncpg raises within comes out translated where ``doing`` says for the error's words what is being done
        ("reading accounts"); without it, as it is, for who must look at it. Raises LoopError when called on another
        event loop, ConnectionLost when the server is gone."""
        connection = await self._pool.acquire(doing=doing or "connecting")
        try:
            yield connection
            if tidy and not connection.is_closed():
                self._pool.tidy.add(connection.get_server_pid())
        except DRIVER_ERRORS as error:
            if doing is None:
                raise
            raise translate(error, doing=doing) from error
        finally:
            # A connection that is gone cannot be reset; the pool has dropped it, and the error is on its way already.
            with suppress(*DRIVER_ERRORS):
                await self._pool.release(connection)

    @asynccontextmanager
    async def transaction(
        self, *, isolation: str = "read_committed", readonly: bool = False, doing: str = "working with the database",
    ) -> AsyncIterator[asyncpg.Connection]:
        """A connection in a transaction: committed at the end, rolled back when anything is raised.

        It is read committed, whatever the server's default is: what is looked at after waiting for a lock must be as it
        is then. When the connection goes during the COMMIT itself, ConnectionLost says ``committed=None``: it is not
        known."""
        async with self.acquire(doing=doing) as connection:
            committing, failure = False, None
            try:
                # As a block: of one whose BEGIN was cancelled asyncpg would log that it is still active.
                async with connection.transaction(isolation=isolation, readonly=readonly):
                    try:
                        yield connection
                    except BaseException as error:
                        failure = error
                        raise
                    committing = True
            except DRIVER_ERRORS as error:
                if failure is not None:     # no connection to roll back: the server does so by itself
                    raise failure from failure.__cause__
                raise translate(error, doing=doing, committed=None if committing else False) from error

    async def expire(self) -> None:
        """Has every connection made anew before it is used again: after DDL, what they know of types is stale."""
        await self._pool.expire()

    def check_loop(self) -> None:
        """Raises LoopError when called on another event loop than the engine's."""
        self._pool.check_loop()

    async def close(self) -> None:
        """Closes all connections; those in use get 5 seconds. A second call does nothing."""
        if not self.closed:
            await self._pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
