"""Calls through the bridge: results, errors, context, threads, nesting, awaiting."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import sys
import threading
import traceback
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from workbench.errors import LoopError
from workbench.notebook import bridge as bridge_module
from workbench.notebook.bridge import Bridge

colour = contextvars.ContextVar("colour", default="none")


async def add(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


# ── calls ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_run_gives_the_result(bridge: Bridge) -> None:
    """A coroutine called without await gives what it returns."""
    assert bridge.run(add(1, 2)) == 3


def test_each_bridge_has_its_own_loop_and_daemon_thread(bridge: Bridge) -> None:
    """Two bridges share neither loop nor thread; the threads are daemons named for the workbench."""

    async def where() -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
        return asyncio.get_running_loop(), threading.current_thread()

    other = Bridge()
    (loop, thread), (other_loop, other_thread) = bridge.run(where()), other.run(where())
    other.close()
    assert loop is not other_loop
    assert type(loop) is not type(other_loop)
    assert thread is not other_thread
    assert thread.daemon
    assert thread.name == other_thread.name == "workbench-loop"


def test_on_loop_tells_the_own_thread(bridge: Bridge) -> None:
    """on_loop is true inside a coroutine of this bridge and nowhere else."""

    async def ask(asked: Bridge) -> bool:
        return asked.on_loop

    with contextlib.closing(Bridge()) as other:
        assert (bridge.on_loop, bridge.run(ask(bridge)), bridge.run(ask(other))) == (False, True, False)


def test_the_callers_context_is_seen_and_kept(bridge: Bridge) -> None:
    """The coroutine sees the caller's context variables, and the caller does not see what it sets."""

    async def paint() -> tuple[str, str]:
        seen = colour.get()
        colour.set("green")
        return seen, colour.get()

    token = colour.set("red")
    try:
        assert bridge.run(paint()) == ("red", "green")
        assert colour.get() == "red"
    finally:
        colour.reset(token)


def test_an_exception_arrives_as_it_was_raised(bridge: Bridge) -> None:
    """The same exception object arrives, with no cause or context added, and no frame but ours and the user's."""
    fault = ValueError("the balance is 3")

    async def fail() -> None:
        await asyncio.sleep(0)
        raise fault

    async def nested() -> None:
        bridge.run(fail())

    for coroutine, frames in ((fail(), ["fail"]), (nested(), ["nested", "fail"])):
        fault.__traceback__ = None
        with pytest.raises(ValueError, match="the balance is 3") as caught:
            bridge.run(coroutine)
        assert caught.value is fault
        assert (fault.__cause__, fault.__context__) == (None, None)
        seen = traceback.extract_tb(fault.__traceback__)[1:]
        assert [frame.name for frame in seen if frame.filename != bridge_module.__file__] == frames
        assert all(frame.filename in (bridge_module.__file__, __file__) for frame in seen)


def test_an_exit_inside_goes_to_its_caller_and_the_loop_goes_on(bridge: Bridge) -> None:
    """sys.exit in a coroutine is raised to who ran it, also when nested, and the bridge works afterwards."""

    async def leave() -> None:
        sys.exit(3)

    async def nested() -> str:
        with pytest.raises(SystemExit):
            bridge.run(leave())
        return "went on"

    with pytest.raises(SystemExit, match="3"):
        bridge.run(leave())
    assert bridge.run(nested()) == "went on"
    assert bridge.run(add(1, 1)) == 2


def test_an_exit_of_another_task_passes_by_a_nested_call(bridge: Bridge) -> None:
    """sys.exit in a call from one thread does not end the nested call of another, though the same loop runs both."""
    begun, go_on = threading.Event(), asyncio.Event()

    async def wait() -> str:
        begun.set()
        await go_on.wait()
        return "waited"

    async def nested() -> str:
        return bridge.run(wait())

    async def leave() -> None:
        sys.exit(3)

    async def let_go() -> None:
        go_on.set()

    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(lambda: bridge.run(nested()))
        assert begun.wait(5)
        with pytest.raises(SystemExit):
            bridge.run(leave())
        bridge.run(let_go())
        assert call.result(5) == "waited"


