"""The order of a plan on real constraints: from any valid rows to any others, a commit breaks none on the way.

``offices`` draws valid rows, for gino models whose constraints are not deferrable and for derived ones, whose are. What
only the database knows (constraints added by hand, conditions of partial indexes) counts as well.
"""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from enum import Enum
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from gino import Gino
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.editing import Note, Paper, at, desk, edit
from workbench import Delete, Insert, Resource, Session, Update, field
from workbench.domain.datadef import values_of
from workbench.errors import CannotOrder
from workbench.postgres.writing.guards import deferral
from workbench.state.planning.predicate import holds


class Folder(Resource):
    """In a folder; kept in a box. Unique: its code, its number, its shelf and place, its label while it is in use."""

    _id = field(str)
    inside = field(str | None, references="self")
    box = field(str | None, references="box")
    code = field(str | None, unique=True)
    number = field(int, unique=True)
    shelf = field(str)
    place = field(int)
    label = field(str)
    used = field(bool)


class Box(Resource):
    """Under a folder, always: a circle with the folders that are in it."""

    _id = field(str)
    under = field(str, references=Folder)


def models() -> dict[type[Resource], Any]:
    """The tables of both, none of their constraints deferrable."""
    db = Gino()

    def stamps() -> dict[str, Any]:
        return {"_id": db.Column("id", db.Text(), primary_key=True), "_created": db.Column(db.DateTime(timezone=True)),
                "_updated": db.Column(db.DateTime(timezone=True)), "_etag": db.Column(db.Text())}

    folders = type("Folders", (db.Model,), stamps() | {
        "__tablename__": "folders",
        "inside": db.Column("within", db.Text(), db.ForeignKey("folders.id")),
        "box": db.Column(db.Text(), db.ForeignKey("boxes.id")),
        "code": db.Column(db.Text(), unique=True),
        "number": db.Column(db.Integer(), unique=True, nullable=False),
        "shelf": db.Column(db.Text(), nullable=False), "place": db.Column(db.BigInteger(), nullable=False),
        "label": db.Column(db.Text(), nullable=False), "used": db.Column(db.Boolean(), nullable=False),
        "standing": db.UniqueConstraint("shelf", "place"),
        "labelled": sa.Index("labelled", "label", unique=True, postgresql_where=sa.text("used"))})
    boxes = type("Boxes", (db.Model,), stamps() | {
        "__tablename__": "boxes", "under": db.Column(db.Text(), db.ForeignKey("folders.id"), nullable=False)})
    return {Folder: folders, Box: boxes}


Rows = dict[Any, dict[str, Any]]


@st.composite
def offices(draw: st.DrawFn, *, indexed: bool) -> Rows:
    """Rows that hold together. ``indexed``: also what only the given tables ask for."""
    names = draw(st.lists(st.sampled_from("abcd"), unique=True, max_size=4))
    boxes = draw(st.lists(st.sampled_from("xy"), unique=True, max_size=2)) if names else []
    codes, numbers, places = draw(st.permutations("12345")), draw(st.permutations(range(5))), draw(
        st.permutations([("s", 1), ("s", 2), ("t", 1), ("t", 2), ("t", 3)]))
    labels = draw(st.permutations("lmnop"))
    other, boxed = (st.none() | st.sampled_from(some) if some else st.none() for some in (names, boxes))
    rows: Rows = {}
    for place, name in enumerate(names):
        used = draw(st.booleans())
        rows[at(Folder, name)] = {
            "inside": draw(other), "box": draw(boxed), "code": draw(st.none() | st.just(codes[place])),
            "number": numbers[place], "shelf": places[place][0], "place": places[place][1],
            "label": labels[place] if used or not indexed else draw(st.sampled_from("lm")), "used": used}
    for name in boxes:
        rows[at(Box, name)] = {"under": draw(st.sampled_from(names))}
    return rows


def between(before: Rows, after: Rows) -> list[Any]:
    """The mutations from some rows to others."""
    return [Insert(on, **after[on]) if on not in before else
            Delete(on) if on not in after else
            Update(on, **after[on]) for on in {**before, **after} if before.get(on) != after.get(on)]


