"""Check: everything in the way of a commit is found and led back, nothing is written, and it ends in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.postgres.shelf import Book, Done, Look, Owner, book, issue, owner, shelf
from workbench import Conflict, Delete, Insert, Session, Update
from workbench.errors import DatabaseError, Invalid, NothingTo, WorkbenchError
from workbench.notebook.frames.check import check_frame
from workbench.notebook.shown.check import ShownCheck
from workbench.notebook.shown.plan import ShownPlan
from workbench.postgres.trial.check import check
from workbench.postgres.trial.violation import Checked, Violation

CHECKS = """
ALTER TABLE shelf_book ADD CONSTRAINT positive CHECK (copies >= 0);
ALTER TABLE shelf_book ADD CONSTRAINT one_title EXCLUDE USING btree (title WITH =) WHERE (title <> '')
"""


@pytest.fixture
async def session(dsn: str) -> AsyncIterator[Session]:
    async with Session(shelf(), dsn=dsn, user="ada") as opened:
        async with opened.engine.acquire() as connection:
            await connection.execute(CHECKS)
        await issue(opened, *(Insert(owner(f"o{n}"), name=f"name {n}") for n in range(3)),
                    *(Insert(book(n), owner="o0") for n in range(300)))
        await opened.commit()
        yield opened


async def checked(session: Session, **arguments: Any) -> Checked:
    return await check(session.engine, session.reader, session.plan(), **arguments)    # type: ignore[arg-type]  # open


async def execute(session: Session, sql: str) -> None:
    async with session.engine.acquire() as connection:
        await connection.execute(sql)


async def contents(session: Session) -> Any:
    async with session.engine.acquire() as connection:
        return [await connection.fetchval(f"SELECT string_agg(t::text, '' ORDER BY t::text) FROM {table} AS t")
                for table in ("shelf_owner", "shelf_book")]


def told(found: Checked) -> list[tuple[str, str, Any]]:
    return [(violation.kind, violation.constraint, violation.target) for violation in found.violations]


@pytest.mark.parametrize("change", [
    lambda n: Insert(book(1000 + n)), lambda n: Update(book(n), copies=5), lambda n: Delete(book(n))])
async def test_what_is_refused_as_a_whole(session: Session, change: Any) -> None:
    """A statement that a guard refuses for its many rows is told, though its parts go through."""
    await execute(session, """
        CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF (SELECT count(*) FROM changed) > 5 THEN RAISE 'too many rows'; END IF; RETURN NULL; END $$;
        CREATE TRIGGER added AFTER INSERT ON shelf_book REFERENCING NEW TABLE AS changed
            FOR EACH STATEMENT EXECUTE FUNCTION guard();
        CREATE TRIGGER changed AFTER UPDATE ON shelf_book REFERENCING NEW TABLE AS changed
            FOR EACH STATEMENT EXECUTE FUNCTION guard();
        CREATE TRIGGER gone AFTER DELETE ON shelf_book REFERENCING OLD TABLE AS changed
            FOR EACH STATEMENT EXECUTE FUNCTION guard()""")
    await issue(session, *map(change, range(8)))
    [found] = (await session.check()).violations
    assert (found.kind, found.target, found.detail) == (
        "refused", None, "too many rows (of 8 changes in one statement, which go through in parts)")
    with pytest.raises(DatabaseError, match="too many rows"):
        await session.commit()
    session.undo()
    await issue(session, *map(change, range(5)))
    assert (await session.check()).ok


@pytest.mark.parametrize("count", [1, 2])
async def test_what_the_server_cuts_off(session: Session, dsn: str, count: int) -> None:
    """A statement_timeout that would end the commit ends the check's statement too, which tells of it."""
    await execute(session, """
        CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.9); RETURN NEW; END $$;
        CREATE TRIGGER slow BEFORE INSERT ON shelf_owner FOR EACH ROW EXECUTE FUNCTION slow()""")
    async with Session(shelf(), dsn=f"{dsn}&options=-cstatement_timeout%3D{800 * count}") as other:
        await issue(other, *(Insert(owner(f"new{n}"), name=f"new {n}") for n in range(count)))
        [found] = (await other.check()).violations
        assert (found.kind, found.target) == ("refused", owner("new0") if count == 1 else None)
        assert f"statement timeout (statement_timeout is {800 * count} ms here)" in found.detail
        with pytest.raises(DatabaseError, match="statement timeout"):
            await other.commit()


