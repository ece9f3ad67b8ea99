"""Tables as a notebook shows them, and a resource's cell run again in a real kernel with one more field."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.notebook.kernels import Kernel
from workbench import Domain, Resource, Workbench, field
from workbench.errors import NothingTo
from workbench.notebook.html.tables import altered_html
from workbench.notebook.shown.tables import ShownTables

SETUP = """
from decimal import Decimal
from workbench import Command, Domain, Event, Insert, Resource, Update, Workbench, field

bank = Domain("bank")

@bank.command
class Open(Command):
    owner = field(str)

@bank.event
class Opened(Event):
    owner = field(str)

@bank.command_handler(Open)
async def open_one(command, context):
    yield Opened(owner=command.owner).on(context.target)

@bank.event_handler(Opened)
async def opened(event, context):
    yield Insert(event.target, owner=event.owner)
"""

ACCOUNT = """
@bank.resource
class Account(Resource):
    owner = field(str)
"""

LIMITED = """
    limit = field(Decimal, initial=Decimal(100))

@bank.command
class SetLimit(Command):
    limit = field(Decimal)

@bank.event
class LimitSet(Event):
    limit = field(Decimal)

@bank.command_handler(SetLimit)
async def set_limit(command, context):
    account = await context.fetch(context.target)
    yield LimitSet(limit=account.limit + command.limit).on(account)

@bank.event_handler(LimitSet)
async def limit_set(event, context):
    yield Update(event.target, limit=event.limit)
"""


def account(**fields: Any) -> type[Resource]:
    return type("Account", (Resource,), {"__module__": __name__, "__qualname__": "Account", **fields})


@pytest.fixture
def domain() -> Domain:
    made = Domain("bank")
    made.resource(account(owner=field(str), rate=field(int)))
    return made


@pytest.fixture
def wb(domain: Domain, dsn: str) -> Iterator[Workbench]:
    with Workbench(domain, dsn=dsn) as opened:
        yield opened


def test_nothing_to_do(wb: Workbench) -> None:
    """Where nothing differs the plan is false and says so, without SQL."""
    tables = wb.tables()
    assert isinstance(tables, ShownTables)
    assert not tables
    assert repr(tables) == "tables: they are as they are defined"
    assert "<b>Tables: they are as they are defined</b>" in tables._repr_html_()
    assert "<details" not in tables._repr_html_()
    assert len(tables.frame()) == 0


def test_signs_colours_and_ways_out(wb: Workbench, domain: Domain) -> None:
    """Each change has its sign and colour and what it costs in words, the line above says how to apply which, and the
    SQL is folded."""
    domain.resource(account(owner=field(str | None), limit=field(int, initial=1)))
    tables = wb.tables()
    assert tables.summary == "2 additive: wb.tables().apply(); 2 other: wb.tables().apply(all=True)"
    html = tables._repr_mimebundle_()["text/html"]
    assert f"<b>Tables: {tables.summary}</b>" in html
    assert '<th colspan=3 scope="colgroup">bank_account, for bank:account</th>' in html
    assert '<td class="update">~</td><td class="told">column &quot;owner&quot; may be NULL</td>' in html
    assert '<td class="insert">+</td><td class="told">column &quot;limit&quot; (bigint); rows that are there' in html
    assert "was &quot;rate&quot; renamed to &quot;limit&quot;? then tables(renamed=" in html
    assert '<span class="insert">✓ additive</span>' in html
    assert '<td class="delete">-</td><td class="told">column &quot;rate&quot; (bigint), which is in the' in html
    assert '<span class="update">⚠ only when asked:</span> another program may use it' in html
    assert "<details><summary>SQL of apply(all=True)</summary><pre>" in html
    assert '<span class="word">ALTER</span> <span class="word">TABLE</span>' in html
    assert repr(tables).splitlines()[:2] == [f"tables: {tables.summary}", "  bank_account, for bank:account"]
    frame = tables.frame()
    assert list(frame.columns) == ["change", "table", "resource", "what", "costs", "reason", "hint", "sql"]
    assert frame["change"].tolist() == ["alter", "add", "alter", "drop"]
    assert frame["costs"].tolist() == ["additive", "additive", "other", "other"]
    assert frame["sql"][1] in tables.sql(all=False)
    assert "DROP COLUMN" in tables.sql()
    assert "DROP COLUMN" not in tables.sql(all=False).partition("BEGIN")[2]


def test_applied(wb: Workbench, domain: Domain) -> None:
    """What was applied is told with what is left, whoever watches the workbench hears of it, and then it goes on."""
    domain.resource(account(owner=field(str | None)))
    heard: list[int] = []
    wb.watch(lambda: heard.append(1))
    altered = wb.tables().apply()
    assert heard
    html = altered_html(altered)
    assert '<span class="insert">✓</span> 1 change of tables made; 2 left' in html
    assert "left: 2 other: wb.tables().apply(all=True)" in html
    assert html.index("<summary>made</summary>") < html.index("may be NULL") < html.index("<div>left: ")
    with pytest.raises(NothingTo, match=r"2 other: tables\(\)\.apply\(all=True\)"):
        wb.tables().apply()
    done = altered_html(wb.tables().apply(all=True))
    assert "<div>left" not in done
    assert wb.find("account") == []


def test_everything_is_escaped(wb: Workbench, domain: Domain) -> None:
    """Names of tables, values and labels are text, whatever they hold."""
    domain.resource(account(owner=field(str, initial="<script>x</script>"), note=field(str, initial="<b>&</b>")))
    domain.resource(key="odd", table="<i>.<img src=x>")(type("Odd", (Resource,), {"__module__": __name__}))
    html = wb.tables()._repr_html_()
    for raw in ("<script>", "<b>&", "<i>", "<img"):
        assert raw not in html
    assert "&lt;b&gt;&amp;&lt;/b&gt;" in html
    assert "<script>" not in altered_html(wb.tables().apply())


def test_many_changes_are_cut(wb: Workbench, domain: Domain) -> None:
    """Beyond 200 changes it is said how many more there are; the frame has them all."""
    domain.resource(account(owner=field(str), rate=field(int), **{f"f{n}": field(int | None) for n in range(203)}))
    html = wb.tables()._repr_html_()
    assert "… and 3 more; wb.tables().frame() has them all" in html
    assert len(wb.tables().frame()) == 203


def test_awaited(wb: Workbench, domain: Domain) -> None:
    """Who awaits has the session's own plan, and awaits its apply, on whatever loop."""
    domain.resource(account(owner=field(str), rate=field(int), more=field(int | None)))

    async def verbs() -> tuple[str, str]:
        plan = await wb.aio.tables()
        return repr(plan), repr(await plan.apply())

    plan, altered = asyncio.run(verbs())
    assert plan.startswith("tables: 1 additive: tables().apply()")
    assert altered == "1 change of tables made"
    assert not wb.tables()


