"""The kinds of value a field can hold: one table from a type to how it is checked, converted and written as JSON.

A ``Kind`` answers three questions about one type: does this value fit (``convert`` returns it, converted where that is
unambiguous, or raises ``Refused`` with what would do), how is it written as JSON (``dump``), and which Python classes
can a checked value have (``python``). ``kind_of(annotation)`` finds the Kind; compound ones are built from simple ones.

Text is converted because forms, addresses and JSON have nothing else: ``"10"`` is a Decimal, ``"ten"`` is not, and
nothing is guessed: ``True`` is no int, a float no Decimal, a naive datetime no moment.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Hashable, Iterable, Mapping, Set
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from math import isfinite
from typing import Any, get_args, get_origin
from uuid import UUID

from workbench.domain.frozen import FrozenDict, FrozenList
from workbench.errors import DefinitionError, Invalid, Problem


class Refused(ValueError):
    """A value does not fit its kind; the text says what would do. It becomes one Problem of an Invalid."""


def shown(value: object) -> str:
    """A value for a message: its repr, cut at 60 characters."""
    try:
        text = repr(value)
    except Exception:       # such as an int of more than 4300 digits
        text = f"<{type(value).__name__} that cannot be shown>"
    return text if len(text) <= 60 else f"{text[:57]}…"


def within(place: str, problems: Iterable[Problem]) -> list[Problem]:
    """Problems of a nested value under the name of where it stands: ``to.city``, ``lines[1].quantity``."""
    return [Problem(place if not field else f"{place}{field}" if field.startswith("[") else f"{place}.{field}",
                    value, reason) for field, value, reason in problems]


class Kind:
    """One type of field: ``name`` ("a Decimal") and ``wants`` ("10 or "10.50"") are the words of its errors."""

    __slots__ = ("annotation", "convert", "dump", "name", "python", "wants")

    def __init__(
        self, annotation: Any, name: str, wants: str, convert: Callable[[Any], Any], *,
        dump: Callable[[Any], Any] = lambda value: value, python: tuple[type, ...] = (),
    ) -> None:
        self.annotation, self.name, self.wants, self.dump = annotation, name, wants, dump
        self.convert = convert
        self.python = python or (annotation,)

    def __repr__(self) -> str:
        return f"<kind: {self.name}>"


class OptionalKind(Kind):
    """A kind that admits None as well; ``inner`` is the kind of everything else."""

    __slots__ = ("inner",)

    def __init__(self, inner: Kind, annotation: Any) -> None:
        convert, dump = inner.convert, inner.dump
        super().__init__(
            annotation, f"{inner.name} or None", f"{inner.wants} or None",
            lambda value: None if value is None else convert(value),
            dump=lambda value: None if value is None else dump(value), python=(*inner.python, type(None)))
        self.inner = inner


class ListKind(Kind):
    """A list whose members are all of one kind, ``inner``; kept as a FrozenList."""

    __slots__ = ("inner",)

    def __init__(self, inner: Kind, annotation: Any) -> None:
        convert, dump, name = inner.convert, inner.dump, f"a list, each {inner.name}"

        def convert_all(value: Any) -> FrozenList:
            if isinstance(value, str | bytes | Mapping | Set) or not hasattr(value, "__iter__"):
                raise Refused(f"{shown(value)} is not {name}")      # a set has no order to keep
            members: list[Any] = []
            faults: list[Problem] = []
            nested = False
            for place, member in enumerate(value):
                try:
                    members.append(convert(member))
                except Refused as refusal:
                    faults.append(Problem(f"[{place}]", member, str(refusal)))
                except Invalid as refusal:
                    nested = True
                    faults += within(f"[{place}]", refusal.problems)
            if nested:
                raise Invalid(name, faults)
            if faults:
                raise Refused("; ".join(f"{fault.field} {fault.reason}" for fault in faults))
            return FrozenList(members)

        super().__init__(annotation, name, f"a list such as [{inner.wants}, …]", convert_all,
                         dump=lambda value: [dump(member) for member in value], python=(FrozenList,))
        self.inner = inner


class EnumKind(Kind):
    """A member of an Enum, also given by its value or its name; written and stored as ``text_of`` it."""

    __slots__ = ("members",)

    def __init__(self, enum: type[Enum]) -> None:
        by_value = all(isinstance(member.value, str) for member in enum)
        self.members: Mapping[str, Enum] = {
            member.value if by_value else member.name: member for member in enum}
        members, name = self.members, f"one of {', '.join(self.members)}"

        def convert(value: Any) -> Enum:
            if isinstance(value, Enum):
                # A cell that ran twice made a second class of the same name: its members are meant. A Flag made of
                # several members is none of them.
                if (type(value) is enum or _same_place(type(value), enum)) and value.name in enum.__members__:
                    return enum[value.name]
            elif isinstance(value, str) and value in members:
                return members[value]
            elif isinstance(value, str) and value in enum.__members__:
                return enum[value]
            else:
                plain = _scalar(value)
                for member in enum:
                    if type(member.value) is type(plain) and member.value == plain:     # 1 is neither True nor 1.0
                        return member
            raise Refused(f"{shown(value)} is not {name}")

        super().__init__(enum, name, name, convert, python=(enum,),
                         dump=(lambda member: member.value) if by_value else (lambda member: member.name))


class RecordKind(Kind):
    """A nested Datadef, also given as a mapping of its fields."""

    __slots__ = ()

    def __init__(self, record: Any) -> None:
        name = f"{record.__name__} or a mapping of its fields"

        def convert(value: Any) -> Any:
            if type(value) is record:
                return value
            if isinstance(value, record):
                raise Refused(f"{shown(value)} is a {type(value).__name__}, whose further fields would be lost; "
                              f"give a {record.__name__}")
            if isinstance(value, Mapping):
                return record(**_keyed(value))
            if hasattr(type(value), "_fields") and _same_place(type(value), record):
                # Made by an earlier run of the cell that defines it.
                return record(**{field: getattr(value, field) for field in value._fields})
            raise Refused(f"{shown(value)} is not {name}")

        super().__init__(record, name, name, convert, dump=dumped, python=(record,))


def dumped(record: Any) -> dict[str, Any]:
    """The public fields of a Datadef as JSON values, by field name in the order of definition."""
    return {name: field.kind.dump(getattr(record, name))
            for name, field in record._fields.items() if not name.startswith("_")}


def _same_place(one: type[Any], other: type[Any]) -> bool:
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


def _keyed(value: Mapping[Any, Any]) -> dict[str, Any]:
    for key in value:
        if not isinstance(key, str):
            raise Refused(f"the key {shown(key)} is not text")
    return dict(value)


# ------------------------------------------------------------------------------------------------ the simple kinds

def _refuse(value: object, kind: str, wants: str, why: str = "") -> Refused:
    return Refused(f"{shown(value)} is not {kind}{f' ({why})' if why else ''}; give {wants}")


def _scalar(value: Any) -> Any:
    """A number, bool or text of numpy as the plain Python value; anything else as it is.

    No array of one member, and no datetime64: in nanoseconds its ``item`` is a mere int."""
    if type(value).__module__ != "numpy" or getattr(value, "shape", None) != () or value.dtype.kind not in "biufU":
        return value
    return value.item()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _refuse(value, "text", 'a str such as "Ada"')
    text = value if type(value) is str else str.__str__(value)
    if "\x00" in text:
        raise Refused(f"{shown(value)} holds the character NUL, which Postgres cannot store as text; leave it out")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Refused(f"{shown(value)} holds half a surrogate pair, which is no character; leave it out") from None
    return text


_WHOLE = re.compile(r"[+-]?\d+")
_INT = "a whole number", '10 or "10"'


def _int(value: Any) -> int:
    number = value
    if type(number) is not int:
        number = _scalar(number)
        if isinstance(number, str) and len(number) < 100 and _WHOLE.fullmatch(number.strip()):
            number = int(number)
        elif isinstance(number, bool) or not isinstance(number, int):
            raise _refuse(value, *_INT)
        number = int(number)
    if not -(2**63) <= number < 2**63:
        raise _refuse(value, "a whole number of 64 bits", "one between -2**63 and 2**63 - 1, or use Decimal")
    return number


def _float(value: Any) -> float:
    number = _scalar(value)
    if isinstance(number, bool):
        raise _refuse(value, "a float", '1.5 or "1.5"')
    if isinstance(number, float):
        return float(number)
    if isinstance(number, int) and -(2**53) <= number <= 2**53:     # beyond, a float would be another number
        return float(number)
    if isinstance(number, str) and "_" not in number:
        try:
            answer = float(number)
        except ValueError:
            raise _refuse(value, "a float", '1.5 or "1.5"') from None
        if isfinite(answer) or not any(digit.isdigit() for digit in number):
            return answer
        raise _refuse(value, "a float", '1.5 or "inf"', "it is too large")
    raise _refuse(value, "a float", '1.5 or "1.5"')


def _bool(value: Any) -> bool:
    answer = _scalar(value)
    if isinstance(answer, bool):
        return answer
    if isinstance(answer, str) and answer.strip().lower() in ("true", "false"):
        return answer.strip().lower() == "true"
    raise _refuse(value, "a bool", 'True, False, "true" or "false"')


_DECIMAL = "a Decimal", 'Decimal("10.50"), "10.50" or 10'


def _decimal(value: Any) -> Decimal:
    number = _scalar(value)
    if isinstance(number, str) and "_" not in number:
        try:
            number = Decimal(number.strip())
        except InvalidOperation:
            raise _refuse(value, *_DECIMAL) from None
    if isinstance(number, Decimal):
        if number.is_snan():
            raise _refuse(value, *_DECIMAL, "a signalling NaN cannot be stored")
        return number if not number.is_nan() else Decimal("NaN")    # Postgres knows one NaN, without sign or payload
    if isinstance(number, int) and not isinstance(number, bool):
        return Decimal(number)
    if isinstance(number, float):
        raise _refuse(value, "a Decimal", f'Decimal("{number!r}") or "{number!r}"', "a float is not exact")
    raise _refuse(value, *_DECIMAL)


def _uuid(value: Any) -> UUID:
    if isinstance(value, UUID):
        return value
    if isinstance(value, str):
        try:
            return UUID(value.strip())
        except ValueError:
            pass
    raise _refuse(value, "a UUID", 'UUID("…") or its text, "12345678-1234-1234-1234-123456789abc"')


_MOMENT = 'an aware datetime such as datetime(2013, 1, 1, 5, tzinfo=UTC) or "2013-01-01T05:00:00Z"'


def _datetime(value: Any) -> datetime:
    moment = value
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment.strip())
        except ValueError:
            raise _refuse(value, "a datetime", _MOMENT) from None
    if not isinstance(moment, datetime) or moment != moment:
        raise _refuse(value, "a datetime", _MOMENT)
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise _refuse(value, "a moment in time", _MOMENT, "it has no time zone")
    if moment.tzinfo is UTC and type(moment) is datetime:
        return moment
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise _refuse(value, "a datetime that exists in UTC", _MOMENT) from None
    if type(moment) is datetime:
        return moment
    return datetime(moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second,
                    moment.microsecond, UTC)     # a pandas Timestamp: its nanoseconds cannot be stored


def _date(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str):
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            pass
    raise _refuse(value, "a date", 'date(2013, 1, 31) or "2013-01-31"')


def _time(value: Any) -> time:
    moment = value
    if isinstance(moment, str):
        try:
            moment = time.fromisoformat(moment.strip())
        except ValueError:
            moment = None
    if isinstance(moment, time) and moment.tzinfo is None:
        return moment.replace(fold=0)
    raise _refuse(value, "a time of day without a zone", 'time(5, 30) or "05:30"')


_SPAN = re.compile(
    r"(?P<sign>-)?P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d{1,6})?)S)?)?")
_CLOCK = re.compile(
    r"(?:(?P<days>-?\d+) days?, )?(?P<hours>\d+):(?P<minutes>\d\d)(?::(?P<seconds>\d\d(?:\.\d{1,6})?))?")


def _timedelta(value: Any) -> timedelta:
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
    raise _refuse(value, "a length of time", 'timedelta(hours=2, minutes=30), "PT2H30M" or "2:30:00"')


def _dump_timedelta(span: timedelta) -> str:
    """ISO 8601 in days and seconds: exact, and read back by ``_timedelta``."""
    sign, span = ("-", -span) if span < timedelta(0) else ("", span)
    fraction = f".{span.microseconds:06}" if span.microseconds else ""
    return f"{sign}P{span.days}DT{span.seconds}{fraction}S"


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, str) and value.startswith("\\x"):
        try:
            return bytes.fromhex(value[2:])
        except ValueError:
            pass
    raise _refuse(value, "bytes", r'b"…" or hexadecimal text as Postgres shows it, "\x0a1b"')


def _json(value: Any) -> Any:
    """A JSON value, frozen all the way down; numbers must be finite, texts storable, keys text."""
    if value is None or type(value) is bool or type(value) is int or (type(value) is float and isfinite(value)):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return FrozenDict({_text(key): _json(member) for key, member in value.items()})
    if isinstance(value, list | tuple):
        return FrozenList([_json(member) for member in value])
    number = _scalar(value)
    if isinstance(number, bool):
        return number
    if isinstance(number, int):
        return int(number)      # no IntEnum: it would come back as another value
    if isinstance(number, float) and isfinite(number):
        return float(number)
    raise Refused(
        f"{shown(value)} is not a JSON value; give text, finite numbers, bools, None, or lists and dicts of them")


def _all_json(value: Any) -> Any:
    try:
        return _json(value)
    except RecursionError:
        raise Refused("this value holds itself, or is nested too deep to be JSON") from None


def _json_dict(value: Any) -> FrozenDict:
    if not isinstance(value, Mapping):
        raise _refuse(value, "a mapping", 'a dict such as {"a": 1}')
    frozen = _all_json(value)
    assert isinstance(frozen, FrozenDict)
    return frozen


def _json_list(value: Any) -> FrozenList:
    if not isinstance(value, list | tuple):
        raise _refuse(value, "a list", 'a list such as ["a", 1]')
    frozen = _all_json(value)
    assert isinstance(frozen, FrozenList)
    return frozen


SIMPLE: Mapping[Any, Kind] = types.MappingProxyType({kind.annotation: kind for kind in (
    Kind(str, "text", 'a str such as "Ada"', _text),
    Kind(int, *_INT, _int),
    Kind(float, "a float", '1.5 or "1.5"', _float,
         dump=lambda number: number if isfinite(number) else str(number)),
    Kind(bool, "a bool", "True or False", _bool),
    Kind(Decimal, *_DECIMAL, _decimal, dump=str),
    Kind(UUID, "a UUID", 'UUID("…") or its text', _uuid, dump=str),
    Kind(datetime, "an aware datetime", '"2013-01-01T05:00:00Z"', _datetime,
         dump=lambda moment: moment.isoformat()),
    Kind(date, "a date", '"2013-01-31"', _date, dump=lambda day: day.isoformat()),
    Kind(time, "a time of day", '"05:30"', _time, dump=lambda moment: moment.isoformat()),
    Kind(timedelta, "a length of time", '"PT2H30M"', _timedelta, dump=_dump_timedelta),
    Kind(bytes, "bytes", r'"\x0a1b"', _bytes, dump=lambda raw: f"\\x{raw.hex()}"),
    Kind(dict, "a mapping", '{"a": 1}', _json_dict, python=(FrozenDict,)),
    Kind(list, "a list", '["a", 1]', _json_list, python=(FrozenList,)),
    Kind(object, "any value", "any value", lambda value: value),
)})


def kind_of(annotation: Any) -> Kind:
    """The Kind of a type as written in ``field(type)``.

    Raises DefinitionError for a type that no field can have."""
    if isinstance(annotation, Hashable) and annotation in SIMPLE:
        return SIMPLE[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        inner = [argument for argument in arguments if argument is not type(None)]
        if len(inner) == 1 and len(arguments) == 2:
            return OptionalKind(kind_of(inner[0]), annotation)
    elif origin is list and arguments:
        return ListKind(kind_of(arguments[0]), annotation)
    elif origin is dict and arguments[:1] == (str,) and arguments[1] in (Any, object):
        return SIMPLE[dict]     # of other arguments nothing would be checked, so they are refused
    elif isinstance(annotation, type):
        if issubclass(annotation, Enum) and len(annotation):
            return EnumKind(annotation)
        if isinstance(getattr(annotation, "_fields", None), Mapping):
            return RecordKind(annotation)
    simple = ", ".join(sorted(kind.__name__ for kind in SIMPLE if kind is not object))
    raise DefinitionError(
        f"{annotation!r} cannot be the type of a field; there is: {simple}, an Enum, a Datadef, list[T], and T | None")
