"""Column changes: new, gone, renamed columns, other types, None admitted or not; and what the rows say to it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from gino import Gino

from tests.postgres.tables.redefined import Colour, Owner, Tables, card, gino_model, named
from workbench.domain.datadef import field
from workbench.errors import Invalid, NothingTo, TablesDiffer
from workbench.postgres.tables.schema import prepare

# ------------------------------------------------------------------------------------------------ new columns

async def test_nothing_to_do(tables: Tables) -> None:
    """Where the tables are as defined the plan is empty, false, says so, and cannot be applied."""
    await tables.made(Owner, card(owner=field(UUID, references=Owner), colour=field(Colour)))
    plan = await tables.plan()
    assert not plan
    assert repr(plan) == "tables: they are as they are defined"
    assert plan.sql() == ""
    with pytest.raises(NothingTo, match="there is nothing to apply: they are as they are defined"):
        await tables.apply(plan)


async def test_new_tables(tables: Tables) -> None:
    """Missing tables are made in whatever order they refer to each other, those in schemas too."""
    tables.define(card(owner=field(UUID | None, references="owner"), colour=field(Colour)), table="Le dger.cards")
    tables.define(Owner)
    plan = await tables.plan()
    assert [str(one) for one in plan.alterations] == ["+ table with 6 columns", "+ table with 5 columns"]
    assert plan.summary == "2 additive: tables().apply()"
    await tables.apply(plan)
    assert await tables.fits()
    assert await tables.admin.fetchval('SELECT count(*) FROM "Le dger".cards') == 0


async def test_a_column_that_may_be_empty(tables: Tables) -> None:
    """A field that admits None is one statement, and the rows have None."""
    await tables.made(card(name=field(str)))
    await tables.rows(2, name="'x'")
    tables.define(card(name=field(str), select=field(Decimal | None)))
    plan = await tables.plan()
    assert plan.sql() == 'BEGIN;\nALTER TABLE "bank_card" ADD COLUMN "select" NUMERIC;\nCOMMIT;'
    assert repr(await tables.apply(plan)) == "1 change of tables made"
    assert await tables.values('"select"') == [None, None]
    assert await tables.fits()


@pytest.mark.parametrize(("kind", "initial", "stored"), [
    (str, "O'Hare \\ {}", "O'Hare \\ {}"), (int, 7, 7), (Decimal, Decimal("1.50"), Decimal("1.50")),
    (bool, False, False), (float, 0.1, 0.1), (UUID, UUID(int=5), UUID(int=5)),
    (date, date(2026, 1, 2), date(2026, 1, 2)), (timedelta, timedelta(1), timedelta(1)), (bytes, b"\x00", b"\x00"),
    (datetime, datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)), (Colour, Colour.ODD, "it's"),
    (dict, {"a": [1]}, '{"a": [1]}'), (list[str], ["a'"], ["a'"]), (list[Colour], list, []), (int | None, 4, 4),
    (str, lambda: "made", "made")])
async def test_rows_get_the_initial_value(tables: Tables, kind: Any, initial: Any, stored: Any) -> None:
    """Of whatever type a new field is, the rows that are there get its initial value, and the database keeps no
    default."""
    await tables.made(card())
    await tables.rows(2)
    tables.define(card(new=field(kind, initial=initial)))
    plan = await tables.plan()
    assert len(plan.additive) >= 1
    await tables.apply(plan)
    assert await tables.values("new") == [stored, stored]
    assert await tables.fits()
    assert not await tables.admin.fetchval(
        "SELECT atthasdef FROM pg_attribute WHERE attrelid = 'bank_card'::regclass AND attname = 'new'")


async def test_initial_values_that_are_made(tables: Tables) -> None:
    """Where each row needs a value of its own the database makes it, a UUID or the moment; others are for the user."""
    await tables.made(card())
    await tables.rows(2)
    numbers = iter(range(9))
    tables.define(card(
        key=field(UUID, initial=uuid4, unique=True), at=field(datetime, initial=lambda: datetime.now(UTC)),
        number=field(int, initial=lambda: next(numbers))))
    assert await tables.told() == [
        '+ column "key" (uuid); rows that are there get gen_random_uuid()',
        '+ column "at" (timestamp with time zone); rows that are there get CURRENT_TIMESTAMP',
        '+ column "number" (bigint) [blocked: 2 rows without a value: give the field an initial=, or make its type … | '
        "None]", '+ unique constraint on "key"']
    await tables.apply(all=True)
    assert len(set(await tables.values("key"))) == 2
    assert len(set(await tables.values("at"))) == 1


async def test_rows_without_a_value(tables: Tables) -> None:
    """A field that must have a value and has no initial one is blocked by the rows, counted; on none it is additive."""
    await tables.made(card())
    tables.define(card(name=field(str)))
    assert await tables.told() == ['+ column "name" (text)']
    await tables.rows(12)
    plan = await tables.plan()
    told = ('+ column "name" (text) [blocked: 12 rows without a value: give the field an initial=, or make its type '
            "… | None]")
    assert repr(plan) == f"tables: 1 blocked, see why\n  bank_card, for bank:card\n    {told}"
    assert plan.sql() == f"-- left: bank_card: {told}"
    for all in (False, True):
        with pytest.raises(NothingTo, match="there is nothing to apply: 1 blocked, see why"):
            await tables.apply(plan, all=all)


# ------------------------------------------------------------------------------------------------ columns there

async def test_a_field_that_is_gone(tables: Tables) -> None:
    """Its column stays, with all that it asks for, and it is told that no row can be inserted; made empty or dropped it
    is when asked, and the values that go are counted. Those that are to stay are kept by a field that admits None."""
    await tables.made(card(name=field(str, unique=True), old=field(int, unique=True)))
    await tables.rows(3, name="n::text", old="n")
    tables.define(card(name=field(str, unique=True)))
    with pytest.raises(TablesDiffer):
        await prepare(tables.admin, tables.renewed())
    with pytest.raises(NothingTo, match=r"2 other: tables\(\).apply\(all=True\)"):
        await tables.apply()
    told = [
        '~ column "old", which is in the database alone, may be NULL: or no row could be inserted [not additive: '
        "another program may rely on it] (or give it a field, or a DEFAULT)",
        '- column "old" (bigint), which is in the database alone [not additive: another program may use it; the values '
        "of 3 rows would be lost]"]
    assert await tables.told() == told
    tables.define(card(name=field(str, unique=True), old=field(int | None)))
    await tables.apply()
    tables.define(card(name=field(str, unique=True)))
    await prepare(tables.admin, tables.renewed())      # it fits
    assert await tables.told() == told[1:]
    assert await tables.values("old") == [1, 2, 3]
    assert [one.kind for one in (await tables.apply(all=True)).done] == ["drop"]
    assert await tables.fits()


async def test_a_column_that_no_field_names(tables: Tables) -> None:
    """That a column of another program's may be NULL is not decided by the way, be the model given or not."""
    db = Gino()
    row = gino_model(db, theirs=db.Column(db.Integer))
    await tables.made(card(), model=row)
    await tables.admin.execute('ALTER TABLE "Items" ALTER theirs SET NOT NULL, ADD other int NOT NULL')
    assert [(one.what, one.reason) for one in (await tables.plan()).alterations] == [
        ('column "theirs" may be NULL', "another program may rely on it"),
        ('column "other", which is in the database alone, may be NULL: or no row could be inserted',
         "another program may rely on it")]
    await tables.apply(all=True)
    assert await tables.fits()


