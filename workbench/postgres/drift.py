"""Drift: what changed in the database since items were fetched; found by comparing etags, without a transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from workbench.domain.registry import Kindred
from workbench.domain.resource import Resource, Target, is_deleted
from workbench.domain.sameness import same
from workbench.postgres.engine import Engine
from workbench.postgres.etags import etags_of
from workbench.postgres.query import PostgresReader


class Drift(NamedTuple):
    """One item that moved: as it was ``cached`` (None: it was not known to exist) and as it is ``stored`` (None: gone).

    Both are the whole items, a soft-deleted one included."""

    target: Target
    cached: Resource | None
    stored: Resource | None

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields that differ, without stamps; empty when it is there on one side only."""
        if self.cached is None or self.stored is None:
            return ()
        return tuple(name for name in type(self.stored)._fields if not name.startswith("_")
                     and not same(getattr(self.cached, name, None), getattr(self.stored, name)))

    def __str__(self) -> str:
        if is_deleted(self.stored):
            return f"{self.target} was deleted"
        if self.cached is None:
            return f"{self.target} was added"
        told = ", ".join(f"{name}: {getattr(self.cached, name)!r} -> {getattr(self.stored, name)!r}"
                         for name in self.columns)
        return f"{self.target} was changed{f': {told}' if told else ''}"


async def drifted(
    engine: Engine, reader: PostgresReader, known: Mapping[Target, Resource | None],
) -> list[Drift]:
    """Those of some items that are stored otherwise than they are known; two queries a resource, in stable order."""
    by_kind: dict[Kindred, list[Target]] = {}
    for target in known:
        by_kind.setdefault(target[:2], []).append(target)
    moved: list[Target] = []
    async with engine.acquire(doing="comparing with what is stored", tidy=True) as connection:
        for kindred, targets in sorted(by_kind.items()):
            etags = await etags_of(connection, reader.tables[kindred], [target.identifier for target in targets])
            moved += [target for target in targets if _moved(known[target], target, etags)]
        stored = await reader.stored_with(connection, moved)
    return [Drift(target, known[target], stored[target]) for target in moved]


def _moved(item: Resource | None, target: Target, etags: Mapping[Any, str | None]) -> bool:
    if target.identifier not in etags:
        return item is not None
    return item is None or etags[target.identifier] != item._etag
