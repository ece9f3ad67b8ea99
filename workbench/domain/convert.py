"""Conversions of simple values: one function a type, which returns the value, converted where that is unambiguous, or
raises ``Refused`` with what would do.

Text is converted because forms, addresses and JSON have nothing else: ``"10"`` is a Decimal, ``"ten"`` is not, and
nothing is guessed: ``True`` is no int, a float no Decimal, a naive datetime no moment. What Postgres could not store
is refused here.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from math import isfinite
from typing import Any
from uuid import UUID

from workbench.wording import parting


class Refused(ValueError):
    """A value does not fit its kind; the text says what would do. It becomes one Problem of an Invalid."""


def shown(value: object, *, most: int = 60) -> str:
    """A value for a message: its repr, cut at ``most`` characters or after its first line."""
    try:
        text = repr(value)
    except Exception:       # such as an int of more than 4300 digits
        text = f"<{type(value).__name__} that cannot be shown>"
    return _cut(text, most)


def _cut(text: str, most: int = 60) -> str:
    line, _, more = text.partition("\n")
    return line if not more and len(line) <= most else f"{line[:most - 3]}…"


def told(value: object) -> str:
    """A value as one would write it, for the words of a plan or a conflict: without the name of its class; cut."""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return value.isoformat(" ").replace("+00:00", " UTC")
    if isinstance(value, Decimal | UUID | date | time | timedelta):
        return str(value)
    return shown(value)


def told_apart(*values: object) -> list[str]:
    """Values of one field side by side, each as ``told``; long ones that begin alike from a little before the place
    where they part, as ``…a few words more'``."""
    texts = list(map(told, values))
    wholes = [repr(value) if text.endswith("…") else text for value, text in zip(values, texts, strict=True)]
    since = [parting(whole, wholes, 57) for whole in wholes]
    return [_cut(f"…{whole[start:]}") if start else text
            for text, whole, start in zip(texts, wholes, since, strict=True)]


def refuse(value: object, kind: str, wants: str, why: str = "") -> Refused:
    """The refusal of a value that is not of a kind, with what would be."""
    return Refused(f"{shown(value)} is not {kind}{f' ({why})' if why else ''}; give {wants}")


def plain(value: Any) -> Any:
    """A number, bool or text of numpy as the plain Python value; anything else as it is.

    No array of one member, and no datetime64: in nanoseconds its ``item`` is a mere int."""
    if type(value).__module__ != "numpy" or getattr(value, "shape", None) != () or value.dtype.kind not in "biufU":
        return value
    return value.item()


def to_text(value: Any) -> str:
    if not isinstance(value, str):
        text = shown(plain(value))
        is_number = text[:1] in "-0123456789" and isinstance(plain(value), int | float)
        raise refuse(value, "text", f'its text, "{text}"' if is_number else 'a str such as "Ada"')
    text = value if type(value) is str else str.__str__(value)
    if "\x00" in text:
        raise Refused(f"{shown(value)} holds the character NUL, which Postgres cannot store as text; leave it out")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Refused(f"{shown(value)} holds half a surrogate pair, which is no character; leave it out") from None
    return text


_DIGITS = re.compile(r"[+-]?\d+")
WHOLE = "a whole number", '10 or "10"'


def to_int(value: Any) -> int:
    number = value
    if type(number) is not int:
        number = plain(number)
        if isinstance(number, str) and _DIGITS.fullmatch(number.strip()):
            number = int(number) if len(number) < 100 else 2**63        # Python takes long for long ones
        elif isinstance(number, bool) or not isinstance(number, int):
            raise refuse(value, *WHOLE)
        number = int(number)
    if not -(2**63) <= number < 2**63:
        raise refuse(value, "a whole number of 64 bits", "one between -2**63 and 2**63 - 1, or use Decimal")
    return number


def to_float(value: Any) -> float:
    if type(value) is float:
        return value
    number = plain(value)
    if isinstance(number, bool):
        raise refuse(value, "a float", '1.5 or "1.5"')
    if isinstance(number, float):
        return float(number)
    if isinstance(number, int) and -(2**53) <= number <= 2**53:     # beyond, a float would be another number
        return float(number)
    if isinstance(number, str) and "_" not in number:
        try:
            answer = float(number)
        except ValueError:
            raise refuse(value, "a float", '1.5 or "1.5"') from None
        if isfinite(answer) or not any(digit.isdigit() for digit in number):
            return answer
        raise refuse(value, "a float", '1.5 or "inf"', "it is too large")
    raise refuse(value, "a float", '1.5 or "1.5"')


def to_bool(value: Any) -> bool:
    if type(value) is bool:
        return value
    answer = plain(value)
    if isinstance(answer, bool):
        return answer
    if isinstance(answer, str) and answer.strip().lower() in ("true", "false"):
        return answer.strip().lower() == "true"
    raise refuse(value, "a bool", 'True, False, "true" or "false"')


DECIMAL = "a Decimal", 'Decimal("10.50"), "10.50" or 10'


