"""Redefined: what is pending of items whose table was altered, taken over to the rows as they are by now.

A new column has in each row what the alteration put there, which need not be what the field's ``initial`` gives today.
A pending item that was made before knows nothing of it: it takes from its row whatever no pending mutation has set.
Entries are changed where they are: all States that share one, on whatever branch, see the same row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from workbench.domain.datadef import restored
from workbench.domain.mutation import Insert
from workbench.domain.registry import Kindred
from workbench.domain.resource import Resource, Target
from workbench.errors import Invalid
from workbench.state.history.history import History
from workbench.state.state import Entry, State


def pending_of(history: History, kindred: Kindred) -> dict[Target, list[Entry]]:
    """What is pending or undone of the items of one resource on any line; of each item all entries, and none before
    one that led to it."""
    found: dict[Target, dict[Entry, None]] = {}
    for state in _states(history):
        assert state.step is not None
        for target in state.step.touched:
            if target[:2] == kindred and (entry := state.changed.get(target)):
                entries = found.setdefault(target, {})
                if entry not in entries:        # else with all that led to it
                    entries.update(dict.fromkeys(entry.causes()))
    return {target: list(entries) for target, entries in found.items()}


def _states(history: History) -> Iterator[State]:
    seen: set[State] = set()
    for line in [*history.branches.values(), *history.checkpoints.values()]:
        state: State | None = line.tip
        while state is not None and not state.root and state not in seen:
            seen.add(state)
            yield state
            state = state.parent


def adopt(
    pending: Mapping[Target, list[Entry]], cls: type[Resource], stored: Mapping[Target, Resource | None],
) -> None:
    """Takes rows, as they are ``stored`` now, for what the entries that ``pending_of`` found began with; ``cls`` is
    their present class.

    Rows that others changed meanwhile are left to the conflict that they are, and items that do not fit to whoever asks
    for them."""
    for target, entries in pending.items():
        for entry in entries:
            with suppress(Invalid):
                _adopt(entry, cls, stored.get(target))


def _adopt(entry: Entry, cls: type[Resource], row: Resource | None) -> None:
    origin, earlier, current = entry.origin, entry.earlier, entry.current
    if origin is not None:
        if row is None or row._etag != origin._etag:
            return
        entry.origin = row
    if current is None:
        return
    # What it was made of: whatever the mutation did not set is as it is there.
    base = entry.origin if earlier is None or _version(earlier.origin) != _version(origin) else earlier.current
    if isinstance(entry.mutation, Insert):
        base = None
    own = type(current)._fields
    values = {} if base is None else {name: getattr(base, name) for name in type(base)._fields if name in cls._fields}
    values |= {name: getattr(current, name) for name in own if name in cls._fields and (
        base is None or name.startswith("_") or name in entry.mutation._values)}
    entry.current = restored(cls, values)


def _version(item: Resource | None) -> str | None:
    return None if item is None else item._etag
