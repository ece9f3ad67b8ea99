"""Models: what is derived from a Resource, what a cell that ran again makes of it, and what is refused."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.schema import CreateTable

from tests.postgres.tables.banking import Account, Colour, Owner, bank, models_of, types_of
from workbench.domain.datadef import Datadef, field
from workbench.domain.domain import Domain
from workbench.domain.registry import Registry
from workbench.domain.resource import Resource
from workbench.errors import DefinitionError, UnknownName
from workbench.postgres.tables.columns import PG_TYPES, constraint_name
from workbench.postgres.tables.given_models import type_name
from workbench.postgres.tables.model import Models
from workbench.state.planning.table import ForeignKey, Unique


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


def test_all_tables_are_there_while_one_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks meanwhile, as a cell that plans while a click takes in what it has defined, finds every table."""
    domain = bank(owner=Owner, account=Account)
    registry, seen = Registry([domain]), list[set[Any]]()
    models, plain = Models(registry), Models._derived_model

    def looked(made: Models, *arguments: Any) -> Any:
        seen.append(set(models.tables))
        return plain(made, *arguments)

    monkeypatch.setattr(Models, "_derived_model", looked)
    domain.resource(key="owner")(type("Owner", (Resource,), {"__module__": Owner.__module__, "it": field(int)}))
    registry.refresh()
    assert models.refresh() is True
    assert seen == [{("bank", "owner"), ("bank", "account")}] * 2       # the child with it


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
