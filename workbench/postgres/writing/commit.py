"""Commit: writes a Plan, all of it or nothing, and says what came of it.

Each attempt is one transaction (attempt.py). Attempts that failed because another transaction was in the way (a lock, a
deadlock, a serialization failure, a table that was altered) are made again until ``wait`` is over. An attempt that
found rows moved ends in a ``Conflict``, with base, mine and theirs of every such item; one whose connection broke
during COMMIT ends in what the server says came of it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import asyncpg

from workbench.domain.registry import Kindred
from workbench.domain.resource import Resource, Target
from workbench.errors import Busy, CannotOrder, Conflict, ConnectionLost, ConstraintViolated, DatabaseError
from workbench.postgres.driver_errors import DRIVER_ERRORS, translate
from workbench.postgres.engine import Engine
from workbench.postgres.etags import etags_of
from workbench.postgres.query import PostgresReader
from workbench.postgres.writing.ahead import Ahead
from workbench.postgres.writing.attempt import Attempt, How, Stale, outcome
from workbench.postgres.writing.blame import blamed, blamed_at_the_end
from workbench.postgres.writing.misfit import misfit
from workbench.postgres.writing.patience import Patience, check_seconds
from workbench.postgres.writing.receipt import leave, prepare_receipts, receipt_of, refuse_again
from workbench.state.clash import Clash, clash_of
from workbench.state.planning.plan import Plan
from workbench.state.uncollected import uncollected
from workbench.wording import counted

_IN_THE_WAY = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError,
               asyncpg.InvalidCachedStatementError)     # which the driver prepares anew the next time
_CHANGED = "another transaction changed what this one depends on"


class Commit(NamedTuple):
    """What was written: the ``plan``, by how many ``statements``, when it was done (aware, UTC), by which ``user``, and
    after how many ``attempts``; ``nonce`` is that of the plan where it was a saved one. ``stored`` are the items that
    the database made other than they were sent, as by a trigger or a column that rounds.

    No statements: all was there already, by a commit whose outcome was not known, or by its script."""

    plan: Plan
    statements: int
    at: datetime
    user: str | None = None
    attempts: int = 1
    nonce: str | None = None
    stored: Mapping[Target, Resource] = MappingProxyType({})

    def __await__(self) -> Generator[None, None, Commit]:
        yield from ()       # as of Done, which a NamedTuple cannot have as a base
        return self

    def __repr__(self) -> str:
        counts = self.plan.counts
        again = f", at attempt {self.attempts}" if self.attempts > 1 else ""
        otherwise = f"; {counted(len(self.stored), 'item')} stored otherwise than sent" if self.stored else ""
        told = f"{counts['insert']} added, {counts['update']} changed, {counts['delete']} deleted"
        if len(self.plan) and not self.statements:
            return f"was written already: {told}; nothing was written now{again}{otherwise}"
        return f"committed: {told} by {counted(self.statements, 'statement')}{again}{otherwise}"


class Written(NamedTuple):
    """By how many ``statements`` a plan was written, none where it was there already, and after how many
    ``attempts``; ``items`` are those that it adds and changes, as they are now, where they have been put together."""

    statements: int
    attempts: int
    items: Mapping[Target, Resource | None] | None


class _Again(Exception):
    """Says what was in the way of an attempt; a further one may do."""


async def commit(engine: Engine, reader: PostgresReader, plan: Plan, how: How) -> Written:
    """Writes the plan in one transaction.

    Raises AlreadyApplied when a saved plan that it carries out was written before, Conflict, ConstraintViolated,
    Invalid, CannotOrder, Busy, ConnectionLost (which says whether it was committed) or DatabaseError; whatever is
    raised, nothing is written unless ConnectionLost says so."""
    check_seconds("commit", "wait", how.wait)
    if plan.order.tangles:
        raise CannotOrder(plan.order.tangles)
    with uncollected(len(plan)):
        return await _attempts(engine, reader, plan, how)


async def _attempts(engine: Engine, reader: PostgresReader, plan: Plan, how: How) -> Written:
    """Attempts until one is done or time is over."""
    statements = Ahead(plan)
    if how.receipts:
        await prepare_receipts(engine)
    clock = asyncio.get_running_loop().time
    end, attempts = clock() + how.wait, 0
    while True:
        attempts += 1
        attempt = Attempt(reader, plan, statements, how, lock_timeout=max(0.001, end - clock()))
        try:
            await _tried(engine, reader, plan, attempt, Patience(engine, end))
            if attempt.spent:
                await _if_spent(engine, plan, attempt)
            elif attempt.moved:
                await _if_moved(engine, reader, plan, attempt, how)
            return Written(0 if attempt.spent or attempt.moved else len(statements.made), attempts, statements.items)
        except _Again as again:
            pause = min(0.5, 0.01 * 2**attempts) * random.uniform(0.5, 1.5)
            if clock() + pause >= end:
                raise Busy(str(again), how.wait, attempts) from again.__cause__
            await asyncio.sleep(pause)


async def _tried(
    engine: Engine, reader: PostgresReader, plan: Plan, attempt: Attempt, patience: Patience,
) -> None:
    """Runs an attempt: the plan is written when it returns, unless there is something ``spent`` or ``moved``.

    Raises _Again where another transaction was in the way, and all else in our words."""
    try:
        async with (engine.acquire(tidy=not any(table.triggers for table in plan.tables.values())) as connection,
                    patience.with_locks(connection)):
            await attempt.run(connection)
    except Stale:
        pass
    except asyncio.CancelledError:
        if not attempt.done:        # else it came while the connection was given back, and the rows are there
            raise
    except (*DRIVER_ERRORS, OSError) as error:
        if attempt.done:
            return
        late = patience.over and isinstance(error, asyncpg.QueryCanceledError)
        if (late or isinstance(error, _IN_THE_WAY)) and not attempt.moved:
            raise _Again(_why(error)) from error
        failure = translate(error, doing="committing")
        if isinstance(failure, ConnectionLost) and attempt.number is not None:
            failure = ConnectionLost("committing", committed=await outcome(engine, attempt.number))
            if failure.committed:
                return
        if isinstance(failure, ConstraintViolated) and attempt.running is not None:
            failure = await blamed(engine, reader, failure, attempt.running, attempt.moved)
        elif isinstance(failure, ConstraintViolated) and failure.kind == "unique":
            failure = await blamed_at_the_end(engine, plan, failure)
        elif isinstance(error, asyncpg.DataError) and attempt.running is not None and (
                told := misfit(attempt.running)):
            failure = DatabaseError(f"{failure}; {told}")
        if not attempt.moved:
            raise failure from error


async def _if_spent(engine: Engine, plan: Plan, attempt: Attempt) -> None:
    """What to do where receipts are there already: nothing if this very session left them, in a commit whose outcome
    was not known.

    Raises AlreadyApplied, or _Again when they are gone by now."""
    if attempt.is_live and await _was_done(engine, plan, attempt.spent):
        return
    for nonce in attempt.spent:
        await refuse_again(engine, nonce)
    raise _Again(_CHANGED)


async def _if_moved(engine: Engine, reader: PostgresReader, plan: Plan, attempt: Attempt, how: How) -> None:
    """What to do where items have moved: nothing but to leave the receipts if it was this plan that moved them.

    Raises Conflict."""
    async with engine.acquire(doing="reading what moved") as connection:
        if not await _is_written(connection, plan):
            conflict = Conflict(await _clashes(connection, reader, plan, attempt.moved))
            conflict.lead_out(how.ways)
            raise conflict
        if how.receipts:
            async with connection.transaction(isolation="read_committed"):
                await leave(connection, how.receipts)


def _why(error: Exception) -> str:
    if isinstance(error, asyncpg.LockNotAvailableError | asyncpg.QueryCanceledError):
        return "rows of this plan are locked by another transaction"
    if isinstance(error, asyncpg.DeadlockDetectedError):
        return "it waited for another transaction that waited for it"
    if isinstance(error, asyncpg.InvalidCachedStatementError):
        return "a table of this plan was altered"
    return _CHANGED


async def _is_written(connection: Any, plan: Plan) -> bool:
    """Whether the database is as the plan leaves it: an earlier commit of it, whose outcome was not known, was done.

    That is no guess: nobody else has the etags of this plan."""
    by_kind: dict[Kindred, dict[Any, str | None]] = {}
    for change in plan.changes:
        etag = None if change.after is None else change.after._etag
        by_kind.setdefault(change.target[:2], {})[change.target.identifier] = etag
    for kindred, wanted in by_kind.items():
        stored = await etags_of(connection, plan.tables[kindred], list(wanted))
        if any(stored.get(identifier) != etag for identifier, etag in wanted.items()):
            return False
    return any(change.after is not None for change in plan.changes)


async def _was_done(engine: Engine, plan: Plan, nonces: Sequence[str]) -> bool:
    """Whether it was this very session that left receipts: in a commit of the plan whose outcome was not known.

    Only the session that saved a plan leaves receipts without a hash for it."""
    receipts = [await receipt_of(engine, nonce) for nonce in nonces]
    if any(receipt is None or receipt.hash is not None for receipt in receipts):
        return False
    async with engine.acquire(doing="reading what was committed") as connection:
        return await _is_written(connection, plan)


async def _clashes(connection: Any, reader: PostgresReader, plan: Plan, moved: dict[Target, str]) -> list[Clash]:
    """What is stored now of the items that moved, beside what was fetched and what is pending."""
    changes = {change.target: change for change in plan.changes}
    stored, clashes = await reader.stored_with(connection, moved), []
    for target in sorted(moved, key=lambda target: target[:2]):
        change, theirs = changes.get(target), stored[target]
        base, mine = (change.before, change.after) if change else (None, None)
        written = moved[target] not in ("read", "search")
        if written and base is not None and theirs is not None and theirs._etag == base._etag:
            raise DatabaseError(
                f"{target} is stored as it was fetched, and still was not written: a trigger or a row policy of "
                "the database leaves it out; nothing was written, everything pending is kept")
        clashes.append(clash_of(target, moved[target], base, mine, theirs))
    return clashes
