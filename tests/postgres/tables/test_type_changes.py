"""Type changes: which rules of the database go with a column's type, and types that are the same by another name."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from gino import Gino
from sqlalchemy.dialects import postgresql as pg

from tests.editing import at, desk, edit
from tests.postgres.tables.redefined import Tables, card, gino_model, named
from workbench import Delete, Insert, Resource, Session, Update
from workbench.domain.datadef import field
from workbench.errors import DatabaseError, NothingTo, TablesDiffer
from workbench.postgres.engine import connect
from workbench.postgres.tables.schema import prepare


class Mood(Enum):
    SAD = "sad"
    FINE = "fine"


# ------------------------------------------------------------------------------------------------ rules that would go

@pytest.mark.parametrize(("kind", "sql", "rules"), [
    (str, "inet", "the rules of the type inet"), (str, "varchar(3)", "the length 3"), (str, "varchar", ""),
    (str, "char(3)", "the length 3 and the rules of the type bpchar"), (dict, "json", ""),
    (list[str], "varchar(3)[]", "the length 3"), (list[str], "text", ""), (list[int], "integer[]", ""),
    (str, "text[]", "the rules of the type text[]"), (int, "integer", ""), (float, "real", ""),
    (Decimal, "integer", ""), (float, "numeric(6,2)", "the limits of numeric(6, 2)"),
    (str, "mail", ""), (int, "mail", "the rules of the domain mail"), (str, "mails", "the rules of the domain mails"),
    (str, "mood", "the rules of the type mood"), (Mood, "mood", "the rules of the type mood")])
async def test_rules_of_a_type(tables: Tables, kind: Any, sql: str, rules: str) -> None:
    """A column whose type refuses what that of the definition admits stays as it is until asked, and it is told what
    would go; what is wider only, as bigint for integer, is additive. None of it is the plan's where the type fits."""
    await tables.admin.execute("""
        CREATE DOMAIN mail AS text CHECK (value LIKE '%@%'); CREATE DOMAIN mails AS mail; CREATE TYPE mood AS ENUM ('x')
        """)
    await tables.admin.execute(f"CREATE TABLE bank_card (_id uuid PRIMARY KEY, _created timestamptz, "
                               f"_updated timestamptz, _etag text, it {sql} NOT NULL)")
    tables.define(card(it=field(kind)))
    reasons = [one.reason for one in (await tables.plan()).alterations if "becomes" in one.what]
    fits = sql == "mail" and kind is str
    assert reasons == ([] if fits else [f"the database would not keep {rules} any more" if rules else ""])
    if not rules and not fits:
        await tables.apply()
    elif rules:
        with pytest.raises(NothingTo):
            await tables.apply()
        with pytest.raises(TablesDiffer, match='the column "it" is '):
            await prepare(tables.admin, tables.renewed())
        await tables.apply(all=True)
    assert await tables.fits()


async def test_constraints_that_go_with_a_type(tables: Tables) -> None:
    """A foreign key that no definition has, and a check that bears the name of a derived one, are dropped with the old
    type of their column only when asked."""
    tables.define(named("Parent", _id=field(int)))
    await tables.made(card(parent=field(int), age=field(int)))
    await tables.admin.execute("ALTER TABLE bank_card ADD CHECK (age > 0), "
                               "ADD CONSTRAINT mine FOREIGN KEY (parent) REFERENCES bank_parent")
    tables.define(card(parent=field(Decimal), age=field(Decimal)))
    assert [one.reason for one in (await tables.plan()).alterations] == [
        'the database would not keep the foreign key "mine" of bank_card any more',
        'the database would not keep the check "bank_card_age_check" any more',
        "the database would not keep this rule any more"]
    with pytest.raises(NothingTo):
        await tables.apply()
    await tables.apply(all=True)
    assert await tables.fits()


async def test_the_length_of_a_text(tables: Tables) -> None:
    """A length that a given model does not say is the database's own, and goes when asked."""
    db = Gino()
    await tables.made(card(name=field(str)), model=gino_model(db, name=db.Column(sa.String(5))))
    db = Gino()
    tables.define(card(name=field(str)), model=gino_model(db, name=db.Column(sa.String)))
    assert await tables.told() == ['~ column "name" becomes VARCHAR; its length is 5 [not additive: the database would '
                                   "not keep the length 5 any more]"]
    await tables.apply(all=True)
    assert await tables.fits()


# ------------------------------------------------------------------------------------------------ enum types

def moody(schema: str | None) -> Any:
    """A gino model of a table in the schema app, with a mood of some schema, and many."""
    db = Gino()
    mood = sa.Enum("sad", "fine", name="mood", schema=schema)
    return gino_model(db, mood=db.Column(mood), moods=db.Column(pg.ARRAY(mood)), __table_args__={"schema": "app"})


