"""RefusedCommand: what was issued and refused. It left no trace in the State; the log remembers it beside the steps."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from workbench.domain.entity import Command
from workbench.domain.resource import Resource, Target
from workbench.errors import NotFound, UnknownName, WorkbenchError
from workbench.state.process import Unit
from workbench.state.state import State
from workbench.state.step import Handling
from workbench.wording import visible


class RefusedCommand(NamedTuple):
    """Who tried what when (``at`` is aware, UTC), on which ``branch`` behind which step (``after`` is its number), and
    the class (``kind``) and words (``message``) of what was raised. ``on`` is what the caller named; ``address`` names
    the command. ``behind`` is the handling of that step (None: there was none), by which it is known again, and
    ``seen`` are the stored items that the command read. The error itself is not kept: it would keep the frames that it
    passed alive."""

    command: Command
    on: object
    address: str
    at: datetime
    user: str | None
    cell: int | None
    branch: str
    after: int
    kind: type[Exception]
    message: str
    behind: Handling | None = None
    seen: Mapping[Target, Resource] = MappingProxyType({})

    @property
    def error(self) -> str:
        """The name of the error's class."""
        return self.kind.__name__

    def __str__(self) -> str:
        return f"{visible(self.address)} after step {self.after}: {self.error}: {self.message}"


def refusal_of(
    command: Command, on: Any, unit: Unit, error: Exception, *, cell: int | None, branch: str, state: State,
) -> RefusedCommand:
    """The refusal of a command that a unit ran, behind the step that led to a State of a branch.

    Where the command found nothing because it was on nothing, the error says so from now on."""
    if isinstance(error, NotFound) and on is None and command._target is None and error.target in unit.made[:1]:
        error.meant_new(type(command).__name__)
    address = type(command).__name__
    with suppress(UnknownName):
        known = unit.registry.known(type(command))
        address = f"{known.domain}:{known.key}"
    if on is not None and not isinstance(on, str | type):
        with suppress(WorkbenchError):
            on = unit.registry.target(on)       # a step would be kept alive, with all its line
    return RefusedCommand(
        command, on, address, unit.now, unit.user, cell, branch, state.number, type(error), str(error),
        behind=None if state.step is None else state.step.handling, seen=unit.seen)
