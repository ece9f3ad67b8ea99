"""StateManager: the one mutable cell of a session. It points to a State.

Issuing moves the pointer forward; its ``history`` has the branches and the ways back. The clock, the source of
identifiers and the user are its arguments, so that lessons and tests repeat exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Any
from uuid import UUID, uuid4

from workbench.domain.convert import Refused, to_datetime
from workbench.domain.entity import Command
from workbench.domain.registry import Kindred, Registry
from workbench.domain.resource import Resource, Target
from workbench.errors import DatabaseError, Invalid, Problem
from workbench.state.cache import Cache, ReadStored
from workbench.state.history.branch import Branch
from workbench.state.history.comparison import Comparison, compare
from workbench.state.history.history import History
from workbench.state.items import items_of, misfits_of
from workbench.state.planning.plan import Plan, plan_of
from workbench.state.planning.table import Table
from workbench.state.process import Unit
from workbench.state.progress import Progress
from workbench.state.reader import NEVER, Reader
from workbench.state.refused import RefusedCommand, refusal_of
from workbench.state.saved.document import Made
from workbench.state.saved.states import SavedStates
from workbench.state.state import State
from workbench.state.step import Step
from workbench.state.turn import Turns
from workbench.state.uncollected import uncollected
from workbench.state.view import Means


def now() -> datetime:
    """The present moment, aware, UTC."""
    return datetime.now(UTC)


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
        self.saved = SavedStates(lambda: Made(self._identifiers(), self.clock(), self.user))

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
                self.refusals.append(
                    refusal_of(command, on, unit, error, cell=cell, branch=branch.name, state=branch.state))
                raise
            self.history.move(state, branch)
            return step
        finally:
            self.lock.end(turn)

    def unit(
        self, state: State, user: str | None, *, reading: bool = False, again: Sequence[Target] = (),
    ) -> Unit:
        """A unit on a State. ``again``: targets to make up once more, in order; ``reading`` leaves the clock alone."""
        now = NEVER if reading else self.clock()        # looking does not make a lesson's clock tick
        return Unit(state, self._means, now, user, again)

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

    def compare(self, left: Branch | str, right: Branch | str | None = None) -> Comparison:
        """Where two branches or checkpoints differ; with one name, where it differs from where we are."""
        one, other = (self.here, left) if right is None else (left, right)
        sides = [self.history.found(side) for side in (one, other)]
        return compare(sides[0].state, sides[1].state, self.registry, self.cache, names=(sides[0].name, sides[1].name))

    # -------------------------------------------------------------------------------------------- plan

    def plan(self, branch: Branch | None = None) -> Plan:
        """What a commit would do now, here or on another branch."""
        state = (branch or self.here).state
        return plan_of(state, self.registry, self.tables, partial(self.saved.made, state))

    # -------------------------------------------------------------------------------------------- what is stored

    def known(self) -> dict[Target, Resource | None]:
        """All items that stored ones can be compared with: cached, as they were fetched; None for those new here."""
        return {**self.cache.items, **{target: entry.origin for target, entry in self.state.changed.items()}}

    async def refresh(self, resource: Any) -> int:
        """Fetches the cached items of a resource anew, except those that pending steps changed; says how many moved.

        Those that are gone leave the cache."""
        kindred = self.registry.kindred(resource)
        return await self.cache.refresh(self.reader, kindred, self.state.changed)

    async def refresh_gone(self, resource: Any, read: ReadStored) -> int:
        """Reads those rows of a resource that were deleted softly; says how many moved, be they there again or gone
        altogether. ``read`` gives rows as they are stored, deleted ones too."""
        kindred = self.registry.kindred(resource)
        return await self.cache.refresh_gone(read, kindred, self.state.changed)
