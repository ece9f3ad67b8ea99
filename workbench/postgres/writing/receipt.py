"""Receipts: which saved plans have been written to this database, so that each is written once only.

A receipt is inserted in the same transaction as the plan: the one is there if and only if the other was written,
whatever became of the connection or of the rows since. Two who apply the same plan at once meet at its primary key. The
table is made when the first receipt is needed; ``hash`` is that of the file that was applied, and NULL where the plan
was committed by the session that had saved it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from workbench.errors import AlreadyApplied, DatabaseError, SavedPlanError
from workbench.postgres.engine import Engine
from workbench.postgres.tables.ddl import LOCK
from workbench.state.saved.plan import SavedPlan

TABLE = "workbench_receipt"
MADE = "(nonce uuid PRIMARY KEY, hash text, at timestamptz NOT NULL, by text)"
_RIGHTS = f"""
SELECT there IS NOT NULL AS there, quote_ident(current_schema()) AS schema, quote_ident(current_user) AS role,
       coalesce(has_table_privilege(there, 'SELECT') AND has_table_privilege(there, 'INSERT'),
                has_schema_privilege(current_schema(), 'CREATE'), false) AS may
  FROM to_regclass('{TABLE}') AS there
"""


class Receipt(NamedTuple):
    """That a saved plan was written, when and by whom."""

    nonce: str
    hash: str | None
    at: datetime
    by: str | None


def nonce_of(saved: SavedPlan | str) -> str:
    """The nonce of a saved plan, or the one that a text is. Raises SavedPlanError."""
    text = saved if isinstance(saved, str) else saved.nonce
    try:
        return str(UUID(text))
    except ValueError:
        raise SavedPlanError(f"{text!r} is no nonce of a saved plan; give the plan itself (SavedPlan.load(path)), or "
                             "its .nonce") from None


async def prepare_receipts(engine: Engine) -> None:
    """Makes the table of receipts where there is none; several may do so at once.

    Raises DatabaseError where our role lacks a right to it."""
    async with engine.acquire(doing=f"making the table {TABLE}") as connection:
        rights = await connection.fetchrow(_RIGHTS)
        if missing := _missing(rights):
            raise DatabaseError(f"{missing}; nothing was written, everything pending is kept")
        if rights["there"]:
            return
        async with connection.transaction(isolation="read_committed"):
            # IF NOT EXISTS alone would fail for one of two who do it at the same moment.
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            await connection.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} {MADE}")


async def missing_right(engine: Engine) -> str:
    """What keeps us from leaving a receipt, and what to do; empty where nothing does."""
    async with engine.acquire(doing="looking for a receipt") as connection:
        return _missing(await connection.fetchrow(_RIGHTS))


def _missing(rights: Any) -> str:
    if rights["may"]:
        return ""
    role, schema = rights["role"], rights["schema"]
    if rights["there"]:
        return (f"the table {TABLE}, in which it is noted which saved plans were written, may not be read and written "
                f"by {role}: have somebody GRANT SELECT, INSERT ON {TABLE} TO {role}")
    make = f"CREATE TABLE {TABLE} {MADE}; GRANT SELECT, INSERT ON {TABLE} TO {role}"
    return (f"the table {TABLE}, in which it is noted which saved plans were written, is not there, and {role} may not "
            f"make it{f' in the schema {schema}' if schema else ''}: have it made by somebody who may ({make})"
            + (f", or GRANT CREATE ON SCHEMA {schema} TO {role}" if schema else ""))


async def receipt_of(engine: Engine, nonce: str) -> Receipt | None:
    """The receipt of a saved plan; None when it was not written here."""
    async with engine.acquire(doing="looking for a receipt") as connection:
        if await connection.fetchval("SELECT to_regclass($1::text)", TABLE) is None:
            return None
        try:
            row = await connection.fetchrow(
                f"SELECT nonce::text, hash, at, by FROM {TABLE} WHERE nonce = $1::text::uuid", nonce)
        except asyncpg.InsufficientPrivilegeError as error:
            raise DatabaseError(_missing(await connection.fetchrow(_RIGHTS)) or str(error)) from error
        return None if row is None else Receipt(*row)


async def leave(connection: Any, receipts: Sequence[Receipt]) -> list[str]:
    """Inserts receipts within a transaction; returns the nonces of those that are there already.

    One that another transaction is just writing is waited for."""
    taken = []
    for receipt in sorted(receipts):
        left = await connection.fetchval(
            f"INSERT INTO {TABLE} (nonce, hash, at, by) VALUES ($1::text::uuid, $2, $3, $4) "
            "ON CONFLICT (nonce) DO NOTHING RETURNING nonce", *receipt)
        if left is None:
            taken.append(receipt.nonce)
    return taken


async def refuse_again(engine: Engine, nonce: str) -> None:
    """Raises AlreadyApplied for a plan that was written."""
    receipt = await receipt_of(engine, nonce)
    if receipt is not None:
        raise AlreadyApplied(nonce, receipt.at, receipt.by)
