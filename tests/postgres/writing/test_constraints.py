"""Constraints that a commit breaks: the error names constraint, columns and items, and nothing is written."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from gino import Gino

from tests.editing import Account, Owner, at, desk, edit
from workbench import Delete, Insert, Resource, Session, Update, field
from workbench.errors import ConstraintViolated, DatabaseError


async def test_unique_constraint(session: Session, admin: asyncpg.Connection) -> None:
    """A value that must be unique and is taken: the error names constraint, column and the one item among many."""
    await edit(session, Insert(at(Owner, UUID(int=1)), email="ada@x"))
    await session.commit()
    await edit(session, *(Insert(at(Owner, UUID(int=number)), email=email)
                          for number, email in ((2, "b@x"), (3, "ada@x"), (4, "ada"))))
    with pytest.raises(ConstraintViolated) as caught:
        await session.commit()
    error = caught.value
    assert (error.kind, error.constraint, error.table, error.columns) == (
        "unique", "desk_owner_email_key", "desk_owner", ("email",))
    assert error.targets == (at(Owner, UUID(int=3)),)
    assert str(error) == (
        'the unique constraint "desk_owner_email_key" of desk_owner was broken: nothing was written, everything '
        "pending is kept\n  Key (email)=(ada@x) already exists.\n"
        "  by desk:owner/00000000-0000-0000-0000-000000000003")
    assert isinstance(error.__cause__, asyncpg.UniqueViolationError)
    assert (await admin.fetchval("SELECT count(*) FROM desk_owner"), len(session.plan())) == (1, 3)
    session.undo()
    await edit(session, Insert(at(Owner, UUID(int=2)), email="b@x"))
    await session.commit()


MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(("kind", "values"), [
    (datetime, [MOMENT, MOMENT + timedelta(1), MOMENT + timedelta(2)]), (bytes, [b"a", b"\\", b"'"]),
    (timedelta, [timedelta(1), timedelta(-1, 5), timedelta(microseconds=1)]), (bool, [True, False, None]),
    (float, [0.1, 0.1 + 0.2, 1e300]), (date, [date(2026, 3, 1), date(2026, 1, 3), date(1, 2, 3)])])
@pytest.mark.parametrize("options", [
    "", "-cTimeZone%3DAsia/Kolkata%20-cDateStyle%3DGerman%20-cextra_float_digits%3D-15%20-cbytea_output%3Descape"])
@pytest.mark.parametrize("deferred", [False, True])
async def test_a_value_that_the_server_writes_in_its_own_way(
    dsn: str, admin: asyncpg.Connection, kind: Any, values: list[Any], options: str, deferred: bool,
) -> None:
    """The one item among many is named whatever the unique value is of, and however the server is set to write it, also
    where it looks only at the end."""
    cls = type("Thing", (Resource,), {"_id": field(int), "value": field(kind | None, unique=True)})
    async with Session(desk(cls), dsn=f"{dsn}&options={options}") as session:
        if deferred:
            await admin.execute("ALTER TABLE desk_thing DROP CONSTRAINT desk_thing_value_key, ADD UNIQUE (value) "
                                "DEFERRABLE INITIALLY DEFERRED")
        await edit(session, Insert(at(cls, 0), value=values[1]))
        await session.commit()
        await edit(session, *(Insert(at(cls, number), value=value) for number, value in enumerate(values, 1)))
        with pytest.raises(ConstraintViolated) as caught:
            await session.commit()
        assert caught.value.targets == (at(cls, 2),)


class Member(Resource):
    """Deleted softly; no two have one e-mail."""

    email = field(str, unique=True)
    _deleted = field(datetime | None)


async def test_a_unique_value_of_a_deleted_item(dsn: str) -> None:
    """A value that a softly deleted item still has: the error and the check name that item, which nobody finds; of one
    that is there they say nothing more."""
    gone, there, new = (at(Member, UUID(int=number)) for number in (1, 2, 3))
    async with Session(desk(Member), dsn=dsn) as session:
        await edit(session, Insert(gone, email="gone@bank"), Insert(there, email="there@bank"))
        await session.commit()
        await edit(session, Delete(gone))
        await session.commit()
        words = f"; it is held by a deleted item, {gone}: its row stays, and keeps its values; give others"
        for email, held in (("gone@bank", words), ("there@bank", "")):
            await edit(session, Insert(new, email=email))
            with pytest.raises(ConstraintViolated) as caught:
                await session.commit()
            assert caught.value.detail == f"Key (email)=({email}) already exists.{held}"
            assert (caught.value.kind, caught.value.targets) == ("unique", (new,))
            [violation] = (await session.check()).violations
            assert (violation.kind, violation.detail) == ("unique", caught.value.detail)
            session.undo()


async def test_a_unique_value_of_a_deleted_item_at_the_end(dsn: str) -> None:
    """Where the constraint is looked at only at the end of the transaction, the error and the check name the item that
    breaks it, among others, and the softly deleted one that has the value."""
    gone, there, new, other = (at(Member, UUID(int=number)) for number in (1, 2, 3, 4))
    async with Session(desk(Member), dsn=dsn) as session:
        await edit(session, Insert(gone, email="gone@bank"), Insert(there, email="there@bank"))
        await session.commit()
        await edit(session, Delete(gone))
        await session.commit()
        async with session.engine.acquire() as connection:
            await connection.execute("""
                ALTER TABLE desk_member DROP CONSTRAINT desk_member_email_key;
                ALTER TABLE desk_member ADD CONSTRAINT late UNIQUE (email) DEFERRABLE INITIALLY DEFERRED""")
        words = f"; it is held by a deleted item, {gone}: its row stays, and keeps its values; give others"
        for email, held in (("gone@bank", words), ("there@bank", "")):
            await edit(session, Insert(new, email=email), Insert(other, email="other@bank"))
            with pytest.raises(ConstraintViolated) as caught:
                await session.commit()
            assert caught.value.detail == f"Key (email)=({email}) already exists.{held}"
            assert (caught.value.constraint, caught.value.targets) == ("late", (new,))
            [violation] = (await session.check()).violations
            assert (violation.target, violation.detail) == (
                new, f"at the end of the transaction another row has this value too{held}")
            session.undo()


async def test_foreign_key(dsn: str) -> None:
    """A parent that is not there, and a parent that is still named: each traced to the item that broke it."""
    async with Session(desk(Owner, Account), dsn=dsn) as session:
        owner, absent = UUID(int=1), UUID(int=404)
        await edit(session, Insert(at(Owner, owner), email="a@x"), Insert(at(Account, UUID(int=2)), owner=owner))
        await session.commit()
        await edit(session, Insert(at(Account, UUID(int=3)), owner=owner),
                   Insert(at(Account, UUID(int=4)), owner=absent))
        with pytest.raises(ConstraintViolated, match=rf"Key \(owner\)=\({absent}\) is not present") as caught:
            await session.commit()
        assert (caught.value.kind, caught.value.targets) == ("foreign key", (at(Account, UUID(int=4)),))
        session.undo()
        await edit(session, Delete(at(Owner, owner)))
        with pytest.raises(ConstraintViolated, match="is still referenced from table") as caught:
            await session.commit()
        assert caught.value.targets == (at(Owner, owner),)
        assert str(caught.value).endswith(f"\n  by desk:owner/{owner}")


class Sheet(Resource):
    """What stands on a table of somebody's own."""

    _id = field(int)
    number = field(int)
    word = field(str | None)
    exact = field(Decimal | None)


