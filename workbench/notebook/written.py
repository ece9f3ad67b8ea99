"""Written: values as one would write them, wherever they are shown: ``[poetry, 1.50]``, ``street 'High'``."""

from __future__ import annotations

from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from workbench.domain.convert import told
from workbench.domain.datadef import Datadef, values_of
from workbench.domain.entity import Entity
from workbench.domain.resource import Resource

LIMIT = 200     # values of a list that are written without the names of their classes


class Fields(dict[str, Any]):
    """The fields of a record that is there only as JSON; written as the record."""


class Word(str):
    """The value of a choice that is there only as JSON; written without quotes."""

    __slots__ = ()


def written(value: Any) -> str:
    """A value without the names of classes, also within lists and records."""
    if isinstance(value, list | tuple) and len(value) <= LIMIT:
        return f"[{', '.join(f'({written(one)})' if _is_record(one) else written(one) for one in value)}]"
    if _is_record(value):
        return ", ".join(f"{name} {f'({written(one)})' if _is_record(one) else written(one)}"
                         for name, one in (value if isinstance(value, Fields) else values_of(value)).items())
    if isinstance(value, Word):
        return str(value)
    return told(value) if isinstance(value, Enum | Decimal | UUID | date | time | timedelta) else repr_of(value)


def repr_of(value: Any) -> str:
    """The repr of a value, and words where it has none."""
    try:
        return repr(value)
    except Exception:       # such as an int of more than 4300 digits
        return f"<{type(value).__name__} that cannot be shown>"


def _is_record(value: Any) -> bool:
    """Whether something is a nested record, which is told by its fields alone; items and messages have names."""
    return isinstance(value, Fields) or (isinstance(value, Datadef) and not isinstance(value, Resource | Entity))