@pytest.mark.parametrize("nullable", [True, False])
async def test_the_stamps_of_rows_that_are_there(tables: Tables, nullable: bool) -> None:
    """A table that somebody made by hand gets the stamps that every Resource has, its rows the present moment and a
    version of their own each, be the columns of the given model NOT NULL or not."""
    db = Gino()
    stamps = {"_created": db.DateTime(timezone=True), "_updated": db.DateTime(timezone=True), "_etag": db.String(40)}
    row = gino_model(db, **{name: db.Column(kind, nullable=nullable) for name, kind in stamps.items()})
    await tables.admin.execute('CREATE TABLE "Items" (id uuid PRIMARY KEY); '
                               'INSERT INTO "Items" SELECT gen_random_uuid() FROM generate_series(1, 3)')
    tables.define(card(), model=row)
    assert await tables.told() == [
        '+ column "_created" (timestamp with time zone); rows that are there get CURRENT_TIMESTAMP',
        '+ column "_updated" (timestamp with time zone); rows that are there get CURRENT_TIMESTAMP',
        '+ column "_etag" (character varying); rows that are there get md5(gen_random_uuid()::text)']
    await tables.apply(await tables.plan())
    assert await tables.fits()
    found = await tables.admin.fetch('SELECT _etag, _created = _updated AS at_once FROM "Items"')
    assert (len({one["_etag"] for one in found}), {one["at_once"] for one in found}) == (3, {True})


