"""Undo, branch, switch and checkpoint in a session of 10,000 steps and 100 branches over 100,000 cached items, beside
the naive way, which copies what it must be able to come back to.

For each the median time and the new memory are printed with 1,000 and with 100,000 cached items: they are the same.
"""

from __future__ import annotations

import asyncio
import copy
import statistics
import sys
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from time import perf_counter
from uuid import UUID

from workbench import Target
from workbench.domain.registry import Registry
from workbench.examples.bank import Account, Deposit, bank
from workbench.state.manager import StateManager
from workbench.state.reader import MemoryReader

STEPS, BRANCHES, RUNS = 10_000, 100, 300


async def session(items: int, steps: int) -> StateManager:
    """A session with some cached items and pending steps, spread over the items."""
    manager = StateManager(Registry([bank]), MemoryReader())
    targets = [Target("bank", "account", UUID(int=number)) for number in range(1, items + 1)]
    for target in targets:
        manager.cache.keep(target, Account(_id=target.identifier, owner="Ada", balance=Decimal(1), _etag="e"))
    for number in range(steps):
        await manager.issue(Deposit(amount=1), on=targets[number % items])
    for number in range(BRANCHES):
        manager.history.branch(f"branch {number}")
    return manager


def measured(deed: Callable[[], object], back: Callable[[], object], runs: int = RUNS) -> tuple[float, float]:
    """Median microseconds, and bytes of new memory, of a deed that is taken back each time; the memory is its own."""
    times = []
    for _ in range(runs):
        begun = perf_counter()
        deed()
        times.append(perf_counter() - begun)
        back()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    deed()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    back()
    return statistics.median(times) * 1e6, used


async def main() -> None:
    """Prints the table."""
    sizes = [int(size) for size in sys.argv[1:] if size.isdigit()] or [1_000, 100_000]
    print(f"{STEPS:,} steps, {BRANCHES} branches; microseconds and bytes of new memory, by cached items")
    rows: dict[str, list[str]] = {}
    for items in sizes:
        manager = await session(items, STEPS)
        history = manager.history
        deeds: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "undo": (lambda h=history: h.undo(1), lambda h=history: h.redo(1)),             # type: ignore[misc]
            "branch": (lambda h=history: h.branch("new"), lambda h=history: h.drop("new")),     # type: ignore[misc]
            "switch": (lambda h=history: h.switch("branch 7"), lambda h=history: h.switch("main")),  # type: ignore[misc]
            "checkpoint": (lambda h=history: h.checkpoint("now"), lambda: None),      # type: ignore[misc]
        }
        for name, (deed, back) in deeds.items():
            micros, used = measured(deed, back)
            rows.setdefault(name, []).append(f"{micros:9.1f} us {used:12,.0f} B")
        present = dict(manager.cache.items) | {target: entry.current for target, entry in manager.state.changed.items()}
        plain = {target: dict(item.serialize()) for target, item in present.items() if item}
        copies: list[object] = []
        micros, used = measured(lambda plain=plain, to=copies: to.append(copy.deepcopy(plain)),    # type: ignore[misc]
                                copies.clear, runs=3)
        rows.setdefault("naive deep copy", []).append(f"{micros:9,.1f} us {used:12,.0f} B")
    print(f"{'':18}" + "".join(f"{size:>24,} " for size in sizes))
    for name, cells in rows.items():
        print(f"{name:18}" + "".join(f"{cell:>25}" for cell in cells))


if __name__ == "__main__":
    asyncio.run(main())
