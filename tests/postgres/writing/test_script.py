"""Script: a real psql writes what a commit writes, refuses what is stale, and takes no data for a command."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from gino import Gino
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.editing import Note, at, desk, edit
from tests.postgres.shelf import Do, Done, Owner, book, issue, owner, shelf
from tests.postgres.test_literals import NASTY, PSQL
from tests.state.domains import manage
from tests.strategies import TEXT, Colour, Leg, records
from workbench import Delete, Domain, Insert, Resource, Session, Target, Update, field
from workbench.domain.registry import Registry
from workbench.postgres.tables.model import Models
from workbench.postgres.writing.script import HEAD, script


def psql(dsn: str, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs a script by psql."""
    return subprocess.run([PSQL, "-X", "-q", *options, "-v", "hurt=hurt", "-d", dsn], input=text, encoding="utf-8",
                          capture_output=True, timeout=60, check=False)


@asynccontextmanager
async def copied(dsn: str) -> AsyncIterator[str]:
    """The DSN of a copy of a database, dropped afterwards."""
    name = dsn.split("@/")[1].split("?")[0]
    copy = f"copy_{uuid.uuid4().hex[:12]}"
    admin = await asyncpg.connect(dsn.replace(f"@/{name}?", "@/postgres?"))
    try:
        for last in (False, False, True):       # on a busy machine somebody may have come in between the two
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            try:
                await admin.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{name}"')
                break
            except asyncpg.ObjectInUseError:
                if last:
                    raise
        yield dsn.replace(f"@/{name}?", f"@/{copy}?")
        await admin.execute(f'DROP DATABASE "{copy}" WITH (FORCE)')
    finally:
        await admin.close()


async def contents(dsn: str) -> dict[str, Any]:
    """Everything in the tables of a database, as the server writes it."""
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' "
                                        "AND relnamespace = 'public'::regnamespace ORDER BY 1")
        return {table: await connection.fetchval(f"SELECT string_agg(t::text, '\n' ORDER BY t::text) FROM {table} AS t")
                for table, in tables}
    finally:
        await connection.close()


async def same_by_both(dsn: str, session: Session) -> None:
    """Writes what is pending by psql into a copy, then by a commit, and compares all tables."""
    text = script(session.plan())
    async with copied(dsn) as copy:
        before = await contents(copy)
        done = psql(copy, text)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        written = await contents(copy)
    await session.commit()
    assert written == await contents(dsn) != before


def some_of_all(count: int) -> list[Any]:
    """Owners, a chain of bosses, and books with values of every kind."""
    made: list[Any] = [Insert(owner(f"o{n}"), name=f"name {n}", boss=f"o{n - 1}" if n else None) for n in range(3)]
    return made + [
        Insert(book(n), owner=f"o{n % 3}", title=NASTY[n % len(NASTY)], copies=n - 2, tags=NASTY[:n % 4],
               colour=list(Colour)[n % 2], notes={text: [n, None, 1.5] for text in NASTY[:n % 5]},
               leg=Leg(to={"city": "Rome's", "house": None}, took="PT2H") if n % 2 else None) for n in range(count)]


async def test_psql_writes_what_a_commit_writes(dsn: str) -> None:
    """Inserts, then updates and deletes in several chunks, of all types: the tables are the same to the letter."""
    async with Session(shelf(), dsn=dsn, user="ada\n\\! touch") as session:
        await issue(session, *some_of_all(230))
        await same_by_both(dsn, session)
        await issue(session, *(Update(book(n), title=f"{NASTY[n % len(NASTY)]}!", copies=0) for n in range(0, 210)),
                    Update(owner("o1"), name="it's"))
        await issue(session, *(Update(book(n), tags=["'", "\\"]) for n in range(210, 214)), look=[owner("o2")])
        await issue(session, *(Delete(book(n)) for n in range(214, 228)), Delete(book(229)))
        await same_by_both(dsn, session)


async def test_a_swap_of_unique_values_defers_in_the_script_too(dsn: str) -> None:
    """Two items that swap a unique value: the script defers what the plan's order defers."""
    async with Session(shelf(), dsn=dsn) as session:
        await issue(session, Insert(owner("a"), name="1"), Insert(owner("b"), name="2"))
        await session.commit()
        await issue(session, Update(owner("a"), name="2"), Update(owner("b"), name="1"))
        plan = session.plan()
        assert plan.order.deferred
        assert 'SET CONSTRAINTS "shelf_owner_name_key" DEFERRED;' in script(plan)
        await same_by_both(dsn, session)


