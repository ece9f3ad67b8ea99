"""Replay: the logged commands again, on another State; what a rebase does, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from workbench.domain.entity import Command
from workbench.domain.resource import Target
from workbench.errors import DatabaseError, WorkbenchError
from workbench.state.decision import Decision
from workbench.state.planning.change import Change
from workbench.state.planning.plan import Plan
from workbench.state.process import Unit
from workbench.state.state import State
from workbench.state.step import Handling, Step
from workbench.wording import error_words, visible


class Issued(Protocol):
    """A command as it was issued, and can be again: a Step, or a line of a log."""

    @property
    def number(self) -> int: ...
    @property
    def address(self) -> str: ...
    @property
    def command(self) -> Command: ...
    @property
    def on(self) -> Target | None: ...
    @property
    def user(self) -> str | None: ...
    @property
    def cell(self) -> int | None: ...
    @property
    def made(self) -> Sequence[Target]: ...


class Refusal(NamedTuple):
    """A step whose command was refused this time, and by what error."""

    step: Issued
    error: Exception

    def __str__(self) -> str:
        return f"step {self.step.number}, {visible(self.step.address)}: {error_words(self.error)}"


class Rebased(NamedTuple):
    """What a rebase, a pick or a replay came to: the ``plan`` now and the one ``before``, and the commands that were
    ``refused``."""

    plan: Plan
    before: Plan
    refused: tuple[Refusal, ...]
    verb: str = "rebased"

    @property
    def differences(self) -> tuple[list[Change], list[Change]]:
        """The changes of the plan that are others than before, or write over other values, and those of before whose
        items it does not change."""
        old = {change.target: change for change in self.before.changes}
        new = {change.target: change for change in self.plan.changes}
        now = [change for target, change in new.items()
               if target not in old or _told(old[target]) != _told(change)]
        return now, [change for target, change in old.items() if target not in new]

    def __repr__(self) -> str:
        now, no_longer = self.differences
        return "\n".join([
            f"{self.verb}: {self.plan.summary} (before: {self.before.summary})",
            *(f"  now {change!r}" for change in now), *(f"  no longer {change!r}" for change in no_longer),
            *(f"  refused {refusal}" for refusal in self.refused)])


def _told(change: Change) -> tuple[Any, ...]:
    return change.kind, change.old, change.new


async def replay(
    steps: Iterable[Issued], state: State, unit: Callable[[State, Issued], Unit], *, done: set[Handling] | None = None,
) -> tuple[State, list[Refusal]]:
    """Issues the commands of some steps on a State, by the same users, on the same items, in the same order,
    with the same identifiers for what they make. Where the deeds that are ``done`` are given, a step that is not among
    them is the same one again.

    A command that is refused now is told, and the rest goes on. Decisions (resolutions of conflicts, reverts) are left
    out: they spoke of items as they were."""
    refused: list[Refusal] = []
    for step in steps:
        if isinstance(step.command, Decision):
            if step.command.lost:
                refused.append(Refusal(step, WorkbenchError(step.command.lost)))
            continue
        try:
            state, made = await unit(state, step).run(step.command, step.on, cell=step.cell)
            if done is not None and isinstance(step, Step) and not step.deeds <= done:
                made.doing(step.deeds)
                done |= step.deeds
        except DatabaseError:
            raise       # it says nothing about the command; the pending steps stay as they are
        except Exception as error:
            refused.append(Refusal(step, error))
    return state, refused
