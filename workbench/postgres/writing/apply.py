"""Apply: writes a saved plan as any plan is written (commit.py), with its receipt in the same transaction (receipt.py).

``verified_nonce`` is the nonce under which its receipt stands, and by which a check finds it.
"""

from __future__ import annotations

from workbench.errors import SavedPlanError, TamperedPlan
from workbench.postgres.engine import Engine
from workbench.postgres.query import PostgresReader
from workbench.postgres.writing.attempt import How
from workbench.postgres.writing.commit import Commit, commit
from workbench.postgres.writing.receipt import Receipt, nonce_of, refuse_again
from workbench.state.held import Held
from workbench.state.progress import Progress
from workbench.state.resolution import WAYS_TO_APPLY
from workbench.state.saved.plan import SavedPlan
from workbench.state.saved.restored import restored


def verified_nonce(saved: SavedPlan) -> str:
    """The nonce of a saved plan that is as it was saved. Raises UnreadablePlan, TamperedPlan."""
    saved.verify()
    try:
        return nonce_of(saved.nonce)
    except SavedPlanError as error:     # its hash was made to fit
        raise TamperedPlan(saved.nonce, ["its nonce is none"]) from error


async def apply(
    engine: Engine, reader: PostgresReader, held: Held, saved: SavedPlan, *, verify_reads: bool, wait: float,
    progress: Progress | None = None,
) -> Commit:
    """Writes a saved plan, once only, and has the manager take notice.

    Raises UnreadablePlan, TamperedPlan, AlreadyApplied, OtherDefinition, SavedPlanError for one whose steps are pending
    here under others, and what ``commit`` raises."""
    nonce = verified_nonce(saved)
    manager, state = held.manager, held.state
    await refuse_again(engine, nonce)       # said before anything else; the receipt itself decides
    reader.check_fit()
    plan = restored(saved, manager.registry, manager.tables)
    manager.saved.check_apart(nonce, state)
    receipt = Receipt(nonce, saved.hash, manager.clock(), manager.user)
    statements, attempts, _ = await commit(
        engine, reader, plan, How(verify_reads, wait=wait, receipts=[receipt], progress=progress, ways=WAYS_TO_APPLY))
    held.applied(plan, nonce)
    return Commit(plan, statements, manager.clock(), manager.user, attempts, nonce)
