"""Schema: what prepare creates in a real database, what it finds to differ, and that it changes nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import sqlalchemy as sa
from gino import Gino
from sqlalchemy.dialects import postgresql as pg

from workbench.domain.datadef import field
from workbench.domain.domain import Domain
from workbench.domain.registry import Registry
from workbench.domain.resource import Resource
from workbench.errors import DatabaseError, TablesDiffer
from workbench.postgres.tables.catalogue import CATALOGUE, literals
from workbench.postgres.tables.model import Models
from workbench.postgres.tables.schema import prepare


class Kind(Enum):
    PLAIN = "plain"
    QUOTED = "it's"
    ODD = r"100 % \d :x E'"


class Owner(Resource):
    email = field(str, unique=True)


class Account(Resource):
    owner = field(UUID, references=Owner)
    kind = field(Kind)
    rate = field(Decimal | None)
    _deleted = field(datetime | None)


def models_of(*resources: Any, table: str | None = None) -> Models:
    domain = Domain("bank")
    for cls in resources:
        domain.resource(table=table)(cls)
    return Models(Registry([domain]))


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def constraints(connection: asyncpg.Connection, table: str) -> dict[str, str]:
    """The constraints of a table by name, as Postgres writes them; those of NOT NULL left out."""
    return dict(await connection.fetch(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = $1::text::regclass AND contype <> 'n' ORDER BY 1", table))


async def different(connection: asyncpg.Connection, models: Models) -> tuple[str, ...]:
    with pytest.raises(TablesDiffer) as caught:
        await prepare(connection, models)
    return caught.value.differences


# ------------------------------------------------------------------------------------------------ creating

async def test_missing_tables_are_created_once(connection: asyncpg.Connection) -> None:
    """What is missing is created with its constraints; the second time there is nothing to do."""
    models = models_of(Account, Owner)
    assert await prepare(connection, models) == ["bank_account", "bank_owner"]
    assert await prepare(connection, models) == []
    assert await constraints(connection, "bank_account") == {
        "bank_account_kind_check":
            r"""CHECK ((kind = ANY (ARRAY['plain'::text, 'it''s'::text, '100 % \d :x E'''::text])))""",
        "bank_account_owner_fkey": "FOREIGN KEY (owner) REFERENCES bank_owner(_id) DEFERRABLE",
        "bank_account_pkey": "PRIMARY KEY (_id)"}
    assert await constraints(connection, "bank_owner") == {
        "bank_owner_email_key": "UNIQUE (email) DEFERRABLE", "bank_owner_pkey": "PRIMARY KEY (_id)"}


async def test_the_usual_start_is_one_query(connection: asyncpg.Connection) -> None:
    """Where nothing is missing, one query of the catalogue is all that is run, for all tables."""
    await prepare(connection, models_of(Account, Owner))
    queries: list[str] = []
    with connection.query_logger(lambda record: queries.append(record.query)):
        await prepare(connection, models_of(Account, Owner))
        await asyncio.sleep(0)      # the logger is called by the loop, afterwards
    assert queries == [CATALOGUE]


async def test_only_what_is_missing_is_created(connection: asyncpg.Connection) -> None:
    """A resource that comes later gets its table beside those that are there, whose rows stay."""
    await prepare(connection, models_of(Owner))
    await connection.execute("INSERT INTO bank_owner (_id, email) VALUES ($1, 'ada@x')", uuid4())
    assert await prepare(connection, models_of(Owner, Account)) == ["bank_account"]
    assert await connection.fetchval("SELECT count(*) FROM bank_owner") == 1


async def test_circles_and_oneself(connection: asyncpg.Connection) -> None:
    """Tables that refer to each other, and to themselves, are created in whatever order."""
    class Hen(Resource):
        egg = field(UUID | None, references="egg")
        mother = field(UUID | None, references="self")

    class Egg(Resource):
        hen = field(UUID | None, references=Hen)

    models = models_of(Hen, Egg)
    assert await prepare(connection, models) == ["bank_hen", "bank_egg"]
    assert await prepare(connection, models) == []
    assert set(await constraints(connection, "bank_hen")) == {
        "bank_hen_egg_fkey", "bank_hen_mother_fkey", "bank_hen_pkey"}


async def test_a_swap_of_unique_values_passes(connection: asyncpg.Connection) -> None:
    """Unique constraints are checked at the end of a statement: two rows can swap their values in one."""
    await prepare(connection, models_of(Owner))
    await connection.execute("INSERT INTO bank_owner (_id, email) VALUES ($1, 'a'), ($2, 'b')", uuid4(), uuid4())
    await connection.execute("UPDATE bank_owner SET email = CASE email WHEN 'a' THEN 'b' ELSE 'a' END")
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute("UPDATE bank_owner SET email = 'a'")


@pytest.mark.parametrize("count", [2, 6])
async def test_kernels_that_race(dsn: str, count: int) -> None:
    """Several that open one domain at once: one of them creates each table, none fails."""
    connections = [await asyncpg.connect(dsn) for _ in range(count)]
    created = await asyncio.gather(*(prepare(connection, models_of(Owner, Account)) for connection in connections))
    assert sorted(name for names in created for name in names) == ["bank_account", "bank_owner"]
    for connection in connections:
        await connection.close()


async def test_a_creation_that_fails_leaves_nothing(connection: asyncpg.Connection) -> None:
    """When one table cannot be created none is, and the error has the server's words."""
    db = Gino()

    class Row(db.Model):
        __tablename__ = "odd"
        _id = db.Column(pg.UUID(), primary_key=True)
        _created = db.Column(db.DateTime(timezone=True))
        _updated = db.Column(db.DateTime(timezone=True))
        _etag = db.Column(db.Text())
        some = db.CheckConstraint("nothing > 0")

    domain = Domain("bank")
    domain.resource(Owner)
    domain.resource(model=Row)(type("Odd", (Resource,), {}))
    with pytest.raises(DatabaseError, match='preparing the tables: column "nothing" does not exist') as caught:
        await prepare(connection, Models(Registry([domain])))
    assert isinstance(caught.value.__cause__, asyncpg.UndefinedColumnError)
    assert await connection.fetchval("SELECT to_regclass('bank_owner')") is None


