"""Given models: what is read off a gino model that somebody wrote, and what of it is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from gino import Gino
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.schema import CreateTable

from tests.postgres.tables.banking import Account, Colour, Owner, bank, models_of, types_of
from workbench.domain.datadef import field
from workbench.domain.resource import Resource
from workbench.errors import DefinitionError
from workbench.postgres.tables.given_models import type_name
from workbench.state.planning.table import ForeignKey, Unique


def stamped(db: Gino) -> type[Any]:
    """A mixin with the columns of the stamps."""
    return type("Stamped", (), {
        "_id": db.Column(pg.UUID(), primary_key=True), "_created": db.Column(db.DateTime(timezone=True)),
        "_updated": db.Column(db.DateTime(timezone=True)), "_etag": db.Column(db.Text)})


def test_a_given_model_is_matched_by_attribute() -> None:
    """Fields find their columns by the model's attributes, else by the column's name; types are the real ones."""
    db = Gino()

    class OwnerRow(db.Model):
        __tablename__ = "owners"
        key = db.Column("_id", pg.UUID(), primary_key=True)
        _created = db.Column("made", db.DateTime(timezone=True))
        _updated = db.Column("changed", db.DateTime(timezone=True))
        _etag = db.Column("version", db.String(40))
        email = db.Column("e_mail", db.String(3), unique=True)
        extra = db.Column(db.Integer)
        needed = db.Column(db.Integer, nullable=False, server_default="0")

    table = models_of(bank(owner=(Owner, {"model": OwnerRow}))).tables["bank", "owner"]
    assert [(column.field, column.name, column.type) for column in table.columns] == [
        ("_id", "_id", "uuid"), ("_created", "made", "timestamp with time zone"),
        ("_updated", "changed", "timestamp with time zone"), ("_etag", "version", "character varying"),
        ("email", "e_mail", "character varying")]
    assert table.name == "owners"
    assert table.model is OwnerRow
    assert table.uniques == (Unique("owners_e_mail_key", ("email",)),)


def test_the_constraints_of_given_models() -> None:
    """Composite keys and unique indexes are read off; partial ones, and tables of nobody's, are left out."""
    db = Gino()
    mixin = stamped(db)

    class OwnerRow(db.Model, mixin):
        __tablename__ = "owners"
        __table_args__ = (sa.UniqueConstraint("land", "number", name="number_in_country", deferrable=True),
                          {"schema": "people"})
        country = db.Column("land", db.CHAR(2))
        number = db.Column(db.SmallInteger)
        lower = db.Column(db.Text)
        once = sa.Index("once", "lower", unique=True)
        partly = sa.Index("partly", "number", unique=True, postgresql_where=sa.text("number > 0"))
        by_words = sa.Index("by_words", sa.text("lower(lower)"), unique=True)
        plain = sa.Index("plain", "number")

    class Foreign(db.Model):
        __tablename__ = "foreign"
        id = db.Column(db.Integer, primary_key=True)

    class AccountRow(db.Model, mixin):
        __tablename__ = "accounts"
        of_number = sa.ForeignKeyConstraint(["country", "number"], ["people.owners.land", "people.owners.number"])
        country = db.Column(db.CHAR(2))
        number = db.Column(db.Integer)
        owner = db.Column(pg.UUID(), db.ForeignKey("people.owners._id", name="of", deferrable=True))
        elsewhere = db.Column(db.BigInteger, db.ForeignKey("foreign.id"))

    class Person(Resource):
        country = field(str)
        number = field(int)
        lower = field(str)

    class Deposit(Resource):
        country = field(str)
        number = field(int)
        owner = field(UUID)
        elsewhere = field(int)

    tables = models_of(bank(person=(Person, {"model": OwnerRow}), deposit=(Deposit, {"model": AccountRow}))).tables
    assert tables["bank", "person"].uniques == (
        Unique("number_in_country", ("country", "number"), True), Unique("once", ("lower",)))
    assert tables["bank", "person"].quoted == '"people"."owners"'
    assert tables["bank", "deposit"].foreign_keys == (
        ForeignKey("accounts_country_number_fkey", ("country", "number"), ("bank", "person"), ("country", "number")),
        ForeignKey("of", ("owner",), ("bank", "person"), ("_id",), True))
    assert types_of(tables["bank", "deposit"])["country"] == "bpchar"


