"""Differ: finds the changes of one resource in a State, by comparing each item as it was fetched with what it is now.

Where nothing differs but stamps there is no change: the values are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain, compress
from operator import attrgetter, itemgetter, ne
from typing import Any
from uuid import UUID

from workbench.domain.compiled import comparer_of
from workbench.domain.frozen import FrozenDict
from workbench.domain.registry import Kindred, Registry
from workbench.domain.resource import Resource, Target, is_deleted, refit
from workbench.domain.sameness import same
from workbench.state.planning.block import Block
from workbench.state.planning.change import Change, Shape
from workbench.state.state import Entry

_STAMPS = frozenset({"_updated", "_etag", "_updater"})      # a change of these alone is none
_PLAIN = frozenset({str, int, bool, datetime, UUID, type(None)})        # whose == says all
Pair = tuple[Target, Entry]
_TARGET, _ENTRY = itemgetter(0), itemgetter(1)      # zip(*…) makes an iterator for each pair


class Differ:
    """Compares the items of one resource; what they have in common is looked up once."""

    def __init__(self, kindred: Kindred, cls: type[Resource]) -> None:
        self._kindred, self._cls = kindred, cls
        self._names = tuple(cls._fields)
        self._soft = "_deleted" in cls._fields
        self._shapes: dict[tuple[str, tuple[str, ...]], Shape] = {}

    def found(self, entry: Entry) -> tuple[str, Resource | None, Resource | None]:
        """The kind of an entry's change ("": there is none), and the item before and after, of its present class."""
        cls, before, after = self._cls, entry.origin, entry.current
        if before is not None and type(before) is not cls:
            before = refit(before, cls)
        if after is not None and type(after) is not cls:    # which may not know of soft deletes any more
            after = None if not self._soft and is_deleted(after) else refit(after, cls)
        if after is None:
            kind = "" if before is None or (self._soft and is_deleted(before)) else "delete"
        elif before is None:
            kind = "" if self._soft and is_deleted(after) else "insert"
        elif self._soft and is_deleted(after):
            kind = "" if is_deleted(before) else "delete"       # a row that was deleted before is deleted already
        else:
            kind = "update"
            if not _differ(before, after, entry.mutation._values):
                [shape] = self.shapes(kind, [before], [after])
                if _STAMPS.issuperset(shape.columns):
                    kind = ""
        return kind, before, after

    def change(self, target: Target, entry: Entry) -> Change | None:
        """The change of one item; None when the values are equal."""
        kind, before, after = self.found(entry)
        return Change(kind, target, before, after, self.shapes(kind, [before], [after])[0], entry) if kind else None

    def blocks(self, new: Sequence[Pair], old: Iterable[Pair]) -> tuple[list[Block], list[Target]]:
        """The changes of some entries, and the targets whose values are equal; ``new`` are those without an origin."""
        found: dict[str, list[tuple[Any, ...]]] = {"": [], "insert": [], "update": [], "delete": [], "gone": []}
        blocks = []
        if new and self._is_plain(new):
            entries: Sequence[Entry] = list(map(_ENTRY, new))
            blocks.append(Block("insert", list(map(_TARGET, new)), [None] * len(new), [one.current for one in entries],
                                entries, self._shape("insert", self._names)))
            new = ()
        cls, plain = self._cls, not self._soft
        for target, entry in chain(new, old):
            before, after = entry.origin, entry.current
            if plain and type(before) is cls is type(after) and _differ(before, after, entry.mutation._values):
                kind = "update"     # as nearly always
            else:
                kind, before, after = self.found(entry)
            found["gone" if after is None and kind else kind].append((target, before, after, entry))
        idle = [target for target, *_ in found.pop("")]
        for kind, changes in found.items():
            if changes:
                targets, befores, afters, entries = zip(*changes, strict=True)
                blocks.append(Block("delete" if kind == "gone" else kind, targets, befores, afters, entries,
                                    self._shape_of(kind, afters[0]), self.shapes))
        return blocks, idle

    def _is_plain(self, new: Sequence[Pair]) -> bool:
        """Whether all new items still exist and are of their present class, as nearly always."""
        items = [entry.current for _, entry in new]
        return set(map(type, items)) == {self._cls} and not (self._soft and any(map(is_deleted, items)))

    def _shape_of(self, kind: str, after: Any) -> Shape | None:
        """The shape that all changes of a kind have; None for updates, which must be looked at one by one."""
        if kind == "insert" or after is None:
            return self._shape(*(("delete", ()) if after is None else (kind, self._names)))
        return None

    def shapes(self, kind: str, befores: Sequence[Any], afters: Sequence[Any]) -> list[Shape]:
        """The shapes of changes of one kind, given as items before and after; equal shapes are the same object."""
        if (known := self._shape_of(kind, afters[0])) is not None:
            return [known] * len(afters)
        # Column by column; most have the very same object before and after everywhere.
        names, columns = tuple(compress(self._names, comparer_of(self._cls)(befores, afters))), []
        for value in map(attrgetter, names):
            columns.append(_differing(list(map(value, befores)), list(map(value, afters))))
        if all(map(all, columns)):
            return [self._shape(kind, names)] * len(afters)
        marked = list(zip(*columns, strict=True))
        found = {differing: self._shape(kind, tuple(compress(names, differing))) for differing in set(marked)}
        return [found[differing] for differing in marked]

    def _shape(self, kind: str, columns: tuple[str, ...]) -> Shape:
        return self._shapes.setdefault((kind, columns), Shape(self._kindred, kind, columns))


def _differing(olds: list[Any], news: list[Any]) -> list[bool]:
    """Which of some values are not the same: in C, where the types allow it."""
    kinds = set(map(type, olds))
    if _PLAIN.issuperset(kinds) or (kinds == {Decimal} and not any(map(Decimal.is_nan, olds))):
        return list(map(ne, olds, news))
    if kinds == {FrozenDict} and all(differing := list(map(ne, olds, news))):
        return differing        # of JSON, which has no NaN, whatever is != is not the same
    return list(map(_unequal, olds, news))


def _unequal(old: Any, new: Any) -> bool:
    # Of JSON most that differs is != at once; what is == may yet not be the same.
    return old is not new and ((type(old) is FrozenDict and old != new) or not same(old, new))


def _differ(before: Resource, after: Resource, names: Iterable[str]) -> bool:
    """Whether one of some fields differs."""
    for name in names:  # noqa: SIM110  # a generator for any() takes longer than all the rest
        if not same(getattr(before, name, None), getattr(after, name, None)):
            return True
    return False


def change_of(target: Target, entry: Entry, registry: Registry) -> Change | None:
    """The change of one item in a State; None when the values are equal."""
    kindred = target[:2]
    return Differ(kindred, registry.resource(kindred)).change(target, entry)
