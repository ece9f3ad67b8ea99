"""Turn: what moves a session's pointer after waiting - a command, a commit - comes one after the other.

A command that a handler issues by itself would wait for that very handler: it is refused instead.
"""

from __future__ import annotations

from asyncio import Lock
from contextvars import ContextVar, Token

from workbench.errors import LoopError

# The locks held by those in whose handlers the present code runs.
_AT_WORK: ContextVar[tuple[Lock, ...]] = ContextVar("turns at work", default=())


class Turn:
    """An asynchronous context: waits for the ``lock``, and has it until it ends.

    Raises LoopError where it is asked for by what has it."""

    __slots__ = ("_lock", "_token", "_verb")
    _token: Token[tuple[Lock, ...]]

    def __init__(self, lock: Lock, verb: str) -> None:
        self._lock, self._verb = lock, verb

    async def __aenter__(self) -> None:
        __tracebackhide__ = True
        above = _AT_WORK.get()
        if self._lock.locked() and self._lock in above:
            hint = ("yield an event and let a policy issue the command, so that it belongs to the same step"
                    if self._verb == "issue" else f"{self._verb} when the command is done")
            raise LoopError(
                f"a handler called {self._verb} by itself, which would wait for that very handler; {hint}")
        await self._lock.acquire()
        self._token = _AT_WORK.set((*above, self._lock))

    async def __aexit__(self, *_: object) -> None:
        _AT_WORK.reset(self._token)
        self._lock.release()
