"""Branches on a real database: commits from any of them, the conflicts that come of it, and the ways out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.editing import Note, Paper, at, desk, edit
from tests.state.domains import Clock, Identifiers
from workbench import Conflict, Delete, Insert, Invalid, Resource, Session, Target, Update
from workbench.errors import LogError, NothingTo, UnknownName
from workbench.examples.bank import CloseAccount, Deposit, OpenAccount, Withdraw, bank


@pytest.fixture
async def session(dsn: str) -> AsyncIterator[Session]:
    """A bank with repeating clock and identifiers."""
    async with Session(bank, dsn=dsn, user="ada", clock=Clock(), identifiers=Identifiers()) as opened:
        yield opened


async def opened(session: Session, *amounts: int) -> Target:
    """A new account with some deposits."""
    account = (await session.issue(OpenAccount(owner="Ada"))).target
    for amount in amounts:
        await session.issue(Deposit(amount=amount), on=account)
    return account


async def stored(admin: asyncpg.Connection) -> list[Decimal]:
    """The balances in the database."""
    return [row[0] for row in await admin.fetch("SELECT balance FROM bank_account ORDER BY _created")]


async def test_a_commit_from_a_branch(session: Session, admin: asyncpg.Connection) -> None:
    """A branch is committed like any line; what it shared with main is clean there then, and is not written twice."""
    account = await opened(session, 10)
    with session.branch("what if"):
        await session.issue(Deposit(amount=100), on=account)
        await session.commit()
    assert await stored(admin) == [110]
    assert len(session.plan()) == 0
    with pytest.raises(NothingTo, match="there is nothing to commit"):
        await session.commit()
    assert (await session.fetch(account)).balance == 110


async def test_both_branches_are_committed_one_after_the_other(session: Session, admin: asyncpg.Connection) -> None:
    """A branch that changed other items than the committed one is committed after it, as it stands."""
    account, other = await opened(session, 10), await opened(session)
    with session.branch("what if") as branch:
        await session.issue(Deposit(amount=5), on=other)
    await session.issue(Deposit(amount=7), on=account)
    await session.commit()
    session.switch(branch)
    assert session.plan().summary == "0 to add, 1 to change, 0 to delete"
    await session.commit()
    assert await stored(admin) == [17, 5]


async def test_a_branch_in_conflict_with_a_committed_one(session: Session, admin: asyncpg.Connection) -> None:
    """Where both changed one item the slower branch gets a Conflict with base, mine and theirs, as from any rival; a
    rebase issues its own commands again on what is stored."""
    account = await opened(session, 10)
    with session.branch("what if") as branch:
        await session.issue(Deposit(amount=100), on=account)
    await session.issue(Deposit(amount=7), on=account)
    await session.commit()
    session.switch(branch)
    with pytest.raises(Conflict) as conflict:
        await session.commit()
    (clash,) = conflict.value.items
    assert [side["balance"] for side in (clash.base, clash.mine, clash.theirs)] == [10, 110, 17]     # type: ignore[index]
    rebased = await session.rebase()
    assert rebased.refused == ()
    await session.commit()
    assert await stored(admin) == [117]


async def test_a_branch_that_only_read_what_was_changed_elsewhere(session: Session) -> None:
    """A branch whose steps read an item that was shared, and that the committed line went on with, is in conflict."""
    account, other = await opened(session, 10), await opened(session)
    with session.branch("what if") as branch:
        with pytest.raises(Exception, match="still has"):
            await session.issue(CloseAccount(), on=account)
        await session.issue(CloseAccount(), on=other)
    await session.issue(Withdraw(amount=10), on=account)
    await session.issue(Deposit(amount=1), on=other)
    await session.commit()
    session.switch(branch)
    assert session.plan().summary == "0 to add, 0 to change, 1 to delete"
    with pytest.raises(Conflict, match="meanwhile another changed it"):
        await session.commit()


async def test_pick_issues_steps_of_another_branch_here(session: Session) -> None:
    """pick takes all own steps of a branch, or the chosen ones; what is refused here is told, the branch stays."""
    account = await opened(session, 10)
    with session.branch("what if"):
        await session.issue(Deposit(amount=100), on=account)
        await session.issue(Withdraw(amount=60), on=account)
    picked = await session.pick("what if", [4])
    assert [str(refusal) for refusal in picked.refused] == [
        f"step 4, bank:withdraw/account/{account.identifier}: Rejected: Ada has 10 EUR, less than 60"]
    assert len(session.manager.state.pending()) == 2
    picked = await session.pick("what if")
    assert (picked.refused, (await session.fetch(account)).balance) == ((), 50)
    assert [branch.name for branch in session.branches] == ["main", "what if"]
    with pytest.raises(NothingTo, match="there is no step 9 on 'what if'; its own are: 3 to 4"):
        await session.pick("what if", [9])
    with pytest.raises(UnknownName, match="what is"):
        await session.pick("what is")


async def test_a_saved_log_is_replayed_on_another_branch(session: Session, tmp_path: Path) -> None:
    """The file of a log is issued again on the branch that is named, and we stay where we are; steps and logs are taken
    as well, and what is refused there is told with what became of the plan."""
    session.branch("empty")
    account = await opened(session, 10)
    await session.issue(Withdraw(amount=4), on=account)
    session.log.save(tmp_path / "day.jsonl")
    replayed = await session.replay(tmp_path / "day.jsonl", on="empty")
    assert (replayed.refused, session.here.name) == ((), "main")
    assert len(session.compare("main", "empty")) == 0
    assert repr(replayed).splitlines()[0] == (
        "replayed: 1 to add, 0 to change, 0 to delete (before: 0 to add, 0 to change, 0 to delete)")
    again = await session.replay(session.log.load(tmp_path / "day.jsonl"))
    assert [refusal.step.number for refusal in again.refused] == [1]
    assert (await session.fetch(account)).balance == 12
    await session.replay(session.steps[-1:])
    assert (await session.fetch(account)).balance == 8
    with pytest.raises(LogError, match="it cannot be read"):
        await session.replay(tmp_path / "nothing.jsonl")
    with pytest.raises(UnknownName, match="empty"):
        await session.replay(tmp_path / "day.jsonl", on="emty")


async def test_going_to_a_step_and_to_a_checkpoint(session: Session) -> None:
    """goto and restore move along the line of the session; a step that is not there is refused."""
    account = await opened(session, 10, 20)
    session.checkpoint("thirty")
    session.goto(2)
    assert (await session.fetch(account)).balance == 10
    session.restore("thirty")
    assert (await session.fetch(account)).balance == 30
    with pytest.raises(NothingTo, match="there is no step 9 on 'main'; pending or undone are: 1 to 3"):
        session.goto(9)


async def test_dropping_by_name(session: Session) -> None:
    """drop gives up a branch by its name, or an item by its; neither is taken for the other."""
    account = await opened(session, 10)
    session.branch("what if")
    plan = await session.drop("what if")
    assert [branch.name for branch in session.branches] == ["main"]
    assert plan.summary == "1 to add, 0 to change, 0 to delete"
    with pytest.raises(UnknownName):
        await session.drop("what if")
    with pytest.raises(Invalid):
        await session.drop("main")
    assert (await session.fetch(account)).balance == 10


# ------------------------------------------------------------------------------------------------ at the same time


async def at_work(session: Session) -> None:
    """Waits until what was begun has its turn."""
    for _ in range(5):
        await asyncio.sleep(0)
    assert session.manager.lock.locked()


async def test_no_branch_is_entered_while_a_commit_is_at_work(session: Session, admin: asyncpg.Connection) -> None:
    """A task that enters a branch during a commit is refused, and the commit says what it has written."""
    await opened(session, 10)
    branch = session.branch("what if")

    async def look() -> None:
        await at_work(session)
        with branch:
            pass

    done, refused = await asyncio.gather(session.commit(), look(), return_exceptions=True)
    assert "a command or a commit is at work; await it, then switch" in str(refused)
    assert session.commits == [done]
    assert (len(session.plan()), await stored(admin)) == (0, [10])


@pytest.mark.parametrize("only", [True, False])
async def test_a_branch_is_left_while_its_commit_is_at_work(
    session: Session, admin: asyncpg.Connection, only: bool,
) -> None:
    """A commit that was begun in a with is the branch's, also when that is left before it ends."""
    account, other = await opened(session, 10), await opened(session)
    with session.branch("what if") as branch:
        await session.issue(Deposit(amount=5), on=account)
        task = asyncio.create_task(session.commit(only=[account] if only else None))
        await at_work(session)
    assert (await task, session.here.name) == (session.commits[0], "main")
    assert await stored(admin) == ([15] if only else [15, 0])
    assert [len(one.state.pending()) for one in (session.here, branch)] == [int(only)] * 2
    assert (await session.fetch(other)).balance == 0


