"""How calls through the bridge end before their time: interrupts, cancelled awaits, closing."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import signal
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

from workbench.errors import LoopError
from workbench.notebook import bridge as bridge_module
from workbench.notebook import loop as loop_module
from workbench.notebook.bridge import Bridge


async def add(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


class Long:
    """A coroutine that ends only when it is cancelled, and tells how far it came."""

    def __init__(self) -> None:
        self.begun, self.cancelled = threading.Event(), threading.Event()

    async def __call__(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)      # cleaning up may await
            self.cancelled.set()
            raise


async def interrupting(long: Long) -> None:
    """Sends SIGINT to the main thread as soon as the waiting is on, then waits itself."""
    asyncio.get_running_loop().call_later(0.05, signal.pthread_kill, threading.main_thread().ident, signal.SIGINT)
    await long()


def give(grace: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has what is cancelled be given so many seconds to clean up."""
    for module in (bridge_module, loop_module):
        monkeypatch.setattr(module, "GRACE", grace)


# ── interrupts ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_interrupt_cancels_the_task(bridge: Bridge) -> None:
    """KeyboardInterrupt ends the wait with the coroutine cancelled and cleaned up, again and again."""
    for _ in range(4):
        long = Long()
        with pytest.raises(KeyboardInterrupt) as caught:
            bridge.run(interrupting(long))
        assert long.cancelled.is_set()
        seen = traceback.extract_tb(caught.value.__traceback__)
        assert {frame.filename for frame in seen} == {__file__, bridge_module.__file__}
        assert bridge.run(add(1, 1)) == 2


def test_an_interrupt_that_wakes_nobody(bridge: Bridge) -> None:
    """KeyboardInterrupt ends the wait even if its signal came before the caller fell asleep, or to another thread."""
    long = Long()

    async def signalled() -> None:
        asyncio.get_running_loop().call_later(0.05, signal.raise_signal, signal.SIGINT)
        await long()

    with pytest.raises(KeyboardInterrupt):
        bridge.run(signalled())
    assert long.cancelled.is_set()


