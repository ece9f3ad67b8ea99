"""Decision: what was decided about items as they were at one moment, as a command that no handler has.

The step of a resolution, a merge or a revert is told, undone and committed like any other. It is not issued again:
what it was about is another thing by then.
"""

from __future__ import annotations

from typing import ClassVar

from workbench.domain.datadef import field
from workbench.domain.entity import Command, Event


class Decision(Command):
    """The base of these commands; it belongs to no domain.

    A rebase leaves it out, and says so where ``lost`` has the words."""

    lost: ClassVar[str] = ""


class ResolveConflict(Decision):
    """The decision of a conflict; its step has a ConflictResolved for each item."""

    way = field(str)


class ConflictResolved(Event):
    """What a resolution did to one item."""

    way = field(str)


class RevertCommit(Decision):
    """The command of the step that a revert is; ``number`` counts the commits of the session from 1."""

    lost: ClassVar[str] = "a revert speaks of items as they were, and is not issued again; call revert() anew"
    number = field(int)


class CommitReverted(Event):
    """What a revert does to one item."""

    number = field(int)