async def test_a_renamed_field(tables: Tables) -> None:
    """One column that is missing and one too many of its type may be one: it is told how to say so, and then it is."""
    await tables.made(card(owner=field(str), age=field(int)))
    await tables.rows(2, owner="'Ada'", age="n")
    tables.define(card(holder=field(str, unique=True), age=field(int)))
    hint = 'was "owner" renamed to "holder"? then tables(renamed={"bank_card.owner": "holder"})'
    assert [(one.sign, one.hint) for one in (await tables.plan()).alterations] == [
        ("+", hint), ("~", "or give it a field, or a DEFAULT"), ("-", hint), ("+", "")]
    assert await tables.told(owner="holder") == [
        '~ column "owner" is renamed to "holder"',
        "+ unique constraint on \"holder\" [blocked: 1 value in more than one row, such as 'Ada']"]
    await tables.apply(await tables.plan(owner="holder"))
    assert await tables.values("holder") == ["Ada", "Ada"]
    with pytest.raises(Invalid, match=r'"bank_card.owner" cannot be renamed to "holder": give \{"table.column":'):
        await tables.plan(owner="holder")
    for odd in ({"age": "holder"}, {"holder": "nobody"}):
        with pytest.raises(Invalid, match="cannot be renamed"):
            await tables.plan(**odd)


async def test_none_admitted_and_not(tables: Tables) -> None:
    """Admitting None is additive; admitting it no more is so without such rows, else they get the initial value when
    asked, or are in the way."""
    await tables.made(card(a=field(int), b=field(int | None), c=field(int | None), d=field(int | None)))
    await tables.rows(2, a="n", b="n", c="NULL", d="nullif(n, 1)")
    tables.define(card(a=field(int | None), b=field(int), c=field(int, initial=3), d=field(int)))
    assert await tables.told() == [
        '~ column "a" may be NULL', '~ column "b" may not be NULL',
        '~ column "c" may not be NULL [not additive: 2 rows without a value would get 3]',
        '~ column "d" may not be NULL [blocked: 1 row without a value: give the field an initial=, or make its type '
        "… | None]"]
    await tables.apply(all=True)
    assert await tables.values("c") == [3, 3]
    assert [str(one)[:12] for one in (await tables.plan()).alterations] == ['~ column "d"']


async def test_one_initial_value_for_a_unique_column(tables: Tables) -> None:
    """Rows without a value cannot all get the initial one in a column that is, or becomes, unique; nor may it be there
    already. Whoever has another value each time is not in the way."""
    await tables.made(card(a=field(int | None, unique=True), b=field(int | None), c=field(str | None, unique=True),
                           d=field(UUID | None, unique=True), e=field(int | None, unique=True)))
    await tables.rows(2, a="NULL", b="NULL", c="nullif(n::text, '1')", e="nullif(n, 1)")
    tables.define(card(a=field(int, unique=True, initial=3), b=field(int, unique=True, initial=3),
                       c=field(str, unique=True, initial="2"), d=field(UUID, unique=True, initial=uuid4),
                       e=field(int, unique=True, initial=1)))
    blocked = "blocked: a unique column would have {} more than once: make its type … | None; {} without".format
    assert await tables.told() == [
        f'~ column "a" may not be NULL [{blocked(3, "2 rows")} a value would get 3]',
        f'~ column "b" may not be NULL [{blocked(3, "2 rows")} a value would get 3]',
        f"""~ column "c" may not be NULL [{blocked("'2'", "1 row")} a value would get '2']""",
        '~ column "d" may not be NULL [not additive: 2 rows without a value would get gen_random_uuid()]',
        '~ column "e" may not be NULL [not additive: 1 row without a value would get 1]',
        '+ unique constraint on "b"']
    await tables.apply(all=True)
    assert len(await tables.told()) == 3


