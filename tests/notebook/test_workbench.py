"""The Workbench outside of a kernel: its verbs, two of them side by side, closing, and a plain script."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests import editing
from tests.editing import Owner, desk
from workbench import Command, Context, Domain, Event, Insert, Resource, Target, Workbench, field
from workbench.errors import (
    Conflict,
    DatabaseError,
    DefinitionError,
    Invalid,
    ItemsLeftOut,
    LoopError,
    NothingTo,
    StalePlan,
    WorkbenchError,
)
from workbench.examples.bank import Account, Deposit, OpenAccount, Pay, bank
from workbench.notebook.bridge import Bridge
from workbench.notebook.shown.plan import ShownPlan

REPOSITORY = Path(__file__).resolve().parents[2]


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "workbench-loop"]


def test_the_tables_that_opening_made(dsn: str) -> None:
    """They are told where the workbench is shown, until something is issued; where they were there nothing is."""
    with Workbench(bank, Domain("empty"), dsn=dsn, user="ada") as wb:
        assert repr(wb) == ("<workbench on bank, empty: 0 steps pending, 0 items changed; user ada; "
                            "made the table bank_account>")
        assert repr(wb.rival("Eve")).endswith("; user Eve>")
        wb.issue(OpenAccount(owner="Ada"))
        assert repr(wb).endswith("; user ada>")
    with Workbench(desk(Owner, editing.Account), dsn=dsn) as wb:
        assert repr(wb).endswith("0 items changed; made the tables desk_owner, desk_account>")


def test_from_a_command_to_a_committed_row(wb: Workbench, dsn: str) -> None:
    """Commands pile up, show as frames and a plan, are undone and redone; commit writes what another then reads."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    wb.issue(f"bank:deposit/account/{ada.target.identifier}", amount="10.50")
    wb.issue("bank:deposit", on=ada, data={"amount": 2})
    assert wb.fetch(ada.target).balance == Decimal("12.50")
    assert [account.owner for account in wb.find(Account, owner="Ada")] == ["Ada"]
    assert list(wb.items("account")["state"]) == ["new"]
    assert list(wb.pending["mutation"]) == ["insert", "update", "update"]
    assert [step.number for step in wb.undo(2)] == [3, 2]
    assert wb.fetch(ada.target).balance == 0
    assert [step.number for step in wb.redo(2)] == [2, 3]
    plan = wb.plan()
    assert (len(plan), plan.summary) == (1, "1 to add, 0 to change, 0 to delete")
    assert repr(wb) == "<workbench on bank: 3 steps pending, 1 item changed; user ada>"
    assert repr(wb.commit(plan)).startswith("committed: 1 added, 0 changed, 0 deleted")
    assert repr(wb) == "<workbench on bank: 0 steps pending, 0 items changed; user ada>"
    assert (list(wb.items("account")["state"]), len(wb.pending), len(wb.steps)) == (["clean"], 0, 3)
    with Workbench(bank, dsn=dsn) as other:
        assert other.fetch("account/" + str(ada.target.identifier)).balance == Decimal("12.50")


def test_a_plan_that_is_no_longer_what_is_pending_is_refused(wb: Workbench) -> None:
    """Commit writes exactly the plan that was shown, or says what was issued since; the bare plan is taken as well."""
    wb.issue(OpenAccount(owner="Ada"))
    old = wb.plan()
    wb.issue(OpenAccount(owner="Bob"))
    with pytest.raises(StalePlan, match="issued: step 2, bank:open-account"):
        wb.commit(old)
    assert len(wb.commit(wb.plan().plan).plan) == 2
    with pytest.raises(NothingTo, match="no step is pending"):
        wb.commit()


