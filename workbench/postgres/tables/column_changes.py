"""Column changes: what would make the columns of a table those of its definition, as Wishes.

New columns get the field's ``initial`` in the rows that are there. A column that is in the database alone is dropped
only from derived tables: a given model may be one of several programs' on its table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from workbench.domain.sameness import same
from workbench.postgres.encoding import encoded
from workbench.postgres.literals import literal, text_literal
from workbench.postgres.tables.alteration import Ask, Wish
from workbench.postgres.tables.catalogue import is_of, type_told
from workbench.postgres.tables.ddl import (
    Ddl,
    Phase,
    column_sql,
    default_sql,
    enum_types,
    enums_of,
    type_sql,
)
from workbench.postgres.tables.fit import Fit, Fits
from workbench.postgres.tables.type_changes import NUMBERS, length_of, longer, resized, retyped
from workbench.state.planning.table import quoted

_RELIED = "another program may rely on it"
_VALUELESS = "{} without a value: give the field an initial=, or make its type … | None".format
# What rows get that somebody else made: they are as old as their stamps, and each has a version of its own.
_STAMPS: Mapping[str, str] = MappingProxyType({
    "_created": "CURRENT_TIMESTAMP", "_updated": "CURRENT_TIMESTAMP", "_etag": "md5(gen_random_uuid()::text)"})
_NOW = timedelta(minutes=1)     # a callable initial that gives a moment so near means the present one


def column_wishes(fit: Fit, fits: Fits) -> Iterator[Wish]:
    """What is to be done to the columns of a table that is there; ``fits`` are all of them."""
    hints = _renamings(fit)
    for column in fit.model.columns:
        name = fit.names[column.name]
        if name is None:
            yield _added(fit, column, hints.get(column.name, ""))
            continue
        if name != column.name:
            yield fit.wish("alter", f'column "{name}" is renamed to "{column.name}"', fit.alter(
                Phase.COLUMN, f"RENAME COLUMN {quoted(name)} TO {quoted(column.name)}"), makes=fit.at(column.name))
        found = fit.there.columns[name]
        if found["made"] and column.name in fit.fields:
            yield _writable(fit, column, found["made"])
        if not is_of(found, fit.type_of(column)):
            yield retyped(fit, column, found, fits)
        elif found["length"] != length_of(column) and not found["domain"]:
            yield resized(fit, column, found)
        if default_sql(column) is not None and not found["filled"]:
            yield fit.wish("alter", f'column "{column.name}" gets the default {default_sql(column)}', fit.alter(
                Phase.COLUMN, f"ALTER COLUMN {quoted(column.name)} SET DEFAULT {default_sql(column)}"))
        yield from _nullability(fit, column, found)
    for orphan in fit.orphans:
        name = orphan["name"]
        if orphan["not_null"] and not orphan["filled"]:
            yield fit.wish(
                "alter", f'column "{name}", which is in the database alone, may be NULL: or no row could be inserted',
                fit.alter(Phase.COLUMN, f"ALTER COLUMN {quoted(name)} DROP NOT NULL"), reason=_RELIED,
                hint="or give it a field, or a DEFAULT")
        if not fit.given:
            yield fit.wish(
                "drop", f'column "{name}" ({type_told(orphan)}), which is in the database alone',
                fit.alter(Phase.COLUMN, f"DROP COLUMN {quoted(name)}"), reason="another program may use it",
                hint=hints.get(name, ""),
                asks=(Ask(f"SELECT count({quoted(name)}) FROM {fit.table.quoted}",
                          "the values of {} would be lost".format, blocks=False),))


def label_wishes(fit: Fit) -> Iterator[Wish]:
    """The labels that are to be added to the enum types of a table's columns, be the table there or not."""
    for name, enum in enums_of(fit.model.columns).items():
        for label in enum.enums:
            if label not in fit.labels.get(name, enum.enums):
                yield fit.wish("alter", f"type {name} admits {label!r} as well", Ddl(
                    Phase.LABEL, f"ALTER TYPE {name} ADD VALUE IF NOT EXISTS {text_literal(label)}"))


# ------------------------------------------------------------------------------------------------ new columns

def _added(fit: Fit, column: Any, hint: str) -> Wish:
    default = default_sql(column)
    first = None if default is not None or column.computed is not None else initial_sql(fit, column.name)
    sql = column_sql(column)
    statements = [*enum_types([column]), fit.alter(Phase.COLUMN, f"ADD COLUMN {sql}")]
    what, asks = f'column "{column.name}" ({fit.type_of(column)})', list(_about_initial(fit, column, first))
    if first is not None:
        statements[-1] = fit.alter(Phase.COLUMN, f"ADD COLUMN {sql} DEFAULT {first}")
        statements.append(fit.alter(Phase.COLUMN, f"ALTER COLUMN {quoted(column.name)} DROP DEFAULT"))
        what += f"; rows that are there get {first}"
    elif not column.nullable and default is None and column is not fit.model._autoincrement_column \
            and column.computed is None:
        asks = [Ask(f"SELECT count(*) FROM {fit.table.quoted}", _VALUELESS)]
    return fit.wish("add", what, *statements, asks=tuple(asks), makes=fit.at(column.name), hint=hint)


