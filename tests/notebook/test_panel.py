"""The panel: every callback of its widgets, in-process, on a real workbench."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import ipywidgets as widgets
import pytest

from tests.notebook.test_display import Tags, words
from workbench import Workbench
from workbench.errors import Conflict, Invalid, StalePlan, WorkbenchError
from workbench.examples.bank import Account, Deposit, OpenAccount, Pay, Withdraw, bank
from workbench.notebook.items_view import PAGE
from workbench.notebook.panel import TABS, Panel


@pytest.fixture
def wb(dsn: str) -> Iterator[Workbench]:
    with Workbench(bank, dsn=dsn, user="ada") as opened:
        yield opened


@pytest.fixture
def panel(wb: Workbench) -> Iterator[Panel]:
    panel = Panel(wb)
    yield panel
    panel.close()


def found(panel: Panel, name: str) -> list[Any]:
    """The widgets of a class, in the order in which they stand."""
    inside: list[Any] = []

    def walk(widget: Any) -> None:
        if name in getattr(widget, "_dom_classes", ()):
            inside.append(widget)
        for child in getattr(widget, "children", ()):
            walk(child)

    walk(panel.widget)
    return inside


def click(panel: Panel, name: str) -> None:
    found(panel, name)[0].click()


def go(panel: Panel, tab: str) -> None:
    panel.tabs.selected_index = TABS.index(tab)


def status(panel: Panel) -> str:
    return words(panel.status.line.value)


def visible(widget: Any) -> bool:
    return widget.layout.display != "none"


def test_a_cells_issue_is_seen_at_once(wb: Workbench, panel: Panel) -> None:
    """Whatever a cell does is in every open panel right after it, and what a panel does is in the workbench."""
    other = Panel(wb)
    wb.issue(OpenAccount(owner="Ada <i>"))
    for one in (panel, other):
        assert "1 to add, 0 to change, 0 to delete" in words(one.plan.html.value)
        assert "workbench on bank: 1 step pending, 1 item changed" in words(one.head.value)
        assert Tags(one.plan.html.value).open == []
    go(other, "Steps")
    click(other, "wb-undo")
    assert "Nothing to do." in words(panel.plan.html.value)
    assert len(wb.pending) == 0
    assert status(other).startswith("✓ undone: step 1, bank:open-account/account/")
    click(other, "wb-redo")
    assert len(wb.pending) == 1
    other.close()
    wb.undo()
    assert "1 step pending" in words(other.head.value)      # closed: it is told nothing any more
    assert "0 steps pending" in words(panel.head.value)


def test_check_and_commit(wb: Workbench, panel: Panel) -> None:
    """Check tries the plan and tells so in its summary; Commit asks with the summary, and writes when confirmed."""
    check, commit = found(panel, "wb-check")[0], found(panel, "wb-commit")[0]
    assert (check.disabled, commit.disabled, visible(panel.plan.asking)) == (True, True, False)
    wb.issue(OpenAccount(owner="Ada"))
    click(panel, "wb-commit")
    assert visible(panel.plan.asking)
    assert words(panel.plan.question.value) == (
        "Write this to the database? 1 to add, 0 to change, 0 to delete; 1 statement, in one transaction. "
        "It was not checked.")
    click(panel, "wb-cancel")
    assert (visible(panel.plan.asking), len(wb.pending)) == (False, 1)
    click(panel, "wb-check")
    assert status(panel) == "✓ checked: nothing is in the way of a commit"
    assert "; checked 0 s ago: ✓ no violations" in words(panel.plan.html.value)
    click(panel, "wb-commit")
    assert "The check found nothing in its way." in words(panel.plan.question.value)
    click(panel, "wb-confirm")
    assert status(panel).startswith("✓ committed: 1 added")
    assert (len(wb.pending), visible(panel.plan.asking), panel.last_error) == (0, False, None)
    assert "Nothing to do." in words(panel.plan.html.value)


def test_a_check_that_finds_something(wb: Workbench, panel: Panel) -> None:
    """Violations are counted in the status line and stand in the plan."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    wb.commit()
    wb.issue(Deposit(amount=1), on=ada)
    with_rival(wb, ada)
    click(panel, "wb-check")
    assert status(panel) == "! the check found 1 violation; see the plan"
    assert "checked 0 s ago: ✗ 1 violation" in words(panel.plan.html.value)
    click(panel, "wb-commit")
    assert "The check found violations: 1." in words(panel.plan.question.value)


