"""Rings of unique values and foreign keys: how each is opened, and how often a row is written for it.

``told`` is a plan's order as text, a rank each: ``~a park`` is the part of a's update that comes before.
"""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import permutations
from string import ascii_lowercase
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import Event, Resource, Target, Update, field
from workbench.domain.kinds import kind_of
from workbench.state.planning.block import Rank
from workbench.state.planning.change import Change, Shape
from workbench.state.planning.order import Order, ordered
from workbench.state.planning.spares import spare
from workbench.state.planning.table import Check, Column, ForeignKey, Table, Unique
from workbench.state.state import Entry


class Seat(Resource):
    """In a row at a number, of somebody who may have it while it is booked."""

    _id = field(str)
    row = field(str, initial="")
    number = field(int, initial=0)
    who = field(str | None)
    booked = field(bool, initial=True)
    beside = field(str | None)


SEAT = ("hall", "seat")
WHO, PLACE = Unique("who", ("who",)), Unique("place", ("row", "number"))
BOOKED = Unique("booked", ("who",), where="booked")
BESIDE = ForeignKey("beside", ("beside",), SEAT)


def table(*rules: Any, required: tuple[str, ...] = ()) -> dict[Any, Table]:
    kinds = {"row": (str, "text"), "number": (int, "bigint"), "booked": (bool, "boolean")}
    columns = tuple(Column(name, name, kinds.get(name, (str, "text"))[1], kind_of(kinds.get(name, (str,))[0]),
                           name not in ("row", "number", "booked", *required))
                    for name in Seat._fields if not name.startswith("_") or name == "_id")
    return {SEAT: Table(SEAT, "seat", None, columns, tuple(rule for rule in rules if isinstance(rule, ForeignKey)),
                        tuple(rule for rule in rules if isinstance(rule, Unique)))}


def change(before: Seat | None, after: Seat | None) -> Change:
    item = after if after is not None else before
    assert item is not None
    kind = "insert" if before is None else "delete" if after is None else "update"
    columns = () if before is None or after is None else tuple(
        name for name in Seat._fields if getattr(before, name) != getattr(after, name))
    target = Target(*SEAT, item._id)
    return Change(kind, target, before, after, Shape(SEAT, kind, columns),
                  Entry(before, after, Update(target), Event(), 1, 1))


def seat(key: str, **values: Any) -> Seat:
    return Seat(_id=key, **values)


def moved(key: str, field_: str, old: Any, new: Any, **rest: Any) -> Change:
    return change(seat(key, **{field_: old}, **rest), seat(key, **{field_: new}, **rest))


def told(order: Order) -> list[str]:
    assert order.tangles == ()
    return [" ".join(sorted(f"{one.sign}{one.target.identifier}{f' {one.part}' if one.part else ''}" for one in rank))
            for rank in order.ranks]


@pytest.mark.parametrize("shuffled", list(permutations(range(2))))
def test_what_frees_a_value_goes_first(shuffled: Any) -> None:
    """A value that one row gives up and another takes: the giver first, be it deleted, changed or set to None."""
    for giver in (change(seat("a", who="x"), None), moved("a", "who", "x", "y"), moved("a", "who", "x", None)):
        changes = [change(None, seat("b", who="x")), giver]
        order = ordered(Rank.of([changes[place] for place in shuffled]), table(WHO))
        assert told(order) == [f"{giver.sign}a", "+b"]


def test_a_chain_of_values() -> None:
    """A row of seats that all move up by one is written from its free end, each once."""
    changes = [moved(key, "number", number, number + 1) for number, key in enumerate("abcd")]
    assert told(ordered(Rank.of(changes), table(PLACE))) == ["~d", "~c", "~b", "~a"]


@pytest.mark.parametrize("keys", ["ab", "abc", "abcdef"])
def test_a_ring_of_values(keys: str) -> None:
    """Of a swap, or a longer ring, one row alone is written twice: with NULL in between where that can be."""
    changes = [moved(key, "who", key, keys[place - 1]) for place, key in enumerate(keys)]
    order = ordered(Rank.of(changes), table(WHO))
    parked = [one for rank in order.ranks for one in rank if one.part]
    assert [one.parked for one in parked] == [{"who": None}]
    assert sum(map(len, order.ranks)) == len(keys) + 1
    assert list(order.ranks[0]) == parked