def test_a_derived_model_refers_to_a_given_one() -> None:
    """A derived child's foreign key goes to the parent's own column, whatever it is called."""
    db = Gino()
    mixin = stamped(db)

    class OwnerRow(db.Model, mixin):
        __tablename__ = "owners"
        _id = db.Column("owner_id", pg.UUID(), primary_key=True)
        email = db.Column(db.Text)

    models = models_of(bank(owner=(Owner, {"model": OwnerRow}), account=Account))
    assert models.tables["bank", "account"].foreign_keys[0][1:4] == (("owner",), ("bank", "owner"), ("_id",))
    assert "REFERENCES owners (owner_id)" in str(CreateTable(models.model(("bank", "account")).__table__).compile(
        dialect=pg.dialect()))


def test_the_faults_of_a_given_model_are_told_at_once() -> None:
    """Missing columns, columns nobody fills, types that lose something, another primary key: all in one error."""
    db = Gino()

    class Row(db.Model):
        __tablename__ = "rows"
        id = db.Column(db.Integer, primary_key=True)
        _id = db.Column(pg.UUID())
        _created = db.Column(db.DateTime)
        _updated = db.Column(db.DateTime(timezone=True))
        balance = db.Column(db.Integer)
        rate = db.Column(db.Float(precision=10))
        colour = db.Column(db.Enum("red", "green", name="colour"))
        texts = db.Column(pg.ARRAY(db.Integer))
        kept = db.Column(db.Integer, nullable=False, default=1)
        forced = db.Column(db.Text, nullable=False)
        double = db.Column(db.Integer, sa.Computed("kept * 2"))
        twice = db.Column(db.BigInteger, sa.Computed("kept * 2"))
        ctid = db.Column(db.Integer)
        cmin = db.Column(db.Integer, system=True)

    class Wrong(Resource):
        twice = field(int)
        balance = field(Decimal)
        rate = field(float)
        colour = field(Colour)
        texts = field(list[str])

    with pytest.raises(DefinitionError) as caught:
        models_of(bank(wrong=(Wrong, {"model": Row}), owner=(Owner, {"model": "owners"})))
    assert caught.value.problems == (
        "bank:owner: model='owners' is no gino model with a table; give a subclass of db.Model that has a "
        "__tablename__, or leave model= out to have one derived",
        'bank:wrong: the column "ctid" of Row has a name that Postgres keeps for itself in every table; give it '
        "another",
        'bank:wrong: the column "forced" of Row is NOT NULL and has no field; add the field, or give the column a '
        "server_default or nullable=True",
        'bank:wrong: the column "kept" of Row is NOT NULL and has no field; the default= it has is applied by '
        "SQLAlchemy alone, not by the database; add the field, or give the column a server_default or nullable=True",
        'bank:wrong: the column of "_id", "_id", must be the primary key of Row, which is id',
        'bank:wrong: the field "_created" is an aware datetime or None, but its column is of type timestamp without '
        "time zone; make it timestamp with time zone",
        'bank:wrong: the field "_etag" has no column in Row; add _etag = db.Column(…) of type text: every '
        "Resource has it, and wb.tables() adds it to a table that is there",
        'bank:wrong: the field "balance" is a Decimal, but its column is of type integer; make it numeric',
        'bank:wrong: the field "colour" is one of red, blue, but its column admits red, green; make it an Enum of red, '
        "blue, or db.Text",
        'bank:wrong: the field "rate" is a float, but its column is of type real; make it double precision',
        'bank:wrong: the field "texts" is a list, each text, but its column is of type integer[]; make it text[] or '
        "character varying[] or bpchar[] or citext[]",
        'bank:wrong: the field "twice" cannot be written: the database makes its column in Row, and there are no '
        "fields that are only read; drop the field, or the Computed")


