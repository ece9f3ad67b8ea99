"""Differ: tells what the entries of one resource in a State amount to, by comparing each item's origin, as it was
fetched, with its current value. Where nothing differs but stamps there is no change: the values were equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain
from operator import attrgetter, is_not
from typing import Any
from uuid import UUID

from workbench.domain.datadef import same
from workbench.domain.frozen import FrozenDict, FrozenList
from workbench.domain.registry import Kindred, Registry
from workbench.domain.resource import Resource, Target, is_deleted, refit
from workbench.state.planning.block import Block
from workbench.state.planning.change import Change, Shape
from workbench.state.state import Entry

_STAMPS = frozenset({"_updated", "_etag", "_updater"})      # a change of these alone is none
_PLAIN = frozenset({str, int, bool, datetime, UUID, type(None)})        # whose == says all
_NESTED = frozenset({FrozenDict, FrozenList})       # which may be == and yet not the same
Pair = tuple[Target, Entry]


class Differ:
    """What all items of one resource have in common is looked up once."""

    def __init__(self, kindred: Kindred, cls: type[Resource]) -> None:
        self._kindred, self._cls = kindred, cls
        self._getters = {name: attrgetter(name) for name in cls._fields}
        self._soft = "_deleted" in cls._fields
        self._shapes: dict[tuple[str, tuple[str, ...]], Shape] = {}

    def found(self, entry: Entry) -> tuple[str, Resource | None, Resource | None]:
        """The kind of change, "" where there is none, and the item before and after, of its present class."""
        cls, before, after = self._cls, entry.origin, entry.current
        if before is not None and type(before) is not cls:
            before = refit(before, cls)
        if after is not None and type(after) is not cls:
            after = refit(after, cls)
        if after is None:
            kind = "" if before is None else "delete"
        elif before is None:
            kind = "" if self._soft and is_deleted(after) else "insert"
        else:
            kind = "delete" if self._soft and is_deleted(after) else "update"
            if not _differ(before, after, entry.mutation.values):
                [shape] = self.shapes(kind, [before], [after])
                if _STAMPS.issuperset(shape.columns):
                    kind = ""
        return kind, before, after

    def change(self, target: Target, entry: Entry) -> Change | None:
        """The change of one item; None when the values are equal."""
        kind, before, after = self.found(entry)
        return Change(kind, target, before, after, self.shapes(kind, [before], [after])[0], entry) if kind else None

    def blocks(self, new: Sequence[Pair], old: Iterable[Pair]) -> tuple[list[Block], list[Target]]:
        """What entries amount to, those without an origin given apart, and the items whose values are equal."""
        columns: dict[tuple[str, bool], tuple[list[Any], ...]] = {}
        idle = []
        if new and self._is_plain(new):
            targets, entries = map(list, zip(*new, strict=True))
            columns["insert", False] = targets, [None] * len(new), [entry.current for entry in entries], entries
            new = ()
        for target, entry in chain(new, old):
            kind, before, after = self.found(entry)
            if not kind:
                idle.append(target)
                continue
            if (kind, after is None) not in columns:
                columns[kind, after is None] = [], [], [], []
            for column, value in zip(columns[kind, after is None], (target, before, after, entry), strict=True):
                column.append(value)
        return [Block(kind, targets, befores, afters, entries, self._shape_of(kind, gone=gone), self.shapes)
                for (kind, gone), (targets, befores, afters, entries) in columns.items()], idle

    def _is_plain(self, new: Sequence[Pair]) -> bool:
        """Whether new items are all there and of their present class, as nearly always."""
        items = [entry.current for _, entry in new]
        return set(map(type, items)) == {self._cls} and not (self._soft and any(map(is_deleted, items)))

    def _shape_of(self, kind: str, *, gone: bool) -> Shape | None:
        """The shape of all changes of a kind; None where they must be looked at: where rows are changed."""
        if kind == "insert" or gone:
            return self._shape(kind, () if gone else tuple(self._getters))
        return None

    def shapes(self, kind: str, befores: Sequence[Any], afters: Sequence[Any]) -> list[Shape]:
        """The shapes of changes of one kind, given as items before and after; equal ones are the very same object."""
        known = self._shape_of(kind, gone=afters[0] is None)
        if known is not None:
            return [known] * len(afters)
        # Column by column, in C as far as can be: most have the very same object before and after everywhere.
        names, marks = [], []
        for name, value in self._getters.items():
            olds, news = list(map(value, befores)), list(map(value, afters))
            if any(map(is_not, olds, news)):
                names.append(name)
                marks.append([old is not new and _unequal(old, new) for old, new in zip(olds, news, strict=True)])
        found: dict[tuple[bool, ...], Shape] = {}
        shapes = []
        for marked in zip(*marks, strict=True) if marks else [()] * len(afters):
            shape = found.get(marked)
            if shape is None:
                columns = tuple([name for name, differs in zip(names, marked, strict=True) if differs])
                shape = found[marked] = self._shape(kind, columns)
            shapes.append(shape)
        return shapes

    def _shape(self, kind: str, columns: tuple[str, ...]) -> Shape:
        return self._shapes.setdefault((kind, columns), Shape(self._kindred, kind, columns))


def _unequal(old: Any, new: Any) -> bool:
    kind = type(old)
    if kind in _PLAIN:
        return bool(old != new)
    return (kind in _NESTED and old != new) or not same(old, new)


def _differ(before: Resource, after: Resource, names: Iterable[str]) -> bool:
    """Whether one of some fields differs."""
    for name in names:  # noqa: SIM110  # a generator for any() takes longer than all the rest
        if not same(getattr(before, name, None), getattr(after, name, None)):
            return True
    return False


def change_of(target: Target, entry: Entry, registry: Registry) -> Change | None:
    """The change that an entry of a State amounts to; None when the values are equal."""
    kindred = target[:2]
    return Differ(kindred, registry.resource(kindred)).change(target, entry)
