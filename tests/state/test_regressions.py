"""The classic faults of libraries like this one, each once more, so that none comes in. Those that need a database are
in tests/postgres.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any
from uuid import UUID

import pytest

from tests.state.domains import Note, RecordingReader, Write, Written, manage, note, notes, stored
from workbench import Delete, Insert, Rejected, Target, Update
from workbench.errors import Invalid, NotFound
from workbench.examples.bank import Account, Deposit, OpenAccount, Pay, bank

A, B = Target("notes", "note", "a"), Target("notes", "note", "b")
ADA = "0000000a-0000-0000-0000-0000000000da"


def stored_account(**values: Any) -> Account:
    return Account(_id=ADA, owner="Ada", **values)


async def test_every_mutation_of_a_handler_applies() -> None:
    """Not only the first mutation that a handler yields applies, and each sees the one before."""
    async def written(event: Any, context: Any) -> Any:
        for number in range(1, 6):
            yield Insert(context.new(Note, str(number)), number=number)
            yield Update(context.new(Note, str(number)), text=f"no {number}")

    manager = manage(notes(written=written))
    await manager.issue(Write(), on=A)
    assert [(item.number, item.text) for item in await manager.find(Note)] == [(n, f"no {n}") for n in range(1, 6)]
    assert len(manager.plan()) == 5


async def test_a_failed_commands_changes_are_not_written_by_the_next() -> None:
    """What a failed command changed before it failed is in no later state and no plan."""
    async def write(command: Any, context: Any) -> Any:
        yield Written(text=command.text).on(context.target)
        if command.text == "fails":
            raise Rejected("after the change")

    manager = manage(notes(write=write), reader=RecordingReader(stored("notes", "note", note("a"))))
    with pytest.raises(Rejected):
        await manager.issue(Write(text="fails"), on="note/c")
    await manager.issue(Write(text="works"), on="note/d")
    assert [(change.target.identifier, change.new["text"]) for change in manager.plan().changes] == [("d", "works")]
    assert [step.number for step in manager.plan().steps] == [1]


async def test_two_sessions_share_nothing() -> None:
    """Two sessions of the same domain over the same rows see nothing of each other, and neither changes the rows."""
    reader = RecordingReader(stored("notes", "note", note("a", "stored")))
    domain = notes(written=lambda event, context: Update(A, text=event.text))
    one, two = manage(domain, reader=reader), manage(domain, reader=reader)
    await one.issue(Write(text="one"), on=A)
    assert [item.text for item in await two.fetch(A)] == ["stored"]
    await two.issue(Write(text="two"), on=A)
    assert [item.text for item in [*await one.fetch(A), *await two.fetch(A)]] == ["one", "two"]
    one.history.undo()
    assert (len(one.plan()), len(two.plan()), reader.items[A].text) == (0, 1, "stored")     # type: ignore[attr-defined]
    assert one.cache.items is not two.cache.items


async def test_nothing_is_kept_on_classes() -> None:
    """What one session did is not seen by another that is opened afterwards."""
    await manage(bank).issue(OpenAccount(owner="Ada"))
    fresh = manage(bank)
    assert await fresh.find(Account) == []
    assert (fresh.items("account"), fresh.state.number) == ([], 0)


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


async def test_a_deleted_item_is_not_fetched() -> None:
    """After a delete an item is not found, neither from the cache nor from the database, until that is undone."""
    reader = RecordingReader(stored("notes", "note", note("a"), note("b")))
    manager = manage(notes(written=lambda event, context: Delete(event.target)), reader=reader)
    await manager.fetch(A)
    await manager.issue(Write(), on=A)      # cached before
    await manager.issue(Write(), on=B)      # not cached before
    for target in (A, B):
        with pytest.raises(NotFound, match="deleted in this session"):
            await manager.fetch(target)
    assert await manager.find(Note) == []
    manager.history.undo(2)
    assert len(await manager.fetch(A, B)) == 2


async def test_unknown_keys_are_not_dropped() -> None:
    """A name that is no field is refused, in a command, a mutation and a search alike."""
    with pytest.raises(Invalid, match=r'amout: there is no such field; did you mean "amount"\?'):
        Deposit(amout=1)        # type: ignore[call-arg]
    manager = manage(notes(written=lambda event, context: Insert(A, txt="x")))
    with pytest.raises(Invalid, match=r'txt: there is no such field; did you mean "text"\?'):
        await manager.issue(Write(), on=A)
    with pytest.raises(Invalid, match=r'txt: there is no such field; did you mean "text"\?'):
        await manager.find(Note, txt="x")


@pytest.mark.parametrize("stamps", [{}, {"_created": None, "_updated": None, "_etag": None}])
async def test_an_item_merely_fetched_is_not_written(stamps: Any) -> None:
    """An item that was fetched, also one whose row has no stamps, is neither written back nor deleted."""
    async def write(command: Any, context: Any) -> Any:
        await context.fetch(A)
        await context.find(Note)
        yield context.respond(seen=True)

    manager = manage(notes(write=write), reader=RecordingReader(stored("notes", "note", note("a").set(**stamps))))
    await manager.fetch(A)
    await manager.issue(Write())
    plan = manager.plan()
    assert (len(plan), plan.idle, len(manager.state.changed)) == (0, (), 0)
    assert [status for status, _, _ in manager.items("note")] == ["clean"]


async def test_each_caller_has_its_own_response() -> None:
    """Of many commands issued at once, refused ones among them, each caller gets the response to its own."""
    async def write(command: Any, context: Any) -> Any:
        for _ in range(int(command.text) % 4):
            await asyncio.sleep(0)
        yield context.respond(mine=command.text)
        await asyncio.sleep(0)
        if command.text.endswith("7"):
            raise Rejected(command.text)

    manager = manage(notes(write=write))
    outcomes = await asyncio.gather(
        *(manager.issue(Write(text=str(n))) for n in range(50)), return_exceptions=True)
    for n, outcome in enumerate(outcomes):
        if str(n).endswith("7"):
            assert str(outcome) == str(n)
        else:
            assert not isinstance(outcome, BaseException)
            assert outcome.output == {"mine": str(n)}
            assert outcome.command == Write(text=str(n))


UNDER_O = """
import asyncio
from uuid import UUID
from workbench import Target
from workbench.domain.registry import Registry
from workbench.errors import *
from workbench.examples.bank import Account, Deposit, OpenAccount, bank
from workbench.state.held import Held
from workbench.state.manager import StateManager
from workbench.state.reader import MemoryReader

