"""Opening: what a Session stands on: its domains' registry, the server, the engine, the models, the State Manager.

Opening starts the embedded Postgres (or connects to ``dsn``), creates the tables that are missing and refuses tables
that do not fit; each verb first takes in what was defined since. Session adds the verbs.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Generator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import UUID, uuid4

from workbench.domain.convert import Refused, to_text
from workbench.domain.domain import Domain
from workbench.domain.registry import Registry
from workbench.errors import DefinitionError, Invalid, Problem, TablesDiffer, WorkbenchError
from workbench.postgres.engine import Engine, connect
from workbench.postgres.query import PostgresReader
from workbench.postgres.server.embedded import EmbeddedPostgres
from workbench.postgres.tables.model import Models
from workbench.postgres.tables.schema import prepare
from workbench.postgres.writing.commit import Commit
from workbench.state.manager import StateManager, now

T = TypeVar("T")


class Opening:
    """A session as far as it is opened and closed; ``commits`` and ``created`` (tables) are what it has written."""

    def __init__(
        self, *domains: Domain, dsn: str | None = None, folder: str | Path = ".workbench", user: str | None = None,
        clock: Callable[[], datetime] = now, identifiers: Callable[[], UUID] = uuid4, tables_differ: bool = False,
    ) -> None:
        self.registry, self._tables_differ = Registry(domains), tables_differ
        self._dsn, self._folder = dsn or os.environ.get("WORKBENCH_DSN") or None, Path(folder)
        self._arguments: dict[str, Any] = {"user": _user(user), "clock": clock, "identifiers": identifiers}
        self._server: EmbeddedPostgres | None = None
        self._engine: Engine | None = None
        self._models: Models | None = None
        self._reader: PostgresReader | None = None
        self._manager: StateManager | None = None
        self._renewed, self._renewing = True, asyncio.Lock()
        self.commits: list[Commit] = []
        self.created: list[str] = []        # the tables that opening made

    def __await__(self) -> Generator[Any, None, Self]:
        return self.open().__await__()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> Self:
        """Opens the session; once open, does nothing."""
        if self._manager is not None:
            return self
        faults = self.registry.faults()
        if faults:
            raise DefinitionError("the domains cannot be opened yet", faults)
        self._models = Models(self.registry)
        try:
            if self._dsn is None:
                await self._start()
            revive = None if self._server is None else partial(asyncio.to_thread, self._server.revive)
            self._engine = await connect(self.dsn, revive=revive)
            unfit = await self._prepare()
            if unfit is not None and not self._tables_differ:
                raise unfit
        except BaseException:
            await self.close()
            raise
        self._models.db.bind = self._engine.gino
        self._reader = PostgresReader(self._engine, self.registry, self._models.tables)
        self._reader.unfit, self._renewed = unfit, unfit is None
        self._manager = StateManager(self.registry, self._reader, tables=self._models.tables, **self._arguments)
        return self

    async def _start(self) -> None:
        """Starts the embedded server. A thread cannot be cancelled: it is waited for, so that its server is let go."""
        starting = asyncio.ensure_future(asyncio.to_thread(EmbeddedPostgres.start, self._folder))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait([starting])
            if starting.exception() is None:
                self._server = starting.result()
            raise
        self._server = starting.result()

    async def close(self) -> None:
        """Closes the connections and lets the embedded server go. What is pending is dropped with the session.

        Raises LoopError on another event loop than the session's; it stays open then."""
        if self._engine is not None:
            self._engine.check_loop()
        engine, server, self._engine, self._server, self._manager = self._engine, self._server, None, None, None
        try:
            if engine is not None:
                await engine.close()
        finally:
            if server is not None:
                await asyncio.to_thread(server.stop)

    async def _prepare(self) -> TablesDiffer | None:
        """Makes the tables that are missing, or says how those that are there do not fit."""
        async with self.engine.acquire() as connection:
            try:
                self.created += await prepare(connection, self.models)
            except TablesDiffer as differs:
                return differs
        return None

    async def _renew(self) -> StateManager:
        """The manager, after taking in what was defined since: new resources get their tables."""
        manager = self.manager
        async with self._renewing:      # or a verb issued meanwhile would go on before the tables are there
            self.registry.refresh()
            # Not what that says: a form, a frame or a completion may have been faster and had it look already.
            self._renewed = not self.models.refresh() and self._renewed
            if not self._renewed:       # until all of it went well, each verb tries again
                self.reader.tables = manager.tables = self.models.tables
                was, self.reader.unfit = self.reader.unfit, await self._prepare()
                self._renewed = self.reader.unfit is None   # raised by what reads or writes; cached items can be used
                if was is not None and self._renewed:
                    await self.engine.expire()      # tables were altered, perhaps by others
        return manager

    @property
    def manager(self) -> StateManager:
        """The State Manager; raises WorkbenchError before the session is open and after it is closed."""
        return _open(self._manager)

    @property
    def engine(self) -> Engine:
        """The engine; ``session.engine.gino`` is gino's own, for queries of yours."""
        return _open(self._engine)

    @property
    def models(self) -> Models:
        """The gino models under the resources."""
        return _open(self._models)

    @property
    def reader(self) -> PostgresReader:
        """What reads stored items for the State Manager."""
        return _open(self._reader)

    @property
    def dsn(self) -> str:
        """Where the database is, the embedded one too; with its password, so it is not for showing."""
        return self._dsn or _open(self._server).dsn

    @property
    def user(self) -> str | None:
        """Who issues; may be changed between commands."""
        return self.manager.user

    @user.setter
    def user(self, user: str | None) -> None:
        self.manager.user = _user(user)


def _user(user: str | None) -> str | None:
    """A user that can be stored; raises Invalid."""
    try:
        return None if user is None else to_text(user)
    except Refused as refusal:
        raise Invalid("the user", [Problem(None, user, str(refusal))]) from None


def _open(part: T | None) -> T:
    if part is None:
        raise WorkbenchError("the session is not open; open it with `await session` or `async with Session(…)`")
    return part
