"""Copying: new rows by COPY, encoded here where the types of all columns allow that (binary.py), else by the driver."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from workbench.errors import TablesDiffer
from workbench.postgres.writing.binary import BEGINNING, END, row_encoder
from workbench.postgres.writing.statements import Statement
from workbench.state.planning.table import Column, quoted

PART = 1 << 20          # bytes that are sent at once; the server takes no message of more than a gigabyte


async def copy(connection: Any, statement: Statement, batches: AsyncGenerator[slice, None]) -> int:
    """Sends the rows of a statement, given as the places of some at a time; gives how many the server took.

    Raises what asyncpg raises; of a value that its column cannot hold an ArithmeticError, TypeError or ValueError;
    TooLong, where rows are encoded here; and TablesDiffer where a column has another type by now."""
    await _check_types(connection, statement)
    encode = row_encoder(statement.columns)

    async def encoded() -> AsyncIterator[bytes]:
        assert encode is not None
        yield BEGINNING
        async for some in batches:
            raw = encode(list(statement.values(some)))
            if len(raw) <= PART:
                yield raw
                continue
            statement.check_lengths(some, len(raw))
            for start in range(0, len(raw), PART):
                yield raw[start:start + PART]
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


async def _check_types(connection: Any, statement: Statement) -> None:
    """Raises TablesDiffer where a column is not of the type that its values are encoded for.

    Of a COPY the server casts nothing: the eight bytes of a bigint would be a double precision of another value. What
    is asked here, mostly by a statement that is prepared already, has the table locked against others who alter it
    until the transaction ends. Who encodes arrays finds out by their members' type, which is sent along."""
    columns = [column for column in statement.columns if not column.type.endswith("[]")]
    alike = " AND ".join(f"pg_typeof(there.{quoted(it.name)}) = pg_typeof(NULL::{it.type})" for it in columns)
    there = f"(SELECT) AS one LEFT JOIN {statement.table.quoted} AS there ON false"
    if alike and not await connection.fetchval(f"SELECT {alike} FROM {there}"):
        await _compare_types(connection, statement, columns)


async def _compare_types(connection: Any, statement: Statement, columns: list[Column]) -> None:
    """Raises TablesDiffer for columns of other types; one of a domain is told as of the type under it, and is none."""
    wanted = list(dict.fromkeys(column.type for column in columns))
    asked = [*(quoted(column.name) for column in columns), *map("NULL::{}".format, wanted)]
    prepared = await connection.prepare(f"SELECT {', '.join(asked)} FROM {statement.table.quoted} LIMIT 0", name="")
    types = [attribute.type for attribute in prepared.get_attributes()]
    known = dict(zip(wanted, types[len(columns):], strict=True))
    faults = [
        f'{statement.table.name}: the column "{column.name}" is '
        f"{await connection.fetchval('SELECT format_type($1, NULL)', there.oid)} in the database, but {column.type} in "
        "the definition" for column, there in zip(columns, types, strict=False)
        if there.oid != known[column.type].oid]
    if faults:
        raise TablesDiffer(faults)


async def at_once(statement: Statement) -> AsyncGenerator[slice, None]:
    """The places of all rows."""
    yield slice(0, len(statement.changes))
