"""Frames: items, how many there are, and mutations as DataFrames.

Rows are made here; ``frames.columns`` makes columns of them, and says which dtype each kind of value has. Only there is
pandas imported, when the first frame is asked for: from opening a session to a commit nothing needs it.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from workbench.domain.kinds import kind_of
from workbench.domain.resource import Resource, Target
from workbench.state.state import State
from workbench.state.step import Handling, Step

if TYPE_CHECKING:
    import pandas as pd

Label: TypeAlias = Callable[[Target], str | None]
STATES = ("new", "changed", "deleted", "clean")


def items_frame(cls: type[Resource], rows: Sequence[tuple[str, Target, Resource]]) -> pd.DataFrame:
    """Cached items, one a row: ``state`` ("clean", "new", "changed", "deleted"), the fields, then the stamps.

    The index, ``_id``, holds the identifiers as the resource types them. Where a resource has a field of its own named
    ``state``, the first column is ``_state``."""
    from workbench.notebook.frames.columns import framed

    names = [*cls._public, *(name for name in cls._fields if name not in cls._public and name != "_id")]
    items = [item for _, _, item in rows]

    def of(name: str) -> tuple[list[Any], Any]:
        return list(map(attrgetter(name), items)), cls._fields[name].kind

    state = [state for state, _, _ in rows], kind_of(str)
    return framed({"_state" if "state" in names else "state": state, **{name: of(name) for name in names}},
                  ("_id", *of("_id")))


def counts_frame(items: Mapping[str, Sequence[tuple[str, Target, Resource]]]) -> pd.DataFrame:
    """How many items of each resource are cached, by their state, one resource a row, indexed by both of its keys."""
    from workbench.notebook.frames.columns import framed

    found = [Counter(state for state, _, _ in rows) for rows in items.values()]
    return framed({state: ([counts[state] for counts in found], kind_of(int)) for state in STATES},
                  ("resource", list(items), kind_of(str)))


def pending_frame(state: State, label: Label | None = None) -> pd.DataFrame:
    """The mutations of the pending steps, one a row, in the order in which they were applied; ``label`` tells what an
    item is called where the frame is shown.

    Columns: ``mutation`` ("insert", "update", "delete"), ``resource``, ``identifier``, ``values`` (a dict), ``event``,
    ``command``, ``policy`` (that issued the command, or missing), ``step``, ``cell``, ``user``, ``at``. The index
    counts from 1."""
    rows: list[tuple[Any, ...]] = []
    targets: dict[Target, None] = {}

    def of(handling: Handling, step: Step) -> None:
        for occurrence in handling.occurrences:
            for mutation in occurrence.mutations:
                target: Any = mutation.on
                targets[target] = None
                rows.append((
                    mutation.verb, f"{target.domain}:{target.resource}", target.identifier, dict(mutation.values),
                    type(occurrence.event).__name__, type(handling.command).__name__, handling.policy,
                    step.number, step.cell, step.user, step.at))
            for reaction in occurrence.reactions:
                of(reaction, step)

    for step in state.pending():
        of(step.handling, step)
    return log_of(rows, {"mutation": str, "resource": str, "identifier": object, "values": object, "event": str,
                         "command": str, "policy": str | None, "step": int, "cell": int | None, "user": str | None,
                         "at": datetime}, targets=targets, label=label)


def log_of(
    rows: Sequence[tuple[Any, ...]], types: dict[str, Any], *, index: tuple[str, Sequence[Any], Any] | None = None,
    targets: Iterable[Target] = (), label: Label | None = None, note: str = "", missing: str = "",
) -> pd.DataFrame:
    """``frame_of`` what happened: what is ``missing`` is shown as an empty cell, items by their ``label``, a note
    below.

    ``targets`` are the items in the rows: in a column ``target`` as texts, or ``identifier`` beside ``resource``."""
    from workbench.notebook.frames.log_frame import ItemNames, LogFrame

    frame = LogFrame(frame_of(rows, types, index=index))
    frame._item_names, frame._missing = ItemNames(targets, label), missing
    if note:
        frame.attrs["note"] = note
    return frame


def frame_of(
    rows: Sequence[tuple[Any, ...]], types: dict[str, Any], *, index: tuple[str, Sequence[Any], Any] | None = None,
) -> pd.DataFrame:
    """Rows as a frame whose columns have the dtypes of the given types; its index counts from 1, or is given by its
    name, values and type."""
    return frame_of_columns(list(zip(*rows, strict=True)) if rows else [()] * len(types), types, index=index)


def frame_of_columns(
    columns: Sequence[Sequence[Any]], types: dict[str, Any], *, index: tuple[str, Sequence[Any], Any] | None = None,
) -> pd.DataFrame:
    """``frame_of`` of values that are given by column."""
    from workbench.notebook.frames.columns import framed

    along = range(1, len(columns[0]) + 1) if index is None else (index[0], index[1], kind_of(index[2]))
    return framed({name: (values, kind_of(annotation))
                   for (name, annotation), values in zip(types.items(), columns, strict=True)}, along)


def is_frame(value: Any) -> TypeGuard[pd.DataFrame]:
    """Whether a value is a DataFrame; asks without importing pandas, which whoever made one has imported."""
    return isinstance(value, getattr(sys.modules.get("pandas"), "DataFrame", ()))
