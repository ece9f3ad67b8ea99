"""Table: what the State and the Plan must know of the table of a Resource; plain values, no driver.

The Postgres room makes them from the gino models; fields are named as the Resource names them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from workbench.domain.kinds import Kind, OptionalKind
from workbench.domain.registry import Kindred


class Column(NamedTuple):
    """One field and its column: ``type`` as Postgres writes it (``"timestamp with time zone"``, ``"uuid[]"``).

    Where the database limits them: ``length`` is how long a text may be, ``digits`` how many digits a number may have,
    in all and after the point."""

    field: str
    name: str
    type: str
    kind: Kind
    nullable: bool = True
    length: int | None = None
    digits: tuple[int, int] | None = None

    @property
    def may_be_none(self) -> bool:
        """Whether None is ever written: the State stamps every row, so that of the stamps only ``_deleted`` may be."""
        return isinstance(self.kind, OptionalKind) and (not self.field.startswith("_") or self.field == "_deleted")


class ForeignKey(NamedTuple):
    """Fields of a child that name a parent: they equal the parent's ``parent_fields``, or one of them is None.

    ``cascades`` says whether the database itself changes or deletes the child when its parent is changed or deleted."""

    name: str
    fields: tuple[str, ...]
    parent: Kindred
    parent_fields: tuple[str, ...] = ("_id",)
    deferrable: bool = False
    cascades: bool = False


class Unique(NamedTuple):
    """Fields whose values together may occur in one row only.

    ``where`` limits this to the rows for which it holds: SQL as Postgres prints it, with the names of columns. With
    ``nulls_alike`` one None is no other value than the next (NULLS NOT DISTINCT)."""

    name: str
    fields: tuple[str, ...]
    deferrable: bool = False
    where: str = ""
    nulls_alike: bool = False


class Check(NamedTuple):
    """A CHECK of the database on some fields: its ``condition`` as Postgres prints it, with the names of columns; empty
    where it is one of the column's own type, which has no name of a column in it."""

    fields: tuple[str, ...]
    condition: str


class Table(NamedTuple):
    """The table of one resource; ``name`` may be qualified by its schema.

    ``triggers`` says whether the database has any triggers, which may do anything when rows are written; ``alters``
    whether it may store other values in this table than those that are sent, by a trigger or a rule of the table or a
    column that rounds or pads; ``reaches`` are the resources whose rows its triggers and rules may change; ``guarded``
    whether policies of row-level security apply to us; ``rewrites`` whether a rule makes something else of an INSERT,
    or more. ``stiff`` are the names of constraints that are deferrable but cannot be deferred by name, as another one
    of the schema that is not deferrable has the same name. ``path`` are the schemas in which the session looks for what
    is named without one; None as long as it is not known. ``carries`` are the tables, of resources or not, whose rows
    go or change when one is deleted here; ``above`` are the resources to whose rows these may refer in ways that no
    field tells: by a column that is no field, or over a table between; ``fieldless`` are the columns that no field
    names: others alone write them."""

    kindred: Kindred
    name: str
    schema: str | None
    columns: tuple[Column, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    uniques: tuple[Unique, ...] = ()
    model: Any = None       # the gino model, for those who query
    triggers: bool = True       # as long as it is not known
    alters: bool = False
    reaches: frozenset[Kindred] = frozenset()
    guarded: bool = False
    rewrites: bool = False
    stiff: frozenset[str] = frozenset()
    path: tuple[str, ...] | None = None
    carries: tuple[str, ...] = ()
    above: frozenset[Kindred] = frozenset()
    fieldless: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()

    @property
    def quoted(self) -> str:
        """The name as SQL takes it, always quoted."""
        parts = ([self.schema] if self.schema else []) + [self.name]
        return ".".join(quoted(part) for part in parts)

    @property
    def alive(self) -> str:
        """The end of a condition that leaves soft-deleted rows out; empty where the table has none."""
        deleted = [column for column in self.columns if column.field == "_deleted"]
        return f" AND {quoted(deleted[0].name)} IS NULL" if deleted else ""

    def column(self, field: str) -> Column:
        """The column of a field."""
        return next(column for column in self.columns if column.field == field)


def quoted(name: str) -> str:
    """An identifier as SQL takes it: ``"na""me"``."""
    return '"' + name.replace('"', '""') + '"'
