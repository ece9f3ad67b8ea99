"""Forms: filled in wrongly and rightly, issued by button and by Enter, following their command, and after close."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from html import unescape
from pathlib import Path
from re import sub
from typing import Any

import pytest

from tests.notebook.clicking import focused
from tests.notebook.kernels import Kernel
from tests.notebook.markup import EVIL, Tags
from workbench import Command, Context, Datadef, Domain, Event, Insert, Resource, Workbench, field, invariant
from workbench.errors import Invalid, NotFound, UnknownName
from workbench.examples.bank import CloseAccount, Deposit, OpenAccount
from workbench.notebook.forms import form as form_module
from workbench.notebook.forms.finder import Finder
from workbench.notebook.forms.form import Form, code_of
from workbench.notebook.forms.group import has_star
from workbench.notebook.forms.rows import Rows


def code(form: Form) -> str:
    """The cell that the form shows."""
    return unescape(form.code.value.partition("<pre>")[2].removesuffix("</pre>"))


def pressed(form: Any, control: Any) -> None:
    """Enter in a line of text, as the front end sends it."""
    control.input._handle_custom_msg({"event": "submit"}, [])


def test_wrong_then_right(wb: Workbench) -> None:
    """A wrong value is told beneath its field and issues nothing; a right one is issued, shown, and had as code."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    filled = wb.form("bank:deposit", on=ada)
    filled.controls["amount"].input.value = "<script>"
    filled.button.click()
    assert len(wb.session.steps) == 1
    assert "<script>" not in filled.controls["amount"].beneath.widget.value
    filled.controls["amount"].input.value = "10.50"
    filled.button.click()
    assert filled.last_error is None
    assert str(wb.fetch(ada.target).balance) == "10.50"
    assert "bank:deposit" in filled.outcome.value
    assert code(filled) == f"wb.issue('bank:deposit', on='{ada.target}', amount='10.50')"
    exec(code(filled), {"wb": wb})
    assert str(wb.fetch(ada.target).balance) == "21.00"


def test_enter_issues(wb: Workbench) -> None:
    """Enter in a line of text issues, without the deprecated callback."""
    filled = wb.form(OpenAccount, owner="Ada")
    pressed(filled, filled.controls["owner"])
    assert [step.number for step in wb.session.steps] == [1]


def test_a_double_click_issues_once(wb: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same click or Enter again, at once, is a double click; later on, with other values, or when anything else was
    done in between, it issues again."""
    now = [100.0]
    monkeypatch.setattr(form_module, "monotonic", lambda: now[0])
    filled = wb.form(OpenAccount, owner="Ada")
    filled.button.click()
    filled.button.click()
    pressed(filled, filled.controls["owner"])
    assert len(wb.session.steps) == 1
    wb.undo()
    filled.button.click()
    assert len(wb.session.steps) == 1
    filled.controls["owner"].input.value = "Bob"
    filled.button.click()
    now[0] += 1
    filled.button.click()
    assert [step.command.owner for step in wb.session.steps] == ["Ada", "Bob", "Bob"]


def test_what_was_issued_but_cannot_be_shown(wb: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that cannot be shown is told as issued, and the second click of a double one does not issue it again,
    however long it took to show it."""
    now = [100.0]
    monkeypatch.setattr(form_module, "monotonic", lambda: now[0])

    def broken(*_: object) -> str:
        now[0] += 9
        raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "<surrogates>")

    monkeypatch.setattr(form_module, "step_html", broken)
    filled = wb.form(OpenAccount, owner="Ada")
    step = filled.issue()
    assert "step 1 was issued, but it cannot be shown" in filled.outcome.value
    assert "&lt;surrogates&gt;" in filled.outcome.value
    filled.button.click()
    assert (wb.session.steps, filled.last_error) == ([step], None)


