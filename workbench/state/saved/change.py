"""SavedChange: a change as a saved plan has it, read from JSON values of which none need be as it was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from workbench.domain.resource import Target
from workbench.state.planning.change import SIGNS
from workbench.state.planning.telling import told_change, told_fields
from workbench.state.saved.document import retyped


class SavedCause(NamedTuple):
    """A mutation that led to a change, of which event in which step; ``data`` is as JSON has it. ``issuer`` is the
    policy and its command, where one led to the event."""

    step: Any
    event: str
    data: Mapping[str, Any]
    mutation: str
    values: Mapping[str, Any]
    issuer: str = ""


class SavedChange(NamedTuple):
    """One item's way from ``before`` to ``after``: mappings of all fields, stamps included, or None.

    ``kind`` is "insert", "update" or "delete"; in a plan that was tampered with it may be "unknown". Values are of
    their own type where it is a simple one, else as JSON has them. ``columns`` are the fields that are set, ``etag`` is
    what the row must have."""

    kind: str
    target: Target
    columns: tuple[str, ...]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    etag: str | None
    causes: tuple[SavedCause, ...]

    @property
    def sign(self) -> str:
        """``+``, ``~`` or ``-``."""
        return SIGNS.get(self.kind, "?")

    @property
    def old(self) -> dict[str, Any]:
        """The values before of the changed fields, without stamps; empty for an insert."""
        if self.before is None and self.kind != "update":
            return {}
        return {name: (self.before or {}).get(name) for name in self._told()}

    @property
    def new(self) -> dict[str, Any]:
        """The values after of the changed fields, without stamps; empty for a delete."""
        return {} if self.kind == "delete" or self.after is None else {
            name: self.after.get(name) for name in self._told()}

    def _told(self) -> list[str]:
        return told_fields(self.kind, self.columns, self.before or ())

    @property
    def steps(self) -> list[int]:
        """The numbers of the steps that caused it, ascending."""
        return sorted({cause.step for cause in self.causes if isinstance(cause.step, int)})

    def __repr__(self) -> str:
        return told_change(self)


def changes_of(document: Mapping[str, Any], most: int | None = None) -> tuple[SavedChange, ...]:
    """The changes in the document of a plan, in its order: all of them, or as many as ``most`` at its beginning."""
    definitions = as_mapping(document.get("definitions"))
    changes = list(map(as_mapping, as_list(document.get("changes"))[:most]))
    steps = {step for change in changes for cause in map(as_mapping, as_list(change.get("causes")))
             if isinstance(step := cause.get("step"), int)}
    events = {(step, place): as_mapping(event)
              for command in map(as_mapping, as_list(document.get("commands")))
              if isinstance(step := command.get("step"), int) and step in steps
              for place, event in enumerate(as_list(command.get("events")))}
    return tuple(_change(change, definitions, events) for change in changes)


def _change(
    change: Mapping[str, Any], definitions: Mapping[str, Any], events: Mapping[tuple[int, int], Mapping[str, Any]],
) -> SavedChange:
    target = target_of(as_text(change.get("item")))
    types = as_mapping(definitions.get(f"{target.domain}:{target.resource}"))

    def typed(values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: retyped(as_text(types.get(name)), value) for name, value in values.items()}

    if "_id" in types:
        target = target._replace(identifier=retyped(as_text(types["_id"]), target.identifier))
    stamps = as_mapping(change.get("stamps"))
    before, after = (None if change.get(side) is None else typed(
        {**as_mapping(change[side]), **as_mapping(stamps.get(side))}) for side in ("before", "after"))
    causes = tuple(SavedCause(
        cause.get("step"), as_text(cause.get("event")), as_mapping(_event(cause, events).get("data")),
        as_text(cause.get("mutation")), typed(as_mapping(cause.get("values"))),
        as_text(_event(cause, events).get("policy"))) for cause in map(as_mapping, as_list(change.get("causes"))))
    kind, columns, etag = as_text(change.get("change")), as_list(change.get("columns")), change.get("etag")
    return SavedChange(kind if kind in SIGNS else "unknown", target, tuple(map(as_text, columns)), before, after,
                       None if etag is None else as_text(etag), causes)


def _event(cause: Mapping[str, Any], events: Mapping[tuple[int, int], Mapping[str, Any]]) -> Mapping[str, Any]:
    """The event that a cause names by its step and its place there."""
    step, place = cause.get("step"), cause.get("place")
    return events.get((step, place), {}) if isinstance(step, int) and isinstance(place, int) else {}


def target_of(text: str) -> Target:
    """``bank:account/<identifier>`` as a Target; the identifier stays text."""
    kindred, _, identifier = text.partition("/")
    domain, _, resource = kindred.partition(":")
    return Target(domain, resource, identifier)


# A file that was changed by hand may have anything anywhere, and is still shown.

def as_mapping(value: Any) -> Mapping[str, Any]:
    """A JSON value where an object is expected: an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """A JSON value where a list is expected: an empty one for anything else."""
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """A JSON value where a text is expected: that of anything else, an empty one for null."""
    return value if isinstance(value, str) else "" if value is None else str(value)
