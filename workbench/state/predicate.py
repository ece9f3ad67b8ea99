"""Whether the condition of a partial unique index holds for an item, where it is simple enough to be told here.

Postgres prints such a condition in a normal form. Read are a boolean column, IS [NOT] NULL, equality with a literal,
NOT and AND of these; of anything else nothing is known.
"""

from __future__ import annotations

import re
from typing import Any

from workbench.domain.resource import Resource
from workbench.state.table import Table

_NAME = r'(?:"(?P<quoted>[^"]+)"|(?P<name>[a-zA-Z_][a-zA-Z_0-9]*))'
_NULL = re.compile(rf"{_NAME} IS (?P<negated>NOT )?NULL", re.IGNORECASE)
_EQUAL = re.compile(
    rf"{_NAME} = (?:'(?P<text>(?:[^']|'')*)'(?:::[a-z ]+)?|(?P<number>-?\d+(?:\.\d+)?)|(?P<bool>true|false))")
_COLUMN = re.compile(_NAME)


def holds(where: str, item: Resource, table: Table) -> bool | None:
    """Whether the condition holds for an item; None when it cannot be told."""
    where = _unwrapped(where.strip())
    parts = _conjuncts(where)
    if len(parts) > 1:
        answers = [holds(part, item, table) for part in parts]
        return False if False in answers else None if None in answers else True
    if where.upper().startswith("NOT "):
        answer = holds(where[4:], item, table)
        return None if answer is None else not answer
    if match := _NULL.fullmatch(where):
        found, value = _value(match, item, table)
        return ((value is None) != bool(match["negated"])) if found else None
    if match := _EQUAL.fullmatch(where):
        found, value = _value(match, item, table)
        if not found:
            return None
        if match["text"] is not None:
            return str(value) == match["text"].replace("''", "'") if isinstance(value, str) else None
        return str(value).lower() == (match["number"] or match["bool"])
    if match := _COLUMN.fullmatch(where):
        found, value = _value(match, item, table)
        return value if found and isinstance(value, bool) else None
    return None


def _value(match: re.Match[str], item: Resource, table: Table) -> tuple[bool, Any]:
    """The stored value of the column that a match names, and whether there is such a column."""
    name = match["quoted"] or match["name"]
    for column in table.columns:
        if column.name == name:
            value = getattr(item, column.field)
            return True, value if value is None or isinstance(value, bool) else column.kind.dump(value)
    return False, None


def _unwrapped(where: str) -> str:
    """Without parentheses around the whole."""
    while where.startswith("(") and where.endswith(")"):
        depth = 0
        for place, sign in enumerate(where):
            depth += (sign == "(") - (sign == ")")
            if depth == 0 and place < len(where) - 1:
                return where
        where = where[1:-1].strip()
    return where


def _conjuncts(where: str) -> list[str]:
    """The parts between ANDs outside of parentheses and texts."""
    parts, depth, start, quoted = [], 0, 0, False
    for place, sign in enumerate(where):
        if sign == "'":
            quoted = not quoted
        elif not quoted:
            depth += (sign == "(") - (sign == ")")
            if depth == 0 and where.startswith(" AND ", place):
                parts.append(where[start:place])
                start = place + 5
    return [*parts, where[start:]]
