"""The StateManager's world once more, as plain dicts: what the state machines compare it with.

A `World` has the stored rows, the pending ones over them and a pile for undo and for redo. It knows no etags, stamps or
caches: only which items there are and what is in them. It serves machines over memory and over a real Postgres alike.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple


class Row(NamedTuple):
    """An account of the bank, without its stamps."""

    owner: str
    balance: Decimal


Rows = dict[str, Row]       # by the name that the machine gave the account


class World:
    """A bank as it must be: ``rows`` as the session sees them, ``stored`` as the database has them."""

    def __init__(self) -> None:
        self.stored: Rows = {}
        self.rows: Rows = {}
        self._before: list[Rows] = []
        self._after: list[Rows] = []

    # -------------------------------------------------------------------------------------------- commands

    def open(self, name: str, owner: str) -> None:
        self._step({**self.rows, name: Row(owner, Decimal(0))})

    def deposit(self, name: str, amount: Decimal) -> bool:
        """Whether it was accepted."""
        return self._add({name: amount})

    def withdraw(self, name: str, amount: Decimal) -> bool:
        return self._add({name: -amount})

    def pay(self, name: str, to: str, amount: Decimal) -> bool:
        return name != to and self._add({name: -amount, to: amount})

    def close(self, name: str) -> bool:
        if name not in self.rows or self.rows[name].balance:
            return False
        self._step({key: row for key, row in self.rows.items() if key != name})
        return True

    def _add(self, amounts: dict[str, Decimal]) -> bool:
        if any(name not in self.rows or self.rows[name].balance + amount < 0 for name, amount in amounts.items()):
            return False
        self._step({**self.rows, **{name: self.rows[name]._replace(balance=self.rows[name].balance + amount)
                                    for name, amount in amounts.items()}})
        return True

    def _step(self, rows: Rows) -> None:
        self._before.append(self.rows)
        self.rows = rows
        self._after = []

    # -------------------------------------------------------------------------------------------- time

    @property
    def pending(self) -> int:
        """How many steps can be undone."""
        return len(self._before)

    @property
    def undone(self) -> int:
        """How many steps can be redone."""
        return len(self._after)

    def undo(self, n: int) -> None:
        for _ in range(n):
            self._after.append(self.rows)
            self.rows = self._before.pop()

    def redo(self, n: int) -> None:
        for _ in range(n):
            self._before.append(self.rows)
            self.rows = self._after.pop()

    def commit(self) -> None:
        self.stored, self._before, self._after = self.rows, [], []

    # -------------------------------------------------------------------------------------------- looking

    def changes(self) -> dict[str, str]:
        """Which accounts a commit would insert, update or delete."""
        found = {name: "insert" for name in self.rows if name not in self.stored}
        found |= {name: "delete" for name in self.stored if name not in self.rows}
        return found | {name: "update" for name, row in self.rows.items()
                        if name in self.stored and self.stored[name] != row}

    def find(self, owner: str) -> set[str]:
        return {name for name, row in self.rows.items() if row.owner == owner}
