"""What tests of two sessions on the same rows share: the resources, and a few deeds in one line."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import asyncpg
import pytest

from tests.editing import Note, Owner, Paper, at, edit
from workbench import (
    Conflict,
    Resource,
    Session,
    field,
)


class Span(Resource):
    """Two numbers in order: a rule over two fields, each of which may be changed alone."""

    _id = field(str)
    low = field(int, initial=0, check=lambda n: n >= 0)
    high = field(int, initial=10)

    def __invariant__(self) -> tuple[bool, str]:
        return self.low <= self.high, "low must not be above high"


class Sheet(Resource):
    """A Paper with a number: deleted softly."""

    _id = field(str)
    text = field(str, initial="")
    number = field(int, initial=0)
    _deleted = field(datetime | None)


KINDS = (Note, Paper, Owner, Span, Sheet)


A, B, C, D = (at(Note, key) for key in "abcd")


async def written(session: Session, *mutations: Any) -> None:
    """Mutations of one step, committed."""
    await edit(session, *mutations)
    await session.commit()


async def notes(admin: asyncpg.Connection) -> dict[str, tuple[str, int]]:
    """The stored Notes: text and number by identifier."""
    return {row[0]: (row[1], row[2]) for row in await admin.fetch("SELECT _id, text, number FROM desk_note")}


async def conflict(session: Session, **how: Any) -> list[tuple[str, str]]:
    """Commits, which must conflict; the items and kinds of it. Nothing pending is lost."""
    before = repr(session.plan()), session.steps
    with pytest.raises(Conflict) as caught:
        await session.commit(**how)
    assert (repr(session.plan()), session.steps) == before
    return [(str(clash.target.identifier), clash.kind) for clash in caught.value.items]