async def test_cancelled_at_any_moment(session: Session) -> None:
    """A check or explain that is cancelled, whenever that be, gives its connection back without a transaction."""
    await issue(session, *(Insert(book(1000 + n)) for n in range(3)))
    heard: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: heard.append(context["message"]))
    for moment in range(160):
        task: asyncio.Task[Any] = asyncio.ensure_future(session.check() if moment % 2 else session.explain())
        await asyncio.sleep(0.0001 * (moment % 40))
        task.cancel()
        await asyncio.wait([task])
    assert heard == []
    assert (await session.check()).ok


async def test_a_plan_that_can_be_committed(session: Session) -> None:
    """Nothing is found; nothing is written, nothing pending is touched, and the commit goes through."""
    before = await contents(session)
    await issue(session, Update(book(1), copies=9), Insert(book(1000), owner="o1"), Delete(book(2)))
    plan = session.plan()
    found = await check(session.engine, session.reader, plan)      # type: ignore[arg-type]  # the session is open
    assert (found.ok, found.violations, found.statements) == (True, (), 3)
    assert repr(found) == "check: nothing is in the way of a commit (3 statements tried and rolled back)"
    assert await contents(session) == before
    assert session.plan().state is plan.state
    assert (await session.commit(plan)).statements == 3


async def test_all_violations_are_found_at_once(session: Session) -> None:
    """Of several statements, each with several rows that several constraints refuse, every one is named."""
    await issue(session, Insert(owner("new"), name="name 1"), Insert(owner("fine"), name="fine"), cell=3)
    await issue(session, *(Insert(book(1000 + n), owner="nobody" if n % 40 == 7 else "o1", copies=-1 if n == 50 else 1)
                           for n in range(100)), cell=4)
    await issue(session, *(Update(book(n), copies=-n if n in (5, 170, 299) else 7) for n in range(300)), cell=5)
    await issue(session, Delete(owner("o0")), cell=6)
    found = await checked(session)
    assert sorted(told(found), key=str) == sorted([
        ("unique", "shelf_owner_name_key", owner("new")),
        ("foreign key", "shelf_book_owner_fkey", book(1007)), ("foreign key", "shelf_book_owner_fkey", book(1047)),
        ("foreign key", "shelf_book_owner_fkey", book(1087)), ("check", "positive", book(1050)),
        ("check", "positive", book(5)), ("check", "positive", book(170)), ("check", "positive", book(299)),
        ("foreign key", "shelf_book_owner_fkey", owner("o0"))], key=str)
    assert repr(found).splitlines()[0] == "check: 9 violations (4 statements tried and rolled back)"


async def test_a_violation_leads_back(session: Session) -> None:
    """A violation has the constraint's columns, the values, the words of the server, and the mutation that set them."""
    await issue(session, Update(book(1), copies=-3), cell=7)
    await issue(session, Update(book(1), title="x"), look=[owner("o2")], cell=8)
    await issue(session, Insert(owner("new"), name="name 1"), cell=9)
    first, second = sorted((await checked(session)).violations, key=lambda violation: violation.kind)
    assert (first.kind, first.columns, first.values, first.steps, first.cells) == (
        "check", ("copies",), {"copies": -3}, (2, 3), (7, 8))
    assert first.cause is not None
    assert (first.cause.step, first.cause.cell, type(first.cause.event)) == (2, 7, Done)
    assert [type(command) for command in first.commands][1] is Look
    assert len(first.events) == 2
    assert str(first).startswith('check "positive": shelf:book/1: Failing row contains (1, ')
    assert str(first).endswith("(step 2, Do, Done, cell 7)")
    assert (second.columns, second.values) == (("name",), {"name": "name 1"})
    assert second.detail == "Key (name)=(name 1) already exists."


