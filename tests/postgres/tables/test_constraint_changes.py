"""Constraint changes: keys, uniques, checks, choices, indexes, of derived models and of given ones."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from uuid import UUID

import pytest
import sqlalchemy as sa
from gino import Gino
from sqlalchemy.dialects import postgresql as pg

from tests.postgres.tables.redefined import Colour, Owner, Tables, Wider, card, gino_model
from workbench.domain.datadef import field
from workbench.domain.resource import Resource
from workbench.errors import NothingTo, TablesDiffer
from workbench.postgres.tables.schema import prepare

# ------------------------------------------------------------------------------------------------ constraints

async def test_choices(tables: Tables) -> None:
    """More choices of an Enum are additive; fewer too, unless rows hold what is no choice any more."""
    await tables.made(card(colour=field(Colour)))
    await tables.rows(2, colour="'red'")
    tables.define(card(colour=field(Wider)))
    assert await tables.told() == [
        "~ column \"colour\" admits 'red', \"it's\", 'blue' instead of 'red', \"it's\""]
    await tables.apply()
    assert await tables.fits()
    await tables.rows(1, colour="'blue'")
    tables.define(card(colour=field(Colour)))
    assert (await tables.plan()).alterations[0].reason == "1 row with another value, such as 'blue'"
    await tables.admin.execute("DELETE FROM bank_card WHERE colour = 'blue'")
    await tables.apply()
    assert await tables.fits()


async def test_choices_of_a_renamed_column(tables: Tables) -> None:
    """The check of an Enum goes with its column, the choices changed or not; nothing is left of the old name."""
    await tables.made(card(a=field(Colour), b=field(Colour)))
    await tables.rows(1, a="'red'", b="'red'")
    tables.define(card(c=field(Colour), d=field(Wider)))
    await tables.apply(await tables.plan(a="c", b="d"))
    assert await tables.fits()
    assert await tables.values("conname", "pg_constraint WHERE contype = 'c' AND conrelid = 'bank_card'::regclass") == [
        "bank_card_c_check", "bank_card_d_check"]


async def test_an_index_gives_way_in_its_own_schema(tables: Tables) -> None:
    """A unique index without a constraint is replaced by the one that is defined; an index of the same name on the
    table of another schema, which comes first on the search path, is left alone."""
    await tables.made(card(mail=field(str, unique=True)))
    await tables.admin.execute("""
        ALTER TABLE bank_card DROP CONSTRAINT bank_card_mail_key;
        CREATE UNIQUE INDEX bank_card_mail_key ON bank_card (mail);
        CREATE SCHEMA app; CREATE TABLE app.theirs (mail text);
        CREATE UNIQUE INDEX bank_card_mail_key ON app.theirs (mail)
        """)
    name = await tables.admin.fetchval("SELECT current_database()")
    await tables.admin.execute(f"ALTER DATABASE {name} SET search_path = app, public")
    await tables.engine.expire()
    assert await tables.told() == ['~ unique constraint on "mail" becomes DEFERRABLE']
    await tables.apply()
    assert await tables.fits()
    assert await tables.values("indexname", "pg_indexes WHERE schemaname = 'app'") == ["bank_card_mail_key"]


async def test_a_foreign_key_that_is_to_be_deferred(tables: Tables) -> None:
    """A foreign key of a given model that is as defined but for that becomes DEFERRABLE where it is, with its rows."""
    await tables.made(Owner)
    for deferrable in (None, True):
        db = Gino()
        tables.define(card(owner=field(UUID | None)), model=gino_model(
            db, owner=db.Column(pg.UUID(), db.ForeignKey("bank_owner._id", deferrable=deferrable))))
        if deferrable:
            assert await tables.told() == [
                '~ foreign key from "owner" to bank_owner (_id) becomes DEFERRABLE']
        await tables.apply()
        assert await tables.fits()
    assert await tables.values("condeferrable", "pg_constraint WHERE contype = 'f'") == [True]


async def test_rules_that_are_no_more(tables: Tables) -> None:
    """A field that is no Enum, not unique and no reference any more leaves its rules in the database until asked; rules
    made by hand are left alone."""
    await tables.made(Owner, card(colour=field(Colour), mail=field(str, unique=True),
                                  owner=field(UUID | None, references=Owner), age=field(int)))
    await tables.admin.execute("ALTER TABLE bank_card ADD CONSTRAINT grown CHECK (age > 0), "
                               "ADD CONSTRAINT one UNIQUE (age); CREATE INDEX any_of ON bank_card (age)")
    tables.define(card(colour=field(str), mail=field(str), owner=field(UUID | None), age=field(int)))
    assert [(one.sign, one.what, one.reason) for one in (await tables.plan()).alterations] == [
        ("-", f"{what}, which is in the database alone", "the database would not keep this rule any more")
        for what in ('unique constraint on "mail"', 'foreign key on "owner"', 'check on "colour"')]
    with pytest.raises(NothingTo, match=r"3 other: tables\(\)\.apply\(all=True\)"):
        await tables.apply()
    await tables.apply(all=True)
    assert await tables.fits()
    assert await tables.admin.fetchval("SELECT count(*) FROM pg_constraint WHERE conname IN ('grown', 'one')") == 2


async def test_constraints_and_rows(tables: Tables) -> None:
    """New unique and foreign keys are additive unless rows stand in the way, which are counted, with an example."""
    await tables.made(Owner, card(mail=field(str), owner=field(UUID), free=field(int)))
    await tables.rows(3, mail="'m' || n / 2", owner="gen_random_uuid()", free="n")
    tables.define(card(mail=field(str, unique=True), owner=field(UUID, references=Owner), free=field(int, unique=True),
                       new=field(int, initial=0, unique=True)))
    told = await tables.told()
    assert told[:3] == [
        '+ column "new" (bigint); rows that are there get 0', '+ unique constraint on "free"',
        "+ unique constraint on \"mail\" [blocked: 1 value in more than one row, such as 'm1']"]
    assert told[3] == '+ unique constraint on "new" [blocked: all rows would have the same value]'
    assert told[4].startswith('+ foreign key from "owner" to bank_owner (_id) [blocked: 3 rows name a parent that is '
                              "not there, such as '")
    assert [str(one) for one in (await tables.apply(all=True)).done] == [told[0], told[1]]
    await tables.admin.execute("TRUNCATE bank_card")
    await tables.apply()
    assert await tables.fits()


async def test_another_parent(tables: Tables) -> None:
    """A reference to another resource replaces the foreign key of the same name when asked: that was a rule."""
    class Person(Resource):
        pass

    tables.define(Owner, Person)
    await tables.made(card(owner=field(UUID | None, references=Owner)))
    tables.define(card(owner=field(UUID | None, references=Person)))
    plan = await tables.plan()
    assert plan.alterations[0].sql == (
        'ALTER TABLE "bank_card" DROP CONSTRAINT IF EXISTS "bank_card_owner_fkey";\n'
        'ALTER TABLE "bank_card" ADD CONSTRAINT "bank_card_owner_fkey" FOREIGN KEY ("owner") REFERENCES "bank_person" '
        '("_id") DEFERRABLE INITIALLY IMMEDIATE;')
    assert plan.alterations[0].reason == (
        'the foreign key constraint that is called "bank_card_owner_fkey" now would not be kept any more')
    await tables.apply(plan, all=True)
    assert await tables.fits()


async def test_names_that_other_rules_have(tables: Tables) -> None:
    """A unique constraint or a check made by hand that has the name of one that is missing gives way when asked."""
    await tables.made(card(mail=field(str), colour=field(str)))
    await tables.admin.execute("ALTER TABLE bank_card ADD CONSTRAINT bank_card_mail_key UNIQUE (mail, colour), "
                               "ADD CHECK (length(colour) < 9)")
    tables.define(card(mail=field(str, unique=True), colour=field(Colour)))
    assert [(one.sign, one.what, one.reason) for one in (await tables.plan()).alterations] == [
        ("~", 'unique constraint on "mail"',
         'the unique constraint that is called "bank_card_mail_key" now would not be kept any more'),
        ("~", "column \"colour\" admits 'red', \"it's\"",
         'the check constraint that is called "bank_card_colour_check" now would not be kept any more')]
    await tables.apply(all=True)
    assert await tables.fits()


async def test_what_was_altered_by_hand(tables: Tables) -> None:
    """Whatever a table lacks is found, and made: keys, stamps, checks, whether constraints can be deferred."""
    await tables.admin.execute("""
        CREATE TABLE bank_owner (_id uuid, _created text, _updated timestamptz, email varchar(9) NOT NULL,
                                 country text NOT NULL, city text NOT NULL DEFAULT '', age int,
                                 UNIQUE (email));
        CREATE TABLE bank_card (_id uuid, other uuid PRIMARY KEY, _created timestamptz NOT NULL, _updated timestamptz,
                                _etag text, owner uuid REFERENCES bank_owner (email) , rate numeric NOT NULL,
                                colour text NOT NULL)
        """.replace("REFERENCES bank_owner (email) ", ""))
    tables.define(Owner, card(owner=field(UUID, references=Owner), rate=field(Decimal | None), colour=field(Colour)))
    with pytest.raises(TablesDiffer) as caught:
        await prepare(tables.admin, tables.renewed())
    assert len(caught.value.differences) >= 10
    assert [str(one) for one in (await tables.plan()).blocked] == []
    await tables.apply(all=True)
    assert await tables.fits()
    assert await tables.admin.fetchval("SELECT data_type FROM information_schema.columns WHERE column_name = 'email'") \
        == "text"


async def test_rows_without_a_key(tables: Tables) -> None:
    """A primary key is blocked by rows that have none, and by rows that have the same."""
    await tables.admin.execute("CREATE TABLE bank_card (_id uuid, _created timestamptz, _updated timestamptz, "
                               "_etag text)")
    tables.define(card())
    await tables.admin.execute("INSERT INTO bank_card (_id) SELECT NULLIF(n::text || repeat('0', 31), repeat('0', 32)"
                               ")::uuid FROM (VALUES (0), (1), (1)) AS v (n)")
    assert [one.reason for one in (await tables.plan()).alterations] == [
        "1 row without a value: give the field an initial=, or make its type … | None",
        "1 row without a key; 1 value in more than one row, such as '10000000-0000-0000-0000-000000000000'"]


async def test_a_view_is_in_the_way(tables: Tables) -> None:
    """A view of the table's name is told, and nothing is done to it."""
    await tables.admin.execute("CREATE VIEW bank_owner AS SELECT 1 AS _id")
    tables.define(Owner)
    plan = await tables.plan()
    assert [one.reason for one in plan.blocked] == [
        "something else has this name: drop it, or give the resource another table="]
    assert plan.sql().startswith("-- left: bank_owner: ~ no table but a view")
    with pytest.raises(NothingTo):
        await tables.apply(all=True)


