"""The StateManager: concurrent commands, what is cached, and commits."""

from __future__ import annotations

import asyncio
import random
import re
from contextvars import copy_context
from decimal import Decimal
from typing import Any

import pytest

from tests.state.domains import (
    Copied,
    Copy,
    Identifiers,
    Note,
    RecordingReader,
    Write,
    Written,
    held,
    manage,
    note,
    notes,
    stored,
)
from workbench import Delete, Insert, Rejected, Target, Update
from workbench.domain.registry import Registry
from workbench.errors import LoopError, NotFound, StalePlan
from workbench.examples.bank import Account, Deposit, OpenAccount, Withdraw, bank
from workbench.state.held import hold
from workbench.state.manager import StateManager
from workbench.state.reader import MemoryReader

A, B = Target("notes", "note", "a"), Target("notes", "note", "b")


async def test_a_seed_does_not_repeat_etags() -> None:
    """Two sessions whose notebooks seed Python's generator alike give their items other etags: none passes for the
    other's."""
    etags = set()
    for _ in range(2):
        random.seed(42)
        manager = StateManager(Registry([bank]), MemoryReader())
        account = (await manager.issue(OpenAccount(owner="Ada"), on=Account)).target
        etags.add((await manager.fetch(account))[0].etag)
    assert len(etags) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", str(etag)) for etag in etags)


# ------------------------------------------------------------------------------------------------ at the same time


class SlowReader(RecordingReader):
    """A Reader that gives way to other tasks before it answers."""

    async def load(self, kindred: Any, identifiers: Any, *, progress: Any = None) -> Any:
        for _ in range(3):
            await asyncio.sleep(0)
        return await super().load(kindred, identifiers)


async def test_commands_issued_at_once_run_one_after_the_other() -> None:
    """Commands issued at once by several tasks each see the one before; each caller has its own response."""
    reader = SlowReader(stored("bank", "account", Account(_id="00000000-0000-0000-0000-0000000000aa", owner="Ada")))
    manager = manage(bank, reader=reader)
    (target,) = reader.items
    steps = await asyncio.gather(*(manager.issue(Deposit(amount=amount), on=target) for amount in range(1, 21)))
    assert [step.output["balance"] for step in steps] == [sum(range(1, n + 1)) for n in range(1, 21)]
    assert [step.events[0].amount for step in steps] == list(range(1, 21))
    assert [step.number for step in steps] == list(range(1, 21))
    assert (await manager.fetch(target))[0].balance == 210


async def test_a_failure_among_commands_issued_at_once() -> None:
    """A command that is refused fails its own caller; those before and after it are as if it had not been."""
    async def write(command: Any, context: Any) -> Any:
        await asyncio.sleep(0)
        yield Written(text=command.text).on(context.target)
        await asyncio.sleep(0)
        if command.text == "bad":
            raise Rejected("bad")
        yield context.respond(text=command.text)

    manager = manage(notes(write=write))
    outcomes = await asyncio.gather(
        *(manager.issue(Write(text=text), on=f"note/{n}") for n, text in enumerate(["x", "bad", "y", "bad", "z"])),
        return_exceptions=True)
    assert [str(outcome) if isinstance(outcome, BaseException) else outcome.output["text"] for outcome in outcomes] == [
        "x", "bad", "y", "bad", "z"]
    assert [item.identifier for item in await manager.find(Note)] == ["0", "2", "4"]
    assert [step.number for step in manager.state.steps()] == [1, 2, 3]


async def test_a_cancelled_command_leaves_nothing() -> None:
    """A command that is cancelled while it waits leaves the state as it was, and the next one runs."""
    never = asyncio.Event()

    async def write(command: Any, context: Any) -> Any:
        yield Written().on(context.target)
        if command.text == "wait":
            await never.wait()

    manager = manage(notes(write=write))
    task = asyncio.create_task(manager.issue(Write(text="wait"), on=A))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not manager.state.changed
    assert (await manager.issue(Write(), on=B)).number == 1


