"""Branches left and entered while something is at work: whatever it was begun on, that branch it moves."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.state.domains import Copied, Copy, Write, manage, notes
from tests.state.history.accounts import balance, opened, refusal
from workbench.errors import AlreadyExists, Invalid, LoopError
from workbench.examples.bank import Deposit, bank
from workbench.state.held import hold
from workbench.state.manager import StateManager
from workbench.state.step import Step


def waiting() -> tuple[StateManager, asyncio.Event]:
    """A manager whose command Copy waits for an event; Write does not."""
    go_on = asyncio.Event()

    async def copy(command: Any, context: Any) -> Any:
        await go_on.wait()
        yield Copied(text=command.text).on(context.target)

    return manage(notes(copy=copy)), go_on


async def begun(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """A task that has gone on until it waits."""
    task = asyncio.create_task(work)
    for _ in range(5):
        await asyncio.sleep(0)
    return task


def notes_on(manager: StateManager) -> dict[str, list[str]]:
    """The notes that are changed, by branch."""
    return {name: sorted(str(target.identifier) for target in branch.state.changed)
            for name, branch in manager.branches.items()}


async def test_no_branch_is_gone_to_while_a_command_is_at_work() -> None:
    """To enter a branch while a command is at work is refused, as to switch is; we stay where we are."""
    manager, go_on = waiting()
    branch = manager.history.branch("what if")
    task = await begun(manager.issue(Copy(), on="note/a"))
    words = "a command or a commit is at work; await it, then switch"
    assert refusal(LoopError, branch.__enter__) == refusal(LoopError, manager.history.switch, branch) == words
    go_on.set()
    await task
    assert (manager.here.name, notes_on(manager)) == ("main", {"main": ["a"], "what if": []})
    with branch:
        assert manager.here is branch
    assert manager.here.name == "main"


async def test_a_command_that_is_at_work_when_its_branch_is_left() -> None:
    """A command that was issued in a with moves that branch, also when it ends, or even begins, behind it; what was
    undone on main is left alone, and a refusal says where it was tried."""
    manager, go_on = waiting()
    await manager.issue(Write(), on="note/undone")
    manager.history.undo()
    with manager.history.branch("what if"):
        tasks = [await begun(manager.issue(Copy(), on=f"note/{key}")) for key in "aba"]
    assert manager.here.name == "main"
    go_on.set()
    assert [type(done) for done in await asyncio.gather(*tasks, return_exceptions=True)] == [Step, Step, AlreadyExists]
    assert notes_on(manager) == {"main": [], "what if": ["a", "b"]}
    assert [(refused.branch, refused.after) for refused in manager.refusals] == [("what if", 2)]
    assert len(manager.here.undone) == 1


async def test_a_commit_that_is_at_work_when_its_branch_is_left() -> None:
    """What a commit has written is settled on the branch where it began, and taken in where we are by then."""
    manager, account = await opened(10)
    with manager.history.branch("what if") as branch:
        await manager.issue(Deposit(amount=5), on=account)
        holding = hold(manager, "commit")
        commit = await holding.__aenter__()
        plan = commit.plan()
    assert manager.here.name == "main"
    commit.settle(plan)
    await holding.__aexit__(None, None, None)
    assert [len(one.state.pending()) for one in (manager.here, branch)] == [0, 0]
    assert [len(one.state.steps()) for one in (manager.here, branch)] == [2, 3]
    assert await balance(manager, account) == 15


@pytest.mark.parametrize("verb", ["rebase", "pick", "replay", "merge"])
async def test_what_is_at_work_when_its_branch_is_left(verb: str) -> None:
    """A rebase, a pick, a replay and a merge move the branch that was here when their turn began."""
    manager, go_on = waiting()
    go_on.set()
    with manager.history.branch("other"):
        await manager.issue(Copy(), on="note/a")
    branch = manager.history.branch("what if")
    with branch:
        await manager.issue(Copy(), on="note/b")
        go_on.clear()

        async def work() -> object:
            async with hold(manager, verb) as mine:
                if verb == "rebase":
                    return await mine.rebase()
                if verb == "merge":
                    await go_on.wait()
                    return mine.merge("other", {})
                return await (mine.pick("other") if verb == "pick" else mine.again(
                    manager.branches["other"].steps(), verb))

        task = await begun(work())
    go_on.set()
    await task
    assert notes_on(manager) == {"main": [], "other": ["a"], "what if": ["b"] if verb == "rebase" else ["a", "b"]}
    assert manager.here.name == "main"


async def test_two_tasks_enter_branches_in_turns() -> None:
    """Where a branch is left after another task has entered one, that one is left for where the first came from."""
    manager = manage(bank)
    one, two = manager.history.branch("one"), manager.history.branch("two")
    one.__enter__()
    two.__enter__()
    one.__exit__()
    assert manager.here is two
    two.__exit__()
    assert manager.here.name == "main"


async def test_a_branch_that_is_gone_back_to_is_not_dropped() -> None:
    """The branch that an open with goes back to is neither dropped nor begun anew meanwhile."""
    manager = manage(bank)
    manager.history.branch("where we were")
    manager.history.switch("where we were")
    with manager.history.branch("what if"):
        for verb, named in ((manager.history.drop, {}), (manager.history.branch, {"replace": True})):
            assert "a with that is still open goes back to 'where we were'; drop it when that has ended" in refusal(
                Invalid, verb, "where we were", **named)
    assert manager.here.name == "where we were"
    manager.history.switch("main")
    manager.history.drop("where we were")