async def test_names_of_all_kinds(tables: Tables) -> None:
    """Schemas, names that are words of SQL, quotes and blanks: all is quoted, in questions as in statements."""
    await tables.made(card(select=field(int | None), user=field(str)), table='Le "dger.or der')
    await tables.admin.execute('INSERT INTO "Le ""dger"."or der" (_id, "user") VALUES (gen_random_uuid(), \'x\')')
    tables.define(card(select=field(int, initial=2), user=field(str, unique=True), group=field(Colour, initial="red"),
                       table=field(UUID | None, references="self")), table='Le "dger.or der')
    plan = await tables.plan()
    assert {one.table for one in plan.alterations} == {'Le "dger.or der'}
    await tables.apply(plan, all=True)
    assert await tables.fits()


# ------------------------------------------------------------------------------------------------ given models

async def test_given_models(tables: Tables) -> None:
    """A gino model is the definition, in all that it says: columns without a field, defaults, enum types, indexes,
    checks, keys. What the database has beyond it is another program's and never dropped."""
    db = Gino()
    tables.define(Owner)
    await tables.made(card(name=field(str)), model=gino_model(db, name=db.Column("the name", db.String)))
    await tables.admin.execute('INSERT INTO "Items" (id, "the name") VALUES (gen_random_uuid(), \'x\')')
    await tables.admin.execute('ALTER TABLE "Items" ADD theirs real')
    db = Gino()
    row = gino_model(
        db, name=db.Column("the name", db.Text, nullable=False), extra=db.Column(db.Integer, nullable=False,
                                                                                server_default="5"),
        kind=db.Column(db.Enum("red", "it's", name="Kind of item"), nullable=False, server_default="red"),
        owner=db.Column(pg.UUID(), db.ForeignKey("bank_owner._id", ondelete="SET NULL")),
        amount=db.Column(db.Numeric(9, 2)),
        once=sa.Index("once", "amount", unique=True), found=sa.Index("found", "the name"),
        partly=sa.Index("partly", "extra", unique=True, postgresql_where=sa.text("extra > 5")),
        __table_args__=(sa.CheckConstraint("amount > 0", name="positive"),))
    tables.define(card(name=field(str), kind=field(Colour), owner=field(UUID | None), amount=field(Decimal | None)),
                  model=row)
    plan = await tables.plan()
    assert [str(one) for one in plan.alterations] == [
        '~ column "the name" becomes text; it is character varying', '~ column "the name" may not be NULL',
        '+ column "extra" (integer)', '+ column "kind" ("Kind of item")', '+ column "owner" (uuid)',
        '+ column "amount" (numeric)',
        '+ check "positive" [not additive: 1 row can be asked only when all columns are there]',
        '+ foreign key from "owner" to bank_owner (_id)',
        '+ index "found"', '+ unique constraint on "amount"', '+ index "partly"']
    await tables.apply(plan)
    assert await tables.told() == ['+ check "positive"']
    await tables.admin.execute('UPDATE "Items" SET amount = -1')
    assert await tables.told() == ['+ check "positive" [blocked: 1 row for which it does not hold]']
    await tables.admin.execute('UPDATE "Items" SET amount = NULL')
    await tables.apply()
    assert await tables.fits()
    assert await tables.admin.fetchrow('SELECT "the name", extra, kind, amount, theirs FROM "Items"') == (
        "x", 5, "red", None, None)
    assert set(await tables.values("indexname", "pg_indexes WHERE tablename = 'Items'")) == {
        "Items_pkey", "once", "found", "partly"}


