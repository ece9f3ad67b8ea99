"""The panel: every callback of its widgets, in-process, on a real workbench."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from re import findall, fullmatch
from threading import Event, Thread, current_thread
from typing import Any

import ipywidgets as widgets
import pytest

from tests.editing import Note, at, desk
from tests.notebook.clicking import click, focused, found, go, status, visible, with_rival
from tests.notebook.markup import Tags, words
from workbench import Domain, Insert, Resource, Workbench, field
from workbench.errors import Invalid, StalePlan, WorkbenchError
from workbench.examples.bank import Account, Deposit, OpenAccount, Withdraw
from workbench.notebook.panels.items_view import PAGE
from workbench.notebook.panels.panel import Panel


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
    assert fullmatch(r"✓ undone: step 1, bank:open-account/account/\w{8}", status(other))     # it is gone
    click(other, "wb-redo")
    assert fullmatch(r"✓ redone: step 1, bank:open-account/account Ada <i> · \w{8}", status(other))
    assert len(wb.pending) == 1
    other.close()
    wb.undo()
    assert "1 step pending" in words(other.head.value)      # closed: it is told nothing any more
    assert "0 steps pending" in words(panel.head.value)


def test_who_issues(wb: Workbench, panel: Panel) -> None:
    """Another user is told by the panel at once."""
    assert "; user ada" in words(panel.head.value)
    wb.user = "bob"
    assert "; user bob" in words(panel.head.value)


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


def test_what_moved_is_asked_about_anew(wb: Workbench, panel: Panel) -> None:
    """A cell that issues while a commit is asked about withdraws the question: only what was shown is written."""
    wb.issue(OpenAccount(owner="Ada"))
    click(panel, "wb-commit")
    assert visible(panel.plan.asking)
    wb.issue(OpenAccount(owner="Bob"))
    assert not visible(panel.plan.asking)
    click(panel, "wb-confirm")
    assert panel.last_error is None
    assert len(wb.pending) == 2


def test_what_moved_unseen_is_not_written(wb: Workbench, panel: Panel) -> None:
    """A question that could not be withdrawn, as the panel was out of sight, writes nothing when it is confirmed."""
    wb.issue(OpenAccount(owner="Ada"))
    click(panel, "wb-commit")
    panel.widget._view_count = 1
    panel.widget._view_count = 0        # from here on it follows nothing
    wb.issue(OpenAccount(owner="Bob"))
    click(panel, "wb-confirm")
    assert isinstance(panel.last_error, StalePlan)
    assert status(panel).startswith("✗ StalePlan:")
    assert len(wb.pending) == 2


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


def test_items_without_a_number_sort_last(dsn: str) -> None:
    """What is not a number stands last, as what is absent does, whichever the direction."""
    domain = desk(Note)

    @domain.resource
    class Price(Resource):
        _id = field(str)
        exact = field(Decimal | None)
        rough = field(float | None)
        several = field(list[Decimal])

    with Workbench(domain, dsn=dsn) as wb:
        for key, text in {"a": "2", "b": "NaN", "c": None, "d": "1", "e": "3"}.items():
            wb.issue("desk:edit", mutations=[Insert(
                at(Price, key), exact=text, rough=text and float(text), several=[text or "NaN"])])
        panel = wb.panel()
        go(panel, "Items")
        view = panel.items
        view.resource.value = "desk:price"
        for column in ("exact", "rough"):
            view.sort.value = column
            for descending, order in ((False, "daebc"), (True, "eadbc")):
                view.descending.value = descending
                assert "".join(findall('<td class="cell">([a-e])</td>', view.table.value)) == order
        view.sort.value = "several"
        assert (view.place.value, panel.last_error) == ("1 to 5 of 5 items", None)
        panel.close()


def test_items_that_no_longer_fit_are_told(dsn: str) -> None:
    """Above the items stands, escaped, what a changed definition leaves out and why; it goes when all fit again."""
    domain = desk(Note)

    def define(**more: Any) -> None:
        fields = {"_id": field(str), "text": field(str, initial=""), "number": field(int, initial=0), **more}
        domain.resource(type("Note", (Resource,), {
            "__module__": Note.__module__, "__qualname__": Note.__qualname__, **fields}))
        wb.session.registry.refresh()

    with Workbench(domain, dsn=dsn) as wb:
        wb.issue("desk:edit", mutations=[Insert(at(Note, "<b>"), text="x")])
        panel = wb.panel()
        go(panel, "Items")
        define(since=field(date))
        panel.items.refresh()
        assert "1 item does not fit desk:note as it is defined now" in words(panel.items.table.value)
        assert "desk:note/<b>: since: is missing" in words(panel.items.table.value)
        assert Tags(panel.items.table.value).open == []
        define(since=field(date | None))
        panel.items.refresh()
        assert "not fit" not in panel.items.table.value
        panel.close()


def test_items_of_a_resource_that_came_later(dsn: str) -> None:
    """A panel that was opened before any resource was defined shows the first one from when it is."""
    later = Domain("later")
    with Workbench(later, dsn=dsn) as wb:
        panel = wb.panel()
        go(panel, "Items")
        assert "There is no resource yet." in words(panel.items.table.value)

        @later.resource
        class Thing(Resource):
            name = field(str)

        panel.refresh()
        assert (panel.items.resource.value, panel.items.place.value) == ("later:thing", "no items")


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


def test_steps_by_keyboard(wb: Workbench, panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo gives the keyboard to Redo when it can undo no more, and Redo to Undo; Enter in the name of a branch makes
    it, as the button does."""
    go(panel, "Steps")
    for name in ("Ada", "Bob"):
        wb.issue(OpenAccount(owner=name))
    given = focused(monkeypatch)
    for name in ("wb-undo", "wb-undo", "wb-redo", "wb-redo"):
        click(panel, name)
    assert given == [panel.steps.redo, panel.steps.undo]
    panel.steps.name.value = "what if"
    panel.steps.name._handle_custom_msg({"event": "submit"}, [])
    assert status(panel) == "✓ on <branch 'what if': 2 steps pending, forked from 'main'>"
    assert panel.steps.name.value == ""


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
    """The form offers the items to issue on by what they are called, those that were just made as well."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    wb.issue(OpenAccount(owner="Bob"))
    panel.commands.command.value = "bank:deposit"
    [on] = [one.children[0].children[0] for one in found(panel, "wb-on")]
    assert [option.partition(" · ")[0] for option in on.options] == ["Bob", "Ada"]
    wb.issue(OpenAccount(owner="Cid"))
    assert on.options[0].startswith("Cid · ")
    on.value = "ada"
    [amount] = [one.children[0].children[0] for one in found(panel, "wb-field-amount")]
    amount.value = "5"
    click(panel, "wb-issue")
    assert wb.fetch(ada).balance == 5


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
    click(panel, "wb-confirm")      # the second click of two
    assert len(wb.pending) == 2
    click(panel, "wb-commit")
    click(panel, "wb-confirm")
    assert (panel.last_error, len(wb.pending)) == (None, 0)


def test_a_panel_out_of_sight_sleeps(wb: Workbench, panel: Panel) -> None:
    """When its cell ran again nobody sees a panel, and it follows no more; shown again, it is as things are by then."""
    panel.widget._view_count = 1        # as the front end counts
    panel.widget._view_count = 2        # the same one in a second cell
    panel.widget._view_count = 1
    assert panel.watches
    panel.widget._view_count = 0
    assert not panel.watches
    wb.issue(OpenAccount(owner="Ada"))
    assert "0 steps pending" in words(panel.head.value)
    panel.widget._view_count = 1
    assert panel.watches
    assert "1 step pending" in words(panel.head.value)
    panel.close()
    assert not panel.watches


def test_a_click_and_a_cell_at_the_same_time(wb: Workbench, panel: Panel) -> None:
    """What ends while another thread is telling of its own is told all the same."""
    told: list[str] = []
    at_work, go_on = Event(), Event()

    def slowly() -> None:
        told.append(current_thread().name)
        if current_thread().name == "click":
            at_work.set()
            go_on.wait(10)

    wb.watch(slowly)
    clicked = Thread(target=lambda: wb.issue(OpenAccount(owner="Ada")), name="click")
    clicked.start()
    at_work.wait(10)
    wb.issue(OpenAccount(owner="Bob"))
    go_on.set()
    clicked.join(10)
    assert "click" in told
    assert current_thread().name in told
    assert "2 steps pending" in words(panel.head.value)


def test_the_bundle_of_a_panel(wb: Workbench, panel: Panel) -> None:
    """A panel is shown as its widget; on a page without a kernel as what was pending and done; its text says what to
    do where the widget is dead."""
    bundle = panel._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"] == repr(panel)
    wb.issue(OpenAccount(owner="Ada <i>"))
    still = panel._repr_mimebundle_()["text/html"]
    assert "1 to add, 0 to change, 0 to delete" in words(still)
    assert "1 ~ pending" in words(still)
    assert "as it was when its cell ran" in words(still)
    assert Tags(still).open == []
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