def test_a_key_that_is_there_under_another_name() -> None:
    """A model with a primary key of its own is told how the identifier stands on it; that is how it fits."""
    db = Gino()

    class Book(Resource):
        _id = field(str)

    class Own(db.Model):
        __tablename__ = "own"
        isbn = db.Column(db.String(13), primary_key=True)

    class Row(db.Model, stamped(db)):
        __tablename__ = "book"
        _id = db.Column("isbn", db.String, primary_key=True)

    with pytest.raises(DefinitionError) as caught:
        models_of(bank(book=(Book, {"model": Own})))
    assert [problem for problem in caught.value.problems if '"_id"' in problem] == [
        'bank:book: the field "_id" has no column in Own; add _id = db.Column(…) of type text: every Resource has it; '
        'or call the attribute of the key that is there _id: _id = db.Column("isbn", db.String, primary_key=True)']
    assert models_of(bank(book=(Book, {"model": Row}))).tables["bank", "book"].columns[0].name == "isbn"


def test_keys_and_versions_that_would_not_be_equal() -> None:
    """An identifier that is padded with blanks as it is stored, and an etag that is too long for its column, are
    refused: no item would be found again, or none could be written. One of the right length may be char."""
    def faults(key: Any, etag: Any) -> tuple[str, ...]:
        db = Gino()
        row = type("Row", (db.Model,), {
            "__tablename__": "rows", "_id": db.Column(key, primary_key=True), "_etag": db.Column(etag),
            "_created": db.Column(db.DateTime(timezone=True)), "_updated": db.Column(db.DateTime(timezone=True))})
        try:
            models_of(bank(row=(type("Kept", (Resource,), {"_id": field(str)}), {"model": row})))
        except DefinitionError as error:
            return error.problems
        return ()

    assert faults(sa.CHAR(5), sa.String(20)) == (
        'bank:row: the field "_etag" is text or None, but its column holds 20 signs, and an etag has 32: make it text',
        'bank:row: the field "_id" is text, but its column is char, which pads what it stores with blanks: make it '
        "text or varchar")
    assert "holds 1 signs" in faults(sa.Text(), sa.CHAR())[0]
    assert faults(sa.String(5), sa.CHAR(32)) == faults(sa.Text(), sa.String) == faults(sa.Text(), sa.String(40)) == ()


@pytest.mark.parametrize(("sql_type", "name"), [
    (sa.String(3), "character varying"), (sa.Unicode(), "character varying"), (sa.CHAR(3), "bpchar"),
    (sa.Numeric(10, 2), "numeric"), (sa.Float(), "double precision"), (sa.Float(precision=10), "real"),
    (sa.REAL(), "real"), (sa.SmallInteger(), "smallint"), (sa.DateTime(), "timestamp without time zone"),
    (pg.TIMESTAMP(timezone=True, precision=3), "timestamp with time zone"), (sa.Interval(), "interval"),
    (pg.INTERVAL(3, "DAY TO SECOND"), "interval"), (sa.Time(), "time without time zone"), (pg.JSON(), "json"),
    (sa.LargeBinary(), "bytea"), (pg.ARRAY(sa.String(3)), "character varying[]"), (sa.ARRAY(sa.Integer()), "integer[]"),
    (sa.String(3, collation="C"), "character varying"), (sa.Enum("a", name="Odd kind"), '"Odd kind"'),
    (sa.Enum("a", name="10%", schema='a"b'), '"a""b"."10%"')])
def test_types_lose_their_lengths(sql_type: Any, name: str) -> None:
    """A column's type is told without length or precision: a cast to varchar(3) would cut silently."""
    assert type_name(sql_type) == name


def test_an_enum_of_the_same_members_fits() -> None:
    """A field of an Enum stands on a Postgres enum with the texts that are stored."""
    db = Gino()
    mixin = stamped(db)

    class Row(db.Model, mixin):
        __tablename__ = "rows"
        colour = db.Column(db.Enum("blue", "red", name="colour"))

    class Thing(Resource):
        colour = field(Colour)

    assert types_of(models_of(bank(thing=(Thing, {"model": Row}))).tables["bank", "thing"])["colour"] == "colour"
