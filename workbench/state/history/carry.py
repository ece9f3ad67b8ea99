"""Carry: what a commit on one branch means for the States of another one.

The steps that both share are committed now. So they are taken out of what is pending there; its own steps stand on top
of what they came to. No handler runs again: the values are the same, only what they are compared with is another. Where
the committed line went on to change an item that is changed here as well, the versions differ, and the commit of this
branch finds the conflict, as it does with any rival.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from workbench.domain.datadef import same
from workbench.domain.mutation import Delete
from workbench.domain.resource import Resource, Target, is_deleted
from workbench.state.draft import Draft
from workbench.state.history.comparison import public
from workbench.state.planning.part import touched, without
from workbench.state.state import Entry, State
from workbench.state.step import Step


def carried(tip: State, committed: Collection[Step], new_etag: Callable[[], str]) -> Mapping[State, State]:
    """For each State of the pending line that ends in ``tip``, the one it is when some of its steps are committed.

    Empty when none of them is. ``committed`` must be closed, as ``part_of`` makes it; ``new_etag`` makes versions."""
    line: list[State] = []
    walk: State | None = tip
    while walk is not None and not walk.root:
        line.append(walk)
        walk = walk.parent
    line.reverse()
    handled = {step.handling for step in committed}     # a step that was carried before is another object
    shared = [state for state in line if state.step is not None and state.step.handling in handled]
    if walk is None or not shared:
        return {}
    prefix = line[:len(shared)] == shared
    written = shared[-1] if prefix else without(tip, walk, [state.step for state in shared if state.step is not None])
    base = written.committed()
    stored = {target: _stored(entry) for target, entry in written.changed.items()}
    etags = {target: item._etag for target, item in stored.items() if item is not None and not is_deleted(item)}
    became: dict[State, State] = {walk: base}
    entries: dict[Entry, Entry | None] = dict.fromkeys(written.changed.values())
    at = base
    for state in line:
        if state.step is not None and state.step.handling not in handled:
            at = _on(at, state, state.step, stored, entries, etags, new_etag)
        became[state] = at
    return became


def _stored(entry: Entry) -> Resource | None:
    """The item as it is stored when an entry is committed: as it was, where its values are what they were."""
    origin, current = entry.origin, entry.current
    if origin is None or current is None or is_deleted(origin) or is_deleted(current):
        return current
    was, became = public(origin), public(current)
    return origin if was.keys() == became.keys() and all(same(was[name], became[name]) for name in was) else current


def _on(
    base: State, state: State, step: Step, stored: Mapping[Target, Resource | None],
    entries: dict[Entry, Entry | None], etags: Mapping[Target, str | None], new_etag: Callable[[], str],
) -> State:
    """The State after a step on a base in which what is ``stored`` is clean."""
    draft = Draft(base, step.at, step.user, new_etag)
    for target in touched(step):
        entry = state.changed.get(target)
        if entry is None and target in etags:
            _delete(draft, step, target, stored[target])
        else:
            if entry is not None and target in stored:
                entry = _rebuilt(entry, stored[target], entries)
            draft.changed = draft.changed.discard(target) if entry is None else draft.changed.insert(target, entry)
    return base.after(draft.changed, step.behind(etags), base.applied + len(step.mutations))


def _delete(draft: Draft, step: Step, target: Target, stored: Resource | None) -> None:
    """The deletion of what was new when the step ran, and left nothing behind; it is a stored row now."""
    for occurrence in step.occurrences():
        for mutation in occurrence.mutations:
            if mutation.on == target and isinstance(mutation, Delete):
                entry = draft.changed.get(target)
                item = stored if entry is None else entry.current
                if item is not None:
                    draft.delete(mutation, item, stored, target, occurrence.event)


def _rebuilt(entry: Entry, stored: Resource | None, entries: dict[Entry, Entry | None]) -> Entry | None:
    """The entry with the stored item as its origin, and only the causes that came after it."""
    later: list[Entry] = []
    walk: Entry | None = entry
    while walk is not None and walk not in entries:
        later.append(walk)
        walk = walk.earlier
    earlier = None if walk is None else entries[walk]
    for old in reversed(later):
        earlier = Entry(stored, old.current, old.mutation, old.event, old.step, old.place, earlier)
        entries[old] = earlier
    return entries[entry]
