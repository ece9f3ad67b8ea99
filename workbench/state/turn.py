"""Turn: what moves a session's pointer after waiting - a command, a commit - comes one after the other.

The ``Turns`` of a session say whose turn it is. A command that a handler issues by itself would wait for that very
handler: it is refused instead.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import ContextVar, Token
from typing import TypeAlias

from workbench.errors import LoopError


class Stop:
    """A stop request that any thread may set. It is checked before the pointer moves, because a handler that never
    awaits cannot be cancelled."""

    __slots__ = ("asked",)

    def __init__(self) -> None:
        self.asked = False


STOP: ContextVar[Stop | None] = ContextVar("what would stop the present deed", default=None)
Begun: TypeAlias = "Token[tuple[object, ...]]"
# The turns of those in whose handlers the present code runs; a task that one of them left behind has them still, ended.
_AT_WORK: ContextVar[tuple[object, ...]] = ContextVar("turns at work", default=())


class Turns:
    """One turn after the other, in the order in which they were asked for.

    A turn begins with ``begin``, and where that gives nothing, as it is another's, with ``wait``."""

    __slots__ = ("_now", "_waiting")

    def __init__(self) -> None:
        self._now: object | None = None     # the turn that it is
        self._waiting: deque[asyncio.Future[object]] = deque()

    def locked(self) -> bool:
        """Whether it is somebody's turn."""
        return self._now is not None

    def begin(self, verb: str) -> Begun | None:
        """A turn, to be given to ``end``, if it is nobody's; raises LoopError where it is asked for by who has it."""
        __tracebackhide__ = True
        above = _AT_WORK.get()
        if self._now is None:
            self._now = object()
            return _AT_WORK.set((*above, self._now))
        if self._now in above:
            hint = ("yield an event and let a policy issue the command, so that it belongs to the same step"
                    if verb == "issue" else f"{verb} when the command is done")
            raise LoopError(
                f"a handler called {verb} by itself, which would wait for that very handler; {hint}")
        return None

    async def wait(self) -> Begun:
        """The turn after those that wait already."""
        mine: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            turn = await mine
        except BaseException:
            if not mine.done():
                self._waiting.remove(mine)      # closed while it waited
            elif not mine.cancelled():
                self._pass_on()     # it was given, and cannot be taken
            raise
        return _AT_WORK.set((*_AT_WORK.get(), turn))

    def end(self, begun: Begun) -> None:
        """Has the next one begin."""
        try:    # noqa: SIM105  # suppress takes 0.3 µs of every command
            _AT_WORK.reset(begun)
        except ValueError:      # what had it was closed from elsewhere, as by the garbage collector
            pass
        if self._waiting:
            self._pass_on()
        else:
            self._now = None

    def _pass_on(self) -> None:
        while self._waiting:
            if not (next_one := self._waiting.popleft()).done():
                self._now = object()
                next_one.set_result(self._now)      # nobody comes in between
                return
        self._now = None


class Turn:
    """An asynchronous context: has a turn until it ends."""

    __slots__ = ("_begun", "_turns", "_verb")
    _begun: Begun

    def __init__(self, turns: Turns, verb: str) -> None:
        self._turns, self._verb = turns, verb

    async def __aenter__(self) -> None:
        __tracebackhide__ = True
        self._begun = self._turns.begin(self._verb) or await self._turns.wait()

    async def __aexit__(self, *_: object) -> None:
        self._turns.end(self._begun)
