"""Statements: what SQL a plan becomes, whole, for each form."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from gino import Gino
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.types import UserDefinedType

from tests.editing import Account, Edit, Note, Owner, Paper, at, desk
from tests.state.domains import START, manage, stored
from tests.strategies import Address, Colour
from workbench import Delete, Domain, Insert, Resource, Update, field
from workbench.domain.mutation import Mutation
from workbench.domain.registry import Registry
from workbench.postgres.tables.model import Models
from workbench.postgres.writing.statements import LONGEST, Statement, compiled
from workbench.state.reader import MemoryReader

BEFORE = START - timedelta(days=1)


class Bag(Resource):
    """Values that are not sent as they are."""

    _id = field(str)
    colour = field(Colour, initial=Colour.RED)
    colours = field(list[Colour], initial=[])
    where = field(Address | None)
    grid = field(list[list[Decimal]], initial=[])
    anything = field(list, initial=[])
    words = field(list[str] | None)


async def statements_of(domain: Domain, items: list[Resource], *mutations: Mutation) -> list[Statement]:
    """The statements that one Edit leads to, on a desk where some items are stored."""
    rows: dict[Any, Resource] = {}
    for item in items:
        rows |= stored("desk", type(item).__name__.lower(), item)
    manager = manage(domain, reader=MemoryReader(rows), tables=Models(Registry([domain])).tables)
    await manager.issue(Edit(mutations=mutations))
    return compiled(manager.plan())


def note(identifier: str, **values: Any) -> Note:
    return Note(**{"_id": identifier, "_created": BEFORE, "_updated": BEFORE, "_etag": f"e-{identifier}", **values})


async def test_one_insert() -> None:
    """A single new item is a plain INSERT, every parameter cast to its column's type."""
    (statement,) = await statements_of(desk(Note), [], Insert(at(Note, "a"), text="x", number=1))
    assert statement.sql == (
        'INSERT INTO "desk_note" ("_id", "_created", "_updated", "_etag", "text", "number") VALUES ('
        "$1::text, $2::timestamp with time zone, $3::timestamp with time zone, $4::text, $5::text, $6::bigint)")
    assert statement.parameters == [("a", START, START, UUID(int=1).hex, "x", 1)]
    assert (statement.kind, statement.copied) == ("insert", ())


async def test_several_inserts() -> None:
    """Several new items of a resource are one binary COPY, in the order in which they were made."""
    (statement,) = await statements_of(desk(Note), [], *(Insert(at(Note, key)) for key in "ba"))
    assert statement.sql == (
        'COPY "desk_note" ("_id", "_created", "_updated", "_etag", "text", "number") FROM STDIN (FORMAT binary)')
    assert statement.copied == ("_id", "_created", "_updated", "_etag", "text", "number")
    assert [row[0] for row in statement.parameters] == ["b", "a"]


async def test_one_update() -> None:
    """A single changed item is an UPDATE of its changed columns and stamps alone, and states its etag."""
    (statement,) = await statements_of(desk(Note), [note("a")], Update(at(Note, "a"), number=2))
    assert statement.sql == (
        'UPDATE "desk_note" SET "_updated" = $3::timestamp with time zone, "_etag" = $4::text, "number" = $5::bigint '
        'WHERE "_id" = $1::text AND "_etag" = $2::text RETURNING "_id"')
    assert [(*row[:2], *row[3:]) for row in statement.parameters] == [("a", "e-a", UUID(int=1).hex, 2)]


async def test_several_updates() -> None:
    """Several items changed in the same columns are one UPDATE over arrays, in the order of their identifiers."""
    (statement,) = await statements_of(
        desk(Note), [note("b"), note("a")], Update(at(Note, "b"), text="B"), Update(at(Note, "a"), text="A"))
    assert statement.sql == (
        'UPDATE "desk_note" AS old SET "_updated" = new."_updated", "_etag" = new."_etag", "text" = new."text" '
        "FROM unnest($1::text[], $2::text[], $3::timestamp with time zone[], $4::text[], $5::text[]) "
        'AS new(_key, _expected, "_updated", "_etag", "text") '
        'WHERE old."_id" = new._key AND old."_etag" = new._expected RETURNING old."_id"')
    ((keys, etags, *_, texts),) = statement.parameters
    assert (list(keys), list(etags), list(texts)) == (["a", "b"], ["e-a", "e-b"], ["A", "B"])


async def test_updates_of_other_columns_do_not_share() -> None:
    """Items changed in different columns are different statements: none sets what did not change."""
    statements = await statements_of(
        desk(Note), [note("a"), note("b")], Update(at(Note, "a"), text="A"), Update(at(Note, "b"), number=2))
    assert [('"text"' in statement.sql, '"number"' in statement.sql) for statement in statements] == [
        (True, False), (False, True)]


