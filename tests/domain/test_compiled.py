"""Compiled builders beside pyrsistent's own way: the same records, the same refusals."""

from __future__ import annotations

import copy
import pickle
import weakref
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.domain.datadef import Datadef, field, invariant
from workbench.errors import Invalid


class Place(Datadef):
    city = field(str)


class Base(Datadef):
    name = field(str, initial="nobody")
    level = field(int | None)


class Whole(Base):
    """One field of each way in which a field can be declared, and a rule over all."""

    amount = field(Decimal, check=lambda amount: amount != 7)
    to = field(Place)
    at = field(datetime | None)
    tags = field(list[int], initial=[])
    more = field(dict, initial={})
    text = field(str, factory=lambda value: value.strip())

    @invariant
    def level_below_amount(self) -> Any:
        """the level is below the amount"""
        return self.level is None or self.level < self.amount


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(["Ada", "é", "a\0b", "\ud800", 3]),
    "level": st.sampled_from([None, 1, "2", 2**63, True, "x"]),
    "amount": st.sampled_from([Decimal(5), "6", 7, 1.5, Decimal("NaN"), Decimal("sNaN")]),
    "to": st.sampled_from([Place(city="Rome"), {"city": "Rome"}, {"town": "Rome"}, None]),
    "at": st.sampled_from([None, datetime(2020, 1, 1, tzinfo=UTC), "2020-01-01T00:00:00Z", datetime(2020, 1, 1)]),
    "tags": st.sampled_from([[], [1, "2"], ["x"], "12"]),
    "more": st.sampled_from([{}, {"a": [1]}, {1: 2}]),
    "text": st.sampled_from([" a ", "b", 3]),
    "other": st.just(1),
}
GIVEN = st.fixed_dictionaries({}, optional=VALUES)
LIKELY: dict[str, Any] = {"amount": Decimal(9), "to": Place(city="Oslo"), "text": "t"}


def outcome(make: Any) -> Any:
    """What was made, to the types of its values; or the words of the refusal."""
    try:
        record = make()
    except Invalid as invalid:
        return str(invalid)
    return [(name, type(getattr(record, name)), repr(getattr(record, name))) for name in type(record)._fields]


@given(GIVEN, st.booleans())
def test_building_the_fast_way_is_building_the_slow_way(values: dict[str, Any], likely: bool) -> None:
    """The same values make the same record, or the same refusal, with all problems in it."""
    values = (LIKELY if likely else {}) | values
    assert outcome(lambda: Whole(**values)) == outcome(lambda: Whole._checked(dict(values)))


@given(GIVEN)
def test_a_change_is_building_anew_with_other_values(values: dict[str, Any]) -> None:
    """``set`` gives what pyrsistent's own gives, and leaves the record as it was."""
    record = Whole(**LIKELY)
    before = outcome(lambda: record)
    assert outcome(lambda: record.set(**values)) == outcome(lambda: super(Datadef, record).set(**values))
    assert outcome(lambda: record) == before


def test_a_compiled_record_is_a_pclass_in_all_else() -> None:
    """Equality, hash, repr, pickle, copies, weak references, evolvers and refusal to change are pyrsistent's."""
    fast, slow = Whole(**LIKELY), Whole._checked(dict(LIKELY))
    assert fast == slow
    assert hash(fast) == hash(slow)
    assert repr(fast) == repr(slow)
    assert pickle.loads(pickle.dumps(fast)) == copy.copy(fast) == copy.deepcopy(fast) == fast
    assert weakref.ref(fast)() is fast
    assert fast.serialize() == slow.serialize()
    evolver = fast.evolver()
    evolver.level = 3
    assert evolver.persistent() == fast.set("level", 3) == fast.set(level="3") == slow.set(level=3)
    assert fast.set(level=3).remove("level") == fast
    assert fast.transform(("to", "city"), "Bonn").to.city == "Bonn"
    with pytest.raises(AttributeError, match="do not change"):
        fast.level = 3
