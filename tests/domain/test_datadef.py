"""Datadefs: building, all problems at once, inheritance, invariants, and what PClass offers beside.

What a single field admits is in test_fields.py."""

import copy
import pickle
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.refusals import problems
from tests.strategies import Address, Colour, Leg, datadef_classes, records, values
from workbench.domain.datadef import MISSING, Datadef, Field, field, invariant, values_of
from workbench.domain.entity import Command, Event
from workbench.domain.kinds import dumped
from workbench.domain.mutation import Insert
from workbench.domain.resource import Resource, Target
from workbench.errors import DefinitionError, Invalid, Problem


def long_enough(text):
    """Not a doc of a field."""
    return len(text) > 2


class Line(Datadef):
    """A line of an order."""

    sku = field(str, check=long_enough)
    quantity = field(int, initial=1, check=lambda q: q > 0, doc="a positive number")


class Order(Datadef):
    """An order, as forms and JSON give it."""

    to = field(Address)
    lines = field(list[Line], initial=[])
    total = field(Decimal, initial=Decimal(0))
    note = field(str | None)
    colour = field(Colour, choices=[Colour.RED], initial=Colour.RED)


# ------------------------------------------------------------------------------------------------ building

def test_a_record_is_built_from_text_and_mappings():
    """Nested mappings, lists of them and text become typed values; what was not given is initial or None."""
    order = Order(to={"city": "Rome", "house": "3"}, lines=[{"sku": "abc", "quantity": "2"}, Line(sku="def")])
    assert order.to == Address(city="Rome", house=3)
    assert order.lines == [Line(sku="abc", quantity=2), Line(sku="def", quantity=1)]
    assert (order.total, order.note, order.colour) == (Decimal(0), None, Colour.RED)


def test_all_problems_come_in_one_error():
    """Unknown keys, missing fields, wrong types, failed checks, at any depth, are all said at once, by dotted name."""
    error = problems(Order, to={"city": 1, "hose": 2}, lines=[{"sku": "abc"}, {"sku": "x", "quantity": 0}, {}, 5],
                     total="ten", noet="x", colour="dark green")
    assert str(error) == "\n  ".join([
        "Order was refused: 9 problems",
        'to.city: 1 is not text; give its text, "1"',
        'to.hose: there is no such field; did you mean "house"? There is: city, house',
        "lines[1].sku: 'x' failed its check: long enough",
        "lines[1].quantity: 0 failed its check: a positive number",
        'lines[2].sku: is missing; give a str such as "Ada"',
        "lines[3]: 5 is not Line or a mapping of its fields",
        """total: 'ten' is not a Decimal; give Decimal("10.50"), "10.50" or 10""",
        "colour: <Colour.DARK_GREEN: 'dark green'> is not among the choices; there is: red",
        'noet: there is no such field; did you mean "note"? There is: to, lines, total, note, colour',
    ])
    assert error.what == "Order"
    assert [(problem.field, problem.value) for problem in error.problems] == [
        ("to.city", 1), ("to.hose", 2), ("lines[1].sku", "x"), ("lines[1].quantity", 0), ("lines[2].sku", MISSING),
        ("lines[3]", 5), ("total", "ten"), ("colour", "dark green"), ("noet", "x")]


def test_a_value_without_a_name():
    """A value that is given by its place is refused with the field that it may be for; a dict with how to take it
    apart."""
    class Fine(Command):
        amount = field(int)
        why = field(str, initial="")

    assert str(problems(Fine, 3)) == (
        "Fine was refused: 1 problem\n  3 has no name; say for which field it is: Fine(amount=3)")
    assert str(problems(Fine, "late", 2, amount=3)) == (
        "Fine was refused: 2 problems\n  'late' has no name; say for which field it is: Fine(why='late')\n"
        "  2 has no name, and no field is left that it could be for")
    assert str(problems(Fine, {"amount": 3})) == (
        "Fine was refused: 1 problem\n  {'amount': 3} has no name; of a dict say Fine(**values)")
    assert str(problems(Fine, Fine(amount=3))) == (
        "Fine was refused: 1 problem\n  Fine(amount=3, why='') has no name; to hand on all fields of a record say "
        "Fine(**values_of(record))")


def test_a_missing_field_is_named():
    """A field without an initial value, whose type does not admit None, must be given."""
    assert str(problems(Address)) == 'Address was refused: 1 problem\n  city: is missing; give a str such as "Ada"'
    assert [name for name, it in Order._fields.items() if it.required] == ["to"]


