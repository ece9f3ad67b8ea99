"""Literals: values as SQL writes them, and comments, for a script that is read by people and run by psql.

``literal(value, type)`` is the one way in for values. What it gives means the same under every setting of the server
(standard_conforming_strings, DateStyle, IntervalStyle, TimeZone), and is what asyncpg sends in binary. It is one line
of printable characters: an editor that changes line ends, or a screen that hides some signs, changes no value.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite, isnan
from typing import Any
from uuid import UUID

import msgspec

from workbench.errors import Invalid, Problem
from workbench.postgres.json_codec import json_bytes

_PLAIN = re.compile(r"-?\d{1,40}(\.\d{1,40})?")     # a number that SQL reads as numeric, unquoted
_BARE = frozenset({"text", "bigint", "boolean", "numeric"})     # no cast where a column tells the type
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t", "\\": r"\\", "'": "''"}


def literal(value: Any, type_name: str, *, cast: bool = False) -> str:
    """A column's value as a SQL literal; ``type_name`` is the column's type as Postgres writes it (``"uuid[]"``).

    With a cast to that type where it would otherwise be taken for another one; always when ``cast`` is set.

        >>> literal("O'Hare", "text"), literal(None, "uuid", cast=True)
        ("'O''Hare'", 'NULL::uuid')

    Raises Invalid for text with NUL or half a surrogate pair, and for a value that no column type of ours holds."""
    if value is None:
        return f"NULL::{type_name}" if cast else "NULL"
    if type_name.endswith("[]"):        # a cast of an ARRAY[…] is one of each member
        return f"ARRAY[{', '.join(_bare(member, type_name[:-2]) for member in value)}]::{type_name}"
    text = _bare(value, type_name)
    return f"{text}::{type_name}" if cast or type_name not in _BARE else text


def text_literal(text: str) -> str:
    """Text as a SQL literal: ``'…'``, or ``E'…'`` where it holds a backslash or what cannot be printed."""
    if "\x00" in text:
        raise _refused(text, "holds the character NUL, which Postgres cannot store; leave it out")
    if "\\" not in text and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return "E'" + "".join(map(_escaped, text)) + "'"


def comment(text: str) -> str:
    """A comment of one line, whatever the text: what cannot be printed, and so might end the line, becomes ``?``."""
    return f"-- {''.join(sign if sign.isprintable() else '?' for sign in text)}"


def _escaped(sign: str) -> str:
    if sign in _SHORT:
        return _SHORT[sign]
    if sign.isprintable():
        return sign
    code = ord(sign)
    if 0xD800 <= code <= 0xDFFF:
        raise _refused(sign, "holds half a surrogate pair, which is no character; leave it out")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _bare(value: Any, type_name: str) -> str:
    """The literal without its cast; it is correct only when cast."""
    if value is None:
        return "NULL"
    if type_name in ("jsonb", "json"):
        return text_literal(_json(value))
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return f"{int(value)}" if value > -(2**63) else f"'{int(value)}'"   # 9223372036854775808, negated, is too large
    if isinstance(value, float):
        return f"'{_float(value, single=type_name == 'real')}'"
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, str):
        return text_literal(value)
    if isinstance(value, UUID):
        return f"'{value}'"
    if isinstance(value, bytes):
        return rf"E'\\x{value.hex()}'"
    moment = _moment(value)
    if moment is None:
        raise _refused(value, f"is a {type(value).__name__}, for which there is no literal; "
                              "write it as JSON, or leave it to commit()")
    return f"'{moment}'"


def _json(value: Any) -> str:
    for text in _texts(value):
        if "\x00" in text:
            raise _refused(text, "holds the character NUL, which Postgres cannot store as JSON either; leave it out")
    try:
        return json_bytes(value).decode()
    except (TypeError, UnicodeEncodeError, msgspec.MsgspecError) as error:
        raise _refused(value, f"cannot be written as JSON: {error}") from error


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield key
            yield from _texts(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _texts(member)


def _float(value: float, *, single: bool) -> str:
    if isnan(value):
        return "NaN"
    if not isfinite(value):
        return "Infinity" if value > 0 else "-Infinity"
    if single:      # the nearest real, as asyncpg sends it: the text of a double may be half-way between two of them
        value = struct.unpack("f", struct.pack("f", value))[0]
    return repr(value)


def _number(value: Decimal) -> str:
    if value.is_snan():
        raise _refused(value, "is a signalling NaN, which Postgres does not know")
    if value.is_nan():
        return "'NaN'"
    if value.is_infinite():
        return "'Infinity'" if value > 0 else "'-Infinity'"
    text = str(value)
    return text if _PLAIN.fullmatch(text) else f"'{text}'"


def _moment(value: Any) -> str | None:
    """A date or time in a form that every DateStyle and IntervalStyle reads alike; None when it is none.

    The first and the last moment stand for the infinities, as they do for asyncpg."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise _refused(value, "has no time zone; give an aware datetime")
        moment = value.astimezone(UTC)
        edge = _infinity(moment.replace(tzinfo=None), datetime.min, datetime.max)
        return edge or f"{moment.replace(tzinfo=None).isoformat(sep=' ')}+00"
    if isinstance(value, date):
        return _infinity(value, date.min, date.max) or value.isoformat()
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, timedelta):        # a sign for each part: IntervalStyle sql_standard reads one for all
        minutes, seconds = divmod(value.seconds, 60)
        return f"{value.days:+d} days +{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.{value.microseconds:06}"
    return None


def _infinity(value: Any, least: Any, greatest: Any) -> str:
    return "-infinity" if value == least else "infinity" if value == greatest else ""


def _refused(value: Any, why: str) -> Invalid:
    return Invalid("a value in the script", [Problem(None, value, f"{value!r:.80} {why}")])
