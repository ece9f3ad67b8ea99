"""Schema: creates the tables that are missing, and says how those that are there differ from the definitions.

``prepare`` reads the catalogue once for all tables. It never alters or drops anything: a table that does not fit is a
``TablesDiffer``. What is missing is created in one transaction, under a lock, so that two kernels that open the same
domain at once do not get into each other's way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import asyncpg

from workbench.errors import TablesDiffer
from workbench.postgres.driver_errors import DRIVER_ERRORS, translate
from workbench.postgres.tables.catalogue import Stored, is_of, literals, read, schemas_of, type_told
from workbench.postgres.tables.columns import ETAG_LENGTH
from workbench.postgres.tables.ddl import LOCK, USUAL, ddl
from workbench.postgres.tables.model import Models
from workbench.postgres.tables.reach import with_reach
from workbench.state.planning.table import Check, Column, ForeignKey, Table, Unique


async def prepare(connection: asyncpg.Connection, models: Models) -> list[str]:
    """Creates those tables of a session's models that are missing and returns their names: with the schema where the
    definition says it, or another schema has a table of that name, which may have been meant.

    The connection is a raw one of asyncpg's. Nothing is created when any table that is there differs. The Tables of
    the models then have the foreign keys and unique constraints of the database, be they more than was defined.
    Raises TablesDiffer, ConnectionLost, DatabaseError."""
    tables = list(models.defined.values())
    try:
        stored = await _catalogue(connection, tables)
        if all(table.oid is not None for table in stored.values()):
            await _take(connection, models, stored)
            return []
        async with connection.transaction(isolation="read_committed"):      # and sees what came before the lock
            await connection.execute(f"SELECT pg_advisory_xact_lock({LOCK}); {'; '.join(USUAL)}")
            stored = await _catalogue(connection, tables)       # another kernel may have been here meanwhile
            missing = [table for table in tables if stored[table.quoted].oid is None]
            for statement in ddl(missing):
                await connection.execute(statement)
            stored = await read(connection, tables)
            schemas = await schemas_of(connection, missing)
            await _take(connection, models, stored)
    except DRIVER_ERRORS as error:
        raise translate(error, doing="preparing the tables") from error
    made = [(table.schema or schemas.get(table.quoted), table.name) for table in missing]
    return [f"{schema}.{name}" if schema else name for schema, name in made]


async def _take(connection: asyncpg.Connection, models: Models, stored: Mapping[str, Stored]) -> None:
    """Gives the Tables of the models what is stored of them."""
    tables = list(models.defined.values())
    found = await with_reach(connection, [as_stored(table, stored, tables) for table in tables])
    models.tables.update({table.kindred: table for table in found})


async def _catalogue(connection: asyncpg.Connection, tables: Sequence[Table]) -> dict[str, Stored]:
    """What is stored of each table by its quoted name; raises TablesDiffer."""
    stored = await read(connection, tables)
    found = [line for table in tables if stored[table.quoted].oid is not None
             for line in differences(table, stored, {other.kindred: other for other in tables})]
    if found:
        raise TablesDiffer(found)
    return stored


# ------------------------------------------------------------------------------------------------ what differs

def differences(table: Table, stored: Mapping[str, Stored], tables: Mapping[Any, Table]) -> Iterator[str]:
    """A line for each thing in which a stored table does not fit its definition."""
    there, name = stored[table.quoted], f"{table.name}, for {table.kindred[0]}:{table.kindred[1]}"
    if not there.is_table:
        yield (f"{name}: this is no table but {there.kind_told}, which tables().apply() cannot change: drop it, or "
               "give the resource another table=")
        return
    names = {column.field: column.name for column in table.columns}
    for column in table.columns:
        yield from (f"{name}: {line}" for line in _column_differs(table, column, there))
    for extra in there.columns.values():
        if extra["not_null"] and not extra["filled"] and extra["name"] not in names.values():
            yield (f'{name}: the column "{extra["name"]}" ({type_told(extra)}) is in the database alone, NOT NULL and '
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


def _column_differs(table: Table, column: Column, there: Stored) -> Iterator[str]:
    found, defined = there.columns.get(column.name), table.model.__table__.columns
    if found is None:
        yield f'the column "{column.name}" ({column.type}) is missing in the database'
        return
    if not is_of(found, column.type):
        yield f'the column "{column.name}" is {type_told(found)} in the database, but {column.type} in the definition'
    if column.field == "_etag" and (found["length"] or ETAG_LENGTH) < ETAG_LENGTH:
        yield (f'the column "{column.name}" holds {found["length"]} signs in the database, and an etag has '
               f"{ETAG_LENGTH}: make it text there")
    if found["made"]:
        yield (f'the column "{column.name}" is made by the database alone (GENERATED ALWAYS) and cannot be written, '
               f"and there are no fields that are only read: drop the field, or the {found['made']} there")
    if column.may_be_none and found["not_null"]:
        yield f'the column "{column.name}" is NOT NULL in the database, but may be None in the resource'
    if not column.nullable and not found["not_null"]:
        yield f'the column "{column.name}" may be NULL in the database, but not in the definition'
    info = next(it.info for it in defined if it.name == column.name)
    if "check" in info:
        check = there.checks.get(info["check"])
        if check is None:
            yield f'the column "{column.name}" has no check "{info["check"]}" in the database'
        elif sorted(literals(check["definition"])) != sorted(info["choices"]):
            admitted = ", ".join(sorted(literals(check["definition"])))
            yield (f'the column "{column.name}" admits {admitted} in the database, but '
                   f"{', '.join(sorted(info['choices']))} in the definition")


def _lacks(name: str, what: str, deferrable: bool, same: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not same:
        yield f"{name}: the {what} is missing in the database"
    elif deferrable and not any(it["deferrable"] for it in same):
        yield f"{name}: the {what} is not DEFERRABLE in the database, but in the definition"


def as_stored(table: Table, stored: Mapping[str, Stored], tables: Sequence[Table]) -> Table:
    """A Table with the constraints that the database has, by the names and as deferrable as there: it is they that a
    commit must keep. Those of columns that are no fields are left out, and those with tables that are no resources':
    what they lead to is told by ``above``."""
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
                tuple(theirs[name] for name in key["parent_columns"]), key["deferrable"], key["cascades"]))
    for unique in there.uniques:
        if not unique["primary"] and fields.keys() >= {*unique["columns"]}:
            uniques.append(Unique(unique["name"], tuple(fields[name] for name in unique["columns"]),
                                  unique["deferrable"], unique["where"] or "", unique["nulls_alike"]))
    checks = [Check(tuple(fields[name] for name in check["columns"] or () if name in fields),
                    check["definition"].removeprefix("CHECK ")) for check in there.checks.values()]
    checks += [Check((column.field,), "") for column in table.columns if there.columns[column.name]["domain"]]
    above = {parents[oid].kindred for oid in there.above if oid in parents} - {key.parent for key in keys}
    found = [there.columns[column.name] for column in table.columns]
    columns = tuple(column._replace(
        nullable=column.nullable and not it["not_null"], length=it["length"], digits=it["digits"] and (*it["digits"],))
        for column, it in zip(table.columns, found, strict=True))
    return table._replace(
        columns=columns, foreign_keys=tuple(sorted(keys)), uniques=tuple(sorted(uniques)), checks=tuple(checks),
        triggers=there.triggers, alters=there.alters or any(it["rounds"] for it in found), guarded=there.guarded,
        rewrites=there.rewrites, stiff=there.stiff, path=there.path,
        above=frozenset(above) - {table.kindred}, carries=there.carries,
        fieldless=tuple(name for name, it in there.columns.items() if name not in fields and not it["made"]))
