"""Bridge: the way from cells, which do not await, to the async session and back.

    cell, widget callback, script, any thread          the thread "workbench-loop"
    bridge.run(session.issue(...))  ──── a Call ────▶  a task on a private event loop
    await bridge.aio(...)           ◀─── its end ────  (run from in there nests)

A ``Bridge`` owns one ``Loop`` on one daemon thread; a ``Call`` is one coroutine on its way there and back. The kernel's
own loop is left alone: patching it makes ipykernel 7 lose cells under "Run All", and JupyterLab runs widget callbacks
in subshells, which are threads with loops of their own. A connection pool belongs to one loop: here always to this one.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import threading
import weakref
from collections.abc import Coroutine
from time import monotonic
from typing import Any, TypeVar

from workbench.errors import LoopError
from workbench.notebook.loop import GRACE, Begun, Call, leave, live, new_loop

T = TypeVar("T")

# Seconds that a caller waits at a time: an interrupt that comes just before it falls asleep (on Windows, any) is heard
# when it wakes.
SLICE = 0.1


class Bridge:
    """A private event loop on a daemon thread; ``run`` calls a coroutine from any thread and waits for its result.

    The coroutine sees the caller's context variables; what it sets in them stays inside. The caller's own loop, if it
    has one, stands still during ``run``; ``await bridge.aio(...)`` lets it go on. A call from within a coroutine of the
    bridge ends before that coroutine does. When the bridge is closed or dropped, or the interpreter ends, what still
    runs is cancelled and the thread ends."""

    def __init__(self) -> None:
        self._loop = new_loop()
        self._thread = threading.Thread(target=live, args=(self._loop,), name="workbench-loop", daemon=True)
        self._lock = threading.Lock()       # nothing is sent after the end was
        self._pid = os.getpid()
        # Neither the thread nor the finalizer holds the bridge, so that a dropped one is collected. At exit, finalizers
        # run after the atexit hooks registered later: a pool made with this bridge can still be closed through it.
        self._finalizer = weakref.finalize(self, leave, self._loop, self._thread)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether it was closed: then nothing can be run any more."""
        return not self._finalizer.alive

    @property
    def on_loop(self) -> bool:
        """Whether the caller is on the bridge's own thread."""
        return threading.get_ident() == self._thread.ident and os.getpid() == self._pid and self._thread.is_alive()

    @property
    def at_work(self) -> bool:
        """Whether a call is under way; asked on the bridge's own thread."""
        return bool(self._loop.calls)

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
        """``run`` for those who await, from any asyncio loop; that loop goes on meanwhile.

        Cancelling the awaiting task cancels the coroutine and waits up to 5 seconds for it. Raises as ``run`` does."""
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
            leave(self._loop, self._thread)

    def _call(self, coroutine: Coroutine[Any, Any, T], begun: Begun | None = None) -> Call[T]:
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
        return Call(self._loop, coroutine, begun)

    def _send(self, call: Call[T]) -> None:
        __tracebackhide__ = True
        with self._lock:
            if not self.closed:
                self._loop.call_soon_threadsafe(call.start)
                return
        call.coroutine.close()
        raise LoopError("the bridge is closed; make a new one")

    def _nest(self, call: Call[T]) -> None:
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

    def _result(self, call: Call[T]) -> T:
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


def _wake(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """Sets an event of a loop, if that still runs; from any thread."""
    with contextlib.suppress(RuntimeError):     # closed: nobody waits there any more
        loop.call_soon_threadsafe(ended.set)
