"""Change: what a plan does to one item, however many mutations led to it.

Changes that can share a statement have the same ``Shape``; a change that cannot be done at once is cut into Parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from workbench.domain.registry import Kindred
from workbench.domain.resource import Resource, Target
from workbench.state.planning.telling import told_change, told_fields
from workbench.state.state import Entry

SIGNS = {"insert": "+", "update": "~", "delete": "-"}


class Shape(NamedTuple):
    """What the changes that can share a statement have in common; see Change and Part."""

    kindred: Kindred
    kind: str
    columns: tuple[str, ...]
    part: str = ""
    withheld: tuple[str, ...] = ()


class Change:
    """One item as it is ``before`` (None: there is none) and ``after`` (None: its row is deleted).

    ``kind`` is "insert", "update" or "delete"; a soft delete has an ``after``. ``columns`` are the fields that the
    statement sets, in the order of definition, stamps included. ``entry`` is the last mutation of the item, and leads
    back to all others. For ``part`` and ``parked`` see Part."""

    __slots__ = ("after", "before", "entry", "kind", "shape", "target")
    part: str = ""
    parked: Mapping[str, Any] | None = None

    def __init__(
        self, kind: str, target: Target, before: Resource | None, after: Resource | None, shape: Shape, entry: Entry,
    ) -> None:
        self.kind, self.target, self.before, self.after = kind, target, before, after
        self.shape, self.entry = shape, entry

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields that the statement sets; see the class."""
        return self.shape.columns

    @property
    def own(self) -> tuple[str, ...]:
        """The fields that it changes: its columns, but for those that it sets only because they were parked."""
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
        return told_fields(self.kind, self.own, () if self.before is None else type(self.before)._fields)

    def park(self, parked: Mapping[str, Any]) -> tuple[Change, Change]:
        """This change in two: first an update that puts the ``parked`` values into their columns (the etag stays), then
        the change itself, which also sets the parked columns that it would have left alone."""
        columns = () if self.after is None else tuple(
            name for name in type(self.after)._fields if name in self.columns or name in parked)
        return (Part("update", self, tuple(parked), part="park", parked=parked),
                Part(self.kind, self, columns, withheld=self.shape.withheld))

    def fill(self, fields: tuple[str, ...]) -> tuple[Change, Change]:
        """This insert in two: first without some columns, then an update that sets them."""
        return (Part(self.kind, self, self.columns, withheld=(*self.shape.withheld, *fields)),
                Part("update", self, fields, part="fill"))

    @property
    def steps(self) -> list[int]:
        """The numbers of the steps that caused it, ascending."""
        return steps_of(self.entry)

    def __repr__(self) -> str:
        return told_change(self)


def steps_of(entry: Entry) -> list[int]:
    """The numbers of the steps whose mutations led to an entry, ascending."""
    return [entry.step] if entry.earlier is None else sorted({cause.step for cause in entry.causes()})


class Part(Change):
    """One of two statements into which a change is cut, so that changes that wait for each other in a ring can start.

    ``part`` is "park" for an update that comes before the change and puts ``parked`` values into some columns, "fill"
    for one that comes after an insert and sets the columns that this left NULL (``withheld`` in its shape); it is ""
    for the change itself."""

    __slots__ = ("_own", "parked", "part")

    def __init__(
        self, kind: str, whole: Change, columns: tuple[str, ...], *, part: str = "", withheld: tuple[str, ...] = (),
        parked: Mapping[str, Any] | None = None,
    ) -> None:
        shape = Shape(whole.target[:2], kind, columns, part, withheld)
        super().__init__(kind, whole.target, whole.before, whole.after, shape, whole.entry)
        self.part, self.parked = part, parked
        self._own = columns if part else whole.own

    @property
    def own(self) -> tuple[str, ...]:
        return self._own
