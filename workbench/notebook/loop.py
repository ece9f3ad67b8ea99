"""Loop: the private event loop of a Bridge, and the life of its thread; Call: one coroutine that runs on it.

Nothing changes for other loops. ``nest_asyncio.apply`` would also replace ``asyncio.run``, ``asyncio.Task`` and the
policy of the whole process, so only its part for a loop is used, on the private loop's own class; with asyncio's C
tasks that works from Python 3.11 to 3.13 (from 3.14 on the current task is kept where it cannot reach).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeAlias, TypeVar

import nest_asyncio

from workbench.state.turn import STOP, Stop

T = TypeVar("T")
Begun: TypeAlias = Callable[["asyncio.Task[Any]"], None]

GRACE = 5.0     # seconds that a cancelled task is given to clean up after itself
TOO_LATE = "It came too late: what was interrupted was done."
UNENDED = "What was interrupted has not ended yet: look at its outcome later."


class Loop(asyncio.SelectorEventLoop):
    """An event loop that knows the calls it runs, and which task stands still for which task inside it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: set[Call[Any]] = set()
        self.nested: dict[asyncio.Task[Any], asyncio.Task[Any]] = {}    # the outer one to the one inside it
        self.ending = asyncio.Event()

    def innermost(self, task: asyncio.Task[Any]) -> asyncio.Task[Any]:
        """The task to cancel: one that stands still awaits nothing, the one inside it does, and passes its end on."""
        while task in self.nested:
            task = self.nested[task]
        return task


class Call(Generic[T]):
    """One coroutine on its way: made by the caller, run as a task of the loop; both sides see ``ended``."""

    def __init__(self, loop: Loop, coroutine: Coroutine[Any, Any, T], begun: Begun | None) -> None:
        self.loop, self.coroutine, self.begun = loop, coroutine, begun
        self.task: asyncio.Task[T] | None = None
        self.ended = False
        self._stop = Stop()
        self.tell: Callable[[], None] | None = None     # called on the loop's thread when it has ended
        # Not a Future: an interrupt inside its locks could leave one locked, and the loop would wait for it for ever.
        self._gate = threading.Lock()
        self._gate.acquire()

    def start(self) -> asyncio.Task[T]:
        """Begins; on the loop's thread, and in the caller's context, which call_soon_threadsafe brings along."""
        self.loop.calls.add(self)
        STOP.set(self._stop)
        self.task = self.loop.create_task(self.coroutine)
        self.task.add_done_callback(self._end)
        if self.begun is not None:
            self.begun(self.task)
        return self.task

    def _end(self, task: asyncio.Task[T]) -> None:
        if not task.cancelled():
            task.exception()        # seen, so that asyncio does not log it when the caller was interrupted
        self.loop.calls.discard(self)
        self.end()

    def end(self) -> None:
        """Lets those who wait go on; on the loop's thread."""
        self.ended = True
        self._gate.release()
        if self.tell is not None:
            self.tell()

    def wait(self, seconds: float) -> bool:
        """Waits for the end, at most so long, on the caller's thread; says whether it has ended."""
        return self.ended or self._gate.acquire(timeout=seconds)

    def cancel(self) -> None:
        """Asks for its cancellation, from any thread; ``ended`` tells when it has ended."""
        self._stop.asked = True
        with contextlib.suppress(RuntimeError):     # the loop is closed: it has ended
            self.loop.call_soon_threadsafe(self._cancel)

    @property
    def late(self) -> str:
        """What to tell whoever wanted it cancelled, if it was not; else an empty text."""
        task = self.task
        if not self.ended:
            return UNENDED
        return TOO_LATE if task is not None and not task.cancelled() and task.exception() is None else ""

    def _cancel(self) -> None:
        if self.task is None:       # interrupted before it was sent
            self.coroutine.close()
            self.end()
        else:
            self.loop.innermost(self.task).cancel()


def cancel(task: asyncio.Task[Any]) -> None:
    """Cancels a task of any loop, from any thread; of a bridge's loop the task inside that it stands still for."""
    loop = task.get_loop()
    for call in tuple(loop.calls) if isinstance(loop, Loop) else ():
        if call.task is task:
            call.cancel()
            return
    loop.call_soon_threadsafe(lambda: (loop.innermost(task) if isinstance(loop, Loop) else task).cancel())


def new_loop() -> Loop:
    """A loop whose class is its own: nest_asyncio patches classes, and no other loop is to notice."""
    loop: Loop = type("WorkbenchLoop", (Loop,), {})()
    nest_asyncio._patch_loop(loop)
    return loop


def live(loop: Loop) -> None:
    """What the thread runs: it serves until the end is asked for, cancels what is left, and closes the loop."""
    life = loop.create_task(_serve(loop))
    life.add_done_callback(lambda _: loop.stop())
    try:
        while not life.done():
            # sys.exit in a handler is raised out of the loop as well as to its caller; the others want to go on
            with contextlib.suppress(SystemExit, KeyboardInterrupt):
                loop.run_forever()
    finally:
        loop.close()
        for call in loop.calls:     # they ignored their cancellation; their callers shall not wait for ever
            call.end()


async def _serve(loop: Loop) -> None:
    await loop.ending.wait()
    tasks = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in tasks - loop.nested.keys():     # those that nest are reached through the task inside
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=GRACE)
    await loop.shutdown_asyncgens()


def leave(loop: Loop, thread: threading.Thread) -> None:
    """Asks a loop to end, and waits for its thread."""
    if not thread.is_alive():       # as in a forked child: there it would disturb the parent's file descriptors
        return
    with contextlib.suppress(RuntimeError):     # the loop closed itself in between
        loop.call_soon_threadsafe(loop.ending.set)
    if threading.current_thread() is not thread:
        thread.join(GRACE + 1)
