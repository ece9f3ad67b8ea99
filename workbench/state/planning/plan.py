"""Plan: the difference between the items as they were fetched and as they are now, in the order in which it is written.

A plan is a value; it executes nothing. The Postgres room commits it, the notebook shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from operator import eq, is_
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from workbench.domain.datadef import values_of
from workbench.domain.mutation import Delete
from workbench.domain.place import place_of
from workbench.domain.registry import Kindred, Registry
from workbench.domain.resource import Resource, Target, is_deleted
from workbench.errors import UnknownName
from workbench.state.decision import ResolveConflict
from workbench.state.planning.block import Block, Rank
from workbench.state.planning.change import Change
from workbench.state.planning.differ import Differ, Pair
from workbench.state.planning.order import Order, ordered
from workbench.state.planning.table import Table
from workbench.state.planning.telling import is_address_of, summary_of, told_item, told_mutation, told_step
from workbench.state.planning.warnings import warnings_of
from workbench.state.saved.document import Made, document_of
from workbench.state.saved.plan import SavedPlan
from workbench.state.state import Changed, Entry, State
from workbench.state.step import NOT_THERE, Step
from workbench.state.uncollected import uncollected
from workbench.wording import LIMIT, listed, visible

MANY = 100      # reads that are worth a look at all of them together


class Plan:
    """What a commit would do, one ``Change`` an item.

    ``ranks`` groups the changes by what must be written before what, and has parts for those that are done in two;
    ``changes`` are all of them in that order. ``idle`` are items that were touched but whose values are as they were.
    ``reads`` are the items that the steps read and do not change, with the etag of each, NOT_THERE where there was
    none; and those that they change, where a step read an earlier version. ``state`` is what the plan was made from."""

    def __init__(
        self, state: State, order: Order, idle: tuple[Target, ...], reads: Mapping[Target, str | None],
        steps: tuple[Step, ...], tables: Mapping[Kindred, Table], made: Callable[[], Made] | None = None,
    ) -> None:
        self.state, self.order, self.idle, self.reads, self.steps = state, order, idle, reads, steps
        self.tables = tables
        self._made = made or _made_now

    @property
    def ranks(self) -> Sequence[Rank]:
        return self.order.ranks

    @property
    def blocks(self) -> Sequence[Block]:
        """The changes in columns, each as a whole, without parts."""
        return self.order.changes.blocks

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        every = tuple(chain.from_iterable(self.ranks))
        if len(every) == len(self.order.changes):       # no ring had to be opened: there are no parts
            return every
        return tuple([change for change in every if not change.part])

    def __len__(self) -> int:
        return len(self.order.changes)

    @property
    def counts(self) -> dict[str, int]:
        """How many items are to insert, update and delete."""
        counts = {"insert": 0, "update": 0, "delete": 0}
        for block in self.blocks:
            counts[block.kind] += len(block)
        return counts

    @property
    def summary(self) -> str:
        """``3 to add, 1 to change, 0 to delete``."""
        return summary_of(self.counts)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What will be of rows and columns that are no resource's, a sentence each."""
        return tuple(map(visible, warnings_of(self.blocks, self.tables)))

    def save(
        self, path: str | Path, *, overwrite: bool = False, names: Mapping[str, Any] | None = None,
    ) -> SavedPlan:
        """Writes the plan to a file, to be read by others and applied later, once, by any session: see SavedPlan.

        ``names``, JSON values, tell what its items are called, only to be shown. A plan that is saved twice while
        nothing more is issued is the same plan. Raises SavedPlanError where there is a file that holds anything else,
        unless ``overwrite``."""
        return self.saved(names).save(path, overwrite=overwrite)

    def saved(self, names: Mapping[str, Any] | None = None) -> SavedPlan:
        """The plan as ``save`` writes it, without a file."""
        return SavedPlan(document_of(
            self._made(), self.order.changes, self.reads, self.idle, self.steps, self.tables, self.summary,
            self.warnings, names))

    @staticmethod
    def load(path: str | Path) -> SavedPlan:
        """The saved plan in a file, to look at and to apply; the same as ``SavedPlan.load``."""
        return SavedPlan.load(path)

    def __repr__(self) -> str:
        more = len(self) - LIMIT
        return listed(f"plan: {self.summary}", [
            *map(repr, self.changes[:LIMIT]), *([f"… and {more:,} more; .changes has them all"] if more > 0 else []),
            *(f"! {warning}" for warning in self.warnings)])

    def why(self, item: Change | Target | Resource | Step | str) -> str:
        """In words, what led to a change: each mutation with its event, command and step, and what the change must wait
        for; or why there is no change. The item may also be given as text, ``"account/<id>"``, or as a Step on it.

        Raises UnknownName for an item that no pending step touched."""
        for change in self.changes:
            if item is change or self._is(item, change.target):
                return self._told(change)
        touched = dict.fromkeys(mutation.on for step in self.steps for mutation in step.mutations)
        for target in touched:
            if isinstance(target, Target) and self._is(item, target):
                entry = self.state.changed.get(target)
                as_read = target in self.reads if entry is None else not is_deleted(entry.current)
                return f"{visible(str(target))}: nothing to do: " + (
                    "the values were equal" if as_read or not self._was_deleted(target) else
                    "it was added and deleted again")
        raise UnknownName("change of", told_item(item), [str(change.target) for change in self.changes],
                          where="this plan")

    def _is(self, item: Any, target: Target) -> bool:
        """Whether what ``why`` was given (an item, a Target, a text, a Step) means a target."""
        if isinstance(item, str):
            return is_address_of(target, item)
        if not isinstance(item, Resource):
            on = item if isinstance(item, Target) else getattr(item, "target", None)
            return isinstance(on, Target) and on == target      # what else there is may not let itself be compared
        entry = self.state.changed.get(target)      # another resource may have an item of the same identifier
        there = None if entry is None else entry.origin if entry.current is None else entry.current
        return bool(item._id == target.identifier) and (there is None or place_of(type(there)) == place_of(type(item)))

    def _was_deleted(self, target: Target) -> bool:
        return any(isinstance(mutation, Delete) and mutation.on == target
                   for step in self.steps for mutation in step.mutations)

    def _told(self, change: Change) -> str:
        steps: dict[int, Step] = {step.number: step for step in self.steps}
        lines = [repr(change)]
        for cause in change.entry.causes():
            step = steps[cause.step]
            lines.append(told_step(step.number, step.address, step.user, f"{step.at:%Y-%m-%d %H:%M:%S}", step.cell))
            lines += told_mutation(
                type(cause.event).__name__, values_of(cause.event), cause.mutation.verb, cause.mutation.values,
                step.issuers().get(id(cause.event), ""))
        for place, waiting in enumerate(self.order.changes):
            if waiting.target == change.target:
                lines += [f"  {reason.told(self.order.changes)}" for reason in self.order.reasons.get(place, ())]
        return "\n".join(lines)


