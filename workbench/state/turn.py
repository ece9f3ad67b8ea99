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

Begun: TypeAlias = "Token[tuple[Turns, ...]]"
# The turns had by those in whose handlers the present code runs.
_AT_WORK: ContextVar[tuple[Turns, ...]] = ContextVar("turns at work", default=())


class Turns:
    """One turn after the other, in the order in which they were asked for.

    A turn begins with ``begin``, and where that gives nothing, as it is another's, with ``wait``."""

    __slots__ = ("_alone", "_held", "_waiting")

    def __init__(self) -> None:
        self._held, self._alone = False, (self,)
        self._waiting: deque[asyncio.Future[None]] = deque()

    def locked(self) -> bool:
        """Whether it is somebody's turn."""
        return self._held

    def begin(self, verb: str) -> Begun | None:
        """A turn, to be given to ``end``, if it is nobody's; raises LoopError where it is asked for by who has it."""
        __tracebackhide__ = True
        above = _AT_WORK.get()
        if not self._held:
            self._held = True
            return _AT_WORK.set((*above, self) if above else self._alone)
        if self in above:
            hint = ("yield an event and let a policy issue the command, so that it belongs to the same step"
                    if verb == "issue" else f"{verb} when the command is done")
            raise LoopError(
                f"a handler called {verb} by itself, which would wait for that very handler; {hint}")
        return None

    async def wait(self) -> Begun:
        """The turn after those that wait already."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            await mine
        except BaseException:
            if mine.done() and not mine.cancelled():
                self._pass_on()     # it was given, and cannot be taken
            raise
        return _AT_WORK.set((*_AT_WORK.get(), self))

    def end(self, begun: Begun) -> None:
        """Has the next one begin."""
        _AT_WORK.reset(begun)
        if self._waiting:
            self._pass_on()
        else:
            self._held = False

    def _pass_on(self) -> None:
        while self._waiting:
            if not (next_one := self._waiting.popleft()).done():
                next_one.set_result(None)       # it stays held: nobody comes in between
                return
        self._held = False


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
