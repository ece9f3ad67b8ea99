"""Dependencies: what a change must wait for, the reasons behind the order of a plan.

A ``Reason`` says that one change is written before another: because of a foreign key (a row must exist before another
names it as its parent, and is deleted only when no other names it any more), or because of a unique constraint (what
frees a value comes before what takes it). Where no field tells which rows refer to which, ``unseen`` says of what it
would be so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from workbench.domain.registry import Kindred
from workbench.domain.resource import Resource
from workbench.state.planning.block import Rank
from workbench.state.planning.change import Change
from workbench.state.planning.predicate import holds
from workbench.state.planning.table import ForeignKey, Table, Unique


class Reason(NamedTuple):
    """Why the change at the place ``before`` in a list is written before the one at ``after``.

    ``kind`` says what the first does: "parent" (it makes the row that the second names), "child" (it stops naming the
    row that the second deletes), "along" (it changes a row that goes or changes along with the second's) or "value" (it
    frees the value that the second takes); ``rule`` is the constraint."""

    before: int
    after: int
    kind: str
    rule: ForeignKey | Unique

    def told(self, changes: Sequence[Change]) -> str:
        """The reason in words, as said of the change that waits."""
        first = changes[self.before].target
        if self.kind == "parent":
            return f"after {first}, which makes the row that it names (foreign key {self.rule.name})"
        if self.kind == "child":
            return f"after {first}, which no longer names it then (foreign key {self.rule.name})"
        if self.kind == "along":
            return f"after {first}, whose row goes or changes along with it (foreign key {self.rule.name})"
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
    rows = _rows(changes)
    for kindred, some in rows.items():
        table = tables.get(kindred)
        if table is None:
            continue
        for key in table.foreign_keys:
            if key.parent in rows:
                yield from _of_foreign_key(some, rows[key.parent], key)
        for unique in table.uniques:
            yield from _of_unique(some, unique, table)


def unseen(changes: Rank, tables: Mapping[Kindred, Table]) -> list[tuple[list[int], list[int]]]:
    """Of deletions whose rows may refer to each other in ways that no field tells: the places of those of children, and
    those of parents, a pair for two resources. The children had better go first."""
    kinds = {block.targets[0][:2] for block in changes.blocks if block.kind == "delete"}
    pairs = [(kindred, parent) for kindred in sorted(kinds) if kindred in tables
             for parent in sorted(tables[kindred].above & kinds)]
    if not pairs:       # and no change need be looked at
        return []
    gone: dict[Kindred, list[int]] = defaultdict(list)
    targets, _, afters = changes.columns
    for place, (target, after) in enumerate(zip(targets, afters, strict=True)):
        if after is None:
            gone[target[:2]].append(place)
    return [(gone[child], gone[parent]) for child, parent in pairs if gone[child] and gone[parent]]


class _Rows(NamedTuple):
    """The changes of one resource: their places, and the items before and after."""

    places: list[int]
    befores: list[Resource | None]
    afters: list[Resource | None]

    def keys(self, fields: tuple[str, ...], *, nulls: bool = False) -> Iterator[tuple[int, Any, Any]]:
        """Of each change that changes the values of some fields: its place, and these values before and after; None
        where there is no row, or where one of the values is None: with ``nulls`` that is a value like another."""
        for place, was, is_now in zip(self.places, *self.sides(fields, nulls=nulls), strict=True):
            if was is not is_now and was != is_now:
                yield place, was, is_now

    def sides(self, fields: tuple[str, ...], *, nulls: bool = False) -> tuple[list[Any], list[Any]]:
        """The values of some fields of all changes: those before, and those after; None as in ``keys``."""
        return _keys(self.befores, fields, nulls), _keys(self.afters, fields, nulls)


def _keys(items: Sequence[Resource | None], fields: tuple[str, ...], nulls: bool) -> list[Any]:
    values = attrgetter(*fields)
    if nulls:
        return [None if item is None else (values(item),) for item in items]
    if len(fields) == 1:
        return [None if item is None else values(item) for item in items]
    return [None if item is None or None in (key := values(item)) else key for item in items]


def _rows(changes: Rank) -> dict[Kindred, _Rows]:
    targets, befores, afters = changes.columns
    places: dict[Kindred, list[int]] = {}
    for place, target in enumerate(targets):
        places.setdefault(target[:2], []).append(place)
    return {kindred: _Rows(some, [befores[place] for place in some], [afters[place] for place in some])
            for kindred, some in places.items()}


def _of_foreign_key(children: _Rows, parents: _Rows, key: ForeignKey) -> Iterator[Reason]:
    made: dict[Any, int] = {}
    gone: dict[Any, int] = {}
    for place, was, is_now in parents.keys(key.parent_fields):
        if was is not None:
            gone[was] = place
        if is_now is not None:
            made[is_now] = place
    if not made and not gone:
        return
    for place, was, is_now in children.keys(key.fields):
        if is_now is not None and made.get(is_now, place) != place:
            yield Reason(made[is_now], place, "parent", key)
        if was is not None and gone.get(was, place) != place:
            yield Reason(place, gone[was], "child", key)
    if key.cascades:        # else a row that goes on naming what is deleted is refused anyway
        for place, was, is_now in zip(children.places, *children.sides(key.fields), strict=True):
            if was is not None and was == is_now and gone.get(was, place) != place:
                yield Reason(place, gone[was], "along", key)


def _of_unique(rows: _Rows, unique: Unique, table: Table) -> Iterator[Reason]:
    if all(before is None for before in rows.befores):
        return      # nothing is freed
    if unique.where:
        rows = _Rows(rows.places, *([None if item is None or holds(unique.where, item, table) is False else item
                                     for item in items] for items in (rows.befores, rows.afters)))
    freed: dict[Any, int] = {}
    taken: list[tuple[Any, int]] = []
    for place, was, is_now in rows.keys(unique.fields, nulls=unique.nulls_alike):
        if was is not None:
            freed[was] = place
        if is_now is not None:
            taken.append((is_now, place))
    unclear: dict[Any, list[int]] = {}      # rows that may be covered, and so several of one value; or be so no more
    if unique.where:
        sides = rows.sides(unique.fields, nulls=unique.nulls_alike)
        for place, before, was in zip(rows.places, rows.befores, sides[0], strict=True):
            if before is not None and was is not None and holds(unique.where, before, table) is None:
                unclear.setdefault(was, []).append(place)
    for value, place in taken:
        first = freed.get(value, place)
        if first != place:
            yield Reason(first, place, "value", unique)
        for other in unclear.get(value, ()):
            if other not in (first, place):
                yield Reason(other, place, "value", unique)