async def test_lengths_and_types_of_given_models(tables: Tables) -> None:
    """A longer text is additive, a shorter one unless a value is too long; a text becomes an enum if all values are
    labels, and what had a default has that of the model afterwards."""
    db = Gino()
    columns = {"name": db.Column(db.String(3)), "code": db.Column(db.String(9)),
               "kind": db.Column(db.Text, server_default="x"), "old": db.Column(db.Integer, server_default="1")}
    await tables.made(card(name=field(str), code=field(str), kind=field(str), old=field(int)),
                      model=gino_model(db, **columns))
    await tables.admin.execute('INSERT INTO "Items" (id, name, code) VALUES (gen_random_uuid(), \'abc\', \'abcd\')')
    db = Gino()
    columns = {"name": db.Column(db.String(5)), "code": db.Column(db.String(3)),
               "kind": db.Column(db.Enum("red", "it's", name="kind"), server_default="red"),
               "old": db.Column(db.BigInteger, server_default="2")}
    tables.define(card(name=field(str), code=field(str), kind=field(Colour), old=field(int)),
                  model=gino_model(db, **columns))
    assert await tables.told() == [
        '~ column "name" becomes VARCHAR(5); its length is 3',
        "~ column \"code\" becomes VARCHAR(3); its length is 9 [blocked: 1 value too long, such as 'abcd']",
        "~ column \"kind\" becomes kind; it is text [blocked: 1 row with another value, such as 'x']",
        '~ column "old" becomes bigint; it is integer']
    await tables.admin.execute("UPDATE \"Items\" SET code = 'abc', kind = 'it''s'")
    await tables.apply()
    assert await tables.fits()
    await tables.admin.execute('INSERT INTO "Items" (id) VALUES (gen_random_uuid())')
    assert await tables.values("kind::text || old", '"Items"') == ["it's1", "red2"]


