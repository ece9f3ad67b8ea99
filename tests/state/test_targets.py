"""What a command is on: however it is said, it is one Target, and a wrong one is refused before a handler runs."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest

from tests.state.domains import Identifiers, Note, RecordingReader, Write, Written, manage, note, notes, stored
from workbench import Command, Domain, Event, Insert, Rejected, Resource, Target, Update, field
from workbench.errors import Invalid, NotFound, UnknownName
from workbench.examples.bank import Account, CloseAccount, Deposit, OpenAccount, Pay, bank

FIRST = UUID(int=1)


class Seat(Resource):
    _id = field(int)
    taken = field(bool, initial=False)


class Take(Command):
    pass


class Taken(Event):
    pass


def seats() -> Domain:
    """A domain with whole numbers for identifiers."""
    domain = Domain("seats")
    domain.resource(Seat)
    domain.command(on=Seat)(Take)
    domain.event(Taken)

    @domain.command_handler(Take)
    async def take(command: Any, context: Any) -> Any:
        await context.fetch(context.target)
        yield Taken().on(context.target)

    @domain.event_handler(Taken)
    async def taken(event: Any, context: Any) -> Any:
        yield Update(event.target, taken=True)

    return domain


@pytest.mark.parametrize("on", [None, "account", "bank:account", Account])
async def test_a_missing_identifier_means_a_new_item(on: Any) -> None:
    """Without an identifier the command is on a new item, whose identifier the session's source gives."""
    step = await manage(bank).issue(OpenAccount(owner="Ada"), on=on)
    assert step.target == Target("bank", "account", FIRST)
    assert step.output == {"account": FIRST}
    assert step.address == f"bank:open-account/account/{FIRST}"


async def test_all_ways_to_name_one_item() -> None:
    """A Target, an item, a Step, an address, a text identifier and a UUID all name the same item."""
    manager = manage(bank)
    opened = await manager.issue(OpenAccount(owner="Ada"))
    (item,) = await manager.fetch(opened.target)
    ways: list[Any] = [opened, opened.target, item, f"account/{FIRST}", f"bank:account/{FIRST}", str(FIRST), FIRST,
                       str(FIRST).upper(), f"account/{FIRST.hex}", Target("bank", "account", str(FIRST))]
    for on in ways:
        assert (await manager.issue(Deposit(amount=1), on=on)).target == opened.target
    assert (await manager.issue(Deposit(amount=1).on(opened.target))).target == opened.target
    assert (await manager.issue(Deposit(amount=1).on(f"account/{FIRST}"))).target == opened.target
    (item,) = await manager.fetch(opened.target)
    assert item.balance == len(ways) + 2
    assert [target for _, target, _ in manager.items("account")] == [opened.target]


@pytest.mark.parametrize("on", [7, "7", " 7 ", "seat/7", "seats:seat/7", Target("seats", "seat", "7")])
async def test_a_whole_number_as_identifier(on: Any) -> None:
    """An identifier that is a whole number may be given as text; it is the same item."""
    manager = manage(seats())
    manager.reader.items[Target("seats", "seat", 7)] = Seat(_id=7)      # type: ignore[attr-defined]
    step = await manager.issue(Take(), on=on)
    assert step.target == Target("seats", "seat", 7)
    assert type(step.target.identifier) is int


@pytest.mark.parametrize("on", [True, "seven", "seat/seven", 2**70])
async def test_what_is_no_identifier_is_refused(on: Any) -> None:
    """What cannot be an identifier of the resource is refused with the value given."""
    with pytest.raises((Invalid, UnknownName), match=re.escape(str(on).removeprefix("seat/"))):
        await manage(seats()).issue(Take(), on=on)


async def test_a_natural_key_cannot_be_made_up() -> None:
    """A new item of a resource with a natural key needs its identifier; the error says how to give it."""
    with pytest.raises(Invalid, match=r'its identifier is a whole number and cannot be made up; give it, as in "seat/'):
        await manage(seats()).issue(Take())


async def test_a_wrong_resource_is_refused_before_the_handler() -> None:
    """A command that declares what it is on refuses another resource, and its handler does not run."""
    manager = manage(bank, notes())
    for on in ("note/a", Target("notes", "note", "a"), note("a"), "notes:note"):
        with pytest.raises((Invalid), match=r"it is issued on bank:account, not on notes:note/a|cannot be made up"):
            await manager.issue(OpenAccount(owner="Ada"), on=on)
    assert manager.state.number == 0


async def test_a_misspelt_resource() -> None:
    """A resource that is not there is answered with the nearest one."""
    with pytest.raises(UnknownName, match=r'there is no resource "acount"; did you mean "account"\?'):
        await manage(bank).issue(OpenAccount(owner="Ada"), on="acount")
    with pytest.raises(UnknownName, match=r'there is no resource "acount"; did you mean "account"\?'):
        await manage(bank).issue(CloseAccount(), on=f"acount/{FIRST}")


async def test_an_identifier_needs_its_resource() -> None:
    """A bare identifier will do only where the command declares what it is on."""
    with pytest.raises(Invalid, match=r"names an item but not its resource; say an item, a Target or"):
        await manage(notes()).issue(Write(), on=7)