async def test_a_replay_on_another_branch_leaves_us_here(session: Session) -> None:
    """While commands are issued again on another branch we are where we were, and no branch is gone to."""
    account = await opened(session, 10)
    session.branch("what if")
    heard: list[str] = []
    session.manager.history.moved = lambda: heard.append(session.here.name)
    await session.replay(session.steps[1:], on="what if")
    assert heard == ["main"]
    assert (await session.fetch(account)).balance == 10
    assert session.compare("what if").differences[0].sides("balance")[1:] == (10, 20)


@pytest.mark.parametrize("log", [[Deposit(amount=1)], [1], ["x"], None, 3])
async def test_what_was_not_issued_is_not_replayed(session: Session, log: Any) -> None:
    """What is neither a step nor a logged command is refused in words, before anything is issued."""
    with pytest.raises(Invalid, match="is no step; give steps, a log or its file; what was not issued yet is issued"):
        await session.replay(log)
    assert session.steps == []


# ------------------------------------------------------------------------------------------------ what is here already


async def test_money_is_not_doubled_by_a_pick(session: Session, admin: asyncpg.Connection) -> None:
    """A branch that was rebased is picked for what it did itself, once."""
    account = await opened(session, 10)
    with session.branch("what if"):
        await session.issue(Deposit(amount=5), on=account)
        await session.rebase()
    for _ in range(2):
        await session.pick("what if")
    await session.commit()
    assert await stored(admin) == [15]


