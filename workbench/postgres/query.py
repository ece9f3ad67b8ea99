"""Query: reads rows and makes items of them; the Postgres room's implementation of the State's Reader.

What is stored is validated as it is read: a row that does not fit its Resource is refused, with the row named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from workbench.domain.compiled import loader_of
from workbench.domain.datadef import restored
from workbench.domain.registry import Kindred, Registry
from workbench.domain.resource import Identifier, Resource, Target
from workbench.errors import DatabaseError, Invalid, TablesDiffer
from workbench.postgres.driver_errors import DRIVER_ERRORS, translate
from workbench.postgres.encoding import encoded
from workbench.postgres.engine import Engine
from workbench.state.planning.table import Table, quoted
from workbench.state.progress import Progress
from workbench.state.reader import matches
from workbench.state.uncollected import uncollected

_UNREADABLE = (ValueError, OverflowError)       # as asyncpg's decoders raise them
PORTION = 10_000    # rows read or sent until a long verb can be cancelled again; a multiple of a chunk (statements.py)


class PostgresReader:
    """Reads the items of a registry's resources from their tables, one query a call."""

    def __init__(self, engine: Engine, registry: Registry, tables: Mapping[Kindred, Table]) -> None:
        self._engine, self._registry, self.tables = engine, registry, tables
        self._makers: dict[Kindred, _Maker] = {}
        self.unfit: TablesDiffer | None = None      # raised in place of reading from tables that do not fit

    def check_fit(self) -> None:
        """Raises TablesDiffer where the tables do not fit their definitions."""
        if self.unfit is not None:
            raise self.unfit

    async def load(
        self, kindred: Kindred, identifiers: Sequence[Identifier], *, progress: Progress | None = None,
    ) -> list[Resource]:
        """The stored items of some identifiers, all as they were at one moment. ``progress(done, total)`` is called as
        they come, and once all are there; what it raises ends the reading, as cancelling does."""
        self.check_fit()
        items: list[Resource] = []
        with uncollected(len(identifiers)):     # between portions, too: it would look at all that has come so far
            async with self._engine.acquire(doing=f"reading {kindred[0]}:{kindred[1]}", tidy=True) as connection:
                if len(identifiers) <= PORTION:
                    items = await self.load_with(connection, kindred, identifiers)
                else:       # one query, by a cursor: so many records need not be there twice
                    async with connection.transaction(readonly=True):
                        cursor = await connection.cursor(self._query(kindred), list(identifiers))
                        while rows := await self._next(kindred, cursor):
                            items += self._items(kindred, rows)
                            if progress is not None:
                                progress(min(len(items), len(identifiers) - 1), len(identifiers))
        if progress is not None:
            progress(len(identifiers), len(identifiers))
        return items

    async def _next(self, kindred: Kindred, cursor: Any) -> Any:
        try:
            return await cursor.fetch(PORTION)
        except _UNREADABLE as error:
            raise _unreadable(self.tables[kindred], error) from error

    async def load_with(
        self, connection: Any, kindred: Kindred, identifiers: Sequence[Identifier], *, deleted: bool = False,
    ) -> list[Resource]:
        """The stored items of some identifiers, read on a given connection; soft-deleted ones too if ``deleted``."""
        try:
            rows = await connection.fetch(self._query(kindred, deleted=deleted), list(identifiers))
        except _UNREADABLE as error:
            raise _unreadable(self.tables[kindred], error) from error
        return self._items(kindred, rows)

    async def stored(self, targets: Iterable[Target], *, doing: str) -> dict[Target, Resource | None]:
        """Items as they are stored now, soft-deleted ones too; None for those that are not. ``doing`` is for errors."""
        async with self._engine.acquire(doing=doing, tidy=True) as connection:
            return await self.stored_with(connection, targets)

    async def stored_with(self, connection: Any, targets: Iterable[Target]) -> dict[Target, Resource | None]:
        """``stored`` on a given connection, within its transaction."""
        found: dict[Target, Resource | None] = dict.fromkeys(targets)
        for kindred in sorted({target[:2] for target in found}):
            identifiers = [target.identifier for target in found if target[:2] == kindred]
            for item in await self.load_with(connection, kindred, identifiers, deleted=True):
                found[Target(*kindred, item._id)] = item
        return found

    def _query(self, kindred: Kindred, *, deleted: bool = False) -> str:
        table = self.tables[kindred]
        key = table.column("_id")
        return (f"{_select(table)} WHERE {quoted(key.name)} = ANY($1::{key.type}[])"
                f"{'' if deleted else table.alive}")

    async def find(self, kindred: Kindred, equals: Mapping[str, Any]) -> list[Resource]:
        self.check_fit()
        async with self._engine.acquire(doing=f"searching {kindred[0]}:{kindred[1]}", tidy=True) as connection:
            return await self.find_with(connection, kindred, equals)

    async def find_with(self, connection: Any, kindred: Kindred, equals: Mapping[str, Any]) -> list[Resource]:
        """``find`` on a given connection, within its transaction."""
        table = self.tables[kindred]
        conditions, values = [], []
        for field, value in equals.items():
            column = table.column(field)
            if value is None:
                conditions.append(f"{quoted(column.name)} IS NULL")
            else:
                values.append(encoded(column.kind, value))
                conditions.append(f"{quoted(column.name)} = ${len(values)}::{column.type}")
        where = " AND ".join(conditions) or "TRUE"
        try:
            rows = await connection.fetch(f"{_select(table)} WHERE {where}{table.alive}", *values)
        except _UNREADABLE as error:
            raise _unreadable(table, error) from error
        items = self._items(kindred, rows)
        # To jsonb 1 and 1.0 are equal, and to whoever looks at what is pending they are not.
        nested = {field: value for field, value in equals.items() if table.column(field).type == "jsonb"}
        return [item for item in items if matches(item, nested)] if nested else items

    def _items(self, kindred: Kindred, rows: Sequence[Any]) -> list[Resource]:
        maker = self._maker(kindred)
        items: list[Resource] = []
        with uncollected(len(rows)):
            left = iter(rows)
            maker.load(left, items)
            while len(items) < len(rows):       # it stopped at a row that is not as its class keeps it
                items.append(maker.item(rows[len(items)]))
                maker.load(left, items)
        return items

    def _maker(self, kindred: Kindred) -> _Maker:
        """What makes items of a resource's rows; another one where its class or its table has been replaced."""
        cls, table = self._registry.resource(kindred), self.tables[kindred]
        maker = self._makers.get(kindred)
        if maker is None or maker.cls is not cls or maker.table is not table:
            fields = [column.field for column in table.columns]
            maker = self._makers[kindred] = _Maker(cls, table, fields, loader_of(cls, fields))
        return maker


