"""DDL plan: the difference between a session's definitions and its database, as changes of tables to look at.

``tables_plan`` reads the catalogue, and asks the rows where they may be in the way; it changes nothing. ``alter`` makes
the changes of a plan in one transaction, under the lock of all who create tables, if they are still the same ones; new
labels of enum types in one of their own before. The tables of nobody's resource are never touched, and those of
resources never dropped.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import asyncpg

from workbench.done import Done
from workbench.errors import DatabaseError, Invalid, NothingTo, StalePlan, WorkbenchError
from workbench.postgres.engine import Engine
from workbench.postgres.literals import comment
from workbench.postgres.tables.alteration import Alteration, Wish, judged
from workbench.postgres.tables.catalogue import labels_of, read
from workbench.postgres.tables.column_changes import column_wishes, label_wishes
from workbench.postgres.tables.constraint_changes import constraint_wishes
from workbench.postgres.tables.ddl import LOCK, USUAL, Phase, created, enums_of, in_order
from workbench.postgres.tables.fit import Fit, Fits, fits_of, keys_of
from workbench.postgres.tables.model import Models
from workbench.wording import counted, listed

WAIT = 10.0         # seconds that apply waits for another transaction to let go of a table
_NONE: Mapping[str, str] = MappingProxyType({})


class TablesPlan:
    """What would make the tables those of the definitions: ``alterations``, table by table.

    ``renamed`` is what was said of columns that have another name now. It is true where there is anything to do."""

    def __init__(
        self, alterations: Iterable[Alteration], *, renamed: Mapping[str, str] = _NONE,
        run: Callable[[TablesPlan, bool], Awaitable[Altered]] | None = None,
    ) -> None:
        self.alterations, self.renamed, self._run = tuple(alterations), dict(renamed), run

    @property
    def additive(self) -> tuple[Alteration, ...]:
        """Those that lose nothing, and in whose way no row was found: what ``apply()`` does."""
        return tuple(it for it in self.alterations if it.additive)

    @property
    def others(self) -> tuple[Alteration, ...]:
        """Those that lose something, or change a rule that somebody may rely on: done by ``apply(all=True)`` only."""
        return tuple(it for it in self.alterations if not it.additive and not it.blocked)

    @property
    def blocked(self) -> tuple[Alteration, ...]:
        """Those that cannot be done before the rows or the definition are others; each has its reason."""
        return tuple(it for it in self.alterations if it.blocked)

    @property
    def summary(self) -> str:
        """``2 additive: tables().apply(); 1 other: tables().apply(all=True)``."""
        return self.summary_with("tables()")

    def summary_with(self, verb: str) -> str:
        """The summary, with the verb by which such a plan is made."""
        kinds = ((self.additive, f"additive: {verb}.apply()"), (self.others, f"other: {verb}.apply(all=True)"),
                 (self.blocked, "blocked, see why"))
        return "; ".join(f"{len(some)} {words}" for some, words in kinds if some) or "they are as they are defined"

    def chosen(self, *, all: bool) -> tuple[Alteration, ...]:
        """What ``apply`` does."""
        return tuple(it for it in self.alterations if not it.blocked and (all or it.additive))

    def sql(self, *, all: bool = True) -> str:
        """The statements that ``apply`` runs as a script for psql, in its transactions; what is left is a comment.

        With ``all=False`` the additive ones alone. Empty where there is nothing to do."""
        chosen = self.chosen(all=all)
        lines = [comment(f"left: {it.table}: {it}") for it in self.alterations if it not in chosen]
        for part in _parts(chosen):
            statements = in_order(it for one in part for it in one.statements)
            settings = USUAL if any("\\" in sql or " USING " in sql for sql in statements) else ()
            lines += ["BEGIN;", *(f"{sql};" for sql in (*settings, *statements)), "COMMIT;"]
        return "\n".join(lines)

    async def apply(self, *, all: bool = False) -> Altered:
        """Makes the additive changes, with ``all=True`` the others too, in one transaction; what is pending stays.

        Raises NothingTo, StalePlan where the tables or the rows in question are others by now, DatabaseError where
        something else is in the way, such as a view, ConnectionLost. Nothing is altered then, but that enum types may
        have new labels already: nothing can use one before it is committed, so they have a transaction of their own.
        Whether a transaction went through whose connection was lost while it was committed the next plan tells."""
        if self._run is None:
            raise WorkbenchError("this plan was made without a session to apply it; make it with tables()")
        return await self._run(self, all)

    def run_by(self, bridge: Callable[[Coroutine[Any, Any, Altered]], Coroutine[Any, Any, Altered]]) -> TablesPlan:
        """The same plan, for those on another loop than the session's: ``apply`` goes over a bridge to it."""
        async def run(_: TablesPlan, all: bool) -> Altered:
            return await bridge(self.apply(all=all))

        return TablesPlan(self.alterations, renamed=self.renamed, run=run)

    def __len__(self) -> int:
        return len(self.alterations)

    def __repr__(self) -> str:
        return listed(f"tables: {self.summary}", lines_of(self.alterations))


class Altered(Done):
    """What ``apply`` has done: the changes it made, ``done``, and those it ``left``."""

    def __init__(self, plan: TablesPlan, *, all: bool) -> None:
        self.done = plan.chosen(all=all)
        self.left = tuple(it for it in plan.alterations if it not in self.done)

    @property
    def summary(self) -> str:
        """``2 changes of tables made; 1 left``."""
        left = f"; {len(self.left)} left" if self.left else ""
        return f"{counted(len(self.done), 'change', ',')} of tables made{left}"

    def __repr__(self) -> str:
        if not self.left:
            return self.summary
        rest = TablesPlan(self.left)
        return listed(f"{self.summary} ({rest.summary})", lines_of(self.left))


