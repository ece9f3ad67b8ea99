"""What a field of each type takes, converts and refuses, and how it is written as JSON."""

import copy
import json
import pickle
import types
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntFlag
from typing import Annotated, Any, List, Optional, Union  # noqa: UP035  # users write the old names too
from uuid import UUID, uuid4

import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import ANNOTATION, JSON, Colour, Shape, Size, values
from workbench.domain.convert import Refused
from workbench.domain.datadef import Datadef, field
from workbench.domain.entity import Command
from workbench.domain.frozen import FrozenDict, FrozenList
from workbench.domain.kinds import kind_of
from workbench.domain.resource import Resource
from workbench.domain.sameness import same
from workbench.errors import DefinitionError, Invalid


def convert(annotation, value):
    return kind_of(annotation).convert(value)


def refusal(annotation, value):
    with pytest.raises(Refused) as caught:
        convert(annotation, value)
    return str(caught.value)


# ------------------------------------------------------------------------------------------------ for all kinds

@given(st.data())
def test_what_is_written_is_read_back(data):
    """A value of any kind, written as JSON text and read again, is the same value of the same class."""
    annotation = data.draw(ANNOTATION)
    kind = kind_of(annotation)
    value = data.draw(values(annotation))
    again = kind.convert(json.loads(json.dumps(kind.dump(value))))
    assert (again, type(again)) == (value, type(value))
    assert isinstance(again, kind.python)


@given(st.data())
def test_a_kept_value_is_kept(data):
    """Converting what a field holds already gives an equal value, so that records can be built from records."""
    annotation = data.draw(ANNOTATION)
    value = data.draw(values(annotation))
    again = convert(annotation, value)
    assert (again, type(again)) == (value, type(value))


def test_a_number_where_text_is_wanted():
    """A number, as an ISBN out of a table, is refused with its text; all else that is no text with an example."""
    for value in (9780441172719, numpy.int64(9780441172719)):
        assert refusal(str, value).endswith(' is not text; give its text, "9780441172719"')
    assert refusal(str, 1.5) == '1.5 is not text; give its text, "1.5"'
    for value in (True, None, [1], 10**5000):
        assert refusal(str, value).endswith(' is not text; give a str such as "Ada"')


@given(st.data())
def test_each_kind_refuses_or_converts_and_nothing_else(data):
    """Given a value of any other type, a kind gives one of its own values or a refusal, never another error."""
    kind = kind_of(data.draw(ANNOTATION))
    value = data.draw(values(data.draw(ANNOTATION)) | st.integers() | st.text() | st.floats() | st.decimals())
    try:
        answer = kind.convert(value)
    except (Refused, Invalid):
        return
    assert isinstance(answer, kind.python)


# ------------------------------------------------------------------------------------------------ nothing is guessed

class Permission(IntFlag):
    """Members that can be added up to what is no member."""

    READ = 1
    WRITE = 2


class Lamp(Enum):
    """Values that Python holds equal to others."""

    ONE = 1
    YES = True
    TEXT = "text"