async def test_constraints_of_a_given_model(dsn: str) -> None:
    """A check, a NOT NULL and a column too narrow, which only the database knows of, are told with the items."""
    db = Gino()

    class Stored(db.Model):  # type: ignore[misc, name-defined]  # gino has no types
        __tablename__ = "sheets"
        _id = db.Column(db.BigInteger(), primary_key=True, autoincrement=False)
        _created = db.Column(db.DateTime(timezone=True))
        _updated = db.Column(db.DateTime(timezone=True))
        _etag = db.Column(db.Text())
        number = db.Column(db.Integer(), db.CheckConstraint("number < 100", name="small"))
        word = db.Column(db.Text(), nullable=False)
        exact = db.Column(db.Numeric(4, 2))

    async with Session(desk(Sheet, models={Sheet: Stored}), dsn=dsn) as session:
        for several in (True, False):
            others = [Insert(at(Sheet, key), number=1, word="x") for key in (1, 10, 101)] if several else []
            await edit(session, *others, Insert(at(Sheet, 11), number=101, word="x"))
            with pytest.raises(ConstraintViolated, match='the check constraint "small" of sheets was broken') as caught:
                await session.commit()
            assert caught.value.targets == (at(Sheet, 11),)
            session.undo()
            await edit(session, *others, Insert(at(Sheet, 12), number=1))
            with pytest.raises(ConstraintViolated, match="the not null constraint of sheets was broken") as caught:
                await session.commit()
            assert (caught.value.targets, caught.value.columns) == ((at(Sheet, 12),), ("word",))
            session.undo()
            await edit(session, *others, Insert(at(Sheet, 13), number=2**40, word="x"))
            with pytest.raises(DatabaseError, match="desk:sheet/13: number is out of the range of integer"):
                await session.commit()
            session.undo()
            await edit(session, *others, Insert(at(Sheet, 13), number=1, word="x", exact="123.4"))
            with pytest.raises(DatabaseError, match="the database refused while committing: numeric field overflow"):
                await session.commit()
            session.undo()
        await edit(session, *(Insert(at(Sheet, key), number=key, word="x") for key in (1, 2)))
        await session.commit()
        await edit(session, Update(at(Sheet, 1), number=5), Update(at(Sheet, 2), number=500))
        with pytest.raises(ConstraintViolated) as caught:
            await session.commit()
        assert caught.value.targets == (at(Sheet, 2),)
        assert (await session.fetch("sheet/2")).number == 500
