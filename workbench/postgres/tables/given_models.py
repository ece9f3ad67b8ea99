"""Given models: a gino model that somebody wrote, matched with the fields of the Resource that stands on it.

A field finds its column by the model's attribute of that name, else by the column's own name. The Table tells the real
columns' types and the model's foreign keys and unique constraints; what does not fit is told all together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.exc import SQLAlchemyError

from workbench.domain.definitions import Definition
from workbench.domain.kinds import EnumKind, Kind, ListKind
from workbench.domain.registry import Kindred
from workbench.domain.resource import Resource
from workbench.postgres.tables.columns import ETAG_LENGTH, SYSTEM, column_type, constraint_name
from workbench.state.planning.table import Column, ForeignKey, Table, Unique

# What SQLAlchemy writes and what Postgres calls it. Without lengths: a cast to varchar(3) cuts silently, and a cast
# to "character" is one to a single sign, where bpchar is char of any length.
_NAMES = {"varchar": "character varying", "char": "bpchar", "character": "bpchar", "float": "double precision",
          "decimal": "numeric", "int": "integer", "timestamp": "timestamp without time zone",
          "time": "time without time zone"}
# Column types that hold every value of a field's own type (columns.py) unchanged, or refuse it aloud.
_ALSO = {"text": ("character varying", "bpchar", "citext"), "bigint": ("integer", "smallint"), "jsonb": ("json",)}


def type_name(sql_type: Any) -> str:
    """A SQLAlchemy type as Postgres names it in a cast, without length or precision: ``character varying``."""
    if isinstance(sql_type, sa.ARRAY):
        return type_name(sql_type.item_type) + "[]"
    compiled = sql_type.compile(dialect=pg.dialect(paramstyle="named"))     # or a % in a name would be doubled
    if isinstance(sql_type, sa.Enum) and sql_type.native_enum:
        return str(compiled)        # the name of a type of its own, quoted where it must be
    if isinstance(sql_type, sa.Float) and (getattr(sql_type, "precision", None) or 53) < 25:
        return "real"
    plain = " ".join(re.sub(r"\([^)]*\)| COLLATE .*", "", compiled).lower().split())
    return "interval" if plain.startswith("interval") else _NAMES.get(plain, plain)


def fitted(
    kindred: Kindred, definition: Definition, tables: Mapping[tuple[str | None, str], Kindred],
) -> Table | list[str]:
    """The Table of a resource on its given model; or all that does not fit, a sentence each.

    ``tables`` tells which resource a table, by schema and name, is under: foreign keys to others are left out."""
    label, model = f"{kindred[0]}:{kindred[1]}", definition.model
    table = getattr(model, "__table__", None)
    if not isinstance(table, sa.Table):
        return [f"{label}: model={model!r} is no gino model with a table; give a subclass of db.Model that has a "
                "__tablename__, or leave model= out to have one derived"]
    by_name = {column.name: column for column in table.columns}
    attributes = getattr(model, "_column_name_map", {})
    columns, faults = [], []
    for field, declared in definition.cls._fields.items():
        column = by_name.get(attributes.get(field, field))
        if column is None:
            type_wanted = column_type(declared.kind)
            rest = ", or drop it"
            if field in Resource._fields:
                rest = ": every Resource has it" + (
                    _key_hint(table) if field == "_id" else ", and wb.tables() adds it to a table that is there")
            faults.append(f'{label}: the field "{field}" has no column in {model.__name__}; add '
                          f"{field} = db.Column(…) of type {type_wanted[1] if type_wanted else 'jsonb'}{rest}")
            continue
        reason = _misfit(declared.kind, column.type) or _unequal(field, column.type)
        if reason:
            faults.append(f'{label}: the field "{field}" is {declared.kind.name}, but {reason}')
        if column.computed is not None:
            faults.append(f'{label}: the field "{field}" cannot be written: the database makes its column in '
                          f"{model.__name__}, and there are no fields that are only read; drop the field, or the "
                          "Computed")
        columns.append(Column(field, column.name, type_name(column.type), declared.kind, bool(column.nullable)))
    matched = {column.name for column in columns}
    for column in table.columns:
        if column.name in SYSTEM and not column.system:
            faults.append(f'{label}: the column "{column.name}" of {model.__name__} has a name that Postgres keeps for '
                          "itself in every table; give it another")
        if not column.nullable and column.name not in matched and not _filled(column, table):
            own = ("; the default= it has is applied by SQLAlchemy alone, not by the database"
                   if column.default is not None else "")
            faults.append(f'{label}: the column "{column.name}" of {model.__name__} is NOT NULL and has no field{own}; '
                          "add the field, or give the column a server_default or nullable=True")
    identifier = [column.name for column in columns if column.field == "_id"]
    key = [column.name for column in table.primary_key.columns]
    if identifier and key != identifier:
        faults.append(f'{label}: the column of "_id", "{identifier[0]}", must be the primary key of {model.__name__}, '
                      f"which is {', '.join(key) or 'none'}")
    if faults:
        return faults
    fields = {column.name: column.field for column in columns}
    return Table(kindred, table.name, table.schema, tuple(columns), tuple(sorted(_foreign_keys(table, fields, tables))),
                 tuple(sorted(_uniques(table, fields))), model)


def _key_hint(table: Any) -> str:
    """How the identifier stands on the primary key that a model has already under another name."""
    key = list(table.primary_key.columns)
    if len(key) != 1:
        return ""
    (column,) = key
    return (f'; or call the attribute of the key that is there _id: _id = db.Column("{column.name}", '
            f"db.{type(column.type).__name__}, primary_key=True)")


def _misfit(kind: Kind, sql_type: Any) -> str:
    """Why values of a kind do not fit a column, and what would; empty where they do."""
    wanted, name = column_type(kind), type_name(sql_type)
    if wanted is None:
        return "no column can hold that; give the field a type, or dict for JSON"
    inner = kind.bare
    member = inner.inner if isinstance(inner, ListKind) else inner
    member = member.bare
    labels = sql_type.item_type if isinstance(sql_type, sa.ARRAY) else sql_type
    if isinstance(member, EnumKind) and isinstance(labels, sa.Enum):
        if wanted[1].endswith("[]") == isinstance(sql_type, sa.ARRAY) and set(labels.enums) == set(member.members):
            return ""
        return (f"its column admits {', '.join(labels.enums)}; make it an Enum of {', '.join(member.members)}, "
                "or db.Text")
    base, array = wanted[1].removesuffix("[]"), "[]" if wanted[1].endswith("[]") else ""
    admitted = [base + array, *(other + array for other in _ALSO.get(base, ()))]
    return "" if name in admitted else f"its column is of type {name}; make it {' or '.join(admitted)}"


def _unequal(field: str, sql_type: Any) -> str:
    """Why what comes back from a column is not equal to the identifier or the etag that was sent."""
    if field == "_id" and type_name(sql_type) == "bpchar":
        return "its column is char, which pads what it stores with blanks: make it text or varchar"
    length = getattr(sql_type, "length", None) or (1 if isinstance(sql_type, sa.CHAR) else ETAG_LENGTH)
    if field == "_etag" and length < ETAG_LENGTH:
        return f"its column holds {length} signs, and an etag has {ETAG_LENGTH}: make it text"
    return ""


def _filled(column: Any, table: Any) -> bool:
    """Whether the database itself gives the column a value."""
    return (column.server_default is not None or getattr(column, "computed", None) is not None
            or column is table._autoincrement_column)


def target_of(constraint: Any) -> tuple[str | None, str, list[str]]:
    """The schema, table and columns that a foreign key names, though the table be in another metadata."""
    columns, schema, name = [], None, ""
    for element in constraint.elements:
        try:
            column = element.column
            schema, name = column.table.schema, column.table.name
            columns.append(column.name)
        except SQLAlchemyError:
            path, _, last = element.target_fullname.rpartition(".")
            schema, _, name = path.rpartition(".")
            columns.append(last)
    return schema or None, name, columns


def _foreign_keys(
    table: Any, fields: Mapping[str, str], tables: Mapping[tuple[str | None, str], Kindred],
) -> Iterator[ForeignKey]:
    for constraint in table.foreign_key_constraints:
        schema, name, parent_columns = target_of(constraint)
        own = [column.name for column in constraint.columns]
        parent = tables.get((schema, name))
        if parent is not None and all(column in fields for column in own):
            # The parent's columns by their names; model.py, which knows the parents, makes fields of them.
            yield ForeignKey(constraint.name or constraint_name(table.name, *own, "fkey"),
                             tuple(fields[column] for column in own), parent, tuple(parent_columns),
                             bool(constraint.deferrable))


def _uniques(table: Any, fields: Mapping[str, str]) -> Iterator[Unique]:
    found = [(constraint.name, constraint.columns, bool(constraint.deferrable))
             for constraint in table.constraints if isinstance(constraint, sa.UniqueConstraint)]
    found += [(index.name, index.columns, False) for index in table.indexes
              if index.unique and len(index.columns) == len(index.expressions)
              and all(isinstance(part, sa.Column) for part in index.expressions)
              and index.dialect_options["postgresql"]["where"] is None]
    for name, columns, deferrable in found:
        own = [column.name for column in columns]
        if all(column in fields for column in own):
            yield Unique(name or constraint_name(table.name, *own, "key"), tuple(fields[column] for column in own),
                         deferrable)