def test_a_refused_command_changes_nothing(wb: Workbench) -> None:
    """Whatever issue raises, the workbench is as before; fields beside a command are refused, not dropped."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    for attempt in (
        lambda: wb.issue("bank:deposit", on=ada, amount="ten"), lambda: wb.issue(Deposit(amount=1), on=ada, amount=2),
        lambda: wb.issue("bank:withdraw", on=ada, amount=1), lambda: wb.issue("bank:depsit", on=ada),
        lambda: wb.issue(ada),  # type: ignore[arg-type]
    ):
        with pytest.raises(WorkbenchError):
            attempt()
        assert len(wb.session.steps) == 1
        assert wb.fetch(ada.target).balance == 0


def test_a_slip_in_a_verb(wb: Workbench) -> None:
    """What a workbench, a plan and the like do not have is told with what was meant, which a notebook's own traceback
    leaves out; what a notebook asks of any object they simply have not."""
    with pytest.raises(AttributeError, match=r'a workbench has no "isue"; did you mean "issue"\? dir\(…\) lists all'):
        wb.isue(OpenAccount(owner="Ada"))    # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r'a workbench has no "trace"; wb.timeline\(\) draws all branches and '
                                             r'their steps, wb.diagram\(step\) what one command did'):
        wb.trace()      # type: ignore[attr-defined]
    for name in ("rollback", "reset", "discard"):
        with pytest.raises(AttributeError, match=f'has no "{name}"; wb.goto\\(0\\) takes back all that is pending, '):
            getattr(wb, name)
    wb.issue(OpenAccount(owner="Ada"))
    plan = wb.plan()
    with pytest.raises(AttributeError, match=r'a plan has no "chek"; did you mean "check"\? dir\(…\) lists all that'):
        plan.chek()     # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r'a check has no "violation"; did you mean "violations"\?'):
        plan.check().violation      # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError, match=r'a list of steps has no "vreb"; did you mean "verb"\?'):
        wb.undo().vreb      # type: ignore[attr-defined]  # noqa: B018
    assert not any(hasattr(one, "_repr_latex_") for one in (wb, plan))


def test_a_property_that_fails_says_how(wb: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """An AttributeError from within a property is not taken for a name that is not there."""
    monkeypatch.setattr(ShownPlan, "summary", property(lambda plan: plan.plan.nothing))
    with pytest.raises(AttributeError, match="'Plan' object has no attribute 'nothing'"):
        wb.plan().summary       # noqa: B018


def test_two_workbenches_do_not_cross(wb: Workbench, dsn: str) -> None:
    """What one has pending the other does not see; what one committed meets the other's change as a conflict."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    with Workbench(bank, dsn=dsn, user="rival") as rival:
        assert rival.find(Account) == []
        assert (len(rival.items(Account)), len(rival.pending), len(rival.steps)) == (0, 0, 0)
        wb.commit()
        rival.issue(Deposit(amount=1), on=ada)
        wb.issue(Deposit(amount=5), on=ada)
        rival.commit()
        with pytest.raises(Conflict, match="everything pending is kept") as raised:
            wb.commit()
        assert [item.target for item in raised.value.items] == [ada.target]
        assert (list(wb.pending["step"]), list(wb.pending["user"]), list(rival.steps["user"])) == (
            [2], ["ada"], ["rival"])
    wb.undo()
    assert wb.refresh("account") == 1
    wb.issue(Deposit(amount=5), on=ada)
    wb.commit()
    assert wb.fetch(ada.target).balance == 6


def test_what_is_no_step_has_no_diagram(wb: Workbench) -> None:
    """A diagram of anything but a step is refused in words."""
    with pytest.raises(Invalid, match=r"step: 1 is no step; give one, as wb.issue\(…\) returns it"):
        wb.diagram(1)       # type: ignore[arg-type]  # which is the point


def test_a_rival_says_who_it_is(wb: Workbench) -> None:
    """A workbench is shown with its user, where it has one."""
    assert repr(wb.rival("Eve")) == "<workbench on bank: 0 steps pending, 0 items changed; user Eve>"


def test_items_that_no_longer_fit_are_told(dsn: str) -> None:
    """A frame that leaves out items of an earlier definition warns, and says of each why it does not fit."""
    desk = Domain("desk")

    def define(**fields: Any) -> Any:
        return desk.resource(type("Card", (Resource,), {"__module__": __name__, "__qualname__": "Card", **fields}))

    card = define(name=field(str))
    with Workbench(desk, dsn=dsn) as wb:
        for number in range(8):
            identifier = UUID(int=number)
            wb.session.manager.cache.take(Target("desk", "card", identifier), card(_id=identifier, name="x"))
        assert len(wb.items("card")) == 8
        define(name=field(str), since=field(date))
        with pytest.warns(ItemsLeftOut, match="8 items do not fit desk:card as it is defined now, and are left out\n"
                          "  desk:card/00000000-0000-0000-0000-000000000000: since: is missing; .*before the field "
                          r"was added.*\n(.*\n)*  … and 3 more$"):
            assert wb.items("card").empty


