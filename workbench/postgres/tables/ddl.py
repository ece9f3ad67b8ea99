"""DDL: the statements that make tables, columns and constraints as the gino models say.

A ``Ddl`` is one statement and the phase of an alteration that it belongs to: whatever is put together, of however many
tables, runs in the order of the phases, so that tables may refer to each other in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from itertools import count
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.schema import CreateIndex, CreateTable

from workbench.postgres.literals import text_literal
from workbench.postgres.tables.columns import constraint_name
from workbench.postgres.tables.given_models import target_of
from workbench.state.planning.table import Table, quoted

LOCK = 0x776F726B62656E63       # "workbenc": the advisory lock of all who create tables

# A server may be set otherwise: it would take a backslash in what SQLAlchemy writes for an escape, and make other
# texts, or days, of values that are cast.
USUAL = ("SET LOCAL standard_conforming_strings = on", "SET LOCAL datestyle = 'ISO, MDY'", "SET LOCAL timezone = 'UTC'",
         "SET LOCAL intervalstyle = 'postgres'", "SET LOCAL bytea_output = 'hex'", "SET LOCAL extra_float_digits = 1")


class Phase(IntEnum):
    """When a statement runs: what is in the way goes first, foreign keys come last."""

    LABEL = 0           # of enum types: nothing can use one in the transaction that adds it
    DROP = 1            # of constraints
    SCHEMA = 2
    TYPE = 3
    TABLE = 4
    COLUMN = 5
    CONSTRAINT = 6
    REFERENCE = 7


class Ddl(NamedTuple):
    """One statement, without a semicolon."""

    phase: Phase
    sql: str


def in_order(statements: Iterable[Ddl]) -> list[str]:
    """The SQL of statements in the order in which they run, each once."""
    return [statement.sql for statement in sorted(dict.fromkeys(statements), key=lambda statement: statement.phase)]


def ddl(tables: Sequence[Table]) -> list[str]:
    """The statements that create tables, in their order."""
    return in_order(statement for table in tables for statement in created(table))


def created(table: Table) -> Iterator[Ddl]:
    """The statements that create a table: its schema and types where they are missing, indexes and foreign keys too."""
    model = table.model.__table__
    if model.schema:
        yield Ddl(Phase.SCHEMA, f"CREATE SCHEMA IF NOT EXISTS {quoted(model.schema)}")
    yield from enum_types(model.columns)
    create = CreateTable(model, include_foreign_key_constraints=[]).compile(dialect=dialect())
    yield Ddl(Phase.TABLE, str(create).strip())
    for index in sorted(model.indexes, key=lambda index: str(index.name)):
        yield index_created(index, Phase.TABLE)
    for sql in sorted(foreign_key(model, constraint) for constraint in model.foreign_key_constraints):
        yield Ddl(Phase.REFERENCE, sql)


def enum_types(columns: Iterable[Any]) -> Iterator[Ddl]:
    """The statements that make the native enum types of some columns where there are none."""
    for name, enum in enums_of(columns).items():
        # There is no CREATE TYPE IF NOT EXISTS.
        block = (f"BEGIN CREATE TYPE {name} AS ENUM ({', '.join(map(text_literal, enum.enums))}); "
                 "EXCEPTION WHEN duplicate_object THEN NULL; END")
        tag = next(tag for number in count() if (tag := f"$ddl{number or ''}$") not in block)
        yield Ddl(Phase.TYPE, f"DO {tag} {block} {tag}")


def enums_of(columns: Iterable[Any]) -> dict[str, sa.Enum]:
    """The native enum types of some columns, also of the members of arrays, by their names in SQL."""
    types = (column.type.item_type if isinstance(column.type, sa.ARRAY) else column.type for column in columns)
    enums = {str(it.compile(dialect=dialect())): it for it in types if isinstance(it, sa.Enum) and it.native_enum}
    return dict(sorted(enums.items()))


def index_created(index: Any, phase: Phase = Phase.CONSTRAINT) -> Ddl:
    """The statement that makes an index."""
    return Ddl(phase, str(CreateIndex(index).compile(dialect=dialect())))


def foreign_key(model: sa.Table, constraint: sa.ForeignKeyConstraint) -> str:
    """The statement that adds a foreign key; SQLAlchemy writes only those whose parent is in the same metadata."""
    schema, parent, parent_columns = target_of(constraint)
    own = [column.name for column in constraint.columns]
    sql = (f"ALTER TABLE {dotted(model.schema, model.name)} ADD CONSTRAINT "
           f"{quoted(foreign_key_name(model, constraint))} FOREIGN KEY ({', '.join(map(quoted, own))}) "
           f"REFERENCES {dotted(schema, parent)} ({', '.join(map(quoted, parent_columns))})")
    for words, value in (("ON DELETE", constraint.ondelete), ("ON UPDATE", constraint.onupdate)):
        sql += f" {words} {value}" if value else ""
    if constraint.deferrable:
        sql += f" DEFERRABLE INITIALLY {constraint.initially or 'IMMEDIATE'}"
    return sql


def foreign_key_name(model: sa.Table, constraint: sa.ForeignKeyConstraint) -> str:
    """The name of a foreign key: its own, or the one that Postgres would give it."""
    return constraint.name or constraint_name(model.name, *(column.name for column in constraint.columns), "fkey")


def column_sql(column: sa.Column) -> str:
    """A column as CREATE TABLE and ADD COLUMN have it: ``colour TEXT NOT NULL``."""
    return str(_compiler().get_column_specification(column))


def type_sql(column: sa.Column) -> str:
    """A column's type as it is declared, with its length."""
    return str(column.type.compile(dialect=dialect()))


def default_sql(column: sa.Column) -> str | None:
    """The default that the database is to give a column; None where it has none."""
    default = None if column.computed is not None else _compiler().get_column_default_string(column)
    return None if default is None else str(default)


def constraint_sql(constraint: Any) -> str:
    """A check or unique constraint as ADD takes it: ``CONSTRAINT positive CHECK (amount > 0)``."""
    return str(_compiler().process(constraint))


def is_made(constraint: Any) -> bool:
    """Whether a constraint is in CREATE TABLE: that of an Enum is not where its type says the same."""
    return constraint._create_rule is None or bool(constraint._create_rule(_compiler()))


def expression_sql(expression: Any) -> str:
    """A condition of a model, with its values in it."""
    return str(_compiler().sql_compiler.process(expression, include_table=False, literal_binds=True))


def dotted(schema: str | None, name: str) -> str:
    """A table's name as SQL takes it, with its schema."""
    return f"{quoted(schema)}.{quoted(name)}" if schema else quoted(name)


def dialect() -> Any:
    """SQLAlchemy's Postgres, as it must write DDL that is run as it stands."""
    made = pg.dialect(paramstyle="named")    # or a % in a choice would be doubled
    made._backslash_escapes = False          # and a backslash, which SQLAlchemy learns only by connecting
    return made


def _compiler() -> Any:
    own = dialect()
    return own.ddl_compiler(own, None)
