"""Type changes: what would make a column of another type or length, what the rows say to it, and which rules would go.

A type is a rule: ``inet`` refuses what is no address, a domain what its check does not hold for. To make a column of a
type that admits more is for the owner of the rule to decide; between numbers, or moments, of more and less it is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

import sqlalchemy as sa

from workbench.postgres.literals import text_literal
from workbench.postgres.tables.alteration import Ask, Wish
from workbench.postgres.tables.catalogue import type_told
from workbench.postgres.tables.columns import constraint_name
from workbench.postgres.tables.ddl import Ddl, Phase, default_sql, enum_types, enums_of, foreign_key, type_sql
from workbench.postgres.tables.fit import Fit, Fits, keys_of
from workbench.state.planning.table import quoted

NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision"})
# Types that say the same, wider or narrower: one for another takes no rule from the column.
_RELATED = (NUMBERS, frozenset({"date", "timestamp without time zone", "timestamp with time zone"}),
            frozenset({"json", "jsonb"}))
_ANY_TEXT = frozenset({"text", "character varying"})        # they refuse nothing, where they have no length


def retyped(fit: Fit, column: Any, found: Mapping[str, Any], fits: Fits) -> Wish:
    """Another type of a column; additive where the rows lose nothing, and the database no rule that it keeps."""
    name, old, new = column.name, found["type"], fit.type_of(column)
    before, after, partners, lost = _keys_around(fit, name, fits)
    check = constraint_name(fit.table.name, found["name"], "check")
    if check in fit.there.checks and fit.derived_name(check, "check"):
        before.append(fit.dropped(check))       # of an Enum that it is no more; a new one comes by itself
        lost.append(f'the check "{check}"')
    lost += _rules_of(found, column, new)
    statements = [*before, *enum_types([column])]
    default = default_sql(column)
    if found["default"] and not {old, new} <= NUMBERS:     # Postgres casts no other, and a serial's must stay
        statements.append(fit.alter(Phase.COLUMN, f"ALTER COLUMN {quoted(name)} DROP DEFAULT"))
        default = default or cast(f"({found['default']})", old, new)
    made = cast(quoted(name), old, new, _target(column, new))
    statements.append(fit.alter(Phase.COLUMN, f"ALTER COLUMN {quoted(name)} TYPE {type_sql(column)} USING {made}"))
    if found["default"] and default is not None:
        statements.append(fit.alter(Phase.COLUMN, f"ALTER COLUMN {quoted(name)} SET DEFAULT {default}"))
    asks = tuple(_about_cast(fit.table.quoted, column, quoted(found["name"]), old, new))
    reason, hint = _not_kept(*lost) if lost else "", ""
    if (found["enum"] or "").endswith(f".{new}"):
        hint = f"or give the model's Enum the schema of that type: {found['enum'].removesuffix(f'.{new}')}"
    return fit.wish("alter", f'column "{name}" becomes {new}; it is {type_told(found)}', *statements, *after, asks=asks,
                    makes=fit.at(name), needs=partners, reason=reason, hint=hint)


def _not_kept(*rules: str) -> str:
    return f"the database would not keep {' and '.join(rules)} any more"


def _rules_of(found: Mapping[str, Any], column: Any, new: str) -> Iterator[str]:
    """The rules that a stored column has by its type alone, and would not have by another."""
    old, length = found["type"], length_of(column)
    if found["domain"]:
        yield f"the rules of the domain {found['domain']}"
        return
    if enums_of([column]) and not found["enum"]:
        return      # its labels are all that is admitted
    if found["length"] and (length is None or length > found["length"]):
        yield f"the length {found['length']}"
    elif found["digits"]:
        yield f"the limits of numeric({', '.join(map(str, found['digits']))})"
    one, other = old.removesuffix("[]"), new.removesuffix("[]")
    related = one in _ANY_TEXT or any({one, other} <= some for some in _RELATED)
    if old not in _ANY_TEXT and not (related and old.endswith("[]") == new.endswith("[]")):
        yield f"the rules of the type {old}"


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
    if length_of(column) is not None:
        yield _about_length(table, there, column)
    if not there.startswith("to_json"):
        again, text = cast(f"({there})", new, old), "" if {old, new} <= NUMBERS else "::text"
        yield Ask(f"SELECT count(*), min({stored}::text) FROM {table} "
                  f"WHERE ({again}){text} IS DISTINCT FROM {stored}{text}",
                  "{} would lose something by it".format, blocks=False, noun="value",
                  failed="values may lose something by it: {}".format)


def length_of(column: Any) -> int | None:
    """The length of a text, or of an array's texts, where its type limits it."""
    of = column.type.item_type if isinstance(column.type, sa.ARRAY) else column.type
    if not isinstance(of, sa.String) or (isinstance(of, sa.Enum) and of.native_enum):
        return None
    length: int | None = of.length
    return length or (1 if isinstance(of, sa.CHAR) else None)


