"""The engine: a pool of connections to one Postgres, and the one place where the driver's errors become ours.

``connect`` opens an ``Engine``: an asyncpg pool under a gino engine, so that models can be queried with gino
(``.gino``) and statements be run on the very same connections without it (``acquire``, ``transaction``). A pool belongs
to the event loop that opened it; from another one it says so, where asyncpg would hang or fail obscurely. ``translate``
gives our error for one of the driver's; ``acquire(doing=…)`` and ``transaction`` do that for all that is raised within.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from functools import partial
from typing import Any, Self

import asyncpg
import gino
import msgspec
from gino.dialects.asyncpg import Pool
from sqlalchemy.dialects import registry

from workbench.errors import ConnectionLost, ConstraintViolated, DatabaseError, LoopError, WorkbenchError

# InternalClientError: a connection that broke while its protocol was at work; asyncpg's state machine says no more.
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, ConnectionError)
_LOST = (
    asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError, asyncpg.IdleInTransactionSessionTimeoutError, asyncpg.InternalClientError, OSError)
_KINDS = {
    asyncpg.UniqueViolationError: "unique", asyncpg.ForeignKeyViolationError: "foreign key",
    asyncpg.CheckViolationError: "check", asyncpg.NotNullViolationError: "not null",
    asyncpg.ExclusionViolationError: "exclusion"}
CLOSING = 5.0       # seconds that connections in use are given when the engine is closed


async def connect(
    dsn: str, *, min_size: int = 1, max_size: int = 4, revive: Callable[[], Awaitable[bool]] | None = None,
) -> Engine:
    """An open Engine on the server that a DSN names; at least ``min_size`` connections are made at once.

        async with await connect("postgresql://ada@localhost/bank") as engine: ...

    Where later on no connection can be made, ``revive`` is asked to bring the server back, and says whether it is.

    Raises DatabaseError, with the password of the DSN masked."""
    # Without it SQLAlchemy 1.3 looks the dialect up in the metadata of all installed packages: 100 ms, and on
    # Python 3.12 an error. It belongs to SQLAlchemy's own registry, so that the second time does nothing new.
    for name in ("postgresql.asyncpg", "asyncpg"):
        registry.register(name, "gino.dialects.asyncpg", "AsyncpgDialect")
    try:
        engine = await gino.create_engine(
            "postgresql://", loop=asyncio.get_running_loop(), pool_class=partial(_Pool, dsn, revive),
            min_size=min_size, max_size=max_size, server_settings={"application_name": "workbench"},
            json_serializer=_as_it_is, json_deserializer=_as_it_is)
    except (ValueError, OverflowError):     # from None: the words of others may hold a piece of the password
        raise DatabaseError(
            f"{masked(dsn)} is no DSN that can be read; give one such as postgresql://user:password@host:5432/bank, "
            "signs other than letters and digits in its parts as %-codes (urllib.parse.quote)") from None
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise _unreachable(dsn, error) from error
    return Engine(dsn, engine)


class Engine:
    """An open pool; ``gino`` is its gino engine, ``dsn_shown`` its DSN without the password.

    A connection that broke is replaced when the next one is asked for: after a server's restart nothing is to be done.
    """

    def __init__(self, dsn: str, engine: gino.GinoEngine) -> None:
        self.dsn_shown, self.gino = masked(dsn), engine
        self._pool: _Pool = engine._pool    # gino's own wrapper; it knows the loop

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
        self, *, isolation: str | None = None, readonly: bool = False, doing: str = "working with the database",
    ) -> AsyncIterator[asyncpg.Connection]:
        """A connection in a transaction: committed at the end, rolled back when anything is raised.

        When the connection goes during the COMMIT itself, ConnectionLost says ``committed=None``: it is not known."""
        async with self.acquire(doing=doing) as connection:
            transaction = connection.transaction(isolation=isolation, readonly=readonly)
            await transaction.start()
            try:
                yield connection
            except BaseException:
                with suppress(*DRIVER_ERRORS):      # no connection: the server rolls back by itself
                    await transaction.rollback()
                raise
            try:
                await transaction.commit()
            except DRIVER_ERRORS as error:
                raise translate(error, doing=doing, committed=None) from error

    async def expire(self) -> None:
        """Has every connection made anew before it is used again: after DDL, what they know of types is stale."""
        await self._pool.expire()

    async def close(self) -> None:
        """Close all connections; those in use get 5 seconds. A second call does nothing."""
        if not self.closed:
            await self._pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class _Pool(Pool):  # type: ignore[misc]  # gino has no types
    """gino's pool, with the DSN given to asyncpg whole: gino takes it apart and loses ``?host=/socket`` on the way."""

    def __init__(
        self, dsn: str, revive: Callable[[], Awaitable[bool]] | None, url: Any, loop: asyncio.AbstractEventLoop,
        **kwargs: Any,
    ) -> None:
        super().__init__(url, loop, **kwargs)
        self._dsn, self._revive, self.closed = dsn, revive, False
        self.tidy: set[int] = set()     # the server's processes of connections that are given back as they were

    async def _init(self) -> _Pool:
        # For asyncpg there is no least number: it would make connections anew by itself, and log a traceback each
        # minute for a server that is gone.
        self._pool = await asyncpg.create_pool(
            self._dsn, **{**self._kwargs, "min_size": 0, "init": self._begin, "reset": self._reset})
        try:
            first = [await self._pool.acquire() for _ in range(self._kwargs["min_size"])]
        except BaseException:
            self._pool.terminate()
            raise
        for connection in first:
            await self._pool.release(connection)
        return self

    async def _begin(self, connection: asyncpg.Connection) -> None:
        self.tidy.discard(connection.get_server_pid())
        await _set_codecs(connection)

    async def _reset(self, connection: asyncpg.Connection) -> None:
        """For asyncpg, which has rolled back an open transaction before."""
        process = connection.get_server_pid()
        if process in self.tidy:
            self.tidy.discard(process)
        elif query := connection.get_reset_query():
            await connection.execute(query)

    def _check_loop(self) -> None:
        if asyncio.get_running_loop() is not self._loop:
            raise LoopError(
                "this database engine was opened by another event loop, and its connections work on that loop only. "
                "In a notebook use the workbench's own verbs (wb.issue(…), or await wb.aio.issue(…)); "
                "elsewhere open the session in the loop that uses it")

    async def acquire(      # gino calls it with a timeout
        self, *, timeout: float | None = None, doing: str = "connecting",  # noqa: ASYNC109
    ) -> asyncpg.Connection:
        """A connection; also for gino, which comes here for every one of its own."""
        self._check_loop()
        if self.closed:
            raise DatabaseError(f"the engine on {masked(self._dsn)} is closed; open another one with connect(dsn)")
        try:
            try:
                return await self._pool.acquire(timeout=timeout)
            except _LOST:       # it had to be made anew, and the server is not there
                if self._revive is None or not await self._revive():
                    raise
                return await self._pool.acquire(timeout=timeout)
        except _LOST as error:
            raise ConnectionLost(doing) from error
        except WorkbenchError as error:     # which says why the server cannot be brought back
            raise ConnectionLost(f"{doing} ({error})") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if _is_closed(error):       # the pool's own connection broke while it was handed out; the next one is new
                raise ConnectionLost(doing) from error
            raise _unreachable(self._dsn, error) from error

    async def expire(self) -> None:
        await self._pool.expire_connections()

    async def close(self) -> None:
        self._check_loop()
        self.closed = True
        try:
            await asyncio.wait_for(self._pool.close(), CLOSING)
        except TimeoutError:
            self._pool.terminate()