async def test_not_null_exclusion_and_triggers(session: Session) -> None:
    """NOT NULL and EXCLUDE have their own kinds; what a trigger raises is "refused", in its words."""
    await execute(session, """
        ALTER TABLE shelf_book ALTER owner SET NOT NULL;
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN RAISE EXCEPTION 'not on a Sunday' USING HINT = 'come again'; END $$;
        CREATE TRIGGER sunday BEFORE UPDATE ON shelf_owner FOR EACH ROW EXECUTE FUNCTION refuse()""")
    await issue(session, Insert(book(1000), owner=None), Insert(book(1001), owner="o1", title="a"),
                Insert(book(1002), owner="o1", title="a"), Update(owner("o1"), name="?"), Update(owner("o2"), name="!"))
    found = await checked(session)
    assert sorted(told(found), key=str) == sorted([
        ("not null", "", book(1000)), ("exclusion", "one_title", book(1002)),
        ("refused", "", owner("o1")), ("refused", "", owner("o2"))], key=str)
    assert [violation.columns for violation in found.violations if violation.kind == "not null"] == [("owner",)]
    assert [violation.detail for violation in found.violations if violation.kind == "refused"] == [
        "not on a Sunday; come again"] * 2
    assert "stays done: sunday on shelf_owner." in found.caveats


async def test_stale_rows_are_named_with_their_etag(session: Session) -> None:
    """Rows that were changed, deleted or added since have the kind "stale", and the etag that is stored now."""
    await issue(session, *(Update(book(n), copies=2) for n in range(150)), Delete(book(200)), Delete(book(201)),
                *(Insert(book(n), owner="o1") for n in range(1000, 1003)))
    await execute(session, """
        UPDATE shelf_book SET _etag = 'theirs' WHERE _id IN (3, 140, 200); DELETE FROM shelf_book WHERE _id = 60;
        INSERT INTO shelf_book SELECT (jsonb_populate_record(b, '{"_id": 1001, "_etag": "added"}')).*
          FROM shelf_book AS b WHERE _id = 0""")
    found = await checked(session)
    assert {violation.target: (violation.kind, violation.values["_etag"]) for violation in found.violations} == {
        book(3): ("stale", "theirs"), book(140): ("stale", "theirs"), book(200): ("stale", "theirs"),
        book(60): ("stale", None), book(1001): ("stale", "added")}
    words = {violation.target: violation.detail for violation in found.violations}
    assert words[book(3)].startswith("it was changed since it was fetched: its etag is theirs, ")
    assert words[book(60)] == "it was deleted since it was fetched"
    assert words[book(1001)] == "another one has added it since (its etag is added)"


async def test_reads_are_verified(session: Session) -> None:
    """Items that the steps only read and that moved have the kind "read" and lead to the steps that read them."""
    await issue(session, Update(book(1), copies=2), look=[owner("o1"), owner("o2"), book(7)], cell=2)
    await execute(session, "UPDATE shelf_owner SET _etag = 'theirs' WHERE _id = 'o1'; "
                           "DELETE FROM shelf_owner WHERE _id = 'o2'")
    found = await checked(session)
    assert told(found) == [("read", "", owner("o1")), ("read", "", owner("o2"))]
    assert [violation.values["_etag"] for violation in found.violations] == ["theirs", None]
    assert "a step read it, and it was changed since: its etag is theirs, " in found.violations[0].detail
    assert found.violations[1].detail == "a step read it, and it was deleted since"
    assert [(type(command), violation.cells) for violation in found.violations
            for command in violation.commands] == [(Look, (2,))] * 2
    assert (await checked(session, verify_reads=False)).ok


