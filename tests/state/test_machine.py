"""The session in memory, driven at random against plain dicts (model.py)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.state.domains import RecordingReader, held, manage
from tests.state.model import Row, World
from workbench import Target
from workbench.errors import NotFound, NothingTo, Rejected
from workbench.examples.bank import Account, CloseAccount, Deposit, OpenAccount, Pay, Withdraw, bank
from workbench.state.step import NOT_THERE

OWNERS = st.sampled_from(["Ada", "Bob", "Eve"])
AMOUNTS = st.sampled_from([Decimal("0.50"), Decimal(1), Decimal(2), Decimal("2.00")])


class Sessions(RuleBasedStateMachine):
    """One StateManager over a MemoryReader that is committed to; every rule is done to both worlds."""

    accounts = Bundle("accounts")

    @initialize()
    def begin(self) -> None:
        self.reader = RecordingReader()
        self.manager = manage(bank, reader=self.reader)
        self.world = World()
        self.names: dict[str, Target] = {}

    @staticmethod
    def run(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(work)

    def issue(self, command: Any, on: Any, accepted: bool) -> None:
        """Issues a command that must be accepted, or refused and change nothing."""
        before = self.manager.state
        if accepted:
            assert self.run(self.manager.issue(command, on=on)).number == before.number + 1
        else:
            with pytest.raises((Rejected, NotFound)):
                self.run(self.manager.issue(command, on=on))
            assert self.manager.state is before

    # -------------------------------------------------------------------------------------------- commands

    @rule(target=accounts, owner=OWNERS)
    def open(self, owner: str) -> str:
        step = self.run(self.manager.issue(OpenAccount(owner=owner)))
        name = str(step.target.identifier)
        self.names[name] = step.target
        self.world.open(name, owner)
        return name

    @rule(name=accounts, amount=AMOUNTS)
    def deposit(self, name: str, amount: Decimal) -> None:
        self.issue(Deposit(amount=amount), name, self.world.deposit(name, amount))

    @rule(name=accounts, amount=AMOUNTS)
    def withdraw(self, name: str, amount: Decimal) -> None:
        self.issue(Withdraw(amount=amount), self.names[name], self.world.withdraw(name, amount))

    @rule(name=accounts, to=accounts, amount=AMOUNTS)
    def pay(self, name: str, to: str, amount: Decimal) -> None:
        self.issue(Pay(amount=amount, to=to), f"account/{name}", self.world.pay(name, to, amount))

    @rule(name=accounts)
    def close(self, name: str) -> None:
        self.issue(CloseAccount(), name, self.world.close(name))

    # -------------------------------------------------------------------------------------------- time

    @rule(n=st.integers(1, 3))
    def undo(self, n: int) -> None:
        if n > self.world.pending:
            with pytest.raises(NothingTo):
                self.manager.history.undo(n)
        else:
            self.manager.history.undo(n)
            self.world.undo(n)

    @rule(n=st.integers(1, 3))
    def redo(self, n: int) -> None:
        if n > self.world.undone:
            with pytest.raises(NothingTo):
                self.manager.history.redo(n)
        else:
            self.manager.history.redo(n)
            self.world.redo(n)

    @precondition(lambda self: self.world.pending)
    @rule()
    def commit(self) -> None:
        """Writes the plan into the Reader's items, as the database would, stating every etag."""
        plan = self.manager.plan()
        for change in plan.changes:
            row = self.reader.items.get(change.target)
            assert (None if row is None else row.etag) == change.etag
            if change.after is None:
                del self.reader.items[change.target]
            else:
                self.reader.items[change.target] = change.after
        for target, etag in plan.reads.items():
            row = self.reader.items.get(target)
            assert (NOT_THERE if row is None else row.etag) == etag
        held(self.manager).settle(plan)
        self.world.commit()

    # -------------------------------------------------------------------------------------------- looking

    @rule(name=accounts)
    def fetch(self, name: str) -> None:
        if name in self.world.rows:
            (item,) = self.run(self.manager.fetch(f"account/{name.upper()}"))
            assert Row(item.owner, item.balance) == self.world.rows[name]
        else:
            with pytest.raises(NotFound):
                self.run(self.manager.fetch(self.names[name]))

    @rule(owner=OWNERS)
    def find(self, owner: str) -> None:
        found = self.run(self.manager.find(Account, owner=owner))
        assert {str(item.identifier) for item in found} == self.world.find(owner)
        assert [item._created for item in found] == sorted(item._created for item in found)

    @rule()
    def forget(self) -> None:
        """A cache that is empty changes nothing but the number of queries."""
        self.manager.cache.items.clear()

    @invariant()
    def the_plan_is_the_difference(self) -> None:
        if hasattr(self, "world"):
            plan = self.manager.plan()
            assert {str(change.target.identifier): change.kind for change in plan.changes} == self.world.changes()
            assert len(self.manager.state.pending()) == self.world.pending
            assert {str(target.identifier): Row(item.owner, item.balance)
                    for target, item in self.reader.items.items()} == self.world.stored

    @invariant()
    def the_items_are_what_is_pending(self) -> None:
        if hasattr(self, "world"):
            shown = {str(target.identifier): (status, Row(item.owner, item.balance))
                     for status, target, item in self.manager.items("account")}
            for name, kind in self.world.changes().items():
                status = {"insert": "new", "update": "changed", "delete": "deleted"}[kind]
                assert shown[name] == (status, (self.world.stored if kind == "delete" else self.world.rows)[name])


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