def test_none_is_a_value_only_where_admitted():
    """None is refused for a plain type, taken for an optional one, and not passed to its check."""
    class Person(Datadef):
        name = field(str)
        age = field(int | None, check=lambda age: age >= 0)

    assert Person(name="Ada", age=None).age is None
    assert problems(Person, name=None, age=-1).problems == (
        Problem("name", None, 'None is not text; give a str such as "Ada"'), Problem("age", -1, "-1 failed its check"))


def test_data_from_outside_cannot_reach_the_machinery():
    """pyrsistent's own keywords are unknown fields to a user, so that no mapping skips the conversion."""
    error = problems(Order, to={"city": 5, "_factory_fields": []}, ignore_extra=True)
    assert [problem.field for problem in error.problems] == [
        "to.city", "to._factory_fields", "ignore_extra"]


def test_a_field_may_be_called_cls():
    """A field may have the name of a parameter of Python's own methods."""
    Seat = type(Datadef)("Seat", (Datadef,), {"cls": field(str)})
    assert Seat(cls="first").set(cls="second").cls == "second"


# ------------------------------------------------------------------------------------------------ definition

@pytest.mark.parametrize("name", ["set", "create", "remove", "transform", "evolver", "serialize", "self",
                                  "ignore_extra", "_factory_fields", "_fields", "_rules", "_pclass_frozen", "__doc__"])
def test_a_name_that_is_taken_is_refused(name):
    """A field cannot take the name of something that every Datadef has."""
    with pytest.raises(DefinitionError) as caught:
        type(Datadef)("Entity", (Datadef,), {name: field(str)})
    assert str(caught.value) == (
        f'Entity cannot be defined\n  "{name}" is a name that every Datadef has for itself; call the field otherwise')


def test_fields_and_invariants_are_inherited():
    """A subclass has its bases' fields first, then its own; their invariants hold, and a field may be declared anew."""
    class Span(Datadef):
        start = field(int)
        end = field(int)

        @invariant
        def forwards(self):
            "it ends after it starts."
            return self.end > self.start

    class Named(Span):
        name = field(str)
        end = field(int, initial=9)

        @invariant
        def polite(self):
            return (self.name != "boo", "the name is polite")

    assert list(Named._fields) == ["start", "end", "name"]
    assert Named(start=1, name="x").end == 9
    assert [str(it) for it in problems(Named, start=5, end="4", name="boo").problems] == [
        "it must hold that it ends after it starts", "it must hold that the name is polite"]
    assert [it.field for it in problems(Named, start="x", end=1).problems] == ["start", "name"]
    assert "name" not in Span._fields


class Positive:
    """A plain class, to be mixed in."""

    __slots__ = ()

    @invariant
    def positive(self):
        "x is positive"
        return self.x > 0

    @property
    @invariant
    def small(self):
        "x is small"
        return self.x < 100


class Number(Datadef):
    x = field(int)


def test_the_invariants_of_a_plain_class_hold():
    """A class that is no Datadef and is mixed in brings its invariants, a property among them."""
    class Mixed(Positive, Number):
        pass

    assert Mixed(x=1).x == 1
    for build in (Mixed, Mixed(x=1).set):
        assert [str(it) for x in (-1, 100) for it in problems(build, x=x).problems] == [
            "it must hold that x is positive", "it must hold that x is small"]


def test_the_nearest_of_several_declarations_stands():
    """Of bases with a base in common, a field or invariant that one declares anew stands before the common one's."""
    class Base(Number):
        @invariant
        def limited(self):
            "x is below 10"
            return self.x < 10

    class Tight(Base):
        x = field(int, least=0)

        @invariant
        def limited(self):
            "x is below 5"
            return self.x < 5

    class Wide(Base):
        y = field(int | None)

    class Both(Wide, Tight):
        pass

    assert list(Both._fields) == ["x", "y"]
    assert [str(it) for it in problems(Both, x=7).problems] == ["it must hold that x is below 5"]
    both = Both(x=1)
    for build in (Both, both.set, lambda x: both.evolver().set("x", x).persistent(), lambda x: Both.create({"x": x})):
        assert [it.reason for it in problems(build, x=-1).problems] == ["-1 failed its check: only 0 or more will do"]


