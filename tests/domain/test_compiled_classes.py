"""Compiled classes of every shape beside the same classes made the slow way: no difference can be seen."""

from __future__ import annotations

import copy
import inspect
import pickle
import weakref
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pyrsistent import PClass

from tests.domain import recipes
from tests.domain.recipes import CHECKS, ODD, RECIPES, Level, Recipe, inputs, outcome, pair_of, records, seen
from tests.strategies import ANNOTATIONS
from workbench.domain.compiled import loader_of
from workbench.domain.convert import Refused, to_decimal, to_int, to_text
from workbench.domain.datadef import Datadef, field, restored
from workbench.domain.json_values import to_json_dict
from workbench.errors import Invalid

STORED: dict[type, Callable[[Any], Any]] = {str: to_text, int: to_int, Decimal: to_decimal, dict: to_json_dict}
GENERATED = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)


def storable(value: Any) -> bool:
    """Whether a text, a number or a dict can be in a row of the database."""
    try:
        STORED.get(type(value), id)(value)
    except Refused:
        return False
    return True


@GENERATED
@given(st.data())
def test_a_record_of_any_class_is_built_as_the_slow_way_builds_it(data: st.DataObject) -> None:
    """The same values make equal records or the same refusal, and call factories and initial values as often."""
    fast, slow = pair_of(data.draw(RECIPES))
    given = data.draw(inputs(fast))
    assert outcome(lambda: fast(**given())) == outcome(lambda: slow(**given()))
    assert outcome(lambda: fast.create(given())) == outcome(lambda: slow.create(given()))


@GENERATED
@given(st.data())
def test_a_record_of_any_class_is_changed_as_pyrsistent_changes_it(data: st.DataObject) -> None:
    """``set``, ``transform``, an evolver and ``remove`` give what they give a slow record, or refuse in the same words;
    the record itself stays as it was."""
    fast, slow = data.draw(RECIPES.flatmap(records))
    before, names = seen(fast), sorted(fast._fields)
    given = data.draw(inputs(type(fast)))
    some = data.draw(st.sets(st.sampled_from(names))) if names else set()

    def chosen() -> dict[str, Any]:
        return {name: value for name, value in given().items() if name in some or name not in names}

    def evolved(record: Any) -> Any:
        evolver = record.evolver()
        for name, value in chosen().items():
            evolver[name] = value
        return evolver.persistent()

    changes: list[Callable[[Any], Any]] = [lambda record: record.set(**chosen()), evolved]
    for name in some:
        changes += [lambda record, name=name: record.set(name, given().get(name)),
                    lambda record, name=name: record.transform([name], lambda _: given().get(name)),
                    lambda record, name=name: record.remove(name)]
    for change in changes:
        assert outcome(lambda change=change: change(fast)) == outcome(lambda change=change: change(slow))
        assert seen(fast) == before


@GENERATED
@given(st.data())
def test_a_record_of_any_class_is_the_pclass_that_it_looks_like(data: st.DataObject) -> None:
    """Equality, hash, repr, pickle, copies, weak references, serialization, refusal to change: all is pyrsistent's."""
    fast, slow = data.draw(RECIPES.flatmap(records))
    cls, held = type(fast), fast._to_dict()
    plain = type(PClass)("Generated", (PClass,), {name: it.pclass_field() for name, it in cls._fields.items()})
    twin = object.__new__(plain)        # whose own way would take no field called cls
    for name, value in held.items():
        setattr(twin, name, value)
    again = cls._checked({}, held)
    assume(fast == fast)        # it is not where an initial value is NaN
    assert (fast == again, fast != again, hash(fast)) == (True, False, hash(again))
    assert (hash(fast), repr(fast), fast.serialize()) == (hash(slow), repr(slow), slow.serialize())
    assert (hash(fast), repr(fast), fast.serialize()) == (hash(twin), repr(twin), twin.serialize())
    assert fast.__reduce__()[1] == (cls, held)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipes, cls.__qualname__, cls, raising=False)
        copies = [copy.copy(fast), copy.deepcopy(fast), pickle.loads(pickle.dumps(fast))]
    for one in copies:
        assert (one, type(one)) == (fast, cls)
    assert weakref.ref(fast)() is fast
    for name in [*held, "other"]:
        with pytest.raises(AttributeError, match="do not change"):
            setattr(fast, name, 1)
        with pytest.raises(AttributeError, match="Can't delete attribute, key="):
            delattr(fast, name)
    assert fast._to_dict() == held


