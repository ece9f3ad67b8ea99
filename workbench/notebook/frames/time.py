"""Frames of time: the steps and events of a branch, the commits, the branches, and in what two of them differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workbench.domain.datadef import MISSING, values_of
from workbench.domain.resource import Target
from workbench.notebook.frames.state import Label, frame_of, log_of
from workbench.postgres.writing.commit import Commit
from workbench.state.history.branch import Branch
from workbench.state.history.comparison import Comparison
from workbench.state.refused import RefusedCommand
from workbench.state.step import Step

if TYPE_CHECKING:
    import pandas as pd

_DOUBTED = 10   # commits, of which it may be thought that they are all
_OLDER = ("These are the commits of this session; of others there is no log. The table workbench_receipt tells which "
          "saved plans were written, when and by whom; an item when it was last changed (_updated; by whom, where its "
          "resource declares _updater).")


def steps_frame(
    branch: Branch, refusals: Iterable[RefusedCommand] = (), label: Label | None = None,
) -> pd.DataFrame:
    """The steps of a branch, one a row: the committed, the pending and the undone ones; and each command that was
    refused on this branch, after the step that it followed. ``label`` tells what an item is called where it is shown.

    The index is the step's ``number`` (``Int64``; missing for a refused command). Columns: ``at``, ``user``, ``cell``,
    ``command``, ``target`` (text, or missing), ``events`` (their names), ``mutations`` and ``items`` (how many),
    ``response`` (what the response handler made of it), ``refusal`` (its words, or missing), ``state`` ("committed",
    "pending", "undone", "refused"), ``here`` (True for the step where we are)."""
    refused: dict[int, list[RefusedCommand]] = {}
    for refusal in refusals:
        if refusal.branch == branch.name:
            refused.setdefault(refusal.after, []).append(refusal)
    here, left = branch.line
    present, undone = here.steps(), [state.step for state in left if state.step is not None]
    states = {**dict.fromkeys(here.pending(), "pending"), **dict.fromkeys(undone, "undone")}
    numbers: list[int | None] = []
    rows: list[tuple[Any, ...]] = []
    targets: dict[Target, None] = {}

    def text(on: object) -> str | None:
        if isinstance(on, Target):
            targets[on] = None
        return None if on is None else str(on)

    def tell_refused(number: int) -> None:
        for one in refused.pop(number, ()):
            numbers.append(None)
            rows.append((one.at, one.user, one.cell, type(one.command).__name__, text(one.on), [], 0, 0, None,
                         f"{one.error}: {one.message}", "refused", False))

    tell_refused(0)
    for step in [*present, *undone]:
        numbers.append(step.number)
        rows.append((step.at, step.user, step.cell, type(step.command).__name__,
                     text(step.handling.target), [type(event).__name__ for event in step.events],
                     len(step.mutations), len(step.touched), step.output, None, states.get(step, "committed"),
                     bool(present) and step is present[-1]))
        tell_refused(step.number)
    return log_of(rows, {
        "at": datetime, "user": str | None, "cell": int | None, "command": str, "target": str | None,
        "events": object, "mutations": int, "items": int, "response": object, "refusal": str | None, "state": str,
        "here": bool}, index=("number", numbers, int | None), targets=targets, label=label)


def events_frame(steps: Iterable[Step], label: Label | None = None) -> pd.DataFrame:
    """The events of some steps, one a row, in the order in which they happened; ``label`` tells what an item is called
    where the frame is shown.

    Columns: ``event``, ``target`` (text, or missing), ``values`` (a dict), ``mutations`` (how many), ``command``,
    ``policy`` (that issued it, or missing), ``step``, ``user``, ``at``. The index counts from 1."""
    steps = list(steps)
    targets = {event._target for step in steps for event in step.events if event._target is not None}
    rows = [(type(event).__name__, None if event._target is None else str(event._target), values_of(event),
             len(occurrence.mutations), type(handling.command).__name__, handling.policy, step.number, step.user,
             step.at)
            for step in steps for handling in step.handling.walk()
            for occurrence in handling.occurrences for event in [occurrence.event]]
    return log_of(rows, {"event": str, "target": str | None, "values": object, "mutations": int, "command": str,
                         "policy": str | None, "step": int, "user": str | None, "at": datetime},
                  targets=targets, label=label)


def history_frame(commits: Sequence[Commit]) -> pd.DataFrame:
    """The commits of a session, one a row; the index is their ``number``, from 1, as ``revert`` takes it. While they
    are few, it is said below where others are told of.

    Columns: ``at``, ``user``, ``added``, ``changed``, ``deleted`` (items), ``statements`` (0: it was written already),
    ``attempts``, ``steps`` (numbers), ``nonce`` (of the saved plan, where it was one)."""
    rows = [(done.at, done.user, *done.plan.counts.values(), done.statements, done.attempts,
             [step.number for step in done.plan.steps], done.nonce) for done in commits]
    frame = log_of(rows, {"at": datetime, "user": str | None, "added": int, "changed": int, "deleted": int,
                          "statements": int, "attempts": int, "steps": object, "nonce": str | None},
                   note=_OLDER if len(rows) < _DOUBTED else "")
    frame.index.name = "number"
    return frame


def branches_frame(branches: Iterable[Branch], here: Branch) -> pd.DataFrame:
    """The branches, one a row, ``main`` first; the index is their ``name``.

    Columns: ``here`` (bool), ``named`` (False for what an issue after an undo left behind), ``forked_from`` (a name, or
    missing), ``steps`` (its own), ``pending`` (steps), ``undone`` (steps), ``items`` (that are changed)."""
    branches = list(branches)
    rows = [(branch is here, branch.named, branch.forked_from, len(branch.steps()), len(branch.state.pending()),
             len(branch.undone), len(branch.state.changed)) for branch in branches]
    return log_of(rows, {"here": bool, "named": bool, "forked_from": str | None, "steps": int, "pending": int,
                         "undone": int, "items": int}, index=("name", [branch.name for branch in branches], str))


def comparison_frame(comparison: Comparison) -> pd.DataFrame:
    """What differs, one column of an item a row; the names of the sides are in ``frame.attrs``.

    Columns: ``change`` ("insert": only on the right, "delete": only on the left, "update"), ``resource``,
    ``identifier``, ``column``, ``base``, ``left``, ``right`` (None where there is no such item). The index counts
    from 1."""
    rows = [(one.kind, f"{one.target.domain}:{one.target.resource}", one.target.identifier, column,
             *(None if value is MISSING else value for value in one.sides(column)))
            for one in comparison for column in one.columns]
    frame = frame_of(rows, {"change": str, "resource": str, "identifier": object, "column": str, "base": object,
                            "left": object, "right": object})
    frame.attrs.update(left=comparison.left, right=comparison.right)
    return frame
