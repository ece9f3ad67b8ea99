"""Saved plans, history and revert as a notebook has them: frames, HTML that is loud, and a kernel that dies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.notebook.kernels import Kernel
from workbench import Domain, Workbench
from workbench.errors import AlreadyApplied, Busy, Conflict, SavedPlanError, TamperedPlan, WorkbenchError
from workbench.examples.bank import Account, Deposit, OpenAccount, bank
from workbench.notebook.shown.saved_plan import ShownSavedPlan


def test_saved_looked_at_and_applied(wb: Workbench, dsn: str, tmp_path: Path) -> None:
    """A plan is saved in one notebook, looked at in another as a live one is, applied there, and only once."""
    ada = wb.issue(OpenAccount(owner="Ada <&>"))
    path = tmp_path / "x.plan.json"
    shown = wb.plan().save(path)
    assert isinstance(shown, ShownSavedPlan)
    with Workbench(bank, dsn=dsn, user="bob") as other:
        read = other.load_plan(path)
        assert read == shown
        assert read.doubts == []
        assert repr(read.why(ada)) == wb.plan().why(ada) == read.why(read.changes[0])
        assert repr(read.why(ada)).count("\n") == 3
        assert wb.plan().warnings == read.warnings == ()
        with pytest.raises(AttributeError, match='has no "sql"; its SQL is made when it is applied'):
            read.sql()      # type: ignore[attr-defined]
        live, saved = wb.plan().frame(), read.frame()
        assert list(saved.columns) == list(live.columns)
        assert saved.to_dict("records") == live.to_dict("records")
        assert (list(saved["identifier"]), list(saved["change"])) == ([ada.target.identifier], ["insert"])
        bundle = read._repr_mimebundle_()
        assert "Ada &lt;&amp;&gt;" in bundle["text/html"]
        assert "Ada <" not in bundle["text/html"]
        assert "⚠" not in bundle["text/html"]
        assert "<summary>Commands</summary>" in bundle["text/html"]
        assert bundle["text/plain"].startswith("saved plan: 1 to add, 0 to change, 0 to delete\n  saved at ")
        assert other.apply(read).nonce == read.nonce
        assert other.fetch(ada.target).owner == "Ada <&>"
        with pytest.raises(AlreadyApplied, match="by bob"):
            other.apply(str(path))
        assert other.history()["nonce"].tolist() == [read.nonce]
    with pytest.raises(AlreadyApplied):
        wb.commit()


def test_checked_before_it_is_applied(wb: Workbench, dsn: str, tmp_path: Path) -> None:
    """A plan that was saved, or read, is tried on the database as it is now: it tells who was there since, and whether
    it was applied; one that was changed by hand is refused as it is when it is applied."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    wb.commit()
    wb.issue(Deposit(amount=10), on=ada)
    path = tmp_path / "x.plan.json"
    assert wb.plan().save(path).check().ok
    with Workbench(bank, dsn=dsn, user="bob") as other:
        read = other.load_plan(path)
        checked = read.check()
        assert repr(checked).startswith("check: nothing is in the way of a commit (1 statement tried and rolled back)")
        assert other.find(Account, balance=10) == []
        other.issue(Deposit(amount=1), on=ada)
        other.commit()
        [violation] = read.check().violations
        assert (violation.kind, violation.target) == ("stale", ada.target)
        assert "Ada · " in read.check()._repr_html_()
        with Workbench(bank, dsn=dsn, user="eve") as third:     # who has nothing of it: by the names in the file
            assert "Ada · " in third.load_plan(path).check()._repr_html_()
        wb.rebase()
        again = wb.plan().save(tmp_path / "again.plan.json")
        other.apply(again)
        violation, *_ = other.load_plan(tmp_path / "again.plan.json").check().violations
        assert violation.detail.startswith(f"the saved plan {again.nonce} was written before, at ")
    path.write_text(path.read_text().replace('"10"', '"1000"'))
    with pytest.raises(TamperedPlan):
        wb.load_plan(path).check()
    with pytest.raises(WorkbenchError, match=r"read it with wb\.load_plan\(path\)"):
        ShownSavedPlan.load(path).check()


def test_shown_loudly(wb: Workbench, dsn: str, tmp_path: Path) -> None:
    """A plan that was changed by hand, or is of other definitions, is shown with a warning above it, escaped."""
    wb.issue(OpenAccount(owner="Ada"))
    path = tmp_path / "x.plan.json"
    wb.plan().save(path)
    path.write_text(path.read_text().replace('"Ada"', '"<script>"').replace('"insert"', '"x\\" onclick=\\""'))
    read = wb.load_plan(path)
    html = read._repr_html_()
    assert html.index("⚠ TAMPERED: it was changed after it was saved") < html.index("Plan: ")
    assert "<script>" not in html
    assert "onclick=\"" not in html
    assert repr(read).startswith("TAMPERED: ")
    assert len(read.frame()) == 1
    with pytest.raises(TamperedPlan):
        wb.apply(read)
    with Workbench(Domain("empty"), dsn=dsn) as empty:
        other = empty.load_plan(wb.plan().save(path, overwrite=True) and path)
        assert repr(other).startswith("OTHER DEFINITIONS: it is not applied here (bank:account is not defined here)\n")
        assert "⚠ OTHER DEFINITIONS" in other._repr_html_()
        assert other.frame()["new"][1]["owner"] == "Ada"


