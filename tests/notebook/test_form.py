"""Forms: filled in wrongly and rightly, issued by button and by Enter, two at once, and after close."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from workbench import Workbench
from workbench.errors import UnknownName
from workbench.examples.bank import Deposit, OpenAccount, bank
from workbench.notebook.form import Form


@pytest.fixture
def wb(dsn: str) -> Iterator[Workbench]:
    with Workbench(bank, dsn=dsn) as opened:
        yield opened


def form(wb: Workbench, command: Any, **more: Any) -> Form:
    """A form on that workbench."""
    return Form(wb.issue, wb.session.registry, command, **more)


def test_wrong_then_right(wb: Workbench) -> None:
    """A wrong value is told beneath its field and issues nothing; a right one is issued, shown, and had as code."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    filled = form(wb, "bank:deposit", on=ada)
    filled.controls["amount"].input.value = "<script>"
    filled.button.click()
    assert len(wb.session.steps) == 1
    assert "<script>" not in filled.controls["amount"].told.value
    filled.controls["amount"].input.value = "10.50"
    filled.button.click()
    assert filled.last_error is None
    assert str(wb.fetch(ada.target).balance) == "10.50"
    assert "bank:deposit" in filled.outcome.value
    exec(unescape(filled.code.value.partition("<pre>")[2].removesuffix("</pre>")), {"wb": wb})
    assert str(wb.fetch(ada.target).balance) == "21.00"


def test_enter_issues(wb: Workbench) -> None:
    """Enter in a line of text issues, without the deprecated callback."""
    filled = form(wb, OpenAccount, owner="Ada")
    filled.controls["owner"].input._handle_custom_msg({"event": "submit"}, [])
    assert [step.number for step in wb.session.steps] == [1]


def test_two_are_live_at_once_and_a_closed_workbench_says_so(wb: Workbench) -> None:
    """Two forms keep to themselves; after close the outcome says so, and the error is kept."""
    one, two = form(wb, OpenAccount, owner="Ada"), form(wb, OpenAccount, owner="Bob")
    one.button.click()
    two.button.click()
    assert (len(wb.session.steps), one.controls["owner"].value) == (2, "Ada")
    wb.close()
    one.button.click()
    assert "this workbench is closed" in str(one.last_error)
    assert "this workbench is closed" in one.outcome.value


def test_names_that_are_not_there(wb: Workbench) -> None:
    """A field or a command that is not there is refused with the nearest one."""
    with pytest.raises(UnknownName, match="amount"):
        form(wb, Deposit, amout=1)
    with pytest.raises(UnknownName, match="deposit"):
        form(wb, "bank:depsit")