@pytest.mark.parametrize("kind", ["given", "derived"])
async def test_from_any_rows_to_any_others(dsn: str, kind: str) -> None:
    """Whatever valid rows are to become whatever other ones, in one commit, no constraint is in the way: swaps, rings
    of any length, circles between tables, values handed over by rows that go; and the rows are what was pending."""
    loop = asyncio.get_running_loop()
    domain = desk(Folder, Box, models=models() if kind == "given" else None)
    async with Session(domain, dsn=dsn) as session:
        rows: Rows = {}

        async def become(after: Rows, dice: random.Random) -> None:
            nonlocal rows
            mutations = between(rows, after)
            if not mutations:
                return
            dice.shuffle(mutations)
            await edit(session, *mutations)
            await session.commit()
            rows = after
            for cls in (Folder, Box):
                stored = await session.manager.reader.find(("desk", cls.__name__.lower()), {})
                assert {at(cls, item._id): values_of(item) for item in stored} == {
                    on: values for on, values in after.items() if on[1] == cls.__name__.lower()}

        async def course(states: list[Rows], seed: int) -> None:
            if session.plan().changes:      # an example that failed before
                session.undo(len(session.manager.state.pending()))
            dice = random.Random(seed)      # Hypothesis' own would draw for what the example before left, too
            for state in ({}, *states):
                await become(state, dice)

        @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(offices(indexed=kind == "given"), min_size=2, max_size=4), st.integers(0, 2**32))
        def examples(states: list[Rows], seed: int) -> None:
            asyncio.run_coroutine_threadsafe(course(states, seed), loop).result()

        await asyncio.to_thread(examples)


# ------------------------------------------------------------------------------------------------ the database's own

BY_HAND = {
    "a unique constraint": "ALTER TABLE desk_note ADD UNIQUE (text)",
    "a deferrable one": "ALTER TABLE desk_note ADD UNIQUE (text) DEFERRABLE",
    "a partial index": "CREATE UNIQUE INDEX ON desk_note (text) WHERE number >= 0",
    "a condition that is not understood": "CREATE UNIQUE INDEX ON desk_note (text) WHERE abs(number) < 100",
    "several columns": "CREATE UNIQUE INDEX ON desk_note (text, number)",
}


async def test_nulls_that_are_not_distinct(dsn: str, admin: asyncpg.Connection) -> None:
    """Where Postgres lets one row alone have NULL, that row hands it over, and a swap does not rest on it."""
    class Slip(Resource):
        _id = field(str)
        text = field(str | None)

    async with Session(desk(Slip), dsn=dsn):
        pass
    await admin.execute("CREATE UNIQUE INDEX ON desk_slip (text) NULLS NOT DISTINCT")
    async with Session(desk(Slip), dsn=dsn) as session:
        a, b, c, d = (at(Slip, key) for key in "abcd")
        await edit(session, Insert(a, text=None), Insert(b, text="1"), Insert(c, text="2"))
        await session.commit()
        for mutations, expected in (
            ([Update(b, text="2"), Update(c, text="1")], {"a": None, "b": "2", "c": "1"}),
            ([Insert(d, text=None), Delete(a)], {"b": "2", "c": "1", "d": None}),
            ([Update(b, text=None), Update(d, text="2")], {"b": None, "c": "1", "d": "2"}),
        ):
            await edit(session, *mutations)
            await session.commit()
            assert dict(map(tuple, await admin.fetch("SELECT _id, text FROM desk_slip"))) == expected


async def test_values_that_several_rows_may_have(dsn: str, admin: asyncpg.Connection) -> None:
    """Where no condition is understood, several rows can have one value: it is taken after the row that has it."""
    async with Session(desk(Note), dsn=dsn):
        pass
    await admin.execute("CREATE UNIQUE INDEX ON desk_note (text) WHERE abs(number) < 100")
    async with Session(desk(Note), dsn=dsn) as session:
        a, b, c, d = (at(Note, key) for key in "abcd")
        await edit(session, Insert(a, text="1", number=1), Insert(b, text="1", number=100), Insert(d, text="2"))
        await session.commit()
        await edit(session, Insert(c, text="1"), Update(a, text="2"), Update(b, text="3"), Update(d, text="4"))
        await session.commit()
        assert dict(map(tuple, await admin.fetch("SELECT _id, text FROM desk_note"))) == {
            "a": "2", "b": "3", "c": "1", "d": "4"}


