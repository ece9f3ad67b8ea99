"""Spares: values that a row may hold for a moment in place of its own, because no other row is likely to have them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from workbench.domain.resource import Target
from workbench.state.planning.table import Column

_ATTEMPTS = 64      # at a value that is not in use


def spares(column: Column, target: Target) -> Iterator[Any]:
    """Values that fit into a column and that most likely no row has, made of an item's identifier; none for a kind of
    field that has too few values."""
    kind = column.kind.bare
    for attempt in range(_ATTEMPTS):
        unlikely = uuid5(UUID(int=attempt), str(target))
        if kind.annotation is str:
            text = f"parked {unlikely}"
            yield text if column.length is None or len(text) <= column.length else f"~{unlikely.hex}"[:column.length]
        elif kind.annotation is UUID:
            yield unlikely
        elif kind.annotation is int and column.type in ("bigint", "integer"):
            yield -(unlikely.int % 2**(62 if column.type == "bigint" else 30)) - 1
        elif kind.annotation is datetime:
            yield datetime(1, 1, 1, tzinfo=UTC) + timedelta(microseconds=unlikely.int % 10**15)
        elif kind.annotation is Decimal and column.digits is not None:
            digits, scale = column.digits
            yield Decimal(-(unlikely.int % (10**min(digits, 12) - 1)) - 1).scaleb(-scale)
        elif kind.annotation is Decimal:
            yield Decimal(-(unlikely.int % 10**12)) - Decimal("0.5")
        elif kind.annotation is date:
            yield date.fromordinal(1 + unlikely.int % 300_000)
