"""Issuing: one deposit of the bank on a cached item, with so many pending steps before it; it should stay as it is.

Each run issues ``ISSUES`` deposits on the same account and gives the seconds of one. The other figures are told beside
that of one pending step: a session must not become slower by what is pending in it.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from time import perf_counter

from table import Peer, Table

from workbench.domain.registry import Registry
from workbench.domain.resource import Target
from workbench.examples.bank import Account, Deposit, OpenAccount, bank
from workbench.state.manager import StateManager
from workbench.state.reader import MemoryReader

ISSUES = 1000


async def opened(pending: int) -> tuple[StateManager, Target]:
    """A session in memory with one account in its cache and so many pending steps."""
    maker = StateManager(Registry([bank]), MemoryReader())
    target = (await maker.issue(OpenAccount(owner="Ada"), on=Account)).target
    manager = StateManager(Registry([bank]), MemoryReader())
    [account] = await maker.fetch(target)
    manager.cache.keep(target, account)
    for _ in range(pending):
        await manager.issue(Deposit(amount=Decimal(1)), on=target)
    return manager, target


async def deposits(manager: StateManager, target: Target) -> float:
    """Seconds that one deposit takes, of many; what they left pending is taken back."""
    begun = perf_counter()
    for _ in range(ISSUES):
        await manager.issue(Deposit(amount=Decimal(1)), on=target)
    taken = (perf_counter() - begun) / ISSUES
    manager.undo(ISSUES)
    return taken


async def main() -> None:
    table = Table("issue")
    first, *longer = [await opened(pending) for pending in (1, *table.sizes(1_000, 100_000))]
    one = Peer("1 pending", lambda: deposits(*first))
    await table.race("a deposit, 1 pending step", one)
    for session in longer:
        pending = len(session[0].state.pending())
        await table.race(f"a deposit, {pending:,} pending steps",
                         Peer("workbench", lambda s=session: deposits(*s)),
                         Peer(one.name, one.run, goal="<= 1.1"))
    table.close()


if __name__ == "__main__":
    asyncio.run(main())