LOOP: dict[str, Any] = {}
LOOP["loop"] = LOOP
GUESSES = [
    (int, True), (int, numpy.True_), (int, "ten"), (int, "1_000"), (int, ""), (int, 10.0), (int, "10.0"), (int, "1e3"),
    (int, Decimal(3)), (int, 2**63), (int, -(2**63) - 1), (int, "1" * 5000), (int, 10**5000), (int, None), (int, "²"),
    (int, pandas.NA), (int, numpy.array([5])), (int, numpy.array([5, 6])), (int, numpy.datetime64(1, "ns")),
    (float, True), (float, "1_0"), (float, "ten"), (float, Decimal("1.5")), (float, 2**53 + 1), (float, 10**400),
    (float, "1e999"), (float, numpy.timedelta64(5, "ns")), (float, None),
    (bool, 1), (bool, 0), (bool, "yes"), (bool, "1"), (bool, ""), (bool, None), (bool, numpy.int64(1)),
    (Decimal, 1.5), (Decimal, numpy.float64(1.5)), (Decimal, True), (Decimal, "ten"), (Decimal, "1_000"),
    (Decimal, "1,5"), (Decimal, (0, (1,), 0)), (Decimal, "sNaN"), (Decimal, Decimal("sNaN")), (Decimal, ""),
    (str, 5), (str, b"a"), (str, None), (str, "a\x00b"), (str, "\ud800"), (str, Colour.RED),
    (UUID, 5), (UUID, "5"), (UUID, b"x" * 16),
    (datetime, datetime(2013, 1, 1)), (datetime, "2013-01-01T05:00"), (datetime, "2013-01-01"), (datetime, 1356998400),
    (datetime, date(2013, 1, 1)), (datetime, pandas.NaT), (datetime, pandas.Timestamp("2013-01-01")),
    (datetime, datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))),
    (datetime, datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))),
    (datetime, "9999-12-31T23:59:59-01:00"), (datetime, numpy.datetime64("2013-01-01")),
    (date, datetime(2013, 1, 1)), (date, pandas.Timestamp("2013-01-01")), (date, pandas.NaT), (date, "31.1.2013"),
    (date, "2013-01-31T00:00"),
    (time, time(5, tzinfo=UTC)), (time, "05:30Z"), (time, "5.30"), (time, datetime(2013, 1, 1, tzinfo=UTC)),
    (timedelta, 5), (timedelta, "5"), (timedelta, "PT"), (timedelta, "P"), (timedelta, "P1Y"), (timedelta, "-0:00:01"),
    (timedelta, "P99999999999D"), (timedelta, f"PT{'9' * 40}S"), (timedelta, pandas.NaT), (timedelta, "PT1.1234567S"),
    (bytes, "abc"), (bytes, 5), (bytes, "\\xzz"), (bytes, [1, 2]),
    (Colour, "blue"), (Colour, Shape.ROUND), (Size, "1"), (Size, True), (Size, 1.0), (Size, 3), (Size, [1]),
    (Size, numpy.array([1, 2])), (Permission, Permission.READ | Permission.WRITE), (Permission, Permission(0)),
    (Permission, 3), (Lamp, 1.0), (Lamp, None),
    (dict, {"a": float("nan")}), (dict, {"a": numpy.nan}), (dict, {"a": float("inf")}), (dict, {1: 2}),
    (dict, {"a": {1}}), (dict, {"a": Decimal(1)}), (dict, {"a": "\x00"}), (dict, {"\x00": 1}), (dict, {"a": "\ud800"}),
    (dict, '{"a": 1}'), (dict, [("a", 1)]), (dict, {"a": b"x"}), (dict, {"a": datetime(2013, 1, 1)}), (dict, LOOP),
    (dict, FrozenDict(a=Decimal(1))), (list, FrozenList([Decimal(1)])), (list, {1}), (list, "[1]"), (list, {"a": 1}),
    (list[str], "abc"), (list[str], {"abc"}), (list[str], {"a": 1}), (list[int], 5), (list[int], [1, None]),
    (list[int], numpy.array([[1, 2]])), (list[int], numpy.array(5)), (list[int], list), (list[bytes], b"abc"),
    (Decimal, "1.5E-16383"), (Decimal, Decimal("1.5E-16383")), (Decimal, Decimal(f"1.{'0' * 20_000}1")),
    (Decimal, Decimal("0E-16384")), (dict, {"a": 10**4300}), (dict, {"a": [-(10**4300)]}), (list, [10**4300]),
    (Decimal | None, float("nan")), (int | None, ""),
]


@pytest.mark.parametrize("annotation, value", GUESSES, ids=[str(number) for number in range(len(GUESSES))])
def test_what_is_not_clear_is_refused(annotation, value):
    """A value that would have to be guessed, rounded or cut is refused."""
    assert refusal(annotation, value)


