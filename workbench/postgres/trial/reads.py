"""Reads: compares, in a trial, what the steps of a plan only read or did not find with what is stored now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from workbench.domain.registry import Kindred
from workbench.domain.resource import Target
from workbench.postgres.driver_errors import said
from workbench.postgres.etags import etags_of
from workbench.postgres.trial.savepoints import OutOfTime, Savepoints
from workbench.postgres.trial.violation import Violation, readers_of
from workbench.postgres.writing.guards import absent_of, reads_of
from workbench.state.planning.plan import Plan


async def moved_reads(connection: asyncpg.Connection, savepoints: Savepoints, plan: Plan) -> list[Violation]:
    """The items that are not as they were read, and the resources of which that cannot be told. Raises OutOfTime."""
    found: list[Violation] = []

    async def stored_of(kindred: Kindred, identifiers: Sequence[Any], *, alive: bool = False) -> dict[Any, Any] | None:
        stored = await savepoints.attempt(etags_of(connection, plan.tables[kindred], identifiers, alive=alive))
        if isinstance(stored, asyncpg.QueryCanceledError):
            raise OutOfTime
        if isinstance(stored, Exception):
            late = isinstance(stored, asyncpg.LockNotAvailableError)
            kind, detail = ("timeout", savepoints.waiting()) if late else ("refused", said(stored))
            found.append(Violation(kind, "", None, (), {}, detail))
            return None
        return dict(stored)

    def moved(target: Target, theirs: str | None, detail: str) -> None:
        found.append(Violation("read", "", target, ("_etag",), {"_etag": theirs}, detail, readers_of(target, plan)))

    for kindred, (identifiers, etags) in reads_of(plan).items():
        if (stored := await stored_of(kindred, identifiers)) is None:
            continue
        for identifier, expected in zip(identifiers, etags, strict=True):
            if identifier not in stored:
                moved(Target(*kindred, identifier), None, "a step read it, and it was deleted since")
            elif (theirs := stored[identifier]) != expected:
                moved(Target(*kindred, identifier), theirs,
                      f"a step read it, and it was changed since: {etag_words(theirs, expected)}")
    for kindred, absent in absent_of(plan).items():
        for identifier, theirs in (await stored_of(kindred, absent, alive=True) or {}).items():
            moved(Target(*kindred, identifier), theirs,
                  f"a step looked for it and did not find it, and it was added since (its etag is {theirs})")
    return found


def etag_words(theirs: str | None, expected: str | None) -> str:
    """How two etags differ."""
    return f"its etag is {theirs}, {expected} was expected"
