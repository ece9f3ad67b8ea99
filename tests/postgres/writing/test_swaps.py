"""Swaps of unique values and of parents on real constraints: a row holds a spare value in between, or NULL."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from gino import Gino
from sqlalchemy.dialects import postgresql

from tests.editing import at, desk, edit
from workbench import Insert, Resource, Session, Update, field
from workbench.errors import CannotOrder, ConstraintViolated


class Ticket(Resource):
    """One of each kind of value that a row can be parked on, within limits."""

    _id = field(int)
    code = field(str, initial="")
    amount = field(Decimal, initial=Decimal(0))
    whose = field(int, initial=0)


def ticket(**columns: Any) -> Any:
    """A model of tickets with some columns, and plain ones for the rest."""
    db = Gino()
    plain = {"code": db.Column(db.Text()), "amount": db.Column(db.Numeric()), "whose": db.Column(db.BigInteger())}
    stamps = {"_created": db.Column(db.DateTime(timezone=True)), "_updated": db.Column(db.DateTime(timezone=True)),
              "_etag": db.Column(db.Text())}
    return type("Tickets", (db.Model,), {
        "__tablename__": "tickets", "_id": db.Column(db.BigInteger(), primary_key=True), **stamps, **plain, **columns})


@pytest.mark.parametrize(("name", "sql_type", "values"), [
    ("code", sa.String(10), "AB"), ("code", sa.String(40), "AB"), ("code", sa.CHAR(3), ["abc", "def"]),
    ("code", sa.String(1), "AB"), ("amount", sa.Numeric(6, 2), [Decimal("1.00"), Decimal("9999.99")]),
    ("amount", sa.Numeric(1), [Decimal(1), Decimal(-1)]), ("amount", sa.Numeric(30, 20), [Decimal(1), Decimal(2)])])
async def test_a_swap_where_little_fits(dsn: str, name: str, sql_type: Any, values: Any) -> None:
    """A swap works in a column of few characters or digits: the value in between fits."""
    model = ticket(**{name: sa.Column(sql_type, nullable=False, unique=True)})
    async with Session(desk(Ticket, models={Ticket: model}), dsn=dsn) as session:
        await edit(session, *(Insert(at(Ticket, place), **{name: value}) for place, value in enumerate(values)))
        await session.commit()
        await edit(session, *(Update(at(Ticket, place), **{name: value}) for place, value in enumerate(values[::-1])))
        assert (await session.check()).ok
        await session.commit()
        stored = await session.manager.reader.find(("desk", "ticket"), {})
        assert {item._id: getattr(item, name) for item in stored} == dict(enumerate(values[::-1]))


class Limited(Resource):
    """One of each kind of value that a CHECK may limit."""

    _id = field(int)
    number = field(int, initial=1)
    whose = field(int, initial=1)
    amount = field(Decimal, initial=Decimal(1))
    code = field(str, initial="a")
    day = field(date, initial=date(2024, 1, 1))
    at = field(datetime, initial=datetime(2024, 1, 1, tzinfo=UTC))


def limited(**columns: Any) -> Any:
    """A model of them with some columns, and plain ones for the rest."""
    db = Gino()
    plain = {"number": db.Column(db.BigInteger()), "whose": db.Column(db.BigInteger()),
             "amount": db.Column(db.Numeric()), "code": db.Column(db.Text()), "day": db.Column(db.Date()),
             "at": db.Column(db.DateTime(timezone=True))}
    stamps = {"_created": db.Column(db.DateTime(timezone=True)), "_updated": db.Column(db.DateTime(timezone=True)),
              "_etag": db.Column(db.Text())}
    return type("Limiteds", (db.Model,), {
        "__tablename__": "limited", "_id": db.Column(db.BigInteger(), primary_key=True), **stamps, **plain, **columns})


@pytest.mark.parametrize(("field_", "check", "values"), [
    ("number", "{} >= 0", (1, 2)), ("number", "{} > 0", (1, 2)), ("number", "{} <= 0", (-1, 0)),
    ("number", "{} < 100000", (1, 2)), ("number", "{} BETWEEN 1000 AND 9999", (1000, 1001)),
    ("number", "{} BETWEEN 1 AND 5", (1, 2)), ("number", "whose > 0", (1, 2)),
    ("amount", "{} >= 0", (Decimal("1.50"), Decimal(2))), ("amount", "{} < 0", (Decimal(-1), Decimal(-2))),
    ("amount", "{} < 100", (Decimal("1.50"), Decimal("2.50"))),
    ("code", "length({}) = 6", ("ABC123", "ABC124")), ("code", "{} ~ '^[A-Z]{{2}}-[0-9]+$'", ("AB-1", "AB-2")),
    ("code", "{} = lower({})", ("anna", "otto")), ("code", "{} IN ('a', 'b', 'c')", ("a", "b")),
    ("code", "{} <> ''", ("a", "b")), ("day", "{} >= '2000-01-01'", (date(2024, 1, 1), date(2024, 1, 2))),
    ("at", "{} >= '2000-01-01'", (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)))])
@pytest.mark.parametrize("domain", [False, True])
async def test_a_swap_under_a_check(
    dsn: str, admin: asyncpg.Connection, field_: str, check: str, values: tuple[Any, Any], domain: bool,
) -> None:
    """Two values are swapped in a column that a CHECK of the database limits: the value in between keeps it. Of one of
    a domain it is a guess."""
    if domain and ("whose" in check or "0000" in check or "BETWEEN" in check or " IN " in check or "< 100" in check):
        return      # another column, or a guess too far
    kinds = {"number": sa.BigInteger(), "amount": sa.Numeric(), "code": sa.Text(), "day": sa.Date(),
             "at": sa.DateTime(timezone=True)}
    model = limited(**{field_: sa.Column(kinds[field_], nullable=False, unique=True)})
    async with Session(desk(Limited, models={Limited: model}), dsn=dsn):
        pass
    kind = kinds[field_].compile(postgresql.dialect())
    await admin.execute(
        f"CREATE DOMAIN narrow AS {kind} CHECK ({check.format(*['VALUE'] * 2)}); "
        f"ALTER TABLE limited ALTER {field_} TYPE narrow" if domain else
        f"ALTER TABLE limited ADD CHECK ({check.format(*[field_] * 2)})")
    async with Session(desk(Limited, models={Limited: model}), dsn=dsn) as session:
        await edit(session, *(Insert(at(Limited, place), **{field_: one}) for place, one in enumerate(values)))
        await session.commit()
        await edit(session, *(Update(at(Limited, place), **{field_: one}) for place, one in enumerate(values[::-1])))
        await session.commit()
        stored = await session.manager.reader.find(("desk", "limited"), {})
        assert {item._id: getattr(item, field_) for item in stored} == dict(enumerate(values[::-1]))


async def test_a_swap_that_a_third_row_is_in_the_way_of(dsn: str, admin: asyncpg.Connection) -> None:
    """Where each value that the CHECK admits is a row's, the check and the commit say what was tried, and what would
    do; nothing is written."""
    model = limited(number=sa.Column(sa.BigInteger(), nullable=False, unique=True))
    async with Session(desk(Limited, models={Limited: model}), dsn=dsn):
        pass
    await admin.execute("ALTER TABLE limited ADD CHECK (number IN (1, 2, 3))")
    async with Session(desk(Limited, models={Limited: model}), dsn=dsn) as session:
        await edit(session, *(Insert(at(Limited, place), number=place) for place in (1, 2, 3)))
        await session.commit()
        await edit(session, *(Update(at(Limited, place), number=3 - place) for place in (1, 2)))
        words = r"for a moment it was to have number=3, so that another .* DEFERRABLE, or give one of them"
        violation, *_ = (await session.check()).violations
        assert re.search(words, violation.detail)
        with pytest.raises(ConstraintViolated, match=words):
            await session.commit()
        assert await admin.fetchval("SELECT array_agg(number ORDER BY _id) FROM limited") == [1, 2, 3]


async def test_a_swap_of_parents(dsn: str) -> None:
    """Two rows cannot swap parents that must be there and that no two may share: no spare value is a parent."""
    model = ticket(whose=sa.Column(sa.BigInteger(), sa.ForeignKey("tickets._id"), nullable=False, unique=True))
    async with Session(desk(Ticket, models={Ticket: model}), dsn=dsn) as session:
        await edit(session, *(Insert(at(Ticket, place), whose=place) for place in (1, 2)))
        await session.commit()
        await edit(session, *(Update(at(Ticket, place), whose=3 - place) for place in (1, 2)))
        assert not (await session.check()).ok
        with pytest.raises(CannotOrder, match="frees the value of whose"):
            await session.commit()