async def test_tables_of_other_schemas(connection: asyncpg.Connection) -> None:
    """A table in a schema is created there, with the schema, and not mistaken for one of the same name elsewhere."""
    await connection.execute("CREATE TABLE accounts (x int)")
    models = models_of(Owner, table="Le dger.accounts")
    assert await prepare(connection, models) == ["Le dger.accounts"]
    assert await prepare(connection, models) == []
    assert await connection.fetchval('SELECT count(*) FROM "Le dger".accounts') == 0


async def test_a_table_of_that_name_elsewhere(connection: asyncpg.Connection) -> None:
    """Where the search path finds a table it is that one; where it does not, one is made, and told with its schema if
    another schema has one of that name."""
    await prepare(connection, models_of(Owner, table="app.owners"))
    await connection.execute("SET search_path TO app")
    assert await prepare(connection, models_of(Owner, table="owners")) == []
    await connection.execute("RESET search_path")
    assert await prepare(connection, models_of(Owner, table="owners")) == ["public.owners"]
    assert await prepare(connection, models_of(Owner, Account)) == ["bank_owner", "bank_account"]


async def test_given_models_are_created(connection: asyncpg.Connection) -> None:
    """A given model's table is created as it says: enum types, indexes, serials, keys to other metadata."""
    db = Gino()

    class Row(db.Model):
        __tablename__ = "Items"
        _id = db.Column("id", db.Integer, primary_key=True)
        _created = db.Column(db.DateTime(timezone=True))
        _updated = db.Column(db.DateTime(timezone=True))
        _etag = db.Column(db.CHAR(32))
        kind = db.Column(db.Enum(*(kind.value for kind in Kind), name="Kind of 100% item"), nullable=False)
        tags = db.Column(pg.ARRAY(db.String(9)))
        amount = db.Column(db.Numeric(9, 2), server_default="0")
        owner = db.Column(pg.UUID(), db.ForeignKey("bank_owner._id", ondelete="CASCADE", onupdate="SET NULL"))
        once = sa.Index("once", "amount", unique=True)

    class Item(Resource):
        _id = field(int)
        kind = field(Kind)
        tags = field(list[str])
        amount = field(Decimal)
        owner = field(UUID | None)

    domain = Domain("bank")
    domain.resource(model=Row)(Item)
    domain.resource(Owner)
    models = Models(Registry([domain]))
    assert models.tables["bank", "item"].foreign_keys[0].parent == ("bank", "owner")
    assert await prepare(connection, models) == ["Items", "bank_owner"]
    assert await prepare(connection, models) == []
    assert await constraints(connection, '"Items"') == {
        "Items_pkey": "PRIMARY KEY (id)", "Items_owner_fkey":
            "FOREIGN KEY (owner) REFERENCES bank_owner(_id) ON UPDATE SET NULL ON DELETE CASCADE"}
    types = {column.field: column.type for column in models.tables["bank", "item"].columns}
    assert (types["kind"], types["_etag"], types["tags"]) == ('"Kind of 100% item"', "bpchar", "character varying[]")