@pytest.mark.parametrize("annotation, value, words", [
    (int, True, 'True is not a whole number; give 10 or "10"'),
    (int, 2**63, "9223372036854775808 is not a whole number of 64 bits; give one between -2**63 and 2**63 - 1, "
                 "or use Decimal"),
    pytest.param(int, 10**5000, "<int that cannot be shown> is not a whole number of 64 bits; give one between -2**63 "
                                "and 2**63 - 1, or use Decimal", id="a number of 5001 digits"),
    (int, "9" * 100, f"'{'9' * 56}… is not a whole number of 64 bits; give one between -2**63 and 2**63 - 1, "
                     "or use Decimal"),
    (Decimal, "ten", """'ten' is not a Decimal; give Decimal("10.50"), "10.50" or 10"""),
    (Decimal, 1.5, '1.5 is not a Decimal (a float is not exact); give Decimal("1.5") or "1.5"'),
    (datetime, "2013-01-01T05:00", "'2013-01-01T05:00' is not a moment in time (it has no time zone); give an aware "
                                   'datetime such as datetime(2013, 1, 1, 5, tzinfo=UTC) or "2013-01-01T05:00:00Z"'),
    (date, datetime(2013, 1, 1), "datetime.datetime(2013, 1, 1, 0, 0) is not a date; give date(2013, 1, 31) or "
                                 '"2013-01-31"'),
    (timedelta, "soon", """'soon' is not a length of time; give timedelta(hours=2, minutes=30), "PT2H30M" or """
                        '"2:30:00"'),
    (str, "a\x00b", r"'a\x00b' holds the character NUL, which Postgres cannot store as text; leave it out"),
    (str, "\ud800", r"'\ud800' holds half a surrogate pair, which is no character; leave it out"),
    (bool, "yes", """'yes' is not a bool; give True, False, "true" or "false\""""),
    (Colour, "blue", "'blue' is not one of red, dark green"),
    (Size, "huge", "'huge' is not one of SMALL, LARGE"),
    (list[int], [1, "x", True], """[1] 'x' is not a whole number; give 10 or "10"; [2] True is not a whole number; """
                                'give 10 or "10"'),
    (list[str], "abc", "'abc' is not a list, each text; give ['abc']"),
    (list[int], {1}, "{1} is not a list, each a whole number; give a list such as [10 or \"10\", …]"),
    (list[int], 7, "7 is not a list, each a whole number; give [7]"),
    (dict, {"a": float("nan")}, "nan is not a JSON value; give text, finite numbers, bools, None, or lists and dicts "
                                "of them"),
    (dict, LOOP, "this value holds itself, or is nested too deep to be JSON"),
    (Decimal, "1.5E-16383", "'1.5E-16383' is not a Decimal (Postgres keeps 131072 digits before the point and 16383 "
                            'behind it); give Decimal("10.50"), "10.50" or 10'),
    (dict, {"a": 10**4300}, "a whole number of more than 4300 digits cannot be written as JSON; give it as text"),
    (float, "1e999", "'1e999' is not a float (it is too large); give 1.5 or \"inf\""),
])
def test_a_refusal_says_what_would_do(annotation, value, words):
    """A refusal shows the value, what it is not, and what to give."""
    assert refusal(annotation, value) == words


# ------------------------------------------------------------------------------------------------ what is converted

class Whole(int):
    """A subclass of int, as libraries have them."""


