"""Column changes: what would make the columns of a table those of its definition, as Wishes.

New columns get the field's ``initial`` in the rows that are there. A column that is in the database alone is dropped
only from derived tables: a given model may be one of several programs' on its table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from workbench.domain.datadef import same
from workbench.postgres.encoding import encoder
from workbench.postgres.literals import literal, text_literal
from workbench.postgres.tables.alteration import Ask, Wish
from workbench.postgres.tables.columns import constraint_name
from workbench.postgres.tables.ddl import (
    Ddl,
    Phase,
    column_sql,
    default_sql,
    enum_types,
    enums_of,
    foreign_key,
    type_sql,
)
from workbench.postgres.tables.fit import Fit, Fits, keys_of
from workbench.state.planning.table import quoted

_NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision"})
_VALUELESS = "{} without a value: give the field an initial=, or make its type … | None".format
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
        if found["type"].lower() != fit.type_of(column).lower():
            yield _retyped(fit, column, found, fits)
        elif found["length"] != _length(column):
            yield _resized(fit, column, found)
        if default_sql(column) is not None and not found["filled"]:
            yield fit.wish("alter", f'column "{column.name}" gets the default {default_sql(column)}', fit.alter(
                Phase.COLUMN, f"ALTER COLUMN {quoted(column.name)} SET DEFAULT {default_sql(column)}"))
        yield from _nullability(fit, column, found)
    for orphan in fit.orphans:
        name = orphan["name"]
        if orphan["not_null"] and not orphan["filled"]:
            yield fit.wish(
                "alter", f'column "{name}", which is in the database alone, may be NULL: or no row could be inserted',
                fit.alter(Phase.COLUMN, f"ALTER COLUMN {quoted(name)} DROP NOT NULL"))
        if not fit.given:
            yield fit.wish(
                "drop", f'column "{name}" ({orphan["type"]}), which is in the database alone',
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
    """What rows that are there get in a column: its field's ``initial`` as SQL; None where that gives nothing, or each
    time another value that the database cannot make."""
    if name not in fit.fields:
        return None
    column, declared = fit.fields[name]
    if declared.required or declared.initial is None:
        return None
    value = declared.first()
    if callable(declared.initial):
        if isinstance(value, datetime) and abs(datetime.now(UTC) - value) < _NOW:
            return "CURRENT_TIMESTAMP"
        if not same(value, declared.first()):
            return "gen_random_uuid()" if isinstance(value, UUID) else None
    encode = encoder(column.kind)
    return literal(value if encode is None else encode(value), column.type)


def _about_initial(fit: Fit, column: Any, first: str | None) -> Iterator[Ask]:
    """Whether a column of a given model, with its length or precision, can hold the initial value."""
    if first is not None and fit.type_of(column) in _NUMBERS:
        yield Ask(f"SELECT 0 * count(({first})::{type_sql(column)})", str,
                  failed=lambda words: f"it cannot hold its initial value: {words}")
    if first is not None and _length(column) is not None:
        yield Ask(f"SELECT count(*) WHERE {_longer(first, column)}", lambda _: "it cannot hold its initial value, "
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


def _retyped(fit: Fit, column: Any, found: Mapping[str, Any], fits: Fits) -> Wish:
    name, old, new = column.name, found["type"], fit.type_of(column)
    before, after, partners = _keys_around(fit, name, fits)
    check = constraint_name(fit.table.name, found["name"], "check")
    if check in fit.there.checks and fit.derived_name(check, "check"):
        before.append(fit.dropped(check))       # of an Enum that it is no more; a new one comes by itself
    statements = [*before, *enum_types([column])]
    default = default_sql(column)
    if found["default"] and not {old, new} <= _NUMBERS:     # Postgres casts no other, and a serial's must stay
        statements.append(fit.alter(Phase.COLUMN, f"ALTER COLUMN {quoted(name)} DROP DEFAULT"))
        default = default or cast(f"({found['default']})", old, new)
    made = cast(quoted(name), old, new, _target(column, new))
    statements.append(fit.alter(Phase.COLUMN, f"ALTER COLUMN {quoted(name)} TYPE {type_sql(column)} USING {made}"))
    if found["default"] and default is not None:
        statements.append(fit.alter(Phase.COLUMN, f"ALTER COLUMN {quoted(name)} SET DEFAULT {default}"))
    asks = tuple(_about_cast(fit.table.quoted, column, quoted(found["name"]), old, new))
    return fit.wish("alter", f'column "{name}" becomes {new}; it is {old}', *statements, *after, asks=asks,
                    makes=fit.at(name), needs=partners)


def _about_cast(table: str, column: Any, stored: str, old: str, new: str) -> Iterator[Ask]:
    """Whether all values can be cast, are not too long, and are the same when they are cast back."""
    def failed(words: str) -> str:
        return f"a value cannot become {new}: {words}"

    for enum in enums_of([column]).values():    # of a type that may not be there yet, nor its labels
        labels = ", ".join(map(text_literal, enum.enums))
        other = f"{stored}::text NOT IN ({labels})"
        if isinstance(column.type, sa.ARRAY):
            other = f"EXISTS (SELECT FROM unnest({stored}::text::text[]) AS it WHERE it NOT IN ({labels}))"
        yield Ask(f"SELECT count(*), min({stored}::text) FROM {table} WHERE {other}", "{} with another value".format,
                  failed=failed)
        return
    there = cast(stored, old, new, _target(column, new))
    yield Ask(f"SELECT 0 * count({there}) FROM {table}", str, failed=failed)
    if _length(column) is not None:
        yield _about_length(table, there, column)
    if not there.startswith("to_json"):
        again, text = cast(f"({there})", new, old), "" if {old, new} <= _NUMBERS else "::text"
        yield Ask(f"SELECT count(*), min({stored}::text) FROM {table} "
                  f"WHERE ({again}){text} IS DISTINCT FROM {stored}{text}",
                  "{} would lose something by it".format, blocks=False, noun="value",
                  failed="values may lose something by it: {}".format)


def _length(column: Any) -> int | None:
    """The length of a text, or of an array's texts, where its type limits it."""
    of = column.type.item_type if isinstance(column.type, sa.ARRAY) else column.type
    if not isinstance(of, sa.String) or (isinstance(of, sa.Enum) and of.native_enum):
        return None
    length: int | None = of.length
    return length or (1 if isinstance(of, sa.CHAR) else None)