@pytest.mark.parametrize("way", ["itself", "a task of it"])
async def test_a_handler_that_issues_a_command(way: str) -> None:
    """A handler that issues a command by itself is told to let a policy do it, instead of waiting for ever."""
    async def write(command: Any, context: Any) -> Any:
        issued = manager.issue(Copy(), on=B)
        await (issued if way == "itself" else asyncio.gather(issued))
        yield Written()

    manager = manage(notes(write=write))
    words = "a handler called issue by itself, which would wait for that very handler; yield an event and let a policy"
    with pytest.raises(LoopError, match=words):
        await asyncio.wait_for(manager.issue(Write(), on=A), 10)
    assert manager.state.number == 0
    assert (await manager.issue(Copy(), on=B)).number == 1


async def test_a_handler_may_issue_to_another_session() -> None:
    """What is refused is a session waiting for itself; another session's command runs."""
    other = manage(notes())

    async def write(command: Any, context: Any) -> Any:
        await other.issue(Copy(), on=B)
        yield Written().on(A)

    manager = manage(notes(write=write))
    await manager.issue(Write())
    assert (manager.state.number, other.state.number) == (1, 1)


async def test_no_undo_while_a_command_is_at_work() -> None:
    """Undo and redo are refused while a command is at work: it would bring back what was undone."""
    go_on = asyncio.Event()

    async def copy(command: Any, context: Any) -> Any:
        await go_on.wait()
        yield Copied().on(B)

    manager = manage(notes(copy=copy))
    await manager.issue(Write(), on=A)
    task = asyncio.create_task(manager.issue(Copy()))
    await asyncio.sleep(0)
    with pytest.raises(LoopError, match="a command or a commit is at work; await it, then undo"):
        manager.travel("undo").undo()
    with pytest.raises(LoopError, match="await it, then redo"):
        manager.travel("redo").redo()
    go_on.set()
    await task
    assert [step.address for step in manager.history.undo(2)] == ["notes:copy", "notes:write/note/a"]


async def test_the_user_is_who_issued() -> None:
    """A command that waits for its turn keeps the user who issued it."""
    manager = manage(notes(), user="ada")
    first = asyncio.create_task(manager.issue(Write(), on=A))
    await asyncio.sleep(0)
    outside = copy_context()
    async with hold(manager, "commit"):
        second = asyncio.create_task(manager.issue(Write(), on=B), context=outside)
        await asyncio.sleep(0)
        manager.user = "bob"
    third = await manager.issue(Copy(), on="note/c")
    assert [step.user for step in (await first, await second, third)] == ["ada", "ada", "bob"]


# ------------------------------------------------------------------------------------------------ items


async def test_items_tell_what_each_is() -> None:
    """Cached items are told as clean, new, changed or deleted: a deleted one as it was, one changed back as clean."""
    def written(event: Any, context: Any) -> Any:
        return [Insert(Target("notes", "note", "n"), text="new"), Update(Target("notes", "note", "u"), text="changed"),
                Delete(Target("notes", "note", "d")), Update(Target("notes", "note", "i"), text="away"),
                Update(Target("notes", "note", "i"), text="")]

    async def copy(command: Any, context: Any) -> Any:
        await context.fetch(Note, "c")

    reader = RecordingReader(stored("notes", "note", note("u"), note("d", "was"), note("i"), note("c"), note("unread")))
    manager = manage(notes(written=written, copy=copy), reader=reader)
    await manager.issue(Copy())
    await manager.issue(Write(), on=A)
    asked = len(reader.loads)
    assert [(status, target.identifier, item.text) for status, target, item in manager.items("note")] == [
        ("clean", "c", ""), ("deleted", "d", "was"), ("clean", "i", ""), ("changed", "u", "changed"),
        ("new", "n", "new")]
    assert (len(reader.loads), reader.finds) == (asked, [])
    manager.history.undo()
    assert {status for status, _, _ in manager.items(Note)} == {"clean"}