async def test_the_labels_of_an_enum_type(tables: Tables) -> None:
    """A label that a given model's enum type has more is added to the type in the database."""
    db = Gino()
    await tables.made(card(kind=field(Colour)), model=gino_model(
        db, kind=db.Column(db.Enum("red", "it's", name="Kind of item"))))
    db = Gino()
    tables.define(card(kind=field(Wider)), model=gino_model(
        db, kind=db.Column(db.Enum("red", "it's", "blue", name="Kind of item"))))
    assert await tables.told() == ["~ type \"Kind of item\" admits 'blue' as well"]
    await tables.apply()
    assert await tables.fits()
    await tables.admin.execute("INSERT INTO \"Items\" (id, kind) VALUES (gen_random_uuid(), 'blue')")


async def test_what_a_given_type_cannot_hold(tables: Tables) -> None:
    """A type with a precision or a length is additive only where no value is rounded or too long; nothing is cut."""
    db = Gino()
    await tables.made(card(amount=field(Decimal), code=field(str)), model=gino_model(
        db, amount=db.Column(sa.Numeric), code=db.Column(sa.Text)))
    await tables.admin.execute('ALTER TABLE "Items" ALTER amount TYPE double precision')
    await tables.admin.execute(
        """INSERT INTO "Items" (id, amount, code) VALUES (gen_random_uuid(), 1.2399, 'abcdef')""")
    db = Gino()
    tables.define(card(amount=field(Decimal), code=field(str)), model=gino_model(
        db, amount=db.Column(sa.Numeric(10, 2)), code=db.Column(sa.String(3))))
    amount, code = (await tables.plan()).alterations
    assert not amount.additive
    assert "1.2399" in amount.reason
    assert (code.blocked, code.reason) == (True, "1 value too long, such as 'abcdef'")
    with pytest.raises(NothingTo):
        await tables.apply()
    assert await tables.values("amount::text || code", '"Items"') == ["1.2399abcdef"]


