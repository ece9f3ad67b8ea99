"""Fields with references=: they take what carries an identifier, of the resource that is meant, and nothing else."""

from typing import Any
from uuid import UUID

import pytest

from tests.state.domains import Identifiers, manage
from workbench import Command, Datadef, Domain, Resource, Target, field
from workbench.errors import DefinitionError, Invalid
from workbench.examples.bank import Account, OpenAccount, Pay, bank

ONE = UUID(int=1)


class Book(Resource):
    title = field(str)


class Lend(Command):
    book = field(UUID, references=Book)
    before = field(UUID | None, references=Book)
    shelf = field(str | None, references="library:shelf")


@pytest.fixture(autouse=True)
def library() -> Domain:
    domain = Domain("library")
    domain.resource(Book)
    return domain


@pytest.mark.parametrize("book", [ONE, str(ONE), Target("library", "book", ONE), Book(_id=ONE, title="Emma")])
def test_what_carries_an_identifier_will_do(book: Any) -> None:
    """An item and its Target stand for the identifier, in an optional field as well, and in a changed record."""
    lend = Lend(book=book, before=book)
    assert (lend.book, lend.before) == (ONE, ONE)
    assert Lend(book=UUID(int=2)).set(book=book).book == ONE


async def test_a_step_will_do() -> None:
    """A step stands for the item that its command was on."""
    manager = manage(bank, identifiers=Identifiers())
    ada = await manager.issue(OpenAccount(owner="Ada"))
    assert Pay(to=ada, amount=1).to == ada.target.identifier
    (item,) = await manager.fetch(ada.target)
    assert Pay(to=item, amount=1).to == ada.target.identifier


@pytest.mark.parametrize(("given", "words"), [
    (Target("bank", "account", ONE), "is of bank:account, and this field references library:book"),
    (Account(_id=ONE, owner="Ada"), "is of bank:account, and this field references library:book"),
    ("Emma", "'Emma' is not a UUID"),
    (Datadef(), "is not a UUID")])
def test_an_item_of_another_resource_is_refused(given: Any, words: str) -> None:
    """What is of another resource, or carries no identifier, is refused with what would do."""
    with pytest.raises(Invalid, match=f"book: .*{words}"):
        Lend(book=given)


def test_a_reference_by_its_key() -> None:
    """A resource that is named by its key admits items of that key, in the domain that is said."""
    assert Lend(book=ONE, shelf=Target("library", "shelf", "a")).shelf == "a"
    for target in (Target("library", "book", "a"), Target("shop", "shelf", "a")):
        with pytest.raises(Invalid, match="and this field references library:shelf"):
            Lend(book=ONE, shelf=target)


def test_a_resource_of_two_domains() -> None:
    """A class that a second Domain registers is still of the first: a Target in either will do."""
    second = Domain("archive")
    second.resource(key="volume")(Book)
    for target in (Target("library", "book", ONE), Target("archive", "volume", ONE)):
        assert Lend(book=target).book == ONE
    with pytest.raises(Invalid, match="is of library:volume, and this field references archive:volume"):
        Lend(book=Target("library", "volume", ONE))
    second.forget(Book)


@pytest.mark.parametrize("given", [Lend, int, 3])
def test_what_is_no_resource_cannot_be_referenced(given: Any) -> None:
    """A class that is no Resource is refused where it is written."""
    with pytest.raises(DefinitionError, match=r"references= takes a Resource class, its key as text, or \"self\", not"):
        field(UUID, references=given)


def test_an_item_whose_fields_are_called_like_those_of_a_target(library: Domain) -> None:
    """Fields called domain and resource do not make a Target of an item: it is of its own resource."""
    class Permission(Resource):
        domain = field(str)
        resource = field(str)

    class Grant(Command):
        permission = field(UUID, references=Permission)

    library.resource(Permission)
    assert Grant(permission=Permission(_id=ONE, domain="bank", resource="account")).permission == ONE
    with pytest.raises(Invalid, match="is of library:permission, and this field references library:book"):
        Lend(book=Permission(_id=ONE, domain="library", resource="book"))