@pytest.mark.parametrize("annotation, value, wanted", [
    (int, " 10 ", 10), (int, "-7", -7), (int, numpy.int64(3), 3), (int, Whole(3), 3), (int, Size.LARGE, 2),
    (float, "1.5", 1.5), (float, 2, 2.0), (float, numpy.float32(1.5), 1.5), (float, " -inf ", float("-inf")),
    (bool, "true", True), (bool, " False ", False), (bool, numpy.True_, True),
    (Decimal, "10", Decimal(10)), (Decimal, 10, Decimal(10)), (Decimal, numpy.int64(10), Decimal(10)),
    (str, Shape.ROUND, "round"), (str, numpy.str_("x"), "x"),
    (UUID, "12345678123412341234123456789abc", UUID("12345678-1234-1234-1234-123456789abc")),
    (datetime, "2013-01-01T05:00:00Z", datetime(2013, 1, 1, 5, tzinfo=UTC)),
    (datetime, "2013-01-01T05:00:00+02:00", datetime(2013, 1, 1, 3, tzinfo=UTC)),
    (datetime, pandas.Timestamp("2013-01-01T05:00", tz="Europe/Rome"), datetime(2013, 1, 1, 4, tzinfo=UTC)),
    (datetime, pandas.Timestamp("2013-01-01T05:00:00.123456789Z"), datetime(2013, 1, 1, 5, 0, 0, 123456, UTC)),
    (datetime, datetime.max.replace(tzinfo=timezone(timedelta(hours=1))),
     datetime(9999, 12, 31, 22, 59, 59, 999999, UTC)),
    (date, "2013-01-31", date(2013, 1, 31)), (time, "05:30", time(5, 30)),
    (timedelta, "PT2H30M", timedelta(hours=2, minutes=30)), (timedelta, "2:30:00", timedelta(hours=2, minutes=30)),
    (timedelta, "P1DT0.5S", timedelta(days=1, microseconds=500_000)), (timedelta, "-PT1S", timedelta(seconds=-1)),
    (timedelta, pandas.Timedelta("1s"), timedelta(seconds=1)),
    (bytes, "\\x0a1b", b"\x0a\x1b"), (bytes, bytearray(b"x"), b"x"), (bytes, memoryview(b"x"), b"x"),
    (Colour, "red", Colour.RED), (Colour, "RED", Colour.RED), (Size, 1, Size.SMALL), (Size, "SMALL", Size.SMALL),
    (Size, numpy.int64(2), Size.LARGE), (Shape, "flat", Shape.FLAT), (Permission, 1, Permission.READ),
    (Lamp, 1, Lamp.ONE), (Lamp, "text", Lamp.TEXT), (Lamp, "TEXT", Lamp.TEXT),
    (dict, {"a": [(1, 2)]}, {"a": [[1, 2]]}), (dict, {"a": Size.SMALL}, {"a": 1}), (list, (1, "a"), [1, "a"]),
    (list[int], ["1", 2], [1, 2]), (list[int], (number for number in (1, 2)), [1, 2]),
    (list[int], numpy.array([1, 2]), [1, 2]), (list[float], pandas.Series([1.0, 2.0]), [1.0, 2.0]),
    (list[list[int]], [["1"], []], [[1], []]), (None | int, "3", 3),
    (Optional[Optional[int]], None, None), (Optional[Optional[int]], "3", 3),  # noqa: UP045
    (Union[int, None], "3", 3), (List[int], ["3"], [3]), (dict[str, Any], {"a": 1}, {"a": 1}),  # noqa: UP006, UP007
])
def test_what_is_clear_is_converted(annotation, value, wanted):
    """Text and numbers of other libraries become the plain value of the field's type."""
    kept = convert(annotation, value)
    assert kept == wanted
    assert type(kept) in kind_of(annotation).python


@given(st.timedeltas())
def test_a_length_of_time_is_read_as_python_writes_it(span):
    """``str(timedelta)`` is read back, negative ones and microseconds included."""
    assert convert(timedelta, str(span)) == span


@given(st.timedeltas())
def test_a_length_of_time_is_stored_exactly(span):
    """What is dumped of a length of time is read back as the same one."""
    assert convert(timedelta, kind_of(timedelta).dump(span)) == span


@pytest.mark.parametrize("span, text", [
    (timedelta(minutes=30), "PT30M"), (timedelta(days=1, hours=2, seconds=3), "P1DT2H3S"), (timedelta(0), "PT0S"),
    (timedelta(weeks=1), "P7D"), (timedelta(seconds=-90), "-PT1M30S"), (timedelta(microseconds=5), "PT0.000005S"),
])
def test_a_length_of_time_is_stored_as_one_writes_it(span, text):
    """A length of time is dumped in the units of a clock, without those that are none."""
    assert kind_of(timedelta).dump(span) == text


@given(st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)), st.integers(-1439, 1439))
def test_a_moment_is_the_same_in_every_zone(naive, minutes):
    """A datetime of any offset, given as it is or as text, becomes the same moment in UTC."""
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert convert(datetime, moment) == convert(datetime, moment.isoformat()) == moment
    assert convert(datetime, moment).tzinfo is UTC


