"""Violation: one thing that keeps a plan from being committed, led back to the steps that caused it; and Checked, all
of them with when and how it was tried. Values only; check.py and reads.py find them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from workbench.domain.entity import Command, Event
from workbench.domain.resource import Target
from workbench.state.planning.change import Change
from workbench.state.planning.plan import Plan
from workbench.state.step import Step
from workbench.wording import counted, listed, visible


class Cause(NamedTuple):
    """One mutation of an item, or one look at it: in which step and cell, by which command and event.

    ``fields`` are those that the mutation set; ``event`` is None where the item was only read."""

    step: int
    cell: int | None
    command: Command
    event: Event | None
    fields: frozenset[str] = frozenset()


class Violation(NamedTuple):
    """``kind`` is "unique", "foreign key", "check", "not null" or "exclusion" (the ``constraint`` names which);
    "stale" for an item that another one wrote since, "read" for one that the steps only read; "timeout", "deadlock";
    "applied" for a saved plan that was written already; or "refused", for all else that the server or a trigger said no
    to.

    ``target`` is None where no single item is to blame. ``columns`` are those of the constraint, ``values`` what the
    plan puts there (the etag stored now, where the kind is "stale" or "read"); ``detail`` is the reason in words."""

    kind: str
    constraint: str
    target: Target | None
    columns: tuple[str, ...]
    values: Mapping[str, Any]
    detail: str
    causes: tuple[Cause, ...] = ()

    @property
    def cause(self) -> Cause | None:
        """The last cause that set one of the columns; the last of all where none did."""
        touching = [cause for cause in self.causes if cause.fields & set(self.columns)]
        return (touching or self.causes or (None,))[-1]

    @property
    def steps(self) -> tuple[int, ...]:
        """The numbers of the steps that caused it, ascending."""
        return tuple(sorted({cause.step for cause in self.causes}))

    @property
    def events(self) -> tuple[Event, ...]:
        return tuple(cause.event for cause in self.causes if cause.event is not None)

    @property
    def commands(self) -> tuple[Command, ...]:
        return tuple(cause.command for cause in self.causes)

    @property
    def cells(self) -> tuple[int, ...]:
        """The numbers of the notebook's cells, ascending."""
        return tuple(sorted({cause.cell for cause in self.causes if cause.cell is not None}))

    def __str__(self) -> str:
        name = f'{self.kind} "{self.constraint}"' if self.constraint else self.kind
        place = f" {visible(str(self.target))}" if self.target is not None else ""
        line = f"{name}:{place}{':' if place else ''} {self.detail}"
        cause = self.cause
        if cause is None:
            return line
        by = type(cause.command).__name__ + (f", {type(cause.event).__name__}" if cause.event is not None else "")
        return f"{line} (step {cause.step}, {by}{f', cell {cause.cell}' if cause.cell is not None else ''})"


class Checked(NamedTuple):
    """What a trial of a plan found: ``violations``, all of them; empty when it could be committed ``at`` that time.

    ``statements`` were run in ``duration`` seconds and rolled back. ``caveats`` says what the trial cannot promise,
    ``besides`` what a commit does beside what the plan says, where nothing is in its way: rows that go along, values
    that are stored otherwise."""

    violations: tuple[Violation, ...]
    statements: int
    at: datetime
    duration: float
    caveats: str
    besides: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.violations

    @property
    def headline(self) -> str:
        """Whether a commit would do, or how much is in its way, in a line."""
        tried = f"{counted(self.statements, 'statement')} tried and rolled back"
        told = "nothing is in the way of a commit" if self.ok else counted(len(self.violations), "violation")
        return f"check: {told} ({tried})"

    def __repr__(self) -> str:
        return listed(self.headline, self.besides if self.ok else self.violations)


def causes_of(change: Change, plan: Plan) -> tuple[Cause, ...]:
    """What led to a change, the first mutation first."""
    steps = {step.number: step for step in plan.steps}
    return tuple(
        Cause(entry.step, steps[entry.step].cell, _command(steps[entry.step], entry.event), entry.event,
              frozenset(entry.mutation.values))
        for entry in change.entry.causes() if entry.step in steps)


def readers_of(target: Target, plan: Plan) -> tuple[Cause, ...]:
    """The steps that read an item."""
    return tuple(Cause(step.number, step.cell, step.command, None) for step in plan.steps if target in step.reads)


def _command(step: Step, event: Event) -> Command:
    """The command whose handler made an event: a policy's, or the step's own."""
    return next(_makers(step, event), step.command)


def _makers(step: Step, event: Event) -> Iterator[Command]:
    for handling in step.handling.walk():
        if any(occurrence.event is event for occurrence in handling.occurrences):
            yield handling.command
