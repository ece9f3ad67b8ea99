"""StateManager: the one mutable cell of a session. It points to a State.

Issuing moves the pointer forward, undo moves it back, redo forward again. The clock, the source of identifiers and the
user are its arguments, so that lessons and tests repeat exactly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from workbench.domain.entity import Command
from workbench.domain.registry import Kindred, Registry
from workbench.domain.resource import Resource, Target, is_deleted, refit
from workbench.errors import Invalid, LoopError, NothingTo
from workbench.state.change import change_of
from workbench.state.plan import Plan, plan_of
from workbench.state.process import Unit
from workbench.state.reader import Reader, in_order
from workbench.state.state import Cache, Entry, State
from workbench.state.step import Step
from workbench.state.table import Table

# The managers whose handlers the present code runs in: a command issued by one of them would wait for itself.
_AT_WORK: ContextVar[tuple[StateManager, ...]] = ContextVar("managers at work", default=())


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

    async def issue(self, command: Command, *, on: Any = None, cell: int | None = None) -> Step:
        """Runs a command on the present State and moves to the one after it; nothing is written.

        Commands issued at the same time run one after the other. When anything raises, the State is as before."""
        if self.lock.locked() and self in _AT_WORK.get():
            raise LoopError("a handler issued a command by itself; yield an event and let a policy issue the command, "
                            "so that it belongs to the same step")
        user = self.user        # who issues it, not who is at work when its turn comes
        async with self.lock:
            token = _AT_WORK.set((*_AT_WORK.get(), self))
            try:
                state, step = await self._unit(user).run(command, on, cell=cell)
            finally:
                _AT_WORK.reset(token)
            self.state, self._undone = state, ()
            return step

    def _unit(self, user: str | None) -> Unit:
        return Unit(self.state, registry=self.registry, cache=self.cache, reader=self.reader, now=self._clock(),
                    user=user, identifiers=self._identifiers)

    # -------------------------------------------------------------------------------------------- reading

    async def fetch(self, *targets: Any) -> list[Resource]:
        """The present items of some targets, as the next command would see them. Raises NotFound."""
        unit = self._unit(self.user)
        wanted = [self.registry.target(target) for target in targets]
        found: dict[Target, Resource] = {}
        for domain in dict.fromkeys(target.domain for target in wanted):
            of_domain = [target for target in wanted if target.domain == domain]
            found.update(zip(of_domain, await unit.fetch(domain, of_domain), strict=True))
        return [found[target] for target in wanted]

    async def find(self, resource: Any, **equals: Any) -> list[Resource]:
        """The items of a resource whose fields equal these values, pending ones included, by ``_created``."""
        kindred = self.registry.kindred(resource)
        return await self._unit(self.user).find(kindred[0], f"{kindred[0]}:{kindred[1]}", equals)

    def items(self, resource: Any) -> list[tuple[str, Target, Resource]]:
        """The cached items of a resource: ("clean" | "new" | "changed" | "deleted", target, item), in stable order.

        A deleted item is shown as it was; those that ``misfits`` lists are left out. Asks nothing of the database."""
        kindred = self.registry.kindred(resource)
        cls = self.registry.resource(kindred)
        shown: dict[Target, tuple[str, Resource]] = {}
        known: dict[Target, Any] = {**self.cache.items, **dict(self.state.changed.items())}
        for target, item in known.items():
            if target[:2] == kindred:
                with suppress(Invalid):
                    shown[target] = self._shown(target, item, cls)
        places = {id(item): place for place, item in enumerate(in_order(item for _, item in shown.values()))}
        return sorted(((state, target, item) for target, (state, item) in shown.items()),
                      key=lambda row: places[id(row[2])])

    def _shown(self, target: Target, item: Resource | Entry, cls: type[Resource]) -> tuple[str, Resource]:
        if not isinstance(item, Entry):
            return "clean", refit(item, cls)
        change = change_of(target, item, self.registry)
        if change is None or change.kind == "delete":       # touched, but as it was; or gone
            return "clean" if change is None else "deleted", refit(item.origin, cls)
        return "new" if change.kind == "insert" else "changed", refit(item.current, cls)

    def misfits(self) -> list[str]:
        """The cached items that no longer fit their resource as it is defined now, a sentence each."""
        found = []
        present = {**self.cache.items, **{target: entry.current for target, entry in self.state.changed.items()}}
        for target, item in present.items():
            if item is not None and target[:2] in self.registry.resources:
                try:
                    refit(item, self.registry.resource(target[:2]))
                except Invalid as invalid:
                    found.append(f"{target}: {'; '.join(str(problem) for problem in invalid.problems)}")
        return found

    # -------------------------------------------------------------------------------------------- time

    def undo(self, n: int = 1) -> list[Step]:
        """Takes the last ``n`` steps back; returns them, the last first. Raises NothingTo, and LoopError while a
        command or a commit is at work."""
        return [self._undo() for _ in range(self._count(n, len(self.state.pending()), "undo"))]

    def _undo(self) -> Step:
        step, parent = self.state.step, self.state.parent
        assert step is not None
        assert parent is not None
        self._undone = (*self._undone, self.state)
        self.state = parent
        return step

    def redo(self, n: int = 1) -> list[Step]:
        """Takes the last ``n`` undone steps up again; returns them in their order. Raises as ``undo`` does."""
        steps = []
        for _ in range(self._count(n, len(self._undone), "redo")):
            self.state, self._undone = self._undone[-1], self._undone[:-1]
            assert self.state.step is not None
            steps.append(self.state.step)
        return steps

    def _count(self, n: int, there: int, verb: str) -> int:
        if self.lock.locked():      # whoever holds it moves the pointer from the State that it found
            raise LoopError(f"a command or a commit is at work; await it, then {verb}")
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

    async def refresh(self, resource: Any) -> int:
        """Fetches the cached items of a resource anew, except those that pending steps changed; says how many moved.

        Those that are gone leave the cache."""
        kindred = self.registry.kindred(resource)
        clean = {target: item for target, item in self.cache.items.items()
                 if target[:2] == kindred and target not in self.state.changed}
        stored: dict[Any, Resource] = {
            item._id: item for item in await self.reader.load(kindred, [t.identifier for t in clean])}
        moved = 0
        for target, item in clean.items():
            fresh = stored.get(target.identifier)
            if fresh is None:
                self.cache.items.pop(target, None)
            else:
                self.cache.keep(target, fresh)
            moved += fresh is None or fresh._etag != item._etag
        return moved