@pytest.mark.parametrize("kind", BY_HAND)
async def test_uniques_that_only_the_database_has(dsn: str, admin: asyncpg.Connection, kind: str) -> None:
    """A unique constraint made by hand is kept on the way: delete and insert of one value, a swap, a ring of three."""
    async with Session(desk(Note), dsn=dsn):
        pass
    await admin.execute(BY_HAND[kind])
    async with Session(desk(Note), dsn=dsn) as session:
        a, b, c, d = (at(Note, key) for key in "abcd")
        await edit(session, Insert(a, text="1"), Insert(b, text="2"), Insert(c, text="3"))
        await session.commit()
        for mutations, expected in (
            ([Insert(d, text="1"), Delete(a)], {"b": "2", "c": "3", "d": "1"}),
            ([Update(b, text="3"), Update(c, text="2")], {"b": "3", "c": "2", "d": "1"}),
            ([Update(b, text="2"), Update(c, text="1"), Update(d, text="3")], {"b": "2", "c": "1", "d": "3"}),
            ([Insert(a, text="2"), Update(b, number=-100)], {"a": "2", "b": "2", "c": "1", "d": "3"}),
        ):
            if kind in ("a unique constraint", "a deferrable one") and len(expected) == 4:
                continue
            await edit(session, *mutations)
            await session.commit()
            assert dict(map(tuple, await admin.fetch("SELECT _id, text FROM desk_note"))) == expected


async def test_a_foreign_key_that_only_the_database_has(dsn: str, admin: asyncpg.Connection) -> None:
    """A foreign key made by hand orders the plan, and so does one of several columns to what is unique."""
    async with Session(desk(Note, Folder, Box), dsn=dsn):
        pass
    await admin.execute("""
        ALTER TABLE desk_note ADD FOREIGN KEY (text) REFERENCES desk_folder (_id);
        ALTER TABLE desk_folder ADD CONSTRAINT standing UNIQUE (shelf, place);
        ALTER TABLE desk_note ADD CONSTRAINT stands FOREIGN KEY (text, number) REFERENCES desk_folder (shelf, place)""")
    async with Session(desk(Note, Folder, Box), dsn=dsn) as session:
        folder: dict[str, Any] = {"place": 7, "label": "", "used": False}
        await edit(session, Insert(at(Note, "n"), text="s", number=7),
                   Insert(at(Folder, "s"), number=1, shelf="s", **folder))
        await session.commit()
        assert "(foreign key stands)" in session.commits[-1].plan.why(at(Note, "n"))
        await edit(session, Delete(at(Folder, "s")), Delete(at(Note, "n")))
        await session.commit()
        assert await admin.fetchval("SELECT count(*) FROM desk_folder") == 0


@pytest.mark.parametrize("between", [False, True])
async def test_a_foreign_key_that_no_field_tells(dsn: str, admin: asyncpg.Connection, between: bool) -> None:
    """Rows that would go with others, by a column that is no field or over a table between, are deleted before them."""
    class Slip(Resource):
        _id = field(str)
        after = field(str | None, references="self")

    async with Session(desk(Note, Slip), dsn=dsn):
        pass
    parent = "desk_note"
    if between:
        parent = "middle"
        await admin.execute("CREATE TABLE middle (_id text PRIMARY KEY REFERENCES desk_note ON DELETE CASCADE)")
    await admin.execute(f"ALTER TABLE desk_slip ADD of text REFERENCES {parent} ON DELETE CASCADE")
    async with Session(desk(Note, Slip), dsn=dsn) as session:
        await edit(session, *(Insert(at(Note, key)) for key in "ab"), *(Insert(at(Slip, key)) for key in "xyz"))
        await session.commit()
        if between:
            await admin.execute("INSERT INTO middle VALUES ('a'), ('b')")
        await admin.execute("UPDATE desk_slip SET of = CASE WHEN _id = 'x' THEN 'a' ELSE 'b' END")
        await edit(session, Update(at(Slip, "x"), after="y"))
        await session.commit()
        await edit(session, *(Delete(at(Note, key)) for key in "ab"), *(Delete(at(Slip, key)) for key in "yxz"))
        assert [str(change.target.identifier) for change in session.plan().changes][-2:] == ["a", "b"]
        assert (await session.check()).ok
        await session.commit()
        assert await admin.fetchval("SELECT count(*) FROM desk_slip") == 0


