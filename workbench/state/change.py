"""Change: what a plan does to one item, however many mutations led to it.

A change is found by comparing the item's origin, as it was fetched, with its current value. Where nothing differs but
stamps there is no change: the values were equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from workbench.domain.convert import told
from workbench.domain.datadef import same
from workbench.domain.registry import Registry
from workbench.domain.resource import Resource, Target, is_deleted, refit
from workbench.state.state import Entry

SIGNS = {"insert": "+", "update": "~", "delete": "-"}
_STAMPS = frozenset({"_updated", "_etag", "_updater"})      # a change of these alone is none
_PLAIN = frozenset({str, int, bool, datetime, UUID, type(None)})


class Change:
    """One item's way from ``before`` (None: there was none) to ``after`` (None: a row less).

    ``kind`` is "insert", "update" or "delete"; a soft delete has an ``after``. ``columns`` are the fields that the
    statement sets, in the order of definition, stamps included. ``entry`` is the last mutation of it, and leads back
    to all.

    A ring of changes that wait for each other is opened by a change in two parts: ``part`` is "park" for an update that
    comes before and puts ``parked`` values into some columns, "fill" for one that comes after and sets the columns that
    its insert left NULL (``withheld``); it is "" for the change itself."""

    __slots__ = ("after", "before", "columns", "entry", "kind", "parked", "part", "target", "withheld")

    def __init__(
        self, kind: str, target: Target, before: Resource | None, after: Resource | None, columns: tuple[str, ...],
        entry: Entry, *, part: str = "", withheld: tuple[str, ...] = (), parked: Mapping[str, Any] | None = None,
    ) -> None:
        self.kind, self.target, self.before, self.after = kind, target, before, after
        self.columns, self.entry = columns, entry
        self.part, self.withheld, self.parked = part, withheld, parked

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
        return (Change("update", self.target, self.before, self.after, tuple(parked), self.entry, part="park",
                       parked=parked),
                Change(self.kind, self.target, self.before, self.after, columns, self.entry, withheld=self.withheld))

    def fill(self, fields: tuple[str, ...]) -> tuple[Change, Change]:
        """This insert without some columns, and the part that sets them afterwards."""
        withheld = (*self.withheld, *fields)
        return (Change(self.kind, self.target, self.before, self.after, self.columns, self.entry, withheld=withheld),
                Change("update", self.target, self.before, self.after, fields, self.entry, part="fill"))

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


class Differ:
    """Tells what an entry of one resource amounts to; what all its items have in common is looked up once."""

    __slots__ = ("_cls", "_names", "_soft", "_values")

    def __init__(self, cls: type[Resource]) -> None:
        self._cls, self._names = cls, tuple(cls._fields)
        self._values, self._soft = attrgetter(*self._names), "_deleted" in self._names

    def change(self, target: Target, entry: Entry) -> Change | None:
        """The change; None when the values are equal."""
        cls, before, after = self._cls, entry.origin, entry.current
        if before is not None and type(before) is not cls:
            before = refit(before, cls)
        if after is not None and type(after) is not cls:
            after = refit(after, cls)
        if before is None:
            gone = after is None or (self._soft and is_deleted(after))
            return None if gone else Change("insert", target, None, after, self._names, entry)
        if after is None:
            return Change("delete", target, before, None, (), entry)
        # Most values are the very same object, and most others of a type whose == says all: a tenth of a plan's time.
        columns = tuple([
            name for name, old, new in zip(self._names, self._values(before), self._values(after), strict=True)
            if old is not new and (old != new if type(old) in _PLAIN else not same(old, new))])
        if len(columns) <= len(_STAMPS) and _STAMPS.issuperset(columns):
            return None
        kind = "delete" if self._soft and is_deleted(after) else "update"
        return Change(kind, target, before, after, columns, entry)


def change_of(target: Target, entry: Entry, registry: Registry) -> Change | None:
    """The change that an entry of a State amounts to; None when the values are equal."""
    return Differ(registry.resource(target[:2])).change(target, entry)
