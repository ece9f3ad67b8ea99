"""Row-level security: what a commit does as a role that policies hold for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.editing import Note, Paper, at, desk, edit
from tests.postgres.writing.test_script import psql
from workbench import Conflict, Insert, Session, Update
from workbench.errors import DatabaseError
from workbench.postgres.writing.receipt import TABLE
from workbench.postgres.writing.script import script

ROLE = "workbench_guarded"


@pytest.fixture
async def guarded(dsn: str, admin: asyncpg.Connection) -> AsyncIterator[str]:
    """The DSN of a role that may write notes, but none called z."""
    async with Session(desk(Note), dsn=dsn):
        pass
    await admin.execute(f"""
        CREATE ROLE {ROLE} LOGIN;
        GRANT ALL ON ALL TABLES IN SCHEMA public TO {ROLE};
        ALTER TABLE desk_note ENABLE ROW LEVEL SECURITY;
        CREATE POLICY readers ON desk_note FOR SELECT USING (true);
        CREATE POLICY writers ON desk_note FOR INSERT WITH CHECK (_id <> 'z')""")
    yield dsn.replace("postgres@", f"{ROLE}@")
    await admin.execute(f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}")


async def test_many_new_rows_under_policies(dsn: str, guarded: str) -> None:
    """Where policies hold, new rows go one by one, for Postgres takes no COPY then; where they do not, by COPY."""
    async with Session(desk(Note), dsn=guarded) as session:
        assert session.models.tables["desk", "note"].guarded
        await edit(session, *(Insert(at(Note, key), number=place) for place, key in enumerate("abc")))
        assert (await session.check()).ok
        await session.commit()
        await edit(session, Insert(at(Note, "d")), Insert(at(Note, "z")))
        with pytest.raises(DatabaseError, match="violates row-level security policy"):
            await session.commit()
    async with Session(desk(Note), dsn=dsn) as owner:
        assert not owner.models.tables["desk", "note"].guarded
        assert [(note._id, note.number) for note in await owner.find(Note)] == [("a", 0), ("b", 1), ("c", 2)]


async def test_a_table_that_may_only_be_read(dsn: str, guarded: str, admin: asyncpg.Connection) -> None:
    """What was read from a table that the role may only SELECT is verified by check, commit and script as any
    other."""
    async with Session(desk(Note, Paper), dsn=dsn) as owner:
        await edit(owner, Insert(at(Paper, "a")))
        await owner.commit()
        await admin.execute(f"REVOKE ALL ON desk_paper FROM {ROLE}; GRANT SELECT ON desk_paper TO {ROLE}")
        async with Session(desk(Note, Paper), dsn=guarded) as session:
            await edit(session, Insert(at(Note, "b")), reads=[at(Paper, "a")])
            assert (await session.check()).ok
            await session.commit()
            await edit(session, Insert(at(Note, "d")), reads=[at(Paper, "a")])
            assert psql(guarded, script(session.plan())).stderr == ""
            session.undo()
            await edit(session, Insert(at(Note, "c")), reads=[at(Paper, "a")])
            await edit(owner, Update(at(Paper, "a"), text="moved"))
            await owner.commit()
            with pytest.raises(Conflict, match="here a step read it"):
                await session.commit()


async def test_a_role_that_cannot_note_what_was_written(guarded: str, admin: asyncpg.Connection) -> None:
    """Where a saved plan cannot be noted as written, commit, apply and check say what to make or to grant."""
    async with Session(desk(Note), dsn=guarded) as session:
        await edit(session, Insert(at(Note, "a")))
        saved = session.plan().saved()
        make = (f"CREATE TABLE {TABLE} (nonce uuid PRIMARY KEY, hash text, at timestamptz NOT NULL, by text); "
                f"GRANT SELECT, INSERT ON {TABLE} TO {ROLE}")
        for cause, remedy in (
                (f"is not there, and {ROLE} may not make it in the schema public",
                 f"{make}), or GRANT CREATE ON SCHEMA public TO {ROLE}"),
                (f"may not be read and written by {ROLE}", f"have somebody GRANT SELECT, INSERT ON {TABLE} TO {ROLE}")):
            [found] = (await session.check()).violations
            assert (found.kind, cause in found.detail, found.detail.endswith(remedy)) == ("refused", True, True)
            with pytest.raises(DatabaseError, match=cause):
                await session.commit()
            with pytest.raises(DatabaseError, match=cause):
                await session.apply(saved)
            await admin.execute(make.split(";")[0] if "not there" in cause else make.split("; ")[1])
        assert (await session.check()).ok
        await session.apply(saved)


async def test_a_row_that_may_be_read_but_not_written(dsn: str, guarded: str) -> None:
    """A row that was only read is verified where no policy lets it be locked; the check says what the commit does."""
    async with Session(desk(Note), dsn=dsn) as owner:
        await edit(owner, Insert(at(Note, "a")))
        await owner.commit()
        async with Session(desk(Note), dsn=guarded) as session:
            await edit(session, Insert(at(Note, "b")), reads=[at(Note, "a")])
            assert (await session.check()).ok
            await edit(owner, Update(at(Note, "a"), number=1))
            await owner.commit()
            found = await session.check()
            assert [violation.kind for violation in found.violations] == ["read"]
            assert "changed since" in found.violations[0].detail
            with pytest.raises(Conflict):
                await session.commit()
            await session.rebase()
            await session.commit()
        assert len(await owner.find(Note)) == 2
