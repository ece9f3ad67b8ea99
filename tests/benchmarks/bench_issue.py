"""Issuing: one deposit of the bank on a cached item, beside the same in other packages, and with more and more pending.

Each run issues many deposits on the same account and gives the processor's seconds for one: nothing here waits, and so
a busy machine tells the same. Each other package has an interpreter of its own, which stays for all turns:
deposits_elsewhere.py; where one checks nothing that it is given, its name says so. Sessions with many pending steps are
told beside one with one: they must not become slower by them.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from time import process_time
from typing import IO, Any, cast

from table import NotInstalled, Peer, Table, installed

from workbench.domain.entity import Answer
from workbench.domain.registry import Registry
from workbench.domain.resource import Target
from workbench.examples.bank import Account, Deposit, Deposited, OpenAccount, bank, deposit, deposited
from workbench.state.manager import StateManager
from workbench.state.reader import MemoryReader
from workbench.state.state import Entry
from workbench.state.step import Handling, Occurrence, Step

ISSUES = 500


@dataclass(frozen=True)
class Package:
    """A package whose deposit is timed beside ours: what installs it, our goal against it, and how many make a run."""

    name: str
    requirement: str
    goal: str
    issues: int = ISSUES


PACKAGES = [
    Package("python-cqrs", "python-cqrs[pydantic]==5.3.0", ">= 3.5"),
    Package("python-cqrs[pydantic]", "python-cqrs[pydantic]==5.3.0", ">= 3.5"),
    Package("lato", "lato==0.13.0", ">= 1"),
    Package("eventsourcing", "eventsourcing==9.5.6", ">= 1"),
    Package("protean", "protean==0.18.0", ">= 1", issues=20),       # each costs by those before it
    Package("diator", "diator==0.1.2", ""),                         # for scale
]


class Elsewhere:
    """A package at work in an interpreter of its own; raises RuntimeError with the peer's last words when it ends."""

    def __init__(self, python: Path, package: Package) -> None:
        self.package = package
        script = Path(__file__).with_name("deposits_elsewhere.py")
        self.process = subprocess.Popen([python, script, package.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        about: dict[str, Any] = self._told()
        self.name = f"{package.name} {about['version']}{'' if about['refuses'] else ' (no checks)'}"

    def deposits(self) -> float:
        """Seconds of its processor that one deposit takes there, in a new bank."""
        asked = cast(IO[str], self.process.stdin)
        asked.write(f"{self.package.issues}\n")
        asked.flush()
        return float(self._told())

    def _told(self) -> Any:
        line = cast(IO[str], self.process.stdout).readline()
        if not line:
            words = self.process.communicate()[1].strip().splitlines()
            raise RuntimeError(words[-1] if words else f"it ended with {self.process.returncode}")
        return json.loads(line)

    def close(self) -> None:
        self.process.communicate()


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
    """Seconds of the processor that one deposit takes, of many; what they left pending is taken back."""
    begun = process_time()
    for _ in range(ISSUES):
        await manager.issue(Deposit(amount=Decimal(1)), on=target)
    taken = (process_time() - begun) / ISSUES
    manager.history.undo(ISSUES)
    return taken


class Bare:
    """What a handler has at the least: its target, the item, an answer."""

    __slots__ = ("item", "target")

    def __init__(self, target: Target, item: Account) -> None:
        self.target, self.item = target, item

    async def fetch(self, _: Any) -> Account:
        return self.item

    def respond(self, **values: Any) -> Answer:
        return cast(Answer, Answer(values=values))


async def bare(manager: StateManager, target: Target) -> float:
    """The same of deposits by hand: the same handlers run, and all that a step keeps is made, but nothing is looked
    up and nothing checked that the records do not check themselves. No library that keeps as much can be faster."""
    begun = process_time()
    for _ in range(ISSUES):
        command = Deposit(amount=Decimal(1)).on(target)
        state, now = manager.state, manager.clock()
        entry = state.changed.get(target)
        changed, handling = state.changed, Handling(command, "bank", "deposit", target)
        async for result in deposit(command, cast(Any, Bare(target, entry.current))):
            if not isinstance(result, Deposited):
                handling.results.append(result)
                continue
            event = result.on(target)
            occurrence = Occurrence(event)
            handling.results.append(occurrence)
            async for wish in deposited(event, cast(Any, Bare(target, entry.current))):
                after = entry.current.set(_updated=now, _etag=manager.new_etag(), **wish.values)
                occurrence.mutations.append(wish.moved(target))
                changed = changed.insert(target, Entry(
                    entry.origin, after, occurrence.mutations[-1], event, state.number + 1, state.applied, entry))
        step = Step(state.number + 1, handling, None, None, now, None, {}, (target,), output=result.values)
        manager.history.move(state.after(changed, step, state.applied + 1))
    taken = (process_time() - begun) / ISSUES
    manager.history.undo(ISSUES)
    return taken


async def beside_others(table: Table) -> None:
    """Our deposit beside that of each package that can be installed and works."""
    what = "a deposit on a cached item"
    there: list[Elsewhere] = []
    for package in PACKAGES:
        try:
            there.append(Elsewhere(installed(package.requirement), package))
        except (NotInstalled, RuntimeError) as error:
            table.skip(what, package.name, str(error))
    try:
        ours = await opened(1)
        await table.race(what, Peer("workbench", lambda: deposits(*ours)),
                         Peer("all that is kept of it, made by hand", lambda: bare(*ours)),
                         *(Peer(one.name, one.deposits, goal=one.package.goal) for one in there), runs=31)
    finally:
        for one in there:
            one.close()


async def beside_itself(table: Table) -> None:
    """A deposit with many pending steps beside one with one."""
    first, *longer = [await opened(pending) for pending in (1, *table.sizes(1_000, 100_000))]
    for session in longer:
        pending = len(session[0].state.pending())
        await table.race(f"a deposit, {pending:,} pending steps",
                         Peer("workbench", lambda s=session: deposits(*s)),
                         Peer("1 pending step", lambda: deposits(*first), goal="<= 1.1"), runs=15)


async def main() -> None:
    table = Table("issue")
    await beside_others(table)
    await beside_itself(table)
    table.close()


if __name__ == "__main__":
    asyncio.run(main())
