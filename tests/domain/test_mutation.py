"""Insert, Update and Delete are values."""

import copy
import pickle
from uuid import UUID

import pytest

from workbench.domain.datadef import field
from workbench.domain.mutation import Delete, Insert, Update
from workbench.domain.resource import Resource, Target

TARGET = Target("bank", "account", 5)


class Account(Resource):
    """An account."""

    owner = field(str)


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
    """Delete takes no values."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'owner'"):
        Delete(TARGET, owner="Ada")


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
