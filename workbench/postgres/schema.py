"""Schema: creates the tables that are missing, and says how those that are there differ from the definitions.

``prepare`` reads the catalogue once for all tables. It never alters or drops anything: a table that does not fit is a
``TablesDiffer``. What is missing is created in one transaction, under a lock, so that two kernels that open the same
domain at once do not get into each other's way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.schema import CreateIndex, CreateTable

from workbench.domain.kinds import OptionalKind
from workbench.errors import TablesDiffer
from workbench.postgres.columns import constraint_name
from workbench.postgres.engine import DRIVER_ERRORS, translate
from workbench.postgres.given import target_of
from workbench.postgres.model import Models
from workbench.state.table import Column, ForeignKey, Table, Unique, quoted

LOCK = 0x776F726B62656E63       # "workbenc": the advisory lock of all who create tables

# The names go in as JSON: an array parameter would cost its introspection, 12 ms, at the first use of a connection.
CATALOGUE = """
SELECT wanted.name, c.oid, c.relkind::text AS kind,
       (SELECT json_agg(json_build_object(
                   'name', a.attname, 'type', format_type(a.atttypid, -1), 'not_null', a.attnotnull,
                   'filled', a.atthasdef OR a.attidentity <> '') ORDER BY a.attnum)
          FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)::text AS columns,
       (SELECT json_agg(json_build_object(
                   'name', f.conname,
                   'columns', (SELECT json_agg(a.attname ORDER BY k.place)
                                 FROM unnest(f.conkey) WITH ORDINALITY AS k(num, place)
                                 JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.num),
                   'parent', f.confrelid::bigint,
                   'parent_columns', (SELECT json_agg(a.attname ORDER BY k.place)
                                        FROM unnest(f.confkey) WITH ORDINALITY AS k(num, place)
                                        JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.num),
                   'deferrable', f.condeferrable))
          FROM pg_constraint f WHERE f.conrelid = c.oid AND f.contype = 'f')::text AS foreign_keys,
       (SELECT json_agg(json_build_object(
                   'name', (SELECT x.relname FROM pg_class x WHERE x.oid = i.indexrelid),
                   'primary', i.indisprimary, 'deferrable', NOT i.indimmediate,
                   'where', pg_get_expr(i.indpred, i.indrelid),
                   'columns', (SELECT json_agg(a.attname ORDER BY array_position(i.indkey::int2[], a.attnum))
                                 FROM pg_attribute a
                                WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]))))
          FROM pg_index i
         WHERE i.indrelid = c.oid AND i.indisunique AND i.indexprs IS NULL)::text AS uniques,
       (SELECT json_object_agg(k.conname, pg_get_constraintdef(k.oid))
          FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c')::text AS checks
  FROM json_array_elements_text($1::text::json) AS wanted(name)
  LEFT JOIN pg_class c ON c.oid = to_regclass(wanted.name)
"""


class _Stored:
    """One table as the catalogue has it; ``oid`` is None where there is none."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.oid: int | None = row["oid"]
        self.kind: str | None = row["kind"]
        self.columns = {column["name"]: column for column in json.loads(row["columns"] or "[]")}
        self.foreign_keys: list[dict[str, Any]] = json.loads(row["foreign_keys"] or "[]")
        self.uniques: list[dict[str, Any]] = json.loads(row["uniques"] or "[]")
        self.checks: dict[str, str] = json.loads(row["checks"] or "{}")


async def prepare(connection: asyncpg.Connection, models: Models) -> list[str]:
    """Creates those tables of a session's models that are missing and returns their names.

    The connection is a raw one of asyncpg's. Nothing is created when any table that is there differs. The Tables of
    the models then have the foreign keys and unique constraints of the database, be they more than was defined.
    Raises TablesDiffer, ConnectionLost, DatabaseError."""
    tables = list(models.tables.values())
    try:
        stored = await _catalogue(connection, tables)
        if all(table.oid is not None for table in stored.values()):
            models.tables.update({table.kindred: as_stored(table, stored, tables) for table in tables})
            return []
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            stored = await _catalogue(connection, tables)       # another kernel may have been here meanwhile
            missing = [table for table in tables if stored[table.quoted].oid is None]
            for statement in ddl(missing):
                await connection.execute(statement)
            stored = await _read(connection, tables)
            models.tables.update({table.kindred: as_stored(table, stored, tables) for table in tables})
    except DRIVER_ERRORS as error:
        raise translate(error, doing="preparing the tables") from error
    return [table.name for table in missing]


async def _read(connection: asyncpg.Connection, tables: Sequence[Table]) -> dict[str, _Stored]:
    """What is stored of each table by its quoted name."""
    names = json.dumps([table.quoted for table in tables])
    return {row["name"]: _Stored(row) for row in await connection.fetch(CATALOGUE, names)}


async def _catalogue(connection: asyncpg.Connection, tables: Sequence[Table]) -> dict[str, _Stored]:
    """What is stored of each table by its quoted name; raises TablesDiffer."""
    stored = await _read(connection, tables)
    found = [line for table in tables if stored[table.quoted].oid is not None
             for line in differences(table, stored, {other.kindred: other for other in tables})]
    if found:
        raise TablesDiffer(found)
    return stored


# ------------------------------------------------------------------------------------------------ what differs

def differences(table: Table, stored: Mapping[str, _Stored], tables: Mapping[Any, Table]) -> Iterator[str]:
    """A line for each thing in which a stored table does not fit its definition."""
    there, name = stored[table.quoted], f"{table.name}, for {table.kindred[0]}:{table.kindred[1]}"
    if there.kind not in ("r", "p"):
        yield f"{name}: this is no table but a view, an index or the like"
        return
    names = {column.field: column.name for column in table.columns}
    for column in table.columns:
        yield from (f"{name}: {line}" for line in _column_differs(table, column, there))
    for extra in there.columns.values():
        if extra["not_null"] and not extra["filled"] and extra["name"] not in names.values():
            yield (f'{name}: the column "{extra["name"]}" ({extra["type"]}) is in the database alone, NOT NULL and '
                   "without a default: no row could be inserted")
    primary = [unique["columns"] for unique in there.uniques if unique["primary"]]
    if primary != [[names["_id"]]]:
        yield (f'{name}: the primary key must be "{names["_id"]}", not '
               f"{', '.join(primary[0]) if primary else 'missing'}")
    for unique in table.uniques:
        columns = sorted(names[field] for field in unique.fields)
        same = [it for it in there.uniques if sorted(it["columns"]) == columns and not it["where"]]
        yield from _lacks(name, f"unique constraint on {', '.join(columns)}", unique.deferrable, same)
    for key in table.foreign_keys:
        parent = tables[key.parent]
        parents = {column.field: column.name for column in parent.columns}
        pairs = sorted((names[own], parents[other]) for own, other in zip(key.fields, key.parent_fields, strict=True))
        same = [it for it in there.foreign_keys if it["parent"] == stored[parent.quoted].oid
                and sorted(zip(it["columns"], it["parent_columns"], strict=True)) == pairs]
        what = f"foreign key from {', '.join(own for own, _ in pairs)} to {parent.name}"
        yield from _lacks(name, f"{what} ({', '.join(other for _, other in pairs)})", key.deferrable, same)


def _column_differs(table: Table, column: Column, there: _Stored) -> Iterator[str]:
    found, defined = there.columns.get(column.name), table.model.__table__.columns
    if found is None:
        yield f'the column "{column.name}" ({column.type}) is missing in the database'
        return
    if found["type"].lower() != column.type.lower():
        yield f'the column "{column.name}" is {found["type"]} in the database, but {column.type} in the definition'
    # The State stamps every row, so that a stamp (but that of a soft delete) is never None when it is written.
    none = isinstance(column.kind, OptionalKind) and (not column.field.startswith("_") or column.field == "_deleted")
    if none and found["not_null"]:
        yield f'the column "{column.name}" is NOT NULL in the database, but may be None in the resource'
    if not column.nullable and not found["not_null"]:
        yield f'the column "{column.name}" may be NULL in the database, but not in the definition'
    info = next(it.info for it in defined if it.name == column.name)
    if "check" in info:
        check = there.checks.get(info["check"])
        if check is None:
            yield f'the column "{column.name}" has no check "{info["check"]}" in the database'
        elif sorted(literals(check)) != sorted(info["choices"]):
            yield (f'the column "{column.name}" admits {", ".join(sorted(literals(check)))} in the database, but '
                   f"{', '.join(sorted(info['choices']))} in the definition")


def _lacks(name: str, what: str, deferrable: bool, same: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not same:
        yield f"{name}: the {what} is missing in the database"
    elif deferrable and not any(it["deferrable"] for it in same):
        yield f"{name}: the {what} is not DEFERRABLE in the database, but in the definition"


def literals(check: str) -> list[str]:
    """The texts in a check as Postgres writes it: ``CHECK ((kind = ANY (ARRAY['a'::text, 'it''s'::text])))``."""
    return [text.replace("''", "'") for text in re.findall(r"'((?:[^']|'')*)'", check)]


def as_stored(table: Table, stored: Mapping[str, _Stored], tables: Sequence[Table]) -> Table:
    """A Table with the constraints that the database has, by the names and as deferrable as there: it is they that a
    commit must keep. Those of columns that are no fields are left out, and those with tables that are no resources'."""
    there = stored[table.quoted]
    fields = {column.name: column.field for column in table.columns}
    parents = {stored[other.quoted].oid: other for other in tables}
    keys, uniques = [], []
    for key in there.foreign_keys:
        parent = parents.get(key["parent"])
        theirs = {} if parent is None else {column.name: column.field for column in parent.columns}
        if parent is not None and fields.keys() >= {*key["columns"]} and theirs.keys() >= {*key["parent_columns"]}:
            keys.append(ForeignKey(
                key["name"], tuple(fields[name] for name in key["columns"]), parent.kindred,
                tuple(theirs[name] for name in key["parent_columns"]), key["deferrable"]))
    for unique in there.uniques:
        if not unique["primary"] and fields.keys() >= {*unique["columns"]}:
            uniques.append(Unique(unique["name"], tuple(fields[name] for name in unique["columns"]),
                                  unique["deferrable"], unique["where"] or ""))
    columns = tuple(column._replace(nullable=column.nullable and not there.columns[column.name]["not_null"])
                    for column in table.columns)
    return table._replace(columns=columns, foreign_keys=tuple(sorted(keys)), uniques=tuple(sorted(uniques)))


# ------------------------------------------------------------------------------------------------ what is created

def ddl(tables: Sequence[Table]) -> list[str]:
    """The statements that create tables; foreign keys last, so that tables may refer to each other in a circle."""
    dialect = pg.dialect(paramstyle="named")    # or a % in a choice would be doubled
    dialect._backslash_escapes = False          # and a backslash, which SQLAlchemy learns only by connecting
    models = [table.model.__table__ for table in tables]
    statements = [f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}"
                  for schema in sorted({model.schema for model in models if model.schema})]
    types = {str(column.type.compile(dialect=dialect)): column.type for model in models for column in model.columns
             if isinstance(column.type, sa.Enum) and column.type.native_enum}
    for name, enum in sorted(types.items()):
        labels = ", ".join("'" + label.replace("'", "''") + "'" for label in enum.enums)
        # There is no CREATE TYPE IF NOT EXISTS; $ddl$ quotes whatever the labels hold.
        statements.append(f"DO $ddl$ BEGIN CREATE TYPE {name} AS ENUM ({labels}); "
                          "EXCEPTION WHEN duplicate_object THEN NULL; END $ddl$")
    for model in models:
        statements.append(str(CreateTable(model, include_foreign_key_constraints=[]).compile(dialect=dialect)).strip())
        statements += [str(CreateIndex(index).compile(dialect=dialect))
                       for index in sorted(model.indexes, key=lambda index: str(index.name))]
    for model in models:
        statements += sorted(_foreign_key(model, constraint) for constraint in model.foreign_key_constraints)
    return statements


def _foreign_key(model: sa.Table, constraint: sa.ForeignKeyConstraint) -> str:
    # Written here, for SQLAlchemy can write only those whose parent is in the same metadata.
    schema, parent, parent_columns = target_of(constraint)
    own = [column.name for column in constraint.columns]
    name = constraint.name or constraint_name(model.name, *own, "fkey")
    sql = (f"ALTER TABLE {_dotted(model.schema, model.name)} ADD CONSTRAINT {quoted(name)} "
           f"FOREIGN KEY ({', '.join(map(quoted, own))}) "
           f"REFERENCES {_dotted(schema, parent)} ({', '.join(map(quoted, parent_columns))})")
    for words, value in (("ON DELETE", constraint.ondelete), ("ON UPDATE", constraint.onupdate)):
        sql += f" {words} {value}" if value else ""
    if constraint.deferrable:
        sql += f" DEFERRABLE INITIALLY {constraint.initially or 'IMMEDIATE'}"
    return sql


def _dotted(schema: str | None, name: str) -> str:
    return f"{quoted(schema)}.{quoted(name)}" if schema else quoted(name)
