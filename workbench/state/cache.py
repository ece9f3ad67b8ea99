"""Cache: the clean items of a session as they were fetched, shared by all its States."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from workbench.domain.registry import Kindred
from workbench.domain.resource import Resource, Target, is_deleted
from workbench.state.reader import Reader

ReadStored: TypeAlias = Callable[[Iterable[Target]], Awaitable[Mapping[Target, Resource | None]]]


class Cache:
    """The clean ``items`` by Target. ``gone`` are rows that were deleted softly, as far as they are known: an item that
    is made again takes its row up again."""

    __slots__ = ("_readings", "gone", "items")

    def __init__(self) -> None:
        self.items: dict[Target, Resource] = {}
        self.gone: dict[Target, Resource] = {}
        self._readings: list[set[Target]] = []

    def __repr__(self) -> str:
        return f"<cache of {len(self.items)} items>"

    def keep(self, target: Target, item: Any) -> None:
        """Takes an item as it was just fetched."""
        self.items[target] = item

    def take(self, target: Target, stored: Resource | None) -> None:
        """Takes an item as it is known to be stored now; one that was deleted softly is gone."""
        self._tell_replaced([target])
        self.gone.pop(target, None)
        if stored is not None and not is_deleted(stored):
            self.keep(target, stored)
            return
        self.items.pop(target, None)
        if stored is not None:
            self.gone[target] = stored

    def written(
        self, targets: Iterable[Target],
        items: Mapping[Target, Resource | None] | Iterable[tuple[Target, Resource | None]],
    ) -> None:
        """Takes the items of these targets as a commit has written them; all of them are there."""
        self._tell_replaced(targets)
        there: dict[Target, Any] = self.items
        there.update(items)
        for target in self.gone.keys() & targets if self.gone else ():
            del self.gone[target]

    def deleted(self, targets: Sequence[Target], rows: Sequence[Resource | None]) -> None:
        """Takes items as deleted by a commit; ``rows`` are what is left of each, None where that is nothing."""
        self._tell_replaced(targets)
        for target, row in zip(targets, rows, strict=True):
            self.items.pop(target, None)
            if row is not None:
                self.gone[target] = row

    async def refresh(self, reader: Reader, kindred: Kindred, changed: Container[Target]) -> int:
        """Fetches the items of a resource anew, except those that are ``changed``; says how many moved.

        Those that are stored no more leave the cache."""
        clean = {target: item for target, item in self.items.items()
                 if target[:2] == kindred and target not in changed}
        loaded = await reader.load(kindred, [target.identifier for target in clean])
        return self._renew(self.items, clean, {Target(*kindred, item._id): item for item in loaded})

    async def refresh_gone(self, read: ReadStored, kindred: Kindred, changed: Container[Target]) -> int:
        """The same for the rows that were deleted softly, which ``read`` gives as they are stored."""
        rows = {target: row for target, row in self.gone.items() if target[:2] == kindred and target not in changed}
        return self._renew(self.gone, rows, await read(list(rows)) if rows else {})

    def _renew(
        self, present: Mapping[Target, Resource], known: Mapping[Target, Resource],
        stored: Mapping[Target, Resource | None],
    ) -> int:
        """Takes what was ``known`` when it was asked for as it is stored now; says how many moved."""
        moved = 0
        for target, was in known.items():
            if present.get(target) is was:      # else a commit or another read was faster, and has a later one
                fresh = stored.get(target)
                self.take(target, fresh)
                moved += fresh is None or fresh._etag != was._etag
        return moved

    @contextmanager
    def reading(self) -> Iterator[set[Target]]:
        """Context for a read of stored rows; yields the targets that others replaced meanwhile, as by a commit: of
        these the cache is newer than what was read."""
        replaced: set[Target] = set()
        self._readings.append(replaced)
        try:
            yield replaced
        finally:
            self._readings = [one for one in self._readings if one is not replaced]

    def _tell_replaced(self, targets: Iterable[Target]) -> None:
        """Tells those who read at present that items are no longer what they were, or are gone."""
        for one in self._readings:
            one.update(targets)
