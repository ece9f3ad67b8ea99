"""A click, which runs on a thread of its own, and a cell at the same time."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.notebook.clicking import go
from workbench import Workbench
from workbench.errors import LoopError, WorkbenchError
from workbench.examples.bank import Deposit, OpenAccount
from workbench.notebook.display import called, register
from workbench.notebook.forms import form as forms
from workbench.notebook.forms.form import Form
from workbench.notebook.panels.panel import Panel
from workbench.postgres.engine import Engine
from workbench.postgres.writing.commit import commit
from workbench.state.history.branch import Branch
from workbench.state.history.history import History
from workbench.state.manager import StateManager
from workbench.state.reader import MemoryReader
from workbench.state.state import State
from workbench.state.step import Step

SOON = 0.2      # seconds in which a click that is not kept waiting has long been done


class Meanwhile:
    """Has another thread do something in the middle of a deed, once, and gives it the time that it needs if it need not
    wait for that deed; ``end`` waits until it is done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._thread: threading.Thread | None = None

    def __call__(self, deed: Callable[[], object]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=deed)
            self._thread.start()
            self._thread.join(SOON)

    def at(self, owner: object, name: str, deed: Callable[[], object]) -> None:
        """Does it where a function of ``owner`` is called for the first time, and before that goes on."""
        plain = getattr(owner, name)

        def called(*arguments: Any, **named: Any) -> Any:
            found = plain(*arguments, **named)
            self(deed)
            return found

        self._monkeypatch.setattr(owner, name, called)

    def end(self) -> None:
        assert self._thread is not None
        self._thread.join()


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    return Meanwhile(monkeypatch)


def test_a_click_issues_in_the_middle_of_an_undo(wb: Workbench) -> None:
    """What a click issues while a cell undoes is not lost: it is done before the undo or after it."""
    wb.issue(OpenAccount(owner="Ada"))
    here, issued = wb.session.here, list[Any]()
    click = threading.Thread(target=lambda: issued.append(wb.issue(OpenAccount(owner="Eve"))))
    plain = here.undone

    class Interrupted:
        """What was undone; to add to it takes long enough for a click."""

        def __bool__(self) -> bool:
            return False

        def __len__(self) -> int:
            return 0

        def cons(self, state: State) -> Any:
            click.start()
            click.join(SOON)
            return plain.cons(state)

    here.undone = Interrupted()     # type: ignore[assignment]  # as far as an undo looks at it
    [undone] = wb.undo()
    click.join()
    there = {step.handling for branch in wb.session.branches for step in branch.tip.steps()}
    assert {undone.handling, issued[0].handling} <= there
    assert list(wb.items("account").owner) == ["Eve"]


def test_an_undo_does_not_wait_for_a_handler_that_keeps_the_loop(wb: Workbench) -> None:
    """While a handler runs that never awaits, undo and its like say so at once, and do not undo it afterwards."""
    wb.issue(OpenAccount(owner="Ada"))
    begun, goes_on = threading.Event(), threading.Event()
    issue = wb.session.issue

    async def slow(*arguments: Any, **named: Any) -> Any:
        turn = wb.session.manager.lock.begin("issue")
        assert turn is not None
        begun.set()
        goes_on.wait(10)
        wb.session.manager.lock.end(turn)
        return await issue(*arguments, **named)

    wb.session.issue = slow     # type: ignore[method-assign]
    click = threading.Thread(target=lambda: wb.issue(OpenAccount(owner="Eve")))
    click.start()
    begun.wait(10)
    try:
        with pytest.raises(LoopError, match="a command or a commit is at work; await it, then undo"):
            wb.undo()
    finally:
        goes_on.set()
        click.join()
    assert list(wb.items("account").owner) == ["Ada", "Eve"]


