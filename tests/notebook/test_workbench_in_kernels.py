"""The Workbench in a real kernel: queued cells, clicks, awaiting, interrupts, cells run again, display, the end."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.notebook.kernels import Cell, Kernel
from workbench.notebook.bridge import Bridge

SETUP = """
import asyncio, ipywidgets, threading
from workbench import Workbench
from workbench.examples.bank import *

@bank.command
class Sleep(Command):
    how = field(str)

@bank.command_handler(Sleep)
async def sleep(command, context):
    print("begun", flush=True)
    if command.how == "loop":
        await asyncio.sleep(100)
    else:
        async with wb.session.engine.acquire() as connection:
            await connection.execute("SELECT pg_sleep(100)")

wb = Workbench(bank, dsn=DSN, user="ada")
ada = wb.issue(OpenAccount(owner="Ada"))
wb.commit()
last_error = None

def button(verb):
    def clicked(button):
        global last_error
        try:
            verb()
        except BaseException as error:      # a callback's errors are swallowed
            last_error = error
        button.description += "!"           # from now on its clicks come by the subshell
    button = ipywidgets.Button()
    button.on_click(clicked)
    print(button.model_id)
"""


class Watch:
    """A connection of the test's own to the database of the kernel's workbench."""

    def __init__(self, dsn: str) -> None:
        self._bridge = Bridge()
        self._connection = self._bridge.run(asyncpg.connect(dsn))

    def run(self, sql: str) -> Any:
        return self._bridge.run(self._connection.fetchval(sql))

    def until(self, sql: str) -> None:
        while not self.run(sql):
            self.run("SELECT pg_sleep(0.01)")

    def close(self) -> None:
        self._bridge.run(self._connection.close())
        self._bridge.close()


@pytest.fixture(scope="module")
def watch(server_dsn: str) -> Iterator[Watch]:
    admin, name = Watch(server_dsn), f"kernel_{os.getpid()}"
    admin.run(f"CREATE DATABASE {name}")
    watching = Watch(server_dsn.replace("@/postgres?", f"@/{name}?"))
    yield watching
    watching.close()
    admin.run(f"DROP DATABASE {name} WITH (FORCE)")
    admin.close()


@pytest.fixture(scope="module")
def running(watch: Watch, server_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    dsn = server_dsn.replace("@/postgres?", f"@/kernel_{os.getpid()}?")
    with Kernel.started(tmp_path_factory.mktemp("kernel")) as kernel:
        kernel.execute(f"DSN = {dsn!r}\n{SETUP}")
        yield kernel


@pytest.fixture
def kernel(running: Kernel) -> Iterator[Kernel]:
    """The module's kernel, nothing pending in it; a test whose callbacks failed fails."""
    running.execute("if waiting := wb.session.manager.state.pending(): wb.undo(len(waiting))")
    yield running
    assert running.execute("last_error").value is None


def number(cell: Cell) -> int:
    """The number in the brackets beside a cell."""
    return int(cell.contents("execute_input")[0]["execution_count"])


def value(kernel: Kernel, code: str) -> Any:
    return ast.literal_eval(kernel.execute(code).value or "")


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_run_all(kernel: Kernel) -> None:
    """Six cells sent at once each issue, in order, and each step has the number that stands beside its cell."""
    held = value(kernel, "int(wb.fetch(ada.target).balance)")
    cells = kernel.queue([f"s = wb.issue(Deposit(amount={amount}), on=ada)\ns.cell" for amount in range(1, 7)])
    assert [cell.value for cell in cells] == [str(number(cell)) for cell in cells]
    assert value(kernel, "int(wb.fetch(ada.target).balance)") == held + 21
    assert value(kernel, "wb.pending['cell'].tolist()") == [number(cell) for cell in cells]


