"""Triggers and the like, by which a database does otherwise than it is told: nothing is lost or believed silently."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from gino import Gino

from tests.editing import Note, at, desk, edit
from tests.postgres.rivals import KINDS, A, B, C, Sheet, Span, notes, written
from tests.postgres.writing.test_script import psql
from workbench import Delete, Insert, Invalid, NotFound, Resource, Session, Update, field
from workbench.errors import DatabaseError
from workbench.postgres.writing.script import script

LEAVES_OUT = """
CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF coalesce(NEW.number, OLD.number) < 0 THEN RETURN NULL; END IF; RETURN coalesce(NEW, OLD); END $$;
CREATE TRIGGER leave_out BEFORE INSERT OR UPDATE OR DELETE ON desk_note FOR EACH ROW EXECUTE FUNCTION leave_out()"""


@pytest.mark.parametrize("others", [[], [Insert(B, number=2), Insert(C, number=3)]], ids=["one", "many"])
async def test_new_rows_that_are_left_out(session: Session, admin: asyncpg.Connection, others: list[Any]) -> None:
    """A new row that the database does not take, without an error, fails the commit, and the check names it."""
    await admin.execute(LEAVES_OUT)
    await edit(session, Insert(A, number=-1), *others)
    found = await session.check()
    assert [(violation.target, violation.detail) for violation in found.violations] == [
        (A, "it was not written, and no error said why: by a trigger's or a rule's doing")]
    with pytest.raises(DatabaseError, match=f"desk_note took {len(others)} of {len(others) + 1} new rows"):
        await session.commit()
    assert (await notes(admin), len(session.plan())) == ({}, len(others) + 1)


@pytest.mark.parametrize("count", [1, 3])
async def test_rules_of_new_rows(dsn: str, session: Session, admin: asyncpg.Connection, count: int) -> None:
    """What a rule does with a new row is done by a commit, however many new rows there are."""
    await admin.execute("""
        CREATE TABLE log (id text);
        CREATE RULE log AS ON INSERT TO desk_note DO ALSO INSERT INTO log VALUES (NEW._id)""")
    async with Session(desk(*KINDS), dsn=dsn) as other:
        await edit(other, *map(Insert, [A, B, C][:count]))
        assert (await other.check()).ok
        await other.commit()
    assert await admin.fetchval("SELECT array_agg(id ORDER BY id) FROM log") == ["a", "b", "c"][:count]


@pytest.mark.parametrize("mutation", [Update(A, number=-2), Delete(B)], ids=["update", "delete"])
async def test_rows_that_are_not_written(session: Session, admin: asyncpg.Connection, mutation: Any) -> None:
    """A change that the database leaves out is no conflict, of which there would be no way out: it is told as it is."""
    await written(session, Insert(A, number=1), Insert(B, number=-1))
    await admin.execute(LEAVES_OUT)
    await edit(session, mutation)
    with pytest.raises(DatabaseError, match=f"{mutation.on} is stored as it was fetched, and still was not written"):
        await session.commit()
    assert len(session.plan()) == 1
    session.undo()
    await written(session, Update(A, number=5))
    assert await notes(admin) == {"a": ("", 5), "b": ("", -1)}
    assert [item.number for item in await session.find(Note)] == [5, -1]


@pytest.mark.parametrize("keys", ["a", "ab"])
@pytest.mark.parametrize("deed", [lambda target: Update(target, number=5), Delete], ids=["update", "delete"])
async def test_rows_of_tables_that_inherit(
    dsn: str, session: Session, admin: asyncpg.Connection, keys: str, deed: Any,
) -> None:
    """A change that hits a row of another table too, one that inherits, is refused by commit, check and script."""
    await written(session, Insert(A), Insert(B))
    await admin.execute("CREATE TABLE heir () INHERITS (desk_note); INSERT INTO heir SELECT * FROM desk_note LIMIT 1")
    await edit(session, *(deed(at(Note, key)) for key in keys))
    found = await session.check()
    assert [(violation.kind, violation.target, violation.detail) for violation in found.violations] == [
        ("refused", A, "desk_note has more than one row of a: a table that inherits from it has others")]
    with pytest.raises(DatabaseError, match="row of a: a table that inherits from it has others; nothing was written"):
        await session.commit()
    assert "written twice: a table that inherits from this one" in psql(dsn, script(session.plan())).stderr
    assert len(session.plan()) == len(keys)
    assert await admin.fetchval("SELECT count(*) FROM desk_note WHERE number = 0") == 3


async def test_what_a_trigger_stores_is_what_is_cached(dsn: str, session: Session, admin: asyncpg.Connection) -> None:
    """Values that a trigger has changed are read again by the commit: the next plan starts from what is stored."""
    await admin.execute("""
        CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN NEW.text = upper(NEW.text); RETURN NEW; END $$;
        CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON desk_note FOR EACH ROW EXECUTE FUNCTION shout()""")
    async with Session(desk(*KINDS), dsn=dsn) as other:
        await written(other, Insert(A, text="a"), Insert(B, text="b"))
        assert [item.text for _, _, item in other.manager.items(Note)] == ["A", "B"]
        await edit(other, Update(A, text="A"))
        assert len(other.plan()) == 0
        other.undo()
        await written(other, Update(A, text="x"), Delete(B))
        assert [item.text for _, _, item in other.manager.items(Note)] == ["X"]


# Triggers of desk_note, and whose cached items are read again when a note is written.
BUMP = "UPDATE desk_sheet SET number = number + 1"
REACHING = {
    "named": (BUMP, "", {"sheet"}),
    "named by a function": (
        "PERFORM bump()", f"CREATE FUNCTION bump() RETURNS void LANGUAGE sql AS '{BUMP}'", {"sheet"}),
    "under a view": ("UPDATE seen SET number = number + 1", "CREATE VIEW seen AS SELECT * FROM desk_sheet", {"sheet"}),
    "by a trigger of another table": ("INSERT INTO other VALUES (1)", f"""
        CREATE TABLE other (n int); CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN {BUMP}; RETURN NULL; END $$;
        CREATE TRIGGER g AFTER INSERT ON other FOR EACH ROW EXECUTE FUNCTION g()""", {"sheet"}),
    "put together as it runs": (f"EXECUTE '{BUMP}'", "", {"note", "paper", "owner", "span", "sheet"}),
    "an audit": ("INSERT INTO audit VALUES (TG_OP)", "CREATE TABLE audit (what text)", set()),
    "one that only reads": ("NEW.number = (SELECT count(*) FROM desk_sheet)", "", set())}


@pytest.mark.parametrize(("does", "besides", "reached"), REACHING.values(), ids=REACHING)
async def test_what_a_trigger_does_to_others(
    dsn: str, session: Session, admin: asyncpg.Connection, does: str, besides: str, reached: set[str],
) -> None:
    """Cached items of the resources that a trigger of a written table may change are read again by the commit, and no
    others: the next plan starts from what is stored."""
    await written(session, Insert(at(Sheet, "s"), number=1))
    await admin.execute(f"""{besides}; CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN {does}; RETURN NEW; END $$;
        CREATE TRIGGER act BEFORE INSERT ON desk_note FOR EACH ROW EXECUTE FUNCTION act()""")
    async with Session(desk(*KINDS), dsn=dsn) as other:
        assert {key for _, key in other.manager.tables["desk", "note"].reaches} == reached
        sheet = await other.fetch(at(Sheet, "s"))
        await written(other, Insert(A, text="a"))
        [(_, _, cached)] = other.manager.items(Sheet)
        assert (cached is sheet, cached.number) == ("sheet" not in reached, 2 if "sheet" in reached else 1)
        if "sheet" in reached:
            await written(other, Update(cached, number=cached.number + 10))
            assert await admin.fetchval("SELECT number FROM desk_sheet") == 12


async def test_what_cannot_be_read_again(dsn: str, session: Session, admin: asyncpg.Connection) -> None:
    """A commit whose rows a trigger has made such as the resource refuses is told as done; reading them tells why."""
    await admin.execute("""
        CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.low = -1; RETURN NEW; END $$;
        CREATE TRIGGER spoil BEFORE INSERT ON desk_span FOR EACH ROW EXECUTE FUNCTION spoil()""")
    async with Session(desk(*KINDS), dsn=dsn) as other:
        await edit(other, Insert(at(Span, "a"), low=1), Insert(A, text="a"))
        done = await other.commit()
        assert (other.commits, len(other.plan()), len(await notes(admin))) == ([done], 0, 1)
        assert other.manager.items(Span) == []
        with pytest.raises(Invalid, match="the stored row of desk:span/a was refused"):
            await other.fetch(at(Span, "a"))


async def test_what_a_column_rounds_is_what_is_cached(dsn: str) -> None:
    """Numbers that a column has rounded are read again by the commit, and by an apply: sums are those of the rows."""
    db = Gino()

    class Prices(db.Model):     # type: ignore[misc,name-defined]  # gino has no types
        __tablename__ = "prices"
        _id = db.Column(db.Text, primary_key=True)
        amount = db.Column(db.Numeric(10, 2), nullable=False)
        _created = db.Column(db.DateTime(timezone=True))
        _updated = db.Column(db.DateTime(timezone=True))
        _etag = db.Column(db.Text)

    class Price(Resource):
        _id = field(str)
        amount = field(Decimal)

    domain = desk()
    domain.resource(model=Prices)(Price)
    async with Session(domain, dsn=dsn) as session:
        target = at(Price, "a")
        await edit(session, Insert(target, amount=Decimal("0.005")))
        for _ in range(2):
            await session.commit()
            item = await session.fetch(target)
            async with session.engine.acquire() as connection:
                assert await connection.fetchval("SELECT amount FROM prices") == item.amount
            await edit(session, Update(target, amount=item.amount + Decimal("0.004")))
        saved = session.plan().saved()
        session.undo()
        await session.apply(saved)
        assert (await session.fetch(target)).amount == Decimal("0.01")


async def test_what_goes_with_its_parent_is_not_cached(dsn: str, admin: asyncpg.Connection) -> None:
    """Rows that the database deletes or changes with a row that they refer to are read again, down to the last."""
    class Top(Resource):
        _id = field(str)

    class Middle(Resource):
        _id = field(str)
        top = field(str | None, references=Top)

    class Leaf(Resource):
        _id = field(str)
        middle = field(str | None, references=Middle)

    async with Session(desk(Top, Middle, Leaf), dsn=dsn) as session:
        await edit(session, Insert(at(Top, "t")), Insert(at(Middle, "m"), top="t"), Insert(at(Leaf, "l"), middle="m"))
        await session.commit()
    for child, parent, action in (("middle", "top", "CASCADE"), ("leaf", "middle", "SET NULL")):
        await admin.execute(f"""
            ALTER TABLE desk_{child} DROP CONSTRAINT desk_{child}_{parent}_fkey, ADD FOREIGN KEY ({parent})
                REFERENCES desk_{parent} ON DELETE {action} DEFERRABLE""")
    async with Session(desk(Top, Middle, Leaf), dsn=dsn) as session:
        await session.fetch(at(Middle, "m"))
        leaf = await session.fetch(at(Leaf, "l"))
        assert leaf.middle == "m"
        await edit(session, Delete(at(Top, "t")))
        await session.commit()
        assert (await session.fetch(at(Leaf, "l"))).middle is None
        with pytest.raises(NotFound):
            await session.fetch(at(Middle, "m"))
