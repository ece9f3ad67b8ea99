"""Deferred: which items break the constraints that are looked at only at the end of a transaction.

The server names the first violation alone, and an end cannot be tried in halves. So the rows are asked for: for each
deferrable foreign key and unique constraint of the tables of a plan, those of its items that break it now.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import asyncpg

from workbench.postgres.encoding import encoded
from workbench.postgres.writing.holder import held_by
from workbench.state.planning.change import Change
from workbench.state.planning.plan import Plan
from workbench.state.planning.table import Table, quoted

_DEFERRABLE = """
SELECT k.conname AS name, k.contype::text AS type, k.conrelid::bigint AS child, k.confrelid::bigint AS parent,
       k.conrelid::regclass::text AS child_table, k.confrelid::regclass::text AS parent_table,
       (SELECT json_agg(a.attname ORDER BY n.place) FROM unnest(k.conkey) WITH ORDINALITY AS n(num, place)
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.num)::text AS columns,
       (SELECT json_agg(a.attname ORDER BY n.place) FROM unnest(k.confkey) WITH ORDINALITY AS n(num, place)
          JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = n.num)::text AS parent_columns
  FROM pg_constraint k
 WHERE k.condeferrable AND k.contype IN ('f', 'u', 'p')
   AND EXISTS (SELECT FROM json_array_elements_text($1::text::json) AS wanted(oid)
                WHERE wanted.oid::bigint IN (k.conrelid::bigint, k.confrelid::bigint))
 ORDER BY k.conname
"""
_OIDS = """
SELECT wanted.name, to_regclass(wanted.name)::oid::bigint AS oid
  FROM json_array_elements_text($1::text::json) AS wanted(name)
"""


class Broken(NamedTuple):
    """One change that breaks a constraint; ``columns`` are the fields of its item."""

    kind: str
    constraint: str
    change: Change
    columns: tuple[str, ...]
    detail: str


async def broken(connection: asyncpg.Connection, plan: Plan, changes: Sequence[Change]) -> list[Broken]:
    """The changes, all of them written in this transaction, that break a deferrable constraint as things stand."""
    names = json.dumps([table.quoted for table in plan.tables.values()])
    oids = {row["name"]: row["oid"] for row in await connection.fetch(_OIDS, names)}
    tables = {oids[table.quoted]: table for table in plan.tables.values()}
    of_table: dict[str, list[Change]] = {}
    for change in changes:
        of_table.setdefault(plan.tables[change.target[:2]].quoted, []).append(change)
    wanted = json.dumps([str(oids[name]) for name in of_table])
    found: list[Broken] = []
    for rule in await connection.fetch(_DEFERRABLE, wanted):
        child, parent = tables.get(rule["child"]), tables.get(rule["parent"])
        mine = of_table.get(child.quoted, []) if child is not None else []
        if child is not None:
            found += await _of_children(connection, rule, child, mine)
        if parent is not None and rule["type"] == "f":
            found += await _of_parents(connection, rule, parent, of_table.get(parent.quoted, []), child, mine)
    return found


async def _of_children(
    connection: asyncpg.Connection, rule: Any, table: Table, changes: Sequence[Change],
) -> list[Broken]:
    """The items whose own values break it: they name no parent, or another row has the value too."""
    columns, key = json.loads(rule["columns"]), table.column("_id")
    by_identifier = {change.target.identifier: change for change in changes if change.after is not None}
    if not by_identifier:
        return []
    holder = "NULL"     # the softly deleted item that has the value
    own = " AND ".join(f"mine.{quoted(column)} IS NOT NULL" for column in columns)
    if rule["type"] == "f":
        kind, parent_columns = "foreign key", json.loads(rule["parent_columns"])
        condition = f"NOT EXISTS (SELECT FROM {rule['parent_table']} AS other WHERE {_equal(columns, parent_columns)})"
        why = f"it names no row of {rule['parent_table']}"
    else:
        kind, why = "unique", "another row has this value too"
        others = (f"FROM {table.quoted} AS other WHERE {_equal(columns, columns)} "
                  f"AND other.{quoted(key.name)} <> mine.{quoted(key.name)}")
        condition = f"EXISTS (SELECT {others})"
        if table.alive:
            holder = (f"(SELECT other.{quoted(key.name)} {others} "
                      f"AND other.{quoted(table.column('_deleted').name)} IS NOT NULL LIMIT 1)")
    rows = await connection.fetch(
        f"SELECT mine.{quoted(key.name)}, {holder} FROM {table.quoted} AS mine "
        f"WHERE mine.{quoted(key.name)} = ANY($1::{key.type}[]) AND {own} AND {condition} ORDER BY 1",
        list(by_identifier))
    return [_broken(kind, rule, by_identifier[row[0]], table, columns,
                    why if row[1] is None else f"{why}; {held_by(table, row[1])}") for row in rows]


async def _of_parents(
    connection: asyncpg.Connection, rule: Any, table: Table, changes: Sequence[Change],
    child: Table | None, children: Sequence[Change],
) -> list[Broken]:
    """The items that are gone, or have another key now, while rows that are not in the plan still name them."""
    columns, parent_columns = json.loads(rule["columns"]), json.loads(rule["parent_columns"])
    fields = {column.name: column for column in table.columns}
    if not all(name in fields for name in parent_columns):
        return []
    told = []
    for change in changes:
        keys = [fields[name] for name in parent_columns]
        was, is_now = (None if item is None else [getattr(item, column.field) for column in keys]
                       for item in (change.before, change.after))
        if was is None or was == is_now:
            continue
        values = [encoded(column.kind, value) for column, value in zip(keys, was, strict=True)]
        naming = " AND ".join(f"mine.{quoted(name)} = ${place}::{column.type}"
                              for place, (name, column) in enumerate(zip(columns, keys, strict=True), 1))
        others = ""
        if child is not None:
            key = child.column("_id")
            values.append([change.target.identifier for change in children])
            others = f" AND mine.{quoted(key.name)} <> ALL (${len(values)}::{key.type}[])"
        if await connection.fetchval(
            f"SELECT EXISTS (SELECT FROM {rule['child_table']} AS mine WHERE {naming}{others} AND NOT EXISTS ("
            f"SELECT FROM {rule['parent_table']} AS other WHERE {_equal(columns, parent_columns)}))", *values):
            told.append(_broken("foreign key", rule, change, table, parent_columns,
                                f"rows of {rule['child_table']} still name it"))
    return told


def _broken(kind: str, rule: Any, change: Change, table: Table, columns: Sequence[str], why: str) -> Broken:
    fields = {column.name: column.field for column in table.columns}
    return Broken(kind, rule["name"], change, tuple(fields.get(column, column) for column in columns),
                  f"at the end of the transaction {why}")


def _equal(columns: Sequence[str], others: Sequence[str]) -> str:
    return " AND ".join(f"other.{quoted(other)} = mine.{quoted(column)}"
                        for column, other in zip(columns, others, strict=True))