def test_clicks(kernel: Kernel) -> None:
    """A click in the main shell, and two in a subshell, issue; their steps belong to no cell, those of cells do."""
    held = value(kernel, "int(wb.fetch(ada.target).balance)")
    model = kernel.execute("button(lambda: wb.issue(Deposit(amount=1), on=ada))").text.strip()
    kernel.click(model)
    subshell = kernel.subshell()
    cells = []
    for _ in range(2):
        kernel.click(model, subshell=subshell)
        cells.append(kernel.execute("_ = wb.issue(Deposit(amount=10), on=ada)"))
    assert value(kernel, "wb.pending['cell'].astype(object).where(wb.pending['cell'].notna(), None).tolist()") == [
        None, None, number(cells[0]), None, number(cells[1])]
    assert value(kernel, "int(wb.fetch(ada.target).balance)") == held + 23


def test_a_click_while_a_cell_awaits(kernel: Kernel) -> None:
    """A click that comes in while a cell is awaiting issues at once, and its step is not taken for the cell's."""
    model = kernel.execute("button(lambda: wb.issue(Deposit(amount=1), on=ada))").text.strip()
    subshell = kernel.subshell()
    kernel.click(model, subshell=subshell)      # from now on in the subshell
    sent = kernel.send("print('waiting')\nwhile len(wb.pending) < 2:\n    await asyncio.sleep(.01)\n"
                       "(await wb.aio.issue(Deposit(amount=1), on=ada)).cell")
    kernel.until(sent, "waiting")
    kernel.click(model, subshell=subshell)
    cell = kernel.wait(sent)
    assert cell.value == str(number(cell))
    assert value(kernel, "wb.pending['cell'].isna().tolist()") == [True, True, False]


def test_awaiting(kernel: Kernel) -> None:
    """Top-level await, gathered too, issues and commits while the kernel's own loop goes on."""
    cells = kernel.queue([
        "(await wb.aio.issue(Deposit(amount=1), on=ada)) is wb.session.steps[-1]",
        "tick = asyncio.create_task(asyncio.sleep(0, 'ticked'))\n"
        "len(await asyncio.gather(*(wb.aio.issue(Deposit(amount=1), on=ada) for _ in range(3)))), tick.done()",
        "await asyncio.sleep(0)\nwb.issue(Deposit(amount=1), on=ada)\nlen((await wb.aio.commit()).plan)",
    ])
    assert [cell.value for cell in cells] == ["True", "(3, True)", "1"]
    assert value(kernel, "len(wb.pending)") == 0


@pytest.mark.parametrize("how", ["loop", "query"])
def test_four_interrupts_in_a_row(kernel: Kernel, watch: Watch, how: str) -> None:
    """Each interrupt ends its command, nothing of it stays, its query runs no more, and the pool is whole."""
    kernel.execute("_ = wb.issue(Deposit(amount=1), on=ada)")
    before = kernel.execute("wb").value
    sleeping = ("SELECT count(*) {}= 0 FROM pg_stat_activity "
                "WHERE query LIKE 'SELECT pg_sleep(100)%' AND state = 'active'")
    for _ in range(4):
        sent = kernel.send(f"wb.issue(Sleep(how='{how}'))")
        kernel.until(sent, "begun")
        if how == "query":
            watch.until(sleeping.format("!"))
        kernel.interrupt()
        assert kernel.wait(sent).error == "KeyboardInterrupt"
        watch.until(sleeping.format(""))
        assert kernel.execute("wb").value == before
    kernel.execute("""
async def one():
    async with wb.session.engine.acquire() as connection:
        return await connection.fetchval("SELECT pg_backend_pid() FROM pg_sleep(0.05)")
async def four():
    return await asyncio.gather(*(one() for _ in range(4)))
""")
    assert value(kernel, "len(set(wb._bridge.run(four())))") == 4
    assert kernel.execute("wb.commit().plan.summary").value == "'0 to add, 1 to change, 0 to delete'"


def test_an_interrupted_commit(kernel: Kernel, watch: Watch) -> None:
    """A commit that is interrupted while it waits for a lock wrote nothing and lost nothing; the next one writes."""
    kernel.execute("_ = wb.issue(Deposit(amount=1), on=ada)")
    etag = watch.run("SELECT _etag FROM bank_account")
    watch.run("BEGIN")
    watch.run("LOCK TABLE bank_account IN ACCESS EXCLUSIVE MODE")
    sent = kernel.send("wb.commit()")
    waiting = "SELECT count(*) {} 0 FROM pg_locks WHERE NOT granted"
    watch.until(waiting.format(">"))
    kernel.interrupt()
    assert kernel.wait(sent).error == "KeyboardInterrupt"
    watch.until(waiting.format("="))
    watch.run("ROLLBACK")
    assert watch.run("SELECT _etag FROM bank_account") == etag
    assert value(kernel, "len(wb.pending)") == 1
    kernel.execute("_ = wb.commit()")
    assert watch.run("SELECT _etag FROM bank_account") != etag


