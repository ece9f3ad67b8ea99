"""DDL plan: what tables() finds, what apply does of it in one transaction, and what it refuses."""

from __future__ import annotations

import asyncio

import pytest

from tests.postgres.tables.redefined import Colour, Owner, Tables, card
from workbench.domain.datadef import field
from workbench.errors import DatabaseError, StalePlan, WorkbenchError
from workbench.postgres.engine import connect
from workbench.postgres.tables.alteration import Alteration
from workbench.postgres.tables.ddl_plan import TablesPlan, alter, tables_plan


async def test_a_plan_is_stale(tables: Tables) -> None:
    """When the tables, the rows in question or the definitions are others by now, nothing is altered, and it is told
    what moved."""
    await tables.made(card(old=field(int)))
    await tables.rows(2, old="n")
    tables.define(card(new=field(str | None)))
    plan = await tables.plan()
    await tables.rows(1, old="n")
    with pytest.raises(StalePlan, match=r"nothing was written. Make it again with tables\(\)") as caught:
        await tables.apply(plan, all=True)
    assert caught.value.moved[0] == (
        'no more: bank_card: - column "old" (bigint), which is in the database alone [not additive: another program '
        "may use it; the values of 2 rows would be lost]")
    assert "the values of 3 rows" in caught.value.moved[1]
    await tables.admin.execute("ALTER TABLE bank_card ADD COLUMN extra int")
    for _ in range(2):
        with pytest.raises(StalePlan, match='now: bank_card: - column "extra"'):
            await tables.apply(plan)
    plan = await tables.plan()
    tables.define(card(newer=field(int | None)))
    with pytest.raises(StalePlan, match='now: bank_card: \\+ column "newer"'):
        await tables.apply(plan)
    assert await tables.admin.fetchval("SELECT count(*) FROM information_schema.columns WHERE column_name = 'new'") == 0


async def test_a_renamed_column_is_renamed_once(tables: Tables) -> None:
    """A plan whose column somebody else has renamed meanwhile is stale."""
    await tables.made(card(owner=field(str)))
    tables.define(card(holder=field(str)))
    plan = await tables.plan(owner="holder")
    await tables.apply(plan)
    with pytest.raises(StalePlan, match='"bank_card.owner" cannot be renamed to "holder"'):
        await tables.apply(plan)


async def test_rows_in_the_way_of_what_is_left(tables: Tables) -> None:
    """Rows that came meanwhile do not make the additive part stale when it is not about them."""
    await tables.made(card(old=field(int)))
    tables.define(card(new=field(int | None)))
    plan = await tables.plan()
    await tables.rows(2, old="n")
    assert len((await tables.apply(plan)).left) == 2


async def test_nothing_is_half_done(tables: Tables) -> None:
    """When one statement fails, none is done; the error is in the server's words."""
    await tables.made(Owner, card(gone=field(int)))
    await tables.admin.execute("CREATE VIEW seen AS SELECT gone FROM bank_card")
    tables.define(card(new=field(int | None)))
    with pytest.raises(DatabaseError, match="altering the tables: cannot drop column gone of table bank_card because "
                                            "other objects depend on it"):
        await tables.apply(all=True)
    assert len(await tables.told()) == 3
    await tables.apply()
    assert len(await tables.told()) == 2


async def test_a_table_in_use(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction that holds on to a table is waited for, and when it does not end that is said."""
    monkeypatch.setattr("workbench.postgres.tables.ddl_plan.WAIT", 0.2)
    await tables.made(card())
    tables.define(card(new=field(int | None)))
    plan = await tables.plan()
    async with tables.admin.transaction():
        await tables.admin.execute("LOCK TABLE bank_card IN ROW EXCLUSIVE MODE")
        with pytest.raises(DatabaseError, match=r"another transaction holds on to a table for more than 0.2 s; no"):
            await tables.apply(plan)
    await tables.apply(plan)


async def test_two_at_once(tables: Tables, dsn: str) -> None:
    """Of two who apply the same change at once one does it, the other is told that it is done."""
    await tables.made(card())
    tables.define(card(new=field(int, initial=1), colour=field(Colour, initial=Colour.RED)))
    async with await connect(dsn) as other:
        plans = await asyncio.gather(tables.plan(), tables_plan(other, tables.renewed()))
        found = await asyncio.gather(tables.apply(plans[0]), alter(other, tables.models, plans[1], all=False),
                                     return_exceptions=True)
    assert sorted(type(one).__name__ for one in found) == ["Altered", "StalePlan"]
    assert await tables.fits()


async def test_a_plan_of_no_session() -> None:
    """A plan that was made by hand can be looked at, and says why it cannot be applied."""
    plan = TablesPlan([Alteration(("bank", "card"), "bank_card", "add", "something", ())])
    assert len(plan) == 1
    with pytest.raises(WorkbenchError, match=r"made without a session to apply it; make it with tables\(\)"):
        await plan.apply()


async def test_a_line_that_is_left_is_a_comment(tables: Tables) -> None:
    """Whatever a column of the database is called, a line of the script that tells what is left is one comment."""
    await tables.made(card(name=field(str)))
    await tables.admin.execute('ALTER TABLE bank_card ADD COLUMN "x\r\\! ls\u2028CREATE TABLE pwned();--" text')
    sql = (await tables.plan()).sql(all=False)
    assert len(sql.splitlines()) == 1
    assert sql.startswith("-- left: ")
