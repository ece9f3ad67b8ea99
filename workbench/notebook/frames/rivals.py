"""Frames of what rivals did: conflicts as base, mine and theirs by column, and drift."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.domain.resource import is_deleted
from workbench.domain.sameness import same
from workbench.notebook.frames.state import Label, log_of
from workbench.postgres.drift import Drift
from workbench.state.clash import Clash

if TYPE_CHECKING:
    import pandas as pd


def conflict_frame(clashes: Sequence[Clash], label: Label | None = None) -> pd.DataFrame:
    """Clashes, one differing column of an item a row; an item that is gone has one row for each field. ``label`` tells
    what an item is called where the frame is shown.

    Columns: ``resource``, ``identifier``, ``kind`` (such as "update-delete": what was done here, what meanwhile),
    ``column``, ``base``, ``mine``, ``theirs`` (None where there is no such item or it was only read). The index counts
    from 1."""
    rows: list[tuple[Any, ...]] = []
    for clash in clashes:
        sides = [side or {} for side in (clash.base, clash.mine, clash.theirs)]
        names = [name for name in dict.fromkeys(name for side in sides for name in side) if not name.startswith("_")]
        told = [name for name in names if not (
            same(sides[0].get(name), sides[1].get(name)) and same(sides[0].get(name), sides[2].get(name)))]
        resource = f"{clash.target.domain}:{clash.target.resource}"
        rows += [(resource, clash.target.identifier, clash.kind, name, *(side.get(name) for side in sides))
                 for name in told] or [(resource, clash.target.identifier, clash.kind, None, None, None, None)]
    return log_of(rows, {"resource": str, "identifier": object, "kind": str, "column": str | None, "base": object,
                         "mine": object, "theirs": object},
                  targets=[clash.target for clash in clashes], label=label, missing="None")


def drift_frame(drifts: Sequence[Drift], label: Label | None = None) -> pd.DataFrame:
    """What changed in the database since it was cached, one item a row; ``label`` tells what an item is called where
    the frame is shown.

    Columns: ``resource``, ``identifier``, ``drift`` ("changed", "deleted", "added"), ``columns`` (names of the fields
    that differ), ``cached`` and ``stored`` (dicts of these). The index counts from 1."""
    rows = [(f"{drift.target.domain}:{drift.target.resource}", drift.target.identifier,
             "deleted" if is_deleted(drift.stored) else "added" if drift.cached is None else "changed",
             list(drift.columns), _values(drift, drift.cached), _values(drift, drift.stored)) for drift in drifts]
    return log_of(rows, {"resource": str, "identifier": object, "drift": str, "columns": object, "cached": object,
                         "stored": object},
                  targets=[drift.target for drift in drifts], label=label)


def _values(drift: Drift, item: Any) -> dict[str, Any]:
    return {} if item is None else {name: getattr(item, name, None) for name in drift.columns}