def test_a_ring_of_values_that_cannot_be_null() -> None:
    """Where a column must not be NULL a value is put in that nobody has; a composite value gives up one part of it."""
    order = ordered(Rank.of([moved("a", "who", "x", "y"), moved("b", "who", "y", "x")]), table(WHO, required=("who",)))
    (parked,) = (one for rank in order.ranks for one in rank if one.part)
    assert str(parked.parked and parked.parked["who"]).startswith("parked ")
    order = ordered(Rank.of([change(seat("a", row="r", number=1), seat("a", row="s", number=2)),
                     change(seat("b", row="s", number=2), seat("b", row="r", number=1))]), table(PLACE))
    (parked,) = (one for rank in order.ranks for one in rank if one.part)
    assert list(parked.parked or ()) == ["row"]


def swap(field_: str, one: Any, other: Any, *rest: Any, **limits: Any) -> list[Any]:
    """The spare values of a swap of two values, in a column with limits; ``rest`` are values of further changes."""
    tables = table(Unique("it", (field_,)), *(rule for rule in rest if isinstance(rule, ForeignKey)), required=("who",))
    columns = tuple(column._replace(**limits) if column.field == field_ else column for column in tables[SEAT].columns)
    changes = [moved("a", field_, one, other), moved("b", field_, other, one),
               *(change(None, seat(str(value), **{field_: value})) for value in rest if isinstance(value, str))]
    order = ordered(Rank.of(changes), {SEAT: tables[SEAT]._replace(columns=columns)})
    return [(one.parked or {})[field_] for rank in order.ranks for one in rank if one.part] or list(order.tangles)


@pytest.mark.parametrize("length", [1, 2, 10, 42, 43])
def test_a_spare_text_fits(length: int) -> None:
    """The value that nobody has is as short as the column asks for."""
    (spare,) = swap("who", "x", "y", length=length)
    assert 0 < len(spare) <= length
    assert spare.startswith("parked " if length >= 43 else "~")


def test_a_spare_value_is_in_no_row_of_the_plan() -> None:
    """Another one is taken where a row of the plan has it, then one that looks alike; where all are in use, the ring
    stays."""
    (spare,) = swap("who", "x", "y", length=2)
    (another,) = swap("who", "x", "y", spare, length=2)
    assert another not in (spare, "x", "y")
    (alike,) = swap("who", "x", "y", "~", length=1)
    assert alike in set(ascii_lowercase) - {"x", "y"}
    (tangle,) = swap("who", "!", "?", "~", length=1)
    assert "which frees the value of who (unique it)" in tangle


def test_a_spare_value_is_no_parent() -> None:
    """A value that must name a parent cannot be given up for one that nobody has."""
    (tangle,) = swap("who", "x", "y", ForeignKey("whose", ("who",), SEAT))
    assert "which frees the value of who (unique it)" in tangle


@pytest.mark.parametrize("digits", [(1, 0), (6, 2), (2, 4), (3, -2), (1000, 500)])
def test_a_spare_number_fits(digits: tuple[int, int]) -> None:
    """The number that nobody has has as many digits as the column, and no more of them after the point."""
    (spare,) = swap("number", 1, 2, digits=digits, kind=kind_of(Decimal), type="numeric")
    assert spare == round(spare, digits[1])
    assert 0 < abs(spare) < Decimal(10) ** (digits[0] - digits[1])


LIMITS = st.none() | st.integers(-10**4, 10**4)