async def test_an_await_too_many(wb: Workbench, tmp_path: Path) -> None:
    """Whoever awaits what a verb gives gets it all the same: the deed is done, and not done twice as after an error."""
    step = wb.issue(OpenAccount(owner="Ada"))
    assert await step is step
    for verb in (
        lambda: wb.issue_many([(Deposit(amount=1), step)]), wb.plan, lambda: wb.plan().check(), wb.rebase, wb.undo,
        wb.redo, lambda: wb.checkpoint("before"), lambda: wb.compare("before"), wb.tables,
        lambda: wb.plan().save(tmp_path / "p.json"), wb.commit, lambda: wb.revert(1),
    ):
        given: Any = verb()
        assert await given is given, verb
    assert len(wb.session.commits) == 1


async def test_in_a_running_loop(wb: Workbench) -> None:
    """Within a running loop the verbs block, and those of `aio` are awaited while that loop goes on."""
    ada = wb.issue(OpenAccount(owner="Ada"))
    steps = await asyncio.gather(*(wb.aio.issue(Deposit(amount=amount), on=ada) for amount in (1, 2, 3)))
    assert sorted(step.number for step in steps) == [2, 3, 4]
    assert (await wb.aio.fetch(ada.target)).balance == 6
    assert [account.balance for account in await wb.aio.find("account", owner="Ada")] == [6]
    plan = wb.plan()
    assert (await wb.aio.commit(plan)).plan is plan.plan
    with pytest.raises(LoopError, match="opened by another event loop"):
        async with wb.session.engine.acquire():
            pass


def test_showing_needs_no_database(wb: Workbench) -> None:
    """With the connections gone, frames, plans, SQL and steps are shown all the same; only what reads fails."""
    ada, bob = wb.issue(OpenAccount(owner="Ada")), wb.issue(OpenAccount(owner="Bob"))
    wb.issue(Deposit(amount=7), on=ada)
    paid = wb.issue(Pay(amount=7, to=bob.target.identifier), on=ada)
    wb._bridge.run(wb.session.engine.close())
    plan = wb.plan()
    assert list(wb.items("account")["balance"]) == [0, 7]
    assert (len(wb.pending), len(wb.steps), len(plan.frame())) == (5, 4, 2)
    assert "-- insert 2 of bank_account" in plan._repr_html_()
    assert "bank_account" in plan.sql()
    assert "step 4: bank:pay" in plan.why(ada.target)
    assert "Traceback" not in plan._repr_html_() + repr(plan) + repr(paid) + repr(wb)
    wb.undo()
    wb.redo()
    with pytest.raises(DatabaseError, match="is closed"):
        wb.find(Account)


USES: dict[str, Callable[[Workbench], Any]] = {
    "issue": lambda wb: wb.issue(OpenAccount(owner="Ada")), "fetch": lambda wb: wb.fetch("account/1"),
    "find": lambda wb: wb.find(Account), "refresh": lambda wb: wb.refresh(Account), "undo": lambda wb: wb.undo(),
    "redo": lambda wb: wb.redo(), "plan": lambda wb: wb.plan(), "commit": lambda wb: wb.commit(),
    "items": lambda wb: wb.items(Account), "pending": lambda wb: wb.pending, "steps": lambda wb: wb.steps,
    "aio": lambda wb: wb.aio,
}


@pytest.fixture(scope="module")
def closed(server_dsn: str) -> Workbench:
    opened = Workbench(bank, dsn=server_dsn)
    opened.close()
    opened.close()
    return opened


@pytest.mark.parametrize("verb", USES)
def test_a_closed_one_says_so(closed: Workbench, verb: str) -> None:
    """After close, which may be called twice, every verb says that it is closed and how to open another."""
    with pytest.raises(WorkbenchError, match=r"this workbench is closed.*open another one: Workbench\(bank\)"):
        USES[verb](closed)
    assert repr(closed) == "<workbench on bank: closed>"


def test_one_that_cannot_open_leaves_nothing() -> None:
    """A workbench that fails to open closes its loop's thread and says why: the faults, or where no server was."""
    before = threads()
    lame = Domain("lame")

    @lame.command
    class Halt(Command):
        pass

    with pytest.raises(DefinitionError, match="cannot be opened yet") as faulty:
        Workbench(lame)
    with pytest.raises(DatabaseError, match=r"could not connect to postgresql://ada:\*\*\*@127.0.0.1:1/bank") as lost:
        Workbench(bank, dsn="postgresql://ada:secret@127.0.0.1:1/bank")
    assert (threads(), faulty.type, lost.type) == (before, DefinitionError, DatabaseError)     # held, with their frames