def test_opened_on_tables_that_differ(wb: Workbench, dsn: str) -> None:
    """A notebook that starts again with another definition opens when it is told that tables may differ."""
    other = Domain("bank")
    other.resource(account(owner=field(str), rate=field(int), more=field(int | None)))
    with Workbench(other, dsn=dsn, tables_differ=True) as again:
        again.tables().apply()
        assert again.find("account") == []


def test_a_cell_run_again(dsn: str, tmp_path: Path) -> None:
    """In a real kernel: define, issue, commit; run the cell again with one more field; what is cached and pending is
    carried over, the error shows the way, the tables are shown and altered; issue with the new field, commit, load."""
    with Kernel.started(tmp_path) as kernel:
        kernel.execute(f"{SETUP}{ACCOUNT}\nwb = Workbench(bank, dsn={dsn!r})")
        kernel.execute("ada = wb.issue(Open(owner='Ada'), on='account'); wb.commit()")
        kernel.execute("bob = wb.issue(Open(owner='Bob'), on='account')")
        kernel.execute(f"{ACCOUNT}{LIMITED}")
        assert kernel.execute("wb.items('account')[['state', 'owner', 'limit']].values.tolist()").value == (
            "[['clean', 'Ada', Decimal('100')], ['new', 'Bob', Decimal('100')]]")
        # The frame above has looked at the new definition already; the commit must see it all the same.
        refused = kernel.execute("wb.commit()", fails=True)
        assert refused.error == "TablesDiffer"
        assert "wb.tables() shows what would make them fit" in refused.traceback
        shown = kernel.execute("wb.tables()")
        assert "1 additive: wb.tables().apply()" in shown.data["text/html"]
        assert shown.value is not None
        assert "+ column \"limit\" (numeric); rows that are there get 100" in shown.value
        altered = kernel.execute("wb.tables().apply()")
        assert altered.value == "1 change of tables made"
        assert "✓</span> 1 change of tables made" in altered.data["text/html"]
        kernel.execute("wb.issue(SetLimit(limit=5), on=ada); wb.issue(SetLimit(limit=7), on=bob)")
        assert kernel.execute("wb.commit().plan.summary").value == "'1 to add, 1 to change, 0 to delete'"
        kernel.execute("wb.close()")
        kernel.execute(f"wb = Workbench(bank, dsn={dsn!r})")
        assert kernel.execute("sorted((one.owner, int(one.limit)) for one in wb.find('account'))").value == (
            "[('Ada', 105), ('Bob', 107)]")
