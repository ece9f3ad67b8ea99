"""StateManager: the one mutable cell of a session. It points to a State.

Issuing moves the pointer forward; its ``history`` has the branches and the ways back. The clock, the source of
identifiers and the user are its arguments, so that lessons and tests repeat exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Any
from uuid import UUID, uuid4

from workbench.domain.convert import Refused, shown, to_datetime
from workbench.domain.entity import Command
from workbench.domain.registry import Kindred, Registry
from workbench.domain.resource import Resource, Target, is_deleted
from workbench.errors import (
    DatabaseError,
    Invalid,
    LoopError,
    NotFound,
    Problem,
    StalePlan,
    UnknownName,
    WorkbenchError,
)
from workbench.state.clash import Clash, clash_of
from workbench.state.draft import Draft
from workbench.state.history.branch import Branch
from workbench.state.history.comparison import Comparison, compare
from workbench.state.history.history import History
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
from workbench.state.replay import Issued, Rebased, replay
from workbench.state.revert import reverted
from workbench.state.saved.document import Made
from workbench.state.saved.states import SavedStates
from workbench.state.state import Cache, State
from workbench.state.step import Step
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
        self.history, self.cache = History(self.new_etag), Cache()
        self._means = Means(registry, self.cache, reader, identifiers, self.new_etag)
        self.refusals: list[RefusedCommand] = []
        self._clock, self._identifiers = clock, identifiers
        self._part: State | None = None     # of the last partial plan
        self.saved = SavedStates(lambda: Made(self._identifiers(), self.clock(), self.user))
        self.lock = Turns()     # held by whatever moves the pointer after waiting: issue, commit

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
        user = self.user        # who issues it, not who is at work when its turn comes
        turn = self.lock.begin("issue") or await self.lock.wait()
        try:
            unit = self.unit(self.state, user, again=made)
            try:
                state, step = await unit.run(command, on, cell=cell, if_match=if_match)
            except DatabaseError:
                raise       # it says nothing about the command
            except Exception as error:
                self.refuse(command, on, unit, cell, error)
                raise
            self.history.move(state)
            return step
        finally:
            self.lock.end(turn)

    def refuse(self, command: Command, on: Any, unit: Unit, cell: int | None, error: Exception) -> None:
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
        self.refusals.append(RefusedCommand(command, on, address, unit.now, unit.user, cell, self.history.here.name,
                                            self.state.number, type(error), str(error)))

    def hold(self, verb: str) -> Turn:
        """Has the pointer to itself, one after the other; raises LoopError within a handler of this manager."""
        return Turn(self.lock, verb)

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
        """All branches by name, each with the commits of the others taken in."""
        return self.history.branches

    def travel(self, verb: str) -> History:
        """The history, to move in it; raises LoopError while a command or a commit is at work."""
        self._check_idle(verb)
        return self.history

    def undo(self, n: int = 1) -> list[Step]:
        """Takes the last ``n`` steps back; returns them, the last first. Raises NothingTo and LoopError."""
        return self.travel("undo").undo(_count("undo", n))

    def redo(self, n: int = 1) -> list[Step]:
        """Takes the next ``n`` undone steps up again; returns them in their order. Raises as ``undo`` does."""
        return self.travel("redo").redo(_count("redo", n))

    def _check_idle(self, verb: str) -> None:
        if self.lock.locked():      # whoever holds it moves the pointer from the State that it found
            raise LoopError(f"a command or a commit is at work; await it, then {verb}")

    def compare(self, left: Branch | str, right: Branch | str | None = None) -> Comparison:
        """Where two branches or checkpoints differ; with one name, where it differs from where we are."""
        one, other = (self.here, left) if right is None else (left, right)
        sides = [self.history.found(side) for side in (one, other)]
        return compare(sides[0].state, sides[1].state, self.registry, self.cache, names=(sides[0].name, sides[1].name))

    def merge(self, branch: Branch | str, ways: Mapping[Target, Way]) -> Plan:
        """Takes over what another branch changed, as one step that can be undone. To be called by who holds the
        manager; raises as ``merged`` does, and all is as before then."""
        there = self.history.named(branch)
        draft = Draft(self.state, self.clock(), self.user, self.new_etag)
        self.history.move(merged(self.state, there.state, there.name, ways, draft, self.registry, self.cache))
        return self.plan()

    # -------------------------------------------------------------------------------------------- plan

    def plan(self) -> Plan:
        """What a commit would do now."""
        return plan_of(self.state, self.registry, self.tables, partial(self.saved.made, self.state))

    def applied(self, plan: Plan, nonce: str) -> None:
        """Takes a saved plan as written: where it is the pending one, it is settled; else pending work stays, and all
        other items of the plan are cached as they were written."""
        own = self.saved.nonce(self.state) == nonce
        for change in plan.changes:
            if own or change.target not in self.state.changed:
                self.take(change.target, change.after)
        if own:
            self.history.settle(self.state, self.state.committed())

    def settle(self, plan: Plan) -> None:
        """Takes a plan as committed: its items are clean now, as they were written. Raises StalePlan.

        The plan may be of a State in which only some of the pending steps happened, as ``part`` made it: the others
        are pending still."""
        if plan.state is not self.state and plan.state is not self._part:
            raise StalePlan(["the pending steps are others"])
        items: dict[Target, Any] = self.cache.items
        for block in plan.blocks:
            self.cache.replaced(block.targets)
            if block.kind != "delete":
                items.update(zip(block.targets, block.afters, strict=True))
                continue
            for target in block.targets:
                items.pop(target, None)
        behind = plan.state.committed()
        if plan.state is not self.state:
            rest = [step for step in self.state.pending() if step not in plan.state.pending()]
            written = {target: item._etag for block in plan.blocks if block.kind != "delete"
                       for target, item in zip(block.targets, block.afters, strict=True) if item is not None}
            behind = without(self.state, behind, rest, written)
        self.history.settle(plan.state, behind)
        self._part = None

    def part(self, wanted: Iterable[Any]) -> Plan:
        """The plan of those pending steps alone that some items stand on. Raises NotClosed."""
        steps, _ = part_of(self.state, [self.registry.target(item) for item in wanted])
        self._part = without(self.state, self.history.state_before(), steps)
        return plan_of(self._part, self.registry, self.tables)

    # -------------------------------------------------------------------------------------------- conflicts

    def known(self) -> dict[Target, Resource | None]:
        """All items that stored ones can be compared with: cached, as they were fetched; None for those new here."""
        return {**self.cache.items, **{target: entry.origin for target, entry in self.state.changed.items()}}

    def clash(self, target: Target, theirs: Resource | None) -> Clash:
        """How an item that is stored as ``theirs`` now stands to what is pending of it."""
        entry = self.state.changed.get(target)
        if entry is None:
            return clash_of(target, "read", None, None, theirs)
        change = change_of(target, entry, self.registry)
        did = "read" if change is None else change.kind
        return clash_of(target, did, entry.origin, entry.current, theirs)

    def take(self, target: Target, theirs: Resource | None) -> None:
        """Caches an item as it is stored now; a soft-deleted one is gone."""
        self.cache.replaced([target])
        if theirs is None or is_deleted(theirs):
            self.cache.items.pop(target, None)
        else:
            self.cache.keep(target, theirs)

    def resolve(self, ways: Sequence[tuple[Clash, Way, Resource | None]]) -> Plan:
        """Moves to the State in which clashes are resolved, each in its way, on what is stored of its item now; one
        step, which can be undone. To be called by who holds the manager.

        Raises Invalid and Conflict; all is as before then."""
        draft = Draft(self.state, self.clock(), self.user, self.new_etag)
        self.history.move(resolved(self.state, draft, ways, self.registry))
        return self.plan()

    def revert(self, number: int, plan: Plan, stored: Mapping[Target, Resource | None]) -> Plan:
        """Moves to the State in which a committed plan is undone by its inverse; one step, which can be undone.

        ``stored`` has its items as they are stored now; the pointer is held by the caller.

        Raises Conflict, Invalid, NothingTo; all is as before then."""
        draft = Draft(self.state, self.clock(), self.user, self.new_etag)
        state = reverted(self.state, draft, number, plan.changes, stored, self.registry)
        for target, item in stored.items():
            if target not in self.state.changed:
                self.take(target, item)
        self.history.move(state)
        return self.plan()

    async def rebase(self) -> Rebased:
        """Issues the pending commands again on what is cached now, and moves to the State they lead to. To be called by
        who holds the manager."""
        before, base = self.plan(), self.history.state_before()
        state, refused = await replay(
            self.state.pending(), base, lambda state, step: self.unit(state, step.user, again=step.made))
        self.history.move(state)
        return Rebased(self.plan(), before, tuple(refused))

    async def again(self, steps: Iterable[Issued], verb: str) -> Rebased:
        """Issues the commands of some steps here, on top of what is pending, and moves to the State they lead to. To be
        called by who holds the manager; ``verb`` says in the outcome what was done."""
        before = self.plan()
        state, refused = await replay(
            steps, self.state, lambda state, step: self.unit(state, step.user, again=step.made))
        if state is not self.state:
            self.history.move(state)
        return Rebased(self.plan(), before, tuple(refused), verb)

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
            if self.cache.items.get(target) is not item:
                continue        # a commit or another read was faster, and has a later one
            fresh = stored.get(target.identifier)
            self.take(target, fresh)
            moved += fresh is None or fresh._etag != item._etag
        return moved
