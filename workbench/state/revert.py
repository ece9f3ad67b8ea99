"""Revert: the inverse of a committed plan, as one pending step. Pure; nothing is read or written here.

What was added is deleted, what was deleted is added again as it was, and what was changed gets its old values: only in
the columns that the commit changed; other changes since then stay. Where the same column was changed again, or the item
was deleted, nothing is reverted: that is a Conflict, which people decide.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from workbench.domain.datadef import values_of
from workbench.domain.entity import Event
from workbench.domain.mutation import Delete, Insert, Mutation, Update
from workbench.domain.registry import Registry
from workbench.domain.resource import Resource, Target, is_deleted, refit
from workbench.domain.sameness import same
from workbench.errors import Conflict, NothingTo
from workbench.state.clash import clash_of
from workbench.state.decision import CommitReverted, RevertCommit
from workbench.state.draft import Draft
from workbench.state.planning.change import Change
from workbench.state.state import State
from workbench.state.step import Handling, Occurrence, Step

_PENDING, _ANOTHER = "a pending step", "another"        # who may have changed an item since, besides later commits


class Revertible(NamedTuple):
    """A commit that is to be reverted, its ``number`` from 1: the ``changes`` of its plan; the items that the database
    ``made`` other than these say; and of items that later commits of the session wrote, the number of the last one."""

    number: int
    changes: Sequence[Change]
    made: Mapping[Target, Resource]
    later: Mapping[Target, int]


class _Changed(Exception):
    """The item was changed since the commit; caught by ``reverted``, which collects all of them."""


def reverted(
    state: State, draft: Draft, done: Revertible, stored: Mapping[Target, Resource | None], registry: Registry,
) -> State:
    """The State after the inverse of a commit; ``stored`` has its items as they are in the database now.

    Raises Conflict with all items that were changed since, Invalid where an old value is no longer valid, NothingTo
    where all is as it was before the commit. All or nothing."""
    number, changes = done.number, done.changes
    clashes, occurrences = [], []
    leaned = {change.target for change in changes if change.target in state.changed}
    for change in changes:
        target, cls = change.target, registry.resource(change.target[:2])
        left = change.after if is_deleted(change.after) else done.made.get(target, change.after)
        before, after = (None if is_deleted(item) else refit(item, cls) for item in (change.before, left))
        entry = draft.changed.get(target)
        origin = stored.get(target) if entry is None else entry.origin
        present = origin if entry is None else entry.current
        present = None if is_deleted(present) else refit(present, cls)
        event = CommitReverted(number=number).on(target)
        try:
            mutation = _inverse(target, change, before, after, present)
        except _Changed:
            did = "delete" if before is None else "insert" if after is None else "update"
            them = (_PENDING if entry is not None else
                    f"commit {done.later[target]}" if target in done.later else _ANOTHER)
            clashes.append(clash_of(target, did, after, before, present)._replace(me="the revert", them=them))
            continue
        occurrence = Occurrence(event)
        occurrences.append(occurrence)
        if mutation is None:
            continue
        occurrence.mutations.append(mutation)
        if isinstance(mutation, Insert):
            _again(draft, mutation, target, cls, event, origin, before)
        else:
            draft.carry_out(mutation, present, origin, target, cls, event)
    if clashes:
        later = {done.later[clash.target] for clash in clashes if clash.target in done.later}
        raise Conflict(clashes, ways=_ways(later, {clash.them for clash in clashes}))
    if not any(occurrence.mutations for occurrence in occurrences):
        raise NothingTo("revert", f"there is nothing to revert: what commit {number} changed is as it was before")
    handling = Handling(RevertCommit(number=number), "", "", None)
    handling.results += occurrences
    reads = {target: None if item is None else item._etag for target, item in stored.items()
             if target not in leaned and not is_deleted(item)}
    step = Step(draft.step, handling, f"revert commit {number}", user=draft.user, at=draft.now, cell=None, reads=reads,
                leaned=leaned)
    return state.after(draft.changed, step, draft.applied)


def _ways(later: Collection[int], them: Collection[str]) -> str:
    """What to do where later commits of the session changed the items again, a pending step or another one did."""
    ways, numbers = [], sorted(later, reverse=True)
    if _PENDING in them:
        ways.append("a pending step changed them since: undo it, or commit it and revert that first")
    if len(numbers) == 1:
        ways.append(f"commit {numbers[0]} changed them since: revert({numbers[0]}) first")
    elif numbers:
        ways.append(f"commits {', '.join(map(str, numbers))} changed them since: revert those first, in this order, "
                    "each committed before the next")
    if _ANOTHER in them:
        ways.append("what another has changed, no revert takes back: issue a command for what is to be as it was")
    return "; ".join(ways)


def _inverse(
    target: Target, change: Change, before: Resource | None, after: Resource | None, present: Resource | None,
) -> Mutation | None:
    """The mutation that undoes a change; None where the item is already as it was before. Raises _Changed."""
    if after is None:
        if before is None:
            return None
        if present is None:
            return Insert(target, **values_of(before))
        raise _Changed
    if present is None:
        raise _Changed
    if before is None:
        if not all(same(value, getattr(present, name)) for name, value in values_of(after).items()):
            raise _Changed
        return Delete(target)
    values: dict[str, Any] = {}
    for name in change.own:
        if not name.startswith("_") and name in type(present)._fields:
            was, is_now = getattr(before, name), getattr(present, name)
            if not same(was, is_now):
                if not same(getattr(after, name), is_now):
                    raise _Changed
                values[name] = was
    return Update(target, **values) if values else None


def _again(
    draft: Draft, mutation: Insert, target: Target, cls: type[Resource], event: Event, origin: Resource | None,
    before: Resource | None,
) -> None:
    """Adds an item that was deleted; it keeps when and by whom it was created."""
    if origin is not None and target not in draft.changed:      # a soft delete: its row is there
        made = before.set(**_alive(cls), **draft.stamps(cls, before))    # type: ignore[union-attr]  # it was there
        draft.record(target, origin, made, mutation, event, None)
        return
    draft.insert(mutation, target, cls, event, cached=False)
    entry = draft.changed[target]
    kept = {name: getattr(before, name) for name in ("_created", "_creator") if name in cls._fields}
    assert entry.current is not None
    entry.current = entry.current.set(**kept)


def _alive(cls: type[Resource]) -> dict[str, None]:
    return {"_deleted": None} if "_deleted" in cls._fields else {}
