"""RefusedCommand: what was issued and refused. It left no trace in the State; the log remembers it beside the steps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from workbench.domain.entity import Command
from workbench.domain.resource import Resource, Target
from workbench.state.step import Handling


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
        return f"{self.address} after step {self.after}: {self.error}: {self.message}"
