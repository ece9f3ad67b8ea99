"""Table: what the State and the Plan must know of the table under a Resource; plain values, no driver.

The Postgres room reads them off the gino models; fields are named as the Resource names them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from workbench.domain.kinds import Kind, OptionalKind
from workbench.domain.registry import Kindred


class Column(NamedTuple):
    """One field and its column: ``type`` as Postgres writes it (``"timestamp with time zone"``, ``"uuid[]"``).

    Where the database limits them, ``length`` is that of a text, and ``digits`` are those of a number: all of them, and
    those after the point."""

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
    """Fields of a child that name a parent: they must equal the parent's ``parent_fields``, or one of them be None.

    ``cascades`` says whether the database itself changes or deletes the child when its parent goes or changes."""

    name: str
    fields: tuple[str, ...]
    parent: Kindred
    parent_fields: tuple[str, ...] = ("_id",)
    deferrable: bool = False
    cascades: bool = False


class Unique(NamedTuple):
    """Fields whose values together may stand in one row only; among the rows where ``where`` holds, if it says any.

    ``where`` is SQL as Postgres prints it, with the columns' names."""

    name: str
    fields: tuple[str, ...]
    deferrable: bool = False
    where: str = ""


class Table(NamedTuple):
    """The table of one resource; ``name`` may be qualified by its schema.

    ``triggers`` says whether the database has any, which may do anything when rows are written; ``alters`` whether it
    may store other values in the rows of this table than those that are sent: a trigger or a rule of its own, a column
    that rounds or pads; ``guarded`` whether policies of row-level security hold for us. ``stiff`` are the names of
    constraints that can be deferred, but not by their names: another one of the schema has the same, and cannot."""

    kindred: Kindred
    name: str
    schema: str | None
    columns: tuple[Column, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    uniques: tuple[Unique, ...] = ()
    model: Any = None       # the gino model, for those who query
    triggers: bool = True       # as long as it is not known
    alters: bool = False
    guarded: bool = False
    stiff: frozenset[str] = frozenset()

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