# ------------------------------------------------------------------------------------------------ differing

async def test_every_difference_is_told(connection: asyncpg.Connection) -> None:
    """Columns missing, of another type, NOT NULL or not, checks, keys: a line for each, and nothing is changed."""
    await connection.execute("""
        CREATE TABLE bank_owner (_id uuid, _created text, _updated timestamptz, email varchar(9) NOT NULL,
                                 country text NOT NULL, city text NOT NULL DEFAULT '', age int);
        CREATE TABLE bank_account (_id uuid PRIMARY KEY, _created timestamptz NOT NULL, _updated timestamptz,
                                   _etag text, _deleted timestamptz NOT NULL, owner uuid, rate numeric NOT NULL,
                                   kind text NOT NULL CONSTRAINT bank_account_kind_check CHECK (kind IN ('plain', 'x')))
        """)
    assert await different(connection, models_of(Owner, Account)) == (
        'bank_owner, for bank:owner: the column "_id" may be NULL in the database, but not in the definition',
        'bank_owner, for bank:owner: the column "_created" is text in the database, but timestamp with time zone in '
        "the definition",
        'bank_owner, for bank:owner: the column "_etag" (text) is missing in the database',
        'bank_owner, for bank:owner: the column "email" is character varying in the database, but text in the '
        "definition",
        'bank_owner, for bank:owner: the column "country" (text) is in the database alone, NOT NULL and without a '
        "default: no row could be inserted",
        'bank_owner, for bank:owner: the primary key must be "_id", not missing',
        "bank_owner, for bank:owner: the unique constraint on email is missing in the database",
        'bank_account, for bank:account: the column "owner" may be NULL in the database, but not in the definition',
        'bank_account, for bank:account: the column "kind" admits plain, x in the database, but '
        r"100 % \d :x E', it's, plain in the definition",
        'bank_account, for bank:account: the column "rate" is NOT NULL in the database, but may be None in the '
        "resource",
        'bank_account, for bank:account: the column "_deleted" is NOT NULL in the database, but may be None in the '
        "resource",
        "bank_account, for bank:account: the foreign key from owner to bank_owner (_id) is missing in the database")