def test_the_button_is_disabled_while_it_issues(wb: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A click that comes in while a command is at work does nothing; when it is done the button can be pressed."""
    filled = wb.form(OpenAccount, owner="Ada")
    issue, seen = wb.issue, []

    def slow(*given: Any, **more: Any) -> Any:
        seen.append((filled.button.disabled, filled.issue()))
        return issue(*given, **more)

    monkeypatch.setattr(wb, "issue", slow)
    filled.button.click()
    assert (seen, filled.button.disabled, len(wb.session.steps)) == ([(True, None)], False, 1)


def test_the_keyboard_after_the_button(wb: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The button that was pressed has the keyboard again when it has issued or was refused, for a browser takes it from
    a button at work; where something is to be filled in it is there, and after a long command where it was."""
    filled, given = wb.form(Deposit), focused(monkeypatch)
    filled.button.click()
    assert given == [filled.controls["amount"].input]
    filled.controls["amount"].set(1)
    filled.button.click()
    assert given[1:] == [filled.aim.input]
    given.clear()
    filled.aim.set(wb.issue(OpenAccount(owner="Ada")))
    filled.button.click()
    assert (given, len(wb.session.steps)) == ([filled.button], 2)
    monkeypatch.setattr(form_module, "TWICE", -1)
    filled.button.click()
    assert (given, len(wb.session.steps)) == ([filled.button], 3)


def test_what_came_of_an_earlier_one_is_not_shown_beside_what_is_wrong(wb: Workbench) -> None:
    """When something must be filled in before it can be issued, the step that was issued before is not shown any more:
    one could take it for this one's."""
    filled = wb.form(OpenAccount, owner="Ada")
    filled.button.click()
    assert "step 1" in filled.outcome.value
    filled.controls["owner"].set("Bob")
    filled.aim.input.value = "nobody"
    filled.button.click()
    assert (filled.outcome.value, filled.code.value, len(wb.session.steps)) == ("", "", 1)


def test_what_it_is_issued_on(wb: Workbench) -> None:
    """An item is found by what it is called; nothing there is a new item; a refusal is shown and kept."""
    filled = wb.form(CloseAccount)
    assert filled.on is None
    ada = wb.issue(OpenAccount(owner="Ada"))
    wb.issue(Deposit(amount=1), on=ada)
    filled.aim.input.value = "Nobody"
    filled.button.click()
    assert "no account has 'Nobody' in its owner" in filled.aim.problem
    assert len(wb.session.steps) == 2
    filled.aim.input.value = "ada"
    filled.button.click()
    assert "Ada still has 1 EUR" in str(filled.last_error)
    assert "Ada still has 1 EUR" in filled.outcome.value
    assert filled.on == str(ada.target)


def test_an_item_that_must_be_there(wb: Workbench) -> None:
    """A command whose code makes no item asks for one that is there; issued on none, the form says to choose one. One
    that makes an item offers a new one."""
    assert wb.form(OpenAccount).aim.input.placeholder == "a new account"
    filled = wb.form(Deposit, amount=1)
    assert filled.aim.input.placeholder == "the account: a part of its owner"
    filled.button.click()
    assert isinstance(filled.last_error, NotFound)
    assert filled.aim.problem == "choose the account: this command is issued on one that is there"
    filled.aim.input.value = str(wb.issue(OpenAccount(owner="Ada")).target.identifier)
    filled.button.click()
    assert (filled.last_error, filled.aim.problem) == (None, "")


def test_the_star_is_explained_where_there_is_one(wb: Workbench) -> None:
    """A form without a field that must be filled in says nothing of stars; what may be added counts."""
    class Item(Datadef):
        name = field(str)

    class Plain(Datadef):
        name = field(str | None)

    class Loose(Datadef):
        items = field(list[Plain], initial=[])

    class Starred(Datadef):
        items = field(list[list[Item]], initial=[])

    class Around(Datadef):
        plain = field(Plain)

    assert (has_star(Loose), has_star(Starred), has_star(Item), has_star(Around)) == (False, True, True, True)
    assert wb.form(CloseAccount).star.layout.display == "none"
    assert wb.form(Deposit).star.layout.display == ""


def test_two_are_live_at_once_and_a_closed_workbench_says_so(wb: Workbench) -> None:
    """Two forms keep to themselves; after close the outcome says so, and the error is kept."""
    one, two = wb.form(OpenAccount, owner="Ada"), wb.form(OpenAccount, owner="Bob")
    one.button.click()
    two.button.click()
    assert (len(wb.session.steps), one.controls["owner"].value) == (2, "Ada")
    wb.close()
    two.controls["owner"].input.value = "Cid"
    two.button.click()
    assert "this workbench is closed" in str(two.last_error)
    assert "this workbench is closed" in two.outcome.value


def test_names_that_are_not_there(wb: Workbench) -> None:
    """A field, a command or a resource that is not there is refused with the nearest one."""
    with pytest.raises(UnknownName, match="amount"):
        wb.form(Deposit, amout=1)
    with pytest.raises(UnknownName, match="deposit"):
        wb.form("bank:depsit")
    with pytest.raises(UnknownName, match='did you mean "account"'):
        wb.form(Deposit, on="acount")


def test_a_domain_without_resources(open_shop: Any) -> None:
    """A command of a domain that has no resource is on no item: nothing asks for one, and one given is refused."""
    bare = Domain("bare")

    @bare.command
    class Look(Command):
        pass

    @bare.command_handler(Look)
    async def look(command: Look, context: Context) -> AsyncIterator[Any]:
        yield context.respond(seen=True)

    wb = open_shop(bare)
    filled = wb.form(Look)
    assert filled.aim is None
    filled.button.click()
    assert len(wb.session.steps) == 1
    with pytest.raises(Invalid, match="on: its domain has no resource"):
        wb.form(Look, on="account/1")


def test_values_that_are_not_admitted(wb: Workbench) -> None:
    """What cannot stand in a form is refused as it is made, all of it at once."""
    with pytest.raises(Invalid, match=r"(?s)bank:pay was refused: 2 problems.*amount: .* failed.*to: 'x' is not a UU"):
        wb.form("bank:pay", amount=0, to="x")


def test_the_code_of_any_fields() -> None:
    """Fields that issue has arguments of the same name for, or that Python could not say, are told as data."""
    assert code_of("bob", "a:b", None, {"amount": "1"}) == "bob.issue('a:b', amount='1')"
    assert code_of("wb", "a:b", "a:c/1", {"on": 1}) == "wb.issue('a:b', on='a:c/1', data={'on': 1})"
    assert code_of("wb", "a:b", None, {"from": 1}) == "wb.issue('a:b', data={'from': 1})"
    assert code_of("wb", "a:b", None, {"a": "x" * 99}) == f"wb.issue(\n    'a:b',\n    a='{'x' * 99}',\n)"


class Place(Datadef):
    city = field(str)


def shop(*fields: tuple[str, Any], doc: str = "", key: str = "shop") -> tuple[Domain, Callable[..., type[Command]]]:
    """A domain with one command, ``order``, and what defines that command again with other fields."""
    domain = Domain(key)

    @domain.resource
    class Order(Resource):
        told = field(str)

    @domain.event
    class Ordered(Event):
        told = field(str)

    def define(*fields: tuple[str, Any], doc: str = "", **rules: Any) -> type[Command]:
        made: type[Command] = type("PlaceOrder", (Command,), {**dict(fields), **rules, "__doc__": doc})
        domain.command(key="order", on=Order)(made)

        @domain.command_handler(made)
        async def order(command: Any, context: Context) -> AsyncIterator[Any]:
            values = {name: getattr(command, name) for name in type(command)._fields if not name.startswith("_")}
            yield Ordered(told=repr(values)).on(context.target)

        return made

    @domain.event_handler(Ordered)
    async def ordered(event: Ordered, context: Context) -> AsyncIterator[Any]:
        yield Insert(event.target, told=event.told)

    define(*fields, doc=doc)
    return domain, define


@pytest.fixture
def open_shop(dsn: str) -> Iterator[Callable[[Domain], Workbench]]:
    """Opens a workbench on a domain; it is closed after the test."""
    opened: list[Workbench] = []

    def opening(domain: Domain) -> Workbench:
        opened.append(Workbench(domain, dsn=dsn))
        return opened[-1]

    yield opening
    for wb in opened:
        wb.close()


def test_lists_and_datadefs_are_issued(open_shop: Any) -> None:
    """Rows and nested Datadefs are filled in as what they are; the code beneath issues the same once more."""
    domain, _ = shop(("to", field(Place)), ("tags", field(list[str])), ("stops", field(list[Place], initial=[])))
    wb = open_shop(domain)
    filled = wb.form("shop:order", stops=[{"city": "Rome"}])
    filled.button.click()
    assert (filled.outcome.value, len(wb.session.steps)) == ("", 0)
    assert filled.controls["to"].group.controls["city"].problem == "is required"
    filled.controls["to"].group.controls["city"].input.value = "Bern"
    tags = filled.controls["tags"]
    assert isinstance(tags, Rows)
    tags.adder.click()
    tags.rows[0].control.input.value = "soon"
    filled.button.click()
    exec(code(filled), {"wb": wb})
    first, second = [step.command for step in wb.session.steps]
    assert first.set(_target=None) == second.set(_target=None)
    assert (first.to, list(first.tags), list(first.stops)) == (Place(city="Bern"), ["soon"], [Place(city="Rome")])


def test_a_rule_over_several_fields(open_shop: Any) -> None:
    """An invariant of the command is told beneath its fields, and taken back when it holds."""
    domain, define = shop()

    @invariant
    def ends(self: Any) -> bool:
        """the last is not before the first"""
        return bool(self.first <= self.last)

    define(("first", field(int)), ("last", field(int)), ends=ends)
    wb = open_shop(domain)
    filled = wb.form("shop:order", first=2, last=1)
    filled.button.click()
    assert "the last is not before the first" in filled.group.beneath.widget.value
    filled.controls["last"].input.value = "2"
    assert filled.group.beneath.widget.value == ""


def test_a_redefined_command(shell: Any, open_shop: Any) -> None:
    """A cell that ran again with other fields changes the open form; what was typed stays where it fits."""
    domain, define = shop(("name", field(str)), ("size", field(int, initial=1)), ("colour", field(str)))
    shell.user_ns |= {"define": define, "field": field, "bench": (wb := open_shop(domain))}
    filled = wb.form("shop:order", on="order/00000000-0000-0000-0000-000000000007")
    filled.controls["name"].input.value = "Ada"
    filled.controls["colour"].input.value = "red"
    shell.run_cell("define(('name', field(str)), ('size', field(int, initial=5)),"
                   "       ('colour', field(str, choices=['red', 'blue'])), ('extra', field(bool, initial=True)))")
    assert list(filled.controls) == ["name", "size", "colour", "extra"]
    assert filled.group.value == {"name": "Ada", "size": "5", "colour": "red", "extra": True}
    assert filled.group.widget in filled.fields.children
    filled.button.click()
    assert filled.last_error is None
    assert str(wb.session.steps[-1].target) == "shop:order/00000000-0000-0000-0000-000000000007"
    assert code(filled).startswith("bench.issue(")
    filled.close()
    shell.run_cell("define(('name', field(str)))")
    assert len(filled.controls) == 4


def test_a_field_of_another_kind_takes_no_others_along(shell: Any, open_shop: Any) -> None:
    """What was typed stays in every field when some become of another kind; what is not of that kind is left out; a
    choice stays though the class of its members was defined again."""
    cell = ("class Size(Enum):\n    S, L = 's', 'l'\n"
            "define(('due', field({})), ('note', field({})), ('size', field(Size, initial=Size.S)),\n"
            "       ('who', field(str)))")
    domain, define = shop()
    shell.user_ns |= {"define": define, "field": field}
    shell.run_cell("from datetime import date\nfrom enum import Enum\n" + cell.format("str", "str"))
    filled = open_shop(domain).form("shop:order")
    for name, value in {"due": "2026-01-02", "note": "a\nb", "who": "Ada"}.items():
        filled.controls[name].input.value = value
    filled.controls["size"].input.label = "l"
    for due, note, said in (
            ("date", "str | None", date(2026, 1, 2)), ("bool", "str", False), ("str | None", "str", None)):
        shell.run_cell(cell.format(due, note))
        step = filled.issue()
        assert filled.last_error is None
        command = step.command
        assert (command.due, command.note, command.size.value, command.who) == (said, "a\nb", "l", "Ada")


def test_a_command_that_is_gone(open_shop: Any) -> None:
    """A form whose command was forgotten says so, and issues nothing."""
    domain, _ = shop(("name", field(str)))
    wb = open_shop(domain)
    filled = wb.form("shop:order", name="Ada")
    domain.forget(filled.group.record)
    filled.button.click()
    assert "order" in str(filled.last_error)
    assert wb.session.steps == []


def test_hidden_fields_are_not_asked_for(open_shop: Any) -> None:
    """A hidden field has no control; its value is its initial one, or that which the form was made with."""
    domain, _ = shop(("name", field(str)), ("source", field(str, initial="form", hidden=True)))
    wb = open_shop(domain)
    filled = wb.form("shop:order", name="Ada", source="lesson")
    assert list(filled.controls) == ["name"]
    filled.button.click()
    assert wb.session.steps[0].command.source == "lesson"


def test_a_search_that_fails_is_said(wb: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails while one types is shown in the outcome and kept, where ipywidgets would swallow it."""
    filled = wb.form(Deposit)

    def broken(*_: object) -> Any:
        raise ZeroDivisionError("<b>")

    monkeypatch.setattr(Finder, "find", broken)
    filled.aim.input.value = "Ada"
    assert isinstance(filled.last_error, ZeroDivisionError)
    assert "&lt;b&gt;" in filled.outcome.value


def inside(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from inside(child)


def test_everything_is_escaped(open_shop: Any) -> None:
    """A script as name, doc, choice, value or error is text in all that is HTML; no description is HTML."""
    domain, _ = shop(
        ("name", field(str, doc=EVIL)), ("kind", field(str, choices=[EVIL, "b"], doc=EVIL)),
        ("places", field(list[Place], doc=EVIL)), ("to", field(Place, doc=EVIL, initial=Place(city=EVIL))), doc=EVIL)
    wb = open_shop(domain)
    filled = wb.form("shop:order", name=EVIL)
    filled.controls["kind"].set(EVIL)
    filled.controls["places"].adder.click()
    filled.controls["places"].rows[0].control.group.controls["city"].input.value = EVIL
    filled.aim.input.value = EVIL
    filled.button.click()
    assert filled.aim.problem
    filled.aim.input.value = ""
    filled.button.click()
    assert filled.last_error is None
    assert len(wb.session.steps) == 1
    for widget in inside(filled.widget):
        if type(widget).__name__ == "HTML":
            tags = Tags(sub(r"<style.*?</style>", "", widget.value, flags=16))
            assert tags.open == []
            assert "script" not in tags.seen
        assert not getattr(widget, "description_allow_html", False)


def test_what_is_closed(wb: Workbench) -> None:
    """A form that is taken away closes all its widgets."""
    filled = wb.form(Deposit)
    there = list(inside(filled.widget))
    filled.close()
    assert all(widget.comm is None for widget in there)


def test_any_item_of_a_command_on_none(open_shop: Any) -> None:
    """A command that does not say what it is on may be issued on any item that its domain may touch, or on none."""
    domain, _ = shop()

    @domain.command
    class Look(Command):
        pass

    @domain.command_handler(Look)
    async def look(command: Look, context: Context) -> AsyncIterator[Any]:
        yield context.respond(on=str(context._target))

    wb = open_shop(domain)
    order = wb.issue("shop:order")
    filled = wb.form(Look)
    filled.button.click()
    filled.aim.input.value = str(order.target.identifier)
    filled.button.click()
    assert [step.response["on"] for step in wb.session.steps[1:]] == ["None", str(order.target)]


def test_an_interrupt(wb: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that is interrupted is said to have done nothing, unless it was done, and may be issued again."""

    def interrupted(*_: object, **__: object) -> Any:
        raise KeyboardInterrupt

    filled = wb.form(OpenAccount, owner="Ada")
    monkeypatch.setattr(wb, "issue", interrupted)
    filled.button.click()
    assert "interrupted; all is as it was before" in filled.outcome.value
    assert isinstance(filled.last_error, KeyboardInterrupt)
    late = KeyboardInterrupt()
    late.add_note("It came too late: what was interrupted was done.")
    monkeypatch.setattr(wb, "issue", lambda *_, **__: (_ for _ in ()).throw(late))
    filled.button.click()
    assert "interrupted; It came too late: what was interrupted was done." in filled.outcome.value
    monkeypatch.undo()
    filled.button.click()
    assert (filled.last_error, len(wb.session.steps)) == (None, 1)


def test_an_interrupt_when_the_command_was_issued(wb: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt that comes while the form, or another who watches, is brought up to date says that all was done."""

    def interrupted() -> None:
        if wb.session.steps:
            raise KeyboardInterrupt

    filled = wb.form(OpenAccount, owner="Ada")
    monkeypatch.setattr(filled.group, "refresh", interrupted)
    filled.button.click()
    assert "interrupted; step 1 was issued all the same" in filled.outcome.value
    monkeypatch.undo()
    unwatch = wb.watch(interrupted)
    filled.controls["owner"].input.value = "Bob"
    filled.button.click()
    assert "interrupted; It came when the verb had ended, while those who watch were told of it" in filled.outcome.value
    unwatch()
    assert len(wb.session.steps) == 2


def test_in_a_kernel(dsn: str, tmp_path: Path) -> None:
    """In a kernel what is typed and clicked comes in by subshells, a search while a cell runs as well; a double click
    issues once; the form stands in the cell's place."""
    with Kernel.started(tmp_path) as kernel:
        kernel.execute(f"from workbench import *\nfrom workbench.examples.bank import *\n"
                       f"wb = Workbench(bank, dsn={dsn!r})\nada = wb.issue(OpenAccount(owner='Ada'))\nimport time")
        shown = kernel.execute("form = wb.form(Deposit)\nform")
        assert "application/vnd.jupyter.widget-view+json" in shown.data
        on, amount, button = (kernel.execute(f"form.{name}.model_id").value.strip("'") for name in (
            "aim.input", "controls['amount'].input", "button"))
        shells = [kernel.subshell() for _ in range(2)]
        running = kernel.send("print('begun', flush=True)\ntime.sleep(1)")
        kernel.until(running, "begun")
        kernel.fill(on, {"value": "ada"}, subshell=shells[0])
        kernel.fill(amount, {"value": "5"}, subshell=shells[1])
        for sent in [kernel.send_click(button, subshell=shell) for shell in shells]:
            kernel.wait(sent)
        kernel.wait(running)
        assert kernel.execute("form.last_error, len(wb.steps), str(wb.fetch(ada).balance)").value == "(None, 2, '5')"


def test_it_is_shown_as_a_widget(wb: Workbench) -> None:
    """A form as a cell's last value is its widget; its resource's items are offered, the last made first."""
    wb.issue(OpenAccount(owner="Ada"))
    wb.issue(OpenAccount(owner="Bob"))
    filled = wb.form(Deposit)
    bundle = filled._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "the kernel was restarted or is gone: open it again with wb.form('bank:deposit')" in bundle["text/plain"]
    assert [text.partition(" · ")[0] for text in filled.aim.input.options] == ["Bob", "Ada"]
    wb.issue(OpenAccount(owner="Cid"))
    filled.refresh()
    assert filled.aim.input.options[0].startswith("Cid · ")


def test_limits_are_a_hint_and_told_while_typing(dsn: str) -> None:
    """What lies between the limits of a field stands beneath it; a value beyond them is told as it is typed."""
    shop = Domain("shop")

    class Order(Command):
        pieces = field(int, least=1, most=9, doc="in one parcel")

    shop.command(Order)

    @shop.command_handler(Order)
    async def ordered(command: Order, context: Context) -> Any:
        yield context.respond(pieces=command.pieces)

    with Workbench(shop, dsn=dsn) as wb:
        line = wb.form(Order).controls["pieces"]
        assert any("in one parcel; 1 to 9" in getattr(child, "value", "") for child in line.widget.children)
        line.input.value = "10"
        assert "only 1 to 9 will do" in line.beneath.widget.value
        line.input.value = "9"
        assert "only" not in line.beneath.widget.value
