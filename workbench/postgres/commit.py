"""Commit: writes a Plan, all of it or nothing, and says what came of it.

Each attempt is one transaction (attempt.py). Attempts that failed because another transaction was in the way (a lock, a
deadlock, a serialization failure) are made again until ``wait`` is over. An attempt that found rows moved ends in a
``Conflict``, with base, mine and theirs of every such item; one whose connection broke during COMMIT ends in what the
server says came of it.
"""

from __future__ import annotations

import asyncio
import random
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from workbench.domain.registry import Kindred
from workbench.domain.resource import Resource, Target
from workbench.errors import Busy, CannotOrder, Conflict, ConnectionLost, ConstraintViolated
from workbench.postgres.attempt import Attempt, Stale, outcome
from workbench.postgres.engine import Engine, translate
from workbench.postgres.query import PostgresReader, uncollected
from workbench.postgres.statements import Statement, compiled
from workbench.state.change import Change
from workbench.state.clash import Clash, clash_of
from workbench.state.plan import Plan

WAIT = 10.0         # seconds that a commit tries to get past other transactions
_IN_THE_WAY = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError)


class Commit(NamedTuple):
    """What was written: the ``plan``, by how many ``statements``, when it was done (aware, UTC), by which ``user``, and
    after how many ``attempts``."""

    plan: Plan
    statements: int
    at: datetime
    user: str | None = None
    attempts: int = 1

    def __repr__(self) -> str:
        counts = self.plan.counts
        again = f", at attempt {self.attempts}" if self.attempts > 1 else ""
        return (f"committed: {counts['insert']} added, {counts['update']} changed, {counts['delete']} deleted "
                f"by {self.statements} statement{'' if self.statements == 1 else 's'}{again}")


async def commit(
    engine: Engine, reader: PostgresReader, plan: Plan, *, verify_reads: bool = True, serializable: bool = False,
    wait: float = WAIT,
) -> tuple[int, int]:
    """Writes the plan in one transaction; returns the numbers of its statements and of the attempts it took.

    Raises Conflict, ConstraintViolated, CannotOrder, Busy, ConnectionLost (which says whether it was committed) or
    DatabaseError; whatever is raised, nothing is written unless ConnectionLost says so."""
    if plan.order.tangles:
        raise CannotOrder(plan.order.tangles)
    with uncollected(len(plan)):
        statements = compiled(plan)
    clock = asyncio.get_running_loop().time
    end, attempts = clock() + wait, 0
    while True:
        attempts += 1
        attempt = Attempt(reader, plan, statements, verify_reads=verify_reads, serializable=serializable,
                          lock_timeout=max(0.001, end - clock()))
        try:
            await _once(engine, reader, plan, attempt)
            return len(statements), attempts
        except _IN_THE_WAY as error:
            pause = min(0.5, 0.01 * 2**attempts) * random.uniform(0.5, 1.5)
            if clock() + pause >= end:
                raise Busy(_why(error), wait, attempts) from error
            await asyncio.sleep(pause)


async def _once(engine: Engine, reader: PostgresReader, plan: Plan, attempt: Attempt) -> None:
    """One attempt, its failures in our words; those that another attempt may mend come out as they are."""
    try:
        async with engine.acquire() as connection:
            await attempt.run(connection)
    except Stale:
        pass
    except asyncio.CancelledError:
        if not attempt.done:        # else it came while the connection was given back, and the rows are there
            raise
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        if attempt.done or (isinstance(error, _IN_THE_WAY) and not attempt.moved):
            if attempt.done:
                return
            raise
        failure = translate(error, doing="committing")
        if isinstance(failure, ConnectionLost) and attempt.number is not None:
            failure = ConnectionLost("committing", committed=await outcome(engine, attempt.number))
            if failure.committed:
                return
        if isinstance(failure, ConstraintViolated) and attempt.running is not None:
            failure = await _blamed(engine, reader, failure, attempt.running, attempt.moved)
        if not attempt.moved:
            raise failure from error
    if attempt.moved:
        async with engine.acquire(doing="reading what moved") as connection:
            raise Conflict(await _clashes(connection, reader, plan, attempt.moved))


def _why(error: Exception) -> str:
    if isinstance(error, asyncpg.LockNotAvailableError):
        return "rows of this plan are locked by another transaction"
    if isinstance(error, asyncpg.DeadlockDetectedError):
        return "it waited for another transaction that waited for it"
    return "another transaction changed what this one depends on"


async def _blamed(
    engine: Engine, reader: PostgresReader, violation: ConstraintViolated, statement: Statement,
    moved: dict[Target, str],
) -> ConstraintViolated:
    """The violation with the items that broke it; an insert of an item that is there by now is noted as moved."""
    if violation.kind == "unique" and statement.kind == "insert":
        kindred = statement.changes[0].target[:2]
        async with engine.acquire(doing="reading what is in the way") as connection:
            there = await reader.load_with(
                connection, kindred, [change.target.identifier for change in statement.changes], deleted=True)
        moved |= {Target(*kindred, item._id): "insert" for item in there}
    return ConstraintViolated(
        violation.kind, violation.constraint, violation.table, violation.detail, columns=violation.columns,
        targets=[change.target for change in statement.changes if names(change, statement, violation)])


async def _clashes(connection: Any, reader: PostgresReader, plan: Plan, moved: dict[Target, str]) -> list[Clash]:
    """What is stored now of the items that moved, beside what was fetched and what is pending."""
    changes = {change.target: change for change in plan.changes}
    clashes = []
    kindreds: list[Kindred] = sorted({target[:2] for target in moved})
    for kindred in kindreds:
        targets = [target for target in moved if target[:2] == kindred]
        stored: dict[Any, Resource] = {item._id: item for item in await reader.load_with(
            connection, kindred, [target.identifier for target in targets], deleted=True)}
        for target in targets:
            change, theirs = changes.get(target), stored.get(target.identifier)
            base, mine = (change.before, change.after) if change else (None, None)
            clashes.append(clash_of(target, moved[target], base, mine, theirs))
    return clashes


def names(change: Change, statement: Statement, violation: ConstraintViolated) -> bool:
    """Whether a change is the one that a violation speaks of: its values are in the server's words, or it is alone."""
    if len(statement.changes) == 1:
        return True
    if violation.kind in ("check", "not null"):     # Failing row contains (1, …): no key is named, but etags are unique
        return change.after is not None and str(change.after._etag) in violation.detail
    item: Resource | None = change.after if change.after is not None else change.before
    columns = {column.name: column for column in statement.table.columns}
    values = [columns[name].kind.dump(getattr(item, columns[name].field))
              for name in violation.columns if name in columns]
    told = f"=({', '.join(str(value) for value in values)})"
    return bool(values) and told in violation.detail
