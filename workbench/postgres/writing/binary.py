"""Binary: new rows as the bytes that COPY takes, for the types that nearly all columns have.

The driver encodes them as well, but row by row, and sends nothing before it has half a megabyte: the server waits
meanwhile. Here a few rows are encoded at a time, each column of them in one go, in half the time, and can be sent at
once. The formats are those of the server's receive functions (``numeric_recv`` and its kin), the frame is that of COPY:
https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY. A type that has no encoder here goes by the
driver's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import chain, repeat
from operator import attrgetter, is_
from struct import Struct
from struct import error as StructError
from types import MappingProxyType
from typing import Any
from uuid import UUID

from workbench.postgres.json_codec import all_json_bytes
from workbench.state.planning.table import Column

BEGINNING = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = b"\xff\xff"
Encode = Callable[[Sequence[Any]], list[bytes]]     # values as they are sent, each behind its length

_NULL = b"\xff\xff\xff\xff"
_LENGTHS = tuple(length.to_bytes(4) for length in range(1024))
_TRUE, _FALSE = b"\0\0\0\1\1", b"\0\0\0\1\0"
_UUID = 16 << 128       # its length, before its 16 bytes
_SMALL, _WHOLE, _LONG, _FLOAT = (Struct(form).pack for form in (">ih", ">ii", ">iq", ">id"))
_EPOCH, _MICROSECOND = datetime(2000, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_FIRST, _LAST = ((edge.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND for edge in (datetime.min, datetime.max))
_ENDLESS = {_FIRST: -2**63, _LAST: 2**63 - 1}       # as asyncpg has them
_DAY_ZERO = date(2000, 1, 1).toordinal()
_ENDLESS_DAYS = {date.min.toordinal() - _DAY_ZERO: -2**31, date.max.toordinal() - _DAY_ZERO: 2**31 - 1}
_DIGITS = tuple(Struct(f">ihhHh{count}h").pack for count in range(16))      # groups of four
_TO_FOUR = (10_000, 1000, 100, 10, 1)        # what makes so many digits behind the point a group
_NEGATIVE, _NAN, _INFINITE, _MINUS_INFINITE = 0x4000, 0xC000, 0xD000, 0xF000


def row_encoder(columns: Sequence[Column]) -> Callable[[Sequence[Sequence[Any]]], bytes] | None:
    """What makes rows, given as a sequence of values a column, the bytes that COPY takes between ``BEGINNING`` and
    ``END``; None where a column is of a type without an encoder.

    That raises OverflowError, or another ArithmeticError or ValueError, for a value that its column cannot hold."""
    if any(column.type not in ENCODERS for column in columns):
        return None
    encoders, count = [ENCODERS[column.type] for column in columns], len(columns).to_bytes(2)

    def encode(values: Sequence[Sequence[Any]]) -> bytes:
        try:
            parts = [_with_nulls(encoder, some) if any(map(is_, some, repeat(None))) else encoder(some)
                     for encoder, some in zip(encoders, values, strict=True)]
        except StructError as error:
            raise OverflowError(str(error)) from None
        return b"".join(chain.from_iterable(zip(repeat(count), *parts, strict=False)))

    return encode


def _with_nulls(encoder: Encode, values: Sequence[Any]) -> list[bytes]:
    there = iter(encoder([value for value in values if value is not None]))
    return [_NULL if value is None else next(there) for value in values]


def _behind_lengths(raws: Sequence[bytes]) -> list[bytes]:
    try:
        return [_LENGTHS[len(raw)] + raw for raw in raws]
    except IndexError:
        return [len(raw).to_bytes(4) + raw for raw in raws]


# ------------------------------------------------------------------------------------------------ one type each

def _texts(values: Sequence[str]) -> list[bytes]:
    return _behind_lengths(list(map(str.encode, values)))


def _jsons(values: Sequence[Any]) -> list[bytes]:
    return _behind_lengths(all_json_bytes(values))


def _jsonbs(values: Sequence[Any]) -> list[bytes]:
    return _behind_lengths([b"\x01" + raw for raw in all_json_bytes(values)])


def _uuids(values: Sequence[UUID]) -> list[bytes]:
    return [(_UUID + number).to_bytes(20) for number in map(attrgetter("int"), values)]


def _bools(values: Sequence[bool]) -> list[bytes]:
    return [_TRUE if value else _FALSE for value in values]


def _moments(values: Sequence[datetime]) -> list[bytes]:
    found, last, packed = list[bytes](), None, b""
    for moment in values:
        if moment is not last:      # as it is of the stamps of one step
            since, last = (moment - _EPOCH) // _MICROSECOND, moment
            packed = _LONG(8, _ENDLESS.get(since, since))
        found.append(packed)
    return found


def _days(values: Sequence[date]) -> list[bytes]:
    since = [day.toordinal() - _DAY_ZERO for day in values]
    return [_WHOLE(4, _ENDLESS_DAYS.get(days, days)) for days in since]


def _numbers(values: Sequence[Decimal]) -> list[bytes]:
    return list(map(_number, values))


def _number(number: Decimal) -> bytes:
    """A number in groups of four digits, as many before the point as the first one's weight says."""
    whole, _, part = str(number).partition(".")
    if len(whole) < 5 and len(part) < 5 and (whole + part).isdigit():       # as most prices are
        scale = len(part)
        first, second = int(whole), int(part) * _TO_FOUR[scale] if part else 0
        if second:
            return _DIGITS[2](12, 2, 0, 0, scale, first, second) if first else _DIGITS[1](10, 1, -1, 0, scale, second)
        return _DIGITS[1](10, 1, 0, 0, scale, first) if first else _DIGITS[0](8, 0, 0, 0, scale)
    return _any_number(number)


def _any_number(number: Decimal) -> bytes:
    if not number.is_finite():
        sign = _NAN if number.is_nan() else _MINUS_INFINITE if number < 0 else _INFINITE
        return _DIGITS[0](8, 0, 0, sign, 0)
    whole, _, part = f"{number:f}".lstrip("-").partition(".")
    before = -(-len(whole) // 4)
    digits = whole.zfill(before * 4) + part + "0" * (-len(part) % 4)
    groups = [int(digits[start:start + 4]) for start in range(0, len(digits), 4)]
    while groups and not groups[-1]:        # of 1E+131071 there would be one more than can be counted
        groups.pop()
    count = len(groups)
    pack = _DIGITS[count] if count < len(_DIGITS) else Struct(f">ihhHh{count}h").pack
    return pack(8 + 2 * count, count, before - 1, _NEGATIVE if number.is_signed() else 0, len(part), *groups)


def _packed(pack: Callable[..., bytes], size: int, values: Sequence[Any]) -> list[bytes]:
    return list(map(pack, repeat(size), values))


ENCODERS: Mapping[str, Encode] = MappingProxyType({
    "text": _texts, "character varying": _texts, "bpchar": _texts, "uuid": _uuids, "boolean": _bools,
    "smallint": partial(_packed, _SMALL, 2), "integer": partial(_packed, _WHOLE, 4),
    "bigint": partial(_packed, _LONG, 8), "double precision": partial(_packed, _FLOAT, 8), "numeric": _numbers,
    "timestamp with time zone": _moments, "date": _days, "bytea": _behind_lengths, "jsonb": _jsonbs, "json": _jsons})
