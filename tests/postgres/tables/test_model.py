"""Models: what is derived from a Resource, what is read off a given gino model, and what is refused."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from gino import Gino
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.schema import CreateTable

from workbench.domain.datadef import Datadef, field
from workbench.domain.domain import Domain
from workbench.domain.registry import Registry
from workbench.domain.resource import Resource
from workbench.errors import DefinitionError, UnknownName
from workbench.postgres.tables.columns import PG_TYPES, constraint_name
from workbench.postgres.tables.given_models import type_name
from workbench.postgres.tables.model import Models
from workbench.state.planning.table import ForeignKey, Table, Unique


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Address(Datadef):
    city = field(str)


class Everything(Resource):
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
    mapping = field(dict)
    anything = field(list)
    where = field(Address)
    texts = field(list[str])
    colours = field(list[Colour])
    keys = field(list[UUID | None])
    grid = field(list[list[int]])
    mappings = field(list[dict])
    places = field(list[Address])
    maybe = field(Decimal | None)


class Owner(Resource):
    email = field(str, unique=True)


class Account(Resource):
    owner = field(UUID, references=Owner)
    parent = field(UUID | None, references="self")


def models_of(*domains: Domain) -> Models:
    return Models(Registry(domains))


def bank(**resources: Any) -> Domain:
    """A domain with some resources, or with ``(resource, arguments)``, under the given keys."""
    domain = Domain("bank")
    for key, cls in resources.items():
        cls, arguments = cls if isinstance(cls, tuple) else (cls, {})
        domain.resource(key=key.replace("_", "-"), **arguments)(cls)
    return domain


def types_of(table: Table) -> dict[str, str]:
    return {column.field: column.type for column in table.columns}


def stamped(db: Gino) -> type[Any]:
    """A mixin with the columns of the stamps."""
    return type("Stamped", (), {
        "_id": db.Column(pg.UUID(), primary_key=True), "_created": db.Column(db.DateTime(timezone=True)),
        "_updated": db.Column(db.DateTime(timezone=True)), "_etag": db.Column(db.Text)})


# ------------------------------------------------------------------------------------------------ derived

def test_every_type_of_field_has_its_column() -> None:
    """Each type of field gets the Postgres type that holds it; scalars in lists arrays, anything deeper jsonb."""
    table = models_of(bank(everything=Everything)).tables["bank", "everything"]
    assert types_of(table) == {
        "_id": "uuid", "_created": "timestamp with time zone", "_updated": "timestamp with time zone", "_etag": "text",
        "text": "text", "whole": "bigint", "real": "double precision", "flag": "boolean", "exact": "numeric",
        "key": "uuid", "moment": "timestamp with time zone", "day": "date", "clock": "time without time zone",
        "span": "interval", "raw": "bytea", "colour": "text", "mapping": "jsonb", "anything": "jsonb",
        "where": "jsonb", "texts": "text[]", "colours": "text[]", "keys": "uuid[]", "grid": "jsonb",
        "mappings": "jsonb", "places": "jsonb", "maybe": "numeric"}
    assert {column.field for column in table.columns if column.nullable} == {"_created", "_updated", "_etag", "maybe"}
    assert all(column.name == column.field for column in table.columns)


def test_the_names_of_types_are_those_sqlalchemy_writes() -> None:
    """The two halves of PG_TYPES say the same."""
    assert {kind: type_name(sql_type) for kind, (sql_type, _) in PG_TYPES.items()} == {
        kind: name for kind, (_, name) in PG_TYPES.items()}


def test_derived_table_as_sql() -> None:
    """The derived gino model makes this very table: keys named, foreign keys and unique ones deferrable."""
    models = models_of(bank(owner=Owner, account=Account))
    assert [line.strip() for line in str(CreateTable(models.model(("bank", "account")).__table__).compile(
        dialect=pg.dialect())).splitlines() if line.strip()] == [
        "CREATE TABLE bank_account (",
        "_id UUID NOT NULL,",
        "_created TIMESTAMP WITH TIME ZONE,",
        "_updated TIMESTAMP WITH TIME ZONE,",
        "_etag TEXT,",
        "owner UUID NOT NULL,",
        "parent UUID,",
        "CONSTRAINT bank_account_pkey PRIMARY KEY (_id),",
        "CONSTRAINT bank_account_owner_fkey FOREIGN KEY(owner) REFERENCES bank_owner (_id) "
        "DEFERRABLE INITIALLY IMMEDIATE,",
        "CONSTRAINT bank_account_parent_fkey FOREIGN KEY(parent) REFERENCES bank_account (_id) "
        "DEFERRABLE INITIALLY IMMEDIATE",
        ")"]


def test_references_and_unique_are_told() -> None:
    """The Table says which fields refer to which resource, and which are unique."""
    tables = models_of(bank(owner=Owner, account=Account)).tables
    assert tables["bank", "account"].foreign_keys == (
        ForeignKey("bank_account_owner_fkey", ("owner",), ("bank", "owner"), ("_id",), True),
        ForeignKey("bank_account_parent_fkey", ("parent",), ("bank", "account"), ("_id",), True))
    assert tables["bank", "owner"].uniques == (Unique("bank_owner_email_key", ("email",), True),)
    assert tables["bank", "account"].uniques == ()


def test_circular_references() -> None:
    """Two resources may refer to each other, by key."""
    class Hen(Resource):
        egg = field(UUID | None, references="egg")

    class Egg(Resource):
        hen = field(UUID | None, references=Hen)

    tables = models_of(bank(hen=Hen, egg=Egg)).tables
    assert [key.parent for table in tables.values() for key in table.foreign_keys] == [("bank", "egg"), ("bank", "hen")]


def test_table_name_is_of_domain_and_key_or_given() -> None:
    """A table is named after its domain and key, hyphens as underscores, unless the definition names it."""
    domain = Domain("old-bank")
    domain.resource(key="open-account")(Owner)
    domain.resource(key="account", table="ledger.accounts")(Account)
    tables = models_of(domain).tables
    assert [(table.schema, table.name, table.quoted) for table in tables.values()] == [
        (None, "old_bank_open_account", '"old_bank_open_account"'),
        ("ledger", "accounts", '"ledger"."accounts"')]
    assert tables["old-bank", "account"].foreign_keys[0].name == "accounts_owner_fkey"


def test_same_keys_in_two_domains_do_not_cross() -> None:
    """Two domains with a resource of the same key get two tables, and references stay within their own."""
    class Other(Resource):
        pass

    class Child(Resource):
        owner = field(UUID, references="owner")

    shop = Domain("shop")
    shop.resource(key="owner")(Other)
    shop.resource(key="child")(Child)
    models = models_of(bank(owner=Owner), shop)
    assert [table.name for table in models.tables.values()] == ["bank_owner", "shop_owner", "shop_child"]
    assert models.tables["shop", "child"].foreign_keys[0].parent == ("shop", "owner")
    assert models.model(("bank", "owner")) is not models.model(("shop", "owner"))


def test_two_resources_in_one_table_are_refused() -> None:
    """Resources whose tables would have one name are refused, with the way out."""
    one, two = Domain("a"), Domain("a-b")
    one.resource(key="b-c")(Owner)
    two.resource(key="c")(Account)
    with pytest.raises(DefinitionError, match=r'a-b:c: its table "a_b_c" is the one of a:b-c already; give it another: '
                                              r'@a-b.resource\(table="…"\)'):
        models_of(one, two)


def test_what_cannot_be_derived_is_told_at_once() -> None:
    """Every field of every resource that has no column is listed in one DefinitionError."""
    class Wrong(Resource):
        anything = field(object)
        things = field(list[object])
        owner = field(str, references=Owner)
        stranger = field(UUID, references=Account)

    longer = type("Longer", (Resource,), {"x" * 64: field(int)})
    system = type("System", (Resource,), {"xmin": field(int), "XMAX": field(int)})
    with pytest.raises(DefinitionError) as caught:
        models_of(bank(owner=Owner, wrong=Wrong, longer=longer, system=system))
    assert caught.value.problems == (
        f'bank:longer: the field "{"x" * 64}" has a name of more than 63 bytes, which Postgres cuts; give it a shorter '
        "one",
        'bank:system: the field "xmin" has a name that Postgres keeps for itself in every table; give it another',
        'bank:wrong: the field "anything" may hold any value, and no column can; give it a type, or dict for JSON',
        'bank:wrong: the field "owner" is stored as text, but the identifier of bank:owner, which it references, as '
        "uuid; give both one type",
        'bank:wrong: the field "stranger" references Account, which is no resource of an opened domain; open its '
        "domain in the same session, or take the resource back: bank.forget(Wrong)",
        'bank:wrong: the field "things" may hold any value, and no column can; give it a type, or dict for JSON')


def test_a_reference_to_nothing_names_the_ways_out() -> None:
    """A typo in ``references=`` is told with the resource that was probably meant, and how to take it back."""
    class Fee(Resource):
        owner = field(UUID, references="ownr")

    with pytest.raises(DefinitionError) as caught:
        models_of(bank(owner=Owner, fee=Fee))
    assert caught.value.problems == (
        'bank:fee: the field "owner" references "ownr", and there is no such resource; did you mean "owner"? '
        "There is: fee, owner; or take the resource back: bank.forget(Fee)",)


def test_names_of_gino_stay_what_they_are() -> None:
    """A field named as something of gino's (query, update, join) has its column, and gino keeps its attribute."""
    class Odd(Resource):
        query = field(str)
        join = field(int)

    models = models_of(bank(odd=Odd))
    model = models.model(("bank", "odd"))
    assert types_of(models.tables["bank", "odd"])["query"] == "text"
    assert model.query_.name == "query"
    assert model.join_.name == "join"
    assert str(model.query.compile(dialect=pg.dialect())).startswith("SELECT")


