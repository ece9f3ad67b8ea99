"""Attempt: one try to write a plan in one transaction.

In this order: where there is anything to verify, other commits and scripts that verify are waited for; the receipts of
saved plans are left; the etags of what was read are compared, and what was not found is looked for; searches are run
again where the transaction is serializable; every statement runs and says which rows it found; COMMIT. What has moved
is noted, and the transaction rolled back.

What was read is not locked: rows are locked as they are written, in the order of identifiers. Of two commits that each
change what the other has read, the second one begins when the first one is done, and sees what it did. Whoever writes
without having read comes before or after as it happens; so a role that may only SELECT can verify, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

from workbench.domain.resource import Target
from workbench.errors import DatabaseError
from workbench.postgres.driver_errors import DRIVER_ERRORS
from workbench.postgres.engine import Engine
from workbench.postgres.etags import etags_of, moved_of
from workbench.postgres.query import PORTION, PostgresReader
from workbench.postgres.sending import is_gone, sent
from workbench.postgres.writing.ahead import BATCH, SHORT, Ahead
from workbench.postgres.writing.copying import copy
from workbench.postgres.writing.guards import BEGIN, VERIFYING, absent_of, deferral, hit_twice, reads_of
from workbench.postgres.writing.misfit import misfit
from workbench.postgres.writing.receipt import Receipt, leave
from workbench.postgres.writing.statements import Statement, TooLong
from workbench.state.decision import ResolveConflict
from workbench.state.planning.plan import Plan
from workbench.state.progress import Progress
from workbench.state.resolution import WAYS_OUT

WAIT = 10.0         # seconds that a commit tries to get past other transactions
LONGEST_WAIT = 2_000_000.0        # seconds: what lock_timeout, milliseconds in 32 bits, can hold
GIVE_UP = 5.0       # seconds after which a connection that does not roll back is closed; then the server does
_NUMBER = "pg_current_xact_id()::text"


class How(NamedTuple):
    """How a plan is to be written.

    ``verify_reads``: what was only read must not have moved; ``serializable``: nor may its searches find more;
    ``wait``: for so many seconds other transactions are tried to get past; ``receipts``: of the saved plans that it
    carries out, left with it. ``progress(done, total)`` is called as changes are written, and from 0 again at each
    further attempt; what it raises ends the commit, as cancelling does: nothing is written then. ``ways`` says in words
    what leads out of a conflict."""

    verify_reads: bool = True
    serializable: bool = False
    wait: float = WAIT
    receipts: Sequence[Receipt] = ()
    progress: Progress | None = None
    ways: str = WAYS_OUT


class Stale(Exception):
    """Rolls a transaction back because rows have moved, or because the plan was written before (its nonce is
    ``spent``); caught where the attempt is made."""


class Attempt:
    """One transaction.

    ``moved`` says of each item that is not as it was what was to be done with it; ``spent`` are the nonces of
    its receipts that are there already; ``running`` is the statement at work;
    ``number`` the transaction's own while COMMIT is under way; ``done`` whether it was committed."""

    def __init__(
        self, reader: PostgresReader, plan: Plan, statements: Ahead, how: How, *, lock_timeout: float,
    ) -> None:
        self._reader, self._plan, self._statements = reader, plan, statements
        self._how, self._lock_timeout = how, lock_timeout
        self._written = 0
        self._number: str | None = None
        self.moved: dict[Target, str] = {}
        self.spent: list[str] = []
        self.running: Statement | None = None
        self.number: str | None = None
        self.done = False

    @property
    def is_live(self) -> bool:
        """Whether its receipts are for plans that this very session had saved, rather than for one that was loaded."""
        return all(receipt.hash is None for receipt in self._how.receipts)

    async def run(self, connection: Any) -> None:
        """Writes the plan, or raises Stale, or what asyncpg raises; nothing is written then unless ``done``."""
        if self._how.serializable and self._verifies and absent_of(self._plan):
            async with self._turn_beforehand(connection):
                await self._run(connection)
        else:
            await self._run(connection)

    @asynccontextmanager
    async def _turn_beforehand(self, connection: Any) -> AsyncIterator[None]:
        """Has the turn of those who verify before the transaction begins.

        What a serializable one sees would be older than a turn that it had to wait for. Rows that changed meanwhile are
        found out as they are locked; one that was not there cannot be."""
        try:
            await connection.execute(f"BEGIN; {self._patience}; SELECT pg_advisory_lock({VERIFYING}); COMMIT")
            yield
        finally:
            if not is_gone(connection):
                try:
                    await connection.execute("ROLLBACK; SELECT pg_advisory_unlock_all()", timeout=GIVE_UP)
                except BaseException:
                    connection.terminate()      # else it would have the turn for ever
                    raise

    async def _run(self, connection: Any) -> None:
        try:
            async with self._statements.at_work() as statements:
                await connection.execute(self._beginning())
                if self._how.receipts:
                    self.spent = await leave(connection, self._how.receipts)
                    if self.spent:
                        raise Stale
                if self._verifies:
                    if len(self._plan.reads) > SHORT:
                        self._statements.begin()
                    await self._verify(connection)
                if self._how.serializable:
                    await self._search_again(connection)
                async for statement in statements:
                    self.running = statement
                    try:
                        await self._execute(connection, statement)
                    except TooLong as error:
                        raise DatabaseError(f"{error.target}: {error}; nothing was written, everything pending is kept"
                                            ) from None
            if self.moved:
                raise Stale
            self.running = None
            number = self._number or await connection.fetchval(f"SELECT {_NUMBER}")
        except BaseException:
            if not is_gone(connection):
                # No connection: the server rolls back by itself. A COPY that is broken off behind the server's own
                # error has asyncpg wait for an answer that came already.
                with suppress(*DRIVER_ERRORS, TimeoutError):
                    await connection.execute("ROLLBACK", timeout=GIVE_UP)
            raise
        self.number = number
        # COMMIT is not interrupted: a cancelled one would leave it open whether it was done.
        committing = asyncio.ensure_future(connection.execute("COMMIT"))
        while not committing.done():
            with suppress(asyncio.CancelledError):
                await asyncio.shield(committing)
        committing.result()
        self.done = True

    def _beginning(self) -> str:
        """One round trip: the transaction, how long a lock is waited for, what is checked at the end only."""
        begin = "BEGIN ISOLATION LEVEL SERIALIZABLE" if self._how.serializable else BEGIN
        deferring = deferral(self._plan)
        turn = f"; SELECT pg_advisory_xact_lock({VERIFYING})" if self._verifies else ""
        return f"{begin}; {self._patience}{turn}" + (f"; {deferring}" if deferring else "")

    @property
    def _patience(self) -> str:
        return f"SET LOCAL lock_timeout = {max(1, round(min(self._lock_timeout, LONGEST_WAIT) * 1000))}"

    @property
    def _verifies(self) -> bool:
        return self._how.verify_reads and bool(self._plan.reads)

    async def _verify(self, connection: Any) -> None:
        # A serializable transaction sees what there was before it had its turn. To lock what was changed since is an
        # error for it, and it is tried again.
        locking = "FOR SHARE" if self._how.serializable else ""
        for kindred, (identifiers, etags) in reads_of(self._plan).items():
            moved = await moved_of(connection, self._plan.tables[kindred], identifiers, etags, locking=locking)
            self.moved |= {Target(*kindred, identifier): "read" for identifier in moved}
        for kindred, identifiers in absent_of(self._plan).items():
            there = await etags_of(connection, self._plan.tables[kindred], identifiers, alive=True)
            self.moved |= {Target(*kindred, identifier): "search" for identifier in there}

    async def _search_again(self, connection: Any) -> None:
        """Rows that a search of a step would find now and did not find then are phantoms: they have moved, too."""
        for place, step in enumerate(self._plan.steps):
            accepted = {target for later in self._plan.steps[place:] if isinstance(later.command, ResolveConflict)
                        for target in later.reads}
            for search in step.searches:
                now = await self._reader.find_with(connection, search.kindred, search.equals)
                then = {identifier for identifier, _ in search.found}
                appeared = {Target(*search.kindred, item._id): "search" for item in now if item._id not in then}
                self.moved = {target: did for target, did in appeared.items() if target not in accepted} | self.moved

    async def _execute(self, connection: Any, statement: Statement) -> None:
        count = len(statement.changes)
        if not statement.width:
            await self._copy(connection, statement)
            return
        alone = statement.parameters if count <= statement.width else []
        if len(alone) != 1:
            found: list[Any] = []
            for start in range(0, count, PORTION):
                runs = statement.runs(start, start + PORTION)
                found += await sent(connection, connection.fetchmany(statement.returning, runs))
                self._tell(min(PORTION, count - start))
        else:
            # One such statement brings the transaction's number along: so it need not be asked for.
            sql = statement.returning if self._number else f"{statement.returning}, {_NUMBER}"
            found = await connection.fetch(sql, *alone[0])
            if found and not self._number:
                self._number = found[0][-1]
            self._tell(count)
        if statement.kind == "insert":
            _check_all(statement, len(found), count)
        elif len(found) != count:
            there = [row[0] for row in found]
            if len(found) > count:
                raise DatabaseError(f"{hit_twice(statement.table, there)}; nothing was written, everything pending is "
                                    "kept")
            self.moved |= {change.target: change.kind for change in statement.changes
                           if change.target.identifier not in there}

    async def _copy(self, connection: Any, statement: Statement) -> None:
        """New rows by COPY, which can be cancelled at any time."""
        count = len(statement.changes)
        batches = self._statements.batches(statement, self._tell)
        try:
            written = await sent(connection, copy(connection, statement, batches))
        except TooLong:
            raise
        except (ArithmeticError, TypeError, ValueError) as error:   # the encoders raise as they are
            raise DatabaseError(f"a value does not fit into {statement.table.name}: {misfit(statement) or error}; "
                                "nothing was written, everything pending is kept") from error
        _check_all(statement, written, count)
        self._tell((count - 1) % BATCH + 1)

    def _tell(self, count: int) -> None:
        self._written += count
        if self._how.progress is not None:
            self._how.progress(self._written, self._statements.total)


def _check_all(statement: Statement, written: int, count: int) -> None:
    """Raises DatabaseError where not every new row was taken, of which the server says nothing else."""
    if written != count:
        raise DatabaseError(
            f"{statement.table.name} took {written} of {count} new rows, and no error said why: a trigger or a rule of "
            "the database leaves rows out; nothing was written, everything pending is kept")


async def outcome(engine: Engine, number: str) -> bool | None:
    """Whether a transaction was committed, as the server tells another connection; None when it cannot be reached.

    A transaction whose connection broke may still be at work for a moment: it is waited for, up to two seconds."""
    for pause in (0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.65):
        await asyncio.sleep(pause)
        try:
            async with engine.acquire() as connection:
                status = await connection.fetchval("SELECT pg_xact_status($1::text::xid8)", number)
        except Exception:       # whatever it is, the server does not tell yet; the pause goes on
            continue
        if status != "in progress":
            return bool(status == "committed")
    return None