def test_a_field_of_a_plain_class_is_refused():
    """A field of a class that is no Datadef would be none, so it is refused where the class is mixed in."""
    class Named:
        name = field(str)

    with pytest.raises(DefinitionError, match='"name" is a field of Named, which is no Datadef: .*declare it in P'):
        type(Datadef)("Person", (Named, Number), {})


def test_bases_that_have_no_room_in_one_record_are_refused():
    """Two bases with fields of their own are told in words, not in Python's."""
    with pytest.raises(DefinitionError, match="Both cannot be defined: more than one of Number, Address has fields or "
                                              "slots of its own, .*; derive one of them from the other"):
        type(Datadef)("Both", (Number, Address), {})


def test_an_invariant_cannot_change_the_record():
    """A rule sees a record that is frozen already, however it is made."""
    class Sly(Number):
        @invariant
        def better(self):
            self.x = 9
            return True

    for build in (Sly, lambda x: Sly._checked({"x": x})):
        assert "the invariant better raised AttributeError" in str(problems(build, x=1))


@pytest.mark.parametrize("rule, words", [
    (lambda self: 1 / 0, "the invariant rule raised ZeroDivisionError('division by zero')"),
    (lambda self: None, "it must hold that rule"),
    (lambda self: (False, "so"), "it must hold that so"),
    (lambda self: (True,), "the invariant rule raised TypeError('(True,) is no answer; give True, False or (False, "
                           '"why")\')'),
])
def test_an_invariant_that_does_not_hold_is_said(rule, words):
    """An invariant that breaks, or forgets to answer, is a problem of the whole; it may give its reason."""
    cls = type(Datadef)("Ruled", (Datadef,), {"x": field(int), "rule": invariant(rule)})
    assert problems(cls, x=1).problems == (Problem(None, None, words),)


def test_the_invariants_of_pyrsistent_hold_too():
    """``__invariant__``, as PClass has it, is checked beside ours."""
    cls = type(Datadef)("Ruled", (Datadef,), {
        "x": field(int), "__invariant__": lambda self: (self.x > 1, "x is above 1")})
    assert cls(x=2).x == 2
    assert problems(cls, x=1).problems == (Problem(None, None, "it must hold that x is above 1"),)


def test_an_inherited_field_gives_way_only_to_a_field():
    """Something else under the name of an inherited field is refused, in words."""
    with pytest.raises(DefinitionError, match=r'"city" is a field of Address; only another field\(…\) can take its'):
        type(Datadef)("Home", (Address,), {"city": "Rome"})


def test_one_declaration_under_two_names_is_two_fields():
    """``first = last = field(str)`` gives two fields, each with its own name."""
    class Name(Datadef):
        first = last = field(str)

    assert {key: it.name for key, it in Name._fields.items()} == {"first": "first", "last": "last"}
    assert all(isinstance(it, Field) for it in Name._fields.values())
    assert [it.field for it in problems(Name, last=1).problems] == ["first", "last"]


# ------------------------------------------------------------------------------------------------ as a PClass

def test_a_field_says_what_it_takes():
    """Keywords that a field does not take are told, with what others call them; so is a type that is missing."""
    given = "initial, check, factory, choices, doc, hidden, references, unique, least, most"
    with pytest.raises(DefinitionError) as caught:
        field(default="x", reference=Address, odd=1)
    assert caught.value.problems == (
        "its type is missing; give it first, as in field(str)",
        f'it takes no "default"; did you mean "initial"? There is: {given}',
        f'it takes no "reference"; did you mean "references"? There is: {given}',
        f'it takes no "odd"; there is: {given}')


def test_a_record_cannot_be_changed():
    """Attributes of a record can be neither set nor deleted nor added."""
    address = Address(city="Rome")
    with pytest.raises(AttributeError, match="do not change"):
        address.city = "Milan"
    with pytest.raises(AttributeError, match="Can't delete attribute"):
        del address.city
    with pytest.raises(AttributeError, match="do not change"):
        address.street = "x"
    assert address == Address(city="Rome")


@given(st.data())
def test_a_record_is_a_value(data):
    """Any record equals a copy of itself by every way of copying: pickle, copy, create, evolver, its own fields."""
    cls = data.draw(datadef_classes())
    record = data.draw(records(cls))
    for again in (copy.copy(record), copy.deepcopy(record), record.evolver().persistent(), record.set(),
                  cls(**values_of(record)), cls.create(values_of(record)), cls(**dumped(record))):
        assert again == record
        assert hash(again) == hash(record)
        assert type(again) is cls
    assert record.serialize() == dumped(record)