async def test_constraints_that_changed_are_told(connection: asyncpg.Connection) -> None:
    """A check that is gone, and constraints that cannot be deferred any more, are told."""
    await prepare(connection, models_of(Owner, Account))
    await connection.execute("""
        ALTER TABLE bank_account DROP CONSTRAINT bank_account_kind_check;
        ALTER TABLE bank_account ALTER CONSTRAINT bank_account_owner_fkey NOT DEFERRABLE;
        ALTER TABLE bank_owner DROP CONSTRAINT bank_owner_email_key;
        ALTER TABLE bank_owner ADD CONSTRAINT other UNIQUE (email)""")
    assert await different(connection, models_of(Owner, Account)) == (
        "bank_owner, for bank:owner: the unique constraint on email is not DEFERRABLE in the database, but in the "
        "definition",
        'bank_account, for bank:account: the column "kind" has no check "bank_account_kind_check" in the database',
        "bank_account, for bank:account: the foreign key from owner to bank_owner (_id) is not DEFERRABLE in the "
        "database, but in the definition")


@pytest.mark.parametrize(("column", "made"), [
    ("rate numeric GENERATED ALWAYS AS (1.5) STORED", "expression"),
    ("rate numeric GENERATED ALWAYS AS (1.5) VIRTUAL", "virtual expression"),
    ("rate bigint GENERATED ALWAYS AS IDENTITY", "identity")])
async def test_columns_that_cannot_be_written_are_told(connection: asyncpg.Connection, column: str, made: str) -> None:
    """A field whose column only the database may fill does not fit: no row could be inserted."""
    of_number = {"rate": field(int)} if made == "identity" else {"rate": field(Decimal | None)}
    cls = type("Price", (Resource,), of_number)
    await connection.execute(f"""CREATE TABLE bank_price (
        _id uuid PRIMARY KEY, _created timestamptz, _updated timestamptz, _etag text, {column})""")
    assert await different(connection, models_of(cls)) == (
        'bank_price, for bank:price: the column "rate" is made by the database alone (GENERATED ALWAYS) and cannot be '
        f"written, and there are no fields that are only read: drop the field, or the {made} there",)


async def test_nothing_is_created_beside_what_differs(connection: asyncpg.Connection) -> None:
    """When one table differs the missing ones are not created either; the error says that nothing is altered."""
    await connection.execute("CREATE TABLE bank_owner (_id uuid PRIMARY KEY)")
    with pytest.raises(TablesDiffer, match="never altered silently") as caught:
        await prepare(connection, models_of(Owner, Account))
    assert len(caught.value.differences) == 5
    assert await connection.fetchval("SELECT to_regclass('bank_account')") is None


async def test_a_view_is_no_table(connection: asyncpg.Connection) -> None:
    """A view of the table's name is told as such."""
    await connection.execute("CREATE VIEW bank_owner AS SELECT 1 AS _id")
    assert await different(connection, models_of(Owner)) == (
        "bank_owner, for bank:owner: this is no table but a view, which tables().apply() cannot change: drop it, or "
        "give the resource another table=",)
    await connection.execute("DROP VIEW bank_owner; CREATE SEQUENCE bank_owner")
    assert "this is no table but a sequence" in (await different(connection, models_of(Owner)))[0]


async def test_an_etag_that_does_not_fit(connection: asyncpg.Connection) -> None:
    """A column of the database that is too short for an etag is told: nothing could ever be written."""
    db = Gino()

    class Row(db.Model):
        __tablename__ = "rows"
        _id = db.Column(pg.UUID(), primary_key=True)
        _created = db.Column(db.DateTime(timezone=True))
        _updated = db.Column(db.DateTime(timezone=True))
        _etag = db.Column(db.String(40))

    domain = Domain("bank")
    domain.resource(model=Row)(type("Kept", (Resource,), {}))
    await prepare(connection, Models(Registry([domain])))
    await connection.execute("ALTER TABLE rows ALTER _etag TYPE varchar(20)")
    assert await different(connection, Models(Registry([domain]))) == (
        'rows, for bank:kept: the column "_etag" holds 20 signs in the database, and an etag has 32: make it text '
        "there",)


