"""Conflicts in the panel: the ways out of one with the database and of one with a branch, by every button."""

from __future__ import annotations

import re
from typing import Any

import asyncpg
import pytest

from tests.notebook.clicking import click, focused, found, go, status, visible, with_rival
from tests.notebook.markup import words
from tests.postgres.test_rebase import A, B, C, Seek, seeking
from workbench import Workbench
from workbench.errors import Conflict
from workbench.examples.bank import Deposit, OpenAccount, Pay
from workbench.notebook.panels.panel import Panel
from workbench.state.step import Step


def items(panel: Panel) -> list[str]:
    """What is said of each item that is still open."""
    return [words(item.children[0].value) for item in panel.conflict.items.children]


def overtaken(wb: Workbench) -> Step:
    """Ada's account with a deposit of 1 pending, whose balance a rival has changed since."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    wb.commit()
    wb.issue(Deposit(amount=1), on=ada)
    with_rival(wb, ada)
    return ada


@pytest.mark.parametrize("way, balance", [("wb-mine", 1), ("wb-theirs", 5), ("wb-rebase", 6)])
def test_the_ways_out_of_a_conflict(wb: Workbench, panel: Panel, way: str, balance: int) -> None:
    """A commit that ends in a conflict shows base, mine and theirs, and each button is a way out of it."""
    ada = overtaken(wb)
    assert not visible(panel.conflict.widget)
    click(panel, "wb-commit")
    click(panel, "wb-confirm")
    assert isinstance(panel.last_error, Conflict)
    assert status(panel) == "✗ Conflict: conflict on 1 item: nothing was written, everything pending is kept"
    assert visible(panel.conflict.widget)
    assert "✗ balance 0 1 5" in words(panel.conflict.items.children[0].children[0].value)
    click(panel, way)
    assert panel.last_error is None, status(panel)
    assert not visible(panel.conflict.widget)
    if wb.pending.shape[0]:
        wb.commit()
    assert wb.fetch(ada.target).balance == balance


def test_a_rebase_after_a_decision(wb: Workbench, panel: Panel) -> None:
    """Where an item is decided by itself it is said that a later rebase issues its commands again; and it does."""
    ada = overtaken(wb)
    click(panel, "wb-commit")
    click(panel, "wb-confirm")
    assert ("Rebase issues all pending commands again, now or later: also those of items that were decided here, "
            "whatever the decision.") in words(panel.conflict.head.value)
    click(panel, "wb-theirs")
    assert wb.fetch(ada.target).balance == 5
    wb.rebase()
    assert wb.fetch(ada.target).balance == 6


def test_a_merge_that_cannot_be(wb: Workbench, panel: Panel) -> None:
    """Where both changed one column there is no merging, and the button says what does it; a cell's way out closes the
    conflict."""
    ada = overtaken(wb)
    with pytest.raises(Conflict):
        wb.commit()
    assert visible(panel.conflict.widget)       # a cell's conflict as well
    merge = found(panel, "wb-merge")[0]
    assert merge.disabled
    assert "both changed the same column, or one deleted bank:account/" in merge.tooltip
    assert "wb.resolve(item, {column: value}) sets it by hand" in merge.tooltip
    wb.resolve(ada, {"balance": 6})
    assert not visible(panel.conflict.widget)


async def test_a_merge_of_other_columns(wb: Workbench, panel: Panel, dsn: str) -> None:
    """Where each changed other columns, Merge keeps both."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    wb.commit()
    wb.issue(Deposit(amount=1), on=ada)
    await elsewhere(dsn, "UPDATE bank_account SET owner = 'Eve', _etag = 'moved'")
    click(panel, "wb-commit")
    click(panel, "wb-confirm")
    click(panel, "wb-merge")
    assert panel.last_error is None, status(panel)
    account = wb.fetch(ada.target)
    assert (account.owner, account.balance) == ("Eve", 1)


async def elsewhere(dsn: str, sql: str) -> None:
    """Somebody's SQL on the test's database."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.mark.parametrize("way", ["wb-mine", "wb-rebase", "wb-put-off"])
def test_the_keyboard_after_a_conflict(
    wb: Workbench, panel: Panel, way: str, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The button that ended a conflict is out of sight with it, and the keyboard goes to Commit."""
    overtaken(wb)
    with pytest.raises(Conflict):
        wb.commit()
    given = focused(monkeypatch)
    click(panel, way)
    assert given == [panel.plan.commit]


def test_a_conflict_is_put_off(wb: Workbench, panel: Panel) -> None:
    """Not now takes the conflict out of sight and changes nothing; the next commit meets it again."""
    overtaken(wb)
    for _ in range(2):
        with pytest.raises(Conflict):
            wb.commit()
        assert visible(panel.conflict.widget)
        click(panel, "wb-put-off")
        assert not visible(panel.conflict.widget)
        assert len(wb.pending) == 1


def test_a_conflict_on_what_was_read(wb: Workbench, panel: Panel) -> None:
    """An item that was only read has no columns to merge; rebase closes the conflict."""
    ada, bob = wb.issue(OpenAccount(owner="Ada")), wb.issue(OpenAccount(owner="Bob"))
    wb.issue(Deposit(amount=9), on=ada)
    wb.commit()
    wb.issue(Pay(amount=1, to=bob.target.identifier), on=ada)
    wb.drop(ada)        # what Bob gets stays, what Ada has was read only
    with_rival(wb, ada)
    with pytest.raises(Conflict):
        wb.commit()
    assert visible(panel.conflict.widget)
    assert found(panel, "wb-mine") == []        # mine it is not
    assert found(panel, "wb-theirs")[0].description == "Accept"
    click(panel, "wb-rebase")
    assert panel.last_error is None
    assert not visible(panel.conflict.widget)