try:
    assert False
except AssertionError:
    raise SystemExit("asserts are on")

async def refused(error, work):
    try:
        await work
    except error as raised:
        return str(raised).splitlines()[0]
    raise SystemExit(f"nothing refused: {error.__name__}")

async def call(function, *arguments):
    return function(*arguments)

async def main():
    manager = StateManager(Registry([bank]), MemoryReader())
    opened = await manager.issue(OpenAccount(owner="Ada"))
    stale = manager.plan()
    print(await refused(Invalid, call(lambda: Deposit(amount=-1))))
    print(await refused(Invalid, call(lambda: Account(_id=1, owner=""))))
    print(await refused(NotFound, manager.issue(Deposit(amount=1), on=UUID(int=1))))
    print(await refused(Invalid, manager.issue(opened)))
    print(await refused(NothingTo, call(manager.history.undo, 2)))
    print(await refused(NothingTo, call(manager.history.redo)))
    await manager.issue(Deposit(amount=1), on=opened)
    print(await refused(WorkbenchError, call(Held(manager, manager.here).settle, stale)))

asyncio.run(main())
"""


def test_no_check_is_an_assert() -> None:
    """Under ``python -O``, where asserts are gone, everything that must be refused still is."""
    command = [sys.executable, "-O", "-c", UNDER_O]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Deposit was refused: 1 problem", "Account was refused: 2 problems",
        f"bank:account/{UUID(int=1)} was not found: it is neither pending here nor in the database",
        "issue was refused: 1 problem", "there is 1 step to undo, not 2",
        "there is nothing to redo; no step was undone since",
        "the plan is stale: nothing was written. Make it again with plan(); since it was made"]