def longer(expression: str, column: Any) -> str:
    """The condition that a text, or any of an array's, is too long for a column."""
    if isinstance(column.type, sa.ARRAY):
        return f"EXISTS (SELECT FROM unnest({expression}) AS it WHERE char_length(it) > {length_of(column)})"
    return f"char_length({expression}) > {length_of(column)}"


def _about_length(table: str, expression: str, column: Any) -> Ask:
    return Ask(f"SELECT count(*), min(({expression})::text) FROM {table} WHERE {longer(expression, column)}",
               "{} too long".format, noun="value")


def resized(fit: Fit, column: Any, found: Mapping[str, Any]) -> Wish:
    """Another length of a text; one that a given model says, for derived ones have none."""
    new = length_of(column)
    reason = _not_kept(f"the length {found['length']}") if new is None else ""
    asks = [] if new is None or new > (found["length"] or inf) else [
        _about_length(fit.table.quoted, quoted(found["name"]), column)]
    return fit.wish("alter", f'column "{column.name}" becomes {type_sql(column)}; its length is {found["length"]}',
                    fit.alter(Phase.COLUMN, f"ALTER COLUMN {quoted(column.name)} TYPE {type_sql(column)}"),
                    asks=tuple(asks), makes=fit.at(column.name), reason=reason)


def _target(column: Any, new: str) -> str:
    """What values of a column are cast to, so that it can be told beforehand what becomes of them: its type with the
    precision; but not with a text's length, to which a cast cuts silently."""
    return new if length_of(column) is not None else type_sql(column)


def cast(expression: str, old: str, new: str, target: str = "") -> str:
    """An expression of one type as SQL of another; by its text, where that is the way that all types have. The
    ``target`` is the new type with its precision, if it has any."""
    target = target or new
    if {old.removesuffix("[]"), new.removesuffix("[]")} <= NUMBERS and old.endswith("[]") == new.endswith("[]"):
        return f"{expression}::{target}"
    if new in ("jsonb", "json") and old not in ("jsonb", "json", "text", "character varying", "bpchar"):
        return f"to_{new}({expression})"
    return f"{expression}::text::{target}" if new != "text" else f"{expression}::text"


def _keys_around(
    fit: Fit, name: str, fits: Fits,
) -> tuple[list[Ddl], list[Ddl], frozenset[tuple[str, str]], list[str]]:
    """The foreign keys that must be dropped while a column's type changes, and be made again; the columns at their
    other ends, which must change with it; and those keys, in words, that no definition has and nobody makes again."""
    before: list[Ddl] = []
    after: list[Ddl] = []
    gone: dict[tuple[str, str], str] = {}
    partners: frozenset[tuple[str, str]] = frozenset()
    for child in fits.values():
        for there in child.there.foreign_keys:
            own = child is fit and fit.names[name] in there["columns"]
            if own or (there["parent"] == fit.there.oid and fit.names[name] in there["parent_columns"]):
                before.append(child.dropped(there["name"]))
                gone[child.label, there["name"]] = f'the foreign key "{there["name"]}" of {child.label}'
        for key in keys_of(child, fits) if before else ():
            if key.parent is not None and key.stored(child) and any(
                    name in (child is fit and one, key.parent is fit and other) for one, other in key.pairs):
                after.append(Ddl(Phase.REFERENCE, foreign_key(child.model, key.constraint)))
                for there in key.stored(child):
                    gone.pop((child.label, there["name"]), None)
                partners |= child.at(*(one for one, _ in key.pairs)) | key.parent.at(*(it for _, it in key.pairs))
    return before, after, partners - fit.at(name), list(gone.values())
