"""The Workbench's verbs against rivals, as typed in a notebook: check, drift, conflict, rebase, resolve, merge."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from traceback import walk_tb
from typing import Any

import pytest

from tests.notebook.markup import words
from tests.state.domains import Write, notes
from workbench import Conflict, Workbench, WorkbenchError
from workbench.examples.bank import Deposit, OpenAccount, Withdraw, bank


@pytest.fixture
def pair(dsn: str) -> Iterator[tuple[Workbench, Workbench, Any]]:
    """Two workbenches on one database, and an account with 10 EUR that both may change."""
    with Workbench(bank, dsn=dsn, user="ada") as mine, Workbench(bank, dsn=dsn, user="rival") as theirs:
        account = mine.issue(OpenAccount(owner="Ada"))
        mine.issue(Deposit(amount=10), on=account)
        mine.commit()
        yield mine, theirs, account


def test_a_conflict_is_seen_before_and_after(pair: tuple[Workbench, Workbench, Any]) -> None:
    """A check, drift and the conflict itself say the same of what a rival did, each as a frame."""
    mine, theirs, account = pair
    mine.issue(Withdraw(amount=5), on=account)
    theirs.issue(Withdraw(amount=8), on=account)
    theirs.commit()
    checked = mine.plan().check()
    assert not checked
    assert checked.frame()[["kind", "identifier", "step", "command"]].values.tolist() == [
        ["stale", account.target.identifier, 3, "Withdraw"]]
    assert mine.drift()[["drift", "cached", "stored"]].values.tolist() == [
        ["changed", {"balance": 10}, {"balance": 2}]]
    assert len(mine.conflict) == 0
    with pytest.raises(Conflict, match="balance: base 10, mine 5, theirs 2") as conflict:
        mine.commit()
    assert conflict.value.__notes__ == [f"this is account Ada · {str(account.target.identifier)[:8]}"]
    assert mine.conflict[["kind", "column", "base", "mine", "theirs"]].values.tolist() == [
        ["update-update", "balance", 10, 5, 2]]
    assert len(mine.pending) == 1


def test_a_conflict_on_many_items_names_the_first(pair: tuple[Workbench, Workbench, Any]) -> None:
    """The error of a commit in which others were faster has what the first five items are called, and so on."""
    mine, theirs, _ = pair
    accounts = [mine.issue(OpenAccount(owner=f"Ada {number}")) for number in range(6)]
    mine.commit()
    for wb in (theirs, mine):
        for account in accounts:
            wb.issue(Deposit(amount=1), on=str(account.target).partition(":")[2])
    theirs.commit()
    with pytest.raises(Conflict) as conflict:
        mine.commit()
    names = [f"account {mine.fetch(one.target).owner} · {str(one.target.identifier)[:8]}"
             for one in conflict.value.items[:5]]
    assert conflict.value.__notes__ == [f"these are {', '.join(names)} …; wb.conflict has them all"]


def test_a_rebase_reports_what_is_refused_now(pair: tuple[Workbench, Workbench, Any]) -> None:
    """The pending commands run again on what is stored; one that is refused is told, the rest is pending."""
    mine, theirs, account = pair
    mine.issue(Withdraw(amount=5), on=account)
    mine.issue(Deposit(amount=1), on=account)
    theirs.issue(Withdraw(amount=8), on=account)
    theirs.commit()
    rebased = mine.rebase()
    assert [str(refusal.error) for refusal in rebased.refused] == ["Ada has 2 EUR, less than 5"]
    shown = words(rebased._repr_mimebundle_()["text/html"])
    assert shown.startswith("! rebased: 0 to add, 1 to change, 0 to delete (before: ")
    assert "✗ refused step 3, bank:withdraw/account Ada · " in shown
    assert "Rejected: Ada has 2 EUR, less than 5 now ~ Ada · " in shown
    assert "balance: 2 → 3" in shown
    assert mine.fetch(account).balance == 3
    assert repr(mine.commit()).startswith("committed: 0 added, 1 changed")


def test_a_conflict_is_decided(pair: tuple[Workbench, Workbench, Any]) -> None:
    """Mine over theirs, a value for the column, or theirs: each gives the new plan, and the commit then passes."""
    mine, theirs, account = pair
    for way, balance in (("mine", 11), ({"balance": 50}, 50)):
        mine.refresh("account")
        theirs.refresh("account")
        mine.issue(Deposit(amount=1), on=account)
        theirs.issue(Deposit(amount=7), on=account)
        theirs.commit()
        with pytest.raises(Conflict):
            mine.merge()
        assert mine.resolve(account, way).changes[0].new == {"balance": balance}
        mine.commit()
        assert mine.fetch(account).balance == balance
    mine.issue(Deposit(amount=1), on=account)
    assert len(mine.drop(account)) == 0


def test_who_awaits_has_all_verbs(pair: tuple[Workbench, Workbench, Any]) -> None:
    """``await wb.aio.…`` has the session's verbs, and says which there are when asked for another."""
    mine, _, account = pair

    async def work() -> Any:
        await mine.aio.issue(Deposit(amount=1), on=account)
        assert (await mine.aio.check()).ok
        assert await mine.aio.drift() == []
        first = asyncio.ensure_future(mine.aio.commit())
        with pytest.raises(WorkbenchError, match="there is nothing to commit"):
            await mine.aio.commit(after=first)
        return (await mine.aio.fetch(account)).balance

    assert asyncio.run(work()) == 11
    with pytest.raises(AttributeError, match='there is no verb \'comit\' to await; did you mean "commit"'):
        _ = mine.aio.comit


def test_an_error_in_a_handler_shows_the_handler(dsn: str) -> None:
    """Between the cell and the handler's own line no frame of ours is shown."""
    async def crash(event: Any, context: Any) -> Any:
        yield 1 / 0

    with Workbench(notes(written=crash), dsn=dsn) as wb, pytest.raises(ZeroDivisionError) as raised:
        wb.issue(Write(), on="note/a")
    shown = [frame.f_code.co_name for frame, _ in walk_tb(raised.value.__traceback__)
             if not frame.f_locals.get("__tracebackhide__")]
    assert shown == ["test_an_error_in_a_handler_shows_the_handler", "crash"]
