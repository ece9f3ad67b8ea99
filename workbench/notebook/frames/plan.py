"""Plan frames: changes as a DataFrame, one item a row; those of a Plan from its Blocks, with no object for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from workbench.notebook.frames.state import frame_of_columns
from workbench.state.planning.block import Block, as_touched
from workbench.state.planning.change import Change, steps_of
from workbench.state.planning.plan import Plan
from workbench.state.planning.telling import told_fields
from workbench.state.saved.change import SavedChange
from workbench.state.uncollected import uncollected

if TYPE_CHECKING:
    import pandas as pd

_TYPES = {"change": str, "resource": str, "identifier": object, "columns": object, "old": object, "new": object,
          "etag": str | None, "steps": object}


def plan_frame(plan: Plan) -> pd.DataFrame:
    """A plan's changes, one item a row, in the order in which they are written.

    Columns: ``change`` ("insert", "update", "delete"), ``resource``, ``identifier``, ``columns`` (the names of the
    fields set, a tuple), ``old`` and ``new`` (dicts of these, without stamps but ``_deleted`` of an item that comes
    back), ``etag`` (expected), ``steps`` (their numbers, a tuple). The index counts from 1."""
    with uncollected(len(plan)):
        if sum(map(len, plan.ranks)) > len(plan):       # some are done in parts, and set more columns than they change
            return changes_frame(plan.changes)
        blocks, order = list[Block](), list[int]()
        for rank in plan.ranks:
            parts = [part for block in rank.blocks for part in block.alike() if part is not None]
            order += [len(order) + place for place in as_touched(parts)]
            blocks += parts
        columns: list[list[Any]] = [[] for _ in _TYPES]
        for block in blocks:
            for column, values in zip(columns, _columns(block), strict=True):
                column += values
        return frame_of_columns([[column[place] for place in order] for column in columns], _TYPES)


def changes_frame(changes: Sequence[Change | SavedChange]) -> pd.DataFrame:
    """``plan_frame`` of changes that are objects already, as those of a saved plan are."""
    return frame_of_columns([
        [change.kind for change in changes], [f"{change.target[0]}:{change.target[1]}" for change in changes],
        [change.target.identifier for change in changes],
        [() if change.kind == "delete" else tuple(change.new) for change in changes],
        [change.old for change in changes], [change.new for change in changes], [change.etag for change in changes],
        [tuple(change.steps) for change in changes]], _TYPES)


def _columns(block: Block) -> Iterator[Sequence[Any]]:
    """The columns of the frame for changes of one shape."""
    assert block.shape is not None
    (domain, key), count = block.shape.kindred, len(block)
    changed = told = tuple(told_fields(block.kind, block.shape.columns, ()))
    if block.kind == "delete":
        item: Any = block.befores[0]
        told = tuple(told_fields(block.kind, (), item._fields))
    yield [block.kind] * count
    yield [f"{domain}:{key}"] * count
    yield [target[2] for target in block.targets]
    yield [changed] * count
    yield _dicts(block.befores, () if block.kind == "insert" else told)
    yield _dicts(block.afters, () if block.kind == "delete" else told)
    yield block.etags()
    alone = {entry.step: (entry.step,) for entry in block.entries}      # nearly all have one cause, and few differ
    yield [alone[entry.step] if entry.earlier is None else tuple(steps_of(entry)) for entry in block.entries]


def _dicts(items: Sequence[Any], names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The values of some fields of each item, by name."""
    if len(names) < 2:
        return [{name: getattr(item, name) for name in names} for item in items]
    return list(map(dict, map(zip, repeat(names), map(attrgetter(*names), items))))
