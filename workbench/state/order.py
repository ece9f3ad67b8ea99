"""The order of a plan's changes: by what depends on what, not by a fixed insert-update-delete.

``ranked`` gives every change the lowest rank that respects all its reasons, so that changes of one rank may share
statements. The reasons: a row must be there before another one names it as its parent; a row may go only when no other
names it any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.domain.registry import Kindred
from workbench.domain.resource import Resource
from workbench.state.change import Change
from workbench.state.table import ForeignKey, Table

Key = tuple[Any, ...]


def ranked(changes: Sequence[Change], tables: Mapping[Kindred, Table]) -> list[list[Change]]:
    """The changes in ranks: all of one rank may run in any order, each rank after those before it.

    Changes in a ring of dependencies come together in a last rank; only deferred constraints let it pass."""
    after = _dependencies(changes, tables)
    if not after:
        return [list(changes)] if changes else []
    waiting = [0] * len(changes)
    for followers in after.values():
        for follower in followers:
            waiting[follower] += 1
    ranks: list[list[Change]] = []
    ready = [place for place, count in enumerate(waiting) if count == 0]
    done = 0
    while ready:
        ranks.append([changes[place] for place in ready])
        done += len(ready)
        freed = []
        for place in ready:
            for follower in after.get(place, ()):
                waiting[follower] -= 1
                if waiting[follower] == 0:
                    freed.append(follower)
        ready = sorted(freed)
    if done < len(changes):
        ranks.append([changes[place] for place, count in enumerate(waiting) if count > 0])
    return ranks


def _dependencies(changes: Sequence[Change], tables: Mapping[Kindred, Table]) -> dict[int, set[int]]:
    """For the place of a change, the places of those that must come after it."""
    links = [(kindred, key) for kindred, table in tables.items() for key in table.foreign_keys]
    if not links:
        return {}
    of_kind: dict[Kindred, list[int]] = defaultdict(list)
    for place, change in enumerate(changes):
        of_kind[change.target[:2]].append(place)
    after: dict[int, set[int]] = defaultdict(set)
    for child, key in links:
        if child not in of_kind or key.parent not in of_kind:
            continue
        made, gone = _parents(changes, of_kind[key.parent], key)
        for place in of_kind[child]:
            change = changes[place]
            named, was = _values(change.after, key.fields), _values(change.before, key.fields)
            if named is not None and made.get(named, place) != place:
                after[made[named]].add(place)
            if was is not None and (was != named or change.after is None) and gone.get(was, place) != place:
                after[place].add(gone[was])
    return after


def _parents(
    changes: Sequence[Change], places: Sequence[int], key: ForeignKey,
) -> tuple[dict[Key, int], dict[Key, int]]:
    """Which changes bring a key that can be named, by a new row or a changed one, and which take one away."""
    made, gone = {}, {}
    for place in places:
        change = changes[place]
        was, now = _values(change.before, key.parent_fields), _values(change.after, key.parent_fields)
        if was != now:
            if was is not None:
                gone[was] = place
            if now is not None:
                made[now] = place
    return made, gone


def _values(item: Resource | None, fields: tuple[str, ...]) -> Key | None:
    """An item's values of the fields of a key; None when there is no item or one of them is None: it names no row."""
    if item is None:
        return None
    values = tuple(getattr(item, name) for name in fields)
    return None if None in values else values