async def test_a_command_on_nothing() -> None:
    """A command that is on no item says so where its handler asks for the target."""
    manager = manage(notes())
    with pytest.raises(AttributeError) as caught:
        await manager.issue(Write())
    assert str(caught.value) == (
        "this command, or event, is on no item. Say what commands of its class are on: @notes.command(on=Note); "
        'or issue it on one: issue(…, on="note/<id>"), or on="note" for a new one. An event is put on an item where it '
        "is yielded: .on(context.target)")

    def write(command: Any, context: Any) -> Any:
        return context.respond(fine=True)

    step = await manage(notes(write=write)).issue(Write())
    assert step.address == "notes:write"
    with pytest.raises(AttributeError, match="notes:write was issued on no item"):
        _ = step.target


async def test_an_event_on_nothing() -> None:
    """An event that is on no item says so where its handler asks for the target."""
    manager = manage(notes(write=lambda command, context: Written()))
    with pytest.raises(AttributeError, match=r"this Written is on no item; say .on\(target\) where it is made"):
        await manager.issue(Write(), on="note/a")


async def test_an_event_may_name_its_item_as_text() -> None:
    """An event's item given as an address reaches its handler as a Target."""
    seen = []

    def written(event: Any, context: Any) -> Any:
        seen.append((event.target, context.target))
        return Insert(event.target)

    manager = manage(notes(write=lambda command, context: Written().on("note/a"), written=written))
    await manager.issue(Write())
    assert seen == [(Target("notes", "note", "a"),) * 2]


async def test_an_item_that_is_not_there() -> None:
    """A command on an item that does not exist says which one was not found."""
    with pytest.raises(NotFound, match=rf"bank:account/{FIRST} was not found: it is neither pending here nor in the"):
        await manage(bank).issue(Deposit(amount=1), on=FIRST)


async def test_a_command_on_nothing_that_seeks_its_item() -> None:
    """A command for items that are there, issued without on=, says that its target was made up, and how to name one;
    the log of refusals has the same words."""
    manager = manage(bank, identifiers=Identifiers())
    with pytest.raises(NotFound, match=(
            r"in the database\. Deposit was issued without on=, so a new account was meant, and this identifier made "
            r"up for it; for one that is there: issue\(Deposit\(…\), on=…\)")) as error:
        await manager.issue(Deposit(amount=1))
    assert manager.refusals[-1].message == str(error.value)
    assert error.value.made_up
    with pytest.raises(NotFound) as named:
        await manager.issue(Deposit(amount=1), on="account")
    assert "on=" not in str(named.value)
    assert not named.value.made_up


async def test_one_key_in_two_domains() -> None:
    """A resource key that two domains have means the command's own domain; from outside both keys are needed."""
    other = Domain("other")
    other.resource(key="note")(Seat)
    manager = manage(notes(), other)
    assert (await manager.issue(Write(), on="note/a")).target == Target("notes", "note", "a")
    with pytest.raises(UnknownName, match=r'there is: notes:note, other:note'):
        await manager.fetch("note/a")
    assert [item.identifier for item in await manager.fetch("notes:note/a")] == ["a"]
    assert await manager.find(Note, text="x")

ADA = "0000000a-0000-0000-0000-0000000000da"


def stored_account(**values: Any) -> Account:
    return Account(_id=ADA, owner="Ada", **values)


@pytest.mark.parametrize("first, second", [
    (ADA, UUID(ADA)), (UUID(ADA), ADA), (ADA.upper(), ADA), (UUID(ADA).hex, ADA)])
async def test_a_text_identifier_meets_the_cache(first: Any, second: Any) -> None:
    """An identifier given as text, in whatever spelling, is the same item: it is fetched once and changed once."""
    reader = RecordingReader(stored("bank", "account", stored_account()))
    manager = manage(bank, reader=reader)
    await manager.issue(Deposit(amount=1), on=Target("bank", "account", first))
    await manager.issue(Deposit(amount=1), on=Target("bank", "account", second))
    assert len(reader.loads) == 1
    (change,) = manager.plan().changes
    assert change.new == {"balance": 2}
    assert change.target.identifier == UUID(ADA)


async def test_a_text_where_a_uuid_was_meant() -> None:
    """A command's UUID given as text reaches the same item as the UUID; what is no UUID is refused before anything."""
    manager = manage(bank)
    ada = await manager.issue(OpenAccount(owner="Ada"))
    bob = await manager.issue(OpenAccount(owner="Bob"))
    await manager.issue(Deposit(amount=3), on=ada)
    await manager.issue(Pay(amount=1, to=str(bob.target.identifier)), on=ada)
    await manager.issue(Pay(amount=1, to=bob.target.identifier), on=str(ada.target.identifier))
    assert [item.balance for item in await manager.fetch(ada.target, bob.target)] == [1, 2]
    with pytest.raises(Invalid, match="to: 'bob' is not a UUID"):
        Pay(amount=1, to="bob")
    with pytest.raises(Rejected, match="cannot pay into the account the money comes from"):
        await manager.issue(Pay(amount=1, to=str(ada.target.identifier)), on=ada)