async def _set_codecs(connection: asyncpg.Connection) -> None:
    # Binary, for the text format breaks COPY: jsonb on the wire is a version, 1, and the JSON.
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary",
        encoder=lambda value: b"\x01" + _json(value), decoder=lambda raw: msgspec.json.decode(raw[1:]))
    await connection.set_type_codec(
        "json", schema="pg_catalog", format="binary", encoder=_json, decoder=msgspec.json.decode)


_EXPONENT = re.compile(rb"\de\+?\d")


def _json(value: Any) -> bytes:
    raw = msgspec.json.encode(value)
    # jsonb makes 63858270470364970 of 6.385827047036497e16: a whole number, and no longer the same one. With .0 it is
    # kept a float.
    return msgspec.json.encode(_pointed(value)) if _EXPONENT.search(raw) else raw


def _pointed(value: Any) -> Any:
    """A JSON value whose large floats are written in full, with a point."""
    if isinstance(value, float) and abs(value) >= 1e15:
        digits = f"{Decimal(repr(value)):f}"
        return msgspec.Raw((digits if "." in digits else f"{digits}.0").encode())
    if isinstance(value, dict):
        return {key: _pointed(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_pointed(member) for member in value]
    return value


def _as_it_is(value: Any) -> Any:
    """For SQLAlchemy's JSON types: the connection's codec has done, or will do, the work."""
    return value


_SECRETS = (
    # Between the first colon and the last @: a user and a password may hold what they should have as %-codes.
    re.compile(r"\A\s*(?:\w[\w+.-]*://)?+[^:]*:(?P<secret>.*)@", re.DOTALL),
    re.compile(r"[?&]\w*password\s*=(?P<secret>[^&]+)", re.IGNORECASE),
    re.compile(r"(?<![?&\w])\w*password\s*=\s*(?P<secret>'(?:\\.|[^'\\])*'?|\S+)", re.IGNORECASE | re.DOTALL))


def masked(dsn: str) -> str:
    """A DSN fit to be shown: ``postgresql://ada:***@localhost/bank``. What may be of a password is not shown either."""
    spans = sorted(found.span("secret") for secret in _SECRETS for found in secret.finditer(dsn))
    shown, end = "", 0
    for first, last in spans:
        if first > end or not shown:
            shown += dsn[end:first] + "***"
        end = max(end, last)
    return shown + dsn[end:]


def _unreachable(dsn: str, error: Exception) -> DatabaseError:
    """What to say when no connection could be made, and what to try."""
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        hint = "look at the user and the password in the DSN"
    elif isinstance(error, asyncpg.InvalidCatalogNameError):
        hint = "make that database first (createdb), or name another one in the DSN"
    elif isinstance(error, asyncpg.TooManyConnectionsError):
        hint = "close other sessions, or raise max_connections of the server"
    else:
        hint = "is the server running, and do the host and the port in the DSN name it?"
    return DatabaseError(f"could not connect to {masked(dsn)}: {str(error) or type(error).__name__}; {hint}")


def translate(
    error: Exception, *, doing: str = "working with the database", committed: bool | None = False,
) -> DatabaseError:
    """Our error for one of the driver's, to be raised ``from`` it.

    ``committed`` is what is known should the connection have gone: None when a COMMIT was on its way."""
    if isinstance(error, _LOST) or _is_closed(error):
        return ConnectionLost(doing, committed=committed)
    detail = getattr(error, "detail", None) or ""
    for violation, kind in _KINDS.items():
        if isinstance(error, violation):
            columns = [error.column_name] if error.column_name else _columns(detail)
            return ConstraintViolated(
                kind, error.constraint_name or "", error.table_name or "", detail or str(error), columns=columns)
    words = [str(error).splitlines()[0] if str(error) else type(error).__name__]
    words += [part for part in (detail, getattr(error, "hint", None)) if part]
    return DatabaseError(f"the database refused while {doing}: {'; '.join(words)}")


def _is_closed(error: Exception) -> bool:
    """Whether asyncpg says that the connection is no more: that InterfaceError has no class of its own."""
    return isinstance(error, asyncpg.InterfaceError) and re.search(
        r"connection (is|was|has been) (closed|released)", str(error)) is not None


def _columns(detail: str) -> list[str]:
    """The columns named by ``Key (a, "b c")=(1, 2) already exists.``"""
    match = re.match(r"Key \((.*?)\)=\(", detail)
    return [name.strip().strip('"') for name in match[1].split(",")] if match else []