@pytest.mark.parametrize("children_first", [False, True])
async def test_a_soft_deletion_along_with_a_parent(
    dsn: str, admin: asyncpg.Connection, children_first: bool,
) -> None:
    """A child that is deleted softly, and would go with its parent, is written before the parent is deleted."""
    async with Session(desk(Note, Paper), dsn=dsn):
        pass
    await admin.execute("ALTER TABLE desk_paper ADD FOREIGN KEY (text) REFERENCES desk_note (_id) ON DELETE CASCADE")
    async with Session(desk(Note, Paper), dsn=dsn) as session:
        note, paper = at(Note, "n"), at(Paper, "p")
        await edit(session, Insert(note), Insert(paper, text="n"))
        await session.commit()
        await edit(session, *([Delete(paper), Delete(note)] if children_first else [Delete(note), Delete(paper)]))
        assert "after desk:paper/p, whose row goes or changes along with it" in session.plan().why(note)
        await session.commit()
        assert await admin.fetchval("SELECT count(*) FROM desk_paper") == 0


async def test_what_cannot_be_opened_is_told(dsn: str, admin: asyncpg.Connection) -> None:
    """A ring that nothing opens is refused in words, and nothing is written."""
    async with Session(desk(Box, Folder), dsn=dsn):
        pass
    await admin.execute("ALTER TABLE desk_box ALTER CONSTRAINT desk_box_under_fkey DEFERRABLE; "
                        "ALTER TABLE desk_folder ADD CONSTRAINT one UNIQUE (used)")
    async with Session(desk(Folder, Box), dsn=dsn) as session:
        rest: dict[str, Any] = {"shelf": "s", "place": 1, "label": ""}
        await edit(session, Insert(at(Folder, "a"), number=1, used=True, **rest),
                   Insert(at(Folder, "b"), number=2, used=False, **rest))
        await session.commit()
        await edit(session, Update(at(Folder, "a"), used=False), Update(at(Folder, "b"), used=True))
        with pytest.raises(CannotOrder, match=r"frees the value of used \(unique one\)"):
            await session.commit()
        assert dict(map(tuple, await admin.fetch("SELECT _id, used FROM desk_folder"))) == {"a": True, "b": False}


# ------------------------------------------------------------------------------------------------ names

@pytest.mark.parametrize("other", ["CHECK (text <> '-')", "UNIQUE (text)", "UNIQUE (text) DEFERRABLE"])
@pytest.mark.parametrize("schema", ["", "drawer."])
async def test_a_name_that_two_constraints_have(
    dsn: str, admin: asyncpg.Connection, other: str, schema: str,
) -> None:
    """What must be deferred is, though another constraint of the schema that cannot be has its name."""
    class Slip(Resource):
        _id = field(str)
        above = field(str, references="self")

    tables = {cls: f"{schema}{cls.__name__.lower()}s" for cls in (Slip, Note)}
    async with Session(desk(Slip, Note, tables=tables), dsn=dsn):
        pass
    await admin.execute(f"ALTER TABLE {tables[Slip]} RENAME CONSTRAINT slips_above_fkey TO same; "
                        f"ALTER TABLE {tables[Note]} ADD CONSTRAINT same {other}")
    async with Session(desk(Slip, Note, tables=tables), dsn=dsn) as session:
        await edit(session, Insert(at(Slip, "a"), above="b"), Insert(at(Slip, "b"), above="a"))
        plan = session.plan()
        named = '"same"' if not schema else '"drawer"."same"'
        assert deferral(plan) == f"SET CONSTRAINTS {'ALL' if not other.endswith('DEFERRABLE') else named} DEFERRED"
        assert (await session.check()).ok
        await session.commit()
        assert await admin.fetchval(f"SELECT count(*) FROM {tables[Slip]}") == 2


# ------------------------------------------------------------------------------------------------ conditions

class Colour(Enum):
    RED = "red"
    GREEN = "it's green"


class Thing(Resource):
    """One of each kind that a condition may speak of."""

    _id = field(str)
    used = field(bool | None)
    word = field(str | None)
    count = field(int | None)
    exact = field(Decimal | None)
    colour = field(Colour | None)