RULES = "the database would not keep the rules of the type {} any more".format
CASTS = [
    (int, Decimal, "n", ""), (str, str | None, "'x'", ""), (int, str, "n", RULES("bigint")),
    (date, datetime, "now()::date", ""), (str, int, "n::text", ""), (bool, str, "true", RULES("boolean")),
    (list[int], list[Decimal], "ARRAY[n]", ""),
    (int, dict, "n", RULES("bigint")), (list[str], list[dict], "ARRAY['a']", RULES("text[]")),
    (str, Colour, "'red'", ""), (Colour, str, "'red'", ""),
    (UUID, str, "gen_random_uuid()", RULES("uuid")), (timedelta, str, "interval '1 day'", RULES("interval")),
    (str, int, "'007'", "2 values would lose something by it, such as '007'"),
    (Decimal, int, "n + 0.5", "2 values would lose something by it, such as '1.5'"),
    (datetime, date, "'2026-01-02 10:00:00Z'",
     "2 values would lose something by it, such as '2026-01-02 10:00:00+00'"),
    (str, int, "'x'", 'a value cannot become bigint: invalid input syntax for type bigint: "x"'),
    (int, UUID, "n", RULES("bigint") + '; a value cannot become uuid: invalid input syntax for type uuid: "1"'),
    (int, bool, "n + 1",
     RULES("bigint") + '; a value cannot become boolean: invalid input syntax for type boolean: "2"'),
    (str, dict, "'{'", "a value cannot become jsonb: invalid input syntax for type json"),
    (Decimal, int, "1e30", "a value cannot become bigint: bigint out of range")]


@pytest.mark.parametrize(("old", "new", "value", "reason"), CASTS)
async def test_other_types(tables: Tables, old: Any, new: Any, value: str, reason: str) -> None:
    """A column becomes of another type where all values stay what they are; where any would lose something that is
    done when asked, and where one cannot be cast not at all. A type is a rule: where that would go, it is done when
    asked, rows or not."""
    await tables.admin.execute("SET timezone TO 'UTC'")
    await tables.made(card(it=field(old)))
    tables.define(card(it=field(new)))
    rule = reason.partition(";")[0] if reason.startswith("the database") else ""
    assert {one.reason for one in (await tables.plan()).alterations if "becomes" in one.what} <= {rule}
    await tables.rows(2, it=value)
    found = [one for one in (await tables.plan()).alterations if "becomes" in one.what]
    assert [one.reason for one in found] == ([] if old is Colour or new in (str | None, Colour) else [reason])
    blocked = "cannot" in reason
    if blocked:
        with pytest.raises(NothingTo):
            await tables.apply(all=True)
        await tables.admin.execute("TRUNCATE bank_card")
    await tables.apply(all=True)
    assert await tables.fits()
    assert len(await tables.values("it")) == (0 if blocked else 2)


async def test_defaults_made_by_hand(tables: Tables) -> None:
    """A default that somebody gave a column, or a serial's, is kept when the type changes."""
    await tables.made(card(number=field(int), text=field(int)))
    await tables.admin.execute("CREATE SEQUENCE counted; ALTER TABLE bank_card ALTER number SET DEFAULT "
                               "nextval('counted'), ALTER text SET DEFAULT 7")
    tables.define(card(number=field(Decimal), text=field(str)))
    await tables.apply(all=True)
    assert await tables.fits()
    await tables.rows(2)
    assert await tables.values("number || text") == ["17", "27"]