class _Maker(NamedTuple):
    """Makes items of the rows of a table: ``load`` many of them, ``item`` one, which says what is wrong with it."""

    cls: type[Resource]
    table: Table
    fields: Sequence[str]
    load: Callable[[Iterator[Any], list[Any]], Any]

    def item(self, row: Any) -> Resource:
        try:
            item: Resource = restored(self.cls, dict(zip(self.fields, map(_aware, row), strict=True)))
            return item
        except Invalid as invalid:
            target = Target(*self.table.kindred, row[self.fields.index("_id")])
            raise Invalid(f"the stored row of {target}", invalid.problems) from None


def _unreadable(table: Table, error: Exception) -> Exception:
    """What to raise where a stored value has no like in Python: a day or moment before the year 1 or after 9999."""
    if isinstance(error, DRIVER_ERRORS):        # some are ValueErrors as well
        return translate(error, doing=f"reading {table.kindred[0]}:{table.kindred[1]}")
    names = [quoted(column.name) for column in table.columns
             if column.type.startswith(("date", "timestamp")) and not column.type.endswith("[]")]
    outside = " OR ".join(f"{name} NOT BETWEEN '0001-01-02' AND '9999-12-30'" for name in names)
    return DatabaseError(
        f"a row of {table.name} holds a value that Python has no like of ({error}): perhaps a day before the year 1 or "
        "after 9999; mend it in the database"
        + (f". To find it: SELECT * FROM {table.quoted} WHERE {outside}" if names else ""))


def _aware(value: Any) -> Any:
    """A stored value; asyncpg has a moment without end, which it makes of ``datetime.max`` too, without a time zone."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return [_aware(member) for member in value] if isinstance(value, list) else value


def _select(table: Table) -> str:
    return f"SELECT {', '.join(quoted(column.name) for column in table.columns)} FROM {table.quoted}"
