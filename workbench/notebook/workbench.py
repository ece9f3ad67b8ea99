"""Workbench: the notebook face of a Session. The same verbs without ``await``, and DataFrames.

It owns a Session and the Bridge on whose loop that session lives: every verb works in a cell, in a widget's callback,
under Run All, inside a running loop, in a plain script. ``await wb.aio.issue(…)`` is for those who prefer to await.
"""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

import pandas as pd

from workbench.domain.domain import Domain
from workbench.domain.entity import Command
from workbench.domain.resource import Resource
from workbench.errors import WorkbenchError
from workbench.notebook.display import cell, register
from workbench.notebook.frames import items_frame, pending_frame, steps_frame
from workbench.notebook.loop import Bridge
from workbench.notebook.shown_plan import ShownPlan
from workbench.postgres.commit import Commit
from workbench.session import Session
from workbench.state.manager import now
from workbench.state.plan import Plan
from workbench.state.step import Step


class Workbench:
    """Opens domains on a database: ``wb = Workbench(bank)``.

    Without ``dsn`` (or the environment's ``WORKBENCH_DSN``) it is an embedded Postgres whose data is in ``folder``; see
    Session for the other arguments and what opening raises. It closes itself when it is dropped or the kernel ends."""

    def __init__(
        self, *domains: Domain, dsn: str | None = None, folder: str | Path = ".workbench", user: str | None = None,
        clock: Callable[[], datetime] = now, identifiers: Callable[[], UUID] = uuid4,
    ) -> None:
        self.session = Session(*domains, dsn=dsn, folder=folder, user=user, clock=clock, identifiers=identifiers)
        self._bridge = Bridge()
        try:
            self._bridge.run(self.session.open())
        except BaseException:
            self._bridge.close()
            raise
        self._finalizer = weakref.finalize(self, _close, self.session, self._bridge)
        self._finalizer.atexit = False
        # Exit hooks run last in, first out: the pool is closed before the embedded server's own hook stops the server,
        # or asyncpg would log that its connections went.
        self._at_exit = atexit.register(partial(_disconnect, weakref.ref(self), os.getpid()))
        register()

    @property
    def aio(self) -> Awaited:
        """The session's verbs for those who await, from any loop: ``step = await wb.aio.issue(…)``."""
        return Awaited(self._at_work(), self._bridge)

    def close(self) -> None:
        """Closes the session; what is pending is dropped. A second time does nothing."""
        atexit.unregister(self._at_exit)
        self._finalizer()

    def _at_work(self) -> Session:
        """The session, while it is open."""
        if self._bridge.closed:
            raise WorkbenchError("this workbench is closed, and what was pending went with it; "
                                 f"open another one: Workbench({', '.join(self.session.registry.domains)})")
        return self.session

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -------------------------------------------------------------------------------------------- the verbs

    def issue(
        self, command: Command | str, /, *, on: Any = None, data: Mapping[str, Any] | None = None, **fields: Any,
    ) -> Step:
        """Handles a command; nothing is written. Returns the step, which shows what came of it.

            wb.issue(Deposit(amount=10), on=account)
            wb.issue("bank:deposit/account/<id>", amount="10")

        See Session.issue for ``on``, ``data`` and what is raised; whatever is raised, all is as before."""
        return self._bridge.run(self._at_work().issue(command, on=on, cell=cell(), data=data, **fields))

    def fetch(self, what: Any, identifier: Any = None, /) -> Any:
        """The present item of a Target, an item, ``"account/<id>"``, or a resource and an identifier (or several).

        Raises NotFound."""
        return self._bridge.run(self._at_work().fetch(what, identifier))

    def find(self, resource: Any, /, **equals: Any) -> list[Resource]:
        """The items whose fields equal these values, what is pending included; they are cached from now on."""
        return self._bridge.run(self._at_work().find(resource, **equals))

    def refresh(self, resource: Any) -> int:
        """Fetches the cached items of a resource anew, except those that are changed here; says how many had moved."""
        return self._bridge.run(self._at_work().refresh(resource))

    def undo(self, n: int = 1) -> list[Step]:
        """Takes the last ``n`` pending steps back; returns them. Raises NothingTo."""
        return self._at_work().undo(n)

    def redo(self, n: int = 1) -> list[Step]:
        """Takes the last ``n`` undone steps up again; returns them. Raises NothingTo."""
        return self._at_work().redo(n)

    def plan(self) -> ShownPlan:
        """What a commit would write now; writes nothing."""
        return ShownPlan(self._at_work().plan())

    def commit(self, plan: ShownPlan | Plan | None = None, *, verify_reads: bool = True) -> Commit:
        """Writes what is pending in one transaction, or exactly ``plan``; see Session.commit for what is raised."""
        given = plan.plan if isinstance(plan, ShownPlan) else plan
        return self._bridge.run(self._at_work().commit(given, verify_reads=verify_reads))

    # -------------------------------------------------------------------------------------------- to look at

    def items(self, resource: Any) -> pd.DataFrame:
        """The cached items of a resource, one a row, indexed by identifier; asks nothing of the database.

        Columns: ``state`` ("clean", "new", "changed", "deleted"), the fields, the stamps; in the order of making."""
        session = self._at_work()
        session.registry.refresh()
        kindred = session.registry.kindred(resource)
        return items_frame(session.registry.resource(kindred), session.manager.items(f"{kindred[0]}:{kindred[1]}"))

    @property
    def pending(self) -> pd.DataFrame:
        """The mutations that a commit would write, one a row, each with its event, command, step and cell."""
        return pending_frame(self._at_work().manager.state)

    @property
    def steps(self) -> pd.DataFrame:
        """The steps of this session, one a row: number, time, user, cell, command, target, events, response."""
        session = self._at_work()
        return steps_frame(session.steps, session.manager.state.pending())

    def __repr__(self) -> str:
        domains = ", ".join(self.session.registry.domains)
        if self._bridge.closed:
            return f"<workbench on {domains}: closed>"
        state = self.session.manager.state
        steps, items = len(state.pending()), len(state.changed)
        return (f"<workbench on {domains}: {steps} step{'' if steps == 1 else 's'} pending, "
                f"{items} item{'' if items == 1 else 's'} changed>")


