"""Check: tries a Plan for real, in a transaction that is always rolled back, and finds everything that is in its way.

A ``_Trial`` runs each statement behind a savepoint (savepoints.py). One that fails is tried in halves, down to the rows
that are to blame; these are left out, and the rest goes on. Where all parts go through, the whole is to blame. At the
end the deferred constraints are looked at (deferred.py). What limits on locks and time cut off is reported as well,
never raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Any

import asyncpg

from workbench.domain.resource import Target
from workbench.errors import AlreadyApplied, ConstraintViolated
from workbench.postgres.driver_errors import said, translate
from workbench.postgres.engine import Engine
from workbench.postgres.etags import etags_of
from workbench.postgres.query import PostgresReader
from workbench.postgres.sending import sent
from workbench.postgres.trial.besides import Counts, along, counts, otherwise
from workbench.postgres.trial.caveats import caveats, columns_of_constraint
from workbench.postgres.trial.deferred import broken
from workbench.postgres.trial.overflow import OVERFLOWS, overflowing
from workbench.postgres.trial.reads import etag_words, moved_reads
from workbench.postgres.trial.savepoints import HASTE, CutOff, OutOfTime, Savepoints, undone
from workbench.postgres.trial.violation import Checked, Violation, causes_of
from workbench.postgres.writing.attempt import LONGEST_WAIT
from workbench.postgres.writing.copying import at_once, copy
from workbench.postgres.writing.guards import deferral, hit_twice
from workbench.postgres.writing.holder import with_holder
from workbench.postgres.writing.patience import check_seconds
from workbench.postgres.writing.receipt import missing_right, receipt_of
from workbench.postgres.writing.statements import Statement, compiled
from workbench.state.planning.change import Change
from workbench.state.planning.plan import Plan
from workbench.state.planning.telling import told_parked
from workbench.state.uncollected import uncollected
from workbench.wording import joined


async def check(
    engine: Engine, reader: PostgresReader, plan: Plan, *, verify_reads: bool = True, nonces: Sequence[str] = (),
    timeout: float = 10.0,  # noqa: ASYNC109  # the server keeps it, statement by statement, and it is no error
) -> Checked:
    """What would keep the plan from being committed now, after at most about ``timeout`` seconds.

    ``nonces`` are those of the saved plans that it carries out. Rivals who write the same rows wait for it meanwhile.
    Raises ConnectionLost, and TablesDiffer as a commit does."""
    reader.check_fit()
    check_seconds("check", "timeout", timeout)
    timeout = min(timeout, LONGEST_WAIT)
    with uncollected(len(plan)):
        statements = compiled(plan)
    at, started = datetime.now(UTC), monotonic()
    noted = await _noted(engine, nonces) if nonces else []
    async with engine.acquire(doing="checking the plan") as connection:
        cut = await connection.fetchval("SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'")
        trial = _Trial(connection, plan, Savepoints(engine, connection, started=started, timeout=timeout, cut=cut))
        async with undone(connection):
            before = await counts(connection, statements)
            await trial.run(statements, verify_reads=verify_reads)
            besides = [] if noted or trial.violations else await trial.besides(reader, statements, before)
        told = await caveats(connection, [statement.table for statement in statements])
    return Checked(
        (*noted, *trial.violations), len(statements), at, monotonic() - started, told, tuple(besides))


async def _noted(engine: Engine, nonces: Sequence[str]) -> list[Violation]:
    """What keeps us from noting that saved plans were written: a right, or that it was noted before."""
    missing = await missing_right(engine)
    if missing:
        return [Violation("refused", "", None, (), {}, missing)]
    receipts = [await receipt_of(engine, nonce) for nonce in nonces]
    return [Violation("applied", "", None, (), {}, str(AlreadyApplied(receipt.nonce, receipt.at, receipt.by)))
            for receipt in receipts if receipt is not None and receipt.hash is not None]


class _Trial:
    """One trial: its ``violations`` so far, and which items are ``refused`` and so were not written in it."""

    def __init__(self, connection: asyncpg.Connection, plan: Plan, savepoints: Savepoints) -> None:
        self._connection, self._plan, self._savepoints = connection, plan, savepoints
        self.violations: list[Violation] = []
        self.refused: set[Target] = set()
        self._before: dict[Target, set[Target]] = {}    # who makes the parent, or frees the value, that an item needs
        for place, found in plan.order.reasons.items():
            if place < len(plan.order.changes):
                waiting = plan.order.changes[place].target
                self._before.setdefault(waiting, set()).update(
                    plan.order.changes[reason.before].target for reason in found
                    if reason.kind != "child" and reason.before < len(plan.order.changes))

    async def run(self, statements: Sequence[Statement], *, verify_reads: bool) -> None:
        left = list(statements)
        try:
            deferring = deferral(self._plan)
            if deferring is not None:
                await self._connection.execute(deferring)
            if verify_reads:
                self.violations += await moved_reads(self._connection, self._savepoints, self._plan)
            while left:
                await self._try(left[0])
                left.pop(0)
            await self._end()
        except (OutOfTime, asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError):
            count = sum(len(statement.changes) for statement in left)
            what = f"{count} changes were not, or not all, tried" if left else "deferred constraints were not looked at"
            self.violations.append(Violation("timeout", "", None, (), {}, (
                f"the check ran out of time: {what}; give it more with check(timeout=…)")))

    async def besides(self, reader: PostgresReader, statements: Sequence[Statement], before: Counts) -> list[str]:
        """What all that was tried did besides what the plan says; what there is no time for is left out."""
        connection, found = self._connection, list[str]()
        with suppress(OutOfTime):
            for asked in (partial(along, connection, before, statements),
                          partial(otherwise, connection, reader, self._plan)):
                told = await self._savepoints.attempt(asked())
                found += told if isinstance(told, list) else [f"not all could be looked at: {said(told)}"]
        return found

    # -------------------------------------------------------------------------------------------- statements

    async def _execute(self, statement: Statement) -> set[Any]:
        """Runs a statement as the commit does; gives the identifiers of the rows that it did not write."""
        wanted = {change.target.identifier for change in statement.changes}
        if not statement.copied:
            sending = self._connection.fetchmany(statement.returning, statement.parameters)
            found = [row[0] for row in await sent(self._connection, sending)]
            if again := hit_twice(statement.table, found):
                raise ValueError(again)
            return wanted.difference(found)
        written = await copy(self._connection, statement, at_once(statement))
        return set() if written == len(wanted) else (
            wanted - (await etags_of(self._connection, statement.table, list(wanted))).keys())

    async def _try(self, statement: Statement) -> None:
        """Runs a statement; where it fails, its halves, so that each row that is to blame is named."""
        changes, patience, before = statement.changes, self._savepoints.patience, len(self.violations)
        failure: Exception | None = None
        parts = [[place for place, change in enumerate(changes) if change.target not in self.refused]]
        while parts:
            some = parts.pop()
            if not some:
                continue
            part = statement._replace(changes=changes.some(some))
            outcome = await self._savepoints.attempt(self._execute(part), patience)
            if isinstance(outcome, asyncpg.QueryCanceledError):
                raise OutOfTime
            if not isinstance(outcome, Exception):
                if outcome:
                    await self._stale(part, outcome)
            elif len(some) == 1:
                await self._refuse(part, outcome)
            elif isinstance(outcome, asyncpg.LockNotAvailableError):
                patience = min(HASTE, patience)
                locked = await self._locked(part)
                for change in part.changes:
                    if change.target.identifier in locked:
                        self._add("timeout", change, self._savepoints.waiting())
                free = [place for place in some if changes[place].target.identifier not in locked]
                parts += [free] if locked else [some[len(some) // 2:], some[:len(some) // 2]]
            else:
                failure = failure or outcome
                parts += [some[len(some) // 2:], some[:len(some) // 2]]
        if len(self.violations) == before and isinstance(failure, asyncpg.PostgresError | CutOff) and not isinstance(
                failure, asyncpg.DeadlockDetectedError):
            self._unled(failure, f"of {len(changes)} changes in one statement, which go through in parts")

    async def _locked(self, statement: Statement) -> set[Any]:
        """The identifiers of rows that another transaction has locked."""
        if statement.kind == "insert":
            return set()
        mode = "UPDATE" if statement.changes[0].after is None else "NO KEY UPDATE"
        identifiers = [change.target.identifier for change in statement.changes]
        there = await etags_of(self._connection, statement.table, identifiers)
        free = await etags_of(self._connection, statement.table, identifiers, locking=f"FOR {mode} SKIP LOCKED")
        return set(there) - set(free)

    # -------------------------------------------------------------------------------------------- what is found

    async def _stale(self, statement: Statement, missing: set[Any]) -> None:
        stored = await etags_of(self._connection, statement.table, list(missing))
        for change in statement.changes:
            identifier = change.target.identifier
            if identifier not in missing:
                continue
            theirs = stored.get(identifier)
            if statement.kind == "insert":
                detail = "it was not written, and no error said why: by a trigger's or a rule's doing"
            elif identifier not in stored:
                detail = "it was deleted since it was fetched"
            elif theirs != change.etag:
                detail = f"it was changed since it was fetched: {etag_words(theirs, change.etag)}"
            else:
                detail = "its row is as expected, and still was not written: by a trigger's or a row policy's doing"
            self._add("stale", change, detail, columns=("_etag",), values={"_etag": theirs})

    async def _refuse(self, statement: Statement, error: Exception) -> None:
        """Reports why the only change of a statement failed."""
        change, table = statement.changes[0], statement.table
        if isinstance(error, asyncpg.LockNotAvailableError):
            self._add("timeout", change, self._savepoints.waiting())
            return
        if isinstance(error, asyncpg.DeadlockDetectedError):
            self._add("deadlock", change, "another transaction and this one waited for each other; check again")
            return
        told = translate(error)
        if not isinstance(told, ConstraintViolated):
            over = await overflowing(self._connection, table, change) if isinstance(error, OVERFLOWS) else []
            self._add("refused", change, said(error), columns=tuple(over))
            return
        if told.kind == "unique" and change.kind == "insert":
            stored = await etags_of(self._connection, table, [change.target.identifier])
            if stored:
                theirs = stored[change.target.identifier]
                self._add("stale", change, f"another one has added it since (its etag is {theirs})",
                          constraint=told.constraint, columns=("_etag",), values={"_etag": theirs})
                return
        columns = told.columns or await columns_of_constraint(self._connection, table, told.constraint)
        fields = {column.name: column.field for column in table.columns}
        detail = told.detail
        if told.kind == "unique":
            detail = await with_holder(detail, self._connection, table, columns, change.after)
        detail = joined(detail, told_parked(change.parked))
        self._add(told.kind, change, detail, constraint=told.constraint,
                  columns=tuple(fields.get(column, column) for column in columns))

    async def _end(self) -> None:
        """The deferred constraints: those that do not hold, with every item that breaks them."""
        error = await self._savepoints.attempt(self._connection.execute("SET CONSTRAINTS ALL IMMEDIATE"))
        if not isinstance(error, Exception):
            return
        if isinstance(error, asyncpg.QueryCanceledError):
            raise OutOfTime
        before = len(self.violations)
        tried = [change for change in self._plan.changes if change.target not in self.refused]
        for found in await broken(self._connection, self._plan, tried):
            self._add(found.kind, found.change, found.detail, constraint=found.constraint, columns=found.columns)
        if len(self.violations) == before:      # a constraint trigger, or one whose rows cannot be asked for
            self._unled(error, "the first of what deferred checks found")

    def _unled(self, error: Exception, what: str) -> None:
        """Reports an error that cannot be led back to an item."""
        told = translate(error)
        kind, name, columns = ((told.kind, told.constraint, told.columns)
                               if isinstance(told, ConstraintViolated) else ("refused", "", ()))
        self.violations.append(Violation(kind, name, None, tuple(columns), {}, f"{said(error)} ({what})"))

    def _add(
        self, kind: str, change: Change, detail: str, *, constraint: str = "", columns: tuple[str, ...] = (),
        values: dict[str, Any] | None = None,
    ) -> None:
        self.refused.add(change.target)
        item: Any = change.before if change.after is None else change.after
        if values is None:
            values = {name: getattr(item, name) for name in columns if name in type(item)._fields}
        follows = sorted(self._before.get(change.target, set()) & (self.refused - {change.target}), key=str)
        if follows and kind in ("unique", "foreign key", "exclusion"):
            told = ", ".join(map(str, follows[:3]))
            detail = f"{detail.removesuffix('.')}; it may follow from what is wrong with {told}"
        self.violations.append(Violation(
            kind, constraint, change.target, columns, values, detail, causes_of(change, self._plan)))
