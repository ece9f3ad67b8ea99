"""Insert, Update and Delete are values."""

import copy
import pickle
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import items, resource_classes
from workbench.domain.datadef import field
from workbench.domain.entity import Event
from workbench.domain.mutation import Delete, Insert, Shared, Update
from workbench.domain.resource import Resource, Target
from workbench.errors import Invalid

TARGET = Target("bank", "account", 5)


class Account(Resource):
    """An account."""

    owner = field(str)


class Deposited(Event):
    amount = field(int)


ITEM = Account(_id=UUID(int=5), owner="Ada")


@pytest.mark.parametrize("mutation, shown", [
    (Insert(TARGET, owner="Ada"), "Insert(bank:account/5, owner='Ada')"),
    (Update(TARGET, on=1, values=2, self=3), "Update(bank:account/5, on=1, values=2, self=3)"),
    (Update(ITEM, owner="Bob"),
     "Update(<Account 00000000-0000-0000-0000-000000000005: owner='Ada'>, owner='Bob')"),
    (Delete(TARGET), "Delete(bank:account/5)"),
])
def test_a_mutation_is_a_value(mutation, shown):
    """A mutation shows what it is on and what it sets, and equals every copy of itself; any field name will do."""
    assert repr(mutation) == shown
    for again in (pickle.loads(pickle.dumps(mutation)), copy.copy(mutation), copy.deepcopy(mutation)):
        assert again == mutation
        assert hash(again) == hash(mutation)
        assert type(again) is type(mutation)


def test_mutations_differ_by_kind_item_and_values():
    """Two mutations are equal only if of one kind, on one item, with the same values."""
    assert len({Insert(TARGET, a=1), Insert(TARGET, a=1), Insert(TARGET, a=2), Update(TARGET, a=1),
                Insert(Target("bank", "account", 6), a=1), Delete(TARGET)}) == 5
    assert Delete(TARGET) != TARGET
    assert [kind.verb for kind in (Insert, Update, Delete)] == ["insert", "update", "delete"]


def test_a_mutation_cannot_be_changed():
    """Neither what it is on nor its values can be set or deleted."""
    update = Update(TARGET, owner="Ada")
    with pytest.raises(AttributeError, match="Update is a value and cannot be changed; make another one"):
        update.on = TARGET
    with pytest.raises(AttributeError, match="Update is a value and cannot be changed; make another one"):
        del update.values
    with pytest.raises(TypeError, match="does not support item assignment"):
        update.values["owner"] = "Bob"
    assert update == Update(TARGET, owner="Ada")


def test_a_delete_sets_nothing():
    """Delete takes no values, and says so."""
    for wrong in (lambda: Delete(TARGET, owner="Ada"), lambda: Delete(TARGET, "Ada")):
        with pytest.raises(Invalid, match="'Ada' sets nothing: Delete takes the item alone"):
            wrong()


def test_values_of_a_mutation_have_names():
    """A value, and a dict of values, that is given by its place is refused with how to say it."""
    with pytest.raises(Invalid) as caught:
        Insert(TARGET, {"owner": "Ada"}, 3)
    assert str(caught.value) == (
        "Insert was refused: 2 problems\n  {'owner': 'Ada'} has no name; of a dict say Insert(…, **values)\n"
        "  3 has no name; say for which field it is: Insert(…, field=3)")


def test_a_record_hands_on_its_values_by_name():
    """An event that is given in place of its values is told with what gives these, as is an item or a command."""
    for record in (Deposited(amount=3), ITEM):
        with pytest.raises(Invalid, match=r"Deposited\(amount=3\)|<Account") as caught:
            Insert(TARGET, record)
        assert "has no name; to hand on all fields of a record say Insert(…, **values_of(record))" in str(caught.value)


def test_what_becomes_of_a_value_does_not_reach_its_mutation():
    """Lists and dicts are kept frozen, all the way down; one that holds itself is left to the field to refuse."""
    flat, nested, tags = {"n": 1}, {"ä": {"m": [1]}}, [[1]]
    update = Update(TARGET, flat=flat, nested=nested, tags=tags)
    flat["n"] = nested["ä"]["m"][0] = tags[0][0] = 99
    assert update.values == {"flat": {"n": 1}, "nested": {"ä": {"m": [1]}}, "tags": [[1]]}
    with pytest.raises(TypeError, match="this value belongs to an immutable record"):
        update.values["nested"]["ä"]["m"].append(2)
    ring = []
    ring.append(ring)
    assert Update(TARGET, tags=ring).values["tags"] is ring


@given(data=st.data(), verb=st.sampled_from([Insert, Update]))
def test_a_mutation_that_shares_its_values_is_the_same(data, verb):
    """A mutation that takes its values from its item is the same to every reader as one that keeps them."""
    item = data.draw(resource_classes().flatmap(items))
    names = data.draw(st.permutations([name for name in type(item)._fields if not name.startswith("_")]))
    names = names[:data.draw(st.integers(0, len(names)))]
    kept, shared = (verb(TARGET, **{name: getattr(item, name) for name in names}) for _ in range(2))
    shared.share(item, {})
    assert type(shared._values) is Shared
    assert shared == kept == shared
    assert hash(shared) == hash(kept)
    assert repr(shared) == repr(kept)
    assert shared.values == kept.values == shared.values
    assert (type(shared.values), str(shared.values)) == (type(kept.values), str(kept.values))
    assert verb(ITEM, **shared._values) == verb(ITEM, **kept.values)
    assert "none" not in shared._values
    assert pickle.dumps(shared) == pickle.dumps(kept)
    for again in (pickle.loads(pickle.dumps(shared)), copy.copy(shared), copy.deepcopy(shared)):
        assert again == kept
        assert type(again._values) is dict
    assert shared.moved(TARGET) == kept
    assert shared != verb(TARGET, **kept.values, none=1)


def test_a_mutation_shares_no_values_but_its_own():
    """Values that the item has converted, or has others for, stay with the mutation."""
    for owner in ("Bob", "".join(["A", "da"])):     # another one, and an equal one
        update = Update(TARGET, owner=owner)
        update.share(ITEM, {})
        assert update.values["owner"] is owner
        assert type(update._values) is dict


def test_mutations_that_share_have_names_in_common():
    """The names of mutations of one form are kept once."""
    known = {}
    mutations = [Insert(Target("bank", "account", number), owner=ITEM.owner) for number in range(2)]
    for mutation in mutations:
        mutation.share(ITEM, known)
    assert mutations[0]._values._names is mutations[1]._values._names