async def test_a_merge_after_a_part_was_committed(session: Session, admin: asyncpg.Connection) -> None:
    """What a branch has deleted is not brought back by a merge after a commit of something else."""
    await opened(session)
    other = await opened(session)
    with session.branch("adds"):
        third = await opened(session, 3)
    with session.branch("closes") as closes:
        await session.issue(CloseAccount(), on=other)
    await session.commit(only=[session.steps[0]])
    with closes:
        await session.merge("adds")
        await session.commit()
    assert await stored(admin) == [0, 3]
    assert (await session.fetch(third)).balance == 3


async def test_committed_steps_do_not_leave_the_log(session: Session) -> None:
    """A checkpoint that lies behind a commit is not restored, though it was compared with."""
    account = await opened(session)
    session.checkpoint("empty")
    await session.issue(Deposit(amount=5), on=account)
    await session.commit()
    session.compare("empty")
    with pytest.raises(NothingTo, match="lies before a commit"):
        session.restore("empty")
    assert len(session.log) == 2


@pytest.mark.parametrize("cls", [Note, Paper])
async def test_theirs_is_written_over_a_deletion_that_was_committed(dsn: str, cls: type[Resource]) -> None:
    """A merge that was decided for "theirs" is committed, where this branch has committed the item's deletion."""
    async with Session(desk(cls), dsn=dsn) as session:
        target = at(cls, "p")
        await edit(session, Insert(target, text="first"))
        await session.commit()
        with session.branch("other"):
            await edit(session, Update(target, text="theirs"), reads=[target])
        await edit(session, Delete(target))
        await session.commit()
        await session.merge("other", ways={target: "theirs"})
        await session.commit()
        await session.refresh(cls)
        assert (await session.fetch(target)).text == "theirs"


@pytest.mark.parametrize("cls", [Note, Paper])
async def test_a_merge_past_what_another_session_deleted(dsn: str, cls: type[Resource]) -> None:
    """A merge that was decided where its steps had read what another session has deleted since is committed; no second
    conflict says the same again."""
    async with Session(desk(cls), dsn=dsn) as session, Session(desk(cls), dsn=dsn) as rival:
        changed, read = at(cls, "changed"), at(cls, "read")
        await edit(session, Insert(changed), Insert(read))
        await session.commit()
        with session.branch("other"):
            await edit(session, Update(changed, text="theirs"), reads=[read])
        await rival.fetch(read)
        await edit(rival, Delete(read))
        await rival.commit()
        await session.rebase()
        with pytest.raises(Conflict) as conflict:
            await session.merge("other")
        assert [(clash.target, clash.kind) for clash in conflict.value.items] == [(read, "read-delete")]
        await session.merge("other", ways={read: "theirs"})
        await session.commit()
        await session.refresh(cls)
        assert (await session.fetch(changed)).text == "theirs"


async def test_a_merge_of_what_was_made_on_a_row_deleted_softly(dsn: str) -> None:
    """An item that another branch has made again, on the row that was deleted softly, is merged onto that row: its
    commit is no conflict with the deletion, which was there before."""
    async with Session(desk(Paper), dsn=dsn) as session:
        target = at(Paper, "p")
        await edit(session, Insert(target, text="first"))
        await session.commit()
        await edit(session, Delete(target))
        await session.commit()
        with session.branch("other"):
            await edit(session, Insert(target, text="again"))
        await session.merge("other")
        assert [change.kind for change in session.plan().changes] == ["update"]
        await session.commit()
        await session.refresh(Paper)
        assert (await session.fetch(target)).text == "again"
