"""A session told again: as cells that reproduce it and as a test that passes; both are really run here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workbench import Conflict, Invalid, Rejected, Workbench
from workbench.examples.bank import CloseAccount, Deposit, OpenAccount, Pay, Withdraw

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def wb(wb_repeating: Workbench) -> Workbench:
    return wb_repeating


def a_day(wb: Workbench, *, commit: bool = False) -> None:
    """Two accounts, a payment, two refusals, an account that is closed again."""
    ada = wb.issue(OpenAccount(owner="Ada's"))
    wb.issue(Deposit(amount="10.50"), on=ada)
    with pytest.raises(Rejected):
        wb.issue(Withdraw(amount=99), on=ada)
    if commit:
        wb.commit()
    wb.user = "bob"
    bob = wb.issue(OpenAccount(owner='Bob "the rival"'))
    wb.issue(Pay(amount=4, to=bob.target.identifier), on=ada)
    with pytest.raises(Rejected):
        wb.issue(CloseAccount(), on=bob)
    wb.issue(Withdraw(amount=4), on=bob)
    wb.issue(CloseAccount(), on=bob)


def run(source: str) -> dict[str, Any]:
    """The names that a source defines when it is run."""
    names: dict[str, Any] = {"__name__": "retold"}
    exec(compile(source, "retold", "exec"), names)
    return names


@pytest.mark.parametrize("commit", [False, True])
def test_the_test_of_a_session_passes(wb: Workbench, commit: bool) -> None:
    """The recorded test passes as it is, committed in between or not, and expects the refusals by their words."""
    a_day(wb, commit=commit)
    source = wb.as_test("a_day")
    run(source)["test_a_day"]()
    assert "refused=\"Ada's has 10.50 EUR, less than 99\"" in source
    assert "plan=[Insert(account_1, owner=\"Ada's\", balance=Decimal('6.50'))]" in source


@pytest.mark.parametrize(("was", "becomes", "words"), [
    ("Deposited(amount=Decimal('4')).on(account_2)", "Deposited(amount=Decimal('5')).on(account_2)", "events"),
    ("balance=Decimal('6.50')", "balance=Decimal('7')", "plan"), ("less than 99", "less than 98", "refusal"),
    ("'balance': Decimal('10.50')", "'balance': Decimal('11')", "response"),
])
def test_the_test_of_a_session_can_fail(wb: Workbench, was: str, becomes: str, words: str) -> None:
    """Where anything that was recorded is another, the test says so: it does not pass whatever happens."""
    a_day(wb)
    source = wb.as_test()
    assert was in source
    with pytest.raises(AssertionError, match=words):
        run(source.replace(was, becomes))["test_session"]()


def test_the_test_runs_under_pytest(wb: Workbench, tmp_path: Path) -> None:
    """Saved to a file, it is found and passed by pytest."""
    a_day(wb)
    path = wb.as_test().save(tmp_path / "test_session.py")
    with pytest.raises(Invalid, match="is there already"):
        wb.as_test().save(path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), path],
        cwd=tmp_path, env={"PYTHONPATH": str(REPOSITORY), "PATH": ""}, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_items_that_were_stored_before_are_given(wb: Workbench) -> None:
    """What was in the database before is given, as it was then, though it was changed and committed since."""
    ada = wb.issue(OpenAccount(owner="Ada")).target
    wb.issue(Deposit(amount=10), on=ada)
    wb.commit()
    with wb.rival("bob") as bob:
        bob.issue(Withdraw(amount=3), on=ada)
        bob.commit()
        bob.issue(Deposit(amount=1), on=ada)
        source = bob.as_test()
    assert "given(bank, Account(_id=UUID('" in source
    assert "owner='Ada', balance=Decimal('10')" in source
    run(source)["test_session"]()


def test_a_decision_ends_the_test(wb: Workbench) -> None:
    """A merge is no command: the test ends before it, says so and what is left out, and still passes; the script says
    it too."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    with wb.branch("other"):
        wb.issue(Deposit(amount=1), on=ada)
    wb.merge("other")
    wb.issue(Deposit(amount=2), on=ada)
    source = wb.as_test()
    assert "# step 2: merge branch other: a decision, which no command can repeat" in source
    assert f"# step 3: bank:deposit/account/{ada.target.identifier}: left out, as it came after it" in source
    run(source)["test_session"]()
    assert "# step 2: merge branch other: a decision about items as they were; take it by hand" in wb.script()


def test_a_commit_of_decisions_alone(wb: Workbench) -> None:
    """The script commits nothing where there is nothing to commit: what was decided was decided by hand."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    wb.commit()
    with wb.branch("other"):
        wb.issue(Deposit(amount=1), on=ada)
    wb.merge("other")
    wb.commit()
    cells = wb.script().split("# %%\n")
    assert [cell.strip() for cell in cells[-3:]] == [
        "# step 2: merge branch other: a decision about items as they were; take it by hand",
        "# a commit of decisions alone, which were taken by hand", "wb.plan()"]


@pytest.mark.parametrize("commit", [False, True])
def test_the_script_reproduces_the_session(wb: Workbench, commit: bool, dsn: str) -> None:
    """Its cells, run on another database, lead to the same plan, by the same users; a commit is done again."""
    a_day(wb, commit=commit)
    source = wb.script()
    assert source.count("# %%") == len(wb.session.steps) + 2 + commit
    wb.undo(len(wb.session.manager.state.pending()))
    names = run(source.replace("Workbench(bank)", f"Workbench(bank, dsn={dsn!r})"))
    again: Workbench = names["wb"]
    try:
        assert again.steps["user"].tolist() == ["ada"] * 2 + ["bob"] * 4
        assert again.steps["state"].tolist() == (["committed"] * 2 if commit else ["pending"] * 2) + ["pending"] * 4
        assert [change.new["balance"] for change in again.plan().changes] == [again.fetch(names["account_1"]).balance]
    finally:
        again.close()


def test_classes_of_a_notebook(wb: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes that a notebook defines are imported from a module that one names; else the source says what to do."""
    wb.issue(OpenAccount(owner="Ada"))
    monkeypatch.setattr(OpenAccount, "__module__", "__main__")
    assert "# from … import OpenAccount" in wb.script()
    assert "from shop.domain import OpenAccount" in wb.script(module="shop.domain")


def test_a_rival_in_one_line(wb: Workbench) -> None:
    """A rival has a session and a name of its own on the same database, and is closed with the first one."""
    ada = wb.issue(OpenAccount(owner="Ada")).target
    wb.commit()
    wb.issue(Deposit(amount=10), on=ada)
    bob = wb.rival("Bob")
    bob.issue(Deposit(amount=1), on=ada)
    bob.commit()
    assert (bob.user, wb.user) == ("Bob", "ada")
    with pytest.raises(Conflict):
        wb.commit()
    wb.close()
    assert "closed" in repr(bob)