async def test_columns_that_are_called_as_ours(dsn: str) -> None:
    """Columns may have the names that statements and scripts give to the identifier and the etag."""
    db = Gino()

    class Row(db.Model):
        __tablename__ = "rows"
        _id = db.Column(sa.Text, primary_key=True)
        _created = db.Column(db.DateTime(timezone=True))
        _updated = db.Column(db.DateTime(timezone=True))
        _etag = db.Column(sa.Text)
        one = db.Column("_key", sa.Text, nullable=False)
        two = db.Column("_expected", sa.Text, nullable=False)
        three = db.Column("_key_", sa.Text, nullable=False)

    class Odd(Resource):
        _id = field(str)
        one = field(str)
        two = field(str)
        three = field(str)

    targets = [at(Odd, key) for key in "abc"]
    async with Session(desk(Odd, models={Odd: Row}), dsn=dsn) as session:
        await edit(session, *(Insert(target, one="1", two="2", three="3") for target in targets))
        await session.commit()
        for values in ({"one": "x", "two": "y", "three": "z"}, {"one": "u"}, {"two": "v"}):
            await edit(session, *(Update(target, **values) for target in targets[1:]), reads=targets[:1])
            assert (await session.check()).ok
            await same_by_both(dsn, session)
        await edit(session, *map(Delete, targets))
        await same_by_both(dsn, session)


async def test_the_tables_are_those_of_the_session(dsn: str) -> None:
    """Whoever runs the script may look for tables in other schemas: those are written that the commit would write."""
    async with Session(shelf(), dsn=dsn) as session, session.engine.acquire() as connection:
        await connection.execute('CREATE SCHEMA "an app"')
    async with Session(shelf(), dsn=f"{dsn}&options=-csearch_path%3D%22an%5C%20app%22") as session:
        await issue(session, *some_of_all(5))
        done = psql(dsn, script(session.plan()))
        assert (done.returncode, done.stderr) == (0, "")
        assert set((await contents(dsn)).values()) == {None}
        assert len(await session.find(Owner)) == 3


async def test_any_text_and_record_goes_through(dsn: str) -> None:
    """Generated texts and nested records, whatever they hold, are written by psql as by a commit."""
    examples: list[tuple[str, Any]] = []

    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(TEXT | st.sampled_from(NASTY), st.none() | records(Leg))
    def collect(text: str, leg: Any) -> None:
        examples.append((text, leg))

    collect()
    async with Session(shelf(), dsn=dsn) as session:
        await issue(session, *(Insert(book(n), owner=None, title=text, leg=leg)
                               for n, (text, leg) in enumerate(examples)))
        await same_by_both(dsn, session)


@pytest.mark.parametrize("moving, words", [
    ("UPDATE shelf_owner SET _etag = 'theirs' WHERE _id = 'b'",
     "stale: read by the steps, and changed or deleted since, of shelf:owner: b\n"),
    ("UPDATE shelf_book SET _etag = 'theirs' WHERE _id = 7",
     "stale: changed or deleted since the plan was made, of shelf:book: 7\n"),
    ("DELETE FROM shelf_book WHERE _id IN (4, 5)",
     "stale: changed or deleted since the plan was made, of shelf:book: 4, 5\n"),
    ("UPDATE shelf_book SET _etag = NULL WHERE _id = 9",
     "stale: changed or deleted since the plan was made, of shelf:book: 9\n")])
async def test_a_stale_script_writes_nothing(dsn: str, moving: str, words: str) -> None:
    """When an item has moved, written or read, psql ends with status 3, names it, and nothing is written."""
    async with Session(shelf(), dsn=dsn) as session:
        await issue(session, *some_of_all(0), Insert(owner("b"), name="b"),
                    *(Insert(book(n), owner="b") for n in range(10)))
        await session.commit()
        await issue(session, *(Update(book(n), copies=5) for n in range(9)), look=[owner("b")])
        await issue(session, Delete(book(9)), Insert(book(10), owner=None))
        text = script(session.plan())
        async with session.engine.acquire() as connection:
            await connection.execute(moving)
        before = await contents(dsn)
        done = psql(dsn, text)
        assert done.returncode == 3
        assert words in done.stderr
        assert await contents(dsn) == before


async def test_a_violation_writes_nothing(dsn: str) -> None:
    """What a constraint refuses ends psql with status 3, and what was written before it is gone."""
    async with Session(shelf(), dsn=dsn) as session:
        await issue(session, Insert(owner("a"), name="a"), Insert(book(1), owner="nobody"))
        done = psql(dsn, script(session.plan()))
        assert done.returncode == 3
        assert 'violates foreign key constraint "shelf_book_owner_fkey"' in done.stderr
        assert set((await contents(dsn)).values()) == {None}


@pytest.mark.parametrize("count", [1, 3])
async def test_a_new_row_that_is_left_out_writes_nothing(dsn: str, count: int) -> None:
    """When a trigger leaves out a new row without an error, psql ends with status 3, and nothing is written."""
    async with Session(shelf(), dsn=dsn) as session:
        async with session.engine.acquire() as connection:
            await connection.execute("""
                CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF NEW._id = 'o0' THEN RETURN NULL; END IF; RETURN NEW; END $$;
                CREATE TRIGGER leave_out BEFORE INSERT ON shelf_owner FOR EACH ROW EXECUTE FUNCTION leave_out()""")
        await issue(session, *(Insert(owner(f"o{n}"), name=f"name {n}") for n in range(count)))
        done = psql(dsn, script(session.plan()))
        assert done.returncode == 3
        assert "left out: a trigger or a rule of the database does not take every new row, of shelf:own" in done.stderr
        assert set((await contents(dsn)).values()) == {None}