async def test_what_does_no_harm_is_no_difference(connection: asyncpg.Connection) -> None:
    """Further columns that may stay empty, defaults, and stamps that are NOT NULL, are left in peace."""
    await prepare(connection, models_of(Owner))
    await connection.execute("""
        ALTER TABLE bank_owner ADD age int, ADD city text NOT NULL DEFAULT '', ALTER _etag SET NOT NULL,
              ADD line int GENERATED ALWAYS AS IDENTITY, ADD CHECK (age > 0), ALTER email SET DEFAULT ''""")
    assert await prepare(connection, models_of(Owner)) == []


def test_literals_of_a_check() -> None:
    """The texts of a check are read back as they were, quotes and backslashes too."""
    assert literals(r"""CHECK ((k = ANY (ARRAY['a'::text, 'it''s'::text, 'b\c'''::text, ''::text])))""") == [
        "a", "it's", r"b\c'", ""]
    assert literals("CHECK ((k = 'one'::text))") == ["one"]


# ------------------------------------------------------------------------------------------------ more than defined

async def test_constraints_that_only_the_database_has(connection: asyncpg.Connection) -> None:
    """The Tables tell foreign keys and uniques as they are stored: those made by hand too, by their names, conditions
    and whether they can be deferred; what speaks of columns that are no fields is left out."""
    models = models_of(Owner, Account)
    await prepare(connection, models)
    fresh = dict(models.tables)
    await connection.execute("""
        ALTER TABLE bank_owner ADD code text UNIQUE, ADD CONSTRAINT again UNIQUE (email, _etag);
        ALTER TABLE bank_account ADD CONSTRAINT one UNIQUE (rate) DEFERRABLE INITIALLY DEFERRED,
            ADD CONSTRAINT mail FOREIGN KEY (kind, _etag) REFERENCES bank_owner (email, _etag);
        CREATE UNIQUE INDEX alive ON bank_account (owner, kind) INCLUDE (rate) WHERE _deleted IS NULL;
        CREATE UNIQUE INDEX lowered ON bank_account (lower(kind));
        ALTER TABLE bank_account ALTER CONSTRAINT bank_account_owner_fkey DEFERRABLE""")
    models = models_of(Owner, Account)
    assert await prepare(connection, models) == []
    owner, account = models.tables["bank", "owner"], models.tables["bank", "account"]
    assert {unique[:4] for unique in owner.uniques} == {
        ("again", ("email", "_etag"), False, ""), ("bank_owner_email_key", ("email",), True, "")}
    assert {unique[:4] for unique in account.uniques} == {
        ("one", ("rate",), True, ""), ("alive", ("owner", "kind"), False, "(_deleted IS NULL)")}
    assert {key[:5] for key in account.foreign_keys} == {
        ("bank_account_owner_fkey", ("owner",), ("bank", "owner"), ("_id",), True),
        ("mail", ("kind", "_etag"), ("bank", "owner"), ("email", "_etag"), False)}
    assert fresh["bank", "owner"].uniques == (("bank_owner_email_key", ("email",), True, "", False),)
    assert fresh["bank", "account"].columns == account.columns


async def test_what_the_database_calls_by_another_name(connection: asyncpg.Connection) -> None:
    """A constraint that fits but has another name there is told by that one: SET CONSTRAINTS must find it."""
    await prepare(connection, models_of(Owner, Account))
    await connection.execute("ALTER TABLE bank_owner RENAME CONSTRAINT bank_owner_email_key TO mails; "
                             "ALTER TABLE bank_account RENAME CONSTRAINT bank_account_owner_fkey TO whose")
    models = models_of(Owner, Account)
    await prepare(connection, models)
    assert [unique.name for unique in models.tables["bank", "owner"].uniques] == ["mails"]
    assert [key.name for key in models.tables["bank", "account"].foreign_keys] == ["whose"]