def lines_of(alterations: Iterable[Alteration]) -> Iterator[str]:
    """Alterations as lines, each table's under its name."""
    table = None
    for alteration in alterations:
        if alteration.table != table:
            table = alteration.table
            yield f"{table}, for {alteration.kindred[0]}:{alteration.kindred[1]}"
        yield f"  {alteration}"


# ------------------------------------------------------------------------------------------------ making and applying

async def tables_plan(
    engine: Engine, models: Models, *, renamed: Mapping[str, str] = _NONE,
    run: Callable[[TablesPlan, bool], Awaitable[Altered]] | None = None,
) -> TablesPlan:
    """The plan for the tables of some models; nothing is changed. For ``renamed`` see ``fits_of``.

    Raises Invalid for what cannot be renamed, ConnectionLost, DatabaseError."""
    async with engine.transaction(isolation="repeatable_read", readonly=True, doing="comparing the tables") as reading:
        await reading.execute("; ".join(USUAL))
        return TablesPlan(await _found(reading, models, renamed), renamed=renamed, run=run)


async def _found(connection: Any, models: Models, renamed: Mapping[str, str]) -> list[Alteration]:
    tables = list(models.tables.values())
    types = {name for table in tables for name in enums_of(table.model.__table__.columns)}
    fits = fits_of(models, await read(connection, tables), await labels_of(connection, types), renamed)
    return await judged(connection, [wish for fit in fits.values() for wish in _wishes(fit, fits)])


def _wishes(fit: Fit, fits: Fits) -> Iterator[Wish]:
    yield from label_wishes(fit)
    if fit.there.oid is None:
        parents = [key.parent.at(*(name for _, name in key.pairs)) for key in keys_of(fit, fits)
                   if key.parent is not None]
        yield fit.wish("add", f"table with {counted(len(fit.names), 'column', ',')}", *created(fit.table),
                       makes=fit.at(*fit.names), needs=frozenset().union(*parents))
    elif not fit.there.is_table:
        yield fit.wish("alter", f"no table but {fit.there.kind_told}", blocked=True,
                       reason="something else has this name: drop it, or give the resource another table=")
    else:
        yield from column_wishes(fit, fits)
        yield from constraint_wishes(fit, fits)


async def alter(engine: Engine, models: Models, plan: TablesPlan, *, all: bool) -> Altered:
    """Makes the changes of a plan that are additive, or ``all`` that are not blocked, in one transaction; new labels
    in one before.

    Tables are locked first, then compared once more. Raises as ``TablesPlan.apply`` does."""
    chosen = plan.chosen(all=all)
    if not chosen:
        raise NothingTo("apply", f"there is nothing to apply: {plan.summary}")
    done: list[Alteration] = []
    try:
        for part in _parts(chosen):
            async with engine.transaction(doing="altering the tables") as connection:
                await connection.execute(f"SET LOCAL lock_timeout = {WAIT * 1000:.0f}; {'; '.join(USUAL)}")
                await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
                await _lock(connection, models, chosen)
                planned, rest = ([it for it in some if it not in done] for some in (plan.alterations, chosen))
                try:
                    moved = _moved(planned, rest, await _found(connection, models, plan.renamed))
                except Invalid as invalid:      # the columns that it renames are others by now
                    moved = [str(problem) for problem in invalid.problems]
                if moved:
                    raise StalePlan(moved, again="tables()")
                for sql in in_order(it for one in part for it in one.statements):
                    await connection.execute(sql)
            done += part
    except DatabaseError as error:
        if isinstance(error.__cause__, asyncpg.LockNotAvailableError):
            altered = "enum types have their new labels, nothing else" if done else "nothing"
            raise DatabaseError(
                f"another transaction holds on to a table for more than {WAIT:g} s; {altered} was altered, everything "
                "pending is kept. End it, then apply again") from error.__cause__
        raise
    finally:
        await engine.expire()
    return Altered(plan, all=all)


def _parts(chosen: Iterable[Alteration]) -> Iterator[list[Alteration]]:
    """What is done in a transaction each: new labels of enum types first, then all else."""
    parts: tuple[list[Alteration], list[Alteration]] = ([], [])
    for one in chosen:
        parts[any(it.phase is not Phase.LABEL for it in one.statements)].append(one)
    return (part for part in parts if part)


def _moved(planned: Sequence[Alteration], chosen: Iterable[Alteration], now: Iterable[Alteration]) -> list[str]:
    """What is otherwise than in a plan: any statement, and all that was said of what was chosen; but not how many rows
    are in the way of what is left."""
    def sql(alterations: Iterable[Alteration]) -> set[tuple[str, str]]:
        return {(it.table, it.sql) for it in alterations}

    present, known, taken = list(now), sql(planned), sql(chosen)
    moved = [f"no more: {it.table}: {it}" for it in chosen if it not in present]
    moved += [f"no more: {it.table}: {it}" for it in planned
              if (it.table, it.sql) not in taken | sql(present)]
    return moved + [f"now: {it.table}: {it}" for it in present if it not in planned and (
        (it.table, it.sql) in taken or (it.table, it.sql) not in known)]


async def _lock(connection: Any, models: Models, chosen: Iterable[Alteration]) -> None:
    """Locks the tables that are altered, in the order of their names, so that no row comes in between."""
    tables = [table for table in models.tables.values() if table.kindred in {it.kindred for it in chosen}]
    stored = await read(connection, tables)
    for name in sorted(name for name, there in stored.items() if there.is_table):
        await connection.execute(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")
