"""Models: the gino model and the Table under every resource of a registry, given or derived.

A ``Definition`` that brings a gino model is matched with it (given_models.py); for any other, a model is derived from
the fields, their types by ``PG_TYPES`` (columns.py). Either way the outcome is a ``Table``, the plain value that the
State and the Plan read, with the gino model on it. All that keeps a resource from having a table is told at once.

``Models`` belongs to one session: it holds the gino object (``db``) whose metadata the derived models live in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gino
import sqlalchemy as sa
from gino.declarative import ModelType

from workbench.domain.definitions import Definition
from workbench.domain.kinds import EnumKind, OptionalKind
from workbench.domain.registry import Kindred, Registry
from workbench.errors import DefinitionError, WorkbenchError
from workbench.postgres.tables.columns import SYSTEM, column_type, constraint_name
from workbench.postgres.tables.given_models import fitted
from workbench.state.planning.table import Column, ForeignKey, Table, Unique
from workbench.wording import nearest


class Models:
    """The tables of a registry's resources by kindred, as they are now.

    ``tables`` has a Table for each, its ``model`` the gino model; ``db`` is the gino object, to be bound to an engine.
    Raises DefinitionError with all that keeps any of them from having a table."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.db = gino.Gino()
        self.tables: dict[Kindred, Table] = {}
        self.defined: dict[Kindred, Table] = {}     # without what the database alone has, which prepare adds to tables
        self._definitions: dict[Kindred, Definition] = {}
        self.refresh()

    def model(self, kindred: Kindred) -> Any:
        """The gino model of a resource; raises UnknownName."""
        self.registry.resource(kindred)
        return self.tables[kindred].model

    def refresh(self) -> bool:
        """Derives anew what changed in the registry since, and says whether anything did.

        Cheap where nothing did. Raises DefinitionError and stays as it was."""
        definitions = dict(self.registry.resources)
        if definitions == self._definitions:
            return False
        names = {kindred: _name(kindred, definition) for kindred, definition in definitions.items()}
        changed, faults = self._changed(definitions), _shared_names(names)
        made: dict[Kindred, Table] = {}
        for kindred in changed:
            definition = definitions[kindred]
            found = self._derived_table(kindred, definition, names) if definition.model is None else fitted(
                kindred, definition, {names[other]: other for other in definitions})
            if isinstance(found, Table):
                made[kindred] = found
            else:
                faults += found
        if faults:
            raise DefinitionError("the resources cannot be stored as they are defined", sorted(faults))
        # Nothing can fail from here on. Tables are dropped from the metadata first: a cell that ran twice would
        # otherwise find its table "already defined". Plans are made of those that are in place meanwhile.
        there = dict(self.tables)
        for kindred in self._definitions:
            if kindred in changed or kindred not in definitions:
                old = there.pop(kindred).model.__table__
                if old.metadata is self.db:
                    self.db.remove(old)
        for kindred in definitions:
            if kindred in made:
                table = made[kindred]
                there[kindred] = table if table.model is not None else table._replace(
                    model=self._derived_model(table, definitions, names))
        tables = {kindred: _in_fields(there[kindred], there) if kindred in made else there[kindred]
                  for kindred in definitions}     # of the others the foreign keys name fields already
        self.defined = {kindred: tables[kindred] if kindred in made else self.defined[kindred] for kindred in tables}
        self.tables.update({kindred: table for kindred, table in tables.items() if kindred in self.tables})
        self.tables = tables        # another one, and no new ones in that one: who goes through it may be in its middle
        self._definitions = definitions
        return True

    def _changed(self, definitions: Mapping[Kindred, Definition]) -> set[Kindred]:
        """The resources whose tables must be made anew.

        A child's foreign key holds its parent's table: it goes with it, and its own children too. Given models are only
        looked at."""
        changed = {kindred for kindred, definition in definitions.items()
                   if definition != self._definitions.get(kindred)}
        parents = {kindred: self._parents(kindred, definition) for kindred, definition in definitions.items()}
        while children := {kindred for kindred in definitions if kindred not in changed and changed & parents[kindred]}:
            changed |= children
        return changed | {kindred for kindred, definition in definitions.items() if definition.model is not None}

    # ---------------------------------------------------------------------------------------- derived models

    def _parents(self, kindred: Kindred, definition: Definition) -> set[Kindred | None]:
        return {self._parent(kindred, declared.references) for declared in definition.cls._fields.values()
                if declared.references is not None}

    def _parent(self, kindred: Kindred, references: Any) -> Kindred | None:
        if references == "self":
            return kindred
        try:
            return self.registry.kindred(references, home=kindred[0])
        except WorkbenchError:
            return None

    def _no_reference(self, kindred: Kindred, references: Any) -> str:
        """Why what a field of a resource references is no resource here, and the ways out."""
        back = f"or take the resource back: {kindred[0]}.forget({self.registry.resource(kindred).__name__})"
        if not isinstance(references, str):
            shown_class = getattr(references, "__name__", repr(references))
            return (f"references {shown_class}, which is no resource of an opened domain; open its domain in the same "
                    f"session, {back}")
        known = [key if domain == kindred[0] else f"{domain}:{key}" for domain, key in self.registry.resources]
        return f'references "{references}", and there is no such resource; {nearest(references, known)}; {back}'

    def _derived_table(
        self, kindred: Kindred, definition: Definition, names: Mapping[Kindred, tuple[str | None, str]],
    ) -> Table | list[str]:
        """The Table that is to be derived, without its model; or what keeps it from being."""
        label = f"{kindred[0]}:{kindred[1]}"
        schema, name = names[kindred]
        columns, foreign_keys, uniques, faults = [], [], [], []
        for field, declared in definition.cls._fields.items():
            types = column_type(declared.kind)
            if types is None:
                faults.append(f'{label}: the field "{field}" may hold any value, and no column can; give it a type, or '
                              "dict for JSON")
                continue
            if len(field.encode()) > 63:
                faults.append(f'{label}: the field "{field}" has a name of more than 63 bytes, which Postgres cuts; '
                              "give it a shorter one")
            if field in SYSTEM:
                faults.append(f'{label}: the field "{field}" has a name that Postgres keeps for itself in every table; '
                              "give it another")
            columns.append(Column(field, field, types[1], declared.kind, isinstance(declared.kind, OptionalKind)))
            if declared.unique:
                uniques.append(Unique(constraint_name(name, field, "key"), (field,), deferrable=True))
            if declared.references is not None:
                parent = self._parent(kindred, declared.references)
                if parent is None:
                    faults.append(f'{label}: the field "{field}" {self._no_reference(kindred, declared.references)}')
                    continue
                wanted = column_type(self.registry.resource(parent)._fields["_id"].kind)
                if wanted is not None and wanted[1] != types[1]:
                    faults.append(f'{label}: the field "{field}" is stored as {types[1]}, but the identifier of '
                                  f"{parent[0]}:{parent[1]}, which it references, as {wanted[1]}; give both one type")
                foreign_keys.append(ForeignKey(constraint_name(name, field, "fkey"), (field,), parent, deferrable=True))
        return faults or Table(kindred, name, schema, tuple(columns), tuple(foreign_keys), tuple(uniques))

    def _derived_model(
        self, table: Table, definitions: Mapping[Kindred, Definition],
        names: Mapping[Kindred, tuple[str | None, str]],
    ) -> Any:
        """The gino model of a Table."""
        cls = definitions[table.kindred].cls
        taken = {*dir(self.db.Model), "insert", "join", "outerjoin", "gino"}
        namespace: dict[str, Any] = {
            "__tablename__": table.name, "__doc__": f"The gino model derived from {cls.__name__}.",
            "__module__": cls.__module__, "__qualname__": cls.__qualname__}
        args: list[Any] = [sa.PrimaryKeyConstraint("_id", name=constraint_name(table.name, "pkey"))]
        for column in table.columns:
            info: dict[str, Any] = {}
            inner = column.kind.bare
            if isinstance(inner, EnumKind):
                info = {"check": constraint_name(table.name, column.field, "check"), "choices": tuple(inner.members)}
                admitted = sa.column(column.name, sa.Text()).in_(list(inner.members))
                args.append(sa.CheckConstraint(admitted, name=info["check"]))
            sql_type = column_type(column.kind)
            assert sql_type is not None
            attribute = column.field
            while attribute in taken or attribute in namespace:
                attribute += "_"        # gino's own attributes (query, update, …) stay what they are
            namespace[attribute] = sa.Column(
                column.name, sql_type[0], nullable=column.nullable, autoincrement=False, info=info)
        args += [sa.UniqueConstraint(*unique.fields, name=unique.name, deferrable=True, initially="IMMEDIATE")
                 for unique in table.uniques]
        for key in table.foreign_keys:
            given = definitions[key.parent].model
            if given is None:
                schema, name = names[key.parent]
                identifier: Any = ".".join(part for part in (schema, name, "_id") if part)
            else:
                identifier = next(iter(given.__table__.primary_key.columns))
            args.append(sa.ForeignKeyConstraint(
                key.fields, [identifier], name=key.name, deferrable=True, initially="IMMEDIATE"))
        namespace["__table_args__"] = (*args, {"schema": table.schema})
        return ModelType(cls.__name__, (self.db.Model,), namespace)


