"""Frames of time: steps with what was refused, events, branches, what differs; and a comparison as it is shown."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.notebook.markup import words
from tests.state.domains import manage
from workbench import Rejected, Workbench
from workbench.examples.bank import Deposit, OpenAccount, Pay, Withdraw, bank
from workbench.notebook.frames.time import branches_frame, comparison_frame, events_frame, steps_frame
from workbench.notebook.shown.comparison import ShownComparison

STEPS = {"at": "datetime64[us, UTC]", "user": "str", "cell": "Int64", "command": "str", "target": "str",
         "events": "object", "mutations": "int64", "items": "int64", "response": "object", "refusal": "str",
         "state": "str", "here": "bool"}
EVENTS = {"event": "str", "target": "str", "values": "object", "mutations": "int64", "command": "str", "policy": "str",
          "step": "int64", "user": "str", "at": "datetime64[us, UTC]"}
BRANCHES = {"here": "bool", "named": "bool", "forked_from": "str", "steps": "int64", "pending": "int64",
            "undone": "int64", "items": "int64"}
DIFFERENCES = {"change": "str", "resource": "str", "identifier": "object", "column": "str", "base": "object",
               "left": "object", "right": "object"}


@pytest.fixture
def wb(wb_repeating: Workbench) -> Workbench:
    return wb_repeating


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


def test_empty_frames() -> None:
    """With nothing done each frame has its columns and dtypes; the one branch is main."""
    manager = manage(bank)
    assert dtypes(steps_frame(manager.here)) == STEPS
    assert dtypes(events_frame([])) == EVENTS
    assert dtypes(branches_frame([], manager.here)) == BRANCHES
    assert dtypes(comparison_frame(manager.compare("main"))) == DIFFERENCES


def test_undone_and_redone_steps_are_shown(wb: Workbench) -> None:
    """They are a list that says in words what was done with its steps, and shows what came of each, one opened."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    wb.commit()
    steps = [wb.issue(Deposit(amount=amount), on=ada) for amount in (1, 2)]
    where = f"account/{ada.target.identifier}"
    undone = wb.undo(2)
    assert undone == steps[::-1]
    assert repr(undone) == f"undone: 2 steps\n  step 3: bank:deposit/{where}\n  step 2: bank:deposit/{where}"
    html = undone._repr_mimebundle_()["text/html"]
    called = f"Ada · {ada.target.identifier}"
    assert words(html).startswith(f"↶ undone: 2 steps step 3 bank:deposit/account {called} Deposit")
    assert "<details open>" not in html
    redone = wb.redo()._repr_mimebundle_()["text/html"]
    assert words(redone).startswith("↷ redone: 1 step step 2 bank:deposit/account Ada · ")
    assert "<details open>" in redone
    assert words(redone).endswith("balance= 1")


def test_what_is_missing_is_one_value_in_a_column(wb: Workbench) -> None:
    """Where steps have no user, cell, item, response or refusal, each column has what its dtype has for it."""
    wb.user = None
    ada = wb.issue(OpenAccount(owner="Ada"))
    with pytest.raises(Rejected):
        wb.issue(Withdraw(amount=50), on=ada)
    steps = wb.steps
    missing = {name: {repr(value) for value in column[column.isna()]} for name, column in steps.items()}
    assert {name: values for name, values in missing.items() if values} == {
        "user": {"nan"}, "cell": {"<NA>"}, "response": {"None"}, "refusal": {"nan"}}
    assert dtypes(steps) == STEPS


