"""Catalogue: what Postgres' own catalogue says of some tables, read in one query for all of them; and of enum types.

A ``Stored`` is one table as it is there: columns, keys, unique and other indexes, checks. What is to be made of it,
whether it fits (schema.py) and what would make it fit (ddl_plan.py), is for others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from workbench.state.planning.table import Table

# The names go in as JSON: an array parameter would cost its introspection, 12 ms, at the first use of a connection.
# Settings change how the server writes types, conditions and defaults: "text" with its quotes, 'b\\c' for 'b\c', 0.1
# for 0.123. Here they are as usual, until the end of the transaction.
CATALOGUE = """
WITH usual AS MATERIALIZED (SELECT set_config('quote_all_identifiers', 'off', true),
       set_config('standard_conforming_strings', 'on', true), set_config('extra_float_digits', '1', true))
SELECT wanted.name, c.oid, c.relkind::text AS kind,
       (SELECT n.nspname FROM pg_namespace n WHERE n.oid = c.relnamespace)::text AS schema,
       (SELECT json_agg(json_build_object(
                   'name', a.attname, 'type', format_type(base.oid, -1),
                   'enum', (SELECT format('%I.%I%s', n.nspname, e.typname, CASE WHEN e.oid <> base.oid THEN '[]' END)
                              FROM pg_type e JOIN pg_namespace n ON n.oid = e.typnamespace
                             WHERE e.oid IN (base.oid, base.typelem) AND e.typtype = 'e'),
                   'domain', CASE WHEN declared.typtype = 'd' THEN format_type(declared.oid, -1) END,
                   'not_null', a.attnotnull OR declared.typnotnull, 'never_null', declared.typnotnull,
                   'length', CASE WHEN modifier > 4 AND base.oid IN (
                                       'varchar'::regtype, 'bpchar'::regtype, 'varchar[]'::regtype, 'bpchar[]'::regtype)
                                  THEN modifier - 4 END,
                   'digits', CASE WHEN modifier >= 4 AND base.oid = 'numeric'::regtype
                                  THEN json_build_array((modifier - 4) >> 16,
                                                        ((modifier - 4 & 2047) # 1024) - 1024) END,
                   'rounds', modifier >= 0 AND base.oid NOT IN ('varchar'::regtype, 'varchar[]'::regtype),
                   'made', CASE WHEN a.attgenerated = 's' THEN 'expression' WHEN a.attidentity = 'a' THEN 'identity'
                                WHEN a.attgenerated = 'v' THEN 'virtual expression' END,
                   'filled', a.atthasdef OR a.attidentity <> '' OR declared.typdefault IS NOT NULL,
                   'default', (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d
                                WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum)) ORDER BY a.attnum)
          FROM pg_attribute a JOIN pg_type declared ON declared.oid = a.atttypid
          JOIN pg_type base ON base.oid = CASE declared.typtype WHEN 'd' THEN declared.typbasetype ELSE declared.oid END
         CROSS JOIN LATERAL (SELECT CASE declared.typtype WHEN 'd' THEN declared.typtypmod ELSE a.atttypmod END)
                         AS limits(modifier)
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)::text AS columns,
       (SELECT json_agg(json_build_object(
                   'name', f.conname,
                   'columns', (SELECT json_agg(a.attname ORDER BY k.place)
                                 FROM unnest(f.conkey) WITH ORDINALITY AS k(num, place)
                                 JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.num),
                   'parent', f.confrelid::bigint,
                   'parent_columns', (SELECT json_agg(a.attname ORDER BY k.place)
                                        FROM unnest(f.confkey) WITH ORDINALITY AS k(num, place)
                                        JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.num),
                   'deferrable', f.condeferrable,
                   'cascades', f.confdeltype NOT IN ('a', 'r') OR f.confupdtype NOT IN ('a', 'r')))
          FROM pg_constraint f WHERE f.conrelid = c.oid AND f.contype = 'f')::text AS foreign_keys,
       (WITH RECURSIVE below(oid, action) AS (
                   SELECT f.conrelid, f.confdeltype FROM pg_constraint f
                    WHERE f.contype = 'f' AND f.confrelid = c.oid AND f.confdeltype NOT IN ('a', 'r')
                    UNION
                   SELECT f.conrelid, f.confdeltype FROM below JOIN pg_constraint f ON f.confrelid = below.oid
                    WHERE f.contype = 'f' AND below.action = 'c' AND f.confdeltype NOT IN ('a', 'r'))
               SELECT json_agg(DISTINCT below.oid::regclass::text) FROM below)::text AS carries,
       (WITH RECURSIVE up(oid) AS (
               SELECT f.confrelid FROM pg_constraint f WHERE f.conrelid = c.oid AND f.contype = 'f'
               UNION SELECT f.confrelid FROM up JOIN pg_constraint f
                         ON f.conrelid = up.oid AND f.contype = 'f' AND f.confdeltype = 'c')
        SELECT json_agg(up.oid::bigint) FROM up)::text AS above,
       (SELECT json_agg(json_build_object(
                   'name', (SELECT x.relname FROM pg_class x WHERE x.oid = i.indexrelid),
                   'primary', i.indisprimary, 'deferrable', NOT i.indimmediate,
                   'constraint', EXISTS (SELECT FROM pg_constraint k
                                          WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u')),
                   'where', pg_get_expr(i.indpred, i.indrelid),
                   'nulls_alike', coalesce((to_json(i)->>'indnullsnotdistinct')::boolean, false),   -- since 15
                   'columns', (SELECT json_agg(a.attname ORDER BY array_position(i.indkey::int2[], a.attnum))
                                 FROM pg_attribute a
                                WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]))))
          FROM pg_index i
         WHERE i.indrelid = c.oid AND i.indisunique AND i.indexprs IS NULL)::text AS uniques,
       (SELECT json_agg(x.relname) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
         WHERE i.indrelid = c.oid)::text AS indexes,
       (SELECT json_object_agg(k.conname, json_build_object(
                   'definition', pg_get_constraintdef(k.oid),
                   'columns', (SELECT json_agg(a.attname) FROM pg_attribute a
                                WHERE a.attrelid = c.oid AND a.attnum = ANY (k.conkey))))
          FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c')::text AS checks,
       (SELECT json_agg(k.conname) FROM pg_constraint k
         WHERE k.conrelid = c.oid AND k.condeferrable
           AND EXISTS (SELECT FROM pg_constraint other WHERE other.conname = k.conname
                          AND other.connamespace = k.connamespace AND NOT other.condeferrable))::text AS stiff,
       c.relhasrules OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal) AS alters,
       row_security_active(c.oid) AS guarded,
       EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid AND ev_type = '3' AND ev_enabled <> 'D') AS rewrites,
       to_json(current_schemas(false))::text AS path,
       EXISTS (SELECT FROM pg_trigger WHERE NOT tgisinternal) AS triggers
  FROM usual CROSS JOIN json_array_elements_text($1::text::json) AS wanted(name)
  LEFT JOIN pg_class c ON c.oid = to_regclass(wanted.name)
