"""Encoding: what makes the value of a field one that asyncpg sends.

Nearly all are sent as they are; members of an Enum as their texts, records and lists of lists as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from workbench.domain.kinds import EnumKind, Kind, ListKind, OptionalKind, RecordKind


def encoder(kind: Kind) -> Callable[[Any], Any] | None:
    """What makes a field's value one that asyncpg takes; None where it takes it as it is."""
    if any(isinstance(part, EnumKind | RecordKind) for part in _parts(kind)) or _is_nested(kind.bare):
        return kind.dump
    return None


def encoded(kind: Kind, value: Any) -> Any:
    """One value of a field as asyncpg takes it."""
    encode = encoder(kind)
    return value if encode is None or value is None else encode(value)


def is_list(kind: Kind) -> bool:
    """Whether values are lists: asyncpg takes a list of those for an array of more dimensions, jsonb or not."""
    return isinstance(kind.bare, ListKind) or kind.bare.annotation is list


def _parts(kind: Kind) -> Iterator[Kind]:
    yield kind
    if isinstance(kind, ListKind | OptionalKind):
        yield from _parts(kind.inner)


def _is_nested(kind: Kind) -> bool:
    """A list of lists is stored as jsonb, its members as JSON has them."""
    return isinstance(kind, ListKind) and any(isinstance(part, ListKind) for part in _parts(kind.inner))