@pytest.mark.parametrize("name", ["x" * 63, "x" * 64, "é" * 40, "a_" * 60])
def test_names_fit_into_63_bytes(name: str) -> None:
    """A name is never longer than Postgres takes, the same each time, and another for another."""
    made = constraint_name("t", name, "key")
    assert len(made.encode()) <= 63
    assert made == constraint_name("t", name, "key")
    assert made != constraint_name("t", name + "x", "key")
    assert constraint_name("bank", "account", "pkey") == "bank_account_pkey"


def test_stamps_are_columns() -> None:
    """A natural key and the stamps that a resource asks for become columns like other fields."""
    class Airline(Resource):
        _id = field(str)
        _creator = field(str | None)
        _deleted = field(datetime | None)

    class Flight(Resource):
        _id = field(int)
        airline = field(str, references=Airline)

    tables = models_of(bank(airline=Airline, flight=Flight)).tables
    assert types_of(tables["bank", "airline"]) == {
        "_id": "text", "_created": "timestamp with time zone", "_updated": "timestamp with time zone", "_etag": "text",
        "_creator": "text", "_deleted": "timestamp with time zone"}
    assert "_id BIGINT NOT NULL" in str(CreateTable(tables["bank", "flight"].model.__table__).compile(
        dialect=pg.dialect()))


