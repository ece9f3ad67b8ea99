"""Reader: how the State gets at stored items, and MemoryReader, which reads plain items where there is no database.

Whatever has ``load`` and ``find`` is a Reader; the other one is that of the Postgres room.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from workbench.domain.registry import Kindred
from workbench.domain.resource import Identifier, Resource, Target, is_deleted
from workbench.domain.sameness import same
from workbench.state.progress import Progress

NEVER = datetime.min.replace(tzinfo=UTC)      # before all that happened


class Reader(Protocol):
    """Reads items as they are stored now. Soft-deleted ones are never among them."""

    async def load(
        self, kindred: Kindred, identifiers: Sequence[Identifier], *, progress: Progress | None = None,
    ) -> list[Resource]:
        """The existing items among those with these identifiers, in any order, all as they were at one moment.

        ``progress(done, total)`` may be called now and then."""

    async def find(self, kindred: Kindred, equals: Mapping[str, Any]) -> list[Resource]:
        """The items whose fields equal all these values (None equals None), in any order."""


class MemoryReader:
    """A Reader over items that are given: ``MemoryReader({Target("bank", "account", id): account})``."""

    def __init__(self, items: Mapping[Target, Resource] | None = None) -> None:
        self.items = dict(items or {})

    async def load(
        self, kindred: Kindred, identifiers: Sequence[Identifier], *, progress: Progress | None = None,
    ) -> list[Resource]:
        found = (self.items.get(Target(*kindred, identifier)) for identifier in identifiers)
        return [item for item in found if item is not None and not is_deleted(item)]

    async def find(self, kindred: Kindred, equals: Mapping[str, Any]) -> list[Resource]:
        # An item of an earlier definition may lack a field; it is judged by the others, and again once it has it.
        return [item for target, item in self.items.items()
                if target[:2] == kindred and not is_deleted(item)
                and matches(item, {name: value for name, value in equals.items() if name in item._fields})]


def matches(item: Resource, equals: Mapping[str, Any]) -> bool:
    """Whether each named field of an item has the value."""
    return all(same(getattr(item, name), value) for name, value in equals.items())


def in_order(items: Iterable[Resource]) -> list[Resource]:
    """Items as they are always shown: by ``_created`` (none first), then by identifier."""
    return sorted(items, key=sort_key)


def sort_key(item: Resource) -> tuple[datetime, Identifier]:
    """The key by which ``in_order`` sorts the items of one resource."""
    identifier = item._id
    # UUIDs by their number, which is the order of their text: their own comparison is ten times as slow.
    return item._created or NEVER, identifier.int if isinstance(identifier, UUID) else identifier