def test_an_exception_is_freed_with_its_handler(bridge: Bridge) -> None:
    """An exception that arrived is in no reference cycle: frames and what they hold (large items) go when it goes."""

    class Fault(Exception):
        pass

    async def fail() -> None:
        raise Fault

    gc.disable()
    try:
        try:
            bridge.run(fail())
        except Fault as fault:
            seen = weakref.ref(fault)
        bridge.run(add(1, 1))       # the loop's thread has let go of its last callback
        assert seen() is None
    finally:
        gc.enable()


def test_it_works_from_many_threads(bridge: Bridge) -> None:
    """Calls from several threads run at the same time and each gets its own result."""
    barrier = asyncio.Barrier(8)

    async def meet(n: int) -> int:
        await barrier.wait()        # passes only when all eight are inside
        return n

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda n: bridge.run(meet(n)), range(8))) == list(range(8))


def test_it_works_inside_a_running_loop(bridge: Bridge) -> None:
    """Sync code called inside asyncio.run can use it, and that loop is as before afterwards."""

    async def main() -> tuple[int, bool, int]:
        before = asyncio.get_running_loop(), asyncio.current_task()
        result = bridge.run(add(2, 3))
        return result, before == (asyncio.get_running_loop(), asyncio.current_task()), await add(1, 1)

    assert asyncio.run(main()) == (5, True, 2)


# ── nesting ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_call_on_the_own_thread_nests(bridge: Bridge) -> None:
    """Sync code that already runs on the bridge's loop can call again, to any depth; its task stays current."""

    async def down(n: int) -> int:
        task = asyncio.current_task()
        await asyncio.sleep(0)
        depth = 1 + bridge.run(down(n - 1)) if n else 0
        assert asyncio.current_task() is task
        await asyncio.sleep(0)
        return depth

    assert bridge.run(down(20)) == 20


def test_tasks_side_by_side_nest(bridge: Bridge) -> None:
    """Tasks that run at the same time may each nest calls, and a plain callback of the loop may too."""

    async def twice(n: int) -> int:
        return bridge.run(add(n, 0)) + bridge.run(add(n, 0))

    async def gathered() -> list[int]:
        return await asyncio.gather(*map(twice, range(10)))

    async def by_callback() -> int:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        loop.call_soon(lambda: future.set_result(bridge.run(add(40, 2))))
        return await future

    assert bridge.run(gathered()) == [2 * n for n in range(10)]
    assert bridge.run(by_callback()) == 42


def test_a_nested_call_sees_the_context_of_the_outer_one(bridge: Bridge) -> None:
    """What the outer coroutine set is seen by the call inside it: a transaction begun outside is joined."""

    async def inner() -> str:
        return colour.get()

    async def outer() -> str:
        colour.set("blue")
        return bridge.run(inner())

    assert bridge.run(outer()) == "blue"


# ── await ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_aio_lets_the_callers_loop_go_on(bridge: Bridge) -> None:
    """A call that waits for something the caller's loop does is no deadlock when awaited."""
    set_here = threading.Event()

    async def wait() -> str:
        await asyncio.to_thread(set_here.wait)
        return "seen"

    asyncio.get_running_loop().call_later(0.01, set_here.set)
    assert await bridge.aio(wait()) == "seen"


async def test_aio_on_the_own_loop_and_with_an_error(bridge: Bridge) -> None:
    """aio works inside a coroutine of the bridge too, and an exception passes through both."""

    async def fail() -> None:
        raise ValueError("no")

    async def inner() -> int:
        with pytest.raises(ValueError, match="no"):
            await bridge.aio(fail())
        return await bridge.aio(add(1, 2))

    assert await bridge.aio(inner()) == 3
    with pytest.raises(ValueError, match="no"):
        await bridge.aio(fail())


# ── what cannot work ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_not_a_coroutine_is_refused(bridge: Bridge) -> None:
    """A function, or something else than a coroutine, is refused with what would do."""
    with pytest.raises(LoopError, match=r"it was given <function add .*\(function\); call it: add\(\.\.\.\)"):
        bridge.run(add)  # type: ignore[arg-type]
    with pytest.raises(LoopError, match=r"it was given 3 \(int\); wrap what can be awaited in an `async def`"):
        await bridge.aio(3)  # type: ignore[arg-type]