def _made_now() -> Made:
    return Made(uuid4(), datetime.now(UTC))


def plan_of(
    state: State, registry: Registry, tables: Mapping[Kindred, Table], made: Callable[[], Made] | None = None,
) -> Plan:
    """The plan of all that is pending in a State, ordered by the constraints of the tables.

    ``made`` is called when the plan is saved, and gives its nonce."""
    with uncollected(len(state.changed)):
        pairs = _as_touched(state)
        blocks, idle = _blocks(pairs, registry)
        del pairs       # as a whole: where each went in another order, hardly any of their memory would be given back
        order = ordered(Rank(blocks), tables)
    steps = tuple(state.pending())
    return Plan(state, order, tuple(idle), _reads_of(steps, blocks), steps, tables, made)


def _reads_of(steps: Iterable[Step], blocks: Iterable[Block]) -> dict[Target, str | None]:
    """The items that steps read, with the etag each had; of the items that the blocks change only those that were read
    in another version than the one that is changed."""
    reads: dict[Target, str | None] = {}
    for step in steps:
        if isinstance(step.command, ResolveConflict):       # looked at again, and taken as it was then: there, or gone
            for event in step.events:
                if event._target is not None:
                    reads.pop(event._target, None)
        if not reads:
            reads.update(step.reads)
        else:
            for target, etag in step.reads.items():
                reads.setdefault(target, etag)
    if len(reads) > MANY and _are_changed(reads, blocks):
        return {}
    unmade = not {None, NOT_THERE}.isdisjoint(reads.values())      # else no item that is new here can be among them
    for block in blocks if reads else ():
        if unmade or block.kind != "insert":
            expected = block.etags()
            read = list(map(reads.pop, block.targets, expected))
            if read != expected:        # another version than was changed: the commit must see it
                reads |= {target: etag for target, etag, known, before in zip(
                    block.targets, read, expected, block.befores, strict=True)
                    if etag != known and not (etag == NOT_THERE and is_deleted(before))}
    return reads