async def test_deferred_constraints_are_looked_at_at_the_end(session: Session) -> None:
    """Constraints that are deferred are checked at the end, and every item that breaks them is found."""
    await execute(session, """
        ALTER TABLE shelf_book ALTER CONSTRAINT shelf_book_owner_fkey INITIALLY DEFERRED;
        ALTER TABLE shelf_owner DROP CONSTRAINT shelf_owner_name_key;
        ALTER TABLE shelf_owner ADD CONSTRAINT names UNIQUE (name) DEFERRABLE INITIALLY DEFERRED""")
    await issue(session, *(Insert(book(1000 + n), owner="nobody" if n in (5, 77) else "o1") for n in range(100)),
                Delete(owner("o0")), Insert(owner("x"), name="name 1"), Insert(owner("y"), name="y"),
                Update(book(3), owner="nobody"))
    found = await checked(session)
    assert sorted(told(found), key=str) == sorted([
        ("foreign key", "shelf_book_owner_fkey", book(1005)), ("foreign key", "shelf_book_owner_fkey", book(1077)),
        ("foreign key", "shelf_book_owner_fkey", book(3)), ("foreign key", "shelf_book_owner_fkey", owner("o0")),
        ("unique", "names", owner("x"))], key=str)
    assert {violation.detail for violation in found.violations} == {
        "at the end of the transaction it names no row of shelf_owner",
        "at the end of the transaction rows of shelf_book still name it",
        "at the end of the transaction another row has this value too"}


async def test_a_deferred_trigger_is_told(session: Session) -> None:
    """What a deferred constraint trigger raises is reported, though it names no item."""
    await execute(session, """
        CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'too late'; END $$;
        CREATE CONSTRAINT TRIGGER late AFTER INSERT ON shelf_owner DEFERRABLE INITIALLY DEFERRED
          FOR EACH ROW EXECUTE FUNCTION late()""")
    await issue(session, Insert(owner("x"), name="x"))
    found = await checked(session)
    assert told(found) == [("refused", "", None)]
    assert found.violations[0].detail == "too late (the first of what deferred checks found)"


async def test_what_a_column_cannot_hold_is_named(session: Session) -> None:
    """A text that is too long for its column, and a number that is too great, are told with their field and value,
    which the database's own words leave out."""
    await execute(session, "ALTER TABLE shelf_owner ALTER name TYPE varchar(8); "
                           "ALTER TABLE shelf_book ALTER copies TYPE numeric(3, 1)")
    await issue(session, Insert(owner("new"), name="name is long"), Update(book(1), copies=100),
                Update(book(2), copies=99))
    found = (await checked(session)).violations
    assert [(one.kind, one.target, one.columns, dict(one.values)) for one in found] == [
        ("refused", owner("new"), ("name",), {"name": "name is long"}),
        ("refused", book(1), ("copies",), {"copies": 100})]
    assert found[0].detail == "value too long for type character varying(8)"


async def test_a_number_that_is_rounded_before_the_point(session: Session) -> None:
    """A column of hundreds, numeric(3, -2), is not blamed for what another one cannot hold; for what is too great for
    it, it is."""
    await execute(session, "ALTER TABLE shelf_book ALTER title TYPE varchar(3) USING left(title, 3), "
                           "ALTER copies TYPE numeric(3, -2)")
    await issue(session, Update(book(1), title="long", copies=99_900), Update(book(2), copies=99_960))
    found = (await checked(session)).violations
    assert [(one.kind, one.target, one.columns) for one in found] == [
        ("refused", book(1), ("title",)), ("refused", book(2), ("copies",))]


async def test_what_follows_from_a_refusal_says_so(session: Session) -> None:
    """A child whose parent was refused in the same plan is found too, and its words name the parent."""
    await issue(session, Insert(owner("new"), name="name 1"), Insert(book(1000), owner="new"))
    first, second = (await checked(session)).violations
    assert (first.target, second.target) == (owner("new"), book(1000))
    assert second.detail.endswith('"; it may follow from what is wrong with shelf:owner/new')