def test_the_steps_of_a_session(wb: Workbench) -> None:
    """Committed, pending, undone and refused: each step is there, in order, with where we are."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    wb.commit()
    wb.issue(Deposit(amount=10), on=ada)
    with pytest.raises(Rejected):
        wb.issue(Withdraw(amount=50), on=ada)
    bob = wb.issue(OpenAccount(owner="Bob"))
    wb.issue(Pay(amount=4, to=bob.target.identifier), on=ada)
    wb.undo()
    steps = wb.steps
    assert dtypes(steps) == STEPS
    assert (str(steps.index.dtype), steps.index.tolist()) == ("Int64", [1, 2, pd.NA, 3, 4])
    assert steps["state"].tolist() == ["committed", "pending", "refused", "pending", "undone"]
    assert steps["here"].tolist() == [False, False, False, True, False]
    assert steps["refusal"].dropna().tolist() == ["Rejected: Ada has 10 EUR, less than 50"]
    assert steps.loc[4, ["command", "events", "mutations", "items"]].tolist() == [
        "Pay", ["MoneySent", "Deposited"], 2, 2]
    assert dict(steps.loc[2, "response"]) == {"balance": 10}


def test_the_events_of_a_session(wb: Workbench) -> None:
    """Each event has its values, its command, and the policy that issued that one."""
    ada, bob = wb.issue(OpenAccount(owner="Ada")), wb.issue(OpenAccount(owner="Bob"))
    wb.issue(Deposit(amount=10), on=ada)
    wb.issue(Pay(amount=4, to=bob.target.identifier), on=ada)
    events = wb.events
    assert (dtypes(events), list(events.index)) == (EVENTS, [1, 2, 3, 4, 5])
    assert events["event"].tolist() == ["AccountOpened", "AccountOpened", "Deposited", "MoneySent", "Deposited"]
    assert events.loc[5, ["values", "command", "policy", "step"]].tolist() == [
        {"amount": 4}, "Deposit", "money_arrives", 4]


def test_the_branches_of_a_session(wb: Workbench) -> None:
    """Branches and checkpoints are frames; what an issue after an undo left behind is not named."""
    assert dtypes(wb.checkpoints) == BRANCHES
    ada = wb.issue(OpenAccount(owner="Ada"))
    wb.checkpoint("opened")
    with wb.branch("what if"):
        wb.issue(Deposit(amount=10), on=ada)
    wb.issue(Deposit(amount=1), on=ada)
    wb.undo()
    assert wb.checkpoints["here"].to_dict() == {"opened": True}
    wb.issue(Deposit(amount=2), on=ada)
    branches = wb.branches
    assert (dtypes(branches), branches.index.name) == (BRANCHES, "name")
    assert branches[["here", "named", "steps", "pending", "items"]].T.to_dict("list") == {
        "main": [True, True, 2, 2, 1], "what if": [False, True, 1, 2, 1], "main~1": [False, False, 1, 2, 1]}
    assert wb.restore("opened").name == "opened"
    assert [step.number for step in wb.redo()] == [2]


def test_what_differs_is_named(wb: Workbench) -> None:
    """A comparison calls the items as a plan does, by what they are called here."""
    ada = wb.issue(OpenAccount(owner="Ada <&>"))
    with wb.branch("what if"):
        wb.issue(Deposit(amount=1), on=ada)
    assert "~ bank:account Ada &lt;&amp;&gt; · " in wb.compare("what if")._repr_html_()


def test_what_differs_is_shown(wb: Workbench) -> None:
    """A comparison is a frame, a text, and HTML in which every text is escaped."""
    evil = "<script>alert(1)</script>"
    with wb.branch("<b>what if</b>"):
        wb.issue(OpenAccount(owner=evil))
    shown = wb.compare("<b>what if</b>")
    assert isinstance(shown, ShownComparison)
    frame = shown.frame()
    assert (dtypes(frame), frame.attrs) == (DIFFERENCES, {"left": "main", "right": "<b>what if</b>"})
    assert frame[["change", "column", "base", "left", "right"]].values.tolist() == [
        ["insert", "owner", None, None, evil], ["insert", "balance", None, None, 0]]
    html = shown._repr_html_()
    assert "<script>" not in html
    assert "<b>what" not in html
    assert "&lt;script&gt;alert(1)" in html
    bundle: dict[str, Any] = shown._repr_mimebundle_()
    assert bundle["text/plain"].startswith("1 item differs between 'main' and '<b>what if</b>'")


def test_a_merge_in_conflict_is_kept_to_look_at(wb: Workbench) -> None:
    """The conflict of a merge is in wb.conflict as a commit's is; ways decide it by item."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    with wb.branch("what if"):
        wb.issue(Deposit(amount=10), on=ada)
    wb.issue(Deposit(amount=1), on=ada)
    with pytest.raises(Exception, match="conflict on 1 item"):
        wb.merge("what if")
    told = wb.conflict[["column", "base", "mine", "theirs"]]
    assert told.values.tolist() == [["balance", 0, 1, 10]]
    plan = wb.merge("what if", ways={ada: {"balance": 11}})
    assert plan.changes[0].new["balance"] == 11
    assert wb.conflict.empty


def test_whoever_watches_is_told_after_the_verb(wb: Workbench) -> None:
    """A callback is called after each verb, on the caller's thread; when it fails the verb goes well all the same."""
    seen: list[int] = []
    unwatch = wb.watch(lambda: seen.append(len(wb.steps)))
    ada = wb.issue(OpenAccount(owner="Ada"))
    with wb.branch("what if"):
        wb.issue(Deposit(amount=10), on=ada)
    wb.undo()
    assert seen == [1, 1, 1, 2, 1, 1]
    unwatch()
    wb.redo()
    assert len(seen) == 6

    def fails() -> None:
        raise ZeroDivisionError("in a panel")

    unwatch = wb.watch(fails)
    with pytest.warns(RuntimeWarning, match="somebody who watches the workbench failed:(.|\n)*in a panel"):
        assert wb.undo()[0].number == 1
    unwatch()
