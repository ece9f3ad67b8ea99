"""Hypothesis strategies for everything a Datadef can hold, within what Postgres can store.

``values(annotation)`` gives values as a field of that type keeps them; ``resource_classes()`` gives Resource classes
over all field types, and ``items(cls)`` their instances. No NaN, which equals nothing, is among them.
"""

import types
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from workbench.domain.datadef import Datadef, field
from workbench.domain.kinds import EnumKind, ListKind, OptionalKind, RecordKind, kind_of
from workbench.domain.resource import Resource


class Colour(Enum):
    """Members with text values: stored by value."""

    RED = "red"
    DARK_GREEN = "dark green"


class Size(IntEnum):
    """Members with numbers: stored by name."""

    SMALL = 1
    LARGE = 2


class Shape(StrEnum):
    """Members that are text."""

    ROUND = "round"
    FLAT = "flat"


class Address(Datadef):
    """A nested record with a field of its own that may be None."""

    city = field(str)
    house = field(int | None)


class Leg(Datadef):
    """A nested record that nests another one and a list."""

    to = field(Address)
    took = field(timedelta)
    stops = field(list[str], initial=[])


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
WHOLE = st.integers(-(2**63), 2**63 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6)
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: WHOLE,
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**24), max_value=10**24),
    UUID: st.uuids(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    date: st.dates(),
    time: st.times(),
    timedelta: st.timedeltas(),
    bytes: st.binary(max_size=12),
    dict: st.dictionaries(TEXT, JSON, max_size=3).map(kind_of(dict).convert),
    list: st.lists(JSON, max_size=3).map(kind_of(list).convert),
}
ANNOTATIONS: list[Any] = [
    *SIMPLE, Colour, Size, Shape, Address, Leg, list[str], list[int], list[Decimal], list[datetime], list[Colour],
    list[Leg], list[list[int]], list[int | None], *(annotation | None for annotation in SIMPLE), Colour | None,
    Leg | None, list[str] | None]
# Names that are keywords of SQL, a case, a digit: all that a table derived from the fields has to quote.
NAMES = ["owner", "order", "user", "group", "limit", "table", "select", "Mixed", "a1", "long_name_of_a_field", "values"]
ANNOTATION = st.sampled_from(ANNOTATIONS)


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of a field of this type, as the field keeps them."""
    if annotation in SIMPLE:
        return SIMPLE[annotation]
    kind = kind_of(annotation)
    if isinstance(kind, OptionalKind):
        return st.none() | values(kind.inner.annotation)
    if isinstance(kind, ListKind):
        return st.lists(values(kind.inner.annotation), max_size=4).map(kind.convert)
    if isinstance(kind, EnumKind):
        return st.sampled_from(list(annotation))
    assert isinstance(kind, RecordKind)
    return records(annotation)


def records(cls: Any) -> st.SearchStrategy[Any]:
    """Instances of a Datadef class."""
    given_values = {name: values(declared.kind.annotation) for name, declared in cls._fields.items()
                    if not name.startswith("_")}
    return st.builds(cls, **given_values)


@st.composite
def datadef_classes(draw: st.DrawFn, base: type[Datadef] = Datadef, **stamps: Any) -> Any:
    """Subclasses of Datadef (or of ``base``), of one to six fields of any type."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
    fields = {name: field(draw(ANNOTATION)) for name in names}
    return types.new_class("Generated", (base,), {}, lambda namespace: namespace.update(fields | stamps))


@st.composite
def resource_classes(draw: st.DrawFn) -> Any:
    """Resource classes over all field types and all types of identifier, some with soft delete."""
    stamps = {"_id": field(draw(st.sampled_from([UUID, str, int])))}
    if draw(st.booleans()):
        stamps["_deleted"] = field(datetime | None)
    return draw(datadef_classes(Resource, **stamps))


def items(cls: Any) -> st.SearchStrategy[Any]:
    """Instances of a Resource class, their identifiers drawn too, their other stamps empty."""
    given_values = {name: values(declared.kind.annotation) for name, declared in cls._fields.items()
                    if not name.startswith("_")}
    return st.builds(cls, _id=values(cls._fields["_id"].kind.annotation), **given_values)
