"""Alteration: one thing that would make a table what its definition says, with its SQL and what it would cost.

A ``Wish`` is an Alteration of which the rows have still to be asked: whether any stands in its way, whether any loses
something. ``judged`` asks them, and follows what stands on what: a foreign key on a column that cannot be added cannot
be added either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

import asyncpg

from workbench.domain.registry import Kindred
from workbench.postgres.tables.ddl import Ddl, in_order
from workbench.wording import counted

SIGNS = {"add": "+", "alter": "~", "drop": "-"}
# What a cast or a comparison of values raises; all else is no answer to a question about rows.
_ANSWERS = (asyncpg.DataError, asyncpg.SyntaxOrAccessError)


class Alteration(NamedTuple):
    """One change of a table: ``what`` in words, and the statements that make it.

    It is additive where ``reason`` is empty: nothing is lost, and no row stands in its way. Else ``reason`` says what
    it would cost; a ``blocked`` one cannot be made until the rows or the definition are others. ``hint`` is what else
    might have been meant."""

    kindred: Kindred
    table: str
    kind: Literal["add", "alter", "drop"]
    what: str
    statements: tuple[Ddl, ...]
    reason: str = ""
    blocked: bool = False
    hint: str = ""

    @property
    def additive(self) -> bool:
        """Whether it loses nothing, and no row was found to stand in its way."""
        return not self.reason

    @property
    def sign(self) -> str:
        """``+``, ``~`` or ``-``."""
        return SIGNS[self.kind]

    @property
    def sql(self) -> str:
        """Its statements, in the order in which they run."""
        return "\n".join(f"{sql};" for sql in in_order(self.statements))

    def __str__(self) -> str:
        mark = f" [{'blocked' if self.blocked else 'not additive'}: {self.reason}]" if self.reason else ""
        return f"{self.sign} {self.what}{mark}{f' ({self.hint})' if self.hint else ''}"


class Ask(NamedTuple):
    """A question about rows: a query of a count, and of an example if it has a second column.

    ``told`` makes a reason of what was counted, ``"3 rows"``, to which the example is added; where the query itself
    fails, ``failed`` makes it of the server's words. ``blocks`` says that such rows are in the way, and not only worth
    knowing."""

    sql: str
    told: Callable[[str], str]
    blocks: bool = True
    noun: str = "row"
    failed: Callable[[str], str] = "the rows cannot be looked at: {}".format


class Wish(NamedTuple):
    """An Alteration and what is to be asked first; it ``makes`` columns, and ``needs`` others: (table, column)."""

    alteration: Alteration
    asks: tuple[Ask, ...] = ()
    makes: frozenset[tuple[str, str]] = frozenset()
    needs: frozenset[tuple[str, str]] = frozenset()


async def judged(connection: Any, wishes: Sequence[Wish]) -> list[Alteration]:
    """The Alterations, with what the rows say. The connection is in a transaction; errors are the driver's."""
    found = [await _answered(connection, wish) for wish in wishes]
    moved = True
    while moved:        # what stands on what stands on what
        moved = False
        for place, wish in enumerate(wishes):
            for other, below in zip(found, wishes, strict=True):
                if below is not wish and other.reason and below.makes & wish.needs and (
                        not found[place].reason or (other.blocked and not found[place].blocked)):
                    found[place] = found[place]._replace(
                        reason=f"it stands on another change, which is not additive ({other.table}: {other.what})",
                        blocked=other.blocked)
                    moved = True
    return found


async def _answered(connection: Any, wish: Wish) -> Alteration:
    reasons, blocked = [wish.alteration.reason] if wish.alteration.reason else [], wish.alteration.blocked
    for ask in wish.asks:
        try:
            async with connection.transaction():        # a savepoint: a question that fails ends nothing else
                count, *example = await connection.fetchrow(ask.sql)
        except _ANSWERS as error:
            reasons.append(ask.failed(str(error).splitlines()[0]))
            blocked = blocked or ask.blocks
            break
        if count:
            such = f", such as {example[0]!r}" if example and example[0] is not None else ""
            reasons.append(ask.told(counted(count, ask.noun, ",")) + such)
            blocked = blocked or ask.blocks
    return wish.alteration._replace(reason="; ".join(reasons), blocked=blocked)


def listing(names: Iterable[str]) -> str:
    """Names as they are told: ``"a", "b"``."""
    return ", ".join(f'"{name}"' for name in names)