async def test_columns_that_only_the_database_writes(tables: Tables) -> None:
    """A field whose column the database makes: that it no longer does is offered, and done when asked; a virtual one is
    blocked."""
    await tables.made(card(total=field(Decimal), number=field(int)))
    await tables.rows(2, total="n", number="n")
    await tables.admin.execute("""
        ALTER TABLE bank_card ALTER number ADD GENERATED ALWAYS AS IDENTITY, DROP total,
            ADD total numeric GENERATED ALWAYS AS (number * 2) STORED,
            ADD half bigint GENERATED ALWAYS AS (number / 2) VIRTUAL""")
    tables.define(card(total=field(Decimal | None), number=field(int), half=field(int | None)))
    assert await tables.told() == [
        '~ column "total" can be written [not additive: the database alone makes its values, by its expression] '
        "(or drop the field)",
        '~ column "number" can be written [not additive: the database alone makes its values, by its identity] '
        "(or drop the field)",
        '~ column "half" can be written [blocked: the database alone makes its values, by its virtual expression, '
        "which Postgres cannot turn into values] (or drop the field)"]
    await tables.apply(all=True)
    assert await tables.values("total") == [2, 4]
    tables.define(card(total=field(Decimal | None), number=field(int)))
    await prepare(tables.admin, tables.renewed())      # it fits
    await tables.rows(1, total="9", number="9")


async def test_the_type_of_an_identifier(tables: Tables) -> None:
    """A parent's identifier and the children's references change together; the foreign key is there afterwards."""
    tables.define(named("Parent", _id=field(int), boss=field(int | None, references="self")))
    await tables.made(card(parent=field(int, references="parent")))
    await tables.admin.execute("INSERT INTO bank_parent (_id, boss) VALUES (1, NULL), (2, 1)")
    await tables.rows(2, parent="n")
    tables.define(named("Parent", _id=field(str), boss=field(str | None, references="self")))
    tables.define(card(parent=field(str, references="parent")))
    plan = await tables.plan()
    assert [(one.table, one.what, one.reason) for one in plan.alterations] == [
        ("bank_parent", 'column "_id" becomes text; it is bigint', RULES("bigint")),
        ("bank_parent", 'column "boss" becomes text; it is bigint', RULES("bigint")),
        ("bank_card", 'column "parent" becomes text; it is bigint', RULES("bigint"))]
    await tables.apply(plan, all=True)
    assert await tables.fits()
    assert await tables.values("parent") == ["1", "2"]
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await tables.rows(1, parent="'9'")


async def test_a_new_table_on_a_change(tables: Tables) -> None:
    """A new table whose parent's identifier cannot change is not made either, until it can."""
    await tables.made(named("Parent", _id=field(str)))
    await tables.admin.execute("INSERT INTO bank_parent (_id) VALUES ('x')")
    tables.define(named("Parent", _id=field(int)), card(parent=field(int, references="parent")))
    assert [(one.table, one.blocked) for one in (await tables.plan()).alterations] == [
        ("bank_parent", True), ("bank_card", True)]
    await tables.admin.execute("TRUNCATE bank_parent")
    await tables.apply()
    assert await tables.fits()


async def test_what_stands_on_another_change(tables: Tables) -> None:
    """Where one end of a foreign key cannot change, the other is not changed either."""
    tables.define(named("Parent", _id=field(str)))
    await tables.made(card(parent=field(str | None, references="parent")))
    await tables.admin.execute("INSERT INTO bank_parent (_id) VALUES ('x')")
    tables.define(named("Parent", _id=field(int)))
    tables.define(card(parent=field(int | None, references="parent")))
    plan = await tables.plan()
    assert [one.blocked for one in plan.alterations] == [True, True]
    assert plan.alterations[1].reason == ("it stands on another change, which is not additive (bank_parent: column "
                                          '"_id" becomes bigint; it is text)')
