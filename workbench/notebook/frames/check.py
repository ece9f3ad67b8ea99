"""Frames of a plan that was tried: the violations that a check found, and what Postgres estimates of each statement."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from workbench.notebook.frames.state import frame_of
from workbench.postgres.trial.explain import Explained
from workbench.postgres.trial.violation import Checked

if TYPE_CHECKING:
    import pandas as pd


def check_frame(checked: Checked) -> pd.DataFrame:
    """All violations, one a row.

    Columns: ``kind``, ``constraint`` (its name or ""), ``resource`` and ``identifier`` (None where no one item is to
    blame), ``columns`` (a list), ``values`` (a dict), ``detail`` (the reason in words); and of the mutation that caused
    it: ``step``, ``event``, ``command`` (names of classes), ``cell``. The index counts from 1."""
    rows = []
    for violation in checked.violations:
        target, cause = violation.target, violation.cause
        rows.append((
            violation.kind, violation.constraint, None if target is None else f"{target.domain}:{target.resource}",
            None if target is None else target.identifier, list(violation.columns), dict(violation.values),
            violation.detail, None if cause is None else cause.step,
            None if cause is None or cause.event is None else type(cause.event).__name__,
            None if cause is None else type(cause.command).__name__, None if cause is None else cause.cell))
    return frame_of(rows, {"kind": str, "constraint": str, "resource": str | None, "identifier": object,
                         "columns": object, "values": object, "detail": str, "step": int | None, "event": str | None,
                         "command": str | None, "cell": int | None})


def explain_frame(explained: Iterable[Explained]) -> pd.DataFrame:
    """Postgres' estimates, one statement a row, in the order in which they run.

    Columns: ``operation`` ("Insert", "Update", "Delete"), ``table``, ``items`` (of the plan), ``rows`` (expected),
    ``startup_cost`` and ``total_cost`` (in pages read one after the other), ``runs`` (in chunks), ``nodes`` (the
    server's way to the rows, a list of lines), ``statement`` (SQL). The index counts from 1."""
    rows = [(one.operation, one.table, one.items, one.rows, one.startup_cost, one.total_cost, one.runs,
             list(one.nodes), one.statement) for one in explained]
    return frame_of(rows, {"operation": str, "table": str, "items": int, "rows": int, "startup_cost": float,
                         "total_cost": float, "runs": int, "nodes": object, "statement": str})
