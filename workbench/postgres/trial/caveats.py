"""Caveats: what the catalogue tells about a trial: what it cannot undo, who was in its way, what a rule is over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

from workbench.errors import WorkbenchError
from workbench.postgres.driver_errors import DRIVER_ERRORS
from workbench.postgres.engine import Engine
from workbench.state.planning.table import Table

# The names go in as JSON: an array parameter would cost its introspection at the first use of a connection.
_OUTSIDE = """
SELECT 'trigger' AS kind, t.tgname || ' on ' || c.relname AS name
  FROM json_array_elements_text($1::text::json) AS wanted(name)
  JOIN pg_class c ON c.oid = to_regclass(wanted.name)
  JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
UNION
SELECT 'sequence', s.relname || ' of ' || c.relname
  FROM json_array_elements_text($1::text::json) AS wanted(name)
  JOIN pg_class c ON c.oid = to_regclass(wanted.name)
  JOIN pg_depend d ON d.refobjid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.classid = 'pg_class'::regclass
  JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
ORDER BY 1, 2
"""
_BLOCKERS = """
SELECT (SELECT coalesce(min(l.locktype || coalesce(' of ' || l.relation::regclass::text, '')), 'lock')
          FROM pg_locks l WHERE l.pid = $1 AND NOT l.granted) AS lock,
       a.pid, coalesce(a.usename, '?') AS who, a.application_name AS application, coalesce(a.state, '?') AS state,
       coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::float8 AS seconds
  FROM pg_stat_activity a WHERE a.pid = ANY (pg_blocking_pids($1)) ORDER BY a.pid
"""
_COLUMNS = """
SELECT a.attname FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
 WHERE k.conname = $2 AND k.conrelid = to_regclass($1::text) ORDER BY a.attnum
"""


async def caveats(connection: asyncpg.Connection, tables: Iterable[Table]) -> str:
    """What a trial of statements on some tables cannot promise, a sentence a line."""
    rows = await connection.fetch(_OUTSIDE, json.dumps(sorted({table.quoted for table in tables})))
    triggers = [row["name"] for row in rows if row["kind"] == "trigger"]
    sequences = [row["name"] for row in rows if row["kind"] == "sequence"]
    lines = [
        "A check tells how things are at its time: what others commit afterwards, it cannot know.",
        "Sequences advance though all is rolled back, so that numbers are left out"
        + (f": {', '.join(sequences)}." if sequences else "; none belongs to these tables."),
        "Triggers run, and what they do outside of the database stays done"
        + (f": {', '.join(triggers)}." if triggers else "; these tables have none."),
        "NOTIFY is not sent by a check; a commit sends it."]
    return "\n".join(lines)


async def blockers(engine: Engine, pid: int, *, within: float) -> str:
    """Which lock a server process waits for and who holds it, to go behind a sentence; empty if it cannot be told."""
    try:
        async with asyncio.timeout(within), engine.acquire() as other:
            rows = await other.fetch(_BLOCKERS, pid)
    except (TimeoutError, WorkbenchError, *DRIVER_ERRORS):     # a pool of one connection, for one
        return ""
    if not rows:
        return ""
    holders = "; ".join(f"process {row['pid']} of {row['who']}{_named(row)}, {row['state']}, "
                        f"for {row['seconds']:.1f} s" for row in rows)
    return f" ({rows[0]['lock']}); it is held by {holders}"


def _named(row: Any) -> str:
    return f" ({row['application']})" if row["application"] else ""


async def columns_of_constraint(connection: asyncpg.Connection, table: Table, name: str) -> Sequence[str]:
    """The columns that a constraint of a table is over, as they stand in the table."""
    return [row[0] for row in await connection.fetch(_COLUMNS, table.quoted, name)]