async def test_a_rivals_lock_is_reported_not_waited_for(session: Session, dsn: str) -> None:
    """A row to be written that a rival holds is reported with who holds it; one that was only read is not waited for by
    a commit either; the rest is tried; nothing is raised."""
    await issue(session, *(Update(book(n), copies=-1 if n == 250 else 2) for n in range(280)))
    await issue(session, Update(owner("o1"), name="?"), look=[owner("o2")])
    rival = await asyncpg.connect(dsn, server_settings={"application_name": "the rival"})
    try:
        async with rival.transaction():
            await rival.execute("UPDATE shelf_book SET copies = 1 WHERE _id IN (20, 270)")
            await rival.execute("SELECT FROM shelf_owner WHERE _id = 'o2' FOR UPDATE")
            found = await checked(session, timeout=4)
            pid = rival.get_server_pid()
    finally:
        await rival.close()
    assert sorted(told(found), key=str) == sorted([
        ("timeout", "", book(20)), ("timeout", "", book(270)),
        ("check", "positive", book(250))], key=str)
    for violation in found.violations:
        if violation.kind == "timeout":
            assert f"it is held by process {pid} of postgres (the rival), idle in transaction" in violation.detail
    await issue(session, Update(book(250), copies=2))
    assert (await checked(session)).ok


async def test_a_lock_on_a_whole_table_ends_in_time(session: Session, dsn: str) -> None:
    """Where nothing can be tried before time is up, that is the report; the session can be used afterwards."""
    await issue(session, *(Insert(book(1000 + n), owner="o1") for n in range(50)))
    rival = await asyncpg.connect(dsn)
    try:
        async with rival.transaction():
            await rival.execute("LOCK TABLE shelf_book")
            found = await checked(session, timeout=1)
    finally:
        await rival.close()
    last = found.violations[-1]
    assert {violation.kind for violation in found.violations} == {"timeout"}
    assert (last.target, last.detail) == (None, (
        "the check ran out of time: 50 changes were not, or not all, tried; give it more with check(timeout=…)"))
    assert (await checked(session)).ok


async def test_how_long_it_may_take(session: Session) -> None:
    """A check may take for ever; what is no number of seconds is refused."""
    await issue(session, Update(book(1), copies=9))
    assert (await checked(session, timeout=float("inf"))).ok
    with pytest.raises(Invalid, match="timeout: it is no number of seconds; give one such as 10"):
        await checked(session, timeout=float("nan"))


async def test_a_slow_statement_ends_in_time(session: Session) -> None:
    """A statement that takes longer than the check may is cut off and reported."""
    await execute(session, """
        CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN new; END $$;
        CREATE TRIGGER slow BEFORE INSERT ON shelf_owner FOR EACH ROW EXECUTE FUNCTION slow()""")
    await issue(session, Insert(owner("x"), name="x"))
    found = await checked(session, timeout=0.5)
    assert told(found) == [("timeout", "", None)]


async def test_caveats_name_what_cannot_be_undone(session: Session) -> None:
    """Sequences advance all the same; the caveats say so and name those of the tables."""
    await execute(session, """
        CREATE TABLE numbers (n serial, book bigint);
        ALTER TABLE shelf_book ADD number bigserial""")
    await issue(session, Insert(book(1000), owner="o1"))
    async with session.engine.acquire() as connection:
        before = await connection.fetchval("SELECT last_value FROM shelf_book_number_seq")
        found = await checked(session)
        assert await connection.fetchval("SELECT last_value FROM shelf_book_number_seq") == before + 1
    assert found.ok
    assert found.caveats.splitlines() == [
        "A check tells how things are at its time: what others commit afterwards, it cannot know.",
        "Sequences advance though all is rolled back, so that numbers are left out: "
        "shelf_book_number_seq of shelf_book.",
        "Triggers run, and what they do outside of the database stays done; these tables have none.",
        "NOTIFY is not sent by a check; a commit sends it."]


async def test_a_check_as_a_frame_and_as_html(session: Session) -> None:
    """The frame has a row for each violation with the documented columns; HTML escapes what comes from the data."""
    evil = "<script>alert(1)</script>"
    await issue(session, Insert(owner(evil), name="name 1"), Update(book(1), copies=-1), cell=4)
    shown = ShownCheck(await checked(session))
    frame = shown.frame()
    assert list(frame) == ["kind", "constraint", "resource", "identifier", "columns", "values", "detail", "step",
                           "event", "command", "cell"]
    assert frame[["kind", "resource", "identifier", "step", "event", "command", "cell"]].values.tolist() == [
        ["unique", "shelf:owner", evil, 2, "Done", "Do", 4], ["check", "shelf:book", 1, 2, "Done", "Do", 4]]
    html = shown._repr_html_()
    assert evil not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert not shown
    assert repr(shown).endswith(shown.caveats)
    assert check_frame(shown.checked._replace(violations=())).empty


