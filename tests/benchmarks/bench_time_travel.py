"""Undo, branch, switch and checkpoint, in a session of 10,000 steps and 100 branches, by its number of cached items.

Each is told beside itself over few items: it should take the same. A branch is told, too, beside the naive way, which
copies what it must be able to come back to. What a deed takes of memory is measured apart from its time.
"""

from __future__ import annotations

import asyncio
import copy
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from time import perf_counter
from typing import Any
from uuid import UUID

from table import Peer, Table

from workbench import Target
from workbench.domain.registry import Registry
from workbench.examples.bank import Account, Deposit, bank
from workbench.state.history.history import History
from workbench.state.manager import StateManager
from workbench.state.reader import MemoryReader

STEPS, BRANCHES, TIMES = 10_000, 100, 300


@dataclass(frozen=True)
class Deed:
    """Something done to a history, and what takes it back."""

    name: str
    do: Callable[[History], object]
    back: Callable[[History], object]

    def seconds(self, history: History) -> float:
        """Seconds that it takes, of many; taking it back is not counted."""
        taken = 0.0
        for _ in range(TIMES):
            begun = perf_counter()
            self.do(history)
            taken += perf_counter() - begun
            self.back(history)
        return taken / TIMES

    def memory(self, history: History) -> int:
        """Bytes that are in use after it and were not before."""
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        self.do(history)
        used = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        self.back(history)
        return max(0, used)


DEEDS = [
    Deed("undo", lambda history: history.undo(1), lambda history: history.redo(1)),
    Deed("branch", lambda history: history.branch("new"), lambda history: history.drop("new")),
    Deed("switch", lambda history: history.switch("branch 7"), lambda history: history.switch("main")),
    Deed("checkpoint", lambda history: history.checkpoint("now"), lambda history: None),
]


async def session(items: int) -> StateManager:
    """A session with some cached items and pending steps, spread over the items."""
    manager = StateManager(Registry([bank]), MemoryReader())
    targets = [Target("bank", "account", UUID(int=number)) for number in range(1, items + 1)]
    for target in targets:
        manager.cache.keep(target, Account(_id=target.identifier, owner="Ada", balance=Decimal(1), _etag="e"))
    for number in range(STEPS):
        await manager.issue(Deposit(amount=1), on=targets[number % items])
    for number in range(BRANCHES):
        manager.history.branch(f"branch {number}")
    return manager


def values(manager: StateManager) -> dict[Target, dict[str, Any]]:
    """The present values of all items, as the naive way would keep them."""
    present = dict(manager.cache.items) | {target: entry.current for target, entry in manager.state.changed.items()}
    return {target: dict(item.serialize()) for target, item in present.items() if item}


async def main() -> None:
    table = Table("time travel")
    sizes = table.sizes(1_000, 100_000)
    sessions = [(items, await session(items)) for items in sizes]
    few, first = sessions[0]
    for items, manager in sessions:
        for deed in DEEDS:
            others = []
            if items != few:
                others.append(Peer(f"{few:,} items", partial(deed.seconds, first.history), goal="<= 1.5"))
            if deed.name == "branch":
                others.append(Peer("a deep copy of all items", copy.deepcopy, partial(values, manager)))
            what = f"{deed.name}, {items:,} items"
            await table.race(what, Peer("workbench", partial(deed.seconds, manager.history)), *others)
            table.report(f"  {deed.name}: new memory", deed.memory(manager.history), unit="B")
    table.close()


if __name__ == "__main__":
    asyncio.run(main())
