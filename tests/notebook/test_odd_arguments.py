"""Odd arguments: what cannot be compared or shown, handed to a verb, is refused in words, as any other wrong thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from workbench import Workbench
from workbench.errors import Invalid, NothingTo, UnknownName, WorkbenchError
from workbench.examples.bank import Deposit, OpenAccount


class Odd:
    """Cannot be compared, hashed or shown."""

    __hash__ = None     # type: ignore[assignment]  # that is the point

    def __eq__(self, other: object) -> bool:
        raise ValueError("it cannot be compared")

    def __repr__(self) -> str:
        raise ValueError("it cannot be shown")


VERBS: dict[str, tuple[Callable[[Workbench, Any], Any], type[WorkbenchError], str]] = {
    "goto": (lambda wb, odd: wb.goto(odd), NothingTo, "there is no step {} on 'main'; pending or undone are: 1 to 1"),
    "items": (lambda wb, odd: wb.items(odd), UnknownName, 'there is no resource "{}"; there is: bank:account'),
    "why": (lambda wb, odd: wb.plan().why(odd), UnknownName, 'there is no change of "{}" in this plan; there is: '),
    "issue": (lambda wb, odd: wb.issue(Deposit(amount=1), on=odd), Invalid, "{} names no item; say an item, "),
    "issue_many": (lambda wb, odd: wb.issue_many([odd]), Invalid, "number 0: issue_many was refused: 1 problem\n  {}"),
    "commit": (lambda wb, odd: wb.commit(only=[odd]), Invalid, "{} names no item; say an item, "),
    "plan": (lambda wb, odd: wb.commit(odd), Invalid, (
        "plan: {} is no plan; commit() takes no message, it writes all that is pending, and commit(plan) what plan() "
        "gave; a saved plan is written by apply(…)")),
    "switch": (lambda wb, odd: wb.switch(odd), UnknownName, 'there is no branch "{}"; there is: main'),
    "compare": (lambda wb, odd: wb.compare(odd), UnknownName, 'there is no branch or checkpoint "{}"; there is: main'),
    "revert": (lambda wb, odd: wb.revert(odd), Invalid, "{} is no commit of this session, which made 0 commits")}


@pytest.mark.parametrize(("odd", "told"), [
    (Odd(), "<Odd that cannot be shown>"), (np.array([1, 2]), "array([1, 2])")], ids=["odd", "array"])
def test_what_cannot_be_compared_or_shown(wb_repeating: Workbench, odd: Any, told: str) -> None:
    """The error is ours and names what was given as far as that can be shown; nothing is done."""
    wb = wb_repeating
    wb.issue(OpenAccount(owner="Ada"))
    state = wb.session.manager.state
    for verb, (call, kind, words) in VERBS.items():
        with pytest.raises(WorkbenchError) as refused:
            call(wb, odd)
        assert isinstance(refused.value, kind), verb
        assert words.format(told) in str(refused.value)
        assert wb.session.manager.state is state, verb


def test_a_number_of_numpy_is_a_number(wb_repeating: Workbench) -> None:
    """A step's number out of a frame is one, whole or not; a bool is none."""
    wb = wb_repeating
    step = wb.issue(OpenAccount(owner="Ada"))
    assert wb.goto(np.int64(0)) is None
    assert wb.goto(np.float64(1)) is step
    for none in (False, np.bool_(False)):
        with pytest.raises(NothingTo, match="there is no step"):
            wb.goto(none)   # type: ignore[arg-type]  # that is the point
