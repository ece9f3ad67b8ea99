"""A bank with one account, as the tests of branches have it: what is on it, what was written, what was refused."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.state.domains import held, manage
from workbench import Target
from workbench.examples.bank import Deposit, OpenAccount, bank
from workbench.state.manager import StateManager


async def opened(*amounts: int) -> tuple[StateManager, Target]:
    """A bank with one new account and some deposits on it."""
    manager = manage(bank)
    step = await manager.issue(OpenAccount(owner="Ada"), on="account")
    for amount in amounts:
        await manager.issue(Deposit(amount=amount), on=step.target)
    return manager, step.target


async def balance(manager: StateManager, target: Target) -> Decimal:
    """What is on an account, on the present branch."""
    return (await manager.fetch(target))[0].balance


def committed(manager: StateManager) -> dict[Target, Any]:
    """Takes what is pending as committed; returns what was written."""
    plan = manager.plan()
    held(manager).settle(plan)
    return {change.target: change.after for change in plan.changes}


def refusal(kind: type[Exception], verb: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    """The words of what a verb raises."""
    with pytest.raises(kind) as refused:
        verb(*arguments, **named)
    return str(refused.value)
