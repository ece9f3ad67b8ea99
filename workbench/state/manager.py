"""StateManager: the one mutable cell of a session. It points to a State.

Issuing moves the pointer forward, undo moves it back, redo forward again. The clock, the source of identifiers and the
user are its arguments, so that lessons and tests repeat exactly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from workbench.domain.entity import Command
from workbench.domain.registry import Kindred, Registry
from workbench.domain.resource import Resource, Target, is_deleted, refit
from workbench.errors import Invalid, LoopError, NotFound, NothingTo
from workbench.state.plan import Plan, plan_of
from workbench.state.process import Unit
from workbench.state.reader import Reader, in_order
from workbench.state.state import Cache, State
from workbench.state.step import Step
from workbench.state.table import Table


def now() -> datetime:
    """The present moment, aware, UTC."""
    return datetime.now(UTC)


class StateManager:
    """The local database of one session: a pointer to a State, the shared cache, and what was undone.

    ``user`` may be changed between commands. ``tables`` order the plan; without them there are no foreign keys."""

    def __init__(
        self, registry: Registry, reader: Reader, *, tables: Mapping[Kindred, Table] | None = None,
        clock: Callable[[], datetime] = now, identifiers: Callable[[], UUID] = uuid4, user: str | None = None,
    ) -> None:
        self.registry, self.reader, self.tables, self.user = registry, reader, tables or {}, user
        self.state, self.cache = State.empty(), Cache()
        self._clock, self._identifiers = clock, identifiers
        self._undone: tuple[State, ...] = ()
        self.lock = asyncio.Lock()      # held by whatever moves the pointer after waiting: issue, commit
        self._issuing: asyncio.Task[Any] | None = None

    async def issue(self, command: Command, *, on: Any = None, cell: int | None = None) -> Step:
        """Runs a command on the present State and moves to the one after it; nothing is written.

        Commands issued at the same time run one after the other. When anything raises, the State is as before."""
        if self._issuing is not None and self._issuing is asyncio.current_task():
            raise LoopError("a handler issued a command by itself; yield an event and let a policy issue the command, "
                            "so that it belongs to the same step")
        async with self.lock:
            self._issuing = asyncio.current_task()
            try:
                state, step = await self._unit(self.state).run(command, on, cell=cell)
            finally:
                self._issuing = None
            self.state, self._undone = state, ()
            return step

    def _unit(self, state: State) -> Unit:
        return Unit(state, registry=self.registry, cache=self.cache, reader=self.reader, now=self._clock(),
                    user=self.user, identifiers=self._identifiers)

    # -------------------------------------------------------------------------------------------- reading

    async def fetch(self, *targets: Any) -> list[Resource]:
        """The present items of some targets, as the next command would see them. Raises NotFound."""
        unit = self._unit(self.state)
        wanted = [self.registry.target(target) for target in targets]
        return [(await unit.fetch(target.domain, [target]))[0] for target in wanted] if len(
            {target.domain for target in wanted}) > 1 else await unit.fetch(wanted[0].domain, wanted) if wanted else []

    async def find(self, resource: Any, **equals: Any) -> list[Resource]:
        """The items of a resource whose fields equal these values, pending ones included, by ``_created``."""
        kindred = self.registry.kindred(resource)
        return await self._unit(self.state).find(kindred[0], f"{kindred[0]}:{kindred[1]}", equals)

    def items(self, resource: Any) -> list[tuple[str, Target, Resource]]:
        """The cached items of a resource: ("clean" | "new" | "changed" | "deleted", target, item), in stable order.

        A deleted item is shown as it was. Asks nothing of the database."""
        kindred = self.registry.kindred(resource)
        cls = self.registry.resource(kindred)
        shown: dict[Target, tuple[str, Resource]] = {}
        for target, item in self.cache.items.items():
            if target[:2] == kindred and target not in self.state.changed:
                shown[target] = ("clean", refit(item, cls))
        for target, entry in self.state.changed.items():
            if target[:2] == kindred:
                state = "new" if entry.origin is None else "deleted" if is_deleted(entry.current) else "changed"
                shown[target] = (state, refit(entry.origin if state == "deleted" else entry.current, cls))
        places = {id(item): place for place, item in enumerate(in_order(item for _, item in shown.values()))}
        return sorted(((state, target, item) for target, (state, item) in shown.items()),
                      key=lambda row: places[id(row[2])])

    def misfits(self) -> list[str]:
        """The cached items that no longer fit their resource as it is defined now, a sentence each."""
        found = []
        for target, item in [*self.cache.items.items(),
                             *((target, entry.current) for target, entry in self.state.changed.items())]:
            if item is not None and target[:2] in self.registry.resources:
                try:
                    refit(item, self.registry.resource(target[:2]))
                except Invalid as invalid:
                    found.append(f"{target}: {'; '.join(str(problem) for problem in invalid.problems)}")
        return found

    # -------------------------------------------------------------------------------------------- time

    def undo(self, n: int = 1) -> list[Step]:
        """Takes the last ``n`` steps back; returns them, the last first. Raises NothingTo."""
        return [self._undo() for _ in range(self._count(n, len(self.state.pending()), "undo"))]

    def _undo(self) -> Step:
        step, parent = self.state.step, self.state.parent
        assert step is not None
        assert parent is not None
        self._undone = (*self._undone, self.state)
        self.state = parent
        return step

    def redo(self, n: int = 1) -> list[Step]:
        """Takes the last ``n`` undone steps up again; returns them in their order. Raises NothingTo."""
        steps = []
        for _ in range(self._count(n, len(self._undone), "redo")):
            self.state, self._undone = self._undone[-1], self._undone[:-1]
            assert self.state.step is not None
            steps.append(self.state.step)
        return steps

    @staticmethod
    def _count(n: int, there: int, verb: str) -> int:
        if n < 1 or n > there:
            hint = f"there are {there} steps to {verb}, not {n}" if there and n > there else (
                "say how many, from 1" if n < 1 else
                "no step is pending: what is committed is not undone" if verb == "undo" else "no step was undone since")
            raise NothingTo(verb, hint)
        return n

    # -------------------------------------------------------------------------------------------- plan

    def plan(self) -> Plan:
        """What a commit would do now."""
        return plan_of(self.state, self.registry, self.tables)

    def settle(self, plan: Plan) -> None:
        """Takes a plan as committed: its items are clean now, as they were written."""
        if plan.state is not self.state:
            raise NothingTo("settle", "the plan was made from another state")
        for change in plan.changes:
            if is_deleted(change.after):
                self.cache.items.pop(change.target, None)
            else:
                self.cache.keep(change.target, change.after)
        self.state, self._undone = self.state.committed(), ()

    async def refresh(self, targets: Sequence[Target]) -> None:
        """Fetches clean items anew; those that are gone leave the cache."""
        for target in targets:
            self.cache.items.pop(target, None)
            if target not in self.state.changed:
                try:
                    await self.fetch(target)
                except NotFound:
                    continue
