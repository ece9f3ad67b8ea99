"""Apply: writes a saved plan, and reads what a revert of a commit must know.

A saved plan is written as any plan is (commit.py), with its receipt in the same transaction (receipt.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from workbench.domain.resource import Resource, Target
from workbench.errors import Invalid, Problem, SavedPlanError, TamperedPlan
from workbench.postgres.engine import Engine
from workbench.postgres.query import PostgresReader
from workbench.postgres.writing.commit import Commit, commit
from workbench.postgres.writing.receipt import Receipt, refuse_again
from workbench.state.held import Held
from workbench.state.planning.plan import Plan
from workbench.state.progress import Progress
from workbench.state.saved.plan import SavedPlan
from workbench.state.saved.restored import restored


async def apply(
    engine: Engine, reader: PostgresReader, held: Held, saved: SavedPlan, *, verify_reads: bool, wait: float,
    progress: Progress | None = None,
) -> Commit:
    """Writes a saved plan, once only, and has the manager take notice.

    Raises UnreadablePlan, TamperedPlan, AlreadyApplied, OtherDefinition, SavedPlanError for one whose steps are pending
    here under others, and what ``commit`` raises."""
    saved.check()
    manager, state = held.manager, held.state
    try:
        nonce = nonce_of(saved.nonce)
    except SavedPlanError as error:     # its hash was made to fit
        raise TamperedPlan(saved.nonce, ["its nonce is none"]) from error
    await refuse_again(engine, nonce)       # said before anything else; the receipt itself decides
    if reader.unfit is not None:
        raise reader.unfit
    plan = restored(saved, manager.registry, manager.tables)
    manager.saved.check_apart(nonce, state)
    statements, attempts = await commit(
        engine, reader, plan, verify_reads=verify_reads, wait=wait, progress=progress,
        receipts=[Receipt(nonce, saved.hash, manager.clock(), manager.user)])
    held.applied(plan, nonce)
    return Commit(plan, statements, manager.clock(), manager.user, attempts, nonce)


def nonce_of(saved: SavedPlan | str) -> str:
    """The nonce of a saved plan, or the one that a text is. Raises SavedPlanError."""
    text = saved if isinstance(saved, str) else saved.nonce
    try:
        return str(UUID(text))
    except ValueError:
        raise SavedPlanError(f"{text!r} is no nonce of a saved plan; give the plan itself (SavedPlan.load(path)), or "
                             "its .nonce") from None


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