@pytest.mark.parametrize(("path", "schema"), [("app", "app"), ("app", None), ("public", "app"), ("public,app", "app")])
async def test_an_enum_type_by_both_names(dsn: str, admin: asyncpg.Connection, path: str, schema: str | None) -> None:
    """An enum type is the same with and without its schema where the search path finds it."""
    await admin.execute(f"SELECT set_config('search_path', '{path}', false)")
    async with await connect(f"{dsn}&options=-csearch_path%3D{path}") as engine:
        tables = Tables(engine, admin)
        await admin.execute("CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('sad', 'fine')")
        await tables.made(card(mood=field(Mood), moods=field(list[Mood])), model=moody(schema))
        assert await tables.fits()
        types = await admin.fetchval("SELECT count(*) FROM pg_type WHERE typname = 'mood'")
        assert types == 1


async def test_an_enum_type_of_another_schema(tables: Tables) -> None:
    """A type of the same name in another schema is another type: the column goes from one to the other when asked, and
    it is told how to say which was meant."""
    await tables.made(card(mood=field(Mood), moods=field(list[Mood])), model=moody("app"))
    tables.define(card(mood=field(Mood), moods=field(list[Mood])), model=moody(None))
    assert await tables.told() == [
        '~ column "mood" becomes mood; it is app.mood [not additive: the database would not keep the rules of the type '
        "app.mood any more] (or give the model's Enum the schema of that type: app)",
        '~ column "moods" becomes mood[]; it is app.mood[] [not additive: the database would not keep the rules of the '
        "type app.mood[] any more] (or give the model's Enum the schema of that type: app)"]
    with pytest.raises(NothingTo):
        await tables.apply()
    assert await tables.admin.fetchval("SELECT to_regtype('public.mood')") is None


# ------------------------------------------------------------------------------------------------ domains

class Priced(Resource):
    _id = field(str)
    mail = field(str | None)
    name = field(str)
    count = field(int)
    price = field(Decimal)
    tags = field(list[str])


async def test_columns_of_domains(dsn: str, admin: asyncpg.Connection) -> None:
    """A column of a domain is one of the type that it is over: rows are read and written, one or many, and what the
    domain refuses the server refuses. The Tables tell the domain's length and digits."""
    await admin.execute("""
        CREATE DOMAIN code AS varchar(9); CREATE DOMAIN mail AS text CHECK (value LIKE '%@%');
        CREATE DOMAIN positive AS int NOT NULL DEFAULT 1 CHECK (value > 0); CREATE DOMAIN price AS numeric(6, 2);
        CREATE DOMAIN tags AS text[];
        CREATE TABLE priced (_id code PRIMARY KEY, mail mail, name mail NOT NULL, count positive, price price NOT NULL,
                             tags tags NOT NULL, _created timestamptz, _updated timestamptz, _etag text)""")
    db = Gino()

    class Row(db.Model):
        __tablename__ = "priced"
        _id = db.Column(sa.String(9), primary_key=True)
        _created = db.Column(db.DateTime(timezone=True))
        _updated = db.Column(db.DateTime(timezone=True))
        _etag = db.Column(db.Text())
        mail = db.Column(sa.Text)
        name = db.Column(sa.Text, nullable=False)
        count = db.Column(sa.Integer, nullable=False)
        price = db.Column(sa.Numeric, nullable=False)
        tags = db.Column(pg.ARRAY(sa.Text), nullable=False)

    values = {"name": "a@b", "count": 1, "price": Decimal("1.50"), "tags": ["x"]}
    targets = [at(Priced, str(number)) for number in range(9)]
    async with Session(desk(Priced, models={Priced: Row}), dsn=dsn) as session:
        assert not await session.tables()
        columns = {column.field: column for column in session.models.tables["desk", "priced"].columns}
        assert (columns["_id"].length, columns["price"].digits) == (9, (6, 2))
        for some in (targets[:1], targets[1:]):
            await edit(session, *(Insert(target, **values) for target in some))
            assert (await session.check()).ok
            await session.commit()
        await edit(session, *(Update(target, name="c@d", count=2) for target in targets[:5]), reads=targets[5:])
        await edit(session, Update(targets[7], mail="m@n"), Delete(targets[8]))
        assert (await session.check()).ok
        await session.commit()
        assert len(await session.find("priced", name="c@d", count=2)) == 5
        assert await session.drift() == []
        await edit(session, Insert(at(Priced, "no"), **values | {"name": "no mail"}))
        assert not (await session.check()).ok
        with pytest.raises(DatabaseError, match='value for domain mail violates check constraint "mail_check"'):
            await session.commit()


async def test_a_domain_that_is_never_null(tables: Tables) -> None:
    """A field that may be None in a column whose domain is NOT NULL: it is told that the domain is in the way."""
    await tables.admin.execute("""
        CREATE DOMAIN full_text AS text NOT NULL;
        CREATE TABLE bank_card (_id uuid PRIMARY KEY, _created timestamptz, _updated timestamptz, _etag text,
                                it full_text)""")
    tables.define(card(it=field(str | None)))
    with pytest.raises(TablesDiffer, match='the column "it" is NOT NULL in the database, but may be None'):
        await prepare(tables.admin, tables.renewed())
    assert await tables.told() == ['~ column "it" may be NULL [blocked: its domain full_text is NOT NULL]']
    tables.define(card(it=field(str)))
    assert await tables.fits()
