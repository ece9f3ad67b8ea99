"""The kinds of value a field can hold: one table from a type to how it is checked, converted and written as JSON.

A ``Kind`` answers three questions about one type: does this value fit (``convert`` returns it, converted where that is
unambiguous, or raises ``Refused`` with what would do), how is it written as JSON (``dump``), and which Python classes
can a checked value have (``python``). ``kind_of(annotation)`` finds the Kind; compound ones are built from simple ones.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping, Set
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any, get_args, get_origin
from uuid import UUID

from workbench.domain.convert import (
    DECIMAL,
    WHOLE,
    Refused,
    dump_timedelta,
    plain,
    refuse,
    shown,
    to_bool,
    to_bytes,
    to_date,
    to_datetime,
    to_decimal,
    to_float,
    to_int,
    to_text,
    to_time,
    to_timedelta,
    to_uuid,
)
from workbench.domain.frozen import FrozenDict, FrozenList
from workbench.domain.json_values import to_json_dict, to_json_list
from workbench.domain.place import place_of
from workbench.errors import DefinitionError, Invalid, Problem


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

    @property
    def bare(self) -> Kind:
        """The kind of everything but None: of an OptionalKind its ``inner`` one, else this one."""
        return self

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

    @property
    def bare(self) -> Kind:
        return self.inner


class ListKind(Kind):
    """A list whose members are all of one kind, ``inner``; kept as a FrozenList."""

    __slots__ = ("inner",)

    def __init__(self, inner: Kind, annotation: Any) -> None:
        convert, dump, name = inner.convert, inner.dump, f"a list, each {inner.name}"

        def refused(value: Any) -> Refused:
            try:
                convert(value)
            except (Refused, Invalid):
                return refuse(value, name, self.wants)
            return refuse(value, name, f"[{shown(value)}]")

        def convert_all(value: Any) -> FrozenList:
            if isinstance(value, str | bytes | Mapping | Set) or not hasattr(value, "__iter__"):
                raise refused(value)    # a set has no order to keep
            try:
                given = iter(value)
            except TypeError:       # a class of lists, or an array of numpy without a dimension
                raise refused(value) from None
            members: list[Any] = []
            faults: list[Problem] = []
            nested = False
            for place, member in enumerate(given):
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
        for text in members:
            try:
                to_text(text)
            except Refused as refusal:
                raise DefinitionError(f"{enum!r} cannot be the type of a field: {refusal}") from None

        def convert(value: Any) -> Enum:
            if isinstance(value, Enum):
                # A cell that ran twice made a second class of the same name: its members are meant. A Flag made of
                # several members is none of them.
                if (type(value) is enum or place_of(type(value)) == place_of(enum)) and value.name in enum.__members__:
                    return enum[value.name]
            elif isinstance(value, str) and value in members:
                return members[value]
            elif isinstance(value, str) and value in enum.__members__:
                return enum[value]
            else:
                given = plain(value)
                for member in enum:
                    if type(member.value) is type(given) and member.value == given:     # 1 is neither True nor 1.0
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
            if hasattr(type(value), "_fields") and place_of(type(value)) == place_of(record):
                # Made by an earlier run of the cell that defines it.
                return record(**{field: getattr(value, field) for field in value._fields})
            raise Refused(f"{shown(value)} is not {name}")

        super().__init__(record, name, name, convert, dump=dumped, python=(record,))


def dumped(record: Any) -> dict[str, Any]:
    """The public fields of a Datadef as JSON values, by field name in the order of definition."""
    return {name: field.kind.dump(getattr(record, name)) for name, field in record._public.items()}


def _keyed(value: Mapping[Any, Any]) -> dict[str, Any]:
    for key in value:
        if not isinstance(key, str):
            raise Refused(f"the key {shown(key)} is not text")
    return dict(value)


SIMPLE: Mapping[Any, Kind] = types.MappingProxyType({kind.annotation: kind for kind in (
    Kind(str, "text", 'a str such as "Ada"', to_text),
    Kind(int, *WHOLE, to_int),
    Kind(float, "a float", '1.5 or "1.5"', to_float,
         dump=lambda number: number if isfinite(number) else str(number)),
    Kind(bool, "a bool", "True or False", to_bool),
    Kind(Decimal, *DECIMAL, to_decimal, dump=str),
    Kind(UUID, "a UUID", 'UUID("…") or its text', to_uuid, dump=str),
    Kind(datetime, "an aware datetime", '"2013-01-01T05:00:00Z"', to_datetime,
         dump=lambda moment: moment.isoformat()),
    Kind(date, "a date", '"2013-01-31"', to_date, dump=lambda day: day.isoformat()),
    Kind(time, "a time of day", '"05:30"', to_time, dump=lambda moment: moment.isoformat()),
    Kind(timedelta, "a length of time", '"PT2H30M"', to_timedelta, dump=dump_timedelta),
    Kind(bytes, "bytes", r'"\x0a1b"', to_bytes, dump=lambda raw: f"\\x{raw.hex()}"),
    Kind(dict, "a mapping", '{"a": 1}', to_json_dict, python=(FrozenDict,)),
    Kind(list, "a list", '["a", 1]', to_json_list, python=(FrozenList,)),
    Kind(object, "any value", "any value", lambda value: value),
)})


def _record_kind(record: Any) -> RecordKind:
    """The Kind of a Datadef class; raises DefinitionError for one with fields that are not written with the others."""
    hidden = [name for name in record._fields if name.startswith("_")]
    if not hidden:
        return RecordKind(record)
    name = record.__name__
    if "_id" in hidden:     # a Resource
        raise DefinitionError(
            f"{name} cannot be the type of a field: its items are rows of their own; give the identifier of one: "
            f"field({record._fields['_id'].kind.annotation.__name__}, references={name})")
    raise DefinitionError(f"{name} cannot be the type of a field: {', '.join(hidden)} would not be stored with it; "
                          "give a Datadef of the fields that are meant")


def kind_of(annotation: Any) -> Kind:
    """The Kind of a type as written in ``field(type)``.

    Raises DefinitionError for a type that no field can have."""
    try:
        return SIMPLE[annotation]
    except (KeyError, TypeError):       # it is none of them, or has no hash
        pass
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        inner = [argument for argument in arguments if argument is not type(None)]
        if len(inner) == 1 and len(arguments) == 2:
            return OptionalKind(kind_of(inner[0]), annotation)
    elif origin is list and len(arguments) == 1:
        return ListKind(kind_of(arguments[0]), annotation)
    elif origin is dict and arguments in ((str, Any), (str, object)):
        return SIMPLE[dict]     # of other arguments nothing would be checked, so they are refused
    elif isinstance(annotation, type):
        if issubclass(annotation, Enum) and len(annotation):
            return EnumKind(annotation)
        if isinstance(getattr(annotation, "_fields", None), Mapping):
            return _record_kind(annotation)
    simple = ", ".join(sorted(kind.__name__ for kind in SIMPLE if kind is not object))
    raise DefinitionError(
        f"{annotation!r} cannot be the type of a field; there is: {simple}, an Enum, a Datadef, list[T], and T | None")
