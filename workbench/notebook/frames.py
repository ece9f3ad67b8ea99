"""Frames: items, mutations and changes as DataFrames.

Columns are built one by one with the dtype of their field, never inferred: text is ``str``, whole numbers ``int64`` (or
``Int64`` where None may stand), bools ``bool`` (``boolean``), floats ``float64``, moments ``datetime64[us, UTC]``, and
in these None is pandas' missing value; Decimals, UUIDs, dates, times and nested values stay the objects that they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from workbench.domain.kinds import Kind, OptionalKind, kind_of
from workbench.domain.resource import Resource, Target
from workbench.state.change import Change
from workbench.state.plan import Plan
from workbench.state.state import State
from workbench.state.step import Handling, Step
from workbench.state.uncollected import uncollected


def items_frame(cls: type[Resource], rows: Sequence[tuple[str, Target, Resource]]) -> pd.DataFrame:
    """Cached items, one a row: ``state`` ("clean", "new", "changed", "deleted"), the fields, then the stamps.

    The index, ``_id``, holds the identifiers as the resource types them. Where a resource has a field of its own named
    ``state``, the first column is ``_state``."""
    names = [name for name in cls._fields if not name.startswith("_")]
    names += [name for name in cls._fields if name.startswith("_") and name != "_id"]
    items = [item for _, _, item in rows]
    columns = {"_state" if "state" in names else "state": _column([state for state, _, _ in rows], kind_of(str))}
    columns |= {name: _column([getattr(item, name) for item in items], cls._fields[name].kind) for name in names}
    index = pd.Index(_column([item._id for item in items], cls._fields["_id"].kind), name="_id")
    return _framed(columns, index)


def pending_frame(state: State) -> pd.DataFrame:
    """The mutations of the pending steps, one a row, in the order in which they were applied.

    Columns: ``mutation`` ("insert", "update", "delete"), ``resource``, ``identifier``, ``values`` (a dict), ``event``,
    ``command``, ``policy`` (that issued the command, or None), ``step``, ``cell``, ``user``, ``at``. The index counts
    from 1."""
    rows: list[tuple[Any, ...]] = []

    def of(handling: Handling, step: Step) -> None:
        for occurrence in handling.occurrences:
            for mutation in occurrence.mutations:
                target: Any = mutation.on
                rows.append((
                    mutation.verb, f"{target.domain}:{target.resource}", target.identifier, dict(mutation.values),
                    type(occurrence.event).__name__, type(handling.command).__name__, handling.policy,
                    step.number, step.cell, step.user, step.at))
            for reaction in occurrence.reactions:
                of(reaction, step)

    for step in state.pending():
        of(step.handling, step)
    return frame_of(rows, {"mutation": str, "resource": str, "identifier": object, "values": object, "event": str,
                         "command": str, "policy": str | None, "step": int, "cell": int | None, "user": str | None,
                         "at": datetime}, start=1)


def plan_frame(plan: Plan) -> pd.DataFrame:
    """A plan's changes, one item a row, in the order in which they are written.

    Columns: ``change`` ("insert", "update", "delete"), ``resource``, ``identifier``, ``columns`` (the names of the
    fields set), ``old`` and ``new`` (dicts of these, without stamps), ``etag`` (expected), ``steps`` (numbers)."""
    told: dict[tuple[str, ...], list[str]] = {}     # of a hundred thousand changes few set other columns
    with uncollected(len(plan.changes)):
        return frame_of(
            [_change_row(change, told) for change in plan.changes],
            {"change": str, "resource": str, "identifier": object, "columns": object, "old": object, "new": object,
             "etag": str | None, "steps": object}, start=1)


def _change_row(change: Change, told: dict[tuple[str, ...], list[str]]) -> tuple[Any, ...]:
    target, before, after = change.target, change.before, change.after
    names = told.get(change.columns)
    if names is None:
        names = told[change.columns] = [name for name in change.columns if not name.startswith("_")]
    if change.kind == "delete" or not isinstance(after, Resource):      # a saved one has mappings
        old, new = change.old, change.new
    else:
        old = {} if before is None else {name: getattr(before, name, None) for name in names}
        new = {name: getattr(after, name) for name in names}
    return (change.kind, f"{target.domain}:{target.resource}", target.identifier, names.copy(), old, new, change.etag,
            change.steps)


def frame_of(rows: Sequence[tuple[Any, ...]], types: dict[str, Any], *, start: int) -> pd.DataFrame:
    """Rows as a frame whose columns have the dtypes of the given types; its index counts from ``start``."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(types)
    return _framed(
        {name: _column(list(values), kind_of(annotation))
         for (name, annotation), values in zip(types.items(), columns, strict=True)},
        pd.RangeIndex(start, start + len(rows)))


def _framed(columns: dict[str, Any], index: pd.Index) -> pd.DataFrame:
    # Of a bare array of objects pandas infers a dtype, and a column of texts would differ from an empty one.
    return pd.DataFrame({name: pd.Series(column, index=index, dtype=column.dtype, copy=False)
                         for name, column in columns.items()}, copy=False)


def _column(values: list[Any], kind: Kind) -> Any:
    """The values of one field as an array of its dtype."""
    optional = isinstance(kind, OptionalKind)
    annotation = kind.inner.annotation if isinstance(kind, OptionalKind) else kind.annotation
    if annotation is str:
        return pd.array(values, dtype="str")
    if annotation is int:
        return pd.array(values, dtype="Int64") if optional else np.array(values, dtype="int64")
    if annotation is bool:
        return pd.array(values, dtype="boolean") if optional else np.array(values, dtype="bool")
    if annotation is float:
        return np.array(values, dtype="float64")
    if annotation is datetime:
        return pd.DatetimeIndex(values, dtype="datetime64[us, UTC]")
    return np.fromiter(values, dtype=object, count=len(values))