@settings(deadline=None)
@given(LIMITS, LIMITS, st.booleans(), st.data())
def test_a_spare_number_keeps_the_limits(least: int | None, most: int | None, told: bool, data: st.DataObject) -> None:
    """Of random limits, those of a CHECK that can be read, or of the field where one cannot: a number within them is
    found, unless there is none, and is no row's."""
    if least is not None and most is not None and least > most:
        least, most = most, least
    one, other = (data.draw(st.integers(-10**6 if least is None else least, 10**6 if most is None else most))
                  for _ in range(2))
    conditions = [f"(number {sign} '{limit}'::integer)" for sign, limit in ((">=", least), ("<=", most))
                  if limit is not None]

    class Limited(Resource):
        _id = field(str)
        number = field(int, least=least, most=most)

    item = Limited(_id="a", number=one)
    check = Check(("number",), f"({' AND '.join(conditions) or 'true'})" if told else "(odd(number))")
    found = spare(table()[SEAT]._replace(checks=(check,)), "number", Target(*SEAT, "a"), item, {one, other})
    if least is not None and most is not None and {*range(least, most + 1)} <= {one, other}:
        assert found is None or not told
        return
    assert found not in (None, one, other)
    assert least is None or found >= least
    assert most is None or found <= most


def test_a_spare_value_under_a_check_that_cannot_be_read() -> None:
    """Of a CHECK that cannot be read, or a trigger, the guess is that it asks for what the field asks for: a choice, or
    what looks like the own text."""
    class Choosy(Resource):
        _id = field(str)
        row = field(str, choices=["a", "b", "c"])
        who = field(str, check=lambda who: len(who) == 4)

    item, unread = Choosy(_id="a", row="a", who="AB-1"), Check(("row", "who"), "(odd(row) AND odd(who))")
    for where in (table()[SEAT]._replace(checks=(unread,)), table()[SEAT]._replace(alters=True)):
        assert spare(where, "row", Target(*SEAT, "a"), item, {"a", "b"}) == "c"
        looks = spare(where, "who", Target(*SEAT, "a"), item, {"AB-1"})
        assert re.fullmatch("[A-Z]{2}-[0-9]", looks)


def test_many_spare_values_are_all_different() -> None:
    """Several rings on a column with few values: no two rows are parked on one."""
    changes = [moved(f"{sign}{place}", "who", *(pair if sign == "a" else pair[::-1]))
               for place in range(12) for pair in [(f"x{place}", f"y{place}")] for sign in "ab"]
    tables = table(Unique("it", ("who",)), required=("who",))
    columns = tuple(column._replace(length=2) if column.field == "who" else column for column in tables[SEAT].columns)
    order = ordered(Rank.of(changes), {SEAT: tables[SEAT]._replace(columns=columns)})
    spares = [(one.parked or {})["who"] for rank in order.ranks for one in rank if one.part]
    assert len(set(spares)) == len(spares) == 12


def test_half_a_composite_value_is_free() -> None:
    """Rows that share a part of a composite value do not wait for each other, nor do those with a None in it."""
    changes = [change(seat("a", row="r", number=1), None), change(None, seat("b", row="r", number=2)),
               change(seat("c", who=None), None), change(None, seat("d", who=None, row="z"))]
    assert told(ordered(Rank.of(changes), table(PLACE, WHO))) == ["+b +d -a -c"]


def test_a_deferrable_value() -> None:
    """A ring on a deferrable constraint is deferred, nothing is written twice; a chain is not."""
    deferrable = WHO._replace(deferrable=True)
    order = ordered(Rank.of([moved("a", "who", "x", "y"), moved("b", "who", "y", "x")]), table(deferrable))
    assert (told(order), order.deferred) == (["~a ~b"], {"who"})
    order = ordered(Rank.of([moved("a", "who", "x", "y"), moved("b", "who", "z", "x")]), table(deferrable))
    assert (told(order), order.deferred) == (["~a", "~b"], frozenset())


def test_a_condition_frees_a_value() -> None:
    """Under a partial constraint a row gives its value up by leaving the condition, and takes it by entering."""
    leaves, enters = moved("a", "booked", True, False, who="x"), moved("b", "booked", False, True, who="x")
    for changes in ([leaves, enters], [enters, leaves]):
        assert told(ordered(Rank.of(changes), table(BOOKED))) == ["~a", "~b"]
    outside = [moved("a", "who", "x", "y", booked=False), moved("b", "who", "y", "x", booked=False)]
    assert told(ordered(Rank.of(outside), table(BOOKED))) == ["~a ~b"]


