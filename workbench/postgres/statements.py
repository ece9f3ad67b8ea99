"""Statements: a Plan as the fewest SQL statements. Pure; nothing is executed here.

Changes of one rank, one table, one kind and one set of columns share a statement. Inserts of many rows go by binary
COPY (faster than anything else at every size). Updates and deletes of many rows take arrays through ``unnest``, in
chunks that are pipelined; a single row, and columns that hold lists (``unnest`` would flatten them), go row by row.
Every UPDATE and DELETE states the etag it expects and returns the identifiers it found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from workbench.domain.kinds import EnumKind, Kind, ListKind, OptionalKind, RecordKind
from workbench.state.change import Change
from workbench.state.plan import Plan
from workbench.state.table import Column, Table, quoted

CHUNK = 100     # rows of one unnest; 50 to 200 were fastest, one big one half as fast again
PORTION = 10_000    # rows sent until a long commit can be cancelled again; a multiple of a chunk
# UUIDs compare as their integers do, and those without a call into Python for each comparison.
_BY_IDENTIFIER, _BY_UUID = attrgetter("target.identifier"), attrgetter("target.identifier.int")


class Statement(NamedTuple):
    """One statement for several changes.

    ``kind`` is "insert", "update" or "delete" (a soft delete is an update); ``sql`` its text, with ``$1`` … for
    ``parameters``: one tuple of values for each run, of which there are several for chunks. ``copied`` names the
    columns of a COPY, whose parameters are the rows."""

    kind: str
    table: Table
    sql: str
    parameters: list[tuple[Any, ...]]
    changes: tuple[Change, ...]
    copied: tuple[str, ...] = ()


def compiled(plan: Plan) -> list[Statement]:
    """The statements of a plan, in the order in which they must run."""
    statements: list[Statement] = []
    for rank in plan.ranks:
        groups: dict[tuple[Any, ...], list[Change]] = {}
        latest: tuple[Any, ...] = ()
        for change in rank:
            shape = change.target[:2], change.kind, change.columns, change.part, change.withheld
            if shape != latest:     # mostly it is the one before: to compare is cheaper than to hash
                group, latest = groups.setdefault(shape, []), shape
            group.append(change)
        for (kindred, kind, columns, _, _), changes in groups.items():
            table = plan.tables[kindred]
            if kind == "insert":
                statements.append(_insert(table, changes))
            elif kind == "delete" and changes[0].after is None:
                statements.append(_delete(table, _sorted(changes)))
            else:
                statements.append(_update(table, _sorted(changes), columns))
    return statements


def _sorted(changes: list[Change]) -> list[Change]:
    """By identifier: two commits that lock the same rows in the same order do not deadlock."""
    by_uuid = isinstance(changes[0].target.identifier, UUID)
    return sorted(changes, key=_BY_UUID if by_uuid else _BY_IDENTIFIER)


def in_lock_order(identifiers: Iterable[Any]) -> list[Any]:
    """Identifiers of one resource in the same order as ``_sorted`` has them."""
    found = list(identifiers)
    return sorted(found, key=attrgetter("int") if found and isinstance(found[0], UUID) else None)


# ------------------------------------------------------------------------------------------------ the three kinds

def _insert(table: Table, changes: list[Change]) -> Statement:
    names = ", ".join(quoted(column.name) for column in table.columns)
    rows = _rows(table.columns, changes)
    if len(changes) == 1:
        places = ", ".join(f"${place}::{column.type}" for place, column in enumerate(table.columns, 1))
        sql = f"INSERT INTO {table.quoted} ({names}) VALUES ({places})"
        return Statement("insert", table, sql, rows, tuple(changes))
    sql = f"COPY {table.quoted} ({names}) FROM STDIN (FORMAT binary)"
    return Statement("insert", table, sql, rows, tuple(changes), tuple(column.name for column in table.columns))


def _update(table: Table, changes: list[Change], fields: tuple[str, ...]) -> Statement:
    changed = [column for column in table.columns if column.field in fields]
    key, etag = column_of(table, "_id"), column_of(table, "_etag")
    values = [*_keys(changes), *zip(*_rows(changed, changes), strict=True)]
    kind = changes[0].kind
    if len(changes) == 1 or any(_is_list(column.kind) for column in changed):
        sets = ", ".join(f"{quoted(column.name)} = ${place}::{column.type}" for place, column in enumerate(changed, 3))
        sql = (f"UPDATE {table.quoted} SET {sets} WHERE {quoted(key.name)} = $1::{key.type} "
               f"AND {quoted(etag.name)} {_equals(changes)} $2::{etag.type} RETURNING {quoted(key.name)}")
        return Statement(kind, table, sql, list(zip(*values, strict=True)), tuple(changes))
    sets = ", ".join(f"{quoted(column.name)} = new.{quoted(column.name)}" for column in changed)
    sql = (f"UPDATE {table.quoted} AS old SET {sets} FROM {_unnested([key, etag, *changed])} "
           f"{_matching(key, etag, changes)}")
    return Statement(kind, table, sql, _chunked(values), tuple(changes))


def _delete(table: Table, changes: list[Change]) -> Statement:
    key, etag = column_of(table, "_id"), column_of(table, "_etag")
    if len(changes) == 1:
        sql = (f"DELETE FROM {table.quoted} WHERE {quoted(key.name)} = $1::{key.type} "
               f"AND {quoted(etag.name)} {_equals(changes)} $2::{etag.type} RETURNING {quoted(key.name)}")
        return Statement("delete", table, sql, list(zip(*_keys(changes), strict=True)), tuple(changes))
    sql = f"DELETE FROM {table.quoted} AS old USING {_unnested([key, etag])} {_matching(key, etag, changes)}"
    return Statement("delete", table, sql, _chunked(_keys(changes)), tuple(changes))


# ------------------------------------------------------------------------------------------------ their parts

def _unnested(columns: Sequence[Column]) -> str:
    arrays = ", ".join(f"${place}::{column.type}[]" for place, column in enumerate(columns, 1))
    names = ", ".join(["_key", "_expected", *(quoted(column.name) for column in columns[2:])])
    return f"unnest({arrays}) AS new({names})"


def _matching(key: Column, etag: Column, changes: Sequence[Change]) -> str:
    return (f"WHERE old.{quoted(key.name)} = new._key AND old.{quoted(etag.name)} {_equals(changes)} new._expected "
            f"RETURNING old.{quoted(key.name)}")


def _equals(changes: Sequence[Change]) -> str:
    """How etags are compared: a row that never had one is NULL there."""
    return "IS NOT DISTINCT FROM" if any(change.etag is None for change in changes) else "="


def _keys(changes: Sequence[Change]) -> list[list[Any]]:
    return [list(map(_BY_IDENTIFIER, changes)), [change.etag for change in changes]]


def _chunked(columns: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    count = len(columns[0])
    return [tuple(values[start:start + CHUNK] for values in columns) for start in range(0, count, CHUNK)]


def _rows(columns: Sequence[Column], changes: Sequence[Change]) -> list[tuple[Any, ...]]:
    """What changes of one shape write into some columns, a tuple an item."""
    fields = [column.field for column in columns]
    if changes[0].parked is not None:
        rows = [tuple([(change.parked or {})[field] for field in fields]) for change in changes]
    elif len(fields) > 1:       # all columns of an item at once, in C
        rows = list(map(attrgetter(*fields), [change.after for change in changes]))
    else:
        rows = [(getattr(change.after, fields[0]),) for change in changes]
    withheld = changes[0].withheld
    encoders = {place: encode for place, column in enumerate(columns) if (encode := encoder(column.kind)) is not None}
    if not encoders and not withheld:
        return rows
    values: list[Sequence[Any]] = list(zip(*rows, strict=True))
    for place, encode in encoders.items():
        values[place] = [encode(value) for value in values[place]]
    for field in withheld:
        values[fields.index(field)] = [None] * len(rows)
    return list(zip(*values, strict=True))


def column_of(table: Table, field: str) -> Column:
    """The column of a field of a table."""
    return next(column for column in table.columns if column.field == field)


def encoder(kind: Kind) -> Callable[[Any], Any] | None:
    """What makes a field's value one that asyncpg takes; None where it takes it as it is."""
    inner = kind.inner if isinstance(kind, OptionalKind) else kind
    if any(isinstance(part, EnumKind | RecordKind) for part in _parts(inner)) or _is_nested(inner):
        return kind.dump
    return None


def _is_list(kind: Kind) -> bool:
    """Whether values are lists: asyncpg takes a list of those for an array of more dimensions, jsonb or not."""
    inner = kind.inner if isinstance(kind, OptionalKind) else kind
    return isinstance(inner, ListKind) or inner.annotation is list


def _parts(kind: Kind) -> Iterator[Kind]:
    yield kind
    if isinstance(kind, ListKind | OptionalKind):
        yield from _parts(kind.inner)


def _is_nested(kind: Kind) -> bool:
    """A list of lists is stored as jsonb, its members as JSON has them."""
    return isinstance(kind, ListKind) and any(isinstance(part, ListKind) for part in _parts(kind.inner))
