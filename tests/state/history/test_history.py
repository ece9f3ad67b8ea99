"""History: branches, goto and checkpoints, what was refused, when, and who hears of it."""

from __future__ import annotations

import pytest

from tests.state.history.accounts import balance, committed, opened, refusal
from workbench.errors import Invalid, LoopError, NothingTo, Rejected, UnknownName
from workbench.examples.bank import Deposit, Withdraw
from workbench.state.held import hold

# ------------------------------------------------------------------------------------------------ branches

async def test_a_branch_begins_where_one_is_and_goes_its_own_way() -> None:
    """What is issued on a branch is not seen on the one it was forked from, nor the other way round."""
    manager, account = await opened(10)
    manager.history.branch("what if")
    manager.history.switch("what if")
    await manager.issue(Deposit(amount=100), on=account)
    assert await balance(manager, account) == 110
    manager.history.switch("main")
    assert await balance(manager, account) == 10
    await manager.issue(Deposit(amount=1), on=account)
    assert [len(branch.steps()) for branch in manager.branches.values()] == [3, 1]
    assert repr(manager.branches["what if"]) == "<branch 'what if': 3 steps pending, forked from 'main'>"


async def test_a_branch_is_left_at_the_end_of_its_with() -> None:
    """As a context manager a branch is switched to, and left for where one was; also when its body raises."""
    manager, account = await opened(10)
    with manager.history.branch("one") as one:
        assert manager.here is one
        two = manager.history.branch("two")
        with pytest.raises(ZeroDivisionError), two:
            raise ZeroDivisionError
        assert manager.here is one
        assert await balance(manager, account) == 10
    assert manager.here.name == "main"
    assert manager.branches["two"].forked_from == "one"


async def test_a_branch_in_the_way() -> None:
    """A name is taken once; the error tells the ways on, and replace=True begins the branch anew."""
    manager, account = await opened(10)
    with manager.history.branch("what if"):
        await manager.issue(Deposit(amount=5), on=account)
    assert refusal(Invalid, manager.history.branch, "what if").splitlines()[-1].strip() == (
        "name: there is <branch 'what if': 3 steps pending, forked from 'main'> already; switch('what if'), "
        "drop('what if'), or begin it anew: branch('what if', replace=True)")
    assert manager.history.branch("what if", replace=True).steps() == []
    assert "the name of a branch is a text" in refusal(Invalid, manager.history.branch, "  ")


async def test_dropping_a_branch() -> None:
    """A dropped branch is unknown; the present one and main cannot be dropped, nor one that is not there."""
    manager, _ = await opened()
    manager.history.branch("what if")
    assert manager.history.drop("what if").name == "what if"
    assert "no branch 'what if'" in refusal(UnknownName, manager.history.switch, "what if").replace('"', "'")
    assert "switch to another branch first" in refusal(Invalid, manager.history.drop, "main")
    manager.history.branch("what if")
    manager.history.switch("what if")
    assert "always there; undo what is pending on it instead" in refusal(Invalid, manager.history.drop, "main")


async def test_what_was_undone_stays_as_an_unnamed_branch() -> None:
    """Issuing after an undo leaves the old line as a branch, which can be looked at and dropped."""
    manager, account = await opened(10, 20, 30)
    manager.history.undo(2)
    await manager.issue(Deposit(amount=5), on=account)
    assert await balance(manager, account) == 15
    left = manager.branches["main~1"]
    assert (left.named, left.forked_from, [step.number for step in left.steps()]) == (False, "main", [3, 4])
    with left:
        assert await balance(manager, account) == 60
    manager.history.undo()
    await manager.issue(Deposit(amount=6), on=account)
    assert list(manager.branches) == ["main", "main~1", "main~2"]


async def test_redo_belongs_to_its_branch() -> None:
    """Each branch has its own undone steps; a switch loses none of them."""
    manager, account = await opened(10)
    manager.history.undo()
    with manager.history.branch("other"):
        assert "no step was undone since" in refusal(NothingTo, manager.history.redo)
    manager.history.redo()
    assert await balance(manager, account) == 10


# ------------------------------------------------------------------------------------------------ goto, checkpoints