def test_many_that_were_read(wb: Workbench, panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many items were read and have moved since, the plan is looked at once to see which are still open."""
    bob = wb.issue(OpenAccount(owner="Bob"))
    others = [wb.issue(OpenAccount(owner=f"number {number}")) for number in range(3)]
    for other in others:
        wb.issue(Deposit(amount=9), on=other)
    wb.commit()
    for other in others:
        wb.issue(Pay(amount=1, to=bob.target.identifier), on=other)
        wb.drop(other)
        with_rival(wb, other)
    with pytest.raises(Conflict):
        wb.commit()
    first, second, third = items(panel)
    manager = wb.session.manager
    plan, looks = manager.plan, []
    monkeypatch.setattr(manager, "plan", lambda: [looks.append("at it"), plan()][1])
    panel.conflict.refresh()
    assert looks == ["at it"]
    monkeypatch.undo()
    found(panel, "wb-theirs")[1].click()
    assert items(panel) == [first, third]
    assert second not in (first, third)


def test_a_search_that_would_find_more(dsn: str) -> None:
    """What somebody added that a search would find now has one way out, rebase: "mine" would delete it."""
    with Workbench(seeking(), dsn=dsn) as wb:
        panel, rival = wb.panel(), wb.rival()
        wb.issue(Seek(text="x"), on=A)
        rival.issue(Seek(text="x"), on=B)
        rival.commit(serializable=True)
        with pytest.raises(Conflict):
            wb.commit(serializable=True)
        assert visible(panel.conflict.widget)
        assert found(panel, "wb-theirs") + found(panel, "wb-mine") == []
        assert "here a step searched and did not find it" in items(panel)[0]
        wb.issue(Seek(text="y"), on=C)
        assert not visible(panel.conflict.widget)       # that plan is no more
        panel.close()


def parted(wb: Workbench) -> tuple[Any, Any]:
    """Two accounts that the branch "what if" and main changed differently."""
    ada, bob = wb.issue(OpenAccount(owner="Ada")), wb.issue(OpenAccount(owner="Bob"))
    with wb.branch("what if"):
        for account in (ada, bob):
            wb.issue(Deposit(amount=1), on=account)
    for account in (ada, bob):
        wb.issue(Deposit(amount=2), on=account)
    return ada, bob


def test_a_conflict_with_a_branch(wb: Workbench, panel: Panel) -> None:
    """A merge that must ask is decided item by item; with the last one it is done, as one step that undo takes back."""
    ada, bob = parted(wb)
    go(panel, "Steps")
    assert panel.steps.other.options == ("what if",)
    click(panel, "wb-branch-merge")
    assert isinstance(panel.last_error, Conflict)
    assert visible(panel.conflict.widget)
    assert "Conflict with the branch 'what if' on 2 items; nothing was merged" in words(panel.conflict.head.value)
    assert (visible(panel.conflict.rebase), found(panel, "wb-merge")) == (False, [])
    assert "Rebase" not in words(panel.conflict.head.value)
    first = panel.conflict.items.children[0].children[0].value
    one, other = (ada, bob) if str(ada.target.identifier) in first else (bob, ada)
    click(panel, "wb-theirs")
    assert re.fullmatch(r"✓ bank:account \w+ · \w{8}: theirs; 1 more to decide", status(panel))
    assert "on 1 item; nothing was merged" in words(panel.conflict.head.value)
    assert "1 decided" in words(panel.conflict.head.value)
    assert wb.fetch(one).balance == 2       # not before all are decided
    click(panel, "wb-mine")
    assert status(panel) == "✓ merged 'what if', as decided; one step, which undo takes back"
    assert not visible(panel.conflict.widget)
    assert (wb.fetch(one).balance, wb.fetch(other).balance) == (1, 2)
    wb.undo()
    assert wb.fetch(one).balance == 2


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ZeroDivisionError])
def test_the_last_decision_fails(
    wb: Workbench, panel: Panel, monkeypatch: pytest.MonkeyPatch, failure: type[BaseException],
) -> None:
    """Where the merge that the last decision leads to is interrupted or fails, that item is decided once more; what was
    decided of the others stays."""
    parted(wb)
    with pytest.raises(Conflict):
        wb.merge("what if")
    click(panel, "wb-theirs")

    def broken(*_: object, **__: object) -> Any:
        raise failure

    monkeypatch.setattr(wb, "merge", broken)
    click(panel, "wb-mine")
    monkeypatch.undo()
    assert isinstance(panel.last_error, failure)
    panel.refresh()     # as after any verb
    assert visible(panel.conflict.widget)
    assert "on 1 item; nothing was merged" in words(panel.conflict.head.value)
    assert "1 decided" in words(panel.conflict.head.value)
    click(panel, "wb-theirs")
    assert status(panel) == "✓ merged 'what if', as decided; one step, which undo takes back"
    assert not visible(panel.conflict.widget)
    assert list(wb.items("account")["balance"]) == [1, 1]


def test_a_conflict_with_a_branch_that_is_left(wb: Workbench, panel: Panel) -> None:
    """Where we went to another branch, or the other one is dropped, there is nothing to decide any more."""
    parted(wb)
    with pytest.raises(Conflict):
        wb.merge("what if")
    assert visible(panel.conflict.widget)
    wb.switch("what if")
    assert not visible(panel.conflict.widget)
    wb.switch("main")
    assert visible(panel.conflict.widget)
    wb.drop("what if")
    assert not visible(panel.conflict.widget)
    go(panel, "Steps")
    assert not visible(panel.steps.merging)
