"""What a commit does besides what its plan says: the plan warns of it, the check counts it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import asyncpg
import pytest
import sqlalchemy as sa
from gino import Gino

from tests.editing import Paper, at, desk, edit
from tests.postgres.rivals import written
from workbench import Conflict, Delete, Insert, Resource, Session, Update, field


class Ware(Resource):
    """A thing that rows of others refer to, in a table with a column that no field names."""

    _id = field(str)
    price = field(Decimal | None)


A, B = at(Ware, "a"), at(Ware, "b")
MODEL = type("WareModel", (Gino().Model,), {
    "__tablename__": "ware", "_id": sa.Column("id", sa.Text, primary_key=True),
    "price": sa.Column("price", sa.Numeric(10, 2)), "_created": sa.Column(sa.DateTime(timezone=True)),
    "_updated": sa.Column(sa.DateTime(timezone=True)), "_etag": sa.Column(sa.Text)})


@pytest.fixture
async def wares(dsn: str, admin: asyncpg.Connection) -> AsyncIterator[Session]:
    """A session over wares; each has orders that go with it, and these their lines; notes lose their ware."""
    await admin.execute("""
        CREATE TABLE ware (id text PRIMARY KEY, price numeric(10, 2), secret text DEFAULT 'none', span interval,
                           _created timestamptz, _updated timestamptz, _etag text);
        CREATE TABLE orders (id int PRIMARY KEY, ware text REFERENCES ware ON DELETE CASCADE);
        CREATE TABLE lines (orders int REFERENCES orders ON DELETE CASCADE);
        CREATE TABLE notes (ware text REFERENCES ware ON DELETE SET NULL)""")
    async with Session(desk(Ware, models={Ware: MODEL}), dsn=dsn) as session:
        yield session


async def test_rows_that_go_along(wares: Session, admin: asyncpg.Connection) -> None:
    """The plan names the tables whose rows go or change with what is deleted, the check counts those rows; a plan
    without a deletion says nothing."""
    await edit(wares, Insert(A), Insert(B))
    assert (wares.plan().warnings, (await wares.check()).besides) == ((), ())
    await wares.commit()
    await admin.execute("""
        INSERT INTO orders SELECT n, CASE n WHEN 1 THEN 'b' ELSE 'a' END FROM generate_series(1, 4) n;
        INSERT INTO lines SELECT 1 + n % 4 FROM generate_series(1, 40) n; INSERT INTO notes VALUES ('a')""")
    await edit(wares, Delete(await wares.fetch(A)))
    assert repr(wares.plan()).splitlines()[2:] == [
        "  ! rows of lines, notes, orders may go or change along with what is deleted, as foreign keys cascade; "
        "check() counts them"]
    found = await wares.check()
    by = "along with it, by a foreign key that cascades, a trigger or a rule"
    assert found.ok
    assert repr(found).splitlines()[1:] == [
        f"  30 rows of lines are deleted {by}", f"  1 row of notes is changed {by}",
        f"  3 rows of orders are deleted {by}"]
    assert (await wares.check()).besides == found.besides
    await wares.commit()
    assert await admin.fetchval("SELECT count(*) FROM lines") == 10


async def test_a_soft_delete_is_no_row_besides(dsn: str) -> None:
    """The row of an item that is deleted softly is changed by the plan itself: it is not told as changed along."""
    async with Session(desk(Paper), dsn=dsn) as session:
        await written(session, *(Insert(at(Paper, name)) for name in "abc"))
        await edit(session, Delete(at(Paper, "a")), Delete(at(Paper, "b")), Update(at(Paper, "c"), text="x"))
        assert (await session.check()).besides == ()


async def test_what_triggers_write(wares: Session, admin: asyncpg.Connection) -> None:
    """Rows that a trigger writes are counted, those of the plan's own tables beyond what it writes itself; where
    something is in the way, nothing is told."""
    await admin.execute("""
        CREATE TABLE audit (id text CHECK (id <> 'b'));
        CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO audit VALUES (NEW.id); INSERT INTO ware VALUES ('x' || NEW.id); RETURN NULL; END $$;
        CREATE TRIGGER act AFTER INSERT ON ware FOR EACH ROW WHEN (NEW.id NOT LIKE 'x%') EXECUTE FUNCTION act()""")
    await edit(wares, Insert(A))
    assert [line.split(" along")[0] for line in (await wares.check()).besides] == [
        "1 row of audit is added", "1 row of ware is added"]
    await edit(wares, Insert(B))
    assert (await wares.check()).besides == ()


async def test_what_is_stored_otherwise(wares: Session) -> None:
    """The check says which values a column or a trigger makes others of, some by name; equal ones are none."""
    await written(wares, Insert(A, price=Decimal(1)))
    await edit(wares, Update(A, price=Decimal("5.005")))
    assert (await wares.check()).besides == ("stored otherwise than planned: desk:ware/a: price 5.005 as 5.01",)
    await edit(wares, Update(A, price=Decimal("5.0")))
    assert (await wares.check()).besides == ()
    await edit(wares, *(Insert(at(Ware, f"w{number}"), price=Decimal("0.001")) for number in range(5)))
    besides = (await wares.check()).besides
    assert (len(besides), besides[-1]) == (4, "and 2 more items stored otherwise")


async def test_reverting_what_is_stored_otherwise(wares: Session, admin: asyncpg.Connection) -> None:
    """The commit tells what the database made of its items, and a revert takes that for what it did: nobody else was
    there. What others store without a new version is theirs all the same."""
    await written(wares, Insert(A, price=Decimal(1)))
    await edit(wares, Update(A, price=Decimal("5.005")))
    done = await wares.commit()
    assert repr(done).endswith("by 1 statement; 1 item stored otherwise than sent")
    assert {target: item.price for target, item in done.stored.items()} == {A: Decimal("5.01")}
    assert repr(await wares.revert(done)).splitlines()[1] == "  ~ desk:ware/a  price: 5.01 -> 1.00"
    wares.undo()
    await admin.execute("UPDATE ware SET price = 7")
    with pytest.raises(Conflict, match="base 5.01, mine 1.00, theirs 7.00"):
        await wares.revert(done)


async def test_what_a_revert_does_not_bring_back(wares: Session) -> None:
    """The plan of a revert that adds deleted rows again names the columns and the rows that stay lost."""
    await written(wares, Insert(A))
    await written(wares, Delete(A))
    assert (await wares.revert(-1)).warnings == (
        "secret, span of ware will have defaults, not the values of before: no field has kept them",
        "rows of lines, notes, orders that went or changed along with those of ware stay so")
    wares.undo()
    await edit(wares, Insert(A))
    assert wares.plan().warnings == ()
