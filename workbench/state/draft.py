"""Draft: the changed items of a State while something works on them: mutations are applied, stamped and validated here.

A unit drafts what a command's events wish for, a resolution what was decided about a conflict; both end in a new State.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from workbench.domain.entity import Event
from workbench.domain.mutation import Delete, Insert, Mutation
from workbench.domain.resource import Resource, Target, is_deleted
from workbench.domain.sameness import same
from workbench.errors import AlreadyExists, Invalid
from workbench.state.state import Changed, Entry, State


class Draft:
    """The ``changed`` items after ``applied`` mutations, for the step after a State.

    ``now`` and ``user`` go into the stamps, ``new_etag`` makes the versions; ``recorded`` is what mutations made."""

    __slots__ = ("applied", "changed", "new_etag", "now", "recorded", "step", "user")

    def __init__(self, state: State, now: datetime, user: str | None, new_etag: Callable[[], str]) -> None:
        self.changed: Changed = state.changed
        self.recorded: list[Entry] = []
        self.applied, self.step = state.applied, state.number + 1
        self.now, self.user, self.new_etag = now, user, new_etag

    def insert(
        self, mutation: Mutation, target: Target, cls: type[Resource], event: Event, *, cached: bool,
        gone: Resource | None = None,
    ) -> Resource:
        """Makes a new item, on the row that is ``gone`` where there is one; raises AlreadyExists, where ``cached`` says
        that it is known to be stored, and Invalid."""
        entry = self.changed.get(target)
        if (entry is None and cached) or (entry is not None and not is_deleted(entry.current)):
            raise AlreadyExists(target)
        origin = gone if entry is None else entry.origin
        stamps = self.stamps(cls, origin)
        if origin is not None:      # it was deleted before: the row is there, and is the same item again
            stamps |= {name: getattr(origin, name, None) for name in ("_created", "_creator") if name in cls._fields}
        try:
            item = cls(_id=target.identifier, **stamps, **mutation._values)
        except Invalid as invalid:
            raise Invalid(f"Insert of {target}", invalid.problems) from None
        self.record(target, origin, item, mutation, event, entry)
        return item

    def update(
        self, mutation: Mutation, before: Resource, clean: Resource | None, target: Target, event: Event,
    ) -> Resource | None:
        """Other values for some fields of ``before``, as the item that they make; None, and nothing recorded, where
        they are equal. ``clean`` is the item as fetched, where nothing was pending for it.

        Raises Invalid."""
        values = mutation._values
        try:
            after = before.set(**self.stamps(type(before), before), **values)
        except Invalid as invalid:
            raise Invalid(f"Update of {target}", invalid.problems) from None
        for name in values:
            if not same(getattr(before, name), getattr(after, name)):
                break
        else:
            return None
        entry = self.changed.get(target)
        self.record(target, clean if entry is None else entry.origin, after, mutation, event, entry)
        return after

    def delete(
        self, mutation: Mutation, before: Resource, clean: Resource | None, target: Target, event: Event,
    ) -> None:
        """The end of an item: soft where its resource has ``_deleted``; a new one leaves nothing behind. ``clean`` is
        as for ``update``."""
        entry = self.changed.get(target)
        origin = clean if entry is None else entry.origin
        if origin is None:
            self.changed = self.changed.discard(target)
            self.applied += 1
            return
        after = None
        if "_deleted" in type(before)._fields:
            after = before.set(_deleted=self.now, **self.stamps(type(before), before))
        self.record(target, origin, after, mutation, event, entry)

    def carry_out(
        self, mutation: Mutation, before: Resource | None, row: Resource | None, target: Target, cls: type[Resource],
        event: Event,
    ) -> None:
        """Applies a mutation that was decided on, and fits ``before``, the present item. ``row`` is what is stored of
        it: an item that is inserted on a row takes that up again. Raises Invalid."""
        if isinstance(mutation, Insert):
            if row is not None:
                self.delete(Delete(target), row, row, target, event)
            self.insert(mutation, target, cls, event, cached=False)
        elif before is None:
            raise AssertionError(f"{mutation!r} of nothing")
        elif isinstance(mutation, Delete):
            self.delete(mutation, before, row, target, event)
        else:
            self.update(mutation, before, row, target, event)

    def record(
        self, target: Target, origin: Resource | None, current: Resource | None, mutation: Mutation, event: Event,
        earlier: Entry | None,
    ) -> None:
        """Takes what a mutation made of an item, whose entry was ``earlier``."""
        entry = Entry(origin, current, mutation, event, self.step, self.applied, earlier)
        self.changed = self.changed.insert(target, entry)
        self.recorded.append(entry)
        self.applied += 1

    def stamps(self, cls: type[Resource], before: Resource | None) -> dict[str, Any]:
        """The stamps of a real change; also those of making, when there was nothing ``before``."""
        stamps: dict[str, Any] = {"_updated": self.now, "_etag": self.new_etag()}
        if "_updater" in cls._fields:
            stamps["_updater"] = self.user
        if before is None:
            stamps["_created"] = self.now
            if "_creator" in cls._fields:
                stamps["_creator"] = self.user
        return stamps