def test_a_number_of_a_class_of_its_own() -> None:
    """A Decimal whose class writes it otherwise is kept as a mere Decimal: what is stored and told is its value."""
    class Euros(Decimal):
        def __str__(self) -> str:
            return f"{self:.2f}"

    kept = convert(Decimal, Euros("1.005"))
    assert (type(kept), str(kept)) == (Decimal, "1.005")


@pytest.mark.parametrize("given_nan", ["NaN", "-NaN", "NaN123", Decimal("NaN12")])
def test_there_is_one_nan(given_nan):
    """A NaN loses its sign and payload, which Postgres does not have, and is the same as any other NaN."""
    kept = convert(Decimal, given_nan)
    assert str(kept) == "NaN"
    assert same(kept, Decimal("NaN"))
    assert not same(kept, Decimal(0))


def test_a_member_of_an_earlier_run_is_meant():
    """An Enum whose cell ran twice takes the members of its first class, but none of another place's."""
    source = "from enum import Enum\nclass Mood(Enum):\n    GOOD = 1\n"
    first, second, other = {"__name__": "__main__"}, {"__name__": "__main__"}, {"__name__": "elsewhere"}
    for namespace in (first, second, other):
        exec(source, namespace)
    assert convert(second["Mood"], first["Mood"].GOOD) is second["Mood"].GOOD
    assert refusal(second["Mood"], other["Mood"].GOOD) == "<Mood.GOOD: 1> is not one of GOOD"


@pytest.mark.parametrize("annotation", [
    tuple, set, None, type(None), Any, "int", [], List, Enum, int | str, int | str | None, dict[str, int],  # noqa: UP006
    dict[int, Any], list[tuple], tuple[int, ...], types.SimpleNamespace, dict[str], list[int, str],
    Annotated[int, []]])
def test_a_type_that_no_field_can_have_is_refused(annotation):
    """A type that would not be checked is refused where it is written, with those that there are."""
    with pytest.raises(DefinitionError, match=r"cannot be the type of a field; there is: Decimal, UUID, bool, bytes, "
                                              r"date, .*, an Enum, a Datadef, list\[T\], and T \| None"):
        kind_of(annotation)


@pytest.mark.parametrize("bad, why", [("a\0b", "the character NUL"), ("\ud800", "half a surrogate pair")])
def test_an_enum_that_could_not_be_stored_is_refused(bad, why):
    """The text of every member can be stored, by value or by name."""
    for members in ({"A": "a", "B": bad}, {bad: 1}):
        with pytest.raises(DefinitionError, match=f"cannot be the type of a field: .* holds {why}"):
            kind_of(Enum("Odd", members))


def test_what_can_just_be_stored_will_do():
    """The least and the longest numbers that Postgres and JSON have are taken as they are."""
    for number in (Decimal("1E-16383"), Decimal(f"1.{'3' * 16_383}"), Decimal("1E131071"), Decimal("Infinity")):
        assert convert(Decimal, number) is number
    assert convert(dict, {"a": 10**4300 - 1, "b": [2**63]}) == {"a": 10**4300 - 1, "b": [2**63]}


# ------------------------------------------------------------------------------------------------ nested records

class Part(Datadef):
    """A nested record."""

    name = field(str)


class Wheel(Part):
    """One with a further field, which a field of type Part would lose."""

    spokes = field(int)


def test_a_nested_record_is_taken_whole():
    """A mapping becomes the record; a subclass, of which fields would be lost, and anything else is refused."""
    assert convert(Part, {"name": "a"}) == Part(name="a")
    assert refusal(Part, Wheel(name="a", spokes=3)) == (
        "Wheel(name='a', spokes=3) is a Wheel, whose further fields would be lost; give a Part")
    assert refusal(Part, 5) == "5 is not Part or a mapping of its fields"
    assert refusal(Part, {1: 2}) == "the key 1 is not text"


class Place(Resource):
    _id = field(str)


class Visit(Command):
    place = field(str)


