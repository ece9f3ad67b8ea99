"""Frames: items, mutations and changes as DataFrames.

Rows are made here, and the columns of them in columns.py, whose docstring says which dtype each kind of value has:
what pandas has no type for is the very Python object. Only there is pandas imported, once a frame is asked for: from
opening a session to a commit nothing needs it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeGuard

from workbench.domain.kinds import kind_of
from workbench.domain.resource import Resource, Target
from workbench.state.planning.change import Change
from workbench.state.planning.plan import Plan
from workbench.state.state import State
from workbench.state.step import Handling, Step
from workbench.state.uncollected import uncollected

if TYPE_CHECKING:
    import pandas as pd


def items_frame(cls: type[Resource], rows: Sequence[tuple[str, Target, Resource]]) -> pd.DataFrame:
    """Cached items, one a row: ``state`` ("clean", "new", "changed", "deleted"), the fields, then the stamps.

    The index, ``_id``, holds the identifiers as the resource types them. Where a resource has a field of its own named
    ``state``, the first column is ``_state``."""
    from workbench.notebook.frames.columns import framed

    names = [name for name in cls._fields if not name.startswith("_")]
    names += [name for name in cls._fields if name.startswith("_") and name != "_id"]
    items = [item for _, _, item in rows]

    def of(name: str) -> tuple[list[Any], Any]:
        return list(map(attrgetter(name), items)), cls._fields[name].kind

    state = [state for state, _, _ in rows], kind_of(str)
    return framed({"_state" if "state" in names else "state": state, **{name: of(name) for name in names}},
                  ("_id", *of("_id")))


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
                         "at": datetime})


def plan_frame(plan: Plan) -> pd.DataFrame:
    """A plan's changes, one item a row, in the order in which they are written.

    Columns: ``change`` ("insert", "update", "delete"), ``resource``, ``identifier``, ``columns`` (the names of the
    fields set, a tuple), ``old`` and ``new`` (dicts of these, without stamps), ``etag`` (expected), ``steps`` (their
    numbers, a tuple). The index counts from 1."""
    changes = plan.changes
    with uncollected(len(changes)):
        columns = [change.columns for change in changes]
        # Of a hundred thousand changes few set other columns or have another cause: what they share is one object.
        told = {names: tuple(name for name in names if not name.startswith("_")) for names in set(columns)}
        steps = [tuple(change.steps) for change in changes]
        causes = {numbers: numbers for numbers in steps}
        sides = [_sides(change, told[names]) for change, names in zip(changes, columns, strict=True)]
        return _frame({
            "change": ([change.kind for change in changes], str),
            "resource": ([f"{change.target.domain}:{change.target.resource}" for change in changes], str),
            "identifier": ([change.target.identifier for change in changes], object),
            "columns": ([told[names] for names in columns], object),
            "old": ([old for old, _ in sides], object),
            "new": ([new for _, new in sides], object),
            "etag": ([change.etag for change in changes], str | None),
            "steps": ([causes[numbers] for numbers in steps], object)}, range(1, len(changes) + 1))


def _sides(change: Change, names: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values before and after; as ``old`` and ``new`` of the change, but with the names at hand."""
    before, after = change.before, change.after
    if change.kind == "delete" or not isinstance(after, Resource):      # a saved one has mappings
        return change.old, change.new
    return ({} if before is None else {name: getattr(before, name, None) for name in names},
            {name: getattr(after, name) for name in names})


def frame_of(
    rows: Sequence[tuple[Any, ...]], types: dict[str, Any], *, index: tuple[str, Sequence[Any], Any] | None = None,
) -> pd.DataFrame:
    """Rows as a frame whose columns have the dtypes of the given types; its index counts from 1, or is given by its
    name, values and type."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(types)
    return _frame({name: (values, types[name]) for name, values in zip(types, columns, strict=True)},
                  range(1, len(rows) + 1) if index is None else index)


def _frame(
    columns: Mapping[str, tuple[Sequence[Any], Any]], index: range | tuple[str, Sequence[Any], Any],
) -> pd.DataFrame:
    """Columns as a frame, each given by its values and their type; the index too, with its name."""
    from workbench.notebook.frames.columns import framed

    along = index if isinstance(index, range) else (index[0], index[1], kind_of(index[2]))
    return framed({name: (values, kind_of(annotation)) for name, (values, annotation) in columns.items()}, along)


def is_frame(value: Any) -> TypeGuard[pd.DataFrame]:
    """Whether a value is a DataFrame: it can be one only when whoever made it has brought pandas."""
    return isinstance(value, getattr(sys.modules.get("pandas"), "DataFrame", ()))
