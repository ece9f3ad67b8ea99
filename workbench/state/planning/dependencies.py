"""What a change must wait for: the reasons behind the order of a plan.

A ``Reason`` says that one change goes before another one: because of a foreign key (a row must be there before another
names it as its parent, and may go only when no other names it any more), or because of a unique constraint (what frees
a value goes before what takes it).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from workbench.domain.registry import Kindred
from workbench.domain.resource import Resource
from workbench.state.planning.block import Rank
from workbench.state.planning.change import Change
from workbench.state.planning.predicate import holds
from workbench.state.planning.table import ForeignKey, Table, Unique

Key = tuple[Any, ...]


class Reason(NamedTuple):
    """Why ``before`` goes before ``after`` (places in a list of changes).

    ``kind`` is "parent" (it makes the row that the other names), "child" (it stops naming the row that the other takes
    away) or "value" (it frees the value that the other takes); ``rule`` is the constraint."""

    before: int
    after: int
    kind: str
    rule: ForeignKey | Unique

    def told(self, changes: Sequence[Change]) -> str:
        """The reason in words, from the side of the one that waits."""
        first = changes[self.before].target
        if self.kind == "parent":
            return f"after {first}, which makes the row that it names (foreign key {self.rule.name})"
        if self.kind == "child":
            return f"after {first}, which no longer names it then (foreign key {self.rule.name})"
        return f"after {first}, which frees the value of {', '.join(self.rule.fields)} (unique {self.rule.name})"


def reasons(changes: Rank, tables: Mapping[Kindred, Table]) -> Iterator[Reason]:
    """All reasons between some changes, by the foreign keys and unique constraints of their tables."""
    kinds: dict[Kindred, set[str]] = defaultdict(set)
    for block in changes.blocks:
        kinds[block.targets[0][:2]].add(block.kind)
    concerned = [table for kindred in kinds if (table := tables.get(kindred)) is not None and (
        any(key.parent in kinds for key in table.foreign_keys) or (table.uniques and kinds[kindred] != {"insert"}))]
    if not concerned:       # and no change need be looked at
        return
    of_kind: dict[Kindred, list[int]] = defaultdict(list)
    for place, change in enumerate(changes):
        of_kind[change.target[:2]].append(place)
    for kindred, places in of_kind.items():
        table = tables.get(kindred)
        if table is None:
            continue
        for key in table.foreign_keys:
            if key.parent in of_kind:
                yield from _of_foreign_key(changes, places, of_kind[key.parent], key)
        for unique in table.uniques:
            yield from _of_unique(changes, places, unique, table)


def _of_foreign_key(
    changes: Sequence[Change], children: Sequence[int], parents: Sequence[int], key: ForeignKey,
) -> Iterator[Reason]:
    made: dict[Key, int] = {}
    gone: dict[Key, int] = {}
    for place in parents:
        was, is_now = (_key(item, key.parent_fields) for item in (changes[place].before, changes[place].after))
        if was != is_now:
            if was is not None:
                gone[was] = place
            if is_now is not None:
                made[is_now] = place
    if not made and not gone:
        return
    for place in children:
        was, is_now = (_key(item, key.fields) for item in (changes[place].before, changes[place].after))
        if is_now is not None and is_now != was and made.get(is_now, place) != place:
            yield Reason(made[is_now], place, "parent", key)
        if was is not None and was != is_now and gone.get(was, place) != place:
            yield Reason(place, gone[was], "child", key)


def _of_unique(changes: Sequence[Change], places: Sequence[int], unique: Unique, table: Table) -> Iterator[Reason]:
    if all(changes[place].before is None for place in places):
        return      # nothing is freed
    freed: dict[Key, int] = {}
    taken: list[tuple[Key, int]] = []
    for place in places:
        change = changes[place]
        was, is_now = (_key(item, unique.fields, unique, table) for item in (change.before, change.after))
        if was != is_now:
            if was is not None:
                freed[was] = place
            if is_now is not None:
                taken.append((is_now, place))
        elif was is not None and unique.where and change.before is not None and change.after is not None and (
                holds(unique.where, change.before, table) is None):
            freed.setdefault(was, place)        # it may be that it is covered no more
    for value, place in taken:
        if freed.get(value, place) != place:
            yield Reason(freed[value], place, "value", unique)


def _key(
    item: Resource | None, fields: tuple[str, ...], unique: Unique | None = None, table: Table | None = None,
) -> Key | None:
    """The values that count for a constraint; None where there is no row, a value is None, or it is not covered."""
    if item is None:
        return None
    values = tuple(getattr(item, name) for name in fields)
    if None in values:
        return None
    if unique is not None and table is not None and unique.where and holds(unique.where, item, table) is False:
        return None
    return values
