"""Statements: a Plan as the fewest SQL statements. Pure; nothing is executed here.

Changes of one rank, one table, one kind and one set of columns share a statement. Inserts of many rows go by binary
COPY (faster than anything else at every size). Updates and deletes of many rows take arrays through ``unnest``, in
chunks that are pipelined, and smaller where values are long; a single row, and columns that hold lists (``unnest``
would flatten them), go row by row.
Every UPDATE and DELETE states the etag it expects and returns the identifiers it found.

What a statement sends is made of its changes when it is asked for, run by run: so a long commit need not hold all rows,
and the next ones are made while the server is at work on those that were sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from workbench.domain.resource import Target
from workbench.postgres.encoding import encoder, is_list
from workbench.postgres.json_codec import all_json_bytes
from workbench.postgres.writing.guards import etag_equals, lock_order
from workbench.state.planning.block import PIECE, Block
from workbench.state.planning.change import Shape
from workbench.state.planning.plan import Plan
from workbench.state.planning.table import Column, Table, quoted

CHUNK = 100     # rows of one unnest; 50 to 200 were fastest, one big one half as fast again
LONGEST = 1 << 24       # signs or bytes of the values of one chunk; the server takes no message of more than a gigabyte
MOST = 1 << 30          # signs or bytes of one row: no more go into a message, nor into a row
_NO_BINARY = frozenset({"citext", "citext[]"})      # types that asyncpg sends as text: they cannot go by binary COPY


class TooLong(ValueError):
    """Says that the row of a ``target`` is longer than any that Postgres takes: if sent, it would end the connection.
    """

    def __init__(self, target: Target, length: int) -> None:
        self.target = target
        super().__init__(f"its values are {length:,} bytes or more together, and Postgres takes no row of more than a "
                         "gigabyte")


class Statement(NamedTuple):
    """One statement for several changes.

    ``kind`` is "insert", "update" or "delete" (also a soft one, an UPDATE); ``sql`` its text, with ``$1`` … for the
    values of ``columns``: of an insert all; else the identifier, the etag expected, and what is set. ``width`` is how
    many rows a run takes at most: 1; of a chunk more, as one array a column; 0 is a COPY, whose runs are its rows."""

    kind: str
    table: Table
    sql: str
    columns: tuple[Column, ...]
    changes: Block
    width: int = 1

    @property
    def copied(self) -> tuple[str, ...]:
        """The names of the columns of a COPY; none for other statements."""
        return () if self.width else tuple(column.name for column in self.columns)

    @property
    def parameters(self) -> list[tuple[Any, ...]]:
        """What ``runs`` gives, all at once."""
        return list(self.runs())

    @property
    def returning(self) -> str:
        """The text that gives the identifier of each row it has written, as updates and deletes do anyway."""
        if self.kind != "insert":
            return self.sql
        return f"{self.sql} RETURNING {quoted(self.table.column('_id').name)}"

    @property
    def shape(self) -> Shape:
        """What its changes have in common."""
        assert self.changes.shape is not None
        return self.changes.shape

    def values(self, some: slice) -> Iterator[list[Any]]:
        """What some of the new rows of an insert hold, a list a column."""
        return self._values(self.columns, some)

    def rows(self, start: int = 0, stop: int | None = None) -> list[tuple[Any, ...]]:
        """One tuple of values for each of some of the changes, in their order, as asyncpg takes them."""
        some = slice(start, stop)
        if self.kind != "insert":
            return list(zip(*self._arrays(some), strict=True))
        if len(self.columns) > 1 and not self.shape.withheld and not any(encoder(it.kind) for it in self.columns):
            fields = [column.field for column in self.columns]      # all columns of an item at once, in C
            return list(map(attrgetter(*fields), self.changes.afters[some]))
        return list(zip(*self.values(some), strict=True))

    def runs(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[Any, ...]]:
        """The parameters of each run, made as they are asked for; ``start`` and ``stop`` are places of changes, and
        multiples of a chunk. Raises TooLong."""
        end = len(self.changes) if stop is None else min(stop, len(self.changes))
        step = self.width if self.width > 1 else PIECE
        for begin in range(start, end, step):
            if self.width > 1:
                yield from self._chunks(begin, min(begin + step, end))
            else:
                for place, row in enumerate(self.rows(begin, min(begin + step, end)), begin):
                    if self.width:
                        self._check_length(place, sum(map(_length, self.columns, zip(row, strict=True))))
                    yield row

    def check_lengths(self, some: slice, length: int) -> None:
        """Raises TooLong for the first of some new rows that is longer than any that Postgres takes; ``length`` is how
        many bytes they are together."""
        if length > MOST:
            for place, row in enumerate(self.rows(some.start, some.stop), some.start):
                self._check_length(place, sum(map(_length, self.columns, zip(row, strict=True))))

    def _check_length(self, place: int, length: int) -> None:
        if length > MOST:
            raise TooLong(self.changes[place].target, length)

    def _chunks(self, begin: int, end: int) -> Iterator[tuple[Any, ...]]:
        """The arrays of a chunk; of its halves, one after the other, where they are too long together."""
        arrays = self._arrays(slice(begin, end))
        length = sum(map(_length, self.columns[2:], arrays[2:]))
        if end - begin > 1 and length > LONGEST:
            middle = (begin + end) // 2
            yield from self._chunks(begin, middle)
            yield from self._chunks(middle, end)
        else:
            self._check_length(begin, length)
            yield tuple(arrays)

    def _arrays(self, some: slice) -> list[Sequence[Any]]:
        """The values of some changes of an update or delete, a sequence a column."""
        identifiers = [target[2] for target in self.changes.targets[some]]
        return [identifiers, self.changes.etags(some), *self._values(self.columns[2:], some)]

    def _values(self, columns: Sequence[Column], some: slice) -> Iterator[list[Any]]:
        """What some changes write into some columns, a list a column."""
        for column in columns:
            if column.field in self.shape.withheld:
                yield [None] * len(self.changes.targets[some])
                continue
            if self.shape.part == "park":
                values = [(change.parked or {})[column.field] for change in self.changes[some]]
            else:
                values = list(map(attrgetter(column.field), self.changes.afters[some]))
            encode = encoder(column.kind)
            yield values if encode is None else [encode(value) for value in values]


def _length(column: Column, values: Sequence[Any]) -> int:
    """How long the values of a column are together, where they can be long at all."""
    if column.type in ("json", "jsonb"):
        return sum(map(len, all_json_bytes(values)))
    if column.field.startswith("_") or column.kind.bare.annotation not in (str, bytes):
        return 0
    return sum(map(len, filter(None, values)))


def compiled(plan: Plan) -> list[Statement]:
    """The statements of a plan, in the order in which they must run."""
    return [statement for statement in in_pieces(plan) if statement is not None]


def in_pieces(plan: Plan) -> Iterator[Statement | None]:
    """The same one after the other, and None in between where others may have a turn.

    Within a rank, what was touched first goes first: of rules that only the database knows, an author's order is the
    best guess. Of a Block nothing is looked at before its turn: what differs in changed items is found out while the
    server takes the new ones."""
    for rank in plan.ranks:
        for block in sorted(rank.blocks, key=lambda block: block.entries[0].place):
            for part in block.alike():
                yield None if part is None else _statement(plan, part)


def _statement(plan: Plan, block: Block) -> Statement:
    assert block.shape is not None
    table, columns = plan.tables[block.shape.kindred], block.shape.columns
    if block.kind == "insert":
        return _insert(table, block)
    return _update(table, _sorted(block), columns) if columns else _delete(table, _sorted(block))


def _sorted(block: Block) -> Block:
    """In the order of locking: two commits that lock the same rows in the same order do not deadlock."""
    return block.some(lock_order([target[2] for target in block.targets]))


# ------------------------------------------------------------------------------------------------ the three kinds

def _insert(table: Table, changes: Block) -> Statement:
    names = ", ".join(quoted(column.name) for column in table.columns)
    # Postgres takes no COPY into a table with row-level security, and passes by its rules.
    if (len(changes) == 1 or table.guarded or table.rewrites
            or any(column.type in _NO_BINARY for column in table.columns)):
        places = ", ".join(f"${place}::{column.type}" for place, column in enumerate(table.columns, 1))
        sql = f"INSERT INTO {table.quoted} ({names}) VALUES ({places})"
        return Statement("insert", table, sql, table.columns, changes)
    sql = f"COPY {table.quoted} ({names}) FROM STDIN (FORMAT binary)"
    return Statement("insert", table, sql, table.columns, changes, 0)


def _update(table: Table, changes: Block, fields: tuple[str, ...]) -> Statement:
    changed = [column for column in table.columns if column.field in fields]
    key, etag = table.column("_id"), table.column("_etag")
    columns, kind = (key, etag, *changed), changes.kind
    if len(changes) == 1 or any(is_list(column.kind) for column in changed):
        sets = ", ".join(f"{quoted(column.name)} = ${place}::{column.type}" for place, column in enumerate(changed, 3))
        sql = (f"UPDATE {table.quoted} SET {sets} WHERE {quoted(key.name)} = $1::{key.type} "
               f"AND {quoted(etag.name)} {etag_equals(changes.etags())} $2::{etag.type} RETURNING {quoted(key.name)}")
        return Statement(kind, table, sql, columns, changes)
    sets = ", ".join(f"{quoted(column.name)} = new.{quoted(column.name)}" for column in changed)
    sql = f"UPDATE {table.quoted} AS old SET {sets} FROM {_unnested(columns)} {_matching(columns, changes)}"
    return Statement(kind, table, sql, columns, changes, CHUNK)


def _delete(table: Table, changes: Block) -> Statement:
    key, etag = table.column("_id"), table.column("_etag")
    if len(changes) == 1:
        sql = (f"DELETE FROM {table.quoted} WHERE {quoted(key.name)} = $1::{key.type} "
               f"AND {quoted(etag.name)} {etag_equals(changes.etags())} $2::{etag.type} RETURNING {quoted(key.name)}")
        return Statement("delete", table, sql, (key, etag), changes)
    sql = f"DELETE FROM {table.quoted} AS old USING {_unnested((key, etag))} {_matching((key, etag), changes)}"
    return Statement("delete", table, sql, (key, etag), changes, CHUNK)


# ------------------------------------------------------------------------------------------------ their parts

def _unnested(columns: Sequence[Column]) -> str:
    arrays = ", ".join(f"${place}::{column.type}[]" for place, column in enumerate(columns, 1))
    names = ", ".join([*aliases(columns[2:]), *(quoted(column.name) for column in columns[2:])])
    return f"unnest({arrays}) AS new({names})"


def _matching(columns: Sequence[Column], changes: Block) -> str:
    (key, etag, *changed), equals = columns, etag_equals(changes.etags())
    wanted, expected = aliases(changed)
    return (f"WHERE old.{quoted(key.name)} = new.{wanted} AND old.{quoted(etag.name)} {equals} new.{expected} "
            f"RETURNING old.{quoted(key.name)}")


def aliases(changed: Sequence[Column]) -> tuple[str, str]:
    """What the identifier and the expected etag are called beside columns that are set: none of them has the name."""
    names, key, expected = {column.name for column in changed}, "_key", "_expected"
    while key in names:
        key += "_"
    while expected in names:
        expected += "_"
    return key, expected
