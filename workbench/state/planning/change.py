"""Change: what a plan does to one item, however many mutations led to it.

A change is found by comparing the item's origin, as it was fetched, with its current value. Where nothing differs but
stamps there is no change: the values were equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import compress
from operator import attrgetter, is_not
from typing import Any, NamedTuple
from uuid import UUID

from workbench.domain.convert import told
from workbench.domain.datadef import same
from workbench.domain.registry import Kindred, Registry
from workbench.domain.resource import Resource, Target, is_deleted, refit
from workbench.state.state import Entry

SIGNS = {"insert": "+", "update": "~", "delete": "-"}
_STAMPS = frozenset({"_updated", "_etag", "_updater"})      # a change of these alone is none
_PLAIN = frozenset({str, int, bool, datetime, UUID, type(None)})


class Shape(NamedTuple):
    """What the changes that can share a statement have in common; see Change and Part."""

    kindred: Kindred
    kind: str
    columns: tuple[str, ...]
    part: str = ""
    withheld: tuple[str, ...] = ()


class Change:
    """One item's way from ``before`` (None: there was none) to ``after`` (None: a row less).

    ``kind`` is "insert", "update" or "delete"; a soft delete has an ``after``. ``columns`` are the fields that the
    statement sets, in the order of definition, stamps included. ``entry`` is the last mutation of it, and leads back
    to all. ``part`` and ``parked`` are those of a Part."""

    __slots__ = ("_shape", "after", "before", "entry", "kind", "target")
    part: str = ""
    parked: Mapping[str, Any] | None = None

    def __init__(
        self, kind: str, target: Target, before: Resource | None, after: Resource | None, shape: Shape | Differ,
        entry: Entry,
    ) -> None:
        self.kind, self.target, self.before, self.after = kind, target, before, after
        self._shape, self.entry = shape, entry

    @property
    def shape(self) -> Shape:
        """Which changes it can share a statement with; of an update it is found out when it is first asked for."""
        shape = self._shape
        if isinstance(shape, Differ):
            shape = self._shape = shape.shape(self)
        return shape

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields that the statement sets; see the class."""
        return self.shape.columns

    @property
    def sign(self) -> str:
        """``+``, ``~`` or ``-``."""
        return SIGNS[self.kind]

    @property
    def etag(self) -> str | None:
        """The etag that the row must have when the plan is committed."""
        expected = self.after if self.part == "fill" else self.before
        return None if expected is None else expected._etag

    @property
    def old(self) -> dict[str, Any]:
        """The values before of the changed fields, without stamps; empty for an insert."""
        return {} if self.before is None else {name: getattr(self.before, name, None) for name in self._told()}

    @property
    def new(self) -> dict[str, Any]:
        """The values after of the changed fields, without stamps; empty for a delete."""
        return {} if self.kind == "delete" or self.after is None else {
            name: getattr(self.after, name) for name in self._told()}

    def _told(self) -> list[str]:
        if self.kind == "delete":
            return [name for name in type(self.before)._fields if not name.startswith("_")] if self.before else []
        return [name for name in self.columns if not name.startswith("_")]

    def park(self, parked: Mapping[str, Any]) -> tuple[Change, Change]:
        """The part before this change that puts other values into some columns (the etag stays), and this change,
        which sets them all, also those that it would have left alone."""
        columns = () if self.after is None else tuple(
            name for name in type(self.after)._fields if name in self.columns or name in parked)
        return (Part("update", self, tuple(parked), part="park", parked=parked),
                Part(self.kind, self, columns, withheld=self.shape.withheld))

    def fill(self, fields: tuple[str, ...]) -> tuple[Change, Change]:
        """This insert without some columns, and the part that sets them afterwards."""
        return (Part(self.kind, self, self.columns, withheld=(*self.shape.withheld, *fields)),
                Part("update", self, fields, part="fill"))

    @property
    def steps(self) -> list[int]:
        """The numbers of the steps that caused it, ascending."""
        entry = self.entry      # nearly all have one cause
        return [entry.step] if entry.earlier is None else sorted({cause.step for cause in entry.causes()})

    def __repr__(self) -> str:
        if self.kind == "update":
            inner = ", ".join(f"{name}: {told(old)} -> {told(self.new[name])}" for name, old in self.old.items())
        else:
            inner = ", ".join(f"{name}={told(value)}" for name, value in (self.new or self.old).items())
        return f"{self.sign} {self.target}{f'  {inner}' if inner else ''}"


def parted(changes: Sequence[Change], shape: Shape) -> tuple[list[Change], list[Change]]:
    """Those changes that have a shape, which is that of an insert, and the others, whose shapes are not asked for."""
    alike: list[Change] = []
    others: list[Change] = []
    for change in changes:
        own = change._shape     # of a restored plan each has one of its own, equal to the others
        (alike if own is shape or own == shape else others).append(change)
    return alike, others


class Part(Change):
    """A change of which not all is done at once, so that a ring of changes that wait for each other is opened.

    ``part`` is "park" for an update that comes before and puts ``parked`` values into some columns, "fill" for one that
    comes after and sets the columns that its insert left NULL (its shape's ``withheld``); it is "" for the change
    itself."""

    __slots__ = ("parked", "part")

    def __init__(
        self, kind: str, whole: Change, columns: tuple[str, ...], *, part: str = "", withheld: tuple[str, ...] = (),
        parked: Mapping[str, Any] | None = None,
    ) -> None:
        shape = Shape(whole.target[:2], kind, columns, part, withheld)
        super().__init__(kind, whole.target, whole.before, whole.after, shape, whole.entry)
        self.part, self.parked = part, parked


class Differ:
    """Tells what an entry of one resource amounts to; what all its items have in common is looked up once."""

    __slots__ = ("_cls", "_delete", "_insert", "_names", "_soft", "_update", "_values")

    def __init__(self, kindred: Kindred, cls: type[Resource]) -> None:
        self._cls, self._names = cls, tuple(cls._fields)
        self._values, self._soft = attrgetter(*self._names), "_deleted" in self._names
        self._insert, self._delete = Shape(kindred, "insert", self._names), Shape(kindred, "delete", ())
        self._update = Shape(kindred, "update", ())     # the latest one

    def change(self, target: Target, entry: Entry) -> Change | None:
        """The change; None when the values are equal."""
        cls, before, after = self._cls, entry.origin, entry.current
        if before is None:
            if after is None:
                return None
            if type(after) is not cls:
                after = refit(after, cls)
            gone = self._soft and is_deleted(after)
            return None if gone else Change("insert", target, None, after, self._insert, entry)
        if type(before) is not cls:
            before = refit(before, cls)
        if after is None:
            return Change("delete", target, before, None, self._delete, entry)
        if type(after) is not cls:
            after = refit(after, cls)
        kind = "delete" if self._soft and is_deleted(after) else "update"
        change = Change(kind, target, before, after, self, entry)
        if not _differ(before, after, entry.mutation.values) and _STAMPS.issuperset(change.columns):
            return None
        return change

    def shape(self, change: Change) -> Shape:
        """The shape of an update or a soft delete; mostly that of the one before, and then the very same object."""
        old, new = self._values(change.before), self._values(change.after)
        # Most values are the very same object, which is found out in C, and most others of a type whose == says all.
        columns = tuple([
            name for name, was, is_now in compress(zip(self._names, old, new, strict=True), map(is_not, old, new))
            if (was != is_now if type(was) in _PLAIN else not same(was, is_now))])
        if columns != self._update.columns or change.kind != self._update.kind:
            self._update = Shape(self._update.kindred, change.kind, columns)
        return self._update


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