def test_a_click_sets_a_checkpoint_while_a_cell_looks_at_them(wb: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The frame of the checkpoints has those that were there when it was asked for."""
    plain = History.checkpoints.fget
    assert plain is not None

    def clicked(history: History) -> dict[str, Branch]:
        there: dict[str, Branch] = plain(history)
        history.checkpoint(f"number {len(there)}")
        return there

    wb.checkpoint("first")
    monkeypatch.setattr(History, "checkpoints", property(clicked))
    assert list(wb.checkpoints.index) == ["first"]
    assert list(wb.checkpoints.here) == [True, True]


def test_a_cell_closes_while_a_click_commits(wb: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written is told to be written, and meanwhile all else says that the workbench is closed."""
    closing, said = threading.Thread(target=wb.close), list[str]()

    async def slow(engine: Engine, *arguments: Any) -> Any:
        async with engine.acquire():        # for which the closing waits
            written = await commit(engine, *arguments)
            closing.start()
            while wb.session._manager is not None:      # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.001)
            said.append(repr(wb))
            with pytest.raises(WorkbenchError, match="this workbench is closed"):
                wb.plan()
        return written

    wb.issue(OpenAccount(owner="Ada"))
    monkeypatch.setattr("workbench.session.commit", slow)
    assert repr(wb.commit()).startswith("committed: 1 added, 0 changed, 0 deleted")
    closing.join()
    assert said == ["<workbench on bank: closed>"]


def test_a_cell_gives_names_while_a_click_asks_for_one(wb: Workbench, shell: Any) -> None:
    """A form that tells its code, and a magic that looks for its workbench, find the name that it has."""

    class Name(str):
        """At which a click looks when the cell gives one more."""

        __slots__ = ()

        def startswith(self, *arguments: Any) -> bool:
            shell.user_ns[f"one_more_{len(shell.user_ns)}"] = 1
            return super().startswith(*arguments)

    shell.user_ns[Name("wb")] = wb
    shell.user_ns["another"] = 1
    assert called(wb) == "wb"
    shell.run_line_magic("load_ext", "workbench")
    assert shell.run_line_magic("workbench", "") is wb


def test_steps_are_looked_at_in_the_middle_of_an_undo(wb: Workbench) -> None:
    """A step that another thread is about to undo or redo stands there once."""
    for owner in ("Ada", "Eve"):
        wb.issue(OpenAccount(owner=owner))
    here, panel = wb.session.here, wb.panel()
    go(panel, "Steps")
    drawn = wb.timeline().svg(), panel.steps.table.value
    here.undone = here.undone.cons(here.state)      # as after the first half of an undo
    assert list(wb.steps.index) == [1, 2]
    panel.refresh()
    assert (wb.timeline().svg(), panel.steps.table.value) == drawn
    panel.close()


def test_a_click_opens_while_a_cell_shows_a_step(wb: Workbench, shell: Any) -> None:
    """The step is shown, and its item named, while another thread opens workbenches."""
    register(wb.session.manager)
    step, interval, ended = wb.issue(OpenAccount(owner="Ada")), sys.getswitchinterval(), threading.Event()
    html, others = shell.display_formatter.formatters["text/html"].type_printers[Step], list[StateManager]()

    def opens() -> None:
        while not ended.is_set():
            others.append(StateManager(wb.session.registry, MemoryReader()))
            register(others[-1])
            del others[:-30]

    sys.setswitchinterval(1e-6)     # else the threads hardly ever meet
    click = threading.Thread(target=opens)
    click.start()
    try:
        shown = [html(step) for _ in range(150)]
    finally:
        ended.set()
        click.join()
        sys.setswitchinterval(interval)
    assert all("Ada · " in one for one in shown)


# ---------------------------------------------------------------------------------------------------- a panel

def test_a_cell_issues_while_a_click_draws_the_items(wb: Workbench, panel: Panel, meanwhile: Meanwhile) -> None:
    """What a filter shows in the end is what is there in the end, not what was there when one began to type."""
    wb.issue(OpenAccount(owner="Ada"))
    go(panel, "Items")
    meanwhile.at(panel.items, "_sorted", lambda: wb.issue(OpenAccount(owner="Adam")))
    panel.items.filter.value = "Ada"
    meanwhile.end()
    assert panel.items.place.value == "1 to 2 of 2 items"
    assert "Adam" in panel.items.table.value


def test_a_cell_ends_while_a_click_chooses_a_command(panel: Panel, meanwhile: Meanwhile) -> None:
    """The form that is shown is that of the command that is chosen, and no other one lives on."""
    def type_more() -> None:
        panel.commands.search.value = "pay"

    meanwhile.at(panel._wb, "form", type_more)
    panel.commands.search.value = "dep"
    meanwhile.end()
    form = panel.commands._form
    assert (panel.commands.command.value, form.address) == ("bank:pay", "bank:pay")
    assert panel.commands.form.children == (form.widget,)
    assert panel.last_error is None


def test_a_step_is_chosen_while_a_cell_ends(wb: Workbench, panel: Panel, meanwhile: Meanwhile) -> None:
    """The click that chooses it counts, though the chooser is being filled anew on another thread."""
    for owner in ("Ada", "Eve"):
        wb.issue(OpenAccount(owner=owner))
    go(panel, "Steps")

    def choose() -> None:
        panel.steps.goto.value = 1

    panel.steps.goto.observe(lambda _: meanwhile(choose), "_options_labels")
    wb.issue(OpenAccount(owner="Bob"))
    meanwhile.end()
    assert panel.last_error is None
    assert list(wb.items("account").owner) == ["Ada"]


def test_a_handler_looks_while_a_click_draws(wb: Workbench, panel: Panel) -> None:
    """A verb that a handler calls does not draw: the loop would wait for the click, which waits for the loop."""
    told, clicked = list[str](), list[Any]()
    wb.watch(lambda: told.append(threading.current_thread().name))

    def draw() -> None:
        with panel.status.drawing:
            drawing.set()
            handling.wait(10)
            clicked.append(wb._bridge.run(wb.session.find("account"), within=1))        # as a form does

    async def handle() -> None:
        drawing.wait(10)
        handling.set()
        wb.find("account")

    drawing, handling = threading.Event(), threading.Event()
    click = threading.Thread(target=draw, daemon=True)
    click.start()
    wb._run(handle())
    click.join()
    assert (clicked, told) == ([[]], ["MainThread"])


def test_a_click_issues_while_a_form_gets_other_fields(wb: Workbench, meanwhile: Meanwhile) -> None:
    """It issues what is typed, on what is chosen: the fields that the cell has brought are filled in by then."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    form = Form(wb, Deposit, on=ada, amount=10)
    form._cls = OpenAccount     # as if Deposit had been another class before a cell ran
    meanwhile.at(forms, "Group", form.issue)
    form.refresh()
    meanwhile.end()
    assert form.last_error is None
    assert [step.target for step in wb.session.steps] == [ada.target, ada.target]
    assert form.fields.children == (form.aim.widget, form.group.widget)     # type: ignore[union-attr]  # there is one
    form.close()
