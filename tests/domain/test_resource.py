"""Resources and Targets: stamps, identifiers, and items of an earlier definition."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Optional
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import items, resource_classes
from workbench.domain.compiled import loader_of
from workbench.domain.datadef import Datadef, field, restored, values_of
from workbench.domain.resource import Resource, Target, identify, is_deleted, refit
from workbench.errors import DefinitionError, Invalid


class Account(Resource):
    """An account, identified by a UUID."""

    owner = field(str)
    balance = field(Decimal, initial=Decimal(0))


class Airline(Resource):
    """An airline, identified by its code, deleted softly."""

    _id = field(str)
    _deleted = field(datetime | None)
    name = field(str)


def test_an_item_has_stamps_beside_its_fields():
    """Stamps are typed like fields, None until the State sets them, and are not among the values."""
    item = Account(_id="12345678-1234-1234-1234-123456789abc", owner="Ada")
    assert (item._id, item.identifier) == (UUID("12345678-1234-1234-1234-123456789abc"),) * 2
    assert (item._created, item._updated, item._etag, item.etag) == (None,) * 4
    assert values_of(item) == {"owner": "Ada", "balance": Decimal(0)}
    assert repr(item) == "<Account 12345678-1234-1234-1234-123456789abc: owner='Ada', balance=Decimal('0')>"
    assert item.set(_etag="e").etag == "e"


def test_an_item_needs_its_identifier():
    """An item cannot be without an identifier, and its stamps are checked like fields."""
    with pytest.raises(Invalid) as caught:
        Account(owner=1, _created=datetime(2013, 1, 1))
    assert [it.field for it in caught.value.problems] == ["_id", "_created", "owner"]


@pytest.mark.parametrize("stamps, words", [
    ({"_id": field(bytes)}, "\"_id\" must be of type UUID or str or int, not <class 'bytes'>"),
    ({"_deleted": field(datetime)},
     "\"_deleted\" must be of type datetime.datetime | None, not <class 'datetime.datetime'>"),
    ({"_etag": field(int | None)}, '"_etag" must be of type str | None, not int | None'),
    ({"_x": field(str)}, '"_x": a name with an underscore is a stamp; there is: _id, _created, _updated, _etag, '
                         "_creator, _updater, _deleted"),
    ({"_id": field(str, factory=str.upper)},
     '"_id" has a factory, and an item would not be found by what it was asked for; convert identifiers before'),
])
def test_a_stamp_has_its_type(stamps, words):
    """A stamp of another type, or a name with an underscore that is no stamp, is refused with what there is."""
    with pytest.raises(DefinitionError) as caught:
        type(Resource)("Thing", (Resource,), stamps)
    assert str(caught.value) == f"the resource Thing cannot be defined\n  {words}"


@pytest.mark.parametrize("name", ["identifier", "etag", "set"])
def test_a_name_of_every_resource_is_refused(name):
    """A field cannot take the name of something that every Resource has."""
    with pytest.raises(DefinitionError, match=f'"{name}" is a name that every Resource has for itself'):
        type(Resource)("Thing", (Resource,), {name: field(str)})


def test_an_optional_stamp_may_be_written_either_way():
    """``Optional[datetime]`` is ``datetime | None``."""
    cls = type(Resource)("Thing", (Resource,), {"_deleted": field(Optional[datetime])})  # noqa: UP045  # it is meant
    assert cls(_id=uuid4())._deleted is None


def test_deleted_is_absent_or_stamped():
    """An item is gone when there is none, or when it carries the moment of its soft delete."""
    airline = Airline(_id="UA", name="United")
    assert is_deleted(None)
    assert not is_deleted(airline)
    assert is_deleted(airline.set(_deleted=datetime(2013, 1, 1, tzinfo=UTC)))
    assert not is_deleted(Account(_id=uuid4(), owner="Ada"))


def test_an_identifier_is_typed_by_its_resource():
    """Text of a UUID is the UUID; what is no identifier of the resource is refused in its words."""
    identifier = uuid4()
    assert identify(Account, str(identifier)) == identify(Account, identifier) == identifier
    assert identify(Airline, "UA") == "UA"
    with pytest.raises(Invalid) as caught:
        identify(Account, "UA")
    assert str(caught.value) == (
        "the identifier of a Account was refused: 1 problem\n  'UA' is not a UUID; give UUID(\"…\") or its text, "
        '"12345678-1234-1234-1234-123456789abc"')
    with pytest.raises(Invalid, match="5 is not text"):
        identify(Airline, 5)


def test_a_target_is_an_address():
    """A Target is a value and reads as domain, resource and identifier."""
    assert str(Target("bank", "account", 5)) == "bank:account/5"
    assert Target("bank", "account", 5) == ("bank", "account", 5)


def test_an_item_of_an_earlier_definition_is_carried_over():
    """A field that is gone is left out, a new one gets its initial value, a changed one is converted."""
    old = type(Resource)("Thing", (Resource,), {"gone": field(str), "size": field(str)})
    new = type(Resource)("Thing", (Resource,), {"size": field(int), "extra": field(bool, initial=False)})
    item = old(_id=uuid4(), gone="x", size="3", _etag="e")
    assert refit(item, new) == new(_id=item._id, _etag="e", size=3, extra=False)
    assert refit(item, old) is item
    with pytest.raises(Invalid, match="size: 'big' is not a whole number"):
        refit(item.set(size="big"), new)


@pytest.mark.parametrize("before, after, given", [(str, int, "7"), (str, UUID, str(UUID(int=1)))])
def test_an_item_that_would_become_another_does_not_fit(before, after, given):
    """An identifier of another type is another item: it is refused, though it could be converted."""
    old = type(Resource)("Thing", (Resource,), {"_id": field(before)})
    new = type(Resource)("Thing", (Resource,), {"_id": field(after)})
    with pytest.raises(Invalid, match=f"Thing {given} was refused: 1 problem\n  _id: '{given}' would become .*, which "
                                      "is another item; give _id the type that it had"):
        refit(old(_id=given), new)


def priced(**more):
    return type(Resource)("Price", (Resource,), {
        "cents": field(Decimal, factory=lambda cents: Decimal(cents) / 100, **more), "name": field(str)})


def test_a_factory_has_seen_what_an_item_holds():
    """A factory is not applied again where an item is carried over or loaded; checks are, and what does not fit the
    type without a factory is given to it."""
    item = priced()(_id=uuid4(), cents=10_000, name="x")
    assert item.cents == 100
    assert refit(item, priced()).cents == 100
    loaded = []
    loader_of(priced(), list(item._fields))(iter([tuple(getattr(item, name) for name in item._fields)]), loaded)
    assert [it.cents for it in loaded] == [100]
    assert restored(priced(), {"_id": item._id, "cents": "100", "name": "x"}).cents == 100
    with pytest.raises(Invalid, match=r"2 problems\n  cents: .*\('100'\) failed its check.*\n  name: 5 is not text"):
        restored(priced(most=99), {"_id": item._id, "cents": item.cents, "name": 5})
    parsed = type(Resource)("Price", (Resource,), {"name": field(int, factory=len)})
    assert refit(item, parsed).name == 1


@given(st.data())
def test_items_of_any_resource_are_built_from_their_own_values(data):
    """An item of any fields and identifier is built again from its values, and its identifier is stable."""
    cls = data.draw(resource_classes())
    item = data.draw(items(cls))
    assert cls(_id=item._id, **values_of(item)) == item
    assert identify(cls, item.identifier) == item.identifier
    assert identify(cls, str(item.identifier).strip() if type(item.identifier) is UUID else item.identifier) == (
        item.identifier)
    assert not is_deleted(item)


def test_an_item_that_is_assigned_to_says_what_to_yield():
    """Items and other records do not change; the error says what makes the change, or another record."""
    class Book(Resource):
        title = field(str)

    class Address(Datadef):
        city = field(str)

    book, address = Book(_id=UUID(int=1), title="Dune"), Address(city="Rome")
    with pytest.raises(AttributeError, match=re.escape(
            "items do not change; in an event handler yield Update(book, title=…)")):
        book.title = "Emma"
    with pytest.raises(AttributeError, match=re.escape("records do not change; .set(city=…) makes another Address")):
        address.city = "Bari"
    assert (book.title, address.city) == ("Dune", "Rome")