def with_rival(wb: Workbench, step: Any, amount: int = 5) -> None:
    """Somebody else pays into the account of a step."""
    rival = wb.rival("Bob")
    rival.issue(Deposit(amount=amount), on=str(step.target).partition(":")[2])
    rival.commit()


def test_what_moved_is_asked_about_anew(wb: Workbench, panel: Panel) -> None:
    """A cell that issues while a commit is asked about withdraws the question: only what was shown is written."""
    wb.issue(OpenAccount(owner="Ada"))
    click(panel, "wb-commit")
    asked = panel.plan._asked
    wb.issue(OpenAccount(owner="Bob"))
    assert not visible(panel.plan.asking)
    panel.plan._asked = asked       # the click that was under way
    click(panel, "wb-confirm")
    assert isinstance(panel.last_error, StalePlan)
    assert status(panel).startswith("✗ StalePlan:")
    assert len(wb.pending) == 2


@pytest.mark.parametrize("way, balance", [("wb-mine", 1), ("wb-theirs", 5), ("wb-rebase", 6)])
def test_the_ways_out_of_a_conflict(wb: Workbench, panel: Panel, way: str, balance: int) -> None:
    """A commit that ends in a conflict shows base, mine and theirs, and each button is a way out of it."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    wb.commit()
    wb.issue(Deposit(amount=1), on=ada)
    with_rival(wb, ada)
    assert not visible(panel.conflict.widget)
    click(panel, "wb-commit")
    click(panel, "wb-confirm")
    assert isinstance(panel.last_error, Conflict)
    assert visible(panel.conflict.widget)
    assert "✗ balance 0 1 5" in words(panel.conflict.items.children[0].children[0].value)
    click(panel, way)
    assert panel.last_error is None, status(panel)
    assert not visible(panel.conflict.widget)
    if wb.pending.shape[0]:
        wb.commit()
    assert wb.fetch(ada.target).balance == balance


def test_a_merge_that_cannot_be(wb: Workbench, panel: Panel) -> None:
    """A merge of one column that both changed says so and leaves the conflict open; a cell's way out closes it."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    wb.commit()
    wb.issue(Deposit(amount=1), on=ada)
    with_rival(wb, ada)
    with pytest.raises(Conflict):
        wb.commit()
    assert visible(panel.conflict.widget)       # a cell's conflict as well
    click(panel, "wb-merge")
    assert isinstance(panel.last_error, Conflict)
    assert visible(panel.conflict.widget)
    wb.resolve(ada, {"balance": 6})
    assert not visible(panel.conflict.widget)


def test_a_conflict_on_what_was_read(wb: Workbench, panel: Panel) -> None:
    """An item that was only read has no columns to merge; rebase closes the conflict."""
    ada, bob = wb.issue(OpenAccount(owner="Ada")), wb.issue(OpenAccount(owner="Bob"))
    wb.issue(Deposit(amount=9), on=ada)
    wb.commit()
    wb.issue(Pay(amount=1, to=bob.target.identifier), on=ada)
    wb.drop(ada)        # what Bob gets stays, what Ada has was read only
    with_rival(wb, ada)
    with pytest.raises(Conflict):
        wb.commit()
    assert visible(panel.conflict.widget)
    click(panel, "wb-rebase")
    assert panel.last_error is None
    assert not visible(panel.conflict.widget)


