"""Awaited: the verbs of a Workbench's Session for those who await; the Workbench itself waits for them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, Never, TypeVar

from workbench.domain.entity import Command
from workbench.notebook.bridge import Bridge
from workbench.notebook.display import cell
from workbench.notebook.shown.plan import ShownPlan
from workbench.notebook.streams import kept
from workbench.notebook.watchers import Watchers
from workbench.postgres.tables.ddl_plan import TablesPlan
from workbench.postgres.writing.after import After, ended
from workbench.postgres.writing.commit import Commit
from workbench.session import Session
from workbench.state.planning.plan import Plan
from workbench.state.saved.plan import SavedPlan
from workbench.state.step import Step
from workbench.wording import nearest

T = TypeVar("T")
_DECIDING = frozenset({"merge", "revert"})      # and commit, and apply: they may end in a Conflict


class Awaited:
    """The verbs of a session on its own loop, awaitable from any other: ``await wb.aio.commit()``.

    They are Session's, with its arguments and results; ``issue`` knows the cell, and ``after=`` of a commit is awaited
    on the caller's loop. A Conflict is kept, in ``wb.conflict``, and a broken constraint told as where one waits."""

    def __init__(
        self, session: Session, bridge: Bridge, watchers: Watchers,
        deciding: Callable[..., AbstractContextManager[None]],
    ) -> None:
        self._session, self._bridge, self._watchers, self._deciding = session, bridge, watchers, deciding

    async def _run(self, verb: Coroutine[Any, Any, T]) -> T:
        try:
            return await self._bridge.aio(verb)
        finally:
            self._watchers.tell()

    async def _decide(self, verb: Coroutine[Any, Any, T], saved: SavedPlan | None = None) -> T:
        with self._deciding(saved):
            return await self._bridge.aio(verb)

    async def issue(self, command: Command | str, /, *unnamed: Never, **arguments: Any) -> Step:
        """Session.issue, of the present cell."""
        return await self._run(kept(self._session.issue(command, *unnamed, cell=cell(), **arguments)))

    async def commit(
        self, plan: ShownPlan | Plan | None = None, *, after: After | None = None,
        **arguments: Any,
    ) -> Commit:
        """Session.commit."""
        given = plan.plan if isinstance(plan, ShownPlan) else plan
        if isinstance(after, SavedPlan | str):
            arguments["after"] = after
        elif after is not None:
            await ended(after)
        return await self._decide(self._session.commit(given, **arguments))

    async def apply(self, saved: SavedPlan | str | Path, **arguments: Any) -> Commit:
        """Session.apply."""
        plan = saved if isinstance(saved, SavedPlan) else SavedPlan.load(saved)
        return await self._decide(self._session.apply(plan, **arguments), plan)

    async def tables(self, **arguments: Any) -> TablesPlan:
        """Session.tables; ``apply`` of the plan is awaitable from any loop as well."""
        return (await self._run(self._session.tables(**arguments))).run_by(self._run)

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        verb = getattr(self._session, name, None)
        if name.startswith("_") or not iscoroutinefunction(verb):
            there = [name for name in dir(Session) if not name.startswith("_")
                     and iscoroutinefunction(getattr(Session, name))]
            raise AttributeError(f"there is no verb {name!r} to await; {nearest(name, there)}")

        run = self._decide if name in _DECIDING else self._run

        async def on_its_loop(*positional: Any, **named: Any) -> Any:
            return await run(verb(*positional, **named))

        return on_its_loop
