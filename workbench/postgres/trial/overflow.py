"""Overflow: the columns of a change whose values are too long or too great for them.

Postgres tells the type that a value does not fit, ``character varying(30)``, and neither the column nor the value.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import asyncpg

from workbench.postgres.encoding import encoded
from workbench.postgres.writing.misfit import is_over
from workbench.state.planning.change import Change
from workbench.state.planning.table import Table

OVERFLOWS: Final = (asyncpg.StringDataRightTruncationError, asyncpg.NumericValueOutOfRangeError)
# A type modifier is the length, or precision and scale (11 bits, with a sign), and four.
_LIMITS = """
SELECT attname, CASE WHEN atttypid = 'numeric'::regtype THEN (atttypmod - 4) >> 16 ELSE atttypmod - 4 END AS most,
  CASE WHEN atttypid = 'numeric'::regtype THEN ((atttypmod - 4 & 2047) # 1024) - 1024 END AS scale
FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND atttypmod > 3
  AND atttypid IN ('varchar'::regtype, 'bpchar'::regtype, 'numeric'::regtype)"""


async def overflowing(connection: asyncpg.Connection, table: Table, change: Change) -> list[str]:
    """The fields of a change that its columns cannot hold, in the order of the table."""
    item: Any = change.before if change.after is None else change.after
    limits = {name: (most, scale) for name, most, scale in await connection.fetch(_LIMITS, table.quoted)}
    return [column.field for column in table.columns if column.name in limits
            and _is_over(encoded(column.kind, getattr(item, column.field)), *limits[column.name])]


def _is_over(value: Any, most: int, scale: int | None) -> bool:
    if isinstance(value, str) and scale is None:
        return len(value.rstrip(" ")) > most        # blanks that are too many are cut off, by the SQL standard
    return isinstance(value, Decimal | int) and scale is not None and is_over(value, most, scale)
