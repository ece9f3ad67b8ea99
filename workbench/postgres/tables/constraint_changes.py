"""Constraint changes: what would make keys, unique constraints, checks and indexes of a table those of its definition.

What the database has beyond the definition is left in peace, but for what a derived model of earlier had: a constraint
of such a name, of a field that is no longer unique, an Enum, or a reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from workbench.postgres.literals import text_literal
from workbench.postgres.tables.alteration import Ask, Wish, listing
from workbench.postgres.tables.catalogue import literals
from workbench.postgres.tables.column_changes import initial_sql
from workbench.postgres.tables.columns import constraint_name
from workbench.postgres.tables.ddl import (
    Ddl,
    Phase,
    constraint_sql,
    dotted,
    expression_sql,
    foreign_key,
    index_created,
    is_made,
)
from workbench.postgres.tables.fit import Fit, Fits, Key, keys_of
from workbench.state.planning.table import quoted


def constraint_wishes(fit: Fit, fits: Fits) -> Iterator[Wish]:
    """What is to be done to the constraints and indexes of a table that is there; ``fits`` are all of them."""
    yield from _primary(fit)
    kept: set[str] = set()      # the names of constraints that are as they should be, or are made so
    for constraint in sorted((it for it in fit.model.constraints if isinstance(it, sa.UniqueConstraint)),
                             key=lambda it: it.name or ""):
        columns = [column.name for column in constraint.columns]
        name = constraint.name or constraint_name(fit.table.name, *columns, "key")
        kept.add(name)
        yield from _unique(fit, name, columns, bool(constraint.deferrable), fit.alter(
            Phase.CONSTRAINT, f"ADD {_named(name, constraint_sql(constraint))}"), kept)
    for constraint in sorted((it for it in fit.model.constraints if isinstance(it, sa.CheckConstraint)
                              and isinstance(it.name, str) and is_made(it)), key=lambda it: it.name):
        kept.add(constraint.name)
        yield from _check(fit, constraint, kept)
    for key in keys_of(fit, fits):
        kept.add(key.name)
        yield from _reference(fit, key, kept)
    yield from _indexes(fit)
    yield from _orphans(fit, kept)


def _named(name: str, sql: str) -> str:
    """A constraint as ADD takes it, with a name even where the model gives none."""
    return sql if sql.startswith("CONSTRAINT ") else f"CONSTRAINT {quoted(name)} {sql}"


# ------------------------------------------------------------------------------------------------ keys and uniques

def _primary(fit: Fit) -> Iterator[Wish]:
    wanted = [column.name for column in fit.model.primary_key.columns]
    primary = next((it for it in fit.there.uniques if it["primary"]), None)
    if primary is not None and primary["columns"] == [fit.names[name] for name in wanted]:
        return
    name = fit.model.primary_key.name or constraint_name(fit.table.name, "pkey")
    statements = [] if primary is None else [fit.dropped(primary["name"])]
    reason = "" if primary is None else f"the primary key is {listing(primary['columns'])} now"
    statements.append(fit.alter(Phase.CONSTRAINT, (
        f"ADD CONSTRAINT {quoted(name)} PRIMARY KEY ({', '.join(map(quoted, wanted))})")))
    empty = [Ask(f"SELECT count(*) FROM {fit.table.quoted} WHERE {quoted(name)} IS NULL", "{} without a key".format)
             for name in (fit.names[column] for column in wanted) if name is not None]
    yield fit.wish("add" if primary is None else "alter", f"primary key on {listing(wanted)}", *statements,
                   reason=reason, asks=(*empty, *_twice(fit, wanted)), needs=fit.at(*wanted))


def _unique(
    fit: Fit, name: str, columns: Sequence[str], deferrable: bool, statement: Ddl, kept: set[str],
) -> Iterator[Wish]:
    there = sorted(str(fit.names[column]) for column in columns)
    same = [it for it in fit.there.uniques if sorted(it["columns"]) == there and not it["where"]]
    kept |= {it["name"] for it in same}
    if same and (not deferrable or any(it["deferrable"] for it in same)):
        return
    replaced = [it for it in (*same, *fit.there.uniques) if it["name"] == name or it in same]
    drops = dict.fromkeys(_gone(fit, it) for it in replaced if not it["primary"])
    reason = _gives_way("unique", name) if any(it not in same for it in replaced) else ""
    what = f"unique constraint on {listing(columns)}"
    if same:
        yield fit.wish("alter", f"{what} becomes DEFERRABLE", *drops, statement, needs=fit.at(*columns), reason=reason)
    else:
        yield fit.wish("alter" if drops else "add", what, *drops, statement, asks=tuple(_twice(fit, columns)),
                       needs=fit.at(*columns), reason=reason)


def _gives_way(kind: str, name: str) -> str:
    """What it costs when a constraint gives way to another that is to have its name."""
    return f'the {kind} constraint that is called "{name}" now would not be kept any more'


def _gone(fit: Fit, unique: Any) -> Ddl:
    """The statement that drops a unique constraint, or the index that there is without one."""
    if unique["constraint"]:
        return fit.dropped(unique["name"])
    return Ddl(Phase.DROP, f"DROP INDEX IF EXISTS {dotted(fit.there.schema, unique['name'])}")


def _twice(fit: Fit, columns: Sequence[str]) -> Iterator[Ask]:
    """Whether any values stand in more than one row."""
    stored = [quoted(name) for name in (fit.names[column] for column in columns) if name is not None]
    new = [column for column in columns if fit.names[column] is None]
    if any(initial_sql(fit, column) in (None, "gen_random_uuid()") for column in new):
        return      # NULL, or something else for each row; what cannot be added at all is told there
    if not stored:
        yield Ask(f"SELECT count(*) / 2 FROM {fit.table.quoted}",
                  lambda _: "all rows would have the same value")
        return
    known = " AND ".join(f"{name} IS NOT NULL" for name in stored)
    yield Ask(f"SELECT count(*), min(said) FROM (SELECT concat_ws(', ', {', '.join(stored)}) AS said "
              f"FROM {fit.table.quoted} WHERE {known} GROUP BY {', '.join(stored)} HAVING count(*) > 1) AS twice",
              "{} in more than one row".format, noun="value")


def _reference(fit: Fit, key: Key, kept: set[str]) -> Iterator[Wish]:
    same = key.stored(fit)
    kept |= {it["name"] for it in same}
    own = [name for name, _ in key.pairs]
    what = f"foreign key from {listing(own)}"
    what += f" to {key.parent.label} ({', '.join(name for _, name in key.pairs)})" if key.parent is not None else ""
    if same and key.constraint.deferrable and not any(it["deferrable"] for it in same):
        yield fit.wish("alter", f"{what} becomes DEFERRABLE", fit.alter(
            Phase.CONSTRAINT, f"ALTER CONSTRAINT {quoted(same[0]['name'])} DEFERRABLE"))
    if same:
        return
    taken = [fit.dropped(key.name)] if key.name in {it["name"] for it in fit.there.foreign_keys} else []
    needs = fit.at(*own) | (key.parent.at(*(name for _, name in key.pairs)) if key.parent is not None else frozenset())
    reason = _gives_way("foreign key", key.name) if taken else ""
    yield fit.wish("alter" if taken else "add", what, *taken, Ddl(
        Phase.REFERENCE, foreign_key(fit.model, key.constraint)), needs=needs, asks=tuple(_orphaned(fit, key)),
                   reason=reason)


def _orphaned(fit: Fit, key: Key) -> Iterator[Ask]:
    """Whether any rows name a parent that is not there."""
    if any(fit.names[own] is None for own, _ in key.pairs):
        if all(initial_sql(fit, own) is not None for own, _ in key.pairs if fit.names[own] is None):
            yield Ask(f"SELECT count(*) FROM {fit.table.quoted}", "{} may name a parent that is not there".format,
                      blocks=False)
        return
    own = [quoted(str(fit.names[name])) for name, _ in key.pairs]
    known = " AND ".join(f"child.{name} IS NOT NULL" for name in own)
    said = f"concat_ws(', ', {', '.join(f'child.{name}' for name in own)})"
    exists = ""
    if key.parent is not None and key.parent.there.is_table:
        others = [key.parent.names.get(name) for _, name in key.pairs]
        if all(name is not None for name in others):
            pairs = " AND ".join(f"parent.{quoted(str(other))}::text = child.{name}::text"
                                 for name, other in zip(own, others, strict=True))
            exists = f" AND NOT EXISTS (SELECT FROM {key.parent.table.quoted} AS parent WHERE {pairs})"
    yield Ask(f"SELECT count(*), min({said}) FROM {fit.table.quoted} AS child WHERE {known}{exists}",
              "{} name a parent that is not there".format)


# ------------------------------------------------------------------------------------------------ checks, indexes

def _check(fit: Fit, constraint: Any, kept: set[str]) -> Iterator[Wish]:
    column = next((it for it in fit.model.columns if it.info.get("check") == constraint.name), None)
    add = fit.alter(Phase.CONSTRAINT, f"ADD {constraint_sql(constraint)}")
    if column is None:
        if constraint.name not in fit.there.checks:
            yield _written_check(fit, constraint, add)
        return
    choices, name, called = column.info["choices"], fit.names[column.name], constraint.name
    if name != column.name and name is not None:        # renamed; so its check has the name that it had
        called = constraint_name(fit.table.name, name, "check")
        kept.add(called)
    found = fit.there.checks.get(called)
    if found is not None and sorted(literals(found["definition"])) == sorted(choices):
        if called != constraint.name:
            yield fit.wish("alter", f'check of "{column.name}" is renamed', fit.alter(Phase.CONSTRAINT, (
                f"RENAME CONSTRAINT {quoted(called)} TO {quoted(constraint.name)}")))
        return
    asks = [] if name is None else [Ask(
        f"SELECT count(*), min({quoted(name)}::text) FROM {fit.table.quoted} "
        f"WHERE NOT ({_admitted(quoted(name), choices)})", "{} with another value".format)]
    what = f'column "{column.name}" admits {", ".join(map(repr, choices))}'
    if found is not None and literals(found["definition"]):
        what += f" instead of {', '.join(map(repr, literals(found['definition'])))}"
    drops = [] if found is None else [fit.dropped(called)]
    reason = "" if found is None or literals(found["definition"]) else _gives_way("check", called)
    yield fit.wish("alter" if drops else "add", what, *drops, add, asks=tuple(asks), needs=fit.at(column.name),
                   reason=reason)


def _written_check(fit: Fit, constraint: Any, add: Ddl) -> Wish:
    """A check that a given model has, in whatever words."""
    condition = expression_sql(constraint.sqltext)
    needed = [name for name in fit.names if re.search(rf"\b{re.escape(name)}\b", condition)]
    ask = Ask(f"SELECT count(*) FROM {fit.table.quoted} WHERE NOT ({condition})",
              "{} for which it does not hold".format, failed="the rows cannot be asked: {}".format)
    if any(fit.names[name] != name for name in needed):
        ask = Ask(f"SELECT count(*) FROM {fit.table.quoted}", blocks=False,
                  told="{} can be asked only when all columns are there".format)
    return fit.wish("add", f'check "{constraint.name}"', add, asks=(ask,), needs=fit.at(*needed))


def _admitted(column: str, choices: Sequence[str]) -> str:
    return f"{column}::text IN ({', '.join(map(text_literal, choices))})"


def _indexes(fit: Fit) -> Iterator[Wish]:
    for index in sorted(fit.model.indexes, key=lambda index: str(index.name)):
        columns = [part.name for part in index.expressions if isinstance(part, sa.Column)]
        plain = len(columns) == len(index.expressions) and index.dialect_options["postgresql"]["where"] is None
        if index.name in fit.there.indexes:
            continue
        if index.unique and plain:
            yield from _unique(fit, index.name, columns, False, index_created(index), set())
            continue
        asks = (Ask(f"SELECT greatest(count(*) - 1, 0) FROM {fit.table.quoted}",
                    lambda _: "rows may have the same values", blocks=False),) if index.unique else ()
        yield fit.wish("add", f'index "{index.name}"', index_created(index), asks=asks, needs=fit.at(*columns))


def _orphans(fit: Fit, kept: set[str]) -> Iterator[Wish]:
    """The constraints of a derived model of earlier that the present one has no more."""
    going = {column["name"] for column in fit.orphans}      # with a column go its constraints
    there = [("key", "unique constraint", it["name"], it["columns"]) for it in fit.there.uniques if not it["primary"]]
    there += [("fkey", "foreign key", it["name"], it["columns"]) for it in fit.there.foreign_keys]
    there += [("check", "check", name, it["columns"]) for name, it in fit.there.checks.items()]
    for suffix, words, name, columns in there:
        if name not in kept and fit.derived_name(name, suffix) and not going & set(columns or ()):
            yield fit.wish("drop", f"{words} on {listing(columns or ())}, which is in the database alone",
                           fit.dropped(name), reason="the database would not keep this rule any more")
