"""What a bridge changes in a process, which is nothing, and what it leaves there; each in a Python of its own."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from workbench.notebook.bridge import Bridge


def script(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a Python of its own, with warnings as errors and asyncio's debug mode."""
    root = str(Path(__file__).resolve().parents[2])
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", *options, "-c", code],
        env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True, timeout=60, check=False)


def test_a_dropped_bridge_leaves_no_thread() -> None:
    """A bridge that nobody holds any more ends its thread and closes its loop, with no warning."""
    bridge = Bridge()
    thread, loop, seen = bridge._thread, bridge._loop, weakref.ref(bridge)

    async def one() -> int:
        return 1

    bridge.run(one())
    del bridge
    gc.collect()
    assert seen() is None
    assert (thread.is_alive(), loop.is_closed()) == (False, True)


def test_importing_does_nothing() -> None:
    """Importing the module starts no thread and changes nothing in asyncio."""
    done = script("""
import asyncio, threading
before = dict(vars(asyncio)), dict(vars(asyncio.tasks))
import workbench.notebook.bridge
assert before == (dict(vars(asyncio)), dict(vars(asyncio.tasks)))
assert threading.active_count() == 1
""")
    assert (done.returncode, done.stderr) == (0, "")


def test_other_loops_work_as_before() -> None:
    """With a bridge at work asyncio is as it was: run, Task, Future, the policy and every other loop class."""
    done = script("""
import asyncio, tornado.concurrent
policy = asyncio.get_event_loop_policy()
def state():
    places = [asyncio, asyncio.tasks, asyncio.futures, asyncio.events, asyncio.runners, tornado.concurrent]
    classes = [*type(policy).__mro__, *asyncio.SelectorEventLoop.__mro__]
    return [dict(vars(place)) for place in [*places, *classes]]
before = state()
from workbench.notebook.bridge import Bridge
bridge = Bridge()
async def one(): return 1
async def two(): return bridge.run(one()) + 1
assert bridge.run(two()) == 2
assert all(old.items() == new.items() for old, new in zip(before, state(), strict=True))
async def main():
    assert type(asyncio.current_task()).__module__ == "_asyncio"
    try: asyncio.get_running_loop().run_until_complete(asyncio.sleep(0))
    except RuntimeError as error: return str(error)
print(asyncio.run(main()))
""", "-W", "ignore::RuntimeWarning")
    assert (done.returncode, done.stdout, done.stderr) == (0, "This event loop is already running\n", "")


@pytest.mark.parametrize("package", ["nest_asyncio", "nest_asyncio2"])
def test_it_works_where_someone_patched_the_process(package: str) -> None:
    """A bridge made before or after someone's nest_asyncio.apply() works all the same, nested too."""
    pytest.importorskip(package)
    done = script(f"""
import asyncio, {package}
from workbench.notebook.bridge import Bridge
async def one(): await asyncio.sleep(0); return 1
async def two(bridge): return bridge.run(one()) + await bridge.aio(one())
early = Bridge()
loop = asyncio.new_event_loop()
{package}.apply(loop)
late = Bridge()
print([bridge.run(two(bridge)) for bridge in (early, late)], loop.run_until_complete(two(early)))
loop.close()
""", "-W", "ignore::DeprecationWarning")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[2, 2] 2\n", "")


def test_the_interpreter_exits_cleanly_with_a_task_running() -> None:
    """At exit what still runs is cancelled, after the exit hooks that use the bridge, and nothing is printed."""
    done = script("""
import asyncio, atexit
from workbench.notebook.bridge import Bridge
bridge = Bridge()
async def close_the_pool(): print("pool closed")
atexit.register(lambda: bridge.run(close_the_pool()))
async def work():
    global task         # asyncio itself holds it only weakly
    task = asyncio.get_running_loop().create_task(forever())
async def forever():
    try: await asyncio.Event().wait()
    finally: print("cleaned up")
async def numbers():
    try:
        while True: yield 1
    finally:
        await asyncio.sleep(0); print("generator closed")
async def begin():
    global kept
    kept = numbers()
    return await anext(kept)
bridge.run(work())
bridge.run(begin())
""")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["pool closed", "cleaned up", "generator closed"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_after_a_fork_it_says_so() -> None:
    """In a forked child the parent's bridge refuses, a new one works, and the parent's goes on unharmed."""
    done = script("""
import os, sys
from workbench.notebook.bridge import Bridge
bridge = Bridge()
async def one(): return 1
pid = os.fork()
if not pid:
    try: bridge.run(one())
    except Exception as error: print(type(error).__name__, error)
    print(bridge.on_loop, Bridge().run(one()), flush=True)
    bridge.close()
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
print(bridge.run(one()))
""", "-W", "ignore::DeprecationWarning")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "LoopError the bridge was made before a fork, and its thread is not in this process; make a new one here",
        "False 1", "1"]
