"""Explain: what Postgres expects of each statement of a plan: its way to the rows, how many there are, at what cost.

Nothing is run: EXPLAIN without ANALYZE, in a transaction that can only read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import asyncpg
import msgspec

from workbench.errors import DatabaseError
from workbench.postgres.engine import Engine
from workbench.postgres.trial.savepoints import undone
from workbench.postgres.writing.statements import Statement, TooLong, compiled
from workbench.state.planning.plan import Plan
from workbench.state.planning.table import quoted
from workbench.state.uncollected import uncollected


class Explained(NamedTuple):
    """Estimates of one statement, all its runs together; costs are in units of the server's (one page read is 1).

    ``operation`` is "Insert", "Update" or "Delete"; ``nodes`` are the server's steps below it, each indented by its
    depth; ``rows`` how many rows it expects to write, which is a guess where the ``items`` are what there is."""

    statement: str
    operation: str
    table: str
    rows: int
    startup_cost: float
    total_cost: float
    items: int
    runs: int
    nodes: tuple[str, ...]

    def __repr__(self) -> str:
        runs = f" in {self.runs} runs" if self.runs > 1 else ""
        return "\n".join([f"{self.operation} {self.table}: {self.items} items, {self.rows} rows expected, "
                          f"cost {self.total_cost:.2f}{runs}", *(f"  {node}" for node in self.nodes)])


async def explain(engine: Engine, plan: Plan) -> list[Explained]:
    """The estimates of every statement of a plan, in their order.

    A COPY is explained as the INSERT of as many rows. Of a statement that runs several times the first and the last run
    are asked for. Raises ConnectionLost, DatabaseError."""
    with uncollected(len(plan)):
        statements = compiled(plan)
    async with engine.acquire(doing="explaining the plan") as connection, undone(connection, readonly=True):
        return [await _explained(connection, statement) for statement in statements]


async def _explained(connection: asyncpg.Connection, statement: Statement) -> Explained:
    try:
        sql, parameters = statement.sql, statement.parameters
    except TooLong as error:
        raise DatabaseError(f"{error.target}: {error}") from None
    first, last, runs = parameters[0], parameters[-1], len(parameters)
    if statement.copied:
        names = ", ".join(quoted(column.name) for column in statement.table.columns)
        values = ", ".join(f"${place}::{column.type}" for place, column in enumerate(statement.table.columns, 2))
        sql = f"INSERT INTO {statement.table.quoted} ({names}) SELECT {values} FROM generate_series(1, $1::bigint)"
        first, runs = (runs, *first), 1
    top = await _asked(connection, sql, first)
    rows, startup, total = _estimates(top)
    if runs > 1:
        of_last = _estimates(await _asked(connection, sql, last))
        rows, total = rows * (runs - 1) + of_last[0], total * (runs - 1) + of_last[2]
    return Explained(statement.sql, top["Operation"], statement.table.name, rows, startup, total,
                     len(statement.changes), runs, tuple(_nodes(top, 0))[1:])


async def _asked(connection: asyncpg.Connection, sql: str, parameters: tuple[Any, ...]) -> dict[str, Any]:
    answer = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *parameters)
    top: dict[str, Any] = (answer if isinstance(answer, list) else msgspec.json.decode(answer))[0]["Plan"]
    return top


def _estimates(top: dict[str, Any]) -> tuple[int, float, float]:
    """Rows, startup cost and total cost; what an INSERT writes is told by the node below it."""
    source = (top.get("Plans") or [top])[0]
    return int(source["Plan Rows"]), float(top["Startup Cost"]), float(top["Total Cost"])


def _nodes(node: dict[str, Any], depth: int) -> Iterator[str]:
    parts = [node["Node Type"]]
    if "Index Name" in node:
        parts.append(f"using {node['Index Name']}")
    if "Relation Name" in node or "Function Name" in node or "Alias" in node:
        parts.append(f"on {node.get('Relation Name') or node.get('Function Name') or node['Alias']}")
    yield "  " * (depth - 1) + " ".join(parts)
    for inner in node.get("Plans", ()):
        yield from _nodes(inner, depth + 1)
