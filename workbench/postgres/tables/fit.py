"""Fit: a table as it is defined beside the table as it is stored, and who of the two has what.

The gino model is the definition, given or derived: its columns, also those without a field, its constraints and its
indexes. Columns are spoken of by their names in the definition; ``names`` tells what they are called now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from workbench.domain.datadef import Field
from workbench.errors import Invalid, Problem
from workbench.postgres.tables.alteration import Alteration, Wish
from workbench.postgres.tables.catalogue import Stored
from workbench.postgres.tables.columns import constraint_name
from workbench.postgres.tables.ddl import Ddl, Phase, foreign_key_name
from workbench.postgres.tables.given_models import target_of, type_name
from workbench.postgres.tables.model import Models
from workbench.state.planning.table import Column, Table, quoted

Fits = Mapping[tuple[str | None, str], "Fit"]       # by schema and name


class Fit(NamedTuple):
    """A table and what is stored of it.

    ``names`` has the names that the definition's columns have now, None for those that are missing; ``fields`` the
    Column and the Field of those that have any. A ``given`` model is one that the user wrote. ``labels`` are those of
    all enum types that are there."""

    table: Table
    there: Stored
    names: Mapping[str, str | None]
    fields: Mapping[str, tuple[Column, Field]]
    given: bool
    labels: Mapping[str, frozenset[str]]

    @property
    def model(self) -> Any:
        """The gino model's table, as SQLAlchemy has it."""
        return self.table.model.__table__

    @property
    def label(self) -> str:
        """The table's name as it is told."""
        return f"{self.table.schema}.{self.table.name}" if self.table.schema else self.table.name

    @property
    def orphans(self) -> list[dict[str, Any]]:
        """The columns that are in the database alone."""
        return [column for column in self.there.columns.values() if column["name"] not in self.names.values()]

    def type_of(self, column: Any) -> str:
        """The type of a column of the definition as the catalogue names it."""
        return self.fields[column.name][0].type if column.name in self.fields else type_name(column.type)

    def derived_name(self, name: str, suffix: str) -> bool:
        """Whether a constraint's name is one that a derived model gives: of some column, for a reason."""
        return not self.given and name in {
            constraint_name(self.table.name, column, suffix) for column in (*self.names, *self.there.columns)}

    def alter(self, phase: Phase, action: str) -> Ddl:
        """A statement that alters this table."""
        return Ddl(phase, f"ALTER TABLE {self.table.quoted} {action}")

    def dropped(self, constraint: str) -> Ddl:
        """The statement that drops a constraint, if it has not gone with something else."""
        return self.alter(Phase.DROP, f"DROP CONSTRAINT IF EXISTS {quoted(constraint)}")

    def wish(self, kind: Any, what: str, *statements: Ddl, **more: Any) -> Wish:
        """A Wish for this table; ``more`` is for the Alteration (reason, hint) and the Wish (asks, makes, needs)."""
        of_wish = {name: more.pop(name) for name in ("asks", "makes", "needs") if name in more}
        return Wish(Alteration(self.table.kindred, self.label, kind, what, statements, **more), **of_wish)

    def at(self, *columns: str) -> frozenset[tuple[str, str]]:
        """Columns of this table as a Wish makes or needs them."""
        return frozenset((self.table.quoted, column) for column in columns)


class Key(NamedTuple):
    """A foreign key of the definition: its pairs of columns, own and parent's; no ``parent`` where that is the table of
    no resource."""

    constraint: sa.ForeignKeyConstraint
    name: str
    pairs: tuple[tuple[str, str], ...]
    parent: Fit | None

    def stored(self, fit: Fit) -> list[dict[str, Any]]:
        """The foreign keys of a stored table that do the same."""
        if self.parent is None:
            own = sorted(str(fit.names[name]) for name, _ in self.pairs)
            return [key for key in fit.there.foreign_keys if sorted(key["columns"]) == own]
        pairs = sorted((str(fit.names[own]), str(self.parent.names.get(other))) for own, other in self.pairs)
        return [key for key in fit.there.foreign_keys if key["parent"] == self.parent.there.oid
                and sorted(zip(key["columns"], key["parent_columns"], strict=True)) == pairs]


def keys_of(fit: Fit, fits: Fits) -> Iterator[Key]:
    """The foreign keys of a table's definition."""
    for constraint in sorted(fit.model.foreign_key_constraints, key=lambda it: foreign_key_name(fit.model, it)):
        schema, name, columns = target_of(constraint)
        own = [column.name for column in constraint.columns]
        yield Key(constraint, foreign_key_name(fit.model, constraint), tuple(zip(own, columns, strict=True)),
                  fits.get((schema, name)))


def fits_of(
    models: Models, stored: Mapping[str, Stored], labels: Mapping[str, frozenset[str]], renamed: Mapping[str, str],
) -> Fits:
    """All tables of a session beside what is stored of them, and the ``labels`` of enum types.

    ``renamed`` says what columns are to be called: ``{"bank_account.owner": "holder"}``. Raises Invalid for one that
    is not there, or whose new name is taken or in no definition."""
    fits, left = {}, dict(renamed)
    for kindred, table in models.tables.items():
        there, model, cls = stored[table.quoted], table.model.__table__, models.registry.resource(kindred)
        names: dict[str, str | None] = {
            column.name: column.name if column.name in there.columns else None for column in model.columns}
        fit = fits[model.schema, model.name] = Fit(
            table, there, names, {column.name: (column, cls._fields[column.field]) for column in table.columns},
            models.registry.resources[kindred].model is not None, labels)
        for old, new in renamed.items():
            now = old.removeprefix(f"{fit.label}.")
            if now != old and now in there.columns and now not in names and names.get(new, new) is None:
                names[new] = now
                del left[old]
    if left:
        raise Invalid("tables", [Problem(old, new, (
            f'"{old}" cannot be renamed to "{new}": give {{"table.column": "new name"}} of a column that is in the '
            "database alone, and the name of one that is missing there")) for old, new in left.items()])
    return fits