def test_a_conflict_with_a_branch(wb: Workbench, panel: Panel) -> None:
    """A merge that must ask offers no ways out of a conflict with the database; its error says what decides it."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    with wb.branch("what if"):
        wb.issue(Deposit(amount=1), on=ada)
    wb.issue(Deposit(amount=2), on=ada)
    with pytest.raises(Conflict, match="decide each: merge..what if., ways="):
        wb.merge("what if")
    assert not visible(panel.conflict.widget)
    wb.merge("what if", ways={ada: "theirs"})
    assert panel.last_error is None


def test_items(wb: Workbench, panel: Panel) -> None:
    """Items are shown a page at a time, filtered by any text and sorted by any column, both ways."""
    go(panel, "Items")
    assert panel.items.place.value == "no items"
    for number in range(PAGE + 5):
        step = wb.issue(OpenAccount(owner=f"owner {number:02}"))
    wb.issue(Deposit(amount=7), on=step)
    view = panel.items
    assert view.place.value == f"1 to {PAGE} of {PAGE + 5} items"
    assert (view.earlier.disabled, view.later.disabled) == (True, False)
    assert "owner 00" in words(view.table.value)
    assert "owner 24" not in words(view.table.value)
    click(panel, "wb-later")
    assert (view.earlier.disabled, view.later.disabled) == (False, True)
    assert "+ new" in words(view.table.value)
    assert "'owner 24' 7" in words(view.table.value)
    click(panel, "wb-earlier")
    assert "owner 00" in words(view.table.value)
    view.sort.value = "balance"
    view.descending.value = True
    assert view.table.value.index("owner 24") < view.table.value.index("owner 00")
    view.filter.value = "OWNER 1"
    assert view.place.value == "1 to 10 of 10 items (filtered of 25)"
    view.filter.value = "nobody"
    assert view.place.value == "no items (filtered of 25)"
    view.filter.value, view.sort.value, view.descending.value = "", "in the order of making", True
    assert "owner 24" in words(view.table.value)


def test_steps(wb: Workbench, panel: Panel) -> None:
    """Steps are listed with their state; goto travels, a branch is made from here and switched to and back."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    wb.commit()
    go(panel, "Steps")
    for amount in (1, 2, 3):
        wb.issue(Deposit(amount=amount), on=ada)
    view = panel.steps
    assert [label for label, _ in view.goto.options] == [
        "before all that is pending", "step 2: Deposit", "step 3: Deposit", "step 4: Deposit"]
    view.goto.value = 2
    assert wb.fetch(ada).balance == 1
    text = words(view.table.value)
    assert ("1 ✓ committed" in text, "▶ 2 ~ pending" in text, "3 ↶ undone" in text) == (True, True, True)
    view.goto.value = 1
    assert wb.fetch(ada).balance == 0
    assert found(panel, "wb-undo")[0].disabled
    view.goto.value = 4
    view.name.value = " what if "
    click(panel, "wb-branch-make")
    assert (wb.session.here.name, view.branch.value, view.name.value) == ("what if", "what if", "")
    wb.issue(Withdraw(amount=6), on=ada)
    view.branch.value = "main"
    assert (wb.session.here.name, wb.fetch(ada).balance) == ("main", 6)
    view.name.value = "what if"
    click(panel, "wb-branch-make")
    assert isinstance(panel.last_error, Invalid)
    assert wb.session.here.name == "main"


def test_commands_are_searched(wb: Workbench, panel: Panel) -> None:
    """The chooser has all commands of all domains, fewer as one types, and a form of the one chosen."""
    view = panel.commands
    assert list(view.command.options) == [
        "bank:open-account", "bank:deposit", "bank:withdraw", "bank:pay", "bank:close-account"]
    assert view.command.value == "bank:open-account"
    view.search.value = "DEPO"
    assert list(view.command.options) == ["bank:deposit"]
    first = view.form.children
    assert len(first) == 1
    wb.issue(OpenAccount(owner="Ada"))
    assert view.form.children is first      # what is typed in a form is not lost by an issue elsewhere
    view.search.value = "nothing"
    assert view.command.options == ()
    assert words(view.form.children[0].value) == "no command is called so"
    view.search.value, view.domain.value = "", "bank"
    view.command.value = "bank:pay"
    assert len(view.form.children) == 1


