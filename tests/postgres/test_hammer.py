"""Eight sessions hammer the same fifty accounts: whatever is reported as committed is what the accounts hold."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from decimal import Decimal
from uuid import UUID

import asyncpg

from workbench import Conflict, Rejected, Session
from workbench.examples.bank import Account, Deposit, OpenAccount, Pay, bank
from workbench.postgres.writing.commit import Commit

SESSIONS, ACCOUNTS, COMMITS, START = 8, 50, 1000, Decimal(30)


class Hammer:
    """What all sessions have in common: the ``balances`` as the reported commits make them, and what was ``seen``."""

    def __init__(self) -> None:
        self.accounts = [UUID(int=number) for number in range(1, ACCOUNTS + 1)]
        self.balances = dict.fromkeys(self.accounts, START)
        self.seen: Counter[str] = Counter()

    def booked(self, done: Commit) -> None:
        self.seen["commits"] += 1
        self.seen["tried again"] += done.attempts - 1
        for step in done.plan.steps:
            assert isinstance(step.command, Pay)
            self.balances[step.target.identifier] -= step.command.amount        # type: ignore[index]
            self.balances[step.command.to] += step.command.amount

    async def play(self, session: Session, dice: random.Random) -> None:
        """Transfers between random accounts, some in one commit, until there were enough commits of all."""
        while self.seen["commits"] < COMMITS:
            for _ in range(dice.choice((1, 1, 1, 2))):
                payer, payee = dice.sample(self.accounts, 2)
                try:
                    await session.issue(Pay(amount=Decimal(dice.randint(1, 40)), to=payee),
                                        on=f"account/{payer}")
                except Rejected:
                    self.seen["refused"] += 1
            while session.plan().changes:
                try:
                    self.booked(await session.commit(wait=60))
                except Conflict as conflict:
                    self.seen["conflicts"] += 1
                    assert {clash.kind for clash in conflict.items} <= {"update-update", "read-update"}
                    if dice.random() < 0.5:
                        self.seen["refused"] += len((await session.rebase()).refused)
                    else:
                        session.undo(len(session.manager.state.pending()))
                        await session.refresh(Account)


async def test_transfers(dsn: str) -> None:
    """In a thousand commits of random transfers every conflict is reported and got over, no deadlock escapes, and
    the balances are, to the cent, what the reported commits add up to; none is below zero."""
    hammer = Hammer()
    sessions = [await Session(bank, dsn=dsn) for _ in range(SESSIONS)]
    try:
        for account in hammer.accounts:
            await sessions[0].issue(OpenAccount(owner="x"), on=f"account/{account}")
            await sessions[0].issue(Deposit(amount=START), on=f"account/{account}")
        await sessions[0].commit()
        started = asyncio.get_running_loop().time()
        await asyncio.gather(*(hammer.play(session, random.Random(number)) for number, session in enumerate(sessions)))
        taken = asyncio.get_running_loop().time() - started
    finally:
        for session in sessions:
            await session.close()
    sys.stdout.write(f"\n{dict(hammer.seen)} in {taken:.1f} s: {hammer.seen['commits'] / taken:.0f} commits a second\n")
    admin = await asyncpg.connect(dsn)
    try:
        stored = dict(map(tuple, await admin.fetch("SELECT _id, balance FROM bank_account")))
    finally:
        await admin.close()
    assert stored == hammer.balances
    assert sum(stored.values()) == ACCOUNTS * START
    assert min(stored.values()) >= 0
    assert hammer.seen["conflicts"] > 0
    assert hammer.seen["commits"] >= COMMITS