def test_an_interrupt_that_comes_too_late(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where what was interrupted ends well all the same, or has not ended after the grace, the interrupt says so."""
    give(0.1, monkeypatch)
    ends = threading.Event()

    async def deaf(until: threading.Event) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        until.wait(10)

    for until, told in ((threading.Event(), loop_module.UNENDED), (ends, loop_module.TOO_LATE)):
        if until is ends:
            threading.Timer(0.05, ends.set).start()
        with pytest.raises(KeyboardInterrupt) as caught:
            bridge.run(deaf(until))
        assert caught.value.__notes__ == [told]
        until.set()


def test_a_call_that_may_not_take_long(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call is given up after so many seconds, though what runs never comes to an await."""
    give(0.1, monkeypatch)
    ends = threading.Event()

    async def deaf() -> None:
        ends.wait(10)

    with pytest.raises(TimeoutError):
        bridge.run(deaf(), within=0.1)
    ends.set()


def test_an_interrupt_reaches_the_innermost_call(bridge: Bridge) -> None:
    """KeyboardInterrupt while calls are nested cancels the one that really waits, and the outer ones end with it."""
    long, ended = Long(), []

    async def outer(depth: int) -> None:
        try:
            bridge.run(outer(depth - 1) if depth else interrupting(long))
        finally:
            await asyncio.sleep(0)      # not cancelled a second time
            ended.append(depth)

    with pytest.raises(KeyboardInterrupt):
        bridge.run(outer(2))
    assert long.cancelled.is_set()
    assert ended == [0, 1, 2]


def test_an_error_while_cleaning_up_after_an_interrupt(bridge: Bridge, caplog: pytest.LogCaptureFixture) -> None:
    """What a coroutine raises when it is cancelled by an interrupt neither hides the interrupt nor goes to the log."""

    gc.collect()        # what tests before have left may go to the log as well
    caplog.clear()

    async def clumsy() -> None:
        try:
            await interrupting(Long())
        finally:
            raise ValueError("while cleaning up")

    with pytest.raises(KeyboardInterrupt):
        bridge.run(clumsy())
    gc.collect()
    assert caplog.messages == []


def test_an_interrupt_before_the_coroutine_was_sent(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    """KeyboardInterrupt that comes before the loop has the coroutine drops it at once, with no warning."""

    def interrupted(call: object) -> None:
        raise KeyboardInterrupt

    coroutine = add(1, 2)
    with monkeypatch.context() as patch:
        patch.setattr(bridge, "_send", interrupted)
        with pytest.raises(KeyboardInterrupt):
            bridge.run(coroutine)
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
    assert bridge.run(add(1, 1)) == 2


def test_a_coroutine_that_cancels_itself_says_so(bridge: Bridge) -> None:
    """CancelledError raised inside arrives as CancelledError."""

    async def give_up() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        bridge.run(give_up())


# ── await ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_cancelling_who_awaits_cancels_the_coroutine(bridge: Bridge) -> None:
    """When the awaiting task is cancelled, the coroutine has been cancelled and cleaned up before it ends."""
    long = Long()
    waiting = asyncio.ensure_future(bridge.aio(long()))
    await asyncio.to_thread(long.begun.wait)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert long.cancelled.is_set()
    assert await bridge.aio(add(1, 1)) == 2


async def test_dropping_who_awaits_cancels_the_coroutine(bridge: Bridge) -> None:
    """An awaiting coroutine that is closed without being awaited further cancels what it waited for."""
    long = Long()
    waiting = bridge.aio(long())
    waiting.send(None)
    await asyncio.to_thread(long.begun.wait)
    waiting.close()
    assert await asyncio.to_thread(long.cancelled.wait, 5)


# ── closing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_closed_bridge_says_so() -> None:
    """After close, which may be called again, run and aio raise, and the thread is gone."""
    bridge = Bridge()
    thread = bridge._thread
    assert (bridge.closed, repr(bridge)) == (False, "<Bridge open>")
    bridge.close()
    bridge.close()
    assert (bridge.closed, repr(bridge), thread.is_alive()) == (True, "<Bridge closed>", False)
    with pytest.raises(LoopError, match="the bridge is closed; make a new one"):
        bridge.run(add(1, 2))
    with pytest.raises(LoopError, match="the bridge is closed; make a new one"):
        await bridge.aio(add(1, 2))


def test_closing_cancels_what_runs() -> None:
    """A call under way in another thread is cancelled by close, also when nested, and its caller is told why."""
    bridge, long, cleaned = Bridge(), Long(), []

    async def outer() -> None:
        try:
            bridge.run(long())
        finally:
            await asyncio.sleep(0)      # not cancelled a second time
            cleaned.append("outer")

    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(lambda: bridge.run(outer()))
        assert long.begun.wait(5)
        bridge.close()
        with pytest.raises(LoopError, match="the bridge was closed while this ran: it was cancelled"):
            call.result()
    assert long.cancelled.is_set()
    assert cleaned == ["outer"]


def test_closing_releases_a_caller_whose_coroutine_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coroutine that ignores its cancellation keeps neither the thread nor its caller."""
    give(0.2, monkeypatch)
    bridge, begun = Bridge(), threading.Event()

    async def stubborn() -> None:
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(lambda: bridge.run(stubborn()))
        assert begun.wait(5)
        bridge.close()
        with pytest.raises(LoopError, match="the bridge was closed while this ran"):
            call.result(timeout=5)


def test_it_may_be_closed_from_inside() -> None:
    """close called by a coroutine of the bridge does not wait for itself; the thread ends after it."""
    bridge = Bridge()

    async def close() -> None:
        bridge.close()
        await asyncio.Event().wait()

    with pytest.raises(LoopError, match="the bridge was closed while this ran"):
        bridge.run(close())
    bridge._thread.join(5)
    assert not bridge._thread.is_alive()