def test_a_dropped_one_closes_itself(dsn: str) -> None:
    """A workbench that nobody holds any more has closed its connections and ended its thread."""
    before, watching = threads(), Bridge()
    connection = watching.run(asyncpg.connect(dsn))
    count = ("SELECT count(*) FROM pg_stat_activity "
             "WHERE application_name = 'workbench' AND datname = current_database()")
    wb = Workbench(bank, dsn=dsn)
    assert watching.run(connection.fetchval(count)) == 1
    del wb
    gc.collect()
    while watching.run(connection.fetchval(count)):     # the server takes a moment to notice
        watching.run(connection.fetchval("SELECT pg_sleep(0.01)"))
    watching.run(connection.close())
    watching.close()
    assert threads() == before


SCRIPT = """
import sys
from workbench import Workbench
from workbench.examples.bank import Account, Deposit, OpenAccount, bank
wb = Workbench(bank, folder=sys.argv[1])
ada = wb.issue(OpenAccount(owner="Ada"))
wb.issue(Deposit(amount=10), on=ada)
print(ada.cell, len(wb.commit().plan))
print([account.balance for account in Workbench(bank, folder=sys.argv[1]).find(Account)], "IPython" in sys.modules)
"""


def test_a_plain_script() -> None:
    """Without IPython, and never closed, it works; at exit no word is printed, and the embedded server is stopped."""
    place = Path(tempfile.mkdtemp(prefix="wb-test-"))   # not pytest's folder: as root the server has its own user
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "ignore::DeprecationWarning", "-c", SCRIPT, str(place)],
        env={name: value for name, value in os.environ.items() if name != "WORKBENCH_DSN"}
        | {"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "None 1", "[Decimal('10')] False"]
    assert json.loads((place / "postgres.json").read_text())["holders"] == {}
    assert not (place / "postgres" / "postmaster.pid").exists()
    shutil.rmtree(place)


@pytest.mark.parametrize("endless", ["events", "responses", "mutations"])
def test_a_handler_without_end_is_interrupted(dsn: str, endless: str) -> None:
    """A handler that yields for ever, and never awaits, ends where it is interrupted, and others can work again."""
    domain = Domain("busy")

    @domain.resource
    class Thing(Resource):
        name = field(str)

    @domain.command(on=Thing)
    class Make(Command):
        how = field(str)

    @domain.event
    class ThingMade(Event):
        how = field(str)

    def interrupted(number: int) -> None:
        if number == 3:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    @domain.command_handler(Make)
    async def make(command: Make, context: Context) -> Any:
        for number in count() if command.how in ("events", "responses") else [0]:
            interrupted(number)
            yield (context.respond(number=number) if command.how == "responses" else
                   ThingMade(how=command.how).on(Target("busy", "thing", UUID(int=number))))

    @domain.event_handler(ThingMade)
    async def made(event: ThingMade, context: Context) -> Any:
        for number in count() if event.how == "mutations" else [0]:
            interrupted(number)
            yield Insert(Target("busy", "thing", uuid4()), name="x")

    with Workbench(domain, dsn=dsn) as wb:
        with pytest.raises(KeyboardInterrupt) as caught:
            wb.issue(Make(how=endless))
        assert getattr(caught.value, "__notes__", []) == []
        assert list(wb.steps.index) == []
        assert wb.issue(Make(how="once")).number == 1


def test_an_interrupted_command_comes_to_nothing(dsn: str) -> None:
    """A handler that never awaits runs on when it is interrupted; yet its step is not pending, then or later, be it one
    command or many."""
    domain = Domain("busy")
    ends = threading.Event()

    @domain.resource
    class Thing(Resource):
        name = field(str)

    @domain.command(on=Thing)
    class Make(Command):
        name = field(str)

    @domain.event
    class ThingMade(Event):
        name = field(str)

    @domain.command_handler(Make)
    def make(command: Make, context: Context) -> ThingMade:
        if command.name == "slow":
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            ends.wait(10)
        return ThingMade(name=command.name).on(context.target)

    @domain.event_handler(ThingMade)
    def made(event: ThingMade, context: Context) -> Insert:
        return Insert(event.target, name=event.name)

    with Workbench(domain, dsn=dsn) as wb:
        for issue in (lambda: wb.issue(Make(name="slow")), lambda: wb.issue_many([Make(name="a"), Make(name="slow")])):
            ends.clear()
            threading.Timer(0.3, ends.set).start()
            with pytest.raises(KeyboardInterrupt):
                issue()
            wb.issue(Make(name="fast"))
            assert list(wb.items("thing")["name"]) == ["fast"]
            wb.undo()