"""

LABELS = """
SELECT wanted.name, (SELECT json_agg(e.enumlabel) FROM pg_enum e WHERE e.enumtypid = t.oid)::text AS labels
  FROM json_array_elements_text($1::text::json) AS wanted(name)
  JOIN pg_type t ON t.oid = to_regtype(wanted.name) AND t.typtype = 'e'
"""


# Of each table that was made: the schema, where another schema has a table or view of that name.
ELSEWHERE = """
SELECT wanted.name, n.nspname AS schema
  FROM json_array_elements_text($1::text::json) AS wanted(name)
  JOIN pg_class c ON c.oid = to_regclass(wanted.name)
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE EXISTS (SELECT FROM pg_class other WHERE other.relname = c.relname AND other.oid <> c.oid
                  AND other.relkind IN ('r', 'p', 'v', 'm', 'f') AND other.relpersistence <> 't')
"""

_KINDS = MappingProxyType({"v": "a view", "m": "a materialized view", "f": "a foreign table", "S": "a sequence",
                           "i": "an index", "I": "an index", "c": "a composite type"})


class Stored:
    """One table as the catalogue has it, in a ``schema``; this and ``oid`` are None where there is none.

    ``above`` are the tables whose rows these refer to, and those with whose rows such would go, by their oids;
    ``uniques`` are the unique indexes on columns alone, with and without a constraint; ``indexes`` all names;
    ``carries`` are the tables whose rows go or change when one is deleted here, as foreign keys cascade;
    ``triggers`` says whether the whole database has any: what is written here may reach those of other tables;
    ``alters`` whether this one has a trigger or a rule; ``rewrites`` a rule for INSERT. ``path`` are the
    schemas that names without one are looked for in. Of a column, ``made`` says by what the database alone makes its
    values, such as an ``expression``; ``rounds`` whether it may store others than it is sent. One of a ``domain`` has
    the type, the length and the digits that the domain is over; ``never_null`` is its own NOT NULL. ``enum`` is the
    name of an enum type with its schema, which ``type`` leaves out where the search path finds it."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.oid: int | None = row["oid"]
        self.kind: str | None = row["kind"]
        self.schema: str | None = row["schema"]
        self.columns: dict[str, dict[str, Any]] = {
            column["name"]: column for column in json.loads(row["columns"] or "[]")}
        self.foreign_keys: list[dict[str, Any]] = json.loads(row["foreign_keys"] or "[]")
        self.above: frozenset[int] = frozenset(json.loads(row["above"] or "[]"))
        self.uniques: list[dict[str, Any]] = json.loads(row["uniques"] or "[]")
        self.indexes: frozenset[str] = frozenset(json.loads(row["indexes"] or "[]"))
        self.checks: dict[str, dict[str, Any]] = json.loads(row["checks"] or "{}")
        self.carries: tuple[str, ...] = tuple(json.loads(row["carries"] or "[]"))
        self.triggers: bool = row["triggers"]
        self.alters, self.guarded = bool(row["alters"]), bool(row["guarded"])
        self.rewrites: bool = row["rewrites"]
        self.path: tuple[str, ...] = tuple(json.loads(row["path"]))
        self.stiff: frozenset[str] = frozenset(json.loads(row["stiff"] or "[]"))

    @property
    def kind_told(self) -> str:
        """What it is, if it is no table."""
        return _KINDS.get(self.kind or "", "something else")

    @property
    def is_table(self) -> bool:
        """Whether it is a table, and no view or the like of that name."""
        return self.kind in ("r", "p")