class Mood(Enum):
    RED = "red"
    ODD = "it's $ddl$"


class MoreMoods(Enum):
    RED = "red"
    ODD = "it's $ddl$"
    BLUE = "blue"


async def test_a_new_label_as_a_default(tables: Tables) -> None:
    """A label that an enum type gets can be the default of a column in the same plan: it is committed first."""
    db = Gino()
    await tables.made(card(kind=field(Mood)), model=gino_model(
        db, kind=db.Column(sa.Enum("red", "it's $ddl$", name="mood"))))
    db = Gino()
    more = sa.Enum("red", "it's $ddl$", "blue", name="mood")
    tables.define(card(kind=field(MoreMoods), other=field(MoreMoods)), model=gino_model(
        db, kind=db.Column(more, server_default="blue"), other=db.Column(more, server_default="blue")))
    assert (await tables.plan()).sql().count("BEGIN;") == 2
    await tables.apply()
    assert await tables.fits()


async def test_arrays_of_enums(tables: Tables) -> None:
    """The type of an array's members is made with its table, and gets the labels that it lacks."""
    for moods, labels in ((Mood, ["red", "it's $ddl$"]), (MoreMoods, ["red", "it's $ddl$", "blue"])):
        db = Gino()
        tables.define(card(kinds=field(list[moods])), model=gino_model(    # type: ignore[valid-type]  # one or the other
            db, kinds=db.Column(pg.ARRAY(sa.Enum(*labels, name="mood")))))
        await tables.apply()
        assert await tables.fits()
    await tables.admin.execute("""INSERT INTO "Items" (id, kinds) VALUES (gen_random_uuid(), '{blue}')""")