def test_a_condition_that_is_not_understood() -> None:
    """Where the condition cannot be told, a row that changes at all may have given its value up: it goes first."""
    unclear = BOOKED._replace(where="f(booked)")
    changes = [change(None, seat("b", who="x")), moved("a", "booked", True, False, who="x")]
    assert told(ordered(Rank.of(changes), table(unclear))) == ["~a", "+b"]


def test_several_that_may_have_the_value() -> None:
    """Where the condition cannot be told, several rows may have one value: all that may give it up go first."""
    unclear = BOOKED._replace(where="f(booked)")
    changes = [change(None, seat("c", who="x")), moved("a", "who", "x", "y"), moved("b", "who", "x", "z"),
               moved("d", "who", "y", "w")]
    for some in permutations(changes):
        assert told(ordered(Rank.of(some), table(unclear))) == ["~b ~d", "~a", "+c"]


def test_none_is_a_value_where_nulls_are_not_distinct() -> None:
    """Where one row alone may have NULL (NULLS NOT DISTINCT), who gives it up goes first, and none is parked on it."""
    alike = WHO._replace(nulls_alike=True)
    changes = [change(None, seat("b", who=None)), change(seat("a", who=None), None)]
    assert told(ordered(Rank.of(changes), table(alike))) == ["-a", "+b"]
    order = ordered(Rank.of([moved("a", "who", "x", "y"), moved("b", "who", "y", "x")]), table(alike))
    (parked,) = [one.parked for rank in order.ranks for one in rank if one.parked]
    assert parked["who"].startswith("parked ")


@pytest.mark.parametrize("keys", ["ab", "abc"])
def test_a_ring_of_parents(keys: str) -> None:
    """New rows that name each other in a ring: one is filled in afterwards. Going, one lets go before."""
    ring = [seat(key, beside=keys[place - 1]) for place, key in enumerate(keys)]
    order = ordered(Rank.of([change(None, one) for one in ring]), table(BESIDE))
    assert [one.part for rank in order.ranks for one in rank].count("fill") == 1
    assert order.ranks[-1][0].part == "fill"
    order = ordered(Rank.of([change(one, None) for one in ring]), table(BESIDE))
    assert [one.part for rank in order.ranks for one in rank].count("park") == 1
    assert order.ranks[0][0].part == "park"


def test_a_ring_that_stands_fast() -> None:
    """A ring of parents that can neither be NULL nor be deferred is told, with each row's reason."""
    ring = [change(None, seat("a", beside="b")), change(None, seat("b", beside="a"))]
    (tangle,) = ordered(Rank.of(ring), table(BESIDE, required=("beside",))).tangles
    assert tangle.count("which makes the row that it names (foreign key beside)") == 2


def test_a_value_and_a_parent_in_one_ring() -> None:
    """A ring of unlike reasons: a row takes the value of the parent that it leaves, which waits for it to leave."""
    changes = [change(seat("a", who="x"), None),                                        # frees x, but b names it
               change(seat("b", who="y", beside="a"), seat("b", who="x", beside=None))]     # takes x, and lets a go
    assert told(ordered(Rank.of(changes), table(WHO, BESIDE))) == ["~a park", "~b", "-a"]


def test_a_row_that_goes_along_and_a_value_in_one_ring() -> None:
    """A row that goes along with a deletion is written before it, in whatever order they were touched: what it takes
    of the deleted one is given up first, where that can be; else the database decides."""
    along = ForeignKey("beside", ("beside",), SEAT, ("_id",), False, True)
    gone, taker = change(seat("p", who="x"), None), moved("c", "who", None, "x", beside="p")
    for both in permutations([gone, taker]):
        assert told(ordered(Rank.of(both), table(along, WHO))) == ["~p park", "~c", "-p"]
    fixed, taking = change(seat("p", booked=True), None), moved("c", "booked", False, True, beside="p")
    for both in permutations([fixed, taking]):
        assert told(ordered(Rank.of(both), table(along, Unique("one", ("booked",))))) == ["-p", "~c"]