def is_of(column: Mapping[str, Any], type_name: str) -> bool:
    """Whether a stored column is of a type, by whichever of its names."""
    return type_name.lower() in (column["type"].lower(), (column["enum"] or "").lower())


def type_told(column: Mapping[str, Any]) -> str:
    """The type of a stored column as it was declared: the domain, where it is of one."""
    told: str = column["domain"] or column["type"]
    return told


async def read(connection: Any, tables: Sequence[Table]) -> dict[str, Stored]:
    """What is stored of each table by its quoted name; errors are the driver's."""
    names = json.dumps([table.quoted for table in tables])
    return {row["name"]: Stored(row) for row in await connection.fetch(CATALOGUE, names)}


async def labels_of(connection: Any, types: Iterable[str]) -> dict[str, frozenset[str]]:
    """The labels of those of some enum types that are there, by the names that are given, which are SQL."""
    names = sorted(types)
    found = await connection.fetch(LABELS, json.dumps(names)) if names else []
    return {row["name"]: frozenset(json.loads(row["labels"] or "[]")) for row in found}


async def schemas_of(connection: Any, tables: Iterable[Table]) -> dict[str, str]:
    """The schemas that some tables are in, by their quoted names; of those alone whose name another schema has too."""
    found = await connection.fetch(ELSEWHERE, json.dumps([table.quoted for table in tables]))
    return {row["name"]: row["schema"] for row in found}


def literals(check: str) -> list[str]:
    """The texts in a check as Postgres writes it: ``CHECK ((kind = ANY (ARRAY['a'::text, 'it''s'::text])))``."""
    return [text.replace("''", "'") for text in re.findall(r"'((?:[^']|'')*)'", check)]
