"""Parts of what is pending: what belongs together, and what becomes of the rest."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from tests.editing import Note, edit
from tests.postgres.rivals import A, B, C, D, conflict, notes, written
from workbench import (
    Delete,
    Insert,
    Invalid,
    Session,
    Target,
    Update,
)
from workbench.errors import NotClosed, NotFound, NothingTo


async def test_a_part(session: Session, admin: asyncpg.Connection) -> None:
    """commit(only=[…]) writes a closed part; the rest is pending, can be undone, and is committed later."""
    await edit(session, Insert(A, text="1"))
    await edit(session, Insert(B, text="2"))
    await edit(session, Update(A, text="3"))
    await edit(session, Insert(C, text="4"))
    done = await session.commit(only=[A])
    assert repr(done) == "committed: 1 added, 0 changed, 0 deleted by 1 statement"
    assert await notes(admin) == {"a": ("3", 0)}
    assert {change.target for change in session.plan().changes} == {B, C}
    session.undo()
    assert {change.target for change in session.plan().changes} == {B}
    session.redo()
    await session.commit(only=["note/c"])
    assert set(await notes(admin)) == {"a", "c"}
    with pytest.raises(NothingTo):
        session.undo(2)
    await edit(session, Update(A, text="5"))
    await session.commit()
    assert await notes(admin) == {"a": ("5", 0), "b": ("2", 0), "c": ("4", 0)}
    assert sorted(step.number for step in session.steps) == [1, 2, 3, 4, 5]


async def test_a_part_that_is_not_closed(session: Session, admin: asyncpg.Connection) -> None:
    """What one step did belongs together, and so does what a step read of another: all that must come along is named,
    to the last link; nothing is written."""
    await edit(session, Insert(A), Insert(B))
    await edit(session, Update(B, text="x"), Insert(C))
    await edit(session, Insert(D), reads=[C])
    with pytest.raises(NotClosed) as caught:
        await session.commit(only=[D])
    assert str(caught.value) == (
        "this part cannot be committed alone: the same steps changed or read more, or earlier ones had read what "
        "they change. Add to only=[…]\n"
        "  desk:note/a\n  desk:note/b\n  desk:note/c")
    assert (caught.value.wanted, caught.value.missing) == ((D,), (A, B, C))
    with pytest.raises(NotClosed, match="desk:note/b"):
        await session.commit(only=[A])
    assert (await notes(admin), len(session.plan())) == ({}, 4)
    await session.commit(only=[A, B, C])
    assert set(await notes(admin)) == {"a", "b", "c"}
    await session.commit(only=[D])


async def test_a_part_of_nothing(session: Session) -> None:
    """A part without any pending step, and a plan with a part, are refused."""
    await edit(session, Insert(A))
    for nothing in ([], [B]):
        with pytest.raises(NothingTo, match=r"no pending step changed the items in only=\[…\]"):
            await session.commit(only=nothing)
    with pytest.raises(Invalid, match="a plan is committed whole"):
        await session.commit(session.plan(), only=[A])
    await session.commit(only=[A])


async def test_the_rest_of_a_part_is_protected(session: Session, rival: Session) -> None:
    """What the rest had read of a part before that was committed is verified when the rest is: no lost protection."""
    await edit(session, Insert(A, text="x"))
    await edit(session, Insert(B, text="by what a says"), reads=[A])
    await session.commit(only=[A])
    await written(rival, Update(A, text="y"))
    assert await conflict(session) == [("a", "read-update")]


async def test_the_rest_of_a_part_when_nothing_moved(session: Session, admin: asyncpg.Connection) -> None:
    """The rest is committed later without a conflict with one's own part, searches included."""
    await edit(session, Insert(A, text="x"))
    assert [note._id for note in await session.find(Note, text="x")] == ["a"]
    await edit(session, Insert(B, text="x"), reads=[A])
    await session.commit(only=[A])
    await session.commit(serializable=True)
    assert set(await notes(admin)) == {"a", "b"}


