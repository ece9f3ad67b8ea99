"""Held: a State Manager while one verb has it to itself, as a commit, a rebase or a merge does.

``hold`` waits for its turn and gives a ``Held``. That moves the branch which is here when the turn begins, also where
that branch is left, or another one entered, before the turn ends.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from workbench.domain.convert import shown
from workbench.domain.registry import Kindred
from workbench.domain.resource import Resource, Target
from workbench.errors import Invalid, Problem, StalePlan, WorkbenchError
from workbench.state.clash import Clash, clash_of
from workbench.state.draft import Draft
from workbench.state.history.branch import Branch
from workbench.state.history.merge import merged
from workbench.state.manager import StateManager
from workbench.state.planning.differ import change_of
from workbench.state.planning.part import part_of, without
from workbench.state.planning.plan import Plan, plan_of
from workbench.state.process import Unit
from workbench.state.redefined import adopt, pending_of
from workbench.state.replay import Issued, Rebased, Refusal, replay
from workbench.state.resolution import Way, resolved
from workbench.state.revert import Revertible, reverted
from workbench.state.state import State
from workbench.state.step import Handling, Step
from workbench.state.turn import Turn

Stored: TypeAlias = Mapping[Target, Resource | None]


@asynccontextmanager
async def hold(manager: StateManager, verb: str) -> AsyncIterator[Held]:
    """Context in which a verb has a manager to itself, one verb after the other. Raises LoopError within a handler of
    that manager."""
    __tracebackhide__ = True
    async with Turn(manager.lock, verb):
        yield Held(manager, manager.here)


class Held:
    """A ``manager`` that nobody else moves, and the ``branch`` that this one moves. Where a method raises, all is as it
    was before."""

    def __init__(self, manager: StateManager, branch: Branch) -> None:
        self.manager, self.branch = manager, branch
        self._part: State | None = None     # of the last partial plan

    @property
    def state(self) -> State:
        """Where the branch stands."""
        return self.branch.state

    def on(self, branch: Branch | str) -> Held:
        """The manager as held for another branch. Raises UnknownName."""
        return Held(self.manager, self.manager.history.named(branch))

    def _moved(self, state: State) -> Plan:
        """Moves the branch to a State; the plan there."""
        self.manager.history.move(state, self.branch)
        return self.plan()

    def _draft(self) -> Draft:
        manager = self.manager
        return Draft(self.state, manager.clock(), manager.user, manager.new_etag)

    # -------------------------------------------------------------------------------------------- plan and commit

    def plan(self) -> Plan:
        """What a commit of the branch would do now."""
        return self.manager.plan(self.branch)

    def part(self, wanted: Iterable[Any]) -> Plan:
        """The plan of those pending steps alone that some items stand on. Raises NotClosed."""
        manager = self.manager
        steps, _ = part_of(self.state, [manager.registry.target(item) for item in wanted])
        self._part = without(self.state, self.state.before_pending(), steps)
        return plan_of(self._part, manager.registry, manager.tables)

    def settle(self, plan: Plan, items: Mapping[Target, Resource | None] | None = None) -> None:
        """Takes a plan as committed: its items are clean now, as they were written. Raises StalePlan.

        The plan may be of a State in which only some of the pending steps happened, as ``part`` made it: the others
        are pending still. ``items`` are those that it adds and changes, where they have been put together already."""
        if plan.state is not self.state and plan.state is not self._part:
            raise StalePlan(["the pending steps are others"])
        cache = self.manager.cache
        if items is not None:
            cache.written(items, items)
        for block in plan.blocks:
            if block.kind == "delete":
                cache.deleted(block.targets, block.afters)
            elif items is None:
                cache.written(block.targets, zip(block.targets, block.afters, strict=True))
        self.manager.history.settle(plan.steps, self.branch)
        self._part = None

    def applied(self, plan: Plan, nonce: str) -> None:
        """Takes a saved plan as written: where it is the pending one, it is settled; else pending work stays, and all
        other items of the plan are cached as they were written."""
        own = self.manager.saved.nonce(self.state) == nonce
        for change in plan.changes:
            if own or change.target not in self.state.changed:
                self.manager.cache.take(change.target, change.after)
        if own:
            self.manager.history.settle(self.state.pending(), self.branch)

    async def adopt(self, kindred: Kindred, read: Callable[[Iterable[Target]], Awaitable[Stored]]) -> None:
        """Takes what is pending of a resource, on all branches, over to its rows as ``read`` gives them: its table was
        altered. Raises what ``read`` does."""
        pending = pending_of(self.manager.history, kindred)
        adopt(pending, self.manager.registry.resource(kindred), await read(pending))
        self.manager.history.moved()

    # -------------------------------------------------------------------------------------------- decisions

    def clash(self, target: Target, theirs: Resource | None) -> Clash:
        """How an item that is stored as ``theirs`` now stands to what is pending of it."""
        entry = self.state.changed.get(target)
        if entry is None:
            return clash_of(target, "read", None, None, theirs)
        change = change_of(target, entry, self.manager.registry)
        did = "read" if change is None else change.kind
        return clash_of(target, did, entry.origin, entry.current, theirs)

    def resolve(self, ways: Sequence[tuple[Clash, Way, Resource | None]]) -> Plan:
        """Moves to the State in which clashes are resolved, each in its way, on what is stored of its item now; one
        step, which can be undone. Raises Invalid and Conflict."""
        return self._moved(resolved(self.state, self._draft(), ways, self.manager.registry))

    def revert(self, done: Revertible, stored: Stored) -> Plan:
        """Moves to the State in which a commit is undone by its inverse; one step, which can be undone.

        ``stored`` has its items as they are stored now. Raises Conflict, Invalid, NothingTo."""
        state = reverted(self.state, self._draft(), done, stored, self.manager.registry)
        for target, item in stored.items():
            if target not in self.state.changed:
                self.manager.cache.take(target, item)
        return self._moved(state)

    def merge(self, branch: Branch | str, ways: Mapping[Any, Way]) -> Plan:
        """Takes over what another branch changed, as one step that can be undone. Raises as ``merged`` does, and
        UnknownName."""
        if not isinstance(ways, Mapping):
            raise Invalid("merge", [Problem("ways", ways, (
                f'{shown(ways)} is no mapping; give a way for each item, as in {{account: "mine"}}'))])
        manager, there = self.manager, self.manager.history.named(branch)
        decided = {manager.registry.target(item): way for item, way in ways.items()}
        return self._moved(merged(
            self.state, there.state, there.name, decided, self._draft(), manager.registry, manager.cache))

    # -------------------------------------------------------------------------------------------- issuing again

    async def rebase(self) -> Rebased:
        """Issues the pending commands again on what is cached now, and moves to the State they lead to. Those that
        another branch has committed are not done twice, and told as refused."""
        history, before, pending = self.manager.history, self.plan(), self.state.pending()
        done = [Refusal(step, WorkbenchError("another branch has committed it already"))
                for step in pending if history.is_committed(step)]
        left = [step for step in pending if not history.is_committed(step)]
        state, refused = await replay(left, self.state.before_pending(), self._unit_again, done=set())
        return Rebased(self._moved(state), before, (*done, *refused))

    async def pick(self, branch: Branch | str, steps: Iterable[Step | int] | None = None) -> Rebased:
        """Issues steps of another branch here, without ``steps`` all of its own that are not here already. Raises
        UnknownName, NothingTo and Invalid."""
        chosen = self.manager.history.named(branch).chosen(steps)
        done = {deed for step in self.state.steps() for deed in step.deeds}
        if steps is None:
            chosen = [step for step in chosen if not step.deeds <= done]
        return await self.again(chosen, "picked", done=done)

    async def again(self, steps: Iterable[Issued], verb: str, *, done: set[Handling] | None = None) -> Rebased:
        """Issues the commands of some steps on top of what is pending, and moves to the State they lead to.

        ``verb`` says in the outcome what was done, for ``done`` see ``replay``."""
        before = self.plan()
        state, refused = await replay(steps, self.state, self._unit_again, done=done)
        plan = self.plan() if state is self.state else self._moved(state)
        return Rebased(plan, before, tuple(refused), verb)

    def _unit_again(self, state: State, step: Issued) -> Unit:
        """A unit for a command that was issued before: what was made up for it is not made up anew."""
        unit = self.manager.unit(state, step.user, again=[target for target in step.made if target != step.on])
        if step.on is not None and step.on in step.made:
            unit.made.append(step.on)
        return unit
