"""Completion: what Tab offers in magics, in the strings of verbs and where records are built; and what it must not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter

from tests.notebook.test_visible import desk
from workbench import Command, Domain, Target, Workbench, field
from workbench.notebook.completion import Completion
from workbench.notebook.magics import body, load_ipython_extension
from workbench.notebook.offers import IDENTIFIERS


@pytest.fixture
def shell(shell: Any) -> Any:
    """A fresh shell with the magics."""
    load_ipython_extension(shell)
    return shell


@pytest.fixture
def wb(shell: Any, wb: Workbench) -> Workbench:
    """One that is opened within the shell, which knows it as ``wb``."""
    shell.user_ns["wb"] = wb
    return wb


def offered(shell: Any, text: str) -> list[str]:
    """The lines that Tab at the end of a text would make of it."""
    with provisionalcompleter():
        return [text[:one.start] + one.text for one in shell.Completer.completions(text, len(text))
                if one._origin == "workbench"]


def test_tab_offers_addresses_fields_and_identifiers(shell: Any, wb: Workbench) -> None:
    """In a magic, in its body and in a string of wb.issue: commands, resources, identifiers, fields, references."""
    ada = shell.run_line_magic("issue", "bank:open-account/account owner=Ada").target.identifier
    for start in ("%issue ", 'wb.issue("', "await wb.aio.issue('"):
        assert offered(shell, f"{start}bank:dep") == [f"{start}bank:deposit"]
        assert offered(shell, f"{start}dep") == [f"{start}deposit"]
        assert offered(shell, f"{start}bank:deposit/") == [f"{start}bank:deposit/account/"]
        assert offered(shell, f"{start}bank:deposit/account/") == [f"{start}bank:deposit/account/{ada}"]
    assert offered(shell, "%issue bank:pay/account/1 a") == ["%issue bank:pay/account/1 amount="]
    assert offered(shell, "%issue bank:pay/account/1 amount=1 to=") == [f"%issue bank:pay/account/1 amount=1 to={ada}"]
    assert offered(shell, 'wb.issue("bank:pay", am') == ['wb.issue("bank:pay", amount=']
    assert offered(shell, 'wb.issue("bank:pay", amount=1, to=') == [f"wb.issue(\"bank:pay\", amount=1, to='{ada}'"]
    assert offered(shell, "%%issue bank:pay\nam") == ["%%issue bank:pay\namount = "]
    assert offered(shell, "%items a") == ["%items account"]
    assert offered(shell, "%issue bank:nothing/") == []
    assert offered(shell, 'other.issue("bank:dep') == []


def test_tab_offers_more_places(shell: Any, wb: Workbench) -> None:
    """Behind an assignment, over several lines, for ``on=``, in the other verbs and for ``%workbench`` as well."""
    ada = shell.run_line_magic("issue", "bank:open-account/account owner=Ada").target.identifier
    assert offered(shell, "step = %issue bank:dep") == ["step = %issue bank:deposit"]
    assert offered(shell, 'wb.issue("bank:pay",\n         amount=1,\n         t') == [
        'wb.issue("bank:pay",\n         amount=1,\n         to=']
    assert offered(shell, 'wb.issue("bank:pay", on=\'acc') == ["wb.issue(\"bank:pay\", on='account/'"]
    assert offered(shell, 'wb.issue("bank:pay", on=\'account/') == [f"wb.issue(\"bank:pay\", on='account/{ada}'"]
    assert offered(shell, "wb.form('bank:dep") == ["wb.form('bank:deposit"]
    assert offered(shell, "wb.items('a") == ["wb.items('account"]
    assert offered(shell, "wb.find('a") == ["wb.find('account"]
    assert offered(shell, "wb.fetch('a") == ["wb.fetch('account/"]
    assert offered(shell, "wb.fetch('account/") == [f"wb.fetch('account/{ada}"]
    assert offered(shell, "%workbench w") == ["%workbench wb"]


def test_tab_offers_branches_and_checkpoints(shell: Any, wb: Workbench) -> None:
    """By name, in the strings of the verbs that take them."""
    wb.branch("what if")
    wb.checkpoint("noon")
    for verb in ("switch", "merge", "pick", "drop"):
        assert offered(shell, f"wb.{verb}('") == [f"wb.{verb}('main", f"wb.{verb}('what if"]
    assert offered(shell, 'wb.compare("') == [f'wb.compare("{name}' for name in ("main", "noon", "what if")]
    assert offered(shell, "wb.switch('what i") == ["wb.switch('what if"]
    assert offered(shell, "wb.restore('") == ["wb.restore('noon"]


def test_tab_offers_the_fields_of_a_class(shell: Any, wb: Workbench) -> None:
    """Where a command or any other record is built, its fields are offered, and nothing that is ours alone."""
    shell.run_cell("from workbench.examples.bank import Pay")
    assert offered(shell, "Pay(") == ["Pay(amount=", "Pay(to="]
    assert offered(shell, "wb.issue(Pay(amount=(1, 2)[0],\n  t") == ["wb.issue(Pay(amount=(1, 2)[0],\n  to="]
    for text in ("Pay(amount=1).", "Pay(amount=t", "wb.issue(Pay(), o", "len(", "(t", ")"):
        assert offered(shell, text) == []


def test_tab_behind_an_item_and_in_a_response(shell: Any, wb: Workbench) -> None:
    """IPython's own completer offers of an item what is documented, with and without jedi, and of a response its names.
    """
    shell.user_ns["step"] = shell.run_line_magic("issue", "bank:open-account/account owner=Ada")
    shell.run_cell("ada = wb.fetch(step.target)\nanswer = step.response")
    had = shell.Completer.use_jedi
    try:
        for shell.Completer.use_jedi in (True, False):
            for text, names in (("ada.", {"balance", "etag", "identifier", "owner", "set"}), ('answer["', {"account"})):
                with provisionalcompleter():
                    assert {one.text.lstrip(".") for one in shell.Completer.completions(text, len(text))} == names
    finally:
        shell.Completer.use_jedi = had


def test_tab_tells_what_an_identifier_is(shell: Any, wb: Workbench) -> None:
    """An identifier is offered with what its item is called; one that is begun is found among however many."""
    first = shell.run_line_magic("issue", "bank:open-account/account owner=Ada").target.identifier
    for number in range(IDENTIFIERS):
        shell.run_line_magic("issue", f"bank:open-account/account owner=other{number}")
    text = "%issue bank:deposit/account/"
    with provisionalcompleter():
        kinds = {one.type for one in shell.Completer.completions(text, len(text))}
    assert kinds == {f"other{number}" for number in range(IDENTIFIERS)}
    assert offered(shell, text + str(first)[:13]) == [text + str(first)]


def test_tab_in_a_json_body(shell: Any, wb: Workbench) -> None:
    """In a body of JSON the names of fields and their values are offered as JSON writes them."""
    ada = shell.run_line_magic("issue", "bank:open-account/account owner=Ada").target.identifier
    assert offered(shell, '%%issue bank:pay\n{"am') == ['%%issue bank:pay\n{"amount": ']
    assert offered(shell, '%%issue bank:pay\n{"amount": 1,\n "t') == ['%%issue bank:pay\n{"amount": 1,\n "to": ']
    assert offered(shell, '%%issue bank:pay\n{"to": ') == [f'%%issue bank:pay\n{{"to": "{ada}"']
    assert offered(shell, '%%issue bank:pay\n{"to": "') == [f'%%issue bank:pay\n{{"to": "{ada}"']
    assert offered(shell, '%%issue bank:pay\n{"amount": ') == []


def test_tab_offers_the_values_that_a_field_admits(shell: Any, dsn: str) -> None:
    """Choices, members of an Enum and truth, quoted as the place wants it."""
    shop = Domain("shop")
    Size = Enum("Size", {"SMALL": "small", "LARGE": "very large"})

    @shop.command
    class Order(Command):
        size = field(Size)
        gift = field(bool)
        colour = field(str, choices=["red", "blue"])

    @shop.command_handler(Order)
    async def order(command: Order, context: Any) -> AsyncIterator[Any]:
        yield context.respond()

    with Workbench(shop, dsn=dsn) as shell.user_ns["wb"]:
        assert offered(shell, "%issue shop:order size=") == [
            "%issue shop:order size='very large'", "%issue shop:order size=small"]
        assert offered(shell, "%issue shop:order gift=T") == ["%issue shop:order gift=True"]
        assert offered(shell, 'wb.issue("shop:order", gift=F') == ['wb.issue("shop:order", gift=False']
        assert offered(shell, 'wb.issue("shop:order", colour=') == [
            f'wb.issue("shop:order", colour={value}' for value in ("'blue'", "'red'")]
        assert offered(shell, "%%issue shop:order\ngift = t") == ["%%issue shop:order\ngift = true"]
        assert offered(shell, '%%issue shop:order\ncolour = "b') == ['%%issue shop:order\ncolour = "blue"']
        order_placed = shell.run_line_magic("issue", "shop:order size='very large' gift=True colour=red").command
        assert (order_placed.size, order_placed.gift) == (Size.LARGE, True)


def test_tab_in_a_body_keeps_its_quotes(shell: Any, dsn: str) -> None:
    """A choice that holds quotes or a line break is offered as one text of TOML and of JSON, not as more fields."""
    desk = Domain("desk")
    choice = 'a"\nadmin = "é\\'

    @desk.command
    class Write(Command):
        title = field(str, choices=[choice])

    @desk.command_handler(Write)
    def write(command: Any, context: Any) -> Any:
        return context.respond()

    with Workbench(desk, dsn=dsn) as shell.user_ns["wb"]:
        [toml] = offered(shell, "%%issue desk:write\ntitle = ")
        [told] = offered(shell, '%%issue desk:write\n{"title": ')
    assert body(toml.partition("\n")[2]) == {"title": choice}
    assert body(told.partition("\n")[2] + "}") == {"title": choice}


def matched(wb: Workbench | None, text: str) -> set[str]:
    """What the matcher offers at the end of a text, before IPython chooses of it; of an item its identifier."""
    context = SimpleNamespace(text_until_cursor=text, full_text=text, cursor_line=0)
    completions = Completion(lambda _: wb, lambda: ["wb"], lambda _: None).match(context)["completions"]
    return {one.text.partition("card/")[2] or one.text for one in completions}


def test_tab_offers_no_code(dsn: str) -> None:
    """An identifier that would end the text in which it is completed, be run in a magic's line, or be another field of
    the command there, is not offered."""
    hostile = ['a"); exit("', "b'+exit()+'", "c\\", "d\ne", "f title=x", "{exit()}", "$HOME", "h?", "é-1"]
    with Workbench(desk(), dsn=dsn) as wb:
        for identifier in hostile:
            wb.issue("desk:write", on=Target("desk", "card", identifier), title="x")
        assert matched(wb, 'wb.fetch("card/') == {"b'+exit()+'", "f title=x", "{exit()}", "$HOME", "h?", "é-1"}
        assert matched(wb, "wb.fetch('card/") == {'a"); exit("', "f title=x", "{exit()}", "$HOME", "h?", "é-1"}
        assert matched(wb, "%issue desk:write/card/") == {"é-1"}


def test_tab_at_a_word_of_a_megabyte() -> None:
    """Below or behind one word of a megabyte Tab takes no longer than it takes to read it."""
    word = "a" * 1_000_000
    for text in (word, f"{word} ", f"({word} x", " " * len(word), f"{word}.issue('"):
        assert matched(None, text) == set()
