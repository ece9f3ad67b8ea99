"""Commit: writes a Plan in one transaction, all of it or nothing.

The items that the steps only read are locked and compared first, then every statement runs and says which rows it
found.
A row that was not found has moved: the transaction is rolled back, what is stored now is read, and a ``Conflict`` says
base, mine and theirs of every such item.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from workbench.domain.registry import Kindred
from workbench.domain.resource import Resource, Target
from workbench.errors import Conflict, ConnectionLost, ConstraintViolated
from workbench.postgres.engine import DRIVER_ERRORS, Engine, translate
from workbench.postgres.query import PostgresReader, uncollected
from workbench.postgres.statements import Statement, column_of, compiled
from workbench.state.change import Change
from workbench.state.clash import Clash, clash_of
from workbench.state.plan import Plan
from workbench.state.table import quoted


class Commit(NamedTuple):
    """What was written: the ``plan``, by how many ``statements``, and when it was done (aware, UTC)."""

    plan: Plan
    statements: int
    at: datetime

    def __repr__(self) -> str:
        counts = self.plan.counts
        return (f"committed: {counts['insert']} added, {counts['update']} changed, {counts['delete']} deleted "
                f"by {self.statements} statement{'' if self.statements == 1 else 's'}")


class Stale(Exception):
    """Rolls a transaction back because rows have moved; never leaves this module."""


async def commit(engine: Engine, reader: PostgresReader, plan: Plan, *, verify_reads: bool = True) -> int:
    """Writes the plan in one transaction; returns the number of its statements.

    Raises Conflict, ConstraintViolated, ConnectionLost (which says whether it was committed) or DatabaseError; whatever
    is raised, nothing is written unless ConnectionLost says so."""
    with uncollected(len(plan)):
        statements = compiled(plan)
    run = _Run(reader, plan, statements)
    try:
        async with engine.acquire() as connection:
            await run.write(connection, verify_reads=verify_reads)
    except Stale:
        pass
    except asyncio.CancelledError:
        if not run.done:        # else it came while the connection was given back, and the rows are there
            raise
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        lost = translate(error, doing="committing")
        if isinstance(lost, ConnectionLost) and run.transaction is not None:
            lost = ConnectionLost("committing", committed=await _outcome(engine, run.transaction))
            if lost.committed:
                return len(statements)
        if isinstance(lost, ConstraintViolated):
            lost = await run.blame(engine, lost)
        if not run.moved:
            raise lost from error
    if run.moved:
        async with engine.acquire(doing="reading what moved") as connection:
            raise Conflict(await run.clashes(connection))
    return len(statements)


async def _outcome(engine: Engine, transaction: str) -> bool | None:
    """Whether a transaction was committed, as the server tells another connection; None when it cannot be reached."""
    try:
        async with engine.acquire() as connection:
            status = await connection.fetchval("SELECT pg_xact_status($1::text::xid8)", transaction)
    except Exception:
        return None
    return None if status == "in progress" else bool(status == "committed")


class _Run:
    """One attempt to write a plan: which items have moved, and the transaction's number once COMMIT is under way."""

    def __init__(self, reader: PostgresReader, plan: Plan, statements: Sequence[Statement]) -> None:
        self._reader, self._plan, self._statements = reader, plan, statements
        self.moved: dict[Target, str] = {}
        self.transaction: str | None = None
        self.done = False
        self._running: Statement | None = None

    async def write(self, connection: Any, *, verify_reads: bool) -> None:
        transaction = connection.transaction()
        await transaction.start()
        try:
            if verify_reads and self._plan.reads:
                await self._verify(connection)
            for statement in self._statements:
                self._running = statement
                await self._execute(connection, statement)
            if self.moved:
                raise Stale
            self._running = None
            number = await connection.fetchval("SELECT pg_current_xact_id()::text")
        except BaseException:
            if not connection.is_closed():
                with suppress(*DRIVER_ERRORS):      # no connection: the server rolls back by itself
                    await transaction.rollback()
            raise
        self.transaction = number
        # COMMIT is not interrupted: a cancelled one would leave it open whether it was done.
        committing = asyncio.ensure_future(transaction.commit())
        while not committing.done():
            with suppress(asyncio.CancelledError):
                await asyncio.shield(committing)
        committing.result()
        self.transaction, self.done = None, True

    async def _verify(self, connection: Any) -> None:
        """Locks the items that were read, in the order of their identifiers, and compares their etags."""
        by_kind: dict[Kindred, list[Target]] = {}
        for target in self._plan.reads:
            by_kind.setdefault(target[:2], []).append(target)
        for kindred, targets in sorted(by_kind.items()):
            table = self._plan.tables[kindred]
            key, etag = column_of(table, "_id"), column_of(table, "_etag")
            rows = await connection.fetch(
                f"SELECT {quoted(key.name)}, {quoted(etag.name)} FROM {table.quoted} "
                f"WHERE {quoted(key.name)} = ANY($1::{key.type}[]) ORDER BY {quoted(key.name)} FOR SHARE",
                [target.identifier for target in targets])
            stored = dict(map(tuple, rows))
            for target in targets:
                if target.identifier not in stored or stored[target.identifier] != self._plan.reads[target]:
                    self.moved[target] = "read"

    async def _execute(self, connection: Any, statement: Statement) -> None:
        if statement.copied:
            await connection.copy_records_to_table(
                statement.table.name, schema_name=statement.table.schema, columns=statement.copied,
                records=statement.parameters)
        elif statement.kind == "insert":
            await connection.execute(statement.sql, *statement.parameters[0])
        else:
            if len(statement.parameters) == 1:
                found = await connection.fetch(statement.sql, *statement.parameters[0])
            else:
                found = await connection.fetchmany(statement.sql, statement.parameters)
            if len(found) != len(statement.changes):
                there = {row[0] for row in found}
                self.moved |= {change.target: change.kind for change in statement.changes
                               if change.target.identifier not in there}

    async def blame(self, engine: Engine, violation: ConstraintViolated) -> ConstraintViolated:
        """Names the items that broke a constraint; an insert of an item that is there by now is a conflict."""
        statement = self._running
        if statement is None:
            return violation
        if violation.kind == "unique" and statement.kind == "insert":
            async with engine.acquire(doing="reading what is in the way") as connection:
                there = await self._reader.load_with(
                    connection, statement.changes[0].target[:2],
                    [change.target.identifier for change in statement.changes], deleted=True)
            self.moved |= {Target(*statement.changes[0].target[:2], item._id): "insert" for item in there}
        return ConstraintViolated(
            violation.kind, violation.constraint, violation.table, violation.detail, columns=violation.columns,
            targets=[change.target for change in statement.changes if _names(change, statement, violation)])

    async def clashes(self, connection: Any) -> list[Clash]:
        """What is stored now of the items that moved, beside what was fetched and what is pending."""
        changes = {change.target: change for change in self._plan.changes}
        clashes = []
        for kindred in sorted({target[:2] for target in self.moved}):
            targets = [target for target in self.moved if target[:2] == kindred]
            stored: dict[Any, Resource] = {item._id: item for item in await self._reader.load_with(
                connection, kindred, [target.identifier for target in targets], deleted=True)}
            for target in targets:
                change, theirs = changes.get(target), stored.get(target.identifier)
                base, mine = (change.before, change.after) if change else (None, None)
                clashes.append(clash_of(target, self.moved[target], base, mine, theirs))
        return clashes


def _names(change: Change, statement: Statement, violation: ConstraintViolated) -> bool:
    """Whether a change is the one that a violation speaks of: its values are in the server's words, or it is alone."""
    if len(statement.changes) == 1:
        return True
    if violation.kind in ("check", "not null"):     # Failing row contains (1, Ada, …).
        return re.search(rf"[(\s]{re.escape(str(change.target.identifier))}[,)]", violation.detail) is not None
    item: Resource | None = change.after if change.after is not None else change.before
    columns = {column.name: column for column in statement.table.columns}
    values = [columns[name].kind.dump(getattr(item, columns[name].field))
              for name in violation.columns if name in columns]
    told = f"=({', '.join(str(value) for value in values)})"
    return bool(values) and told in violation.detail