async def test_a_committed_plan_leaves_clean_items() -> None:
    """After a commit what was written is clean, what was deleted is gone, and nothing is pending."""
    reader = RecordingReader(stored("notes", "note", note("a"), note("b")))
    manager = manage(notes(written=lambda event, context: [
        Update(A, text="changed"), Delete(B), Insert(Target("notes", "note", "c"))]), reader=reader)
    await manager.issue(Write(), on=A)
    plan = manager.plan()
    held(manager).settle(plan)
    assert [(status, item.identifier) for status, _, item in manager.items("note")] == [("clean", "a"), ("clean", "c")]
    assert (len(manager.plan()), manager.plan().reads) == (0, {})
    assert manager.cache.items[A].etag == plan.changes[0].after.etag    # type: ignore[union-attr]  # it is an update


async def test_a_plan_of_another_state_is_not_settled() -> None:
    """A plan that was made before the last command cannot be taken as committed."""
    manager = manage(notes())
    await manager.issue(Write(), on=A)
    plan = manager.plan()
    await manager.issue(Write(), on=B)
    with pytest.raises(StalePlan, match="the pending steps are others"):
        held(manager).settle(plan)
    assert len(manager.plan()) == 2


async def test_fetch_from_several_domains() -> None:
    """The manager's own fetch reads all domains, one query for each resource, in the order asked for."""
    reader = RecordingReader(stored("notes", "note", note("a"), note("b")))
    reader.items.update(stored("bank", "account", Account(_id="00000000-0000-0000-0000-0000000000aa", owner="Ada")))
    manager = manage(notes(), bank, reader=reader)
    items = await manager.fetch("note/a", "account/00000000-0000-0000-0000-0000000000aa", "note/b", "note/a")
    assert [type(item).__name__ for item in items] == ["Note", "Account", "Note", "Note"]
    assert len(reader.loads) == 2
    assert await manager.fetch() == []
    with pytest.raises(NotFound, match="notes:note/z"):
        await manager.fetch("note/z")


async def test_refresh_takes_clean_items_anew() -> None:
    """Refreshing fetches clean items in one query; those that are gone leave the cache, changed ones stay."""
    reader = RecordingReader(stored("notes", "note", *(note(key) for key in "abcd")))
    manager = manage(notes(written=lambda event, context: Update(event.target, text=event.text)), reader=reader)
    await manager.fetch(*(f"note/{key}" for key in "abcd"))
    await manager.issue(Write(text="mine"), on="note/d")
    reader.items[A] = note("a", "theirs", etag="2")
    reader.items[Target("notes", "note", "d")] = note("d", "theirs", etag="2")
    del reader.items[B]
    loads = len(reader.loads)
    assert await manager.refresh("note") == 2
    assert len(reader.loads) == loads + 1
    assert [(status, item.identifier, item.text) for status, _, item in manager.items("note")] == [
        ("clean", "a", "theirs"), ("clean", "c", ""), ("changed", "d", "mine")]
    assert [change.etag for change in manager.plan().changes] == ["stored"]


# ------------------------------------------------------------------------------------------------ the bank


async def test_a_story_at_the_bank() -> None:
    """The example domain: opened, paid in, refused, and the plan that comes of it."""
    manager = manage(bank, identifiers=Identifiers())
    ada = await manager.issue(OpenAccount(owner="Ada"))
    await manager.issue(Deposit(amount="10.50"), on=ada)
    with pytest.raises(Rejected, match=r"Ada has 10.50 EUR, less than 11") as no:
        await manager.issue(Withdraw(amount=11), on=ada)
    assert no.value.facts == {"balance": Decimal("10.50"), "amount": Decimal(11)}
    await manager.issue(Withdraw(amount=1), on=ada)
    (change,) = manager.plan().changes
    assert (change.kind, change.steps) == ("insert", [1, 2, 3])
    assert change.new == {"owner": "Ada", "balance": Decimal("9.50")}


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
