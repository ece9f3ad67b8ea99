"""Statements: a Plan as the fewest SQL statements. Pure; nothing is executed here.

Changes of one rank, one table, one kind and one set of columns share a statement. Inserts of many rows go by binary
COPY (faster than anything else at every size). Updates and deletes of many rows take arrays through ``unnest``, in
chunks that are pipelined; a single row, and columns that hold lists (``unnest`` would flatten them), go row by row.
Every UPDATE and DELETE states the etag it expects and returns the identifiers it found.

What a statement sends is made of its changes when it is asked for, run by run: so a long commit need not hold all rows,
and the next ones are made while the server is at work on those that were sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from workbench.domain.kinds import EnumKind, Kind, ListKind, OptionalKind, RecordKind
from workbench.state.planning.change import Change, Shape, parted
from workbench.state.planning.plan import Plan
from workbench.state.planning.table import Column, Table, quoted

CHUNK = 100     # rows of one unnest; 50 to 200 were fastest, one big one half as fast again
PORTION = 10_000    # rows sent until a long commit can be cancelled again; a multiple of a chunk
PIECE = 500     # changes that are looked at until others have a turn
# UUIDs compare as their integers do, and those without a call into Python for each comparison.
_BY_IDENTIFIER, _BY_UUID = attrgetter("target.identifier"), attrgetter("target.identifier.int")
_BY_ETAG = attrgetter("before._etag")


class Statement(NamedTuple):
    """One statement for several changes.

    ``kind`` is "insert", "update" or "delete" (a soft delete is an update); ``sql`` its text, with ``$1`` … for the
    values of ``columns``: of an insert all; else the identifier, the etag expected, and what is set. ``width`` says how
    many rows each run takes: 1; of a chunk more, as one array a column; 0 is a COPY, whose runs are its rows."""

    kind: str
    table: Table
    sql: str
    columns: tuple[Column, ...]
    changes: tuple[Change, ...]
    width: int = 1

    @property
    def copied(self) -> tuple[str, ...]:
        """The names of the columns of a COPY; none for other statements."""
        return () if self.width else tuple(column.name for column in self.columns)

    @property
    def parameters(self) -> list[tuple[Any, ...]]:
        """What ``runs`` gives, all at once."""
        return list(self.runs())

    def rows(self, start: int = 0, stop: int | None = None) -> list[tuple[Any, ...]]:
        """One tuple of values for each of some of the changes, in their order, as asyncpg takes them."""
        some = self.changes[start:stop]
        return _rows(self.columns, some) if self.kind == "insert" else list(zip(*self._arrays(some), strict=True))

    def runs(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[Any, ...]]:
        """The parameters of each run, made as they are asked for; ``start`` and ``stop`` are places of changes, and
        multiples of a chunk."""
        end = len(self.changes) if stop is None else min(stop, len(self.changes))
        step = self.width if self.width > 1 else PIECE
        for begin in range(start, end, step):
            if self.width > 1:
                yield tuple(self._arrays(self.changes[begin:min(begin + step, end)]))
            else:
                yield from self.rows(begin, min(begin + step, end))

    def _arrays(self, some: Sequence[Change]) -> list[Sequence[Any]]:
        """The values of some changes, a sequence a column: of an update or delete."""
        keys: list[Sequence[Any]] = [list(map(_BY_IDENTIFIER, some)), _etags(some)]
        return keys if len(self.columns) == len(keys) else [*keys, *zip(*_rows(self.columns[2:], some), strict=True)]


def compiled(plan: Plan) -> list[Statement]:
    """The statements of a plan, in the order in which they must run."""
    return [statement for statement in in_pieces(plan) if statement is not None]


def in_pieces(plan: Plan) -> Iterator[Statement | None]:
    """The same one after the other, and None in between where others may have a turn.

    Where a rank begins with new rows, their statement is made before anything of the others is looked at: what differs
    in a changed item is then found out while the server takes the new ones."""
    for rank in plan.ranks:
        rest = rank
        if rank[0].kind == "insert":
            first, rest = parted(rank, rank[0].shape)
            yield _statement(plan, rank[0].shape, first)
        groups: dict[Shape, list[Change]] = {}
        latest: Shape | None = None
        for start in range(0, len(rest), PIECE):
            for change in rest[start:start + PIECE]:
                if change.shape is not latest:      # mostly it is the one before, and need not be hashed
                    latest = change.shape
                    group = groups.setdefault(latest, [])
                group.append(change)
            yield None
        for shape, changes in groups.items():
            yield _statement(plan, shape, changes)


def _statement(plan: Plan, shape: Shape, changes: list[Change]) -> Statement:
    table = plan.tables[shape.kindred]
    if shape.kind == "insert":
        return _insert(table, changes)
    if shape.kind == "delete" and not shape.columns:
        return _delete(table, _sorted(changes))
    return _update(table, _sorted(changes), shape.columns)


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
    if len(changes) == 1:
        places = ", ".join(f"${place}::{column.type}" for place, column in enumerate(table.columns, 1))
        sql = f"INSERT INTO {table.quoted} ({names}) VALUES ({places})"
        return Statement("insert", table, sql, table.columns, tuple(changes))
    sql = f"COPY {table.quoted} ({names}) FROM STDIN (FORMAT binary)"
    return Statement("insert", table, sql, table.columns, tuple(changes), 0)


def _update(table: Table, changes: list[Change], fields: tuple[str, ...]) -> Statement:
    changed = [column for column in table.columns if column.field in fields]
    key, etag = column_of(table, "_id"), column_of(table, "_etag")
    columns, kind = (key, etag, *changed), changes[0].kind
    if len(changes) == 1 or any(_is_list(column.kind) for column in changed):
        sets = ", ".join(f"{quoted(column.name)} = ${place}::{column.type}" for place, column in enumerate(changed, 3))
        sql = (f"UPDATE {table.quoted} SET {sets} WHERE {quoted(key.name)} = $1::{key.type} "
               f"AND {quoted(etag.name)} {_equals(changes)} $2::{etag.type} RETURNING {quoted(key.name)}")
        return Statement(kind, table, sql, columns, tuple(changes))
    sets = ", ".join(f"{quoted(column.name)} = new.{quoted(column.name)}" for column in changed)
    sql = f"UPDATE {table.quoted} AS old SET {sets} FROM {_unnested(columns)} {_matching(key, etag, changes)}"
    return Statement(kind, table, sql, columns, tuple(changes), CHUNK)


def _delete(table: Table, changes: list[Change]) -> Statement:
    key, etag = column_of(table, "_id"), column_of(table, "_etag")
    if len(changes) == 1:
        sql = (f"DELETE FROM {table.quoted} WHERE {quoted(key.name)} = $1::{key.type} "
               f"AND {quoted(etag.name)} {_equals(changes)} $2::{etag.type} RETURNING {quoted(key.name)}")
        return Statement("delete", table, sql, (key, etag), tuple(changes))
    sql = f"DELETE FROM {table.quoted} AS old USING {_unnested((key, etag))} {_matching(key, etag, changes)}"
    return Statement("delete", table, sql, (key, etag), tuple(changes), CHUNK)


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
    return "IS NOT DISTINCT FROM" if None in _etags(changes) else "="


def _etags(changes: Sequence[Change]) -> list[str | None]:
    """The etags that the rows of changes of one shape must have."""
    return [change.etag for change in changes] if changes[0].part else list(map(_BY_ETAG, changes))


def _rows(columns: Sequence[Column], changes: Sequence[Change]) -> list[tuple[Any, ...]]:
    """What changes of one shape write into some columns, a tuple an item."""
    fields = [column.field for column in columns]
    if changes[0].parked is not None:
        rows = [tuple([(change.parked or {})[field] for field in fields]) for change in changes]
    elif len(fields) > 1:       # all columns of an item at once, in C
        rows = list(map(attrgetter(*fields), [change.after for change in changes]))
    else:
        rows = [(getattr(change.after, fields[0]),) for change in changes]
    withheld = changes[0].shape.withheld
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