# ------------------------------------------------------------------------------------------------ what it does itself

@pytest.mark.parametrize(("kind", "sql_type", "alters", "limits"), [
    (str, sa.Text(), False, (None, None)), (str, sa.String(4), False, (4, None)), (str, sa.CHAR(4), True, (4, None)),
    (list[str], pg.ARRAY(sa.CHAR(4)), True, (4, None)), (Decimal, sa.Numeric(), False, (None, None)),
    (Decimal, sa.Numeric(6, 2), True, (None, (6, 2))), (Decimal, sa.Numeric(3), True, (None, (3, 0))),
    (list[Decimal], pg.ARRAY(sa.Numeric(6, 2)), True, (None, None)),
    (datetime, pg.TIMESTAMP(timezone=True), False, (None, None)),
    (datetime, pg.TIMESTAMP(timezone=True, precision=0), True, (None, None)),
    (time, pg.TIME(precision=0), True, (None, None)), (timedelta, pg.INTERVAL(precision=0), True, (None, None))])
async def test_columns_that_store_other_values(
    connection: asyncpg.Connection, kind: Any, sql_type: Any, alters: bool, limits: Any,
) -> None:
    """The Tables tell whether a column rounds or pads what it is sent, and how much it holds."""
    db = Gino()

    class Row(db.Model):
        __tablename__ = "rows"
        _id = db.Column(pg.UUID(), primary_key=True)
        _created = db.Column(db.DateTime(timezone=True))
        _updated = db.Column(db.DateTime(timezone=True))
        _etag = db.Column(db.Text())
        value = db.Column(sql_type)
        other = db.Column(sa.Numeric(6, 2))     # which is no field

    domain = Domain("bank")
    domain.resource(model=Row)(type("Thing", (Resource,), {"value": field(kind)}))
    models = Models(Registry([domain]))
    for _ in range(2):      # made, and found
        await prepare(connection, models)
        (table,) = models.tables.values()
        assert (table.alters, (table.columns[-1].length, table.columns[-1].digits)) == (alters, limits)


async def test_tables_that_store_other_values(connection: asyncpg.Connection) -> None:
    """The Tables tell which of them has a trigger or a rule of its own, and that there is a trigger at all."""
    async def told() -> list[tuple[bool, bool]]:
        models = models_of(Owner, Account)
        await prepare(connection, models)
        return [(table.triggers, table.alters) for table in models.tables.values()]

    assert await told() == [(False, False), (False, False)]
    await connection.execute("""
        CREATE FUNCTION changed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER changed BEFORE UPDATE ON bank_owner FOR EACH ROW EXECUTE FUNCTION changed()""")
    assert await told() == [(True, True), (True, False)]
    await connection.execute("CREATE RULE nothing AS ON INSERT TO bank_account DO INSTEAD NOTHING")
    assert await told() == [(True, True), (True, True)]


@pytest.mark.parametrize(("action", "cascades"), [
    ("", False), ("ON DELETE RESTRICT ON UPDATE RESTRICT", False), ("ON DELETE CASCADE", True),
    ("ON DELETE SET NULL", True), ("ON DELETE SET DEFAULT", True), ("ON UPDATE CASCADE", True)])
async def test_foreign_keys_that_cascade(connection: asyncpg.Connection, action: str, cascades: bool) -> None:
    """The Tables tell of each foreign key whether the database itself changes or deletes a child for its parent."""
    await prepare(connection, models_of(Owner, Account))
    await connection.execute(f"""
        ALTER TABLE bank_account DROP CONSTRAINT bank_account_owner_fkey;
        ALTER TABLE bank_account ADD FOREIGN KEY (owner) REFERENCES bank_owner {action} DEFERRABLE""")
    models = models_of(Owner, Account)
    await prepare(connection, models)
    assert [key.cascades for key in models.tables["bank", "account"].foreign_keys] == [cascades]