def _in_fields(table: Table, tables: Mapping[Kindred, Table]) -> Table:
    """A Table whose foreign keys name the parent's fields, not its columns; those to no field are left out."""
    keys = []
    for key in table.foreign_keys:
        fields = {column.name: column.field for column in tables[key.parent].columns}
        if all(name in fields for name in key.parent_fields) or key.parent_fields == ("_id",):
            keys.append(key._replace(parent_fields=tuple(fields.get(name, name) for name in key.parent_fields)))
    return table._replace(foreign_keys=tuple(keys))


def _name(kindred: Kindred, definition: Definition) -> tuple[str | None, str]:
    """The schema, or None, and the name of a resource's table."""
    if definition.model is not None:
        table = getattr(definition.model, "__table__", None)
        return (None, "") if table is None else (table.schema, table.name)
    if definition.table:
        schema, _, name = definition.table.rpartition(".")
        return schema or None, name
    return None, constraint_name(*(key.replace("-", "_") for key in kindred))


def _shared_names(names: Mapping[Kindred, tuple[str | None, str]]) -> list[str]:
    """A fault for each two resources that would be in one table."""
    seen: dict[tuple[str | None, str], Kindred] = {}
    faults = []
    for kindred, name in names.items():
        first = seen.setdefault(name, kindred)
        if first != kindred and name[1]:
            faults.append(f"{kindred[0]}:{kindred[1]}: its table \"{name[1]}\" is the one of {first[0]}:{first[1]} "
                          f'already; give it another: @{kindred[0]}.resource(table="…")')
    return faults