# ------------------------------------------------------------------------------------------------ a cell run again

def test_refresh_derives_what_changed() -> None:
    """A resource defined anew gets a new model in place of the old, its children too; the others keep theirs."""
    class Other(Resource):
        pass

    domain = bank(owner=Owner, account=Account, other=Other)
    registry = Registry([domain])
    models = Models(registry)
    before = dict(models.tables)
    assert models.refresh() is False

    again = type("Owner", (Resource,), {"__module__": Owner.__module__, "name": field(str)})
    domain.resource(key="owner")(again)
    assert registry.refresh()
    assert models.refresh() is True
    after = models.tables
    assert "name" in types_of(after["bank", "owner"])
    assert after["bank", "owner"].model is not before["bank", "owner"].model
    assert after["bank", "account"].model is not before["bank", "account"].model
    assert after["bank", "other"].model is before["bank", "other"].model
    assert sorted(models.db.tables) == ["bank_account", "bank_other", "bank_owner"]
    parent = next(iter(after["bank", "account"].model.__table__.c.owner.foreign_keys)).column.table
    assert parent is after["bank", "owner"].model.__table__


def test_refresh_derives_children_of_children() -> None:
    """What refers to a table that refers to one that is defined anew is derived anew as well, however far down, and
    each refers to the new ones."""
    class Child(Resource):
        owner = field(UUID, references=Owner)

    class GrandChild(Resource):
        child = field(UUID, references=Child)

    class Below(Resource):
        grand_child = field(UUID, references=GrandChild)

    domain = bank(owner=Owner, below=Below, grandchild=GrandChild, child=Child)
    registry = Registry([domain])
    models = Models(registry)
    domain.resource(key="owner")(type("Owner", (Resource,), {"__module__": Owner.__module__, "name": field(str)}))
    registry.refresh()
    assert models.refresh() is True
    tables = {key: table.model.__table__ for (_, key), table in models.tables.items()}
    for child, column, parent in (("child", "owner", "owner"), ("grandchild", "child", "child"),
                                  ("below", "grand_child", "grandchild")):
        assert next(iter(tables[child].c[column].foreign_keys)).column.table is tables[parent]
    assert sorted(models.db.tables) == ["bank_below", "bank_child", "bank_grandchild", "bank_owner"]
    assert models.refresh() is False


def test_refresh_forgets_what_is_gone() -> None:
    """A resource that was taken back has no table any more."""
    domain = bank(owner=Owner, account=Account)
    registry = Registry([domain])
    models = Models(registry)
    domain.forget(Account)
    registry.refresh()
    assert models.refresh() is True
    assert list(models.tables) == [("bank", "owner")]
    assert list(models.db.tables) == ["bank_owner"]
    with pytest.raises(UnknownName, match='there is no resource "account"'):
        models.model(("bank", "account"))


def test_a_refresh_that_fails_changes_nothing_and_fails_again() -> None:
    """A faulty definition leaves the models as they were, and is told until it is put right."""
    domain = bank(owner=Owner)
    registry = Registry([domain])
    models = Models(registry)
    before = models.tables["bank", "owner"]
    domain.resource(key="owner")(type("Owner", (Resource,), {"__module__": Owner.__module__, "it": field(object)}))
    registry.refresh()
    for _ in range(2):
        with pytest.raises(DefinitionError, match=r'bank:owner: the field "it" may hold any value'):
            models.refresh()
    assert models.tables["bank", "owner"] is before
    domain.resource(key="owner")(type("Owner", (Resource,), {"__module__": Owner.__module__, "it": field(int)}))
    registry.refresh()
    assert models.refresh() is True
    assert types_of(models.tables["bank", "owner"])["it"] == "bigint"


def test_two_sessions_do_not_share_models() -> None:
    """Each Models has a gino object and models of its own over the same domain."""
    domain = bank(owner=Owner)
    one, two = models_of(domain), models_of(domain)
    assert one.db is not two.db
    assert one.model(("bank", "owner")) is not two.model(("bank", "owner"))


# ------------------------------------------------------------------------------------------------ given models

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
