"""Revert: what must be known to make the inverse of a commit pending: its plan, and what is stored of its items now.

What comes of it the state room says (state/revert.py); nothing is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.domain.resource import Resource, Target
from workbench.errors import Invalid, Problem
from workbench.postgres.engine import Engine
from workbench.postgres.query import PostgresReader
from workbench.postgres.writing.commit import Commit
from workbench.state.planning.plan import Plan


def commit_of(commit: Any, commits: Sequence[Commit]) -> tuple[int, Plan]:
    """The number (from 1) and the plan of a commit, given as itself or by its number, from the end if negative.

    Raises Invalid."""
    for number, done in enumerate(commits, 1):
        if done is commit or (isinstance(commit, int) and commit in (number, number - len(commits) - 1)):
            return number, done.plan
    there = f"{len(commits)} commit{'' if len(commits) == 1 else 's'}"
    raise Invalid("revert", [Problem("commit", commit, (
        f"{commit!r} is no commit of this session, which made {there}; give a number from 1, or the Commit itself"))])


async def stored_of(engine: Engine, reader: PostgresReader, plan: Plan) -> dict[Target, Resource | None]:
    """The items of a plan's changes as they are stored now, soft-deleted ones too; None for those that are not."""
    stored: dict[Target, Resource | None] = {change.target: None for change in plan.changes}
    async with engine.acquire(doing="reading what is to be reverted") as connection:
        for kindred in sorted({target[:2] for target in stored}):
            identifiers = [target.identifier for target in stored if target[:2] == kindred]
            for item in await reader.load_with(connection, kindred, identifiers, deleted=True):
                stored[Target(*kindred, item._id)] = item
    return stored
