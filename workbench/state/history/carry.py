"""Carry: what a commit on one branch means for the States of another one.

The steps that both share are committed now. So they are taken out of what is pending there; its own steps stand on top
of what they came to. No handler runs again: the values are the same, only what they are compared with is another. Where
the committed line went on to change an item that is changed here as well, the versions differ, and the commit of this
branch finds the conflict, as it does with any rival.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from workbench.domain.datadef import values_of
from workbench.domain.mutation import Delete
from workbench.domain.resource import Resource, Target, is_deleted
from workbench.domain.sameness import same
from workbench.state.draft import Draft
from workbench.state.planning.part import without
from workbench.state.state import Entry, State
from workbench.state.step import NOT_THERE, Step


class Carry:
    """What the commit of some steps makes of the lines of a session: lines that share a State share what it becomes.

    ``committed`` must be closed, as ``part_of`` makes it; ``new_etag`` makes versions."""

    def __init__(self, committed: Iterable[Step], new_etag: Callable[[], str]) -> None:
        self.handlings = {step.handling for step in committed}   # a step that was carried before is another object
        self._new_etag = new_etag
        self._bases: dict[tuple[State, ...], _Base] = {}
        self._became: dict[tuple[State, State], State] = {}

    def along(self, tip: State) -> Mapping[State, State]:
        """For each State of the pending line that ends in ``tip``, the one it is now; empty when no step of it was
        committed."""
        line: list[State] = []
        walk: State | None = tip
        while walk is not None and not walk.root:
            line.append(walk)
            walk = walk.parent
        line.reverse()
        shared = tuple(state for state in line if state.step is not None and state.step.handling in self.handlings)
        if walk is None or not shared:
            return {}
        steps = [state.step for state in shared if state.step is not None]
        first = tuple(line[:len(shared)]) == shared
        base = self._bases.get(shared)
        if base is None:
            base = self._bases[shared] = _Base(shared[-1] if first else without(tip, walk, steps))
        became = {walk: base.state}
        at = base.state
        later = [] if first else [step.touched for step in steps]     # what those change that are still to come
        for state in line:
            if state.step is not None and state.step.handling in self.handlings:
                del later[:1]
            elif state.step is not None:
                key = at, state
                if key not in self._became:
                    verified = {target: base.verified[target] for target in set().union(*later) & base.verified.keys()
                                } if later else {}
                    self._became[key] = _on(at, state, state.step, base, verified, self._new_etag)
                at = self._became[key]
            became[state] = at
        return became


class _Base:
    """The State behind what was ``written``, and how the items of that are stored now."""

    def __init__(self, written: State) -> None:
        self._written, self.state = written, written.committed()

    @cached_property
    def stored(self) -> dict[Target, Resource | None]:
        return {target: _stored(entry) for target, entry in self._written.changed.items()}

    @cached_property
    def etags(self) -> dict[Target, str | None]:
        return {target: item._etag for target, item in self.stored.items()
                if item is not None and not is_deleted(item)}

    @cached_property
    def read(self) -> dict[Target, str | None]:
        """The same, as who looked at them has read them: what is not there, too."""
        return {**dict.fromkeys(self.stored, NOT_THERE), **self.etags}

    @cached_property
    def verified(self) -> dict[Target, str | None]:
        """The etags that rows had before they were written, as who looked at them then has read them."""
        return {target: NOT_THERE if entry.origin is None or is_deleted(entry.origin) else entry.origin._etag
                for target, entry in self._written.changed.items()}

    @cached_property
    def entries(self) -> dict[Entry, Entry | None]:
        """For each entry of a committed item what it is now: none where it was written, and later ones anew."""
        return dict.fromkeys(self._written.changed.values())


def _stored(entry: Entry) -> Resource | None:
    """The item as it is stored when an entry is committed: as it was, where its values are what they were."""
    origin, current = entry.origin, entry.current
    if origin is None or current is None or is_deleted(origin) or is_deleted(current):
        return current
    was, became = values_of(origin), values_of(current)
    return origin if was.keys() == became.keys() and all(same(was[name], became[name]) for name in was) else current


def _on(
    at: State, state: State, step: Step, base: _Base, verified: Mapping[Target, str | None],
    new_etag: Callable[[], str],
) -> State:
    """The State after a step on another one, in which what is stored of the base is clean; ``verified`` are the etags
    of items that committed steps changed which came after it."""
    draft = Draft(at, step.at, step.user, new_etag)
    for target in step.touched:
        entry = state.changed.get(target)
        if entry is None and target in base.etags:
            _delete(draft, step, target, base.stored[target])
        else:
            if entry is not None and target in base.stored:
                entry = _rebuilt(entry, base.stored[target], base.entries)
            draft.changed = draft.changed.discard(target) if entry is None else draft.changed.insert(target, entry)
    return at.after(draft.changed, step.behind(base.read, verified), at.applied + len(step.mutations))


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
        earlier = Entry(stored, _made_as(stored, old.current), old.mutation, old.event, old.step, old.place, earlier)
        entries[old] = earlier
    return entries[entry]


def _made_as(stored: Resource | None, item: Resource | None) -> Resource | None:
    """An item, made when and by whom the stored one was: made again after a deletion, it is that one's row again."""
    if stored is None or item is None:
        return item
    made = {name: getattr(stored, name, None) for name in ("_created", "_creator") if name in type(item)._fields}
    return item if all(getattr(item, name) == value for name, value in made.items()) else item.set(**made)
