"""Carry: what a commit on one branch means for the others, and for checkpoints."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import pytest

from tests.editing import Edit, Paper, at, desk
from tests.state.domains import Copy, Note, RecordingReader, Write, held, manage, notes, stored
from tests.state.history.accounts import balance, committed, opened, refusal
from workbench import Delete, Insert, NotFound, Resource, Target, field
from workbench.errors import NothingTo
from workbench.examples.bank import Account, Deposit, OpenAccount, Withdraw, bank


class KeptNote(Resource):
    """A note that is deleted softly."""

    _id = field(str)
    _deleted = field(datetime | None)
    text = field(str)


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


async def test_what_was_made_again_of_what_was_committed_elsewhere() -> None:
    """What was new, deleted and made again on a branch is the stored row again once another branch has committed it:
    made when that was, so nothing is left to do where the values are the same."""
    manager = manage(desk(Paper))
    paper = at(Paper, "p")
    await manager.issue(Edit(mutations=[Insert(paper, text="x")]))
    for name, text in (("same", "x"), ("other", "y")):
        with manager.history.branch(name):
            await manager.issue(Edit(mutations=[Delete(paper), Insert(paper, text=text)]))
    made = committed(manager)[paper]._created
    manager.history.switch("same")
    assert (len(manager.plan()), manager.plan().idle) == (0, (paper,))
    manager.history.switch("other")
    (change,) = manager.plan().changes
    assert change.columns == ("_updated", "_etag", "text")
    assert change.after is not None
    assert change.after._created == made


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
