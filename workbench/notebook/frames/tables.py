"""Frames of tables: the changes that would make the tables fit the definitions, one a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.notebook.frames.state import frame_of
from workbench.postgres.tables.ddl_plan import TablesPlan

if TYPE_CHECKING:
    import pandas as pd


def tables_frame(plan: TablesPlan) -> pd.DataFrame:
    """The changes of tables, one a row; the index counts from 1.

    Columns: ``change`` ("add", "alter", "drop"), ``table``, ``resource``, ``what`` (in words), ``costs`` ("additive",
    "other", "blocked"), ``reason`` (why it is not additive, or missing), ``hint`` (what else may have been meant)
    and ``sql``."""
    rows = [(it.kind, it.table, ":".join(it.kindred), it.what,
             "additive" if it.additive else "blocked" if it.blocked else "other", it.reason or None, it.hint or None,
             it.sql) for it in plan.alterations]
    return frame_of(rows, {"change": str, "table": str, "resource": str, "what": str, "costs": str,
                           "reason": str | None, "hint": str | None, "sql": str})
