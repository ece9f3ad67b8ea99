"""Under ``python -O``, where asserts are gone, everything that must be refused or found still is."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import asyncpg

from tests.editing import Note, at, desk, edit
from workbench import Insert, Session

UNDER_O = """
import asyncio
from uuid import UUID
from workbench import Target
from workbench.domain.registry import Registry
from workbench.errors import *
from workbench.examples.bank import Account, Deposit, OpenAccount, bank
from workbench.state.held import Held
from workbench.state.manager import StateManager
from workbench.state.reader import MemoryReader

try:
    assert False
except AssertionError:
    raise SystemExit("asserts are on")

async def refused(error, work):
    try:
        await work
    except error as raised:
        return str(raised).splitlines()[0]
    raise SystemExit(f"nothing refused: {error.__name__}")

async def call(function, *arguments):
    return function(*arguments)

async def main():
    manager = StateManager(Registry([bank]), MemoryReader())
    opened = await manager.issue(OpenAccount(owner="Ada"))
    stale = manager.plan()
    print(await refused(Invalid, call(lambda: Deposit(amount=-1))))
    print(await refused(Invalid, call(lambda: Account(_id=1, owner=""))))
    print(await refused(NotFound, manager.issue(Deposit(amount=1), on=UUID(int=1))))
    print(await refused(Invalid, manager.issue(opened)))
    print(await refused(NothingTo, call(manager.history.undo, 2)))
    print(await refused(NothingTo, call(manager.history.redo)))
    await manager.issue(Deposit(amount=1), on=opened)
    print(await refused(WorkbenchError, call(Held(manager, manager.here).settle, stale)))

asyncio.run(main())
"""


def test_no_check_is_an_assert() -> None:
    """Under ``python -O``, where asserts are gone, everything that must be refused still is."""
    command = [sys.executable, "-O", "-c", UNDER_O]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Deposit was refused: 1 problem", "Account was refused: 2 problems",
        f"bank:account/{UUID(int=1)} was not found: it is neither pending here nor in the database",
        "issue was refused: 1 problem", "there is 1 step to undo, not 2",
        "there is nothing to redo; no step was undone since",
        "the plan is stale: nothing was written. Make it again with plan(); since it was made"]


async def test_conflicts_are_found_under_optimize(dsn: str, admin: asyncpg.Connection) -> None:
    """With python -O, where asserts are gone, a conflict is one all the same."""
    async with Session(desk(Note), dsn=dsn) as session:
        await edit(session, Insert(at(Note, "a")))
        await session.commit()
    script = """
import asyncio, os
from tests.editing import Note, at, desk, edit
from workbench import Conflict, Session, Update

async def main():
    async with Session(desk(Note)) as one, Session(desk(Note)) as two:
        await edit(one, Update(at(Note, "a"), text="one"))
        await edit(two, Update(at(Note, "a"), text="two"))
        await one.commit()
        try:
            await two.commit()
        except Conflict as conflict:
            print(__debug__, conflict.items[0].kind)

asyncio.run(main())
"""
    root = Path(__file__).parent.parent
    environment = {**os.environ, "WORKBENCH_DSN": dsn, "PYTHONPATH": str(root)}
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-O", "-c", script], env=environment, capture_output=True, text=True,
        timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("False update-update\n", "")
    assert await admin.fetch("SELECT _id, text FROM desk_note") == [("a", "one")]