def _are_changed(reads: Mapping[Target, str | None], blocks: Iterable[Block]) -> bool:
    """Whether the items that were read are those that blocks change, one by one and in the same versions, as where they
    were read to be changed: to find each of very many takes much longer."""
    changed = [block for block in blocks if block.kind != "insert"]
    if sum(map(len, changed)) != len(reads):
        return False
    targets = chain.from_iterable(block.targets for block in changed)
    return all(map(is_, reads, targets)) and all(map(
        eq, reads.values(), chain.from_iterable(block.etags() for block in changed)))


def _blocks(pairs: Sequence[Pair], registry: Registry) -> tuple[list[Block], list[Target]]:
    """The changes, in the order of the pairs, and the targets whose values are equal."""
    domain, key, found = "", "", dict[Kindred, tuple[list[Pair], list[Pair]]]()
    for pair in pairs:
        target, entry = pair
        if target[1] != key or target[0] != domain:     # else of the resource of the one before, as nearly all are
            domain, key = kindred = target[:2]
            new, old = found.setdefault(kindred, ([], []))
        (new if entry.origin is None else old).append(pair)
    blocks, idle = list[Block](), list[Target]()
    for kindred, (new, old) in found.items():
        changed, equal = Differ(kindred, registry.resource(kindred)).blocks(new, old)
        blocks += changed
        idle += equal
    return blocks, idle


def _as_touched(state: State) -> Sequence[Pair]:
    """What is changed in a State, in the order in which it was first touched.

    Mostly the places are all different and leave few gaps: then each is put at its place, which is faster than to
    sort."""
    if state.as_touched is not None:
        return [(cast(Target, entry.mutation.on), entry) for entry in state.as_touched]
    pairs = entries(state.changed)
    places = [entry.place for _, entry in pairs]
    first = min(places, default=0)
    span = max(places, default=0) - first + 1
    if span <= 2 * len(pairs):
        at: list[Any] = [None] * span
        for place, pair in zip(places, pairs, strict=True):
            at[place - first] = pair
        there = list(filter(None, at))
        if len(there) == len(pairs):
            return there
    return sorted(pairs, key=lambda pair: pair[1].place)


def entries(changed: Changed) -> list[tuple[Target, Entry]]:
    """All items of a map, taken from what rpds gives to pickle: its own iterator, which removes one after the other
    from a copy of the map, takes ten times as long."""
    pairs = cast(tuple[Any, ...], changed.__reduce__())[1][0]
    return pairs if isinstance(pairs, list) else list(changed.items())


def moved_since(plan: Plan, state: State) -> list[str]:
    """What happened to the pending steps since a plan was made, a line each; ``state`` is the State now."""
    then, present = plan.state.steps(), state.steps()
    same = 0
    while same < min(len(then), len(present)) and then[same] is present[same]:
        same += 1
    lines = [f"issued: step {step.number}, {step.address}" for step in present[same:]]
    lines += [f"undone: step {step.number}, {step.address}" for step in then[same:]]
    return lines or ["it was committed"]