def test_shown_as_far_as_it_is_seen(wb: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a plan with very many changes and commands the first two hundred are shown, pending as saved; of a saved one
    the others are not even read."""
    wb.issue_many([OpenAccount(owner="Ada")] * 205)
    plan = wb.plan()
    lines = repr(plan).splitlines()
    assert lines[1:] == [*(f"  {change!r}" for change in plan.changes[:200]), "  … and 5 more; .changes has them all"]
    saved = plan.save(tmp_path / "x.plan.json")
    monkeypatch.setattr(ShownSavedPlan, "changes", property(lambda _: 1 / 0))
    bundle = saved._repr_mimebundle_()
    assert "… and 5 more; .changes has them all" in bundle["text/plain"]
    assert bundle["text/html"].count('<td class="who insert">') == 200
    table, more = bundle["text/html"].split("<summary>Commands</summary>")[1].split("</table>")
    assert table.count("<tr>") == 200
    assert "… and 5 more; .commands has them all" in more


def test_history_and_revert(wb: Workbench) -> None:
    """The history numbers the commits; one of them is reverted by number, as a plan to look at; a conflict is kept."""
    empty = wb.history()
    assert (len(empty), list(empty.columns)) == (0, [
        "at", "user", "added", "changed", "deleted", "statements", "attempts", "steps", "nonce"])
    ada = wb.issue(OpenAccount(owner="Ada"))
    wb.commit()
    wb.issue(Deposit(amount=10), on=ada)
    wb.commit()
    history = wb.history()
    assert history[["user", "added", "changed", "deleted", "statements", "attempts", "steps"]].to_dict("records") == [
        {"user": "ada", "added": 1, "changed": 0, "deleted": 0, "statements": 1, "attempts": 1, "steps": [1]},
        {"user": "ada", "added": 0, "changed": 1, "deleted": 0, "statements": 1, "attempts": 1, "steps": [2]}]
    assert (list(history.index), history.index.name, dict(history.dtypes) == dict(empty.dtypes)) == (
        [1, 2], "number", True)
    assert history["nonce"].isna().all()
    plan = wb.revert(2)
    assert plan.summary == "0 to add, 1 to change, 0 to delete"
    assert wb.pending["command"].tolist() == ["RevertCommit"]
    wb.commit(plan)
    assert wb.fetch(ada.target).balance == 0
    wb.issue(Deposit(amount=3), on=ada)
    wb.commit()
    with pytest.raises(Conflict):
        wb.revert(2)
    assert wb.conflict[["column", "base", "mine", "theirs"]].astype(str).to_numpy().tolist() == [
        ["balance", "10", "0", "3"]]
    assert len(wb.items(Account)) == 1


def test_after_a_plan_of_somebody_else(wb: Workbench, dsn: str, tmp_path: Path) -> None:
    """A commit waits for a saved plan that was loaded, by itself or by its nonce."""
    wb.issue(OpenAccount(owner="Ada"))
    saved = wb.plan().save(tmp_path / "x.plan.json")
    with Workbench(bank, dsn=dsn, user="bob") as other:
        other.issue(OpenAccount(owner="Bob"))
        with pytest.raises(Busy, match="was applied by nobody"):
            other.commit(after=saved, wait=0.1)
        wb.apply(saved)
        assert other.commit(after=saved.nonce).plan.counts["insert"] == 1
    with pytest.raises(SavedPlanError, match="is no nonce of a saved plan"):
        wb.commit(after="no nonce")


async def test_awaited(wb: Workbench, tmp_path: Path) -> None:
    """The verbs can be awaited as well, with what load_plan gave."""
    await wb.aio.issue(OpenAccount(owner="Ada"))
    saved = wb.plan().save(tmp_path / "x.plan.json")
    done = await wb.aio.apply(saved)
    assert done.nonce == saved.nonce
    await wb.aio.issue(OpenAccount(owner="Bob"))
    await wb.aio.commit(after=saved)
    plan = await wb.aio.revert(2)
    assert plan.summary == "0 to add, 0 to change, 1 to delete"


def test_a_kernel_that_dies(tmp_path: Path, dsn: str) -> None:
    """What a kernel saved before it died another one shows and applies."""
    path = tmp_path / "x.plan.json"
    opening = ("from workbench import Workbench\nfrom workbench.examples.bank import *\n"
               f"wb = Workbench(bank, dsn={dsn!r}, user='ada')")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with Kernel.started(tmp_path / "one") as kernel:
        kernel.execute(opening)
        kernel.execute("step = wb.issue(OpenAccount(owner='Ada'))")
        cell = kernel.execute(f"wb.plan().save({str(path)!r})")
        assert "saved plan: 1 to add" in str(cell.value)
        assert "Plan: 1 to add, 0 to change, 0 to delete" in cell.data["text/html"]
        kernel.send('import os, signal; os.kill(os.getpid(), signal.SIGKILL)')
    with Kernel.started(tmp_path / "two") as kernel:
        kernel.execute(opening)
        assert "owner: &#x27;Ada&#x27;" in kernel.execute(f"wb.load_plan({str(path)!r})").data["text/html"]
        assert kernel.execute(f"wb.apply({str(path)!r})").value == (
            "committed: 1 added, 0 changed, 0 deleted by 1 statement")
        assert kernel.execute("[account.owner for account in wb.find(Account)]").value == "['Ada']"
        again = kernel.execute(f"wb.apply({str(path)!r})", fails=True)
        assert again.error == "AlreadyApplied"
        assert "Traceback" not in again.traceback
