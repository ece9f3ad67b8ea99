"""Columns: the one table from a field's type to its column, and names that Postgres takes whole."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from workbench.domain.kinds import EnumKind, Kind, ListKind, OptionalKind, RecordKind

PG_TYPES: Mapping[Any, tuple[Any, str]] = MappingProxyType({
    str: (sa.Text(), "text"),
    int: (sa.BigInteger(), "bigint"),
    float: (pg.DOUBLE_PRECISION(), "double precision"),
    bool: (sa.Boolean(), "boolean"),
    Decimal: (sa.Numeric(), "numeric"),
    UUID: (pg.UUID(), "uuid"),      # not as_uuid: asyncpg gives UUIDs already
    datetime: (pg.TIMESTAMP(timezone=True), "timestamp with time zone"),
    date: (sa.Date(), "date"),
    time: (pg.TIME(timezone=False), "time without time zone"),
    timedelta: (pg.INTERVAL(), "interval"),
    bytes: (pg.BYTEA(), "bytea"),
    dict: (pg.JSONB(), "jsonb"),
    list: (pg.JSONB(), "jsonb"),
})


# What Postgres keeps of every row in columns of its own: no other column of a table can have such a name.
SYSTEM = frozenset({"cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"})
ETAG_LENGTH = 32    # the signs of a version


def column_type(kind: Kind) -> tuple[Any, str] | None:
    """The SQLAlchemy type and the Postgres type of a kind's column; None where there is none: ``object``.

    A list of scalars is an array. A list of anything else is jsonb: arrays of arrays must be rectangular."""
    if isinstance(kind, OptionalKind):
        return column_type(kind.inner)
    if isinstance(kind, EnumKind):
        return PG_TYPES[str]
    if isinstance(kind, RecordKind):
        return PG_TYPES[dict]
    if isinstance(kind, ListKind):
        inner = column_type(kind.inner)
        if inner is None or inner[1] == "jsonb" or inner[1].endswith("[]"):
            return inner and PG_TYPES[list]
        return pg.ARRAY(inner[0]), f"{inner[1]}[]"
    return PG_TYPES.get(kind.annotation)


def constraint_name(*parts: str) -> str:
    """The parts as one name that Postgres takes whole, always the same: what is over 63 bytes ends in a digest."""
    name = "_".join(parts)
    if len(name.encode()) <= 63:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[:54].decode(errors='ignore')}_{digest}"
