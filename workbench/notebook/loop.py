"""The bridge between cells, which do not await, and the async session.

    cell, widget callback, script, any thread          the thread "workbench-loop"
    bridge.run(session.issue(...))  ──── a _Call ───▶  a task on a private event loop
    await bridge.aio(...)           ◀─── its end ────  (run from in there nests)

A `Bridge` owns one event loop on one daemon thread; a `_Call` is one coroutine on its way there and back. The kernel's
own loop is left alone: patching it makes ipykernel 7 lose cells under "Run All", and JupyterLab runs widget callbacks
in subshells, which are threads with loops of their own. A connection pool belongs to one loop: here always to this one.

Nothing changes for other loops. `nest_asyncio.apply` would also replace `asyncio.run`, `asyncio.Task` and the policy of
the whole process, so only its part for a loop is used, on the private loop's own class; with asyncio's C tasks that
works from Python 3.11 to 3.13 (from 3.14 on the current task is kept where it cannot reach).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any, Generic, TypeAlias, TypeVar

import nest_asyncio

from workbench.errors import LoopError
from workbench.state.turn import STOP, Stop

T = TypeVar("T")
Begun: TypeAlias = Callable[["asyncio.Task[Any]"], None]

GRACE = 5.0     # seconds that a cancelled task is given to clean up after itself
TOO_LATE = "It came too late: what was interrupted was done."
UNENDED = "What was interrupted has not ended yet: look at its outcome later."
# Seconds that a caller waits at a time: an interrupt that comes just before it falls asleep (on Windows, any) is heard
# when it wakes.
SLICE = 0.1


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that knows the calls it runs, and which task stands still inside which."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: set[_Call[Any]] = set()
        self.nested: dict[asyncio.Task[Any], asyncio.Task[Any]] = {}    # the outer one to the one inside it
        self.ending = asyncio.Event()

    def innermost(self, task: asyncio.Task[Any]) -> asyncio.Task[Any]:
        """The one to cancel: a task that nests is at no await; the one inside is, and its end comes out through it."""
        while task in self.nested:
            task = self.nested[task]
        return task


class _Call(Generic[T]):
    """One coroutine: made on the caller's side, a task on the loop's, `ended` seen from both."""

    def __init__(self, loop: _Loop, coroutine: Coroutine[Any, Any, T], begun: Begun | None = None) -> None:
        self.loop, self.coroutine, self.begun = loop, coroutine, begun
        self.task: asyncio.Task[T] | None = None
        self.ended = False
        self._stop = Stop()
        self.tell: Callable[[], None] | None = None     # called on the loop's thread when it has ended
        # Not a Future: an interrupt inside its locks could leave one locked, and the loop would wait for it for ever.
        self._gate = threading.Lock()
        self._gate.acquire()

    def start(self) -> asyncio.Task[T]:
        """On the loop's thread, in the caller's context (call_soon_threadsafe brings it along): begin."""
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
        """On the loop's thread: lets those who wait go on."""
        self.ended = True
        self._gate.release()
        if self.tell is not None:
            self.tell()

    def wait(self, seconds: float) -> bool:
        """On the caller's thread: waits for the end, at most so long; says whether it has ended."""
        return self.ended or self._gate.acquire(timeout=seconds)

    def cancel(self) -> None:
        """From any thread: have it cancelled; `ended` tells when it was."""
        self._stop.asked = True
        with contextlib.suppress(RuntimeError):     # the loop is closed: it has ended
            self.loop.call_soon_threadsafe(self._cancel)

    @property
    def late(self) -> str:
        """What to say to who wanted it cancelled, where it was not."""
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