RESOURCE = """
@shop.resource
class Item(Resource):
    _id = field(str)
    name = field(str, initial="")
    price = field(int, initial=1)
"""
COMMAND = """
@shop.command(on=Item)
class Add(Command):
    name = field(str)
@shop.event
class Added(Event):
    name = field(str)
@shop.event_handler(Added)
async def added(event, context):
    yield Insert(event.target, name=event.name)
"""
HANDLER = """
@shop.command_handler(Add)
async def add(command, context):
    yield Added(name=command.name{}).on(context.target)
"""


def test_cells_run_again(kernel: Kernel) -> None:
    """A resource's, a command's and a handler's cell run twice replace what they defined; what is cached goes on."""
    kernel.execute("shop = Domain('shop')")
    kernel.queue([RESOURCE, COMMAND, HANDLER.format(""), "shopping = Workbench(shop, dsn=DSN)",
                  "_ = shopping.issue(Add(name='tea'), on='item/1')"])
    kernel.queue([RESOURCE, RESOURCE.replace("initial=1", "initial=2"), COMMAND, COMMAND, HANDLER.format(" + '!'"),
                  HANDLER.format(" + '?'"), "_ = shopping.issue(Add(name='milk'), on='item/2')"])
    assert value(kernel, "shopping.items('item')[['state', 'name', 'price']].values.tolist()") == [
        ["new", "tea", 1], ["new", "milk?", 2]]
    assert value(kernel, "[type(item) is Item for item in shopping.find(Item)]") == [True, True]
    assert value(kernel, "len(shopping.commit().plan), len(wb.pending)") == (2, 0)
    kernel.execute("shopping.close()")


def test_a_domain_made_again(kernel: Kernel) -> None:
    """When the cell of a Domain and those below it run again, the open workbench has the later handlers; recorded
    tests know the Domain by its name."""
    cells = ["""
shelf = Domain("shelf")

@shelf.command
class Say(Command):
    pass
""", """
@shelf.command_handler(Say)
def say(command, context):
    return context.respond(word="first")
"""]
    kernel.queue(cells)
    kernel.execute("words = Workbench(shelf, dsn=DSN)")
    kernel.queue([*cells[:1], cells[1].replace("first", "second")])
    assert value(kernel, "words.issue(Say()).response['word']") == "second"
    assert value(kernel, "words.issue('shelf:say').response['word']") == "second"
    kernel.execute(cells[1].replace("first", "third"))
    assert value(kernel, "words.issue(Say()).response['word']") == "third"
    assert "given(shelf)" in kernel.execute("print(words.as_test())").text
    kernel.execute("words.close()")


def test_what_is_shown(kernel: Kernel) -> None:
    """A step, a plan and a commit come as text and HTML; the text is the repr; nothing a user typed is markup."""
    evil = "<script>alert(1)</script>"
    bundles = [cell.data for cell in kernel.queue([
        f"wb.issue(OpenAccount(owner={evil!r}))", "wb.plan()", "wb.commit()"])]
    assert [sorted(bundle) for bundle in bundles] == [["text/html", "text/plain"]] * 3
    assert [bundle["text/plain"].split()[0] for bundle in bundles] == ["step", "plan:", "committed:"]
    assert f"owner='{evil}'" in bundles[0]["text/plain"]
    assert "<script" not in "".join(bundle["text/html"] for bundle in bundles)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in bundles[1]["text/html"]
    assert sorted(kernel.execute("wb").data) == ["text/plain"]


