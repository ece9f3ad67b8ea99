"""Many commands from a cell: a DataFrame goes in, and what was refused comes out counted by cause."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench import Rejected, Workbench
from workbench.examples.bank import Deposit, OpenAccount, Withdraw


@pytest.fixture
def wb(wb_repeating: Workbench) -> Workbench:
    return wb_repeating


def test_a_frame_of_commands(wb: Workbench) -> None:
    """Each row is a command, its columns are fields and what it is on; all are issued, and committed together."""
    opened = wb.issue_many([OpenAccount(owner=name) for name in ("Ada", "Bob")])
    accounts = [step.target.identifier for step in opened.steps]
    frame = pd.DataFrame({"on": accounts * 50, "amount": range(1, 101)})
    done = wb.issue_many(frame, of=Deposit)
    assert repr(done) == "100 of 100 commands issued"
    assert (len(done.frame()), len(done.causes())) == (0, 0)
    assert wb.items("account")["balance"].tolist() == [2500, 2550]
    wb.commit()
    assert len(wb.session.steps) == 102


def test_what_was_refused(wb: Workbench) -> None:
    """Without stop the rest goes on, and refusals are a frame, a count by cause, and HTML that escapes; with it nothing
    is done."""
    account = wb.issue(OpenAccount(owner="<script>")).target
    many = [Deposit(amount=10), Withdraw(amount=50), Withdraw(amount=60), Withdraw(amount=4)]
    with pytest.raises(Rejected, match="less than 50"):
        wb.issue_many(many, on=account)
    assert len(wb.session.steps) == 1
    done = wb.issue_many(many, on=account, stop=False)
    assert done.frame()["error"].to_dict() == {1: "Rejected", 2: "Rejected"}
    assert done.causes()[["times", "command", "place"]].values.tolist() == [[2, "Withdraw", 1]]
    bundle = done._repr_mimebundle_()
    assert bundle["text/plain"].startswith("2 of 4 commands issued, 2 refused\n  2 x Withdraw: Rejected; first number")
    assert "&lt;script&gt; has 10 EUR" in bundle["text/html"]
    assert wb.steps["state"].tolist().count("refused") == 3
