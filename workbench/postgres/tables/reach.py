"""Reach: the tables whose rows a write to another table may change, by its triggers and rules.

What those do is in their texts: a table that is named where something is written may be changed, and so may those that
its own triggers, rules and cascading foreign keys name in turn, and the functions that are called. What is put together
as it runs (EXECUTE) may be anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from workbench.domain.registry import Kindred
from workbench.state.planning.table import Table

_TEXTS = """
SELECT 'trigger' AS kind, c.relname AS name, p.prosrc AS text
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
 WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
UNION ALL
SELECT 'rule', c.relname, regexp_replace(pg_get_ruledef(r.oid), '^.*? DO ', '')
  FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
 WHERE c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
UNION ALL
SELECT 'function', p.proname, CASE WHEN p.prosrc = '' THEN pg_get_functiondef(p.oid) ELSE p.prosrc END
  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
 WHERE p.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
   AND p.prokind IN ('f', 'p') AND l.lanname NOT IN ('c', 'internal')
UNION ALL
SELECT 'cascade', parent.relname, 'delete from ' || child.relname
  FROM pg_constraint f JOIN pg_class parent ON parent.oid = f.confrelid JOIN pg_class child ON child.oid = f.conrelid
 WHERE f.contype = 'f' AND (f.confdeltype NOT IN ('a', 'r') OR f.confupdtype NOT IN ('a', 'r'))
"""
_WRITES = frozenset({"insert", "update", "delete", "merge", "truncate", "copy"})


class _Text(NamedTuple):
    """What a trigger, rule, function or cascading key says, as words; ``name`` is the words of what it belongs to."""

    kind: str
    name: frozenset[str]
    words: frozenset[str]

    def mentions(self, name: frozenset[str], *, called: bool = False) -> bool:
        """Whether it calls a function, or writes and names a table."""
        return name <= self.words and (called or self.kind == "rule" or not _WRITES.isdisjoint(self.words))


async def with_reach(connection: Any, tables: Sequence[Table]) -> list[Table]:
    """Tables with what each ``reaches``; one query if any of them has a trigger or a rule, else none. Errors are the
    driver's."""
    if not any(table.alters for table in tables):
        return list(tables)
    texts = [_Text(row["kind"], _words(row["name"]), _words(row["text"])) for row in await connection.fetch(_TEXTS)]
    return [table._replace(reaches=_reached(table, tables, texts)) if table.alters else table for table in tables]


def _reached(table: Table, tables: Iterable[Table], texts: Iterable[_Text]) -> frozenset[Kindred]:
    own, left = _words(table.name), list(texts)
    found = [text for text in left if text.name == own and text.kind in ("trigger", "rule")]
    for text in found:      # which grows
        if "execute" in text.words:
            return frozenset(other.kindred for other in tables)
        more = [one for one in left if one not in found
                and text.mentions(one.name, called=one.kind == "function")]
        found += more
    return frozenset(other.kindred for other in tables if any(text.mentions(_words(other.name)) for text in found))


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))
