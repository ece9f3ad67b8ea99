"""Blame: the items that broke a constraint at a commit, or that a Conflict is on, by what they are called; the former
with the steps behind them."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.errors import Conflict, ConstraintViolated
from workbench.notebook.html.called import Called
from workbench.notebook.labels import named
from workbench.state.planning.plan import Plan

BLAMED = 5      # items that are told; the check, or wb.conflict, tells all


def blame(broken: ConstraintViolated, plan: Plan, called: Called) -> Iterator[str]:
    """A line for each item of the plan that was to be written, ``member Bob · 603dae8a: step 3 Join (cell 2)``, and
    where more is told."""
    steps = {step.number: step for step in plan.steps}
    changes = {change.target: change for change in plan.changes}
    if not changes or (broken.targets and changes.keys().isdisjoint(broken.targets)):
        return
    for target in broken.targets[:BLAMED]:
        if target in changes:
            behind = []
            for number in changes[target].steps:
                if (step := steps.get(number)) is not None:
                    where = "" if step.cell is None else f" (cell {step.cell})"
                    behind.append(f"step {number} {type(step.command).__name__}{where}")
            name = named(called.label(target), target.identifier)
            yield f"{target.resource} {name}: {', '.join(behind[:BLAMED])}{' …' if len(behind) > BLAMED else ''}"
    yield "wb.plan().check() tells all that is in the way, with the values"


def named_in(conflict: Conflict, called: Called) -> Iterator[str]:
    """The items of a Conflict that are called anything, in a line: ``these are account Ada · 603dae8a, …``."""
    clashes = conflict.items[:BLAMED]
    names = [f"{clash.target.resource} {named(label, clash.target.identifier)}" for clash in clashes
             if (label := called.label(clash.target))]
    if names:
        more = " …; wb.conflict has them all" if len(conflict.items) > BLAMED else ""
        yield f"{'this is' if len(conflict.items) == 1 else 'these are'} {', '.join(names)}{more}"