@GENERATED
@given(st.data())
def test_rows_of_any_class_are_loaded_as_its_records_are_built(data: st.DataObject) -> None:
    """Rows become the records that their values make, no factory applied, up to the first that would be refused or must
    be built."""
    cls = data.draw(RECIPES.map(lambda recipe: pair_of(recipe)[0]))
    names = data.draw(st.permutations(sorted(cls._fields)))
    rows = [given for given in data.draw(st.lists(inputs(cls, ways=["kept"] * 9 + ["text", "odd", "once"]), max_size=4))
            if given().keys() == cls._fields.keys() and all(map(storable, given().values()))]
    left, loaded = iter([tuple(map(given().get, names)) for given in rows]), []
    built = [outcome(lambda given=given: restored(cls, given())) for given in rows]
    loader_of(cls, names)(left, loaded)
    assert [seen(record) for record in loaded] == [one for one, _ in built[:len(loaded)]]
    assert all(type(record) is cls for record in loaded)
    assert len(list(left)) == max(len(rows) - len(loaded) - 1, 0)
    if len(loaded) < len(rows) and cls._change is not None:
        assert len(built[len(loaded)]) > 2


@pytest.mark.parametrize("annotation", [*ANNOTATIONS, object], ids=str)
def test_every_odd_value_meets_every_type_and_check(annotation: Any) -> None:
    """Whatever is given for a field of any type, with a check or without, is taken or refused as by the slow way."""
    for more in ({}, *({"check": check} for check in CHECKS)):
        fast, slow = pair_of(Recipe([Level({"name": {"type": annotation, **more}}, [], [], [])]))
        assert outcome(fast) == outcome(slow)
        for odd in ODD:
            wanted, loaded = outcome(partial(slow, name=odd)), []
            assert outcome(partial(fast, name=odd)) == wanted
            if storable(odd):
                loader_of(fast, ["name"])(iter([(odd,)]), loaded)
                assert [(seen(record), []) for record in loaded] == [wanted] * (len(wanted) == 2)


def test_what_is_absent_is_absent_to_every_field() -> None:
    """A field of any value, and one whose factory takes anything, must be given like all others, and pass its check."""
    class Open(Datadef):
        anything: Any = field(object)
        text = field(str, factory=str)
        more = field(object, check=lambda some: all(some))

    with pytest.raises(Invalid, match="3 problems\n  anything: is missing.*\n  text: is missing.*\n  more: is missing"):
        Open()
    with pytest.raises(Invalid, match=r"1 problem\n  more: .* failed its check"):
        Open(anything=1, text=1, more=iter([1, 0]))


def test_the_signature_tells_the_fields() -> None:
    """The names of fields can be completed, in the call of a class and in ``set``; whatever they are."""
    class Seat(Datadef):
        cls = field(str)
        more = field(int, initial=0)
        pair = field(int | None)

    assert str(inspect.signature(Seat)) == "(*, cls: str, more: int = 0, pair: int | None = None)"
    assert str(inspect.signature(Seat(cls="a").set)) == "(*pair_, cls=…, more=…, pair=…, **more_)"
    assert Seat(cls="a", more=1).set(pair=2, more=3) == Seat(cls="a", more=3, pair=2)


def test_classes_derived_from_one_are_those_that_were_written() -> None:
    """What a class needs to make its records is not seen among its subclasses."""
    class Base(Datadef):
        text = field(str)

    class Derived(Base):
        more = field(int)

    assert Base.__subclasses__() == [Derived]
    assert Derived(text="x", more=1).__class__ is Derived


def test_a_record_has_each_slot_once() -> None:
    """A class takes the slots of its bases over, and has one of its own only where something else stands before it."""
    class Base(Datadef):
        text = field(str)

    class Named:
        __slots__ = ()
        text = "x"

    class Derived(Base):
        text = field(str, initial="")
        more = field(int | None)

    class Covered(Named, Base):  # type: ignore[misc]  # on purpose
        pass

    assert (vars(Derived)["__slots__"], vars(Covered)["__slots__"]) == (("more",), ("text",))
    assert (Derived().text, Covered(text="y").text, Covered(text="y").set(text="z").text) == ("", "y", "z")


def test_what_can_be_read_once_is_read_once() -> None:
    """A list given as an iterator is not lost, nor is what is wrong in it, when something else is amiss."""
    class Tagged(Datadef):
        tags = field(list[int])
        number = field(int, initial=lambda: "7")
        other = field(int | None)

    assert Tagged(tags=iter([1, 2])) == Tagged(tags=[1, 2], number=7)
    with pytest.raises(Invalid, match=r"2 problems\n  tags: \[0\] 'x' is not a whole number.*\n  other: 'y' is not"):
        Tagged(tags=iter(["x"]), other="y")
    with pytest.raises(Invalid, match=r"2 problems\n  tags: \[0\] 'x' is not a whole number.*\n  other: 'y' is not"):
        Tagged(tags=[]).set(other="y", tags=iter(["x"]))