class Bridge:
    """A private event loop on a daemon thread; `run` calls a coroutine from any thread and waits for its result.

    The coroutine sees the caller's context variables; what it sets in them stays inside. The caller's own loop, if it
    has one, stands still during `run`; `await bridge.aio(...)` lets it go on. Calls that nest end in the reverse order
    of their beginning. Close it, drop it or leave the interpreter: what still runs is cancelled, the thread ends."""

    def __init__(self) -> None:
        self._loop = _new_loop()
        self._thread = threading.Thread(target=_live, args=(self._loop,), name="workbench-loop", daemon=True)
        self._lock = threading.Lock()       # nothing is sent after the end was
        self._pid = os.getpid()
        # Neither the thread nor the finalizer holds the bridge, so that a dropped one is collected. At exit, finalizers
        # run after the atexit hooks registered later: a pool made with this bridge can still be closed through it.
        self._finalizer = weakref.finalize(self, _leave, self._loop, self._thread)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether it was closed: then nothing can be run any more."""
        return not self._finalizer.alive

    @property
    def on_loop(self) -> bool:
        """Whether the caller is on the bridge's own thread."""
        return threading.get_ident() == self._thread.ident and os.getpid() == self._pid and self._thread.is_alive()

    def run(
        self, coroutine: Coroutine[Any, Any, T], *, begun: Begun | None = None, within: float | None = None,
    ) -> T:
        """The coroutine's result, or the very exception it raised; blocks until then.

        ``begun`` is called with its task, on the loop's thread, in the caller's context.

        On KeyboardInterrupt, or whatever else ends the wait, the task is cancelled, given 5 seconds to clean up, and
        the interrupt goes on, with a note where the task ended well all the same, or has not ended. Raises TimeoutError
        where it takes longer than ``within`` seconds, and LoopError when the bridge is closed, after a fork, for
        anything but a coroutine.

            bridge.run(session.commit())
        """
        __tracebackhide__ = True    # IPython and pytest leave out such frames
        call = self._call(coroutine, begun)
        if self.on_loop:
            self._nest(call)
        else:
            try:
                self._send(call)
                end = None if within is None else monotonic() + within
                while not call.wait(SLICE):
                    if end is not None and monotonic() > end:
                        raise TimeoutError
            except LoopError:
                raise
            except BaseException as interrupt:
                call.cancel()
                call.wait(GRACE)
                if late := call.late:
                    interrupt.add_note(late)
                raise interrupt.with_traceback(None) from None      # not the inside of a lock, but who called
        return self._result(call)

    async def aio(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """`run` for those who await, from any asyncio loop; that loop goes on meanwhile.

        Cancelling the awaiting task cancels the coroutine and waits up to 5 seconds for it. Raises as `run` does."""
        __tracebackhide__ = True
        call = self._call(coroutine)
        ended = asyncio.Event()
        call.tell = functools.partial(_wake, asyncio.get_running_loop(), ended)
        self._send(call)
        try:
            await ended.wait()
        except GeneratorExit:       # dropped: there is no awaiting any more
            call.cancel()
            raise
        except asyncio.CancelledError:
            call.cancel()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), GRACE)
            raise
        return self._result(call)

    def close(self) -> None:
        """Cancels what runs and ends the thread; waits for it, unless called from it. A second time does nothing."""
        with self._lock:
            finalizer = self._finalizer.detach()
        if finalizer:
            _leave(self._loop, self._thread)

    def _call(self, coroutine: Coroutine[Any, Any, T], begun: Begun | None = None) -> _Call[T]:
        __tracebackhide__ = True
        if not asyncio.iscoroutine(coroutine):
            name = getattr(coroutine, "__name__", "…")
            hint = f"call it: {name}(...)" if callable(coroutine) else "wrap what can be awaited in an `async def`"
            raise LoopError(f"the bridge runs coroutines; it was given {coroutine!r} "
                            f"({type(coroutine).__name__}); {hint}")
        reason = (
            "the bridge was made before a fork, and its thread is not in this process; make a new one here"
            if os.getpid() != self._pid else "the bridge is closed; make a new one" if self.closed else ""
        )
        if reason:
            coroutine.close()       # or Python warns that it was never awaited
            raise LoopError(reason)
        return _Call(self._loop, coroutine, begun)

    def _send(self, call: _Call[T]) -> None:
        __tracebackhide__ = True
        with self._lock:
            if not self.closed:
                self._loop.call_soon_threadsafe(call.start)
                return
        call.coroutine.close()
        raise LoopError("the bridge is closed; make a new one")

    def _nest(self, call: _Call[T]) -> None:
        """Runs the loop from inside a callback of its own until the call has ended."""
        outer, task = asyncio.current_task(), call.start()
        gate = self._loop.create_future()       # waiting for the task itself would put the loop into its traceback
        task.add_done_callback(lambda _: gate.set_result(None))
        if outer is not None:
            self._loop.nested[outer] = task
        try:
            while not gate.done():
                with contextlib.suppress(SystemExit, KeyboardInterrupt):    # raised by a task, and its caller's to have
                    self._loop.run_until_complete(gate)
        finally:
            if outer is not None:
                del self._loop.nested[outer]

    def _result(self, call: _Call[T]) -> T:
        __tracebackhide__ = True
        task, call.task = call.task, None
        if task is None or not task.done() or task.cancelled():
            if self.closed:
                raise LoopError("the bridge was closed while this ran: it was cancelled")
            raise asyncio.CancelledError
        error = task.exception()
        if error is None:
            return task.result()
        try:
            raise error
        finally:
            del error, task         # a traceback holds its frames: else the exception would hold itself

    def __repr__(self) -> str:
        return f"<Bridge {'closed' if self.closed else 'open'}>"


def cancel(task: asyncio.Task[Any]) -> None:
    """Cancels a task of any loop, from any thread; of a bridge's loop, the one inside that it stands still for."""
    loop = task.get_loop()
    for call in tuple(loop.calls) if isinstance(loop, _Loop) else ():
        if call.task is task:
            call.cancel()
            return
    loop.call_soon_threadsafe(lambda: (loop.innermost(task) if isinstance(loop, _Loop) else task).cancel())


def _wake(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """From any thread: sets an event of that loop, if it still runs."""
    with contextlib.suppress(RuntimeError):     # closed: nobody waits there any more
        loop.call_soon_threadsafe(ended.set)


def _new_loop() -> _Loop:
    """A loop whose class is its own: nest_asyncio patches classes, and no other loop is to notice."""
    loop: _Loop = type("WorkbenchLoop", (_Loop,), {})()
    nest_asyncio._patch_loop(loop)
    return loop


def _live(loop: _Loop) -> None:
    """The thread: serve until the end is asked for, cancel what is left, close the loop."""
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


async def _serve(loop: _Loop) -> None:
    await loop.ending.wait()
    tasks = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in tasks - loop.nested.keys():     # those that nest are reached through the task inside
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=GRACE)
    await loop.shutdown_asyncgens()


def _leave(loop: _Loop, thread: threading.Thread) -> None:
    """Asks for the end and waits for it."""
    if not thread.is_alive():       # as in a forked child: there it would disturb the parent's file descriptors
        return
    with contextlib.suppress(RuntimeError):     # the loop closed itself in between
        loop.call_soon_threadsafe(loop.ending.set)
    if threading.current_thread() is not thread:
        thread.join(GRACE + 1)
