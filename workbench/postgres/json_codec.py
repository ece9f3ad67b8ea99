"""JSON on the wire: the values of json and jsonb columns, written and read by each connection itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec

_EXPONENT = re.compile(rb"\de\+?\d")
_encode = msgspec.json.Encoder().encode


async def set_codecs(connection: asyncpg.Connection) -> None:
    """Has a new connection of asyncpg's send and read json and jsonb as values."""
    # Binary, for the text format breaks COPY: jsonb on the wire is a version, 1, and the JSON.
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary",
        encoder=lambda value: b"\x01" + json_bytes(value), decoder=lambda raw: msgspec.json.decode(raw[1:]))
    await connection.set_type_codec(
        "json", schema="pg_catalog", format="binary", encoder=json_bytes, decoder=msgspec.json.decode)


def json_bytes(value: Any) -> bytes:
    """A value as the JSON that a jsonb column keeps unchanged; raises what msgspec raises for one that has none."""
    raw = _encode(value)
    # jsonb makes 63858270470364970 of 6.385827047036497e16: a whole number, and no longer the same one. With .0 it is
    # kept a float.
    return _encode(_pointed(value)) if _EXPONENT.search(raw) else raw


def all_json_bytes(values: Sequence[Any]) -> list[bytes]:
    """The same of several, faster."""
    raws = list(map(_encode, values))
    return list(map(json_bytes, values)) if _EXPONENT.search(b"\n".join(raws)) else raws


def _pointed(value: Any) -> Any:
    """A JSON value whose large floats are written in full, with a point."""
    if isinstance(value, float) and abs(value) >= 1e15:
        digits = f"{Decimal(repr(value)):f}"
        return msgspec.Raw((digits if "." in digits else f"{digits}.0").encode())
    if isinstance(value, dict):
        return {key: _pointed(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_pointed(member) for member in value]
    return value


def as_it_is(value: Any) -> Any:
    """For SQLAlchemy's JSON types: the connection's codec has done, or will do, the work."""
    return value
