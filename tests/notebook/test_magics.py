"""The magics, in a real IPython shell and in a real kernel."""

from __future__ import annotations

from gc import collect
from pathlib import Path
from typing import Any
from weakref import ref

import pytest

from tests.notebook.kernels import Kernel
from tests.notebook.markup import words
from workbench import Command, Datadef, Domain, Workbench, field
from workbench.errors import Invalid, UnknownName, WorkbenchError
from workbench.examples.bank import OpenAccount
from workbench.notebook.magics import load_ipython_extension


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


def test_a_line_is_taken_as_it_stands(shell: Any, wb: Workbench) -> None:
    """What IPython would put a value of the notebook for, in braces or behind a dollar, is the text of a field."""
    shell.user_ns["name"] = "Eve"
    for owner in ("{1+1}", "{name}", "$name", "{{name}}"):
        told = shell.run_cell(f"%issue bank:open-account owner='{owner}'")
        assert told.result.command.owner == owner
    told = shell.run_cell("%%issue bank:open-account owner='{name}'\n{}")
    assert told.error_in_exec is None
    assert told.result.command.owner == "{name}"


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


def test_help(shell: Any, wb: Workbench, capsys: pytest.CaptureFixture[str]) -> None:
    """A question mark behind a command shows its fields; behind a magic, how it is written."""
    shell.run_cell("from workbench.examples.bank import Pay\nPay?\n%issue?")
    told = capsys.readouterr().out
    assert "Pay(amount=…, to=…)" in told
    assert "Sends money to another account." in told
    assert "to      a UUID, required: the account that gets it" in told
    assert "``%issue bank:deposit/account/<id> amount=10``" in told


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