async def test_goto_moves_along_the_line() -> None:
    """goto undoes and redoes until a step is the last one; 0 is before all that is pending."""
    manager, account = await opened(10, 20, 30)
    steps = manager.state.steps()
    assert manager.history.goto(2) is steps[1]
    assert await balance(manager, account) == 10
    assert manager.history.goto(steps[3]) is steps[3]
    assert await balance(manager, account) == 60
    assert manager.history.goto(0) is None
    assert manager.state.pending() == []
    assert manager.history.goto(4) is steps[3]


async def test_goto_refuses_what_is_not_on_the_line() -> None:
    """A step that is not there, and one that is committed, are refused; the last committed one is where to go."""
    manager, account = await opened(10)
    committed(manager)
    await manager.issue(Deposit(amount=5), on=account)
    assert refusal(NothingTo, manager.history.goto, 9) == (
        "there is no step 9 on 'main'; pending or undone are: 3 to 3")
    assert "step 1 is committed, and what is committed is not undone" in refusal(NothingTo, manager.history.goto, 1)
    manager.history.goto(2)
    assert manager.state.pending() == []


async def test_a_checkpoint_is_come_back_to() -> None:
    """Restoring goes back to a checkpoint on the same line, and on again: nothing is lost by it."""
    manager, account = await opened(10)
    assert repr(manager.history.checkpoint("before discount")).startswith("<checkpoint 'before discount': ")
    await manager.issue(Deposit(amount=20), on=account)
    manager.history.checkpoint("after")
    manager.history.restore("before discount")
    assert await balance(manager, account) == 10
    manager.history.restore("after")
    assert await balance(manager, account) == 30
    assert "before discount" in refusal(UnknownName, manager.history.restore, "before discont")


async def test_a_checkpoint_on_another_line() -> None:
    """Restoring a checkpoint whose line was left keeps the present line as an unnamed branch."""
    manager, account = await opened(10, 20)
    manager.history.checkpoint("thirty")
    manager.history.undo()
    await manager.issue(Deposit(amount=1), on=account)
    manager.history.restore("thirty")
    assert await balance(manager, account) == 30
    assert [step.number for step in manager.branches["main~2"].steps()] == [3]
    with manager.branches["main~2"]:
        assert await balance(manager, account) == 11


async def test_a_checkpoint_before_a_commit() -> None:
    """A checkpoint that a commit has passed is refused; one on the steps that were left is carried over it."""
    manager, account = await opened(10)
    manager.history.checkpoint("ten")
    await manager.issue(Deposit(amount=20), on=account)
    manager.history.checkpoint("thirty")
    committed(manager)
    assert "lies before a commit, and what is committed is not undone" in refusal(
        NothingTo, manager.history.restore, "ten")
    manager.history.restore("thirty")
    assert (await balance(manager, account), manager.state.pending()) == (30, [])


# ------------------------------------------------------------------------------------------------ refused, when, heard

async def test_refused_commands_are_remembered() -> None:
    """A refused command leaves no step, but the log knows who tried what, where, and why it was refused; it keeps no
    step alive on which that was."""
    manager, account = await opened(10)
    with pytest.raises(Rejected):
        await manager.issue(Withdraw(amount=50), on=manager.state.steps()[0], cell=7)
    (refused,) = manager.refusals
    assert (refused.address, refused.on, refused.user, refused.cell, refused.branch, refused.after) == (
        "bank:withdraw", account, "ada", 7, "main", 2)
    assert str(refused) == "bank:withdraw after step 2: Rejected: Ada has 10 EUR, less than 50"
    assert manager.state.number == 2


async def test_time_does_not_move_under_a_command() -> None:
    """While a command is at work nothing moves the pointer: each way says so."""
    manager, _ = await opened(10)
    async with hold(manager, "commit"):
        for verb in ("undo", "switch", "restore"):
            with pytest.raises(LoopError, match=f"a command or a commit is at work; await it, then {verb}"):
                manager.travel(verb)


async def test_whoever_watches_hears_of_every_move() -> None:
    """Issue, undo, redo, switch and commit are each told, once."""
    manager, account = await opened(10)
    moves: list[int] = []
    manager.history.moved = lambda: moves.append(manager.state.number)
    await manager.issue(Deposit(amount=1), on=account)
    manager.history.undo(2)
    manager.history.redo()
    manager.history.branch("x")
    manager.history.switch("x")
    committed(manager)
    assert moves == [3, 1, 2, 2, 2, 2]