CONDITIONS = [
    "used", "NOT used", "used IS TRUE", "used IS NOT TRUE", "used IS NOT FALSE", "used = true", "word IS NULL",
    "word IS NOT NULL", "word = 'a'", "word <> 'a'", "word IN ('a', 'b)', ' AND ')", "word NOT IN ('a', 'b')",
    "count = 5", "count > -5", "count BETWEEN -5 AND 5", "count <> 0", "count IN (1, -5)", "exact = 1.50",
    "exact > 0", "exact <= -0.5", "colour = 'red'", "colour = 'it''s green'", "colour IN ('red', 'it''s green')",
    "word IS NULL AND used", "word = 'a' OR count = 5", "NOT (used OR word IS NULL)",
    "(used AND count > 0) OR (word IS NULL AND (exact < 0 OR NOT used))", "word = ANY ('{a,c}'::text[])",
    "word <> ALL ('{a,NULL}'::text[])", '"Odd ""name" = \'x\'',
]
NOT_TOLD = ["lower(word) = 'a'", "count % 2 = 0", "length(word) > 1", "word LIKE 'a%'", "word > 'a'",
            "count = exact + 1", "exact::integer = 1", "used::integer = 1", "word = ANY ('{\"a\"}'::text[] || word)"]


async def test_conditions_of_partial_indexes(dsn: str, admin: asyncpg.Connection) -> None:
    """For each condition, as Postgres prints it, and many rows: what is told of a row is what Postgres says of it."""
    values = {"used": (None, True, False), "word": (None, "a", "b)", " AND "), "count": (None, -5, 0, 5),
              "exact": (None, Decimal("1.5"), Decimal("-0.50"), Decimal(7)), "colour": (None, *Colour)}
    async with Session(desk(Thing), dsn=dsn) as session:
        await edit(session, *(
            Insert(at(Thing, str(number)), **{
                name: some[number // 4 ** place % len(some)] for place, (name, some) in enumerate(values.items())})
            for number in range(600)))
        await session.commit()
        table = session.models.tables["desk", "thing"]
        things = {item._id: item for item in await session.find(Thing)}
        assert len(things) == 600
        await admin.execute("""ALTER TABLE desk_thing ADD "Odd ""name" text""")
        for place, condition in enumerate([*CONDITIONS, *NOT_TOLD]):
            await admin.execute(f"CREATE INDEX i{place} ON desk_thing (_id) WHERE {condition}")
            printed = await admin.fetchval("SELECT pg_get_expr(indpred, indrelid) FROM pg_index "
                                           "WHERE indexrelid = $1::text::regclass", f"i{place}")
            covered = {row[0] for row in await admin.fetch(f"SELECT _id FROM desk_thing WHERE {condition}")}
            told = {key: holds(printed, item, table) for key, item in things.items()}
            if condition in NOT_TOLD or "Odd" in condition:
                assert None in told.values(), printed
            else:
                assert {key for key, answer in told.items() if answer} == covered, printed
                assert None not in told.values(), printed
            assert all(answer is None or answer == (key in covered) for key, answer in told.items()), printed


@pytest.mark.parametrize("script", [
    [Delete(at(Note, "a")), Insert(at(Note, "c"), text="ada")],
    [Update(at(Note, "a"), text="eve"), Insert(at(Note, "c"), text="ada")],
    [Delete(at(Note, "a")), Update(at(Note, "b"), text="ada")],
    [Update(at(Note, "b"), text="eve"), Delete(at(Note, "a")), Insert(at(Note, "c"), text="ada")],
])
@pytest.mark.parametrize("saved", [False, True])
async def test_a_rule_that_only_the_database_knows(
    session: Session, rival: Session, admin: asyncpg.Connection, script: list[Any], saved: bool,
) -> None:
    """Where no reason is known, what was touched first is written first, now or from a saved plan."""
    await edit(session, Insert(at(Note, "a"), text="Ada"), Insert(at(Note, "b"), text="Bob"))
    await session.commit()
    await admin.execute("CREATE UNIQUE INDEX one_name ON desk_note (lower(text))")
    await edit(session, *script)
    done = await (rival.apply(session.plan().saved()) if saved else session.commit())
    assert len(done.plan) == len(script)
