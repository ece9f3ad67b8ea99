"""Triggers and the like, by which a database does otherwise than it is told: nothing is lost or believed silently."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from tests.editing import Note, edit
from tests.postgres.rivals import A, B, C, notes, written
from workbench import Delete, Insert, Session, Update
from workbench.errors import DatabaseError

LEAVES_OUT = """
CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF coalesce(NEW.number, OLD.number) < 0 THEN RETURN NULL; END IF; RETURN coalesce(NEW, OLD); END $$;
CREATE TRIGGER leave_out BEFORE INSERT OR UPDATE OR DELETE ON desk_note FOR EACH ROW EXECUTE FUNCTION leave_out()"""


@pytest.mark.parametrize("others", [[], [Insert(B, number=2), Insert(C, number=3)]], ids=["one", "many"])
async def test_new_rows_that_are_left_out(session: Session, admin: asyncpg.Connection, others: list[Any]) -> None:
    """A new row that the database does not take, without an error, fails the commit, and the check names it."""
    await admin.execute(LEAVES_OUT)
    await edit(session, Insert(A, number=-1), *others)
    found = await session.check()
    assert [(violation.target, violation.detail) for violation in found.violations] == [
        (A, "it was not written, and no error said why: by a trigger's or a rule's doing")]
    with pytest.raises(DatabaseError, match=f"desk_note took {len(others)} of {len(others) + 1} new rows"):
        await session.commit()
    assert (await notes(admin), len(session.plan())) == ({}, len(others) + 1)


@pytest.mark.parametrize("mutation", [Update(A, number=-2), Delete(B)], ids=["update", "delete"])
async def test_rows_that_are_not_written(session: Session, admin: asyncpg.Connection, mutation: Any) -> None:
    """A change that the database leaves out is no conflict, of which there would be no way out: it is told as it is."""
    await written(session, Insert(A, number=1), Insert(B, number=-1))
    await admin.execute(LEAVES_OUT)
    await edit(session, mutation)
    with pytest.raises(DatabaseError, match=f"{mutation.on} is stored as it was fetched, and still was not written"):
        await session.commit()
    assert len(session.plan()) == 1
    session.undo()
    await written(session, Update(A, number=5))
    assert await notes(admin) == {"a": ("", 5), "b": ("", -1)}
    assert [item.number for item in await session.find(Note)] == [5, -1]