def initial_sql(fit: Fit, name: str) -> str | None:
    """What rows that are there get in a column: a stamp, or its field's ``initial`` as SQL; None where that gives
    nothing, or each time another value that the database cannot make."""
    if name not in fit.fields:
        return None
    column, declared = fit.fields[name]
    if column.field in _STAMPS:
        return _STAMPS[column.field]
    if declared.required or declared.initial is None:
        return None
    value = declared.first()
    if callable(declared.initial):
        if isinstance(value, datetime) and abs(datetime.now(UTC) - value) < _NOW:
            return "CURRENT_TIMESTAMP"
        if not same(value, declared.first()):
            return "gen_random_uuid()" if isinstance(value, UUID) else None
    return literal(encoded(column.kind, value), column.type)


def _about_initial(fit: Fit, column: Any, first: str | None) -> Iterator[Ask]:
    """Whether a column of a given model, with its length or precision, can hold the initial value."""
    if first is not None and fit.type_of(column) in NUMBERS:
        yield Ask(f"SELECT 0 * count(({first})::{type_sql(column)})", str,
                  failed=lambda words: f"it cannot hold its initial value: {words}")
    if first is not None and length_of(column) is not None:
        yield Ask(f"SELECT count(*) WHERE {longer(first, column)}", lambda _: "it cannot hold its initial value, "
                  f"which is too long for {type_sql(column)}")


def _renamings(fit: Fit) -> dict[str, str]:
    """What may have been meant by a column that is missing and one that is in the database alone, by both names: where
    they are the only ones of their type, or of their type and as nullable."""
    hints: dict[str, str] = {}
    missing = [column for column in fit.model.columns if fit.names[column.name] is None]
    for column in missing:
        alike = [it for it in fit.orphans if it["type"] == fit.type_of(column)]
        others = [it for it in missing if fit.type_of(it) == fit.type_of(column)]
        if len(alike) > 1 or len(others) > 1:
            alike = [it for it in alike if it["not_null"] != column.nullable]
            others = [it for it in others if it.nullable == column.nullable]
        if len(alike) == len(others) == 1:
            old, new = alike[0]["name"], column.name
            hints[old] = hints[new] = (
                f'was "{old}" renamed to "{new}"? then tables(renamed={{"{fit.label}.{old}": "{new}"}})')
    return hints


# ------------------------------------------------------------------------------------------------ those there

def _writable(fit: Fit, column: Any, made: str) -> Wish:
    action = "SET GENERATED BY DEFAULT" if made == "identity" else "DROP EXPRESSION"
    virtual = ", which Postgres cannot turn into values" if made.startswith("virtual") else ""
    return fit.wish("alter", f'column "{column.name}" can be written',
                    fit.alter(Phase.COLUMN, f"ALTER COLUMN {quoted(column.name)} {action}"), blocked=bool(virtual),
                    reason=f"the database alone makes its values, by its {made}{virtual}", hint="or drop the field")


def _nullability(fit: Fit, column: Any, found: Mapping[str, Any]) -> Iterator[Wish]:
    name = column.name
    none = name not in fit.fields and not found["filled"] and default_sql(column) is None
    if name in fit.fields:
        known, _ = fit.fields[name]
        none = known.may_be_none
    if none and found["not_null"]:
        by_domain = f"its domain {found['domain']} is NOT NULL" if found["never_null"] else ""
        yield fit.wish("alter", f'column "{name}" may be NULL', fit.alter(
            Phase.COLUMN, f"ALTER COLUMN {quoted(name)} DROP NOT NULL"), blocked=bool(by_domain),
            reason=by_domain or ("" if name in fit.fields else _RELIED))
    elif not none and not column.nullable and not found["not_null"]:
        first, stored = initial_sql(fit, name), quoted(found["name"])
        statements = [fit.alter(Phase.COLUMN, f"ALTER COLUMN {quoted(name)} SET NOT NULL")]
        if first is not None:
            statements[:0] = [Ddl(Phase.COLUMN, (
                f"UPDATE {fit.table.quoted} SET {quoted(name)} = {first} WHERE {quoted(name)} IS NULL"))]
        ask = Ask(f"SELECT count(*) FROM {fit.table.quoted} WHERE {stored} IS NULL", blocks=first is None,
                  told=_VALUELESS if first is None else lambda count: f"{count} without a value would get {first}")
        yield fit.wish("alter", f'column "{name}" may not be NULL', *statements, needs=fit.at(name),
                       asks=(*_about_initial(fit, column, first), *_about_unique(fit, column, first, stored), ask))


def _about_unique(fit: Fit, column: Any, first: str | None, stored: str) -> Iterator[Ask]:
    """Whether rows would get a value that another one has as well, where the column is to be unique."""
    unique = any(isinstance(it, sa.UniqueConstraint) and [*it.columns] == [column] for it in fit.model.constraints)
    if unique and first is not None and "gen_random_uuid()" not in first:
        yield Ask(f"SELECT (count(*) > 1 AND count(*) > count({stored}))::int FROM {fit.table.quoted} "
                  f"WHERE {stored} IS NULL OR {stored}::text = ({first})::text",
                  lambda _: f"a unique column would have {first} more than once: make its type … | None")