EVIL = ["x'); DROP TABLE shelf_owner; --", "\\! echo hurt", "a\n\\! echo hurt", "a\r\\q",
        "$workbench$; DROP TABLE shelf_owner", "$workbench$ $workbench1$", ":hurt :'hurt' :\"hurt\" :{?hurt}",
        "*/ \\! echo hurt /*", "\u2028\\! echo hurt", "\\", "'", "E'\\''", "%", "\\gexec", "--\n\\! echo hurt",
        "COMMIT; \\q", "${hurt} `echo hurt`"]


@pytest.mark.parametrize("options", [(), ("-S",), ("-v", "AUTOCOMMIT=off")])
async def test_no_data_is_taken_for_a_command(dsn: str, options: tuple[str, ...]) -> None:
    """Values and identifiers that look like SQL, psql commands or variables stay as they are; nothing runs."""
    async with Session(shelf(), dsn=dsn, user=EVIL[2]) as session:
        await issue(session, *(Insert(owner(text), name=text) for text in EVIL))
        await session.commit()
        await issue(session, *(Update(owner(text), name=f"{text}{text}") for text in EVIL[1:]), look=[owner(EVIL[0])])
        await issue(session, *(Insert(book(n), owner=text, title=text) for n, text in enumerate(EVIL)))
        await issue(session, Insert(owner("one"), name=EVIL[4]))
        text = script(session.plan())
        done = psql(dsn, text, *options)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    async with Session(shelf(), dsn=dsn) as session:
        stored = await session.find(Owner)
        assert {item._id: item.name for item in stored} == {
            **{text: text * 2 for text in EVIL[1:]}, EVIL[0]: EVIL[0], "one": EVIL[4]}
        assert [(await session.fetch(book(n))).title for n in range(len(EVIL))] == EVIL


async def test_comments_stay_on_their_lines() -> None:
    """Whatever the data, no line of a script begins with a backslash but those of its head; made without a database."""
    domain = shelf()
    manager = manage(domain, tables=Models(Registry([domain])).tables, user=EVIL[2])
    await manager.issue(Do(mutations=[Insert(owner(text), name=text) for text in EVIL]))
    text = script(manager.plan())
    assert [line for line in text.split("\n") if line.startswith("\\")] == HEAD
    assert "\r" not in text


async def test_names_with_quotes_and_keywords(dsn: str) -> None:
    """Tables and columns whose names hold quotes, spaces, dollars or are keywords are quoted everywhere."""
    domain = Domain("odd")

    @domain.resource(table='we"ird $1 $workbench$ :hurt')
    class Odd(Resource):
        _id = field(str)
        select = field(str, unique=True)
        Mixed = field(int, initial=0)

    domain.command(Do)
    domain.event(Done)
    domain.command_handler(Do)(lambda command, context: Done(mutations=command.mutations))

    @domain.event_handler(Done)
    def done(event: Any, context: Any) -> Any:
        return event.mutations

    targets = [Target("odd", "odd", f"k{n}") for n in range(3)]
    async with Session(domain, dsn=dsn) as session:
        await issue(session, *(Insert(target, select=target.identifier) for target in targets))
        await same_by_both(dsn, session)
        await issue(session, *(Update(target, Mixed=7) for target in targets[:2]), Delete(targets[2]))
        await same_by_both(dsn, session)


async def test_long_values_in_further_blocks(
    dsn: str, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where values are long a block has fewer rows, for psql and the server take no more than a gigabyte at once."""
    monkeypatch.setattr("workbench.postgres.writing.script.LONGEST", 5000)
    async with Session(desk(Note), dsn=dsn) as session:
        for words in ("new", "changed"):
            if words == "new":
                await edit(session, *(Insert(at(Note, str(key)), text="new " * 250) for key in range(10)))
            else:
                await session.refresh(Note)
                await edit(session, *(Update(at(Note, str(key)), text="changed " * 125) for key in range(10)))
            blocks = script(session.plan()).split("\nDO ")[1:]
            assert len(blocks) == 4
            assert max(map(len, blocks)) < 6000
            done = psql(dsn, script(session.plan()))
            assert (done.returncode, done.stderr) == (0, "")
            assert {row[0][:3] for row in await admin.fetch("SELECT text FROM desk_note")} == {words[:3]}
            assert await admin.fetchval("SELECT count(*) FROM desk_note WHERE length(text) = 1000") == 10
            assert repr(await session.commit()).startswith("was written already: ")
