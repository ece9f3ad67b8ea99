"""Many commands in one call: what may be given, refusals told or raised, one query a resource, nothing half done."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.state.domains import RecordingReader, Write, Written, manage, notes, stored
from workbench import Command, Domain, Event, Invalid, NotFound, Rejected, Resource, Target, field
from workbench.errors import ConnectionLost, LoopError
from workbench.examples.bank import Account, Deposit, OpenAccount, Withdraw, bank
from workbench.state.batch import Batch, BatchRefusal, issue_many
from workbench.state.manager import StateManager
from workbench.state.refused import RefusedCommand

IDS = [UUID(int=1000 + number) for number in range(10)]


def of_accounts(**arguments: Any) -> StateManager:
    """A bank with ten stored accounts, each with 100."""
    accounts = [Account(_id=one, owner="Ada", balance=100, _etag=f"e{n}") for n, one in enumerate(IDS)]
    return manage(bank, reader=RecordingReader(stored("bank", "account", *accounts)), **arguments)


async def balances(manager: StateManager) -> list[Decimal]:
    return [item.balance for item in await manager.fetch(*(Target("bank", "account", one) for one in IDS))]


async def test_every_way_to_name_a_command() -> None:
    """Commands, pairs, addresses, addresses with fields and mappings may be mixed, and are issued in their order."""
    manager = of_accounts()
    ada = Target("bank", "account", IDS[0])
    batch = await issue_many(manager, iter([
        Deposit(amount=1), (Deposit(amount=2), IDS[1]), (Deposit(amount=3), f"account/{IDS[2]}"),
        (f"bank:deposit/account/{IDS[3]}", {"amount": "4"}), Deposit(amount=5).on(Target("bank", "account", IDS[4])),
        {"amount": 6, "on": IDS[5]}, {"amount": 7}, (Deposit(amount=8), None)]), of=Deposit, on=ada, cell=7)
    assert [step.number for step in batch.steps] == list(range(1, 9))
    assert {step.cell for step in batch.steps} == {7}
    # The fifth carried its own item, but what is given for all comes before that, as with issue(…, on=…).
    assert await balances(manager) == [100 + 1 + 5 + 7 + 8, 102, 103, 104, 100, 106, 100, 100, 100, 100]
    assert repr(batch) == "8 of 8 commands issued"


async def test_it_comes_to_the_same_as_one_by_one() -> None:
    """The plan and the steps equal those of as many calls of `issue`, identifiers and moments included."""
    commands = [(OpenAccount(owner="Bob"), None), *((Deposit(amount=n + 1), IDS[n % 10]) for n in range(30))]
    many, single = of_accounts(), of_accounts()
    await issue_many(many, commands)
    for command, on in commands:
        await single.issue(command, on=on)
    assert repr(many.plan().changes) == repr(single.plan().changes)
    assert list(map(repr, many.state.steps())) == list(map(repr, single.state.steps()))
    assert [step.at for step in many.state.steps()] == [step.at for step in single.state.steps()]


async def test_targets_are_one_query() -> None:
    """Items that are neither cached nor pending are fetched in one query a resource, also those named by a field."""

    class Place(Resource):
        _id = field(str)

    class Visit(Command):
        place = field(str, references=Place)

    class Visited(Event):
        place = field(str)

    travel = Domain("travel")
    travel.resource(Place)
    travel.command(Visit)
    travel.event(Visited)

    @travel.command_handler(Visit)
    async def visit(command: Any, context: Any) -> Any:
        await context.fetch(context.new(Place, command.place))
        yield Visited(place=command.place)

    @travel.event_handler(Visited)
    def visited(event: Any, context: Any) -> Any:
        return []

    manager = of_accounts()
    await manager.fetch(Target("bank", "account", IDS[0]))
    await issue_many(manager, [(Deposit(amount=1), one) for one in IDS + IDS])
    assert isinstance(manager.reader, RecordingReader)
    assert manager.reader.loads[1:] == [(("bank", "account"), tuple(IDS[1:]))]
    reader = RecordingReader(stored("travel", "place", *(Place(_id=name) for name in "abc")))
    await issue_many(manage(travel, reader=reader), [Visit(place=name) for name in "abcabc"])
    assert reader.loads == [(("travel", "place"), ("a", "b", "c"))]


# ------------------------------------------------------------------------------------------------ refusals


async def test_the_first_refusal_is_raised_and_nothing_was_done() -> None:
    """By default all is as before; the error is the very one, and says which command it was."""
    manager = of_accounts()
    commands = [(Deposit(amount=1), IDS[0]), (Withdraw(amount=1000), IDS[1]), (Deposit(amount=1), IDS[2])]
    before = manager.state
    with pytest.raises(Rejected) as caught:
        await issue_many(manager, commands)
    assert caught.value.__notes__ == [
        "This was number 1 of 3, and nothing was done; with stop=False what is refused is told at the end, and the "
        "rest goes on."]
    assert manager.state is before
    assert [(one.on, one.after) for one in manager.refusals] == [(IDS[1], 0)]


async def test_refusals_are_told_by_cause() -> None:
    """With `stop=False` the rest goes on; refusals that differ in names and figures alone are one cause."""
    manager = of_accounts()
    gone = [UUID(int=n) for n in range(1, 4)]
    batch = await issue_many(manager, [
        (Deposit(amount=1), IDS[0]), *((Deposit(amount=1), one) for one in gone),
        (Withdraw(amount=1000), IDS[1]), (Withdraw(amount=2000), IDS[2]), "bank:deposit", (Deposit(amount=2), IDS[0]),
    ], stop=False)
    assert [(cause.times, cause.command, cause.error) for cause in batch.causes] == [
        (3, "Deposit", "NotFound"), (2, "Withdraw", "Rejected"), (1, "no command", "Invalid")]
    assert batch.causes[0].words == "bank:account/… was not found: it is neither pending here nor in the database"
    assert batch.causes[0].first.place == 1
    assert [refusal.place for refusal in batch.refusals] == [1, 2, 3, 4, 5, 6]
    assert (await balances(manager))[:3] == [103, 100, 100]
    lines = repr(batch).split("\n")
    assert lines[0] == "2 of 8 commands issued, 6 refused"
    assert lines[1] == (f"  3 x Deposit: NotFound; first number 1: bank:account/{gone[0]} was not found: "
                        "it is neither pending here nor in the database")
    assert str(batch.refusals[5]).startswith("number 6, no command: Invalid: Deposit was refused: 1 problem")


def test_a_refusal_of_a_megabyte() -> None:
    """A refusal that holds one very long word is counted with those of its cause, in the time that it takes to read."""
    words = "a" * 1_000_000
    batch = Batch((), [BatchRefusal(number, None, None, Rejected, f"no {words} of '{number}'") for number in range(2)])
    assert [(cause.times, cause.words) for cause in batch.causes] == [(2, f"no {words} of …")]


async def test_refusals_stand_in_the_log_behind_the_step_they_came_after() -> None:
    """The log of refusals knows the number of the step before each, as if each had been issued alone."""
    manager = of_accounts()
    commands = [(Deposit(amount=1), IDS[0]), (Withdraw(amount=1000), IDS[1]), (Deposit(amount=1), IDS[2]),
                (Withdraw(amount=1000), IDS[3])]
    await issue_many(manager, commands, stop=False, cell=3)
    assert all(isinstance(one, RefusedCommand) for one in manager.refusals)
    assert [(one.after, one.address, one.cell) for one in manager.refusals] == [
        (1, "bank:withdraw", 3), (2, "bank:withdraw", 3)]


async def test_all_refused() -> None:
    """Where nothing went well the State is the very one of before."""
    manager = of_accounts()
    before = manager.state
    batch = await issue_many(manager, [(Deposit(amount=1), UUID(int=1))], stop=False)
    assert manager.state is before
    assert (batch.steps, batch.refusals[0].kind) == ((), NotFound)


async def test_what_is_no_command_is_said_at_once() -> None:
    """All rows that cannot be read are one error, before any command runs; what is wrong with several is told once, and
    of very many the first twenty."""
    manager = of_accounts()
    with pytest.raises(Invalid) as caught:
        await issue_many(manager, [{"amount": 1}, 3, Deposit(amount=1), "bank:depose"])
    assert [problem.field for problem in caught.value.problems] == ["number 0", "number 1", "number 3"]
    assert "name the class of all the rows: issue_many(rows, of=Deposit)" in str(caught.value)
    assert 'did you mean "deposit"?' in str(caught.value)
    with pytest.raises(Invalid, match="… and 10 more of 30"):
        await issue_many(manager, [{"amount": -1 - number} for number in range(30)], of=Deposit)
    with pytest.raises(Invalid) as alike:
        await issue_many(manager, [{"amount": 1}, *[{"amount": 1, "note": ""}] * 4000, {"amount": 0}], of=Deposit)
    assert [problem.field for problem in alike.value.problems] == ["number 1 and 3,999 more", "number 4001"]
    with pytest.raises(Invalid, match="is no class of commands; give one such as OpenAccount"):
        await issue_many(manager, [], of="deposit")  # type: ignore[arg-type]
    for one in (Deposit(amount=1), "bank:deposit/account/a", None):
        with pytest.raises(Invalid, match="is not several; give a list of commands, or a DataFrame and of="):
            await issue_many(manager, one)  # type: ignore[arg-type]
    assert manager.refusals == []


async def test_rows_of_which_no_class_is_named() -> None:
    """Rows of fields without of= are one problem however many they are, which names the command whose fields they have;
    and so is what is no class."""
    manager = manage(notes(), bank)
    for row, meant in (({"amount": 1, "text": 2, "x": 3}, "Write"), ({"owner": "Ada"}, "OpenAccount"), ({}, "Write")):
        with pytest.raises(Invalid) as caught:
            await issue_many(manager, [row] * 4000, stop=False)
        assert str(caught.value) == (
            "issue_many was refused: 1 problem\n  of: is missing, and these are 4,000 rows of fields; name the class "
            f"of all the commands: issue_many(rows, of={meant})")
    with pytest.raises(Invalid, match="'write' is no class of commands; give one such as Write"):
        await issue_many(manager, [{"text": ""}], of="write")  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------ nothing half done


async def slowly(command: Any, context: Any) -> Any:
    await asyncio.sleep(0.03)
    yield Written(text=command.text).on(context.target)


async def test_a_cancelled_batch_did_nothing() -> None:
    """Cancelled between two commands or within one, the State and the log of refusals are as before."""
    manager = manage(notes(write=slowly))
    seen: list[tuple[int, int]] = []
    third = asyncio.Event()

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 3:
            third.set()

    task = asyncio.create_task(issue_many(
        manager, [(Write(text="x"), f"note/{n}") for n in range(1000)], stop=False, progress=progress))
    await third.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (manager.state.number, len(manager.state.changed), manager.refusals) == (0, 0, [])
    assert not manager.lock.locked()
    assert seen == [(1, 1000), (2, 1000), (3, 1000)]


async def test_a_batch_whose_progress_fails_did_nothing() -> None:
    """What ``progress`` raises, be it at the very end, is raised, and the State is as before."""
    def progress(done: int, total: int) -> None:
        raise Rejected("the bar is gone")

    manager = manage(notes())
    with pytest.raises(Rejected, match="the bar is gone"):
        await issue_many(manager, [(Write(), "note/1"), (Write(), "note/2")], progress=progress)
    assert (manager.state.number, manager.lock.locked()) == (0, False)


async def test_others_have_their_turn() -> None:
    """While thousands of commands run that never wait, other tasks go on."""
    manager = of_accounts()
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(other())
    progress: list[int] = []
    await issue_many(manager, [(Deposit(amount=1), IDS[n % 10]) for n in range(3000)],
                     progress=lambda done, total: progress.append(done))
    task.cancel()
    assert progress == sorted(progress)
    assert progress[-1] == 3000
    assert turns >= len(progress) - 2 > 0


async def test_a_database_that_fails_is_no_refusal() -> None:
    """When the connection goes in the middle the error is raised, also with `stop=False`, and nothing was done."""

    class Failing(RecordingReader):
        async def find(self, kindred: Any, equals: Any) -> Any:
            raise ConnectionLost("the connection went", committed=False)

    async def write(command: Any, context: Any) -> Any:
        if command.text == "y":
            await context.find("note")
        yield Written(text=command.text).on(context.target)

    manager = manage(notes(write=write), reader=Failing())
    with pytest.raises(ConnectionLost):
        await issue_many(manager, [(Write(text=text), f"note/{text}") for text in "xyz"], stop=False)
    assert (manager.state.number, manager.refusals) == (0, [])


async def test_a_handler_cannot_issue_a_batch() -> None:
    """From within a handler it would wait for itself, and says so."""

    async def write(command: Any, context: Any) -> Any:
        await issue_many(manager, [(Write(text="y"), "note/b")])
        yield Written(text=command.text).on(context.target)

    manager = manage(notes(write=write))
    with pytest.raises(LoopError, match="let a policy issue the command"):
        await manager.issue(Write(text="x"), on="note/a")


async def test_undone_steps_stay_as_a_branch() -> None:
    """A batch after an undo leaves what was undone behind as one command does; one `undo` takes the batch back."""
    manager = of_accounts()
    await manager.issue(Deposit(amount=50), on=IDS[0])
    manager.history.undo()
    batch = await issue_many(manager, [(Deposit(amount=1), IDS[0])] * 5)
    assert [branch.named for branch in manager.branches.values()] == [True, False]
    manager.history.undo(len(batch.steps))
    assert (await balances(manager))[0] == 100
    manager.history.redo(5)
    assert (await balances(manager))[0] == 105