def test_what_a_command_is_on_is_chosen(wb: Workbench, panel: Panel) -> None:
    """The item is chosen among those cached, by its first field, the last made first; or typed; empty is a new one."""
    view = panel.commands
    ada = wb.issue(OpenAccount(owner="Ada"))
    bob = wb.issue(OpenAccount(owner="Bob"))
    assert [option.split("  ")[1] for option in view.on.options] == ["Bob", "Ada"]
    view._form = SimpleNamespace(on=None)
    view.on.value = view.on.options[1]
    assert view._form.on == f"account/{ada.target.identifier}"
    view.on.value = f" account/{bob.target.identifier}"
    assert view._form.on == f"account/{bob.target.identifier}"
    view.on.value = ""
    assert view._form.on is None


def test_a_closed_workbench_is_said(wb: Workbench, panel: Panel) -> None:
    """When the workbench was closed the panel says so and how to go on, and offers nothing to click."""
    wb.close()
    panel.refresh()
    assert status(panel) == ("✗ WorkbenchError: this workbench is closed, and what was pending went with it; "
                             "open another one: Workbench(bank)")
    assert type(panel.last_error) is WorkbenchError
    assert not visible(panel.body)


def test_what_fails_in_a_callback_is_shown(wb: Workbench, panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is not ours shows its words and, folded, its traceback; an interrupt says that all is kept."""
    wb.issue(OpenAccount(owner="Ada"))

    def broken(*_: object, **__: object) -> Any:
        raise ZeroDivisionError("<b>")

    monkeypatch.setattr(wb, "plan", broken)
    go(panel, "Steps")
    go(panel, "Plan")
    assert status(panel).startswith("✗ ZeroDivisionError: <b> traceback Traceback")
    assert "<b>" not in panel.status.line.value.partition("</style>")[2]
    wb.issue(OpenAccount(owner="Bob"))
    assert isinstance(panel.last_error, ZeroDivisionError)
    monkeypatch.undo()

    def interrupted(*_: object, **__: object) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(wb, "commit", interrupted)
    click(panel, "wb-commit")
    click(panel, "wb-confirm")
    assert status(panel) == "✗ interrupted; nothing was written, everything pending is kept"
    monkeypatch.undo()
    click(panel, "wb-commit")
    click(panel, "wb-confirm")
    assert (panel.last_error, len(wb.pending)) == (None, 0)


def test_the_bundle_of_a_panel(panel: Panel) -> None:
    """A panel is shown as its widget; its text says what to do where the widget is dead."""
    bundle = panel._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"] == repr(panel)
    assert "the kernel was restarted or is gone: open it again with wb.panel()" in repr(panel)


def test_every_control_has_a_name(panel: Panel) -> None:
    """Each button and input has a text that says what it is, each table a label."""
    controls = [one for kind in (widgets.Button, widgets.Text, widgets.Dropdown, widgets.Select, widgets.Checkbox)
                for one in controls_of(panel.commands, panel.plan, panel.items, panel.steps) if isinstance(one, kind)]
    assert len(controls) > 15
    assert all(control.description for control in controls)


def controls_of(*views: Any) -> list[Any]:
    return [one for view in views for one in vars(view).values()]


def test_what_a_verb_displays_is_beside_the_status(panel: Panel) -> None:
    """What takes a while is named meanwhile; what it displays, such as a bar, has a place; the last one's is gone."""
    seen: list[str] = []
    panel.status.output.append_stdout("of the last one")

    def deed() -> str:
        seen.append(status(panel))
        return "done"

    assert panel.status.work("working", deed)
    assert (seen, status(panel), panel.status.output.outputs) == (["… working"], "✓ done", ())


def test_items_of_another_kind_sort_by_text(wb: Workbench, panel: Panel) -> None:
    """A balance is sorted as the number it is: 10 comes after 9."""
    for amount in (9, 10):
        wb.issue(Deposit(amount=Decimal(amount)), on=wb.issue(OpenAccount(owner=f"has {amount}")))
    go(panel, "Items")
    panel.items.sort.value = "balance"
    table = panel.items.table.value
    assert table.index("has 9") < table.index("has 10")
    assert wb.find(Account, owner="has 9")[0].balance == 9
