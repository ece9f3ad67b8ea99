"""Besides: what a trial did that its plan does not say, a sentence each.

Rows went, changed or came along: by foreign keys that cascade, by triggers and rules. The server counts for each
transaction what it does to which table; what the statements of the plan do themselves is taken off. And items are
stored otherwise than they were sent: by a trigger or rule, or in a column that rounds or pads.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from workbench.domain.convert import told
from workbench.domain.resource import Resource, Target
from workbench.domain.sameness import same
from workbench.errors import DatabaseError, Invalid
from workbench.postgres.query import PostgresReader
from workbench.postgres.writing.statements import Statement
from workbench.state.planning.plan import Plan
from workbench.wording import counted

Counts: TypeAlias = Counter[tuple[str, str]]        # by the name of a table and what was done to rows of it
_DONE = {"insert": "added", "update": "changed", "delete": "deleted"}
_NAMED = 3      # so many items are named
# A partition counts as the table that it is of.
_COUNTS = """
SELECT coalesce(wanted.name, counts.oid::regclass::text) AS name, counts.added, counts.changed, counts.deleted
  FROM (SELECT coalesce(pg_partition_root(relid), relid) AS oid, sum(n_tup_ins)::bigint AS added,
               sum(n_tup_upd)::bigint AS changed, sum(n_tup_del)::bigint AS deleted
          FROM pg_stat_xact_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 GROUP BY 1) AS counts
  LEFT JOIN json_array_elements_text($1::text::json) AS wanted(name) ON to_regclass(wanted.name) = counts.oid
"""


async def counts(connection: Any, statements: Iterable[Statement]) -> Counts:
    """What was done so far to which tables, shortly before this transaction too: take the difference of two."""
    names = json.dumps(sorted({statement.table.quoted for statement in statements}))
    return Counter({(row["name"], done): row[done]
                    for row in await connection.fetch(_COUNTS, names) for done in _DONE.values()})


async def along(connection: Any, before: Counts, statements: Sequence[Statement]) -> list[str]:
    """The rows that went, changed or came since some counts by other doing than that of these statements."""
    rest: Counts = await counts(connection, statements) - before
    for statement in statements:
        kept = statement.kind == "delete" and statement.changes[0].after is not None    # deleted softly
        rest[statement.table.quoted, "changed" if kept else _DONE[statement.kind]] -= len(statement.changes)
    found = sorted((name.replace('"', ""), done, number) for (name, done), number in (+rest).items())
    return [f"{counted(number, 'row')} of {name} {'is' if number == 1 else 'are'} {done} along with it, by a foreign "
            "key that cascades, a trigger or a rule" for name, done, number in found]


async def otherwise(connection: Any, reader: PostgresReader, plan: Plan) -> list[str]:
    """The items that are stored otherwise than a plan says, after its statements and in their transaction."""
    found = []
    for block in plan.blocks:
        kindred = block.targets[0][:2]
        wanted = {item._id: item for item in block.afters if item is not None}
        if not plan.tables[kindred].alters or not wanted:
            continue
        try:
            stored = {item._id: item for item in await reader.load_with(
                connection, kindred, list(wanted), deleted=True)}
        except (Invalid, DatabaseError) as refusal:
            found.append(f"what is stored then is refused when it is read: {refusal}")
            continue
        found += [f"{Target(*kindred, identifier)}: {differing}" for identifier, item in wanted.items()
                  if (differing := ", ".join(_differing(item, stored.get(identifier))))]
    rest = [f"and {counted(len(found) - _NAMED, 'more item')} stored otherwise"] if len(found) > _NAMED else []
    return [*(f"stored otherwise than planned: {line}" for line in found[:_NAMED]), *rest]


def _differing(sent: Resource, stored: Resource | None) -> Iterator[str]:
    if stored is None:
        yield "it is not there"
        return
    for name in type(sent)._public:
        if not same(getattr(sent, name), getattr(stored, name)):
            yield f"{name} {told(getattr(sent, name))} as {told(getattr(stored, name))}"