def test_an_error_shows_the_words_and_the_users_lines(kernel: Kernel) -> None:
    """An error of ours is its words, then the lines of cells and handlers that led there: no frame of any library."""
    cells = kernel.queue([
        "def pay(amount):\n    return wb.issue(Pay(amount=amount, to=ada.target.identifier), on=ada)",
        "pay(10_000)", "wb.issue('bank:deposit', on=ada, amount='ten', curency='EUR')"], fails=True)
    rejected, refused = (plain(cell.traceback).splitlines() for cell in cells[1:])
    assert rejected[0].startswith("Rejected: Ada has ")
    assert rejected[2:4] == [
        f"Cell In[{number(cells[1])}], line 1: pay(10_000)",
        f"Cell In[{number(cells[0])}], line 2, in pay: "
        "return wb.issue(Pay(amount=amount, to=ada.target.identifier), on=ada)"]
    assert re.match(r"workbench\.examples\.bank, line \d+, in take: raise Rejected", rejected[4])
    assert len(rejected) == 5
    assert refused == [
        "Invalid: Deposit was refused: 2 problems",
        "  amount: 'ten' is not a Decimal; give Decimal(\"10.50\"), \"10.50\" or 10",
        "  curency: there is no such field; there is: amount", "",
        f"Cell In[{number(cells[2])}], line 1: wb.issue('bank:deposit', on=ada, amount='ten', curency='EUR')"]


def test_parentheses_that_are_missing_or_too_many(kernel: Kernel) -> None:
    """What is asked of a verb in place of what it returns, and a table that is called, are told below the error, once;
    of other functions and values nothing."""
    for asked, meant in (("wb.plan.check()", "plan().check"), ("wb.items.head()", "items(…).head"),
                         ("wb.plan().frame.shape", "frame().shape"), ("wb.panel.close()", "panel().close")):
        cell = kernel.execute(f"Workbench(bank, dsn=DSN)\n{asked}", fails=True)
        attribute = meant.rpartition(".")[2]
        assert f"has no attribute '{attribute}'" in cell.traceback
        assert cell.text == (f'"{attribute}" was asked of the verb itself, without its parentheses; write {meant}\n')
    for table in ("steps", "pending", "events"):
        assert kernel.execute(f"Workbench(bank, dsn=DSN).{table}()", fails=True).text == (
            "this is a table already, and no verb; leave out the parentheses, as in wb.steps\n")
    for other in ("button.check", "wb.issue('bank:nothing')", "None.plan", "wb.chek", "1 / 0", "ada()"):
        assert kernel.execute(other, fails=True).text == ""


def test_a_failing_display_shows_its_traceback(kernel: Kernel) -> None:
    """A display that fails comes as its traceback, not as nothing, and the text beside it is whole."""
    bundle = kernel.execute("""
import workbench.notebook.html.step as shown
kept, shown._message = shown._message, lambda *_: 1 / 0
s = wb.issue(Deposit(amount=1), on=ada)
s
""").data
    kernel.execute("shown._message = kept")
    assert "ZeroDivisionError: division by zero" in bundle["text/html"]
    assert bundle["text/plain"].startswith("step")


def test_the_end_of_a_kernel(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A kernel that is shut down with two workbenches open prints nothing, and leaves no server behind."""
    monkeypatch.delenv("WORKBENCH_DSN", raising=False)
    place = Path(tempfile.mkdtemp(prefix="wb-test-"))   # not pytest's folder: as root the server has its own user
    with Kernel.started(tmp_path) as kernel:
        kernel.execute("from workbench import Workbench\nfrom workbench.examples.bank import bank, OpenAccount\n"
                       f"one, two = (Workbench(bank, folder={str(place)!r}) for _ in range(2))\n"
                       "one.issue(OpenAccount(owner='Ada'))\none.commit()")
        assert len(json.loads((place / "postgres.json").read_text())["holders"]) == 2
        capfd.readouterr()      # ipykernel warns at its start
        kernel._client.shutdown()
        kernel._manager.provisioner.process.wait(60)
    assert capfd.readouterr() == ("", "")
    assert json.loads((place / "postgres.json").read_text())["holders"] == {}
    assert not (place / "postgres" / "postmaster.pid").exists()
    shutil.rmtree(place)