def _close(session: Session, bridge: Bridge) -> None:
    try:
        bridge.run(session.close())
    finally:
        bridge.close()


def _disconnect(workbench: weakref.ref[Workbench], pid: int) -> None:
    """At exit: closes the pool. The bridge and the server have hooks of their own; no thread can be had any more."""
    open_one = workbench()
    if open_one is not None and not open_one._bridge.closed and os.getpid() == pid:     # in a fork it is the parent's
        open_one._bridge.run(open_one.session.engine.close())


class Awaited:
    """The verbs of a session on its own loop, awaitable from any other."""

    def __init__(self, session: Session, bridge: Bridge) -> None:
        self._session, self._bridge = session, bridge

    async def issue(
        self, command: Command | str, /, *, on: Any = None, data: Mapping[str, Any] | None = None, **fields: Any,
    ) -> Step:
        """Workbench.issue, to be awaited."""
        return await self._bridge.aio(self._session.issue(command, on=on, cell=cell(), data=data, **fields))

    async def fetch(self, what: Any, identifier: Any = None, /) -> Any:
        """Workbench.fetch, to be awaited."""
        return await self._bridge.aio(self._session.fetch(what, identifier))

    async def find(self, resource: Any, /, **equals: Any) -> list[Resource]:
        """Workbench.find, to be awaited."""
        return await self._bridge.aio(self._session.find(resource, **equals))

    async def commit(self, plan: ShownPlan | Plan | None = None, *, verify_reads: bool = True) -> Commit:
        """Workbench.commit, to be awaited."""
        given = plan.plan if isinstance(plan, ShownPlan) else plan
        return await self._bridge.aio(self._session.commit(given, verify_reads=verify_reads))
