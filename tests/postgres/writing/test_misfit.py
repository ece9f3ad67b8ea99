"""Values that a column cannot hold: a commit names the item, the field and the value."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from gino import Gino
from sqlalchemy.dialects import postgresql as pg

from tests.editing import at, desk, edit
from workbench import Insert, Resource, Session, Update, field
from workbench.errors import DatabaseError


class Part(Resource):
    _id = field(str)
    code = field(str, initial="")
    tags = field(list[str], initial=[])
    count = field(int, initial=0)
    price = field(Decimal, initial=Decimal(0))


def parts() -> Any:
    """The gino model of parts, whose columns are narrow."""
    db = Gino()
    return type("Parts", (db.Model,), {
        "__tablename__": "parts", "_id": db.Column(db.Text, primary_key=True),
        "code": db.Column(sa.String(3), nullable=False), "tags": db.Column(pg.ARRAY(sa.String(4)), nullable=False),
        "count": db.Column(sa.SmallInteger, nullable=False), "price": db.Column(sa.Numeric(6, 2), nullable=False),
        "_created": db.Column(db.DateTime(timezone=True)), "_updated": db.Column(db.DateTime(timezone=True)),
        "_etag": db.Column(db.Text)})


@pytest.mark.parametrize("values, told", [
    ({"code": "abcd"}, "code is longer than 3 signs: 'abcd'"),
    ({"code": "x" * 100}, f"code is longer than 3 signs: '{'x' * 59}…"),
    ({"tags": ["abcd", "abcde"]}, "tags is longer than 4 signs: 'abcde'"),
    ({"count": 2**15}, "count is out of the range of smallint: 32768"),
    ({"price": Decimal("9999.995")}, r"price is of more than 4 digits before the point: Decimal\('9999.995'\)"),
    ({"price": Decimal("-1E+400")}, r"price is of more than 4 digits before the point: Decimal\('-1E\+400'\)")])
async def test_what_does_not_fit(dsn: str, values: dict[str, Any], told: str) -> None:
    """One new item, many, and changes of one and of many: what does not fit is named, and nothing is written."""
    async with Session(desk(Part, models={Part: parts()}), dsn=dsn) as session:
        fitting = {"code": "abc", "count": -2**15, "price": Decimal("9999.99")}
        await edit(session, *(Insert(at(Part, key), **fitting) for key in "abc"))
        await session.commit()
        for key, *mutations in (("n", Insert(at(Part, "n"), **values)),
                                ("n", Insert(at(Part, "m")), Insert(at(Part, "n"), **values)),
                                ("a", Update(at(Part, "a"), **values)),
                                ("b", Update(at(Part, "a"), code="y"), Update(at(Part, "b"), **values)),
                                ("a", Update(at(Part, "a"), **values), Update(at(Part, "b"), **values))):
            await edit(session, *mutations)
            with pytest.raises(DatabaseError, match=f"desk:part/{key}: {told}"):
                await session.commit()
            session.undo()
        assert len(await session.find(Part)) == 3


@pytest.mark.parametrize("price", [Decimal("9999.995"), Decimal("-1E+400"), Decimal("1234567890123456789012345678.5")])
async def test_a_check_of_a_number_that_is_too_great(dsn: str, price: Decimal) -> None:
    """A check names the field of a number that is too great for its column, however great it is."""
    async with Session(desk(Part, models={Part: parts()}), dsn=dsn) as session:
        await edit(session, Insert(at(Part, "n"), price=price))
        assert [(it.kind, it.target, it.columns) for it in (await session.check()).violations] == [
            ("refused", at(Part, "n"), ("price",))]


class Film(Resource):
    _id = field(str)
    title = field(str, initial="")
    raw = field(bytes, initial=b"")
    tags = field(list[str], initial=[])


async def test_a_row_that_is_too_long(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of more than the gigabyte that Postgres takes is named before it is sent, for the server would close the
    connection; the check names it, too."""
    monkeypatch.setattr("workbench.postgres.writing.statements.MOST", 1000)
    monkeypatch.setattr("workbench.postgres.writing.statements.LONGEST", 500)
    long: dict[str, Any] = {"title": "x" * 600, "raw": b"y" * 401}
    told = "its values are 1,001 bytes or more together, and Postgres takes no row of more than a gigabyte"
    async with Session(desk(Film), dsn=dsn) as session:
        await edit(session, *(Insert(at(Film, key)) for key in "abc"))
        await session.commit()
        for keys, more in (("b", {}), ("abc", {}), ("abc", {"tags": ["t"]})):       # one, in a chunk, row by row
            await edit(session, *(
                Update(at(Film, key), **more, **(long if key == "b" else {"title": "x", "raw": b"z"})) for key in keys))
            checked = await session.check()
            assert [(it.kind, it.target, it.detail) for it in checked.violations] == [("refused", at(Film, "b"), told)]
            with pytest.raises(DatabaseError) as caught:
                await session.commit()
            assert str(caught.value) == f"desk:film/b: {told}; nothing was written, everything pending is kept"
            with pytest.raises(DatabaseError, match="desk:film/b: its values are 1,001 bytes"):
                await session.explain()
            session.undo()
        await edit(session, Insert(at(Film, "d"), **long))
        with pytest.raises(DatabaseError, match="desk:film/d: its values are 1,0"):
            await session.commit()
        monkeypatch.undo()
        await session.commit()


class Reel(Resource):
    _id = field(str)
    title = field(str, initial="")
    raw = field(bytes, initial=b"")


async def test_a_new_row_that_is_too_long_for_copy(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of several new rows that is longer than the server takes is named, and the session goes on; rows that are so
    only together are written."""
    monkeypatch.setattr("workbench.postgres.writing.statements.MOST", 1000)
    monkeypatch.setattr("workbench.postgres.writing.copying.PART", 100)
    told = "its values are 1,001 bytes or more together, and Postgres takes no row of more than a gigabyte"
    async with Session(desk(Reel), dsn=dsn) as session:
        await edit(session, *(Insert(at(Reel, key), title="x" * 400, raw=b"y" * 500) for key in "abc"))
        await session.commit()
        await edit(session, *(
            Insert(at(Reel, key), title="x" * 600, raw=b"y" * (401 if key == "e" else 1)) for key in "def"))
        for _ in range(2):
            with pytest.raises(DatabaseError) as caught:
                await session.commit()
            assert str(caught.value) == f"desk:reel/e: {told}; nothing was written, everything pending is kept"
        checked = await session.check()
        assert [(it.kind, it.target, it.detail) for it in checked.violations] == [("refused", at(Reel, "e"), told)]
        monkeypatch.undo()
        await session.commit()
