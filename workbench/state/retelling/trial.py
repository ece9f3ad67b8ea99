"""Trial: domains tried in memory, on given items, with a clock and identifiers that are the same each time.

A ``Place`` is a point that a trial has reached. Commands can be issued from any such point, and come to the same
whatever else was issued from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from workbench.domain.entity import Command
from workbench.domain.registry import Registry
from workbench.domain.resource import Resource, Target
from workbench.state.manager import StateManager
from workbench.state.reader import MemoryReader
from workbench.state.state import State
from workbench.state.step import Step

T = TypeVar("T")
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


class Place(NamedTuple):
    """A point that a trial has reached: its State, and how often the clock was asked and identifiers were made."""

    state: State
    ticks: int
    made: int


class Trial:
    """A StateManager in memory. Its clock starts in 2000 and goes on by a second each time it is asked; its identifiers
    are UUID(int=1), UUID(int=2) … A ``clock`` and ``identifiers`` that are given do not go back to an earlier place."""

    def __init__(
        self, registry: Registry, stored: Mapping[Target, Resource], *, user: str | None = None,
        clock: Callable[[], datetime] | None = None, identifiers: Callable[[], UUID] | None = None,
    ) -> None:
        self._ticks = self._made = 0
        self._user, self._clock = user, clock
        self._at: datetime | None = None       # the moment of the command at work, where it has one of its own
        self.reader = MemoryReader(stored)
        self.manager = StateManager(
            registry, self.reader, user=user, clock=self._now, identifiers=identifiers or self._identifier)

    def _now(self) -> datetime:
        if self._at is not None:
            return self._at
        if self._clock is not None:
            return self._clock()
        self._ticks += 1
        return BEGINNING + timedelta(seconds=self._ticks - 1)

    def _identifier(self) -> UUID:
        self._made += 1
        return UUID(int=self._made)

    @property
    def place(self) -> Place:
        """The point where the trial is now."""
        return Place(self.manager.state, self._ticks, self._made)

    async def issue(
        self, place: Place, command: Command, *, on: Any = None, made: Sequence[Target] = (), user: str | None = None,
        at: datetime | None = None,
    ) -> Step:
        """Goes to a place and issues a command there, by ``user`` and at the moment ``at`` where these are given.

        Raises what StateManager.issue raises."""
        __tracebackhide__ = True
        self.manager.history.move(place.state)
        self._ticks, self._made = place.ticks, place.made
        self.manager.user, self._at = self._user if user is None else user, at
        try:
            return await self.manager.issue(command, on=on, made=made)
        finally:
            self.manager.user, self._at = self._user, None


def to_its_end(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on a loop in a thread of its own, so that it also works in a cell and in an async test."""
    __tracebackhide__ = True
    with ThreadPoolExecutor(1, "trial") as executor:
        return executor.submit(asyncio.run, coroutine).result()
