"""Round trips: how often a verb speaks to the server, as each takes its time where that is far away."""

from __future__ import annotations

from typing import Any

import asyncpg

from tests.editing import Note, desk, edit
from tests.postgres.rivals import KINDS, A, written
from workbench import Insert, Session, Update


async def spoken(session: Session, verb: Any) -> list[str]:
    """The first words of what is sent to the server while a verb is at work."""
    said: list[str] = []

    def hear(record: Any) -> None:
        said.append(record.query.split()[0])

    async with session.engine.acquire(tidy=True) as connection:
        connection.add_query_logger(hear)
    await verb()
    async with session.engine.acquire(tidy=True) as connection:
        connection.remove_query_logger(hear)
    return said


async def test_fetching_and_committing(session: Session) -> None:
    """A fetch is one query, and so is a search; a commit of one change is a beginning, its statement and its end."""
    await written(session, Insert(A, text="a"))
    session.manager.cache.items.clear()
    assert await spoken(session, lambda: session.fetch(A)) == ["SELECT"]
    assert await spoken(session, lambda: session.find(Note, text="a")) == ["SELECT"]
    await edit(session, Update(A, text="b"))
    assert await spoken(session, session.commit) == ["BEGIN", "UPDATE", "COMMIT"]


async def test_where_there_are_triggers(session: Session, admin: asyncpg.Connection, dsn: str) -> None:
    """What a trigger leaves in the session of a connection does not outlive the commit."""
    await written(session, Insert(A, text="a"))
    await admin.execute("""
        CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            PERFORM set_config('app.mark', NEW.text, false), pg_advisory_lock(7); RETURN NEW; END $$;
        CREATE TRIGGER mark BEFORE UPDATE ON desk_note FOR EACH ROW EXECUTE FUNCTION mark()""")
    async with Session(desk(*KINDS), dsn=dsn) as other:
        await written(other, Update(A, text="b"))
        async with other.engine.acquire() as connection:
            assert await connection.fetchval("SELECT current_setting('app.mark', true)") == ""
        assert await admin.fetchval("SELECT pg_try_advisory_lock(7)")
