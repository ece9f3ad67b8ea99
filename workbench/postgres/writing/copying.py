"""Copying: new rows by COPY, encoded here where the types of all columns allow that (binary.py), else by the driver."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from workbench.postgres.writing.binary import BEGINNING, END, row_encoder
from workbench.postgres.writing.statements import Statement

LONGEST = 1 << 20       # bytes that are sent at once; the server takes no message of more than a gigabyte


async def copy(connection: Any, statement: Statement, batches: AsyncGenerator[slice, None]) -> int:
    """Sends the rows of a statement, given as the places of some at a time; gives how many the server took.

    Raises what asyncpg raises; of a value that its column cannot hold an ArithmeticError, TypeError or ValueError."""
    encode = row_encoder(statement.columns)

    async def encoded() -> AsyncIterator[bytes]:
        assert encode is not None
        yield BEGINNING
        async for some in batches:
            raw = encode(list(statement.values(some)))
            if len(raw) <= LONGEST:
                yield raw
                continue
            for start in range(0, len(raw), LONGEST):
                yield raw[start:start + LONGEST]
        yield END

    async def rows() -> AsyncIterator[tuple[Any, ...]]:
        async for some in batches:
            for row in statement.rows(some.start, some.stop):
                yield row

    name, schema, columns = statement.table.name, statement.table.schema, statement.copied
    async with aclosing(batches):
        if encode is None:
            done = await connection.copy_records_to_table(name, schema_name=schema, columns=columns, records=rows())
        else:
            done = await connection.copy_to_table(
                name, schema_name=schema, columns=columns, source=encoded(), format="binary")
    return int(done.split()[-1])


async def at_once(statement: Statement) -> AsyncGenerator[slice, None]:
    """The places of all rows."""
    yield slice(0, len(statement.changes))