async def test_updates_go_in_chunks() -> None:
    """Arrays have at most a hundred members; what is more goes in further runs of the same statement."""
    keys = [f"{number:03}" for number in range(250)]
    (statement,) = await statements_of(
        desk(Note), [note(key) for key in keys], *(Update(at(Note, key), number=7) for key in keys))
    assert [len(run[0]) for run in statement.parameters] == [100, 100, 50]
    assert [key for run in statement.parameters for key in run[0]] == keys


async def test_long_values_go_in_smaller_chunks() -> None:
    """Where values are long, fewer rows go at a time, for the server takes no message of more than a gigabyte; texts,
    bytes and JSON count, alone or together."""
    class Film(Resource):
        _id = field(int)
        title = field(str | None)
        raw = field(bytes, initial=b"")
        facts = field(dict, initial={})

    films: list[Resource] = [
        Film(_id=key, _created=BEFORE, _updated=BEFORE, _etag=f"e-{key}", title="x") for key in range(150)]
    long = LONGEST // 40
    for values in ({"title": "t" * long}, {"raw": bytes(long)}, {"facts": {"a": ["f" * long]}},
                   {"title": "t" * (long // 2), "raw": bytes(long // 2)}):
        (statement,) = await statements_of(
            desk(Film), films, *(Update(at(Film, key), **values) for key in range(150)))
        runs = statement.parameters
        assert {len(run[0]) for run in runs} <= {25, 37, 38, 50}
        assert [key for run in runs for key in run[0]] == [*range(150)]
        assert all(len({len(array) for array in run}) == 1 for run in runs)
    (statement,) = await statements_of(
        desk(Film), films, *(Update(at(Film, key), title=None) for key in range(150)))
    assert [len(run[0]) for run in statement.parameters] == [100, 50]
    huge = "t" * (LONGEST + 1)
    (statement,) = await statements_of(desk(Film), films, *(Update(at(Film, key), title=huge) for key in range(3)))
    assert [list(run[0]) for run in statement.parameters] == [[0], [1], [2]]


async def test_lists_go_row_by_row() -> None:
    """A column of lists, an array or jsonb, is updated row by row: unnest would flatten it."""
    for values in ({"words": ["a", "b"]}, {"anything": [[1], [2]]}, {"grid": [["1.5"], []]}):
        (name,) = values
        bags = [Bag(_id=key, _etag="e") for key in "ab"]
        (statement,) = await statements_of(desk(Bag), bags, *(Update(at(Bag, key), **values) for key in "ab"))
        kind = "text[]" if name == "words" else "jsonb"
        assert statement.sql == (
            f'UPDATE "desk_bag" SET "_updated" = $3::timestamp with time zone, "_etag" = $4::text, "{name}" = '
            f'$5::{kind} WHERE "_id" = $1::text AND "_etag" = $2::text RETURNING "_id"')
        assert [(row[0], row[4]) for row in statement.parameters] == [("a", values[name]), ("b", values[name])]


async def test_values_are_encoded() -> None:
    """Enums go as their text, nested records and lists of lists as the JSON that they are stored as."""
    (statement,) = await statements_of(desk(Bag), [], Insert(
        at(Bag, "a"), colour="dark green", colours=["red"], where={"city": "Rome"}, grid=[["1.50"]]))
    assert statement.parameters[0][4:] == (
        "dark green", ["red"], {"city": "Rome", "house": None}, [["1.50"]], [], None)


async def test_an_item_that_never_had_an_etag() -> None:
    """Where an expected etag is None, as of a row written by others, it is compared with IS NOT DISTINCT FROM."""
    items = [note("a", _etag=None), note("b"), note("c", _etag=None)]
    (single,) = await statements_of(desk(Note), items, Update(at(Note, "a"), number=2))
    assert single.sql.endswith('WHERE "_id" = $1::text AND "_etag" IS NOT DISTINCT FROM $2::text RETURNING "_id"')
    assert single.parameters[0][1] is None
    (many,) = await statements_of(desk(Note), items, *(Update(at(Note, key), number=2) for key in "abc"))
    assert many.sql.endswith(
        'WHERE old."_id" = new._key AND old."_etag" IS NOT DISTINCT FROM new._expected RETURNING old."_id"')
    (gone,) = await statements_of(desk(Note), items, Delete(at(Note, "a")))
    assert gone.sql == (
        'DELETE FROM "desk_note" WHERE "_id" = $1::text AND "_etag" IS NOT DISTINCT FROM $2::text RETURNING "_id"')


async def test_deletes() -> None:
    """One delete states its etag; several are one statement over arrays, by identifier."""
    (single,) = await statements_of(desk(Note), [note("a")], Delete(at(Note, "a")))
    assert single.sql == 'DELETE FROM "desk_note" WHERE "_id" = $1::text AND "_etag" = $2::text RETURNING "_id"'
    assert (single.kind, single.parameters) == ("delete", [("a", "e-a")])
    (many,) = await statements_of(desk(Note), [note("b"), note("a")], Delete(at(Note, "b")), Delete(at(Note, "a")))
    assert many.sql == (
        'DELETE FROM "desk_note" AS old USING unnest($1::text[], $2::text[]) AS new(_key, _expected) '
        'WHERE old."_id" = new._key AND old."_etag" = new._expected RETURNING old."_id"')
    assert [[list(values) for values in run] for run in many.parameters] == [[["a", "b"], ["e-a", "e-b"]]]


async def test_soft_delete() -> None:
    """Where the resource has _deleted, a delete is an UPDATE that sets it, the stamps, and nothing else."""
    (statement,) = await statements_of(
        desk(Paper), [Paper(_id="a", _etag="e", text="x")], Delete(at(Paper, "a")))
    assert statement.kind == "delete"
    assert statement.sql == (
        'UPDATE "desk_paper" SET "_updated" = $3::timestamp with time zone, "_etag" = $4::text, "_updater" = $5::text, '
        '"_deleted" = $6::timestamp with time zone WHERE "_id" = $1::text AND "_etag" = $2::text RETURNING "_id"')


async def test_a_given_model() -> None:
    """On a model of one's own, statements name its schema and its columns as they are, however they are called."""
    db = Gino()

    class Stored(db.Model):  # type: ignore[misc, name-defined]  # gino has no types
        __tablename__ = "old Notes"
        __table_args__ = {"schema": "legacy"}       # noqa: RUF012  # as SQLAlchemy reads it
        _id = db.Column("NOTE_ID", db.String(8), primary_key=True)
        _created = db.Column("made", db.DateTime(timezone=True))
        _updated = db.Column("changed", db.DateTime(timezone=True))
        _etag = db.Column("version", pg.TEXT())
        text = db.Column('the "text"', db.String(40))
        number = db.Column("n", db.Integer())

    domain = desk(Note, models={Note: Stored})
    (single,) = await statements_of(domain, [note("a")], Update(at(Note, "a"), text="x"))
    assert single.sql == (
        'UPDATE "legacy"."old Notes" SET "changed" = $3::timestamp with time zone, "version" = $4::text, '
        '"the ""text""" = $5::character varying WHERE "NOTE_ID" = $1::character varying AND "version" = $2::text '
        'RETURNING "NOTE_ID"')
    (many,) = await statements_of(domain, [], Insert(at(Note, "a")), Insert(at(Note, "b")))
    assert many.sql == ('COPY "legacy"."old Notes" ("NOTE_ID", "made", "changed", "version", "the ""text""", "n") '
                        "FROM STDIN (FORMAT binary)")
    assert (many.table.schema, many.table.name, many.copied[4]) == ("legacy", "old Notes", 'the "text"')


async def test_order_of_statements() -> None:
    """Statements run parents first when rows come, and last when they go."""
    owner, child, grandchild = (UUID(int=number) for number in (901, 902, 903))
    made = await statements_of(
        desk(Account, Owner), [],
        Insert(at(Account, grandchild), owner=owner, parent=child), Insert(at(Account, child), owner=owner),
        Insert(at(Owner, owner), email="a@x"))
    assert [(statement.table.name, statement.changes[0].target.identifier) for statement in made] == [
        ("desk_owner", owner), ("desk_account", child), ("desk_account", grandchild)]
    gone = await statements_of(
        desk(Account, Owner),
        [Owner(_id=owner, email="a@x", _etag="e"), Account(_id=child, owner=owner, _etag="e"),
         Account(_id=grandchild, owner=owner, parent=child, _etag="e")],
        Delete(at(Owner, owner)), Delete(at(Account, child)), Delete(at(Account, grandchild)))
    assert [(statement.table.name, statement.changes[0].target.identifier) for statement in gone] == [
        ("desk_account", grandchild), ("desk_account", child), ("desk_owner", owner)]


class CIText(UserDefinedType):  # type: ignore[misc]  # SQLAlchemy 1.3 has no types
    def get_col_spec(self, **_: Any) -> str:
        return "CITEXT"


async def test_types_that_copy_does_not_take() -> None:
    """New rows with a column whose type has no binary form in the driver are inserted one by one."""
    db = Gino()

    class Stored(db.Model):  # type: ignore[misc, name-defined]  # gino has no types
        __tablename__ = "notes"
        _id = db.Column(db.Text(), primary_key=True)
        _created = db.Column(db.DateTime(timezone=True))
        _updated = db.Column(db.DateTime(timezone=True))
        _etag = db.Column(db.Text())
        text = db.Column(CIText())
        number = db.Column(db.BigInteger())

    (statement,) = await statements_of(desk(Note, models={Note: Stored}), [], *(Insert(at(Note, key)) for key in "ab"))
    assert statement.sql == (
        'INSERT INTO "notes" ("_id", "_created", "_updated", "_etag", "text", "number") VALUES ('
        "$1::text, $2::timestamp with time zone, $3::timestamp with time zone, $4::text, $5::citext, $6::bigint)")
    assert [row[0] for row in statement.parameters] == ["a", "b"]
