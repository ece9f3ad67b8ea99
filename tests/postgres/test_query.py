"""Query: what is read from the tables, and what of it is refused."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from gino import Gino
from sqlalchemy.dialects import postgresql as pg

from tests.editing import Note, Paper, at, desk, edit
from tests.strategies import Address, Colour, Leg, Size
from workbench import Delete, Insert, Invalid, NotFound, Resource, Session, Update, field, invariant
from workbench.errors import DatabaseError
from workbench.postgres.query import PORTION


class Everything(Resource):
    """A field of every type."""

    _id = field(int)
    text = field(str)
    whole = field(int)
    real = field(float)
    flag = field(bool)
    exact = field(Decimal)
    key = field(UUID)
    moment = field(datetime)
    day = field(date)
    clock = field(time)
    span = field(timedelta)
    raw = field(bytes)
    colour = field(Colour)
    size = field(Size)
    mapping = field(dict)
    anything = field(list)
    where = field(Address)
    texts = field(list[str])
    colours = field(list[Colour])
    wholes = field(list[int | None])
    grid = field(list[list[int]])
    legs = field(list[Leg])
    maybe = field(Decimal | None)


EVERYTHING: dict[str, Any] = {
    "text": 'O\'Hara "%s" \\ ü', "whole": -(2**63), "real": float("inf"), "flag": True, "exact": Decimal("1.10"),
    "key": UUID(int=7), "moment": datetime(2013, 1, 1, 5, 0, 0, 1, tzinfo=UTC), "day": date(1, 1, 1),
    "clock": time(23, 59, 59, 999999), "span": timedelta(days=-1, microseconds=1), "raw": b"\x00\xff",
    "colour": Colour.DARK_GREEN, "size": Size.LARGE, "mapping": {"a": [1, None, {"b": 2.5}], "": "x"},
    "anything": [[1], [], "x"], "where": {"city": "Rome"}, "texts": ["", "a,b", "{}"], "colours": ["red"],
    "wholes": [1, None], "grid": [[1, 2], []], "legs": [{"to": {"city": "Rome"}, "took": "PT2H"}], "maybe": None}


@pytest.fixture
async def session(dsn: str) -> AsyncIterator[Session]:
    """A session over Notes, Papers and Everything."""
    async with Session(desk(Note, Paper, Everything), dsn=dsn, user="ada") as opened:
        yield opened


async def afresh(session: Session, dsn: str) -> Session:
    """Another session on the same domains, which has read nothing."""
    return await Session(*session.registry.domains.values(), dsn=dsn)


@pytest.mark.parametrize("name", EVERYTHING)
async def test_find_by_every_type(session: Session, dsn: str, name: str) -> None:
    """An item is found by the value of a field of any type, by the database and not by what is cached."""
    await edit(session, Insert(at(Everything, 1), **EVERYTHING))
    other: dict[str, Any] = {
        "text": "x", "whole": 1, "real": 1, "flag": False, "exact": 1, "key": UUID(int=8), "day": date(2, 1, 1),
        "moment": datetime(2014, 1, 1, tzinfo=UTC), "clock": time(1), "span": timedelta(1), "raw": b"", "maybe": 1,
        "colour": "red", "size": "SMALL", "mapping": {}, "anything": [], "where": {"city": "Bari"}, "texts": [],
        "colours": [], "wholes": [], "grid": [], "legs": []}
    await edit(session, Insert(at(Everything, 2), **other))
    await session.commit()
    async with await afresh(session, dsn) as fresh:
        assert [item._id for item in await fresh.find(Everything, **{name: EVERYTHING[name]})] == [1]
        assert [item._id for item in await fresh.find(Everything, **{name: other[name]})] == [2]


async def test_find_by_numbers_in_json(session: Session, dsn: str) -> None:
    """Within JSON 1 and 1.0 differ, for stored items as for pending ones, though Postgres takes them for equal."""
    await edit(session, *(Insert(at(Everything, number), **{**EVERYTHING, "mapping": {"a": value}})
                          for number, value in ((1, 1), (2, 1.0))))
    await edit(session, Insert(at(Everything, 3), **EVERYTHING))

    async def found(where: Session) -> list[list[int]]:
        return [[item._id for item in await where.find(Everything, mapping={"a": one})] for one in (1, 1.0)]

    assert await found(session) == [[1], [2]]
    await session.commit()
    assert await found(session) == [[1], [2]]
    async with await afresh(session, dsn) as fresh:
        assert await found(fresh) == [[1], [2]]


async def test_find_overlays_what_is_pending(session: Session) -> None:
    """A search sees what is stored as it is changed here: by its present values, the deleted out, the new in."""
    await edit(session, *(Insert(at(Note, key), text="x") for key in "abc"))
    await session.commit()
    await edit(session, Update(at(Note, "a"), text="y"), Delete(at(Note, "b")), Insert(at(Note, "d"), text="x"))
    assert [item._id for item in await session.find(Note, text="x")] == ["c", "d"]
    assert [item._id for item in await session.find("note", text="y")] == ["a"]
    assert [item._id for item in await session.find("desk:note")] == ["a", "c", "d"]


async def test_nan_and_infinity(session: Session, dsn: str) -> None:
    """NaN and infinity are stored, read back and found, as floats and as Decimals."""
    values = {**EVERYTHING, "maybe": Decimal("NaN")}
    await edit(session, Insert(at(Everything, 1), **{**values, "real": float("nan"), "exact": Decimal("Infinity")}),
               Insert(at(Everything, 2), **{**values, "real": float("-inf"), "exact": Decimal("-Infinity")}))
    await session.commit()
    async with await afresh(session, dsn) as fresh:
        (nan,) = await fresh.find(Everything, real=float("nan"))
        assert (nan._id, str(nan.real), nan.exact, str(nan.maybe)) == (1, "nan", Decimal("Infinity"), "NaN")
        (least,) = await fresh.find(Everything, exact="-Infinity")
        assert (least._id, least.real) == (2, float("-inf"))
        assert len(await fresh.find(Everything, maybe="NaN")) == 2
        await edit(fresh, Update(nan, real=float("nan"), maybe="NaN"))
        assert len(fresh.plan()) == 0
        await edit(fresh, Update(nan, real=float("inf"), exact="NaN"), Update(least, real=0, exact="NaN"))
        await fresh.commit()
    async with await afresh(session, dsn) as fresh:
        assert [(item.real, str(item.exact)) for item in await fresh.find(Everything)] == [
            (float("inf"), "NaN"), (0.0, "NaN")]


async def test_the_first_and_the_last_moment(dsn: str) -> None:
    """``datetime.max`` and ``min``, which the driver stores as infinities, are read back as they were, in lists too; so
    are infinities that somebody else has stored."""
    class Span(Resource):
        _id = field(int)
        until = field(datetime)
        moments = field(list[datetime])

    first, last = (moment.replace(tzinfo=UTC) for moment in (datetime.min, datetime.max))
    async with Session(desk(Span), dsn=dsn) as session:
        await edit(session, Insert(at(Span, 1), until=last, moments=[first, last]))
        await session.commit()
        async with session.engine.acquire() as connection:
            await connection.execute("INSERT INTO desk_span (_id, until, moments) VALUES (2, '-infinity', '{}')")
    async with Session(desk(Span), dsn=dsn) as fresh:
        assert [(item.until, item.moments) for item in await fresh.find(Span)] == [(first, []), (last, [first, last])]
        assert [item._id for item in await fresh.find(Span, until=last)] == [1]
        await edit(fresh, Update(at(Span, 1), until=last))
        assert len(fresh.plan()) == 0


async def test_soft_deleted_rows_are_not_there(session: Session, dsn: str) -> None:
    """A row with _deleted set is neither fetched nor found, and yet it stays, with who deleted it."""
    await edit(session, Insert(at(Paper, "a"), text="x"), Insert(at(Paper, "b"), text="x"))
    await session.commit()
    session.user = "bob"
    await edit(session, Delete(at(Paper, "a")))
    with pytest.raises(NotFound, match="desk:paper/a was not found: it is deleted in this session"):
        await session.fetch("paper/a")
    await session.commit()
    async with await afresh(session, dsn) as fresh:
        with pytest.raises(NotFound, match="desk:paper/a was not found: it is neither pending here nor in the data"):
            await fresh.fetch("paper/a")
        assert [item._id for item in await fresh.find(Paper, text="x")] == ["b"]
    with pytest.raises(NotFound):
        await session.fetch(Paper, "a")
    async with session.engine.acquire() as connection:
        row = await connection.fetchrow("SELECT _deleted, _creator, _updater, text FROM desk_paper WHERE _id = 'a'")
    assert row["_deleted"] is not None
    assert tuple(row)[1:] == ("ada", "bob", "x")


async def test_several_in_their_order(session: Session) -> None:
    """Several identifiers give a list in their order; the missing ones are named together."""
    await edit(session, *(Insert(at(Note, key)) for key in "abc"))
    await session.commit()
    assert [item._id for item in await session.fetch(Note, ["c", "a", "c"])] == ["c", "a", "c"]
    with pytest.raises(NotFound, match="2 items were not found: they are neither pending here nor in the database\n"
                                       "  desk:note/x\n  desk:note/y"):
        await session.fetch(Note, ["a", "x", "y"])


async def test_a_stored_row_that_does_not_fit(dsn: str) -> None:
    """A row that its Resource would not admit is refused as it is read, and the error names it."""
    class Strict(Resource):
        _id = field(str)
        number = field(int, check=lambda number: number > 0, doc="above zero")

    async with Session(desk(Strict), dsn=dsn) as session:
        async with session.engine.acquire() as connection:
            await connection.execute("INSERT INTO desk_strict (_id, number) VALUES ('a', -1), ('b', 1)")
        with pytest.raises(Invalid, match="the stored row of desk:strict/a was refused: 1 problem\n"
                                          "  number: -1 failed its check: above zero"):
            await session.fetch("strict/a")
        with pytest.raises(Invalid, match="desk:strict/a"):
            await session.find(Strict)
        assert (await session.fetch("strict/b")).number == 1


async def test_one_bad_row_among_many(dsn: str) -> None:
    """Of many rows the one that does not fit is named, by whichever rule; without it all are read, in the order asked.

    The garbage collector, which pauses meanwhile, is at work again after either."""
    class Even(Resource):
        _id = field(int)
        number = field(int)
        text = field(str | None)

        @invariant
        def even(self) -> bool:
            """the number is even"""
            return self.number % 2 == 0

    async with Session(desk(Even), dsn=dsn) as session:
        async with session.engine.acquire() as connection:
            await connection.execute("INSERT INTO desk_even (_id, number, text) SELECT n, n * 2, 'é' "
                                     "FROM generate_series(1, 1200) AS n")
            await connection.execute("UPDATE desk_even SET number = 9 WHERE _id = 30")
        with pytest.raises(Invalid, match="the stored row of desk:even/30 was refused: 1 problem\n"
                                          "  it must hold that the number is even"):
            await session.fetch(Even, range(1, 1201))
        assert gc.isenabled()
        others = [*range(1200, 30, -1), *range(1, 30)]
        fetched = await session.fetch(Even, others)
        assert [(item.number, item.text) for item in fetched] == [(number * 2, "é") for number in others]
        assert await session.fetch(Even, [7, *others]) == [fetched[others.index(7)], *fetched]
        assert gc.isenabled()


async def test_a_class_with_a_way_of_its_own_makes_its_items(dsn: str) -> None:
    """What a Resource does in making an item is done with those that are read, too."""
    class Shouted(Resource):
        _id = field(int)
        text = field(str)

        def __new__(cls, /, **given: Any) -> Any:
            return super().__new__(cls, **{**given, "text": given["text"].upper()})

    async with Session(desk(Shouted), dsn=dsn) as session:
        async with session.engine.acquire() as connection:
            await connection.execute("INSERT INTO desk_shouted (_id, text) VALUES (1, 'a'), (2, 'b')")
        assert [item.text for item in await session.fetch(Shouted, [1, 2])] == ["A", "B"]
        assert [item.text for item in await session.find(Shouted, text="b")] == ["B"]


async def test_a_search_that_the_database_refuses(dsn: str) -> None:
    """What the database refuses in a search comes in its words, with what was being done: json has no equality."""
    db = Gino()

    class Stored(db.Model):  # type: ignore[misc, name-defined]  # gino has no types
        __tablename__ = "sheets"
        _id = db.Column(db.Text(), primary_key=True)
        _created = db.Column(db.DateTime(timezone=True))
        _updated = db.Column(db.DateTime(timezone=True))
        _etag = db.Column(db.Text())
        data = db.Column(pg.JSON())

    class Sheet(Resource):
        _id = field(str)
        data = field(dict)

    async with Session(desk(Sheet, models={Sheet: Stored}), dsn=dsn) as session:
        await edit(session, Insert(at(Sheet, "a"), data={"a": [1]}), Insert(at(Sheet, "b"), data={}))
        await session.commit()
        await edit(session, Update(at(Sheet, "a"), data={"b": 1}), Update(at(Sheet, "b"), data={"c": None}))
        await session.commit()
        with pytest.raises(DatabaseError, match="the database refused while searching desk:sheet: operator does not"):
            await session.find(Sheet, data={"a": 1})
    connection = await asyncpg.connect(dsn)
    try:
        assert await connection.fetch("SELECT _id, data::text FROM sheets ORDER BY _id") == [
            ("a", '{"b":1}'), ("b", '{"c":null}')]
    finally:
        await connection.close()


@pytest.mark.parametrize("stored", ["12000-01-01", "0044-03-15 BC"])
async def test_days_that_python_has_not(dsn: str, stored: str) -> None:
    """A stored day or moment before the year 1 or after 9999 is told with its table and how to find it, by whatever
    reads; the other rows can be read, on the same connection."""
    class Era(Resource):
        _id = field(str)
        day = field(date | None)
        moment = field(datetime | None)

    async with Session(desk(Era), dsn=dsn) as opened:
        await edit(opened, Insert(at(Era, "ok"), day=date(2020, 1, 1)))
        await opened.commit()
        async with opened.engine.acquire() as connection:
            await connection.execute(
                f"INSERT INTO desk_era (_id, day) VALUES ('d', '{stored}');"
                f"INSERT INTO desk_era (_id, moment) VALUES ('m', '{stored}')")
        opened.manager.cache.items.clear()
        for name in "d", "m":
            with pytest.raises(DatabaseError, match="desk_era holds a value that Python has no like of") as told:
                await opened.fetch(at(Era, name))
        with pytest.raises(DatabaseError, match="desk_era"):
            await opened.find(Era)
        query = str(told.value).partition("To find it: ")[2]
        async with opened.engine.acquire() as connection:
            assert {row[0] for row in await connection.fetch(query.replace("*", "_id"))} == {"d", "m"}
        assert (await opened.fetch(at(Era, "ok"))).day == date(2020, 1, 1)
        many = [at(Era, str(number)) for number in range(PORTION)]
        with pytest.raises(DatabaseError, match="desk_era"):
            await opened.reader.load(("desk", "era"), [target.identifier for target in [*many, at(Era, "m")]])
        assert (await opened.find(Era, day=date(2020, 1, 1)))[0]._id == "ok"
