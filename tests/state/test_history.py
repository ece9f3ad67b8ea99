"""History: branches, goto and checkpoints, and what a commit on one branch means for the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.state.domains import Copied, Copy, Note, RecordingReader, Write, held, manage, notes, stored
from workbench import Delete, NotFound, Resource, Target, field
from workbench.errors import AlreadyExists, Invalid, LoopError, NothingTo, Rejected, UnknownName
from workbench.examples.bank import Account, Deposit, OpenAccount, Withdraw, bank
from workbench.state.held import hold
from workbench.state.manager import StateManager
from workbench.state.step import Step


class KeptNote(Resource):
    """A note that is deleted softly."""

    _id = field(str)
    _deleted = field(datetime | None)
    text = field(str)


class Sheet(Resource):
    """A text under an identifier that is made up."""

    text = field(str, initial="")


async def opened(*amounts: int) -> tuple[StateManager, Target]:
    """A bank with one new account and some deposits on it."""
    manager = manage(bank)
    step = await manager.issue(OpenAccount(owner="Ada"), on="account")
    for amount in amounts:
        await manager.issue(Deposit(amount=amount), on=step.target)
    return manager, step.target


async def balance(manager: StateManager, target: Target) -> Decimal:
    """What is on an account, on the present branch."""
    return (await manager.fetch(target))[0].balance


def committed(manager: StateManager) -> dict[Target, Any]:
    """Takes what is pending as committed; returns what was written."""
    plan = manager.plan()
    held(manager).settle(plan)
    return {change.target: change.after for change in plan.changes}


def refusal(kind: type[Exception], verb: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    """The words of what a verb raises."""
    with pytest.raises(kind) as refused:
        verb(*arguments, **named)
    return str(refused.value)


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


# ------------------------------------------------------------------------------------------------ commits

async def test_a_branch_takes_in_what_was_committed_elsewhere() -> None:
    """What two branches share is committed for both; the rest of the other one is a change of what is stored now."""
    manager, account = await opened(10)
    with manager.history.branch("what if"):
        await manager.issue(Deposit(amount=100), on=account)
        await manager.issue(Deposit(amount=1), on=account)
    written = committed(manager)
    manager.history.switch("what if")
    assert await balance(manager, account) == 111
    assert [step.number for step in manager.state.pending()] == [3, 4]
    (change,) = manager.plan().changes
    assert (change.kind, change.old, change.new) == ("update", {"balance": Decimal(10)}, {"balance": Decimal(111)})
    assert change.etag == written[account]._etag
    assert [cause.step for cause in change.entry.causes()] == [3, 4]
    assert [step.number for step in manager.state.steps()] == [1, 2, 3, 4]


async def test_a_branch_that_went_on_from_what_was_changed_again_is_in_conflict() -> None:
    """Where the committed line went on with an item, the other branch expects a version that is stored no more."""
    manager, account = await opened(10)
    with manager.history.branch("what if"):
        await manager.issue(Deposit(amount=100), on=account)
    await manager.issue(Deposit(amount=7), on=account)
    written = committed(manager)
    manager.history.switch("what if")
    (change,) = manager.plan().changes
    assert (change.old, change.new) == ({"balance": Decimal(10)}, {"balance": Decimal(110)})
    assert change.etag != written[account]._etag


async def test_what_was_changed_and_changed_back_is_stored_as_it_was() -> None:
    """A commit does not write an item whose values are as they were: another branch goes on from the version stored."""
    manager = manage(bank, reader=RecordingReader(
        stored("bank", "account", Account(_id=UUID(int=100), owner="Ada", balance=5, _etag="stored"))))
    account = Target("bank", "account", UUID(int=100))
    await manager.issue(Deposit(amount=1), on=account)
    await manager.issue(Withdraw(amount=1), on=account)
    with manager.history.branch("what if"):
        await manager.issue(Deposit(amount=7), on=account)
    assert committed(manager) == {}
    manager.history.switch("what if")
    (change,) = manager.plan().changes
    assert (change.etag, change.old, change.new) == ("stored", {"balance": 5}, {"balance": 12})


async def test_undone_steps_are_carried_over_a_commit() -> None:
    """What a branch had undone can be taken up again after the commit of another, where it is not committed there."""
    manager, account = await opened(10)
    manager.history.branch("other")
    with manager.branches["other"]:
        await manager.issue(Deposit(amount=3), on=account)
        await manager.issue(Deposit(amount=4), on=account)
        manager.history.undo(3)
    committed(manager)
    manager.history.switch("other")
    assert (await balance(manager, account), manager.state.pending(), len(manager.here.undone)) == (10, [], 2)
    manager.history.redo(2)
    assert await balance(manager, account) == 17
    assert [step.number for step in manager.state.pending()] == [3, 4]


@pytest.mark.parametrize("soft", [False, True])
async def test_a_deletion_of_what_was_committed_elsewhere(soft: bool) -> None:
    """What was new and deleted on a branch is a stored row once another branch has committed it: it is deleted."""
    domain = notes(copied=lambda event, context: Delete(event.target))
    if soft:
        domain.forget(Note)
        domain.resource(key="note")(KeptNote)
    manager = manage(domain)
    step = await manager.issue(Write(), on="note/a")
    with manager.history.branch("clean up"):
        await manager.issue(Copy(), on=step.target)
        assert manager.plan().summary == "0 to add, 0 to change, 0 to delete"
    written = committed(manager)
    manager.history.switch("clean up")
    (change,) = manager.plan().changes
    assert (change.kind, change.etag) == ("delete", written[step.target]._etag)
    assert (change.after is not None) == soft
    with pytest.raises(NotFound):
        await manager.fetch(step.target)


async def test_a_part_that_was_committed_is_taken_out_of_other_branches() -> None:
    """A partial commit is taken in as well: the rest of what was shared is pending on both branches still."""
    manager, account = await opened(10)
    other = (await manager.issue(OpenAccount(owner="Bob"), on="account")).target
    with manager.history.branch("what if"):
        await manager.issue(Deposit(amount=5), on=other)
        await manager.issue(Deposit(amount=6), on=account)
    here = held(manager)
    here.settle(here.part([account]))
    assert [change.target for change in manager.plan().changes] == [other]
    manager.history.switch("what if")
    assert {change.target: (change.kind, change.new["balance"]) for change in manager.plan().changes} == {
        other: ("insert", 5), account: ("update", 16)}
    assert [step.number for step in manager.state.pending()] == [3, 4, 5]


async def test_an_unrelated_branch_is_left_alone_by_a_commit() -> None:
    """A branch that shares no committed step stands on the very State on which it stood."""
    manager = manage(bank)
    manager.history.branch("apart")
    with manager.branches["apart"]:
        await manager.issue(OpenAccount(owner="Bob"), on="account")
        state = manager.state
    await manager.issue(OpenAccount(owner="Ada"), on="account")
    committed(manager)
    assert manager.branches["apart"].state is state


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


# ------------------------------------------------------------------------------------------------ who is at work


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


# ------------------------------------------------------------------------------------------------ what is here already

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


# ------------------------------------------------------------------------------------------------ checkpoints, commits

async def test_a_checkpoint_before_a_commit_stays_there() -> None:
    """What is committed is not undone by restoring, whoever looked at the checkpoint meanwhile, whichever branch has
    committed, and if it was a part only."""
    manager, account = await opened(10)
    manager.history.checkpoint("ten")
    with manager.history.branch("other"):
        other = (await manager.issue(OpenAccount(owner="Bob"), on="account")).target
    await manager.issue(Deposit(amount=20), on=account)
    manager.history.checkpoint("thirty")
    await held(manager).pick("other")
    committed(manager)
    manager.compare("ten")
    for name in ("ten", "thirty"):
        assert "lies before a commit" in refusal(NothingTo, manager.history.restore, name)
    manager.history.checkpoint("committed")
    await manager.issue(Deposit(amount=1), on=other)
    manager.history.checkpoint("one")
    await manager.issue(Deposit(amount=1), on=account)
    here = held(manager)
    here.settle(here.part([account]))
    assert "lies before a commit" in refusal(NothingTo, manager.history.restore, "one")
    assert len(manager.state.steps()) == 6


async def test_a_checkpoint_where_we_are_is_carried_with_us() -> None:
    """A checkpoint stays on the line that it was set on when another branch commits: restored, nothing moves, and from
    a later step it is undone to."""
    manager, account = await opened(10)
    manager.history.branch("other")
    await manager.issue(Deposit(amount=5), on=account)
    manager.history.checkpoint("fifteen")
    manager.history.switch("other")
    committed(manager)
    manager.history.switch("main")
    manager.history.restore("fifteen")
    await manager.issue(Deposit(amount=1), on=account)
    manager.history.restore("fifteen")
    assert (list(manager.branches), len(manager.here.undone), await balance(manager, account)) == (
        ["main", "other"], 1, 15)
