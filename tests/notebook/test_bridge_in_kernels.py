"""The bridge in a real kernel: queued cells, clicks in and out of subshells, interrupts, a query really cancelled."""

from __future__ import annotations

import ast

import asyncpg
import pytest

from tests.notebook.kernels import Kernel
from workbench.notebook.bridge import Bridge

SETUP = """
import asyncio, threading
import asyncpg, ipywidgets
from workbench.notebook.bridge import Bridge

bridge = Bridge()
log = []

async def step(n):
    await asyncio.sleep(0)
    log.append(n)
    print("step", n)
    return n

async def long():
    print("begun")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.sleep(0)
        log.append("cancelled")
        raise

async def outer():
    return bridge.run(step("inner")), await step("outer")

def button(*coroutines):
    def clicked(button):
        log.append(threading.current_thread() is threading.main_thread())
        for coroutine in coroutines:
            bridge.run(coroutine())
        button.description += "!"
    button = ipywidgets.Button(description="go")
    button.on_click(clicked)
    print(button.model_id)
"""
# Where a click runs, in ipykernel 7.4: not where its message says, but where its widget last spoke from. So the first
# one runs in the main shell (in 7.3 already in the subshell), and those after a callback that touched its own button in
# the subshell of that click.


@pytest.fixture
def kernel(running: Kernel) -> Kernel:
    """The module's kernel with an empty log; a bridge that a test broke breaks the ones after it, and should."""
    running.execute("log.clear()")
    return running


def logged(kernel: Kernel) -> list[object]:
    return list(ast.literal_eval(kernel.execute("log").value or ""))


def button(kernel: Kernel, coroutines: str) -> str:
    return kernel.execute(f"button({coroutines})").text.strip()


def test_queued_cells_all_run_in_order(kernel: Kernel) -> None:
    """Run All: six cells sent at once each get their result and their own printed text, in the order they were sent."""
    cells = kernel.queue([f"bridge.run(step({n}))" for n in range(6)])
    assert [(cell.value, cell.text) for cell in cells] == [(str(n), f"step {n}\n") for n in range(6)]
    assert logged(kernel) == [0, 1, 2, 3, 4, 5]


def test_cells_that_await_and_cells_that_do_not_mix(kernel: Kernel) -> None:
    """Run All over awaiting, blocking and gathering cells runs them all in order."""
    cells = kernel.queue([
        "await bridge.aio(step(0))", "bridge.run(step(1))", "await asyncio.sleep(0)\nbridge.run(step(2))",
        "await asyncio.gather(bridge.aio(step(3)), bridge.aio(step(4)))", "bridge.run(outer())", "5",
    ])
    assert [cell.value for cell in cells] == ["0", "1", "2", "[3, 4]", "('inner', 'outer')", "5"]


def test_a_click_calls_and_nests(kernel: Kernel) -> None:
    """A widget callback in the main shell calls, and the coroutine calls again on the bridge's own loop, twice over."""
    model = button(kernel, "outer")
    kernel.click(model)
    kernel.click(model)
    assert logged(kernel) == [True, "inner", "outer"] * 2


def test_clicks_in_a_subshell(kernel: Kernel) -> None:
    """Clicks sent to a subshell, more than one, and to another subshell all work, and the main shell in between."""
    model = button(kernel, "outer")
    first, second = kernel.subshell(), kernel.subshell()
    for subshell in (first, first, second):
        kernel.click(model, subshell=subshell)
        assert kernel.execute("bridge.run(step('main'))").value == "'main'"
    assert logged(kernel)[1:] == [
        "inner", "outer", "main", False, "inner", "outer", "main", False, "inner", "outer", "main"]


def test_a_click_during_a_call(kernel: Kernel) -> None:
    """A click in a subshell goes through while a cell is waiting, and can give the cell what it waits for."""
    kernel.execute("""
        given = asyncio.Event()
        async def give():
            given.set()
        async def wait():
            given.clear()
            print("waiting")
            await given.wait()
            return "given"
    """)
    model, subshell = button(kernel, "outer, give"), kernel.subshell()
    kernel.click(model, subshell=subshell)      # from now on in the subshell
    sent = kernel.send("bridge.run(wait())")
    kernel.until(sent, "waiting")
    kernel.click(model, subshell=subshell)
    assert kernel.wait(sent).value == "'given'"
    assert logged(kernel)[1:] == ["inner", "outer", False, "inner", "outer"]


def test_four_interrupts_in_a_row(kernel: Kernel) -> None:
    """Each interrupt ends its cell with KeyboardInterrupt and the coroutine cancelled; the next cell works."""
    for _ in range(4):
        sent = kernel.send("bridge.run(long())")
        kernel.until(sent, "begun")
        kernel.interrupt()
        cell = kernel.wait(sent)
        assert cell.error == "KeyboardInterrupt"
        assert "threading.py" not in cell.traceback
        assert kernel.execute("bridge.run(step(1))").value == "1"
    assert logged(kernel) == ["cancelled", 1] * 4


def test_an_interrupt_in_a_click(kernel: Kernel) -> None:
    """A callback that waits in the main shell is cancelled by an interrupt, and the next click works."""
    waiter, model = button(kernel, "long"), button(kernel, "outer")
    sent = kernel.send_click(waiter)
    kernel.until(sent, "begun")
    kernel.interrupt()
    kernel.wait(sent)
    kernel.click(model)
    assert logged(kernel) == [True, "cancelled", True, "inner", "outer"]


def test_an_interrupt_while_awaiting(kernel: Kernel) -> None:
    """An interrupted `await bridge.aio(...)` has cancelled the coroutine when the cell ends."""
    sent = kernel.send("await bridge.aio(long())")
    kernel.until(sent, "begun")
    kernel.interrupt()
    kernel.send("")     # ipykernel 7.4 notices an interrupt of an awaiting cell only when its loop next wakes up
    assert kernel.wait(sent).error == "CancelledError"
    assert logged(kernel) == ["cancelled"]


def test_an_interrupt_cancels_the_query_at_the_server(kernel: Kernel, server_dsn: str) -> None:
    """Four interrupted queries are no longer running in Postgres, and their connection serves the next one."""
    kernel.execute(f"connection = bridge.run(asyncpg.connect({server_dsn!r}))")
    watching = Bridge()
    connection = watching.run(asyncpg.connect(server_dsn))

    def sleepers() -> int:
        count = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'"
        return int(watching.run(connection.fetchval(count)))

    try:
        for _ in range(4):
            sent = kernel.send("bridge.run(connection.fetchval('SELECT pg_sleep(100)'))")
            while not sleepers():
                watching.run(connection.fetchval("SELECT pg_sleep(0.01)"))
            kernel.interrupt()
            assert kernel.wait(sent).error == "KeyboardInterrupt"
            assert kernel.execute("bridge.run(connection.fetchval('SELECT 1'))").value == "1"
            assert sleepers() == 0
    finally:
        kernel.execute("bridge.run(connection.close())")
        watching.run(connection.close())
        watching.close()


def test_closing_leaves_the_kernel_clean(kernel: Kernel) -> None:
    """After close the kernel has no thread of ours, and a call says what to do."""
    kernel.execute("bridge.close()")
    assert kernel.execute("[t.name for t in threading.enumerate() if t.name == 'workbench-loop']").value == "[]"
    cell = kernel.queue(["bridge.run(step(1))"], fails=True)[0]
    assert cell.error == "LoopError"
    assert "the bridge is closed; make a new one" in cell.traceback
    kernel.execute(SETUP)       # whatever test comes next
