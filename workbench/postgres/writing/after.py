"""After: what a commit waits for before it begins: another commit, or that somebody applies a saved plan.

The one is awaited, the other is looked for among the receipts of the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeAlias

from workbench.errors import Busy, WorkbenchError
from workbench.postgres.engine import Engine
from workbench.postgres.writing.patience import check_seconds
from workbench.postgres.writing.receipt import nonce_of, receipt_of
from workbench.state.saved.plan import SavedPlan

After: TypeAlias = Awaitable[Any] | SavedPlan | str     # a text is the nonce of a saved plan
PAUSE = 0.25        # seconds between two looks for a receipt, at most


async def wait_for(engine: Engine, after: After, wait: float) -> None:
    """Waits for another commit, as long as that takes, or until a saved plan is applied, for ``wait`` seconds.

    Raises WorkbenchError when that commit fails, Busy when nobody applied the plan, SavedPlanError for what is none,
    Invalid for a time that is none."""
    check_seconds("commit", "wait", wait)
    if isinstance(after, SavedPlan | str):
        await _applied(engine, nonce_of(after), wait)
    else:
        await ended(after)


async def ended(other: Awaitable[Any]) -> None:
    """Waits for another commit, which is not cancelled when the waiting is; raises WorkbenchError when it fails."""
    task = asyncio.ensure_future(other)
    await asyncio.wait([task])
    error = None if task.cancelled() else task.exception()
    if task.cancelled() or error is not None:
        why = "it was cancelled" if error is None else type(error).__name__
        raise WorkbenchError(f"the commit that this one was to come after failed ({why}); nothing was written, "
                             "everything pending is kept") from error


async def _applied(engine: Engine, nonce: str, wait: float) -> None:
    """Waits until there is the receipt of a saved plan."""
    clock = asyncio.get_running_loop().time
    end, looks, pause = clock() + wait, 1, 0.02
    while await receipt_of(engine, nonce) is None:
        if clock() + pause >= end:
            raise Busy(f"the saved plan {nonce}, which was to be applied before, was applied by nobody", wait, looks)
        await asyncio.sleep(pause)
        looks, pause = looks + 1, min(PAUSE, 2 * pause)
