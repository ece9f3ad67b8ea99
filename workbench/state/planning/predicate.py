"""Predicate: whether the condition of a partial unique index or a CHECK holds for an item, where it can be read here.

Postgres prints such a condition in a normal form. What is understood: columns, literals, casts, comparisons with
literals and with lists of them, IS [NOT] NULL / TRUE / FALSE, NOT, AND and OR, with SQL's NULL; nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from enum import Enum
from operator import eq, ge, gt, le, lt, ne
from typing import Any
from uuid import UUID

from workbench.domain.resource import Resource
from workbench.state.planning.table import Table

_TOKEN = re.compile(r"""\s*('(?:[^']|'')*'|"(?:[^"]|"")*"|\d+(?:\.\d+)?|\w+|::|<>|<=|>=|[=<>()\[\],.-])""")
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {"=": eq, "<>": ne, "<": lt, ">": gt, "<=": le, ">=": ge}
_ENDS = {"AND", "OR", "IS", "NOT", None}
# Types to which a value of a column can be cast and stay what it is, as NULL does always.
_KEEP: dict[type, frozenset[str]] = {
    str: frozenset({"text", "character varying"}), int: frozenset({"bigint", "numeric"}),
    Decimal: frozenset({"numeric"}), UUID: frozenset({"text"})}


class _Unknown(Exception):
    """Something in a condition that is not understood here."""


def holds(where: str, item: Resource, table: Table) -> bool | None:
    """Whether a condition (``where``, as Postgres prints it) holds for an item; None when it is not understood."""
    try:
        return _answer(where, item, table) is True      # a row for which it is NULL is not in the index
    except (_Unknown, InvalidOperation):
        return None


def admits(check: str, item: Resource, table: Table) -> bool | None:
    """Whether the condition of a CHECK lets an item be; None when it is not understood."""
    try:
        return _answer(check, item, table) is not False     # one for which it is NULL may be
    except (_Unknown, InvalidOperation):
        return None


def _answer(where: str, item: Resource, table: Table) -> bool | None:
    condition = _Condition(where, item, table)
    answer = condition.either()
    if condition.next() is not None or not isinstance(answer, bool | None):
        raise _Unknown
    return answer


class _Condition:
    """One condition, evaluated for one item while it is read from left to right; None is SQL's NULL."""

    def __init__(self, where: str, item: Resource, table: Table) -> None:
        self._item, self._columns = item, {column.name: column for column in table.columns}
        self._tokens: list[str] = []
        self._literal = False       # whether the last operand, which may be within parentheses, is no column
        place = 0
        while place < len(where.rstrip()):
            match = _TOKEN.match(where, place)
            if match is None:
                raise _Unknown
            self._tokens.append(match[1])
            place = match.end()
        self._tokens.reverse()

    def next(self) -> str | None:
        return self._tokens[-1] if self._tokens else None

    def _take(self, *wanted: str) -> bool:
        """Whether these words come next; if so, goes on behind them."""
        if [token.upper() for token in self._tokens[:-len(wanted) - 1:-1]] != list(wanted):
            return False
        del self._tokens[-len(wanted):]
        return True

    def _need(self, wanted: str) -> None:
        if not self._take(wanted):
            raise _Unknown

    def either(self) -> Any:
        answers = [self._both()]
        while self._take("OR"):
            answers.append(self._both())
        return answers[0] if len(answers) == 1 else True if True in answers else None if None in answers else False

    def _both(self) -> Any:
        answers = [self._negated()]
        while self._take("AND"):
            answers.append(self._negated())
        return answers[0] if len(answers) == 1 else False if False in answers else None if None in answers else True

    def _negated(self) -> Any:
        if self._take("NOT"):
            answer = self._negated()
            return None if answer is None else not answer
        return self._test()

    def _test(self) -> Any:
        value = self._operand()
        if self._take("IS"):
            negated = self._take("NOT")
            for word, meant in (("NULL", None), ("TRUE", True), ("FALSE", False)):
                if self._take(word):
                    return (value is meant) != negated
            raise _Unknown
        sign = self.next()
        if sign not in _COMPARE:
            return value
        self._take(sign)
        if sign == "=" and self._take("ANY"):
            found = [_compared("=", value, other) for other in self._several()]
            return True if True in found else None if None in found else False
        if sign == "<>" and self._take("ALL"):
            found = [_compared("<>", value, other) for other in self._several()]
            return False if False in found else None if None in found else True
        return _compared(sign, value, self._operand())

    def _several(self) -> list[Any]:
        """The values of a list, written as ``ARRAY[…]`` or as ``'{a,b}'``."""
        found = self._operand()
        if isinstance(found, str) and re.fullmatch(r'\{[^{}"\\]*\}', found):
            found = [None if one.upper() == "NULL" else one for one in found[1:-1].split(",")]
        if not isinstance(found, list):
            raise _Unknown
        return found

    def _operand(self) -> Any:
        token = self.next()
        if token is None:
            raise _Unknown
        value: Any
        if self._take("("):
            value = self.either()
            self._need(")")
        elif self._take("ARRAY", "["):
            value = [self._operand()]
            while self._take(","):
                value.append(self._operand())
            self._need("]")
        else:
            self._tokens.pop()
            self._literal = True
            if token[0] == "'":
                value = token[1:-1].replace("''", "'")
            elif token[0].isdigit():
                value = Decimal(token)
            elif token.upper() in ("TRUE", "FALSE", "NULL"):
                value = {"TRUE": True, "FALSE": False, "NULL": None}[token.upper()]
            else:
                value = self._column(token[1:-1].replace('""', '"') if token[0] == '"' else token)
        while self._take("::"):
            kept = self._type() in _KEEP.get(type(value), ()) or value is None or isinstance(value, list)
            if not kept and not self._literal:
                raise _Unknown
        return value

    def _column(self, name: str) -> Any:
        if name not in self._columns or self.next() in ("(", "."):
            raise _Unknown
        column, self._literal = self._columns[name], False
        value = getattr(self._item, column.field)
        return column.kind.dump(value) if isinstance(value, Enum) else value

    def _type(self) -> str:
        """A type's name, as in ``::character varying`` and ``::text[]``."""
        words = []
        while (token := self.next()) is not None and (token[0] in '".' or token.isidentifier()):
            if token.upper() in _ENDS:
                break
            words.append(self._tokens.pop())
        return " ".join(words) + ("[]" if self._take("[", "]") else "")


def _compared(sign: str, value: Any, other: Any) -> bool | None:
    """Whether a comparison of a column's value with a literal holds; None if one of them is NULL.

    The literal may be a quoted text, whatever the type of the column."""
    if value is None or other is None:
        return None
    if isinstance(value, bool):
        other = {"true": True, "t": True, "false": False, "f": False}.get(str(other).lower())
    elif isinstance(value, int | float | Decimal) and not isinstance(other, bool):
        value, other = Decimal(str(value)), Decimal(str(other))
    elif isinstance(value, str | UUID) and isinstance(other, str) and sign in ("=", "<>"):
        value = str(value)
    else:
        raise _Unknown
    return bool(_COMPARE[sign](value, other))
