"""What is here already: steps that a pick, a rebase or a commit of another branch brought are known again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.state.domains import Copied, Copy, Note, held, manage, notes
from tests.state.history.accounts import balance, committed, opened, refusal
from workbench import Resource, field
from workbench.errors import Invalid, NothingTo, UnknownName
from workbench.examples.bank import Deposit, bank
from workbench.state.manager import StateManager


async def picked(manager: StateManager, name: str) -> list[int]:
    """The numbers of the steps that a pick of a branch adds here."""
    before = manager.state.number
    rebased = await held(manager).pick(name)
    assert rebased.refused == ()
    return [step.number for step in manager.state.steps() if step.number > before]


async def test_pick_leaves_out_what_is_here() -> None:
    """Picked without a choice, a branch adds no step that both share, on either side, and none twice: also when it was
    forked from here, or has taken back what it began with."""
    manager, account = await opened(10, 5)
    with manager.history.branch("what if") as branch:
        manager.history.undo()
        await manager.issue(Deposit(amount=7), on=account)
        assert [step.number for step in branch.steps()] == [3]
        assert await picked(manager, "main") == [4]
        assert await balance(manager, account) == 22
    manager.history.switch("main")
    assert await picked(manager, "what if") == [4]
    assert await picked(manager, "what if") == []
    assert await balance(manager, account) == 22
    await held(manager).pick("what if", branch.steps()[:1])       # it was asked for
    assert await balance(manager, account) == 29


async def test_pick_knows_a_step_again_after_a_rebase() -> None:
    """A rebase issues the same steps again: they are no more the branch's own than before, and are found by the steps
    that were held; what is merged is here as well."""
    manager, account = await opened(10)
    with manager.history.branch("what if") as branch:
        step = await manager.issue(Deposit(amount=5), on=account)
        await held(manager).rebase()
        assert [one.number for one in branch.steps()] == [3]
        assert manager.history.goto(step) is manager.state.steps()[-1]
    assert await picked(manager, "what if") == [3]
    assert await balance(manager, account) == 15
    manager.history.undo()
    held(manager).merge("what if", {})
    assert await picked(manager, "what if") == []
    manager.history.undo()
    await held(manager).pick("what if", [step])
    assert await balance(manager, account) == 15


async def test_pick_knows_a_step_again_after_the_commit_of_another_branch() -> None:
    """A step that was picked, and then carried over a commit, is here still."""
    manager, account = await opened(10)
    manager.history.branch("commits")
    with manager.history.branch("what if"):
        await manager.issue(Deposit(amount=5), on=account)
    await held(manager).pick("what if")
    with manager.branches["commits"]:
        committed(manager)
    assert ([step.number for step in manager.state.pending()], await picked(manager, "what if")) == ([3], [])
    assert await balance(manager, account) == 15


async def test_pick_after_a_checkpoint_was_restored() -> None:
    """A branch that goes back to a checkpoint of another line has no steps of its own from before it began."""
    manager, account = await opened(10)
    manager.history.checkpoint("ten")
    await manager.issue(Deposit(amount=1), on=account)
    with manager.history.branch("what if") as branch:
        manager.history.restore("ten")
    assert (branch.steps(), await picked(manager, "what if"), await balance(manager, account)) == ([], [], 11)


async def test_a_held_step_is_found_after_the_commit_of_another_branch() -> None:
    """A step that was carried over a commit is the same one to goto and pick, by itself and by its number."""
    manager, account = await opened(10)
    manager.history.branch("other")
    steps = [await manager.issue(Deposit(amount=amount), on=account) for amount in (1, 2)]
    manager.history.switch("other")
    committed(manager)
    await held(manager).pick("main", steps[1:])
    assert await balance(manager, account) == 12
    manager.history.switch("main")
    assert manager.history.goto(steps[0]) is manager.history.goto(3)
    assert await balance(manager, account) == 11


@pytest.mark.parametrize("steps", [1, "1", ["1"], [None], [1.0], [True]])
async def test_what_is_no_step_is_not_picked(steps: Any) -> None:
    """What names no steps is refused in words, before anything is issued."""
    manager, _ = await opened(10)
    manager.history.branch("what if")
    with pytest.raises(Invalid, match=r"is no step; give a list of steps of 'what if' or of their numbers, as in \[3"):
        await held(manager).pick("what if", steps)
    assert manager.state.number == 2


@pytest.mark.parametrize("name", [[], None, 3])
def test_what_is_no_name(name: Any) -> None:
    """What is no text names no branch and no checkpoint; a number that is a truth names no step."""
    history = manage(bank).history
    history.checkpoint("early")
    assert "there is no branch " in refusal(UnknownName, history.switch, name)
    assert "there is no branch or checkpoint " in refusal(UnknownName, history.found, name)
    assert "there is no checkpoint " in refusal(UnknownName, history.restore, name)
    assert "there is no step True on 'main'" in refusal(NothingTo, history.goto, True)


async def test_a_rebase_tells_what_was_made_up() -> None:
    """A step that is issued again tells the identifiers that were made up for it, each once and in order, and makes the
    same: the one it is on is not given to what its handler makes beside it."""
    async def copy(command: Any, context: Any) -> Any:
        yield Copied().on(context.target)
        yield Copied().on(context.new(Sheet))

    domain = notes(copy=copy)
    domain.forget(Note)
    domain.resource(key="note")(Sheet)
    manager = manage(domain)
    made = (await manager.issue(Copy(), on="note")).made
    assert len(made) == 2
    for _ in range(2):
        assert (await held(manager).rebase()).refused == ()
        assert manager.state.steps()[0].made == made
        assert set(manager.state.changed.keys()) == set(made)


@pytest.mark.parametrize("again", ["rebase", "pick"])
async def test_what_another_branch_committed_is_not_done_twice(again: str) -> None:
    """A step that was issued anew on another branch, by a rebase or a pick, and committed there, is left out by the
    rebase that the conflict here asks for, which says so; the others are issued again."""
    manager, account = await opened()
    committed(manager)
    branch = manager.history.branch("what if")
    await manager.issue(Deposit(amount=5), on=account)
    if again == "rebase":
        branch = manager.history.branch("what if", replace=True)
    await manager.issue(Deposit(amount=1), on=account)
    with branch:
        await (held(manager).rebase() if again == "rebase" else held(manager).pick("main", [2]))
        manager.cache.items |= committed(manager)
    assert [str(refusal) for refusal in (await held(manager).rebase()).refused] == [
        f"step 2, bank:deposit/{account.resource}/{account.identifier}: WorkbenchError: another branch has committed "
        "it already"]
    assert (await balance(manager, account), [step.number for step in manager.state.pending()]) == (6, [2])
    assert (await held(manager).rebase()).refused == ()


class Sheet(Resource):
    """A text under an identifier that is made up."""

    text = field(str, initial="")
