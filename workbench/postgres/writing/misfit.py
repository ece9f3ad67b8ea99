"""Misfit: the value of a statement that its column cannot hold; the server, and the driver, name neither."""

from __future__ import annotations

from decimal import Decimal
from types import MappingProxyType
from typing import Any

from workbench.postgres.writing.statements import Statement
from workbench.state.planning.table import Column

_BITS = MappingProxyType({"smallint": 15, "integer": 31, "bigint": 63})
_SHOWN = 60     # signs of a value


def misfit(statement: Statement) -> str:
    """The first such value with its item, its field and why it does not fit; empty where none is found."""
    for change in statement.changes:
        for column in statement.columns:
            value = None if change.after is None else getattr(change.after, column.field)
            for one in value if isinstance(value, list | tuple) else [value]:
                if reason := _reason(column, one):
                    return f"{change.target}: {column.field} is {reason}: {_shown(one)}"
    return ""


def _reason(column: Column, value: Any) -> str:
    if isinstance(value, str) and column.length is not None and len(value.rstrip(" ")) > column.length:
        return f"longer than {column.length} signs"
    if isinstance(value, int) and (bits := _BITS.get(column.type.removesuffix("[]"))) is not None:
        return "" if -2**bits <= value < 2**bits else f"out of the range of {column.type.removesuffix('[]')}"
    if isinstance(value, int | float | Decimal) and column.digits is not None and is_over(value, *column.digits):
        digits, scale = column.digits
        return f"of more than {digits - scale} digits before the point"
    return ""


def is_over(value: float | Decimal, digits: int, scale: int) -> bool:
    """Whether a number is too great for so many digits, of which ``scale`` are behind the point; it is rounded first.
    """
    number = Decimal(value)
    return number.is_finite() and abs(number) + Decimal(5).scaleb(-scale - 1) >= Decimal(10) ** (digits - scale)


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