@given(st.data())
def test_set_evolver_and_transform_agree(data):
    """The three ways to another record convert the new value and leave the old record as it was."""
    cls = data.draw(datadef_classes())
    record = data.draw(records(cls))
    before = values_of(record)
    name = data.draw(st.sampled_from(sorted(cls._fields)))
    value = data.draw(values(cls._fields[name].kind.annotation))
    text = cls._fields[name].kind.dump(value)
    wanted = cls(**{**before, name: value})
    evolver = record.evolver()
    evolver[name] = text
    assert record.set(**{name: text}) == record.set(name, text) == evolver.persistent() == wanted
    assert record.transform([name], lambda _: text) == wanted
    assert values_of(record) == before


@given(records(Leg))
def test_records_of_modules_are_pickled(leg):
    """A record of a class that can be imported survives pickling, nested ones and frozen lists included."""
    again = pickle.loads(pickle.dumps(leg))
    assert again == leg
    assert type(again.stops) is type(leg.stops)


def test_wrong_values_are_refused_by_every_way():
    """``set``, an evolver, ``transform`` and ``create`` refuse as building does; what is removed is missing."""
    order = Order(to={"city": "Rome"}, note="x")
    for build in (lambda: order.set(total="ten"), lambda: order.set("total", "ten"),
                  lambda: order.evolver().set("total", "ten").persistent(),
                  lambda: order.transform(["total"], "ten"), lambda: Order.create({"to": order.to, "total": "ten"})):
        assert [it.field for it in problems(build).problems] == ["total"]
    assert [it.field for it in problems(order.set, toto=1).problems] == ["toto"]
    assert [it.field for it in problems(order.remove, "to").problems] == ["to"]
    assert order.remove("note").note is None
    assert order.transform(["to", "city"], "Milan").to == Address(city="Milan")
    assert Order.create({"to": order.to, "x": 1}, ignore_extra=True) == Order(to=order.to)


def test_lists_and_dicts_of_a_record_refuse_changes():
    """A list that was given stays the user's; the record's own refuses."""
    class Bag(Datadef):
        tags = field(list[str])
        data: dict[str, Any] = field(dict[str, Any], initial={})

    given_tags = ["a"]
    bag = Bag(tags=given_tags)
    given_tags.append("b")
    assert bag.tags == ["a"]
    with pytest.raises(TypeError, match="belongs to an immutable record"):
        bag.tags.append("b")
    with pytest.raises(TypeError, match="belongs to an immutable record"):
        bag.data["a"] = 1
    assert hash(bag) == hash(Bag(tags=["a"]))


def test_the_values_of_a_record_are_handed_on_by_name():
    """``values_of`` gives the fields in the order in which they were defined, the values as the record has them, and no
    stamps and no target; what is no record is refused in words."""
    class Stored(Resource):
        street = field(str)
        city = field(Address)

    class Placed(Event):
        street = field(str)
        city = field(Address)

    placed = Placed(city=Address(city="Rome", house=3), street="Via").on(Target("shop", "stored", 1))
    assert list(values_of(placed).items()) == [("street", "Via"), ("city", placed.city)]
    stored = Stored(_id=UUID(int=1), _etag="a", **values_of(placed))
    assert values_of(stored) == values_of(placed)
    assert Insert(placed.target, **values_of(placed)).values == values_of(placed)
    with pytest.raises(Invalid, match="5 is no record: no item, command, event or other Datadef"):
        values_of(5)
    with pytest.raises(Invalid, match="Placed is a class; give a record of it"):
        values_of(Placed)


def test_what_tab_offers() -> None:
    """A record and its class offer their fields and what is documented of them, not pyrsistent's own ways; these are
    there, and are no names for fields."""
    class Deposit(Command):
        amount = field(int)

    deposit = Deposit(amount=1)
    for it in (deposit, Deposit):
        assert [name for name in dir(it) if not name.startswith("_")] == ["amount", "on", "set", "target"]
    assert deposit.serialize()["amount"] == 1
    with pytest.raises(DefinitionError, match='"evolver" is a name that every Command has for itself'):
        type("Odd", (Command,), {"evolver": field(int)})
