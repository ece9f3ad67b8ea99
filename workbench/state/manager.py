"""StateManager: the one mutable cell of a session. It points to a State.

Issuing moves the pointer forward; its ``history`` has the branches and the ways back. The clock, the source of
identifiers and the user are its arguments, so that lessons and tests repeat exactly.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Any
from uuid import UUID, uuid4

from workbench.domain.convert import Refused, shown, to_datetime
from workbench.domain.entity import Command
from workbench.domain.registry import Kindred, Registry
from workbench.domain.resource import Resource, Target
from workbench.errors import (
    DatabaseError,
    Invalid,
    NotFound,
    Problem,
    StalePlan,
    UnknownName,
    WorkbenchError,
)
from workbench.state.cache import Cache
from workbench.state.clash import Clash, clash_of
from workbench.state.draft import Draft
from workbench.state.history.branch import Branch
from workbench.state.history.comparison import Comparison, compare
from workbench.state.history.history import History, root_of
from workbench.state.history.merge import merged
from workbench.state.items import items_of, misfits_of
from workbench.state.merge import Way, resolved
from workbench.state.planning.differ import change_of
from workbench.state.planning.part import part_of, without
from workbench.state.planning.plan import Plan, plan_of
from workbench.state.planning.table import Table
from workbench.state.process import Unit
from workbench.state.progress import Progress
from workbench.state.reader import Reader
from workbench.state.refused import RefusedCommand
from workbench.state.replay import Issued, Rebased, Refusal, replay
from workbench.state.revert import reverted
from workbench.state.saved.document import Made
from workbench.state.saved.states import SavedStates
from workbench.state.state import State
from workbench.state.step import Handling, Step
from workbench.state.turn import Turn, Turns
from workbench.state.uncollected import uncollected
from workbench.state.view import Means

_NEVER = datetime.min.replace(tzinfo=UTC)


def now() -> datetime:
    """The present moment, aware, UTC."""
    return datetime.now(UTC)


def _count(verb: str, n: Any) -> int:
    """A number of steps; raises Invalid for what is none."""
    if isinstance(n, int) and not isinstance(n, bool):
        return n
    raise Invalid(verb, [Problem("n", n, f"{shown(n)} is no number of steps; as in {verb}(2), or goto(step)")])


def _versions() -> Callable[[], str]:
    """A source of etags: 128 random bits in hexadecimal, as a UUID has them, from a generator of its own: the one that
    all of Python shares is seeded by notebooks, and two sessions would then make the same."""
    bits = Random().getrandbits
    return lambda: "%032x" % bits(128)  # noqa: UP031  # twice as fast as the others


class StateManager:
    """The local database of one session: a pointer to a State in its history, the shared cache, and what was refused.

    ``user`` may be changed between commands. ``tables`` order the plan; without them there are no foreign keys."""

    def __init__(
        self, registry: Registry, reader: Reader, *, tables: Mapping[Kindred, Table] | None = None,
        clock: Callable[[], datetime] = now, identifiers: Callable[[], UUID] = uuid4, user: str | None = None,
    ) -> None:
        self.registry, self.tables, self.user = registry, tables or {}, user
        self.new_etag = _versions() if identifiers is uuid4 else lambda: identifiers().hex
        self.lock = Turns()     # held by whatever moves the pointer after waiting: issue, commit
        self.history, self.cache = History(self.new_etag, self.lock), Cache()
        self._means = Means(registry, self.cache, reader, identifiers, self.new_etag)
        self.refusals: list[RefusedCommand] = []
        self._clock, self._identifiers = clock, identifiers
        self._part: State | None = None     # of the last partial plan
        self.saved = SavedStates(lambda: Made(self._identifiers(), self.clock(), self.user))
        self._held: Branch | None = None    # the branch that was here when it was held

    @property
    def reader(self) -> Reader:
        """The way to stored rows, the same for all units."""
        return self._means.reader

    async def issue(
        self, command: Command, *, on: Any = None, cell: int | None = None, if_match: str | None = None,
        made: Sequence[Target] = (),
    ) -> Step:
        """Runs a command on the present State and moves to the one after it; nothing is written.

        ``made`` are the targets to be made up for it, in order, where they must be the same as another time.
        Commands issued at the same time run one after the other. When anything raises, the State is as before."""
        __tracebackhide__ = True
        user, branch = self.user, self.history.here     # as it is issued, not when its turn comes
        turn = self.lock.begin("issue") or await self.lock.wait()
        try:
            unit = self.unit(branch.state, user, again=made)
            try:
                state, step = await unit.run(command, on, cell=cell, if_match=if_match)
            except DatabaseError:
                raise       # it says nothing about the command
            except Exception as error:
                self.refuse(command, on, unit, cell, error, branch)
                raise
            self.history.move(state, branch)
            return step
        finally:
            self.lock.end(turn)

    def refuse(
        self, command: Command, on: Any, unit: Unit, cell: int | None, error: Exception, branch: Branch | None = None,
    ) -> None:
        """Remembers a command that was refused; where it found nothing as it named nothing, the error says so."""
        if isinstance(error, NotFound) and on is None and command._target is None and error.target in unit.made[:1]:
            error.meant_new(type(command).__name__)
        address = type(command).__name__
        with suppress(UnknownName):
            known = self.registry.known(type(command))
            address = f"{known.domain}:{known.key}"
        if on is not None and not isinstance(on, str | type):
            with suppress(WorkbenchError):
                on = self.registry.target(on)       # a step would be kept alive, with all its line
        branch = branch or self._moving
        step = branch.state.step
        self.refusals.append(RefusedCommand(
            command, on, address, unit.now, unit.user, cell, branch.name, branch.state.number, type(error), str(error),
            behind=None if step is None else step.handling, seen=unit.seen))

    @asynccontextmanager
    async def hold(self, verb: str) -> AsyncIterator[Branch]:
        """Has the pointer to itself, one after the other; gives the branch that it moves: the one that is here when its
        turn comes, though it be left meanwhile. Raises LoopError within a handler of this manager."""
        __tracebackhide__ = True
        async with Turn(self.lock, verb):
            self._held = self.history.here
            try:
                yield self._held
            finally:
                self._held = None

    @property
    def _moving(self) -> Branch:
        """The branch that whoever holds the manager moves."""
        return self._held or self.history.here

    def unit(
        self, state: State, user: str | None, *, reading: bool = False, again: Sequence[Target] = (),
    ) -> Unit:
        """A unit on a State; ``again`` are targets to be made up, ``reading`` does not look at the clock."""
        now = _NEVER if reading else self.clock()       # looking does not make a lesson's clock tick
        return Unit(state, self._means, now=now, user=user, again=again)

    def clock(self) -> datetime:
        """The present moment by the session's clock, in UTC; raises Invalid for a clock without a time zone."""
        moment = self._clock()
        if type(moment) is datetime and moment.tzinfo is UTC:
            return moment
        try:
            return to_datetime(moment)
        except Refused as refusal:
            raise Invalid("the session's clock", [Problem(None, None, str(refusal))]) from None

    # -------------------------------------------------------------------------------------------- reading

    async def fetch(self, *targets: Any, progress: Progress | None = None) -> list[Resource]:
        """The present items of some targets, as the next command would see them. Raises NotFound.

        ``progress(done, total)`` is called as they come, for each resource anew."""
        unit = self.unit(self.state, self.user, reading=True)
        with uncollected(len(targets)):
            return await unit.fetch_all(self.registry.targets(targets), progress)

    async def find(self, resource: Any, **equals: Any) -> list[Resource]:
        """The items of a resource whose fields equal these values, pending ones included, by ``_created``."""
        kindred = self.registry.kindred(resource)
        unit = self.unit(self.state, self.user, reading=True)
        return await unit.find(kindred[0], f"{kindred[0]}:{kindred[1]}", equals)

    def items(self, resource: Any) -> list[tuple[str, Target, Resource]]:
        """The cached items of a resource: ("clean" | "new" | "changed" | "deleted", target, item), in stable order.

        A deleted item is shown as it was; those that ``misfits`` lists are left out. Asks nothing of the database."""
        kindred = self.registry.kindred(resource)
        return items_of(self.state, self.cache, kindred, self.registry.resource(kindred))

    def misfits(self, resource: Any = None) -> list[str]:
        """The cached items, of one resource or of all, that no longer fit it as it is defined now, a sentence each."""
        asked = self.registry.resources if resource is None else [self.registry.kindred(resource)]
        return misfits_of(self.state, self.cache, self.registry, asked)

    # -------------------------------------------------------------------------------------------- time

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self.history.here.state

    @property
    def here(self) -> Branch:
        """The branch that is worked on."""
        return self.history.here

    @property
    def branches(self) -> dict[str, Branch]:
        """All branches by name."""
        return self.history.branches

    def travel(self, verb: str) -> History:
        """The history, to move in it; raises LoopError while a command or a commit is at work."""
        self.history.check_idle(verb)
        return self.history

    def undo(self, n: int = 1) -> list[Step]:
        """Takes the last ``n`` steps back; returns them, the last first. Raises NothingTo and LoopError."""
        return self.travel("undo").undo(_count("undo", n))

    def redo(self, n: int = 1) -> list[Step]:
        """Takes the next ``n`` undone steps up again; returns them in their order. Raises as ``undo`` does."""
        return self.travel("redo").redo(_count("redo", n))

    def compare(self, left: Branch | str, right: Branch | str | None = None) -> Comparison:
        """Where two branches or checkpoints differ; with one name, where it differs from where we are."""
        one, other = (self.here, left) if right is None else (left, right)
        sides = [self.history.found(side) for side in (one, other)]
        return compare(sides[0].state, sides[1].state, self.registry, self.cache, names=(sides[0].name, sides[1].name))

    def merge(self, branch: Branch | str, ways: Mapping[Any, Way]) -> Plan:
        """Takes over what another branch changed, as one step that can be undone. To be called by who holds the
        manager; raises as ``merged`` does, and all is as before then."""
        if not isinstance(ways, Mapping):
            raise Invalid("merge", [Problem("ways", ways, (
                f'{shown(ways)} is no mapping; give a way for each item, as in {{account: "mine"}}'))])
        here, there = self._moving, self.history.named(branch)
        decided = {self.registry.target(item): way for item, way in ways.items()}
        draft = Draft(here.state, self.clock(), self.user, self.new_etag)
        self.history.move(
            merged(here.state, there.state, there.name, decided, draft, self.registry, self.cache), here)
        return self._plan(here.state)

    # -------------------------------------------------------------------------------------------- plan

    def plan(self) -> Plan:
        """What a commit would do now."""
        return self._plan(self.state)

    def _plan(self, state: State) -> Plan:
        return plan_of(state, self.registry, self.tables, partial(self.saved.made, state))

    def applied(self, plan: Plan, nonce: str) -> None:
        """Takes a saved plan as written: where it is the pending one, it is settled; else pending work stays, and all
        other items of the plan are cached as they were written."""
        branch = self._moving
        own = self.saved.nonce(branch.state) == nonce
        for change in plan.changes:
            if own or change.target not in branch.state.changed:
                self.cache.take(change.target, change.after)
        if own:
            self.history.settle(branch.state.pending(), branch)

    def settle(self, plan: Plan) -> None:
        """Takes a plan as committed: its items are clean now, as they were written. Raises StalePlan.

        The plan may be of a State in which only some of the pending steps happened, as ``part`` made it: the others
        are pending still."""
        branch = self._moving
        if plan.state is not branch.state and plan.state is not self._part:
            raise StalePlan(["the pending steps are others"])
        for block in plan.blocks:
            self.cache.written(block.targets, block.afters, deleted=block.kind == "delete")
        self.history.settle(plan.steps, branch)
        self._part = None

    def part(self, wanted: Iterable[Any]) -> Plan:
        """The plan of those pending steps alone that some items stand on. Raises NotClosed."""
        state = self._moving.state
        steps, _ = part_of(state, [self.registry.target(item) for item in wanted])
        self._part = without(state, root_of(state), steps)
        return plan_of(self._part, self.registry, self.tables)

    # -------------------------------------------------------------------------------------------- conflicts

    def known(self) -> dict[Target, Resource | None]:
        """All items that stored ones can be compared with: cached, as they were fetched; None for those new here."""
        return {**self.cache.items, **{target: entry.origin for target, entry in self.state.changed.items()}}

    def clash(self, target: Target, theirs: Resource | None) -> Clash:
        """How an item that is stored as ``theirs`` now stands to what is pending of it. To be called by who holds the
        manager."""
        entry = self._moving.state.changed.get(target)
        if entry is None:
            return clash_of(target, "read", None, None, theirs)
        change = change_of(target, entry, self.registry)
        did = "read" if change is None else change.kind
        return clash_of(target, did, entry.origin, entry.current, theirs)

    def resolve(self, ways: Sequence[tuple[Clash, Way, Resource | None]]) -> Plan:
        """Moves to the State in which clashes are resolved, each in its way, on what is stored of its item now; one
        step, which can be undone. To be called by who holds the manager.

        Raises Invalid and Conflict; all is as before then."""
        branch = self._moving
        draft = Draft(branch.state, self.clock(), self.user, self.new_etag)
        self.history.move(resolved(branch.state, draft, ways, self.registry), branch)
        return self._plan(branch.state)

    def revert(self, number: int, plan: Plan, stored: Mapping[Target, Resource | None]) -> Plan:
        """Moves to the State in which a committed plan is undone by its inverse; one step, which can be undone.

        ``stored`` has its items as they are stored now; the pointer is held by the caller.

        Raises Conflict, Invalid, NothingTo; all is as before then."""
        branch = self._moving
        draft = Draft(branch.state, self.clock(), self.user, self.new_etag)
        state = reverted(branch.state, draft, number, plan.changes, stored, self.registry)
        for target, item in stored.items():
            if target not in branch.state.changed:
                self.cache.take(target, item)
        self.history.move(state, branch)
        return self._plan(state)

    async def rebase(self) -> Rebased:
        """Issues the pending commands again on what is cached now, and moves to the State they lead to. To be called by
        who holds the manager. Those that another branch has committed are not done twice, and told as refused."""
        branch = self._moving
        before, pending = self._plan(branch.state), branch.state.pending()
        done = [Refusal(step, WorkbenchError("another branch has committed it already"))
                for step in pending if self.history.is_committed(step)]
        left = [step for step in pending if not self.history.is_committed(step)]
        state, refused = await replay(left, root_of(branch.state), self._unit_again, done=set())
        self.history.move(state, branch)
        return Rebased(self._plan(state), before, (*done, *refused))

    async def pick(self, branch: Branch | str, steps: Iterable[Step | int] | None = None) -> Rebased:
        """Issues steps of another branch here, without ``steps`` all of its own that are not here already. To be called
        by who holds the manager; raises UnknownName, NothingTo and Invalid."""
        chosen = self.history.named(branch).chosen(steps)
        done = {deed for step in self._moving.state.steps() for deed in step.deeds}
        if steps is None:
            chosen = [step for step in chosen if not step.deeds <= done]
        return await self.again(chosen, "picked", done=done)

    async def again(
        self, steps: Iterable[Issued], verb: str, *, on: Branch | None = None, done: set[Handling] | None = None,
    ) -> Rebased:
        """Issues the commands of some steps here, or on another branch, on top of what is pending, and moves to the
        State they lead to. To be called by who holds the manager; ``verb`` says in the outcome what was done, for
        ``done`` see ``replay``."""
        branch = on or self._moving
        before = self._plan(branch.state)
        state, refused = await replay(steps, branch.state, self._unit_again, done=done)
        if state is not branch.state:
            self.history.move(state, branch)
        return Rebased(self._plan(state), before, tuple(refused), verb)

    def _unit_again(self, state: State, step: Issued) -> Unit:
        """A unit for a command that was issued before: what was made up for it is not made up anew."""
        unit = self.unit(state, step.user, again=[target for target in step.made if target != step.on])
        if step.on is not None and step.on in step.made:
            unit.made.append(step.on)
        return unit

    async def refresh(self, resource: Any) -> int:
        """Fetches the cached items of a resource anew, except those that pending steps changed; says how many moved.

        Those that are gone leave the cache."""
        kindred = self.registry.kindred(resource)
        return await self.cache.refresh(self.reader, kindred, self.state.changed)
