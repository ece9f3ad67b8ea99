"""The magics and their completion, in a real IPython shell and in a real kernel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import Enum
from gc import collect
from pathlib import Path
from typing import Any
from weakref import ref

import pytest
from IPython.core.completer import provisionalcompleter

from tests.notebook.kernels import Kernel
from tests.notebook.markup import words
from workbench import Command, Datadef, Domain, Workbench, field
from workbench.errors import Invalid, UnknownName, WorkbenchError
from workbench.examples.bank import OpenAccount
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


def line(shell: Any, name: str, text: str = "") -> Any:
    return shell.run_line_magic(name, text)


def test_a_day_in_magics(shell: Any, wb: Workbench) -> None:
    """Each line does what the verb does, and gives what it gives."""
    ada = line(shell, "issue", "bank:open-account/account owner='Ada Lovelace'")
    where = f"account/{ada.target.identifier}"
    line(shell, "issue", f"bank:deposit/{where} amount=10.50")
    shell.run_cell_magic("issue", f"bank:deposit/{where}", 'amount = "2"')
    shell.run_cell_magic("issue", f"deposit/{where}", '{"amount": 3}')
    assert [len(line(shell, "undo", "2")), len(line(shell, "redo"))] == [2, 1]
    assert [str(balance) for balance in line(shell, "items", "account").balance] == ["12.50"]
    assert line(shell, "plan").summary == "1 to add, 0 to change, 0 to delete"
    assert line(shell, "check").frame().empty
    line(shell, "commit")
    assert len(wb.pending) == 0


def test_the_newest_open_one_is_used_until_another_is_chosen(shell: Any, wb: Workbench) -> None:
    """Without a choice it is the newest that is open; a choice holds, and one that is closed is told in words."""
    shell.user_ns["bob"] = bob = wb.rival("Bob")
    assert line(shell, "workbench") is bob
    assert line(shell, "workbench", "wb") is wb
    with pytest.raises(UnknownName, match='no open workbench "bobb" in this notebook; did you mean "bob"'):
        line(shell, "workbench", "bobb")
    assert line(shell, "workbench") is wb
    line(shell, "workbench", "bob")
    bob.close()
    with pytest.raises(UnknownName, match='no open workbench "bob" in this notebook; .*there is: wb'):
        line(shell, "plan")


def test_without_a_workbench_the_way_out_is_told(shell: Any) -> None:
    """No workbench: the error says how to open one."""
    with pytest.raises(WorkbenchError, match=r"no open workbench in this notebook; open one first: wb = Workbench"):
        line(shell, "plan")


def test_what_cannot_be_read_is_told_all_at_once(shell: Any, wb: Workbench) -> None:
    """Words that are no fields, open quotes, a body in neither form and numbers that are none issue nothing."""
    with pytest.raises(Invalid, match=r"(?s)'ten' is no field.*amount.*stands there twice"):
        line(shell, "issue", "bank:deposit ten amount=1 amount=2")
    for text, reason in (("", "names no command"), ("bank:deposit note='a", "a quote is opened and not closed")):
        with pytest.raises(Invalid, match=reason):
            line(shell, "issue", text)
    for text, reason in (("amount 10", "the body is not TOML"), ("{", "the body is not JSON"), ("[1]", "is a list")):
        with pytest.raises(Invalid, match=reason):
            shell.run_cell_magic("issue", "bank:deposit", text)
    with pytest.raises(Invalid, match="stands in the line and beneath it"):
        shell.run_cell_magic("issue", "bank:deposit amount=1", "amount = 2")
    with pytest.raises(Invalid, match="'all' is no number of steps; as in %undo 2"):
        line(shell, "undo", "all")
    with pytest.raises(Invalid, match="it takes no words"):
        line(shell, "commit", "account")
    assert wb.session.steps == []


def test_a_list_in_a_line(shell: Any, dsn: str) -> None:
    """In a line a list, an object or a record is JSON in quotes; the text of a text field stays as it is."""
    library = Domain("library")

    @library.command
    class AddBook(Command):
        authors = field(list[str])
        facts = field(dict | None)
        title = field(str)

    @library.command_handler(AddBook)
    def add_book(command: Any, context: Any) -> Any:
        return context.respond(authors=list(command.authors), facts=command.facts, title=command.title)

    with Workbench(library, dsn=dsn) as wb:
        shell.user_ns["wb"] = wb
        for address in ("library:add-book", "add-book"):
            told = line(shell, "issue", f"""{address} authors='["Ada", "Eve"]' facts='{{"pages": 3}}' title='[x]'""")
            assert dict(told.output) == {"authors": ["Ada", "Eve"], "facts": {"pages": 3}, "title": "[x]"}
        with pytest.raises(Invalid, match=r"""authors: '\[Ada\]' is not JSON: .*; write authors='\["a", "b"\]', or """
                                          "use %%issue"):
            line(shell, "issue", "add-book authors=[Ada] title=x")


def test_a_line_that_is_not_right_is_told_what_would_do(shell: Any, dsn: str) -> None:
    """For a record the example of JSON is an object with a field of its own; ``on=`` is the end of the address."""
    people = Domain("people")

    class Contact(Datadef):
        email = field(str)

    @people.command
    class Join(Command):
        contact = field(Contact)
        facts = field(dict, initial={})

    @people.command_handler(Join)
    def join(command: Any, context: Any) -> Any:
        return context.respond()

    with Workbench(people, dsn=dsn) as shell.user_ns["wb"]:
        with pytest.raises(Invalid, match="""write contact='{"email": "…"}', or use %%issue"""):
            line(shell, "issue", "people:join contact={email}")
        with pytest.raises(Invalid, match="""write facts='{"a": "b"}', or use %%issue"""):
            line(shell, "issue", "people:join facts={a}")
        with pytest.raises(Invalid, match="on: what it is on is the end of the address: %issue join/member/1"):
            line(shell, "issue", "join on=member/1")
        with pytest.raises(UnknownName):
            line(shell, "issue", "nothing on=member/1")


def test_items_of_no_resource(shell: Any, wb: Workbench) -> None:
    """Without a resource items are counted, of every resource by their state; the magic alone does the same."""
    wb.issue(OpenAccount(owner="Ada"))
    counts = wb.items()
    assert (counts.index.name, list(counts.columns)) == ("resource", ["new", "changed", "deleted", "clean"])
    assert counts.loc["bank:account"].tolist() == [1, 0, 0, 0]
    assert shell.run_line_magic("items", "").equals(counts)


def test_a_step_in_a_cell_names_its_items(shell: Any, wb: Workbench) -> None:
    """It is shown with what its items are called in the workbench that has it, undone and committed too; a workbench
    is not kept alive by that."""
    def shown(step: Any) -> str:
        return words(shell.display_formatter.format(step)[0]["text/html"])

    step = line(shell, "issue", "bank:open-account/account owner=Ada")
    called = f"bank:account Ada · {step.target.identifier}"
    assert called in shown(step)
    wb.commit()
    assert called in shown(step)
    deposit = line(shell, "issue", f"bank:deposit/account/{step.target.identifier} amount=1")
    wb.undo()
    assert called in shown(deposit)
    with wb.rival("bob") as rival:
        assert "bank:account Eve · " in shown(rival.issue(OpenAccount(owner="Eve")))
        kept = ref(rival.session.manager)
    del rival
    wb._rivals.clear()
    collect()
    assert kept() is None


def test_tab_offers_addresses_fields_and_identifiers(shell: Any, wb: Workbench) -> None:
    """In a magic, in its body and in a string of wb.issue: commands, resources, identifiers, fields, references."""
    ada = line(shell, "issue", "bank:open-account/account owner=Ada").target.identifier
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
    ada = line(shell, "issue", "bank:open-account/account owner=Ada").target.identifier
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
    shell.user_ns["step"] = line(shell, "issue", "bank:open-account/account owner=Ada")
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
    first = line(shell, "issue", "bank:open-account/account owner=Ada").target.identifier
    for number in range(IDENTIFIERS):
        line(shell, "issue", f"bank:open-account/account owner=other{number}")
    text = "%issue bank:deposit/account/"
    with provisionalcompleter():
        kinds = {one.type for one in shell.Completer.completions(text, len(text))}
    assert kinds == {f"other{number}" for number in range(IDENTIFIERS)}
    assert offered(shell, text + str(first)[:13]) == [text + str(first)]


def test_tab_in_a_json_body(shell: Any, wb: Workbench) -> None:
    """In a body of JSON the names of fields and their values are offered as JSON writes them."""
    ada = line(shell, "issue", "bank:open-account/account owner=Ada").target.identifier
    assert offered(shell, '%%issue bank:pay\n{"am') == ['%%issue bank:pay\n{"amount": ']
    assert offered(shell, '%%issue bank:pay\n{"amount": 1,\n "t') == ['%%issue bank:pay\n{"amount": 1,\n "to": ']
    assert offered(shell, '%%issue bank:pay\n{"to": ') == [f'%%issue bank:pay\n{{"to": "{ada}"']
    assert offered(shell, '%%issue bank:pay\n{"to": "') == [f'%%issue bank:pay\n{{"to": "{ada}"']
    assert offered(shell, '%%issue bank:pay\n{"amount": ') == []


def test_help(shell: Any, wb: Workbench, capsys: pytest.CaptureFixture[str]) -> None:
    """A question mark behind a command shows its fields; behind a magic, how it is written."""
    shell.run_cell("from workbench.examples.bank import Pay\nPay?\n%issue?")
    told = capsys.readouterr().out
    assert "Pay(amount=…, to=…)" in told
    assert "Sends money to another account." in told
    assert "to      a UUID, required: the account that gets it" in told
    assert "``%issue bank:deposit/account/<id> amount=10``" in told


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
        order_placed = line(shell, "issue", "shop:order size='very large' gift=True colour=red").command
        assert (order_placed.size, order_placed.gift) == (Size.LARGE, True)


def test_in_a_kernel(dsn: str, tmp_path: Path) -> None:
    """In a kernel the lines show what they give, and the front end's Tab is answered."""
    with Kernel.started(tmp_path) as kernel:
        kernel.execute("%load_ext workbench")
        refused = kernel.execute("%plan", fails=True)
        assert (refused.error, "open one first" in refused.traceback) == ("WorkbenchError", True)
        kernel.execute(f"from workbench import *\nfrom workbench.examples.bank import bank\nwb = Workbench(bank, "
                       f"dsn={dsn!r})")
        assert "text/html" in kernel.execute("%%issue bank:open-account/account\nowner = 'Ada'").data
        assert kernel.execute("%undo").value is not None
        asked = kernel.execute("get_ipython().kernel.do_complete('%issue bank:dep', 15)['matches']")
        assert asked.value == "['bank:deposit']"


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