@pytest.mark.parametrize("wrap", [lambda cls: cls, lambda cls: cls | None, lambda cls: list[cls]])
def test_a_record_that_is_no_part_of_another_is_refused(wrap):
    """A Resource as a field's type would be stored without its identifier, a message without its target."""
    with pytest.raises(DefinitionError, match=r"Place cannot be the type of a field: its items are rows of their own; "
                                              r"give the identifier of one: field\(str, references=Place\)"):
        field(wrap(Place))
    with pytest.raises(DefinitionError, match="Visit cannot be the type of a field: _target would not be stored"):
        field(wrap(Visit))


def test_a_nested_record_of_an_earlier_run_is_meant():
    """A record whose cell ran twice is carried over, but not one of the same name from another place."""
    source = "from workbench.domain.datadef import Datadef, field\nclass Box(Datadef):\n    size = field(int)\n"
    first, second, other = {"__name__": "__main__"}, {"__name__": "__main__"}, {"__name__": "elsewhere"}
    for namespace in (first, second, other):
        exec(source, namespace)
    assert type(convert(second["Box"], first["Box"](size=1))) is second["Box"]
    assert refusal(second["Box"], other["Box"](size=1)) == "Box(size=1) is not Box or a mapping of its fields"


# ------------------------------------------------------------------------------------------------ frozen values

@pytest.mark.parametrize("deed", [
    lambda a: a.append(1), lambda a: a.extend([1]), lambda a: a.insert(0, 1), lambda a: a.remove(1), lambda a: a.pop(),
    lambda a: a.clear(), lambda a: a.sort(), lambda a: a.reverse(), lambda a: a.__setitem__(0, 1),
    lambda a: a.__setitem__(slice(0, 1), []), lambda a: a.__delitem__(0), lambda a: a.__iadd__([1]),
    lambda a: a.__imul__(2)])
def test_a_frozen_list_refuses_every_change(deed):
    """No method of a list changes a FrozenList; the error says how to make another one."""
    frozen = FrozenList([1, 2])
    with pytest.raises(TypeError, match=r"belongs to an immutable record; make a new one, such as \[\*old, member\]"):
        deed(frozen)
    assert frozen == [1, 2]


@pytest.mark.parametrize("deed", [
    lambda a: a.update(b=1), lambda a: a.setdefault("b", 1), lambda a: a.pop("a"), lambda a: a.popitem(),
    lambda a: a.clear(), lambda a: a.__setitem__("a", 1), lambda a: a.__delitem__("a"), lambda a: a.__ior__({"b": 1})])
def test_a_frozen_dict_refuses_every_change(deed):
    """No method of a dict changes a FrozenDict; the error says how to make another one."""
    frozen = FrozenDict(a=0)
    with pytest.raises(TypeError, match=r"belongs to an immutable record; .* or \{\*\*old, key: value\}"):
        deed(frozen)
    assert frozen == {"a": 0}


@given(JSON)
def test_frozen_values_are_values(plain):
    """Frozen JSON equals the plain one, is written like it, hashes by content, and survives pickling and copying."""
    frozen = convert(dict, {"value": plain})
    assert frozen == {"value": plain}
    assert json.dumps(frozen) == json.dumps({"value": plain})
    assert hash(frozen) == hash(convert(dict, {"value": plain}))
    for again in (pickle.loads(pickle.dumps(frozen)), copy.copy(frozen), copy.deepcopy(frozen)):
        assert (again, type(again)) == (frozen, FrozenDict)


def test_the_values_given_stay_the_users_own():
    """A list given to a record can be changed afterwards; the record does not follow."""
    inner: list[Any] = [1]
    frozen = convert(dict, {"a": inner})
    inner.append(2)
    assert frozen == {"a": [1]}
    assert type(frozen["a"]) is FrozenList


def test_an_identifier_of_the_driver_is_a_uuid():
    """A subclass of UUID, as asyncpg gives, is the same identifier in comparison and as a key."""
    class Driver(UUID):
        __slots__ = ()

    plain = uuid4()
    kept = convert(UUID, Driver(str(plain)))
    assert kept == plain
    assert {plain: 1}[kept] == 1