def test_a_violation_of_no_item_is_a_row_too() -> None:
    """A violation that no item is to blame for has None and missing values in the frame."""
    violation = Violation("timeout", "", None, (), {}, "late")
    frame = check_frame(Checked((violation,), 0, None, 0.0, ""))    # type: ignore[arg-type]  # the moment is not shown
    assert frame[["resource", "identifier", "step", "cell"]].isna().all(axis=None)
    assert str(violation) == "timeout: late"


MUTATIONS = st.lists(st.one_of(
    st.tuples(st.just("owner"), st.sampled_from("abcd"), st.sampled_from(["x", "y", "z", "w"])),
    st.tuples(st.just("book"), st.integers(0, 5), st.sampled_from(["a", "b", "c", "d", None]),
              st.sampled_from([-1, 1, 2])),
    st.tuples(st.just("drop"), st.sampled_from("abcd")),
    st.tuples(st.just("burn"), st.integers(0, 5))), max_size=8)


async def replay(session: Session, mutations: list[Any]) -> None:
    """Issues what can be issued: updates of what is there, inserts of what is not."""
    for kind, key, *values in mutations:
        target = owner(key) if kind in ("owner", "drop") else book(key)
        there = await session.find(Owner if target.resource == "owner" else Book, _id=key)
        if kind in ("drop", "burn"):
            if there:
                await issue(session, Delete(target))
            continue
        fields = {"name": values[0]} if kind == "owner" else {"owner": values[0], "copies": values[1]}
        await issue(session, (Update if there else Insert)(target, **fields))


async def test_a_check_is_right(dsn: str) -> None:
    """For generated plans, some moved by a rival: a check is ok when the commit succeeds, and only then."""
    examples: list[tuple[Any, Any, str]] = []

    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(MUTATIONS, MUTATIONS, st.sampled_from(["", "", "UPDATE shelf_owner SET _etag = 'x' WHERE _id = 'a'",
                                                  "DELETE FROM shelf_book WHERE _id = 1"]))
    def collect(first: Any, second: Any, rival: str) -> None:
        examples.append((first, second, rival))

    collect()
    outcomes = set()
    async with Session(shelf(), dsn=dsn) as session:
        await execute(session, CHECKS)
        for first, second, rival in examples:
            await execute(session, "TRUNCATE shelf_owner, shelf_book")
            session.manager.cache.items.clear()
            for mutations in (first, second):
                await replay(session, mutations)
                if mutations is second and rival:
                    await execute(session, rival)
                found = await checked(session)
                try:
                    await session.commit()
                    done = True
                except NothingTo:
                    done = True
                except (Conflict, DatabaseError):
                    done = False
                    session.undo(len(session.manager.state.pending()))
                assert found.ok == done, (first, second, rival, found)
                outcomes.add(done)
    assert outcomes == {True, False}


async def test_a_shown_plan_is_checked_by_what_it_was_given(session: Session) -> None:
    """A shown plan hands itself and the limits to the session's check; without one it says how to have it."""
    await issue(session, Update(book(1), copies=2))
    asked: list[Any] = []
    found = Checked((), 1, session.steps[0].at, 0.1, "nothing")

    def asking(plan: Any, **limits: Any) -> Checked:
        asked.append((plan, limits))
        return found

    plan = session.plan()
    assert ShownPlan(plan, check=asking).check(timeout=3).checked is found
    assert asked == [(plan, {"verify_reads": True, "timeout": 3})]
    assert ShownPlan(plan).sql().startswith("-- plan: 0 to add, 1 to change, 0 to delete\n-- step 2: ")
    with pytest.raises(WorkbenchError, match=r"without a database to try it on; make it with wb\.plan\(\)"):
        ShownPlan(plan).check()