async def test_a_part_beside_a_conflict(session: Session, rival: Session, admin: asyncpg.Connection) -> None:
    """A part whose items did not move is committed while another one waits to be resolved; a resolution that gave a
    change up stays so."""
    await written(session, Insert(A, text="x"), Insert(B, text="x"))
    await edit(session, Update(A, text="mine"))
    await edit(session, Update(B, text="mine"))
    await written(rival, Update(A, text="theirs"))
    await session.drop(A)
    await session.commit(only=[B])
    assert session.plan().changes == ()
    assert await notes(admin) == {"a": ("theirs", 0), "b": ("mine", 0)}


async def test_a_conflict_of_a_part(session: Session, rival: Session, admin: asyncpg.Connection) -> None:
    """A part that conflicts leaves everything pending, the part too."""
    await written(session, Insert(A, text="x"))
    await edit(session, Update(A, text="mine"))
    await edit(session, Insert(B))
    await written(rival, Update(A, text="theirs"))
    assert await conflict(session, only=[A]) == [("a", "update-update")]
    await session.commit(only=[B])
    await session.resolve(A, "mine")
    await session.commit()
    assert await notes(admin) == {"a": ("mine", 0), "b": ("", 0)}


async def test_a_part_that_lacks_very_many(session: Session) -> None:
    """Of very many that must come along the first ten are named; the error has all of them, to go on with."""
    many = [Target("desk", "note", f"{number:04}") for number in range(3000)]
    await edit(session, Insert(A), *map(Insert, many))
    with pytest.raises(NotClosed) as caught:
        await session.commit(only=[A])
    assert str(caught.value).endswith("note/0009\n  … and 2,990 more; .missing of this error has them all")
    assert caught.value.missing == tuple(many)
    assert len(str(caught.value)) < 1000
    await session.commit(only=[*caught.value.wanted, *caught.value.missing])
    assert not session.plan()


def test_very_many_that_are_not_found() -> None:
    """Of very many items that are not there the first ten are named; the error has all of them."""
    error = NotFound(*range(3000))
    assert str(error).endswith("\n  9\n  … and 2,990 more; .targets of this error has them all")
    assert error.targets == tuple(range(3000))


CHANGES = pytest.mark.parametrize("change", [Update(A, text="x"), Delete(A)], ids=["changed", "deleted"])


@CHANGES
async def test_what_had_read_a_part_before(session: Session, admin: asyncpg.Connection, change: Any) -> None:
    """A step that read an item which a later step changed comes first: somebody who sees the change before it would see
    what no order of the two gives."""
    await written(session, Insert(A, text="a"), Insert(C))
    await edit(session, Insert(B), reads=[A])
    await edit(session, change)
    with pytest.raises(NotClosed, match="earlier ones had read what they change") as caught:
        await session.commit(only=[A])
    assert [target.identifier for target in caught.value.missing] == ["b"]
    assert set(await notes(admin)) == {"a", "c"}
    await session.commit(only=[A, B])
    assert "b" in await notes(admin)


@CHANGES
async def test_what_the_rest_had_read_before(session: Session, admin: asyncpg.Connection, change: Any) -> None:
    """A step that changed nothing and read an item which a later step changed stays behind, and does not conflict with
    that, once it was committed as a part; it does with what somebody else changed since."""
    await written(session, Insert(A, text="a"))
    await edit(session, reads=[A])
    await edit(session, Insert(B))
    await edit(session, change)
    await session.commit(only=[A])
    await session.commit()
    assert "b" in await notes(admin)


async def test_what_somebody_else_changed_since(session: Session, rival: Session) -> None:
    """What the rest had read is compared with what the part left of it: a rival's change of it is found."""
    await written(session, Insert(A, text="a"))
    await edit(session, reads=[A])
    await edit(session, Insert(B))
    await edit(session, Update(A, text="x"))
    await session.commit(only=[A])
    await written(rival, Update(A, text="y"))
    assert await conflict(session) == [("a", "read-update")]