def _is_storable(number: Decimal) -> bool:
    """Whether a finite number has no more digits before and behind the point than Postgres keeps."""
    if not -16_384 < number.adjusted() < 131_072:
        return False
    # To count the places takes long, and a number of few digits, far from the least, has none too many.
    few = number.adjusted() > -16_000 and number.__sizeof__() <= 256
    return few or number.as_tuple().exponent > -16_384  # type: ignore[operator]  # an int, for it is finite


def to_decimal(value: Any) -> Decimal:
    number = value if type(value) is Decimal else plain(value)
    if isinstance(number, str) and "_" not in number:
        try:
            number = Decimal(number.strip())
        except InvalidOperation:
            raise refuse(value, *DECIMAL) from None
    if isinstance(number, Decimal):
        if number.is_snan():
            raise refuse(value, *DECIMAL, "a signalling NaN cannot be stored")
        if number.is_finite() and not _is_storable(number):
            raise refuse(value, *DECIMAL, "Postgres keeps 131072 digits before the point and 16383 behind it")
        if number.is_nan():
            return Decimal("NaN")       # Postgres knows one, without sign or payload
        return number if type(number) is Decimal else Decimal(number)       # else its class may write it otherwise
    if isinstance(number, int) and not isinstance(number, bool):
        return Decimal(number)
    if isinstance(number, float):
        raise refuse(value, "a Decimal", f'Decimal("{number!r}") or "{number!r}"', "a float is not exact")
    raise refuse(value, *DECIMAL)


def to_uuid(value: Any) -> UUID:
    if isinstance(value, UUID):
        return value
    if isinstance(value, str):
        try:
            return UUID(value.strip())
        except ValueError:
            pass
    raise refuse(value, "a UUID", 'UUID("…") or its text, "12345678-1234-1234-1234-123456789abc"')


_MOMENT = 'an aware datetime such as datetime(2013, 1, 1, 5, tzinfo=UTC) or "2013-01-01T05:00:00Z"'


def to_datetime(value: Any) -> datetime:
    moment = value
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment.strip())
        except ValueError:
            raise refuse(value, "a datetime", _MOMENT) from None
    if not isinstance(moment, datetime) or moment != moment:
        raise refuse(value, "a datetime", _MOMENT)
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise refuse(value, "a moment in time", _MOMENT, "it has no time zone")
    if moment.tzinfo is UTC and type(moment) is datetime:
        return moment
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise refuse(value, "a datetime that exists in UTC", _MOMENT) from None
    if type(moment) is datetime:
        return moment
    return datetime(moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second,
                    moment.microsecond, UTC)     # a pandas Timestamp: its nanoseconds cannot be stored


def to_date(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str):
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            pass
    raise refuse(value, "a date", 'date(2013, 1, 31) or "2013-01-31"')


def to_time(value: Any) -> time:
    moment = value
    if isinstance(moment, str):
        try:
            moment = time.fromisoformat(moment.strip())
        except ValueError:
            moment = None
    if isinstance(moment, time) and moment.tzinfo is None:
        return moment.replace(fold=0)
    raise refuse(value, "a time of day without a zone", 'time(5, 30) or "05:30"')


_SPAN = re.compile(
    r"(?P<sign>-)?P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d{1,6})?)S)?)?")
_CLOCK = re.compile(
    r"(?:(?P<days>-?\d+) days?, )?(?P<hours>\d+):(?P<minutes>\d\d)(?::(?P<seconds>\d\d(?:\.\d{1,6})?))?")


def to_timedelta(value: Any) -> timedelta:
    if isinstance(value, timedelta) and value == value:
        return value if type(value) is timedelta else timedelta(value.days, value.seconds, value.microseconds)
    if isinstance(value, str):
        match = _SPAN.fullmatch(value.strip()) or _CLOCK.fullmatch(value.strip())
        if match is not None:
            parts = match.groupdict()
            sign = -1 if parts.pop("sign", None) else 1
            given = {unit: Decimal(part) for unit, part in parts.items() if part is not None}
            if given:
                try:
                    micro = int(given.pop("seconds", Decimal(0)) * 1_000_000)
                    return sign * (timedelta(microseconds=micro) + timedelta(**{k: int(v) for k, v in given.items()}))
                except OverflowError:
                    pass
    raise refuse(value, "a length of time", 'timedelta(hours=2, minutes=30), "PT2H30M" or "2:30:00"')


def dump_timedelta(span: timedelta) -> str:
    """ISO 8601, ``PT2H30M``: exact, without what is none, and read back by ``to_timedelta``."""
    sign, span = ("-", -span) if span < timedelta(0) else ("", span)
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    exact = f"{seconds}.{span.microseconds:06}" if span.microseconds else seconds
    clock = "".join(f"{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M"), (exact, "S")) if count)
    day = f"{span.days}D" if span.days else ""
    return f"{sign}P{day}{f'T{clock}' if clock else ''}" if day or clock else "PT0S"


def to_bytes(value: Any) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, str) and value.startswith("\\x"):
        try:
            return bytes.fromhex(value[2:])
        except ValueError:
            pass
    raise refuse(value, "bytes", r'b"…" or hexadecimal text as Postgres shows it, "\x0a1b"')
