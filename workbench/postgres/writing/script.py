"""Script: a Plan as SQL text that psql runs as it stands, with nothing of ours installed.

It does what ``commit`` does, in the same order and in one transaction: where the steps have read anything, or looked
for it in vain, others that verify are waited for, and that is compared; then every statement runs and must find the
rows that it expects, or insert all of its own. What is stale or left out raises, and ON_ERROR_STOP ends psql with
status 3 and nothing written.

Nothing of the plan's data is text to psql: values are literals of one printable line, identifiers are quoted, the
bodies of DO blocks are quoted by a tag that they do not hold, and comments are cut to printable characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from workbench.postgres.literals import comment, literal, text_literal
from workbench.postgres.writing.guards import BEGIN, VERIFYING, absent_of, deferral, etag_equals, reads_of
from workbench.postgres.writing.statements import CHUNK, LONGEST, Statement, aliases, compiled
from workbench.state.planning.change import Change
from workbench.state.planning.plan import Plan
from workbench.state.planning.table import Column, Table, quoted
from workbench.state.step import Step

# What the user's psqlrc may have set otherwise: an error must end it all, a line is no statement, the text is UTF-8.
HEAD = ["\\set ON_ERROR_STOP on", "\\set ON_ERROR_ROLLBACK off", "\\set SINGLELINE off", "\\encoding UTF8"]
NAMED = 8       # items that a comment names one by one
COMMENT = 500   # signs of a comment


def script(plan: Plan, *, verify_reads: bool = True) -> str:
    """The plan as a script for psql: ``psql -X -f plan.sql``; it ends with status 0 when all is written, else with 3.

    Raises Invalid for a value that has no literal."""
    lines = [_comment(f"plan: {plan.summary}"), *(_comment(f"step {step.number}: {step.address}{_by(step)}")
                                                  for step in plan.steps), *HEAD, f"{BEGIN};"]
    path = next((table.path for table in plan.tables.values()), None)
    if path is not None:        # whoever runs it may look for tables elsewhere
        lines.append(f"SET LOCAL search_path = {', '.join(map(quoted, path)) or text_literal('')};")
    reads, absent = (reads_of(plan), absent_of(plan)) if verify_reads else ({}, {})
    if reads or absent:       # PERFORM, for what a SELECT gives psql prints
        lines.append(f"DO $$ BEGIN PERFORM pg_advisory_xact_lock({VERIFYING}); END $$;")
    deferring = deferral(plan)
    if deferring is not None:
        lines.append(f"{deferring};")
    for kindred, read in reads.items():
        rows = list(zip(*read, strict=True))
        for start in range(0, len(rows), CHUNK):
            lines += _read(plan.tables[kindred], rows[start:start + CHUNK])
    for kindred, identifiers in absent.items():
        for start in range(0, len(identifiers), CHUNK):
            lines += _not_found(plan.tables[kindred], identifiers[start:start + CHUNK])
    for statement in compiled(plan):
        for start in range(0, len(statement.changes), CHUNK):
            lines += _written(statement, start, min(start + CHUNK, len(statement.changes)))
    return "\n".join([*lines, "", "COMMIT;", ""])


# ------------------------------------------------------------------------------------------------ statements

def _written(statement: Statement, start: int, stop: int) -> list[str]:
    """Some changes of a statement in one block, in two or more where it would be too long to be sent."""
    write = _insert if statement.kind == "insert" else _guarded
    lines = list(write(statement, statement.columns, statement.rows(start, stop)))
    if stop - start > 1 and sum(map(len, lines)) > LONGEST:
        middle = (start + stop) // 2
        return _written(statement, start, middle) + _written(statement, middle, stop)
    return ["", _about(statement, statement.changes[start:stop]), *lines]


def _insert(statement: Statement, columns: Sequence[Column], rows: Sequence[tuple[Any, ...]]) -> Iterator[str]:
    """An INSERT in a DO block that raises when not every row was taken, of which the server itself says nothing."""
    names = ", ".join(quoted(column.name) for column in columns)
    yield from _block([
        f"  INSERT INTO {statement.table.quoted} ({names}) VALUES", f"{_values(columns, rows, cast=False)};",
        "  GET DIAGNOSTICS _found = ROW_COUNT;",
        *_raise_if(f"_found <> {len(rows)}", text_literal(_left_out(statement))),
    ], "_found bigint")


def _guarded(statement: Statement, columns: Sequence[Column], rows: Sequence[tuple[Any, ...]]) -> Iterator[str]:
    """An UPDATE or DELETE in a DO block that raises when it did not find every row."""
    table, (key, etag, *changed) = statement.table, columns
    equals = etag_equals([row[1] for row in rows])
    if len(rows) == 1:
        identifier, expected, *values = (literal(value, column.type)
                                         for value, column in zip(rows[0], columns, strict=True))
        sets = ", ".join(f"{quoted(column.name)} = {value}" for column, value in zip(changed, values, strict=True))
        where = f"WHERE {quoted(key.name)} = {identifier} AND {quoted(etag.name)} {equals} {expected}"
        written = f"UPDATE {table.quoted} SET {sets}" if changed else f"DELETE FROM {table.quoted}"
        yield from _block([
            f"  {written}", f"  {where};", "  GET DIAGNOSTICS _found = ROW_COUNT;",
            *_raise_if("_found > 1", text_literal(_twice(statement))),
            *_raise_if("_found <> 1", text_literal(_stale(statement, [rows[0][0]]))),
        ], "_found bigint")
        return
    wanted, had = aliases(changed)
    names = ", ".join([wanted, had, *(quoted(column.name) for column in changed)])
    source = f"(VALUES\n{_values(columns, rows, cast=True)}) AS new({names})"
    sets = ", ".join(f"{quoted(column.name)} = new.{quoted(column.name)}" for column in changed)
    written = f"UPDATE {table.quoted} AS old SET {sets} FROM" if changed else f"DELETE FROM {table.quoted} AS old USING"
    yield from _block([
        f"  WITH written AS ({written} {source}",
        f"    WHERE old.{quoted(key.name)} = new.{wanted} AND old.{quoted(etag.name)} {equals} new.{had}",
        f"    RETURNING old.{quoted(key.name)} AS _key)",
        "  SELECT array_agg(_key) INTO _found FROM written;",
        *_raise_if(f"cardinality(_found) > {len(rows)}", text_literal(_twice(statement))),
        "  SELECT string_agg(_key::text, ', ' ORDER BY _key) INTO _missed",
        f"    FROM unnest({literal([row[0] for row in rows], f'{key.type}[]')}) AS wanted(_key)",
        "    WHERE _found IS NULL OR _key <> ALL (_found);",
        *_raise_if("_missed IS NOT NULL", f"{text_literal(_stale(statement, ()))} || _missed"),
    ], f"_found {key.type}[]", "_missed text")


def _read(table: Table, rows: Sequence[tuple[Any, str | None]]) -> Iterator[str]:
    """Raises when an item that was only read, of which the identifier and the etag are given, has moved."""
    key, etag, kind = table.column("_id"), table.column("_etag"), ":".join(table.kindred)
    told = f"stale: read by the steps, and changed or deleted since, of {kind}: "
    yield ""
    yield _comment(f"read only: {len(rows)} of {kind}")
    yield from _block([
        "  SELECT string_agg(wanted._key::text, ', ' ORDER BY wanted._key) INTO _missed",
        f"    FROM (VALUES\n{_values([key, etag], rows, cast=True)}) AS wanted(_key, _expected)",
        f"    LEFT JOIN {table.quoted} AS stored ON stored.{quoted(key.name)} = wanted._key",
        f"    WHERE stored.{quoted(key.name)} IS NULL OR stored.{quoted(etag.name)} IS DISTINCT FROM wanted._expected;",
        *_raise_if("_missed IS NOT NULL", f"{text_literal(told)} || _missed"),
    ], "_missed text")


def _not_found(table: Table, identifiers: Sequence[Any]) -> Iterator[str]:
    """Raises when an item is there that a step looked for and did not find."""
    key, kind = table.column("_id"), ":".join(table.kindred)
    told = f"stale: looked for by the steps and not found, and added since, of {kind}: "
    yield ""
    yield _comment(f"not found: {len(identifiers)} of {kind}")
    yield from _block([
        f"  SELECT string_agg({quoted(key.name)}::text, ', ' ORDER BY {quoted(key.name)}) INTO _added",
        f"    FROM {table.quoted} WHERE {quoted(key.name)} = ANY ({literal(list(identifiers), f'{key.type}[]')})"
        f"{table.alive};",
        *_raise_if("_added IS NOT NULL", f"{text_literal(told)} || _added"),
    ], "_added text")


def _raise_if(condition: str, message: str) -> list[str]:
    """The lines that raise under a condition; the message is SQL, too."""
    return [f"  IF {condition} THEN", f"    RAISE EXCEPTION USING MESSAGE = {message};", "  END IF;"]


def _block(body: Iterable[str], *variables: str) -> list[str]:
    text = "\n".join(body)
    tag, count = "$workbench$", 0
    while tag in text:      # a value may hold the tag, and would end the block
        count += 1
        tag = f"$workbench{count}$"
    declared = " ".join(f"{variable};" for variable in variables)
    # A table may have a column called _found or _missed: in a statement the column is meant.
    return [f"DO {tag}", "#variable_conflict use_column", f"DECLARE {declared}", "BEGIN", text, f"END {tag};"]


def _values(columns: Sequence[Column], rows: Sequence[tuple[Any, ...]], *, cast: bool) -> str:
    """Rows of VALUES; with ``cast`` those of the first one give every column its type."""
    return ",\n".join(
        "  (" + ", ".join(literal(value, column.type, cast=cast and place == 0)
                          for value, column in zip(row, columns, strict=True)) + ")"
        for place, row in enumerate(rows))


# ------------------------------------------------------------------------------------------------ words

def _stale(statement: Statement, identifiers: Sequence[Any]) -> str:
    domain, resource, _ = statement.changes[0].target
    told = ", ".join(map(str, identifiers))
    return f"stale: changed or deleted since the plan was made, of {domain}:{resource}: {told}"


def _twice(statement: Statement) -> str:
    domain, resource, _ = statement.changes[0].target
    return f"written twice: a table that inherits from this one has rows of the same keys, of {domain}:{resource}"


def _left_out(statement: Statement) -> str:
    domain, resource, _ = statement.changes[0].target
    return f"left out: a trigger or a rule of the database does not take every new row, of {domain}:{resource}"


def _about(statement: Statement, changes: Sequence[Change]) -> str:
    """What a statement carries, a comment of one line."""
    domain, resource, _ = changes[0].target
    part = {"park": " (gives its values up first)", "fill": " (its values come now)"}.get(changes[0].part, "")
    items = ", ".join(str(change.target.identifier) for change in changes[:NAMED])
    more = f" and {len(changes) - NAMED} more" if len(changes) > NAMED else ""
    steps = sorted({step for change in changes for step in change.steps})
    shown = ", ".join(map(str, steps[:NAMED])) + (", …" if len(steps) > NAMED else "")
    return _comment(f"{statement.kind} {len(changes)} of {domain}:{resource}{part}: {items}{more}; "
                    f"step{'' if len(steps) == 1 else 's'} {shown}")


def _comment(text: str) -> str:
    return comment(text[:COMMENT])


def _by(step: Step) -> str:
    who = f" by {step.user}" if step.user else ""
    cell = f", cell {step.cell}" if step.cell is not None else ""
    return f"{who} at {step.at:%Y-%m-%d %H:%M:%S} UTC{cell}"
