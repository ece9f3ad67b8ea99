"""Closing: nothing that has left the page is kept by ipywidgets, or hears of the end of cells."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
import pytest

from tests.notebook.clicking import click, found, with_rival
from workbench import Command, Domain, Resource, Workbench, field
from workbench.errors import Conflict
from workbench.examples.bank import Deposit, OpenAccount
from workbench.notebook.closing import show


@pytest.fixture
def wb(shell: Any, wb: Workbench) -> Workbench:
    """One that is opened within the shell."""
    return wb


def hooks(shell: Any) -> int:
    """How many want to hear of the end of cells."""
    return len(shell.events.callbacks["post_run_cell"])


def kept() -> set[str]:
    """The widgets that are open, layouts and styles included."""
    return set(widgets.widget._instances)


def test_a_box_that_shows_others() -> None:
    """What a box shows no more is closed with all that is in it, and its layouts and styles; what stays is open."""
    box, button = widgets.VBox(), widgets.Button()
    before = kept()
    show(box, [button, widgets.HBox([widgets.Text(), widgets.Checkbox()])])
    assert len(kept() - before) == 8        # the HBox and its layout; two in it with a layout and a style each
    show(box, [button])
    assert kept() == before
    assert box.children == (button,)


def test_what_leaves_a_box_is_counted_no_more() -> None:
    """What is to be closed is not counted any more before it leaves the page: the front end would tell of it to what is
    closed by then, and the kernel would log it. What stays is counted."""
    staying, leaving = widgets.Button(), widgets.HBox([widgets.Text()])
    box, counts = widgets.VBox([staying, leaving]), []
    counted = (staying, leaving, leaving.children[0])
    for widget in counted:
        widget._view_count = 1
    heard: list[Any] = []
    leaving.observe(heard.append, "_view_count")
    box.observe(lambda _: counts.append([widget._view_count for widget in counted]), "children")
    show(box, [staying])
    assert (counts, heard) == ([[1, None, None]], [])


def test_a_panel_and_its_forms(shell: Any, wb: Workbench) -> None:
    """Of a panel that was closed nothing is left, whatever commands were chosen in it."""
    wb.issue(OpenAccount(owner="Ada"))
    before, heard = kept(), hooks(shell)
    panel = wb.panel()
    for command in ("bank:deposit", "bank:pay", "bank:open-account"):
        panel.commands.command.value = command
        click(panel, "wb-issue")
    panel.commands.search.value = "nothing is called so"
    panel.commands.search.value = ""
    opened = kept()
    panel.commands.command.value = "bank:pay"
    panel.commands.command.value = "bank:open-account"
    assert len(kept()) == len(opened)
    panel.close()
    assert (kept(), hooks(shell)) == (before, heard)


def test_out_of_sight_nothing_is_done(shell: Any, wb: Workbench) -> None:
    """A panel and the form in it, as a form by itself, hear of cells while somebody sees them; a panel that was out of
    sight is closed as any."""
    before, heard = kept(), hooks(shell)
    panel, form = wb.panel(), wb.form(OpenAccount, owner="Ada")
    assert hooks(shell) == heard + 3
    seen = [panel.widget, found(panel, "wb-form")[0], form.widget]      # as the front end counts
    for widget in seen:
        widget._view_count = 1
        widget._view_count = 2
        widget._view_count = 1
    assert hooks(shell) == heard + 3
    for widget in seen:
        widget._view_count = 0
    assert hooks(shell) == heard
    for widget in seen:
        widget._view_count = 1
    assert hooks(shell) == heard + 3
    assert form.controls["owner"].value == "Ada"
    for widget in seen:
        widget._view_count = 0
    panel.close()
    form.close()
    assert (kept(), hooks(shell)) == (before, heard)


def test_the_ways_out_of_a_conflict(shell: Any, wb: Workbench) -> None:
    """Of a conflict that was decided nothing is left."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    wb.commit()
    panel = wb.panel()
    before = kept()
    wb.issue(Deposit(amount=1), on=ada)
    with_rival(wb, ada)
    with pytest.raises(Conflict):
        wb.commit()
    assert len(kept()) > len(before)
    click(panel, "wb-theirs")
    assert panel.last_error is None
    assert kept() == before
    panel.close()


def test_a_form_whose_command_is_defined_anew(shell: Any, dsn: str) -> None:
    """Controls that others took the place of are closed, and rows that were removed; rows that were moved are not."""
    shop = Domain("shop")

    @shop.resource
    class Order(Resource):
        name = field(str)

    def define() -> None:
        @shop.command(on=Order)
        class Buy(Command):
            names = field(list[str])

        @shop.command_handler(Buy)
        async def buy(command: Any, context: Any) -> None:
            await context.fetch(context.target)

    define()
    with Workbench(shop, dsn=dsn) as wb:
        form = wb.form("shop:buy", names=["a", "b"])
        opened = len(kept())
        define()
        form.refresh()
        assert form.controls["names"].value == ["a", "b"]
        assert len(kept()) == opened
        form.controls["names"].rows[0].remove.click()
        one = len(kept())
        assert one < opened
        form.controls["names"].adder.click()
        form.controls["names"].rows[0].down.click()
        assert len(kept()) == opened
        form.close()
