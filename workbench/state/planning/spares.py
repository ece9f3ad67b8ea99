"""Spares: values that a row may hold for a moment in place of its own, so that another row can take that.

That no row has a spare value is likely, not sure, as the database is not asked: far ones, which hardly any row has, are
tried first. What is known of the column is kept: its length and digits, and the CHECKs of the database where they can
be read here. Where they cannot, or triggers may ask for more, a value that the field itself takes goes before one that
it does not. If a row has the value after all, or a CHECK does not admit it, the commit says so and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import chain
from random import Random
from string import ascii_lowercase, ascii_uppercase, digits
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid5

from workbench.domain.convert import Refused
from workbench.domain.resource import Resource, Target
from workbench.errors import Invalid
from workbench.state.planning.predicate import admits
from workbench.state.planning.table import Column, Table

_ATTEMPTS = 64      # at a value of one sort that is not in use
_BITS = {"smallint": 14, "integer": 30, "bigint": 62}
_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_SIGNS = (digits, ascii_lowercase, ascii_uppercase)


def spare(table: Table, field: str, target: Target, item: Resource, used: Set[Any]) -> Any:
    """A value for a field of an item that is not ``used`` and that most likely no row has; None where none is found."""
    column, checks = table.column(field), [check.condition for check in table.checks if field in check.fields]
    readable = all(admits(check, item, table) is not None for check in checks)
    values = {name: getattr(item, name) for name in type(item)._fields}
    sorts = [_far(column, values[field], target), _near(column, item, target)]
    if not readable and column.kind.bare.annotation is str:
        sorts.reverse()     # most likely it is about the length, or which signs stand where
    second = None
    for value in chain(*sorts):
        moved: Any = SimpleNamespace(**values | {field: value})
        if value in used or any(admits(check, moved, table) is False for check in checks):
            continue
        if (readable and not table.alters) or _is_taken(item, field, value):
            return value
        second = value if second is None else second
    return second


def _is_taken(item: Resource, field: str, value: Any) -> bool:
    """Whether the field itself takes a value as it is."""
    try:
        return bool(type(item)._fields[field].restore(value) == value)
    except (Refused, Invalid):
        return False


def _far(column: Column, own: Any, target: Target) -> Iterator[Any]:
    """Values that hardly any row has; those on the own value's side of zero first."""
    kind = column.kind.bare.annotation
    for sign in (-1, 1) if str(own).startswith("-") else (1, -1):
        for attempt in range(_ATTEMPTS):
            unlikely = uuid5(UUID(int=attempt), str(target))
            if kind is str:
                text = f"parked {unlikely}"
                fits = column.length is None or len(text) <= column.length
                yield text if fits else f"~{unlikely.hex}"[:column.length]
            elif kind is UUID:
                yield unlikely
            elif kind is int and column.type in _BITS:
                size = 2**_BITS[column.type]
                yield sign * (size + unlikely.int % size)
            elif kind is Decimal:
                count, scale = column.digits or (18, 6)
                size = 10**min(count, 18)
                yield sign * Decimal(size - 1 - unlikely.int % (size // 2)).scaleb(-scale)
            elif kind in (date, datetime):
                days = (2_000_000 if sign > 0 else 0) + unlikely.int % 300_000      # 5476 to 6298, or 1 to 822
                yield date.fromordinal(1 + days) if kind is date else (
                    _BEGINNING + timedelta(days, microseconds=unlikely.int % 10**9))


def _near(column: Column, item: Resource, target: Target) -> Iterator[Any]:
    """Values among those that the field admits, and others that look like the own one."""
    rules, own, chosen = type(item)._fields[column.field], getattr(item, column.field), Random(str(target))
    yield from rules.choices or ()
    kind = column.kind.bare.annotation
    units: dict[Any, Any] = {int: 1, Decimal: Decimal(1).scaleb(-min(6, column.digits[1] if column.digits else 6)),
                             date: timedelta(1), datetime: timedelta(microseconds=1)}
    limits = rules.limits
    if limits is not None and None not in (limits.least, limits.most) and kind in units:
        count = int((limits.most - limits.least) // units[kind])
        for _ in range(_ATTEMPTS):
            yield limits.least + units[kind] * chosen.randint(0, count)
    if own is not None and (kind in (str, int) or (kind is Decimal and own.is_finite())):
        text = f"{own:f}" if kind is Decimal else str(own)
        for _ in range(_ATTEMPTS):
            other = [next((chosen.choice(signs) for signs in _SIGNS if sign in signs), sign) for sign in text]
            yield kind("".join(other))
