"""As a test: the test of a session passes as it is written, and says what it leaves out; each is really run here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.state.domains import held, manage
from workbench import Command, Context, Domain, Event, Insert, Resource, Target, Update, field
from workbench.errors import Conflict, Invalid, NotFound, WorkbenchError
from workbench.examples.bank import Account, Deposit, OpenAccount, Withdraw, bank
from workbench.state.manager import StateManager
from workbench.state.planning.plan import Plan
from workbench.state.reader import MemoryReader
from workbench.state.retelling.as_script import script_of
from workbench.state.retelling.as_test import recorded_test

outcome = Domain("outcome")
wb = Domain("wb")
book = Domain("book")


@outcome.command
@wb.command
class Go(Command):
    pass


@outcome.event
@wb.event
class Gone(Event):
    pass


@book.resource
class Entry(Resource):
    by = field(str | None)


@book.command(on=Entry)
class Sign(Command):
    pass


@book.event
class Signed(Event):
    by = field(str | None)


@book.command(on=Entry)
class Look(Command):
    pass


@book.command(on=Entry)
class Seek(Command):
    pass


@book.command(on=Entry)
class Rename(Command):
    by = field(str)


@book.event
class Renamed(Event):
    by = field(str)


@book.command_handler(Look)
async def look(command: Look, context: Context) -> AsyncIterator[Any]:
    seen = await context.fetch(Entry, context.target.identifier)
    yield context.respond(by=seen.by)


@book.command_handler(Seek)
async def seek(command: Seek, context: Context) -> AsyncIterator[Any]:
    try:
        await context.fetch(context.target)
    except NotFound:
        yield context.respond(found=False)
    else:
        yield context.respond(found=True)


@book.command_handler(Rename)
async def rename(command: Rename, context: Context) -> AsyncIterator[Renamed]:
    yield Renamed(by=command.by).on(context.target)


@book.event_handler(Renamed)
def renamed(event: Renamed, context: Context) -> Update:
    return Update(event.target, by=event.by)


@book.command_handler(Sign)
async def sign(command: Sign, context: Context) -> AsyncIterator[Signed]:
    yield Signed(by=context.user).on(context.target)


@book.event_handler(Signed)
def signed(event: Signed, context: Context) -> Insert:
    return Insert(event.target, by=event.by)


dated = Domain("dated")


@dated.resource
class Page(Resource):
    at = field(datetime)


@dated.command(on=Page)
class Write(Command):
    pass


@dated.event
class Written(Event):
    pass


@dated.command_handler(Write)
async def write(command: Write, context: Context) -> AsyncIterator[Written]:
    yield Written().on(context.target)


@dated.event_handler(Written)
def written(event: Written, context: Context) -> Insert:
    return Insert(event.target, at=context.now)


for domain in (outcome, wb):
    domain.command_handler(Go)(lambda command, context: Gone())
    domain.event_handler(Gone)(lambda event, context: [])


def told(manager: StateManager, plans: Iterable[Plan] = ()) -> str:
    """The test of a session, which passes."""
    source = recorded_test(manager.here, manager.refusals, list(plans), manager.cache, manager.registry)
    names: dict[str, Any] = {}
    exec(compile(source, "recorded", "exec"), names)
    names["test_session"]()
    return source


async def refuse(manager: StateManager, command: Command, on: Any, **more: Any) -> None:
    """Issues a command that is refused."""
    with pytest.raises(WorkbenchError):
        await manager.issue(command, on=on, **more)


async def opened(manager: StateManager, amount: int = 10) -> Target:
    """An account with some money."""
    account = (await manager.issue(OpenAccount(owner="Ada"))).target
    await manager.issue(Deposit(amount=amount), on=account)
    return account


STORED = Target("bank", "account", UUID(int=900))



ENTRY = Target("book", "entry", UUID(int=900))


def entry(by: str) -> Entry:
    return Entry(_id=ENTRY.identifier, by=by, _etag=by)


def stored(balance: int) -> Account:
    return Account(_id=STORED.identifier, owner="Eve", balance=balance, _etag=str(balance))


async def test_the_last_command_was_refused() -> None:
    """The plan is expected of the refusal then, as what is there behind it."""
    manager = manage(bank)
    ada = await opened(manager)
    await refuse(manager, Withdraw(amount=50), ada)
    assert "refused='Ada has 10 EUR, less than 50', plan=[Insert(account_1, owner='Ada'" in told(manager)


async def test_a_domain_by_the_name_of_a_variable() -> None:
    """A domain that is called as a variable of the test or of the script is imported under another name."""
    manager = manage(outcome)
    await manager.issue(Go())
    assert "outcome as outcome_2" in told(manager)
    manager = manage(wb)
    await manager.issue(Go())
    assert "wb = Workbench(wb_2)" in script_of(manager.state, manager.registry)


async def test_refusals_behind_steps_that_are_no_longer_there() -> None:
    """What was refused behind a step that was undone, or on a branch that was replaced, is not told of another line."""
    manager = manage(bank)
    ada = await opened(manager)
    await refuse(manager, Withdraw(amount=50), ada)
    manager.history.undo()
    await manager.issue(Deposit(amount=20), on=ada)
    assert "refused=" not in told(manager)
    manager.history.branch("b")
    manager.history.switch("b")
    await manager.issue(Deposit(amount=1), on=ada)
    await refuse(manager, Withdraw(amount=50), ada)
    assert "refused='Ada has 21 EUR" in told(manager)
    manager.history.switch("main")
    manager.history.branch("b", replace=True)
    manager.history.switch("b")
    await manager.issue(Deposit(amount=2), on=ada)
    assert "refused=" not in told(manager)
    assert "left out" not in told(manager)


async def test_an_item_that_only_a_refused_command_read() -> None:
    """It is given, as the command read it."""
    reader = MemoryReader({STORED: stored(3)})
    manager = manage(bank, reader=reader)
    await refuse(manager, Withdraw(amount=5), STORED)
    await opened(manager)
    reader.items[STORED] = stored(4)
    await manager.refresh("account")
    source = told(manager)
    assert "owner='Eve', balance=Decimal('3')" in source
    assert "refused='Eve has 3 EUR, less than 5'" in source


async def test_an_item_that_moved_since_it_was_read() -> None:
    """Where nobody knows it as it was, what the command came to by it is left out, and said to be."""
    reader = MemoryReader({ENTRY: entry("x")})
    manager = manage(book, reader=reader)
    await manager.issue(Look(), on=ENTRY)
    reader.items[ENTRY] = entry("y")
    await manager.refresh("entry")
    source = told(manager)
    assert "# step 1: its response left out, otherwise here: in the session it saw what this test does not" in source
    assert "response=" not in source


async def test_an_item_that_came_since_it_was_looked_for() -> None:
    """It is not given: the command did not find it, whoever has added it since."""
    reader = MemoryReader()
    manager = manage(book, reader=reader)
    await manager.issue(Seek(), on=ENTRY)
    reader.items[ENTRY] = entry("x")
    await manager.fetch(ENTRY)
    source = told(manager)
    assert "response={'found': False}" in source
    assert "left out" not in source


async def test_an_item_that_another_branch_changed_since_it_was_read() -> None:
    """The plan that was committed knows it as it was, and so it is given."""
    reader = MemoryReader({ENTRY: entry("x")})
    manager = manage(book, reader=reader)
    manager.history.branch("b")
    manager.history.switch("b")
    await manager.issue(Look(), on=ENTRY)
    manager.history.switch("main")
    await manager.issue(Rename(by="y"), on=ENTRY)
    plan = manager.plan()
    held(manager).settle(plan)
    manager.history.switch("b")
    assert "given(book, Entry(_id=UUID('00000000-0000-0000-0000-000000000384'), by='x'))" in told(manager, [plan])


async def test_a_refusal_by_an_etag() -> None:
    """No test can name an etag: the refusal is left out, and said to be."""
    manager = manage(bank)
    ada = await opened(manager)
    with pytest.raises(Conflict):
        await manager.issue(Deposit(amount=5), on=ada, if_match="old")
    assert "# bank:deposit: left out, as it is not refused here as it was (Conflict)" in told(manager)


async def test_what_another_branch_committed() -> None:
    """A command that read what another branch committed beyond the fork comes to another response here: that and the
    plan are left out, and said to be."""
    manager = manage(bank)
    ada = (await manager.issue(OpenAccount(owner="Ada"))).target
    manager.history.branch("b")
    await manager.issue(Deposit(amount=6), on=ada)
    plan = manager.plan()
    reader: Any = manager.reader
    reader.items.update({change.target: change.after for change in plan.changes})
    held(manager).settle(plan)
    manager.history.switch("b")
    assert (await manager.issue(Deposit(amount=6), on=ada)).output == {"balance": Decimal(12)}
    source = told(manager, [plan])
    assert "# step 2: its response left out, otherwise here: in the session it saw what" in source
    assert "# the plan is left out: it was made of more than this test tells" in source


async def test_users_and_moments() -> None:
    """Who issued a command, and when, is told where a handler looks at it, and only there."""
    manager = manage(book)
    await manager.issue(Sign())
    manager.user = "bob"
    await manager.issue(Sign())
    source = told(manager)
    assert ("user='ada'" in source, "user='bob'" in source, "at=datetime" in source) == (True, True, False)
    manager = manage(dated)
    await manager.issue(Write())
    source = told(manager)
    assert "at=datetime.datetime(2013, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)).then(" in source
    manager = manage(bank)
    await opened(manager)
    assert ("user=" in told(manager), " at=" in told(manager)) == (False, False)


@pytest.mark.parametrize("name", ["test_lib.py", "a day", "a-day", 7])
def test_a_name_that_no_function_can_have(name: Any) -> None:
    """It is refused, with a name that would do; the file's name is for ``save``."""
    manager = manage(bank)
    with pytest.raises(Invalid) as refused:
        recorded_test(manager.here, [], [], manager.cache, manager.registry, name=name)
    bare = {"test_lib.py": "lib", 7: "7"}.get(name, "a_day")
    assert f'as_test("{bare}"), and a file is written by .save("test_{bare}.py")' in str(refused.value)
    assert f"def test_{bare}()" in recorded_test(
        manager.here, [], [], manager.cache, manager.registry, name=bare)


async def test_an_error_that_is_no_refusal() -> None:
    """A handler that broke is not expected to break again: it is left out, and said to be."""
    faulty = Domain("faulty")
    faulty.command(Go)
    faulty.command_handler(Go)(broken)
    manager = manage(faulty)
    with pytest.raises(ZeroDivisionError):
        await manager.issue(Go())
    source = recorded_test(manager.here, manager.refusals, [], manager.cache, manager.registry)
    assert "# faulty:go: left out, as it is not refused here as it was (ZeroDivisionError)" in source


def broken(command: Go, context: Context) -> Event:
    raise ZeroDivisionError("by nothing")