def _longer(expression: str, column: Any) -> str:
    """The condition that a text, or any of an array's, is too long for a column."""
    if isinstance(column.type, sa.ARRAY):
        return f"EXISTS (SELECT FROM unnest({expression}) AS it WHERE char_length(it) > {_length(column)})"
    return f"char_length({expression}) > {_length(column)}"


def _about_length(table: str, expression: str, column: Any) -> Ask:
    return Ask(f"SELECT count(*), min(({expression})::text) FROM {table} WHERE {_longer(expression, column)}",
               "{} too long".format, noun="value")


def _resized(fit: Fit, column: Any, found: Mapping[str, Any]) -> Wish:
    """Another length of a text; one that a given model says, for derived ones have none."""
    new = _length(column)
    asks = [] if new is None or new > (found["length"] or inf) else [
        _about_length(fit.table.quoted, quoted(found["name"]), column)]
    return fit.wish("alter", f'column "{column.name}" becomes {type_sql(column)}; its length is {found["length"]}',
                    fit.alter(Phase.COLUMN, f"ALTER COLUMN {quoted(column.name)} TYPE {type_sql(column)}"),
                    asks=tuple(asks), makes=fit.at(column.name))


def _target(column: Any, new: str) -> str:
    """What values of a column are cast to, so that it can be told beforehand what becomes of them: its type with the
    precision; but not with a text's length, to which a cast cuts silently."""
    return new if _length(column) is not None else type_sql(column)


def cast(expression: str, old: str, new: str, target: str = "") -> str:
    """An expression of one type as SQL of another; by its text, where that is the way that all types have. The
    ``target`` is the new type with its precision, if it has any."""
    target = target or new
    if {old.removesuffix("[]"), new.removesuffix("[]")} <= _NUMBERS and old.endswith("[]") == new.endswith("[]"):
        return f"{expression}::{target}"
    if new in ("jsonb", "json") and old not in ("jsonb", "json", "text", "character varying", "bpchar"):
        return f"to_{new}({expression})"
    return f"{expression}::text::{target}" if new != "text" else f"{expression}::text"


def _keys_around(fit: Fit, name: str, fits: Fits) -> tuple[list[Ddl], list[Ddl], frozenset[tuple[str, str]]]:
    """The foreign keys that must be dropped while a column's type changes, and be made again; and the columns at their
    other ends, which must change with it."""
    before: list[Ddl] = []
    after: list[Ddl] = []
    partners: frozenset[tuple[str, str]] = frozenset()
    for child in fits.values():
        for there in child.there.foreign_keys:
            own = child is fit and fit.names[name] in there["columns"]
            if own or (there["parent"] == fit.there.oid and fit.names[name] in there["parent_columns"]):
                before.append(child.dropped(there["name"]))
        for key in keys_of(child, fits) if before else ():
            if key.parent is not None and key.stored(child) and any(
                    name in (child is fit and one, key.parent is fit and other) for one, other in key.pairs):
                after.append(Ddl(Phase.REFERENCE, foreign_key(child.model, key.constraint)))
                partners |= child.at(*(one for one, _ in key.pairs)) | key.parent.at(*(it for _, it in key.pairs))
    return before, after, partners - fit.at(name)


def _nullability(fit: Fit, column: Any, found: Mapping[str, Any]) -> Iterator[Wish]:
    name = column.name
    none = name not in fit.fields and not found["filled"] and default_sql(column) is None
    if name in fit.fields:
        known, _ = fit.fields[name]
        none = known.may_be_none
    if none and found["not_null"]:
        yield fit.wish("alter", f'column "{name}" may be NULL', fit.alter(
            Phase.COLUMN, f"ALTER COLUMN {quoted(name)} DROP NOT NULL"))
    elif not none and not column.nullable and not found["not_null"]:
        first, stored = initial_sql(fit, name), quoted(found["name"])
        statements = [fit.alter(Phase.COLUMN, f"ALTER COLUMN {quoted(name)} SET NOT NULL")]
        if first is not None:
            statements[:0] = [Ddl(Phase.COLUMN, (
                f"UPDATE {fit.table.quoted} SET {quoted(name)} = {first} WHERE {quoted(name)} IS NULL"))]
        ask = Ask(f"SELECT count(*) FROM {fit.table.quoted} WHERE {stored} IS NULL", blocks=first is None,
                  told=_VALUELESS if first is None else lambda count: f"{count} without a value would get {first}")
        yield fit.wish("alter", f'column "{name}" may not be NULL', *statements, needs=fit.at(name),
                       asks=(*_about_initial(fit, column, first), ask))
