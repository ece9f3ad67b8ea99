"""Two sessions on the same rows: what was read at think time, drift, refresh, and every way out of a conflict."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from tests.editing import Note, at, edit
from tests.postgres.rivals import A, B, C, D, Sheet, Span, conflict, notes, written
from workbench import (
    Conflict,
    Delete,
    Insert,
    Invalid,
    NotFound,
    Session,
    Update,
)
from workbench.errors import NothingTo

# ------------------------------------------------------------------------------------------------ think time

async def test_an_etag_that_the_caller_saw(session: Session, rival: Session) -> None:
    """issue(if_match=etag) is a conflict when the item has another version by now, though it was fetched meanwhile."""
    await written(session, Insert(A, text="x"))
    seen = (await rival.fetch(A)).etag
    await written(session, Update(A, text="y"))
    domain_edit = {"mutations": [Update(A, number=1)], "reads": ()}
    assert (await rival.issue("desk:edit/note/a", if_match=seen, data=domain_edit)).number == 1     # not known here yet
    assert await conflict(rival) == [("a", "update-update")]
    rival.undo()
    await rival.refresh(Note)
    with pytest.raises(Conflict, match="desk:note/a: here a step read it, meanwhile another changed it"):
        await rival.issue("desk:edit/note/a", if_match=seen, data=domain_edit)
    assert len(rival.plan()) == 0
    fresh = (await rival.fetch(A)).etag
    await rival.issue("desk:edit/note/a", if_match=fresh, data=domain_edit)
    pending = (await rival.fetch(A)).etag
    with pytest.raises(Conflict):       # what is pending here is another version, too
        await rival.issue("desk:edit/note/a", if_match=fresh, data=domain_edit)
    await rival.issue("desk:edit/note/a", if_match=pending, data={**domain_edit, "mutations": [Update(A, number=2)]})
    await rival.commit()


async def test_an_etag_newer_than_the_cache(session: Session, rival: Session) -> None:
    """A caller who saw a later version than is cached is right: the item is fetched anew, and the command sees it."""
    await written(session, Insert(A, text="x"))
    await rival.fetch(A)
    await written(session, Update(A, text="y"))
    step = await rival.issue("desk:edit/note/a", if_match=(await session.fetch(A)).etag,
                             data={"mutations": [Update(A, number=1)], "reads": ()})
    assert step.number == 1
    await rival.commit()
    assert (await rival.fetch(A)).text == "y"


async def test_an_etag_of_what_is_gone_or_of_nothing(session: Session, rival: Session) -> None:
    """An item that was deleted meanwhile is not found; a command on no item has no version that could match."""
    await written(session, Insert(A))
    seen = (await rival.fetch(A)).etag
    await written(session, Delete(A))
    await rival.refresh(Note)
    with pytest.raises(NotFound):
        await rival.issue("desk:edit/note/a", if_match=seen, data={"mutations": [], "reads": ()})
    with pytest.raises(Invalid, match="the command is on no item whose version could match"):
        await rival.issue("desk:edit", if_match=seen, data={"mutations": [], "reads": ()})
    await edit(session, Insert(B))
    mine = (await session.fetch(B)).etag
    await edit(session, Delete(B))
    with pytest.raises((Conflict, NotFound)):
        await session.issue("desk:edit/note/b", if_match=mine, data={"mutations": [], "reads": ()})


# ------------------------------------------------------------------------------------------------ drift, refresh

async def test_drift(session: Session, rival: Session) -> None:
    """drift() tells what changed in the database since it was cached, and takes nothing over."""
    await written(session, *(Insert(on, text="x") for on in (A, B, C)), Insert(at(Sheet, "s")))
    assert await session.drift() == []
    await edit(session, Update(B, text="mine"), Insert(D, text="mine"))
    await written(rival, Update(A, text="y", number=2), Update(B, number=3), Delete(C), Insert(D, text="theirs"),
                  Delete(at(Sheet, "s")))
    before = repr(session.plan())
    for _ in range(2):
        found = {str(drift.target): drift for drift in await session.drift()}
        assert [str(found[target]) for target in sorted(found)] == [
            "desk:note/a was changed: text: 'x' -> 'y', number: 0 -> 2",
            "desk:note/b was changed: number: 0 -> 3",
            "desk:note/c was deleted",
            "desk:note/d was added",
            "desk:sheet/s was deleted"]
        assert found["desk:note/a"].columns == ("text", "number")
    assert repr(session.plan()) == before
    assert (await session.fetch(A)).text == "x"
    assert await session.refresh(Note) == 2         # a and c; b and d are changed here
    assert {str(drift.target) for drift in await session.drift()} == {"desk:note/b", "desk:note/d", "desk:sheet/s"}


async def test_a_read_that_was_refreshed(session: Session, rival: Session, admin: asyncpg.Connection) -> None:
    """A refresh does not make good what a step decided by an older version; a merge, which looks again, does."""
    await written(session, Insert(A), Insert(B))
    await edit(session, Update(B, text="by what a says"), reads=[A])
    await written(rival, Update(A, text="y"))
    assert await session.refresh(Note) == 1
    assert await conflict(session) == [("a", "read-update")]
    assert [str(change.target) for change in (await session.merge()).changes] == ["desk:note/b"]
    await session.commit()
    assert await notes(admin) == {"a": ("y", 0), "b": ("by what a says", 0)}


@pytest.mark.parametrize("cls", [Note, Sheet])
async def test_a_read_of_what_is_gone(session: Session, rival: Session, cls: Any) -> None:
    """An item that was only read, and is deleted by a rival, is a conflict until it is looked at again."""
    gone = at(cls, "a")
    await written(session, Insert(gone), Insert(B))
    await edit(session, Update(B, text="by what a says"), reads=[gone])
    await written(rival, Delete(gone))
    assert await conflict(session) == [("a", "read-delete")]
    with pytest.raises(Invalid, match="it was only read here"):
        await session.resolve(gone, {"text": "z"})
    await session.resolve(gone, "theirs")
    await session.commit()
    assert (await rival.fetch(Note, "b")).text == "by what a says"


# ------------------------------------------------------------------------------------------------ resolving

MINE: dict[str, Any] = {"insert": lambda on: Insert(on, text="mine", number=1),
                        "update": lambda on: Update(on, text="mine"), "delete": Delete, "read": None}
THEIRS: dict[str, Any] = {"insert": lambda on: Insert(on, text="theirs", number=2),
                          "update": lambda on: Update(on, text="theirs", number=2), "delete": Delete}
# What is stored after the way was taken and committed; None: no row; an error: refused.
OUTCOMES: dict[tuple[str, str], Any] = {
    ("insert-insert", "mine"): ("mine", 1), ("insert-insert", "theirs"): ("theirs", 2),
    ("insert-insert", "merge"): Conflict, ("insert-insert", "values"): ("both", 7),
    ("update-update", "mine"): ("mine", 0), ("update-update", "theirs"): ("theirs", 2),
    ("update-update", "merge"): Conflict, ("update-update", "values"): ("both", 7),
    ("update-delete", "mine"): ("mine", 0), ("update-delete", "theirs"): None,
    ("update-delete", "merge"): Invalid, ("update-delete", "values"): Invalid,
    ("delete-update", "mine"): None, ("delete-update", "theirs"): ("theirs", 2),
    ("delete-update", "merge"): Invalid, ("delete-update", "values"): Invalid,
    ("delete-delete", "mine"): None, ("delete-delete", "theirs"): None,
    ("delete-delete", "merge"): None, ("delete-delete", "values"): None,
    ("read-update", "mine"): ("theirs", 2), ("read-update", "theirs"): ("theirs", 2),
    ("read-update", "merge"): ("theirs", 2), ("read-update", "values"): Invalid,
    ("read-delete", "mine"): None, ("read-delete", "theirs"): None, ("read-delete", "merge"): None,
    ("read-delete", "values"): Invalid,
}


@pytest.mark.parametrize("cls", [Note, Sheet])
@pytest.mark.parametrize("kind, way", OUTCOMES)
async def test_every_way_out(
    session: Session, rival: Session, admin: asyncpg.Connection, kind: str, way: str, cls: Any,
) -> None:
    """For each kind of clash, on hard and soft deletes: each way leads to a plan that commits and leaves what it says,
    or is refused with all as before; a resolution can be undone, and the conflict is back."""
    expected, on, other = OUTCOMES[kind, way], at(cls, "a"), B
    did, done = kind.split("-")
    if did != "insert":
        await written(session, Insert(on, text="x"))
    if MINE[did] is None:
        await edit(session, Insert(other, text="beside"), reads=[on])
    else:
        await edit(session, MINE[did](on), Insert(other, text="beside"))
    await written(rival, THEIRS[done](on))
    assert await conflict(session) == [("a", kind)]
    before = repr(session.plan())
    chosen: Any = {"text": "both", "number": 7} if way == "values" else way
    if expected in (Conflict, Invalid):
        with pytest.raises(expected):
            await session.resolve(on, chosen)
        assert repr(session.plan()) == before
        assert await conflict(session) == [("a", kind)]
        return
    for _ in range(2):
        plan = await session.resolve(on, chosen)
        assert repr(plan) == repr(session.plan())
        session.undo()
        assert repr(session.plan()) == before
        assert await conflict(session) == [("a", kind)]
    await session.resolve(on, chosen)
    plan = session.plan()
    assert all(str(change.target) in plan.why(change) for change in plan.changes)
    await session.commit()
    alive = " WHERE _deleted IS NULL" if cls is Sheet else ""
    rows = {row[0]: (row[1], row[2]) for row in await admin.fetch(
        f"SELECT _id, text, number FROM desk_{cls.__name__.lower()}{alive}")}
    assert rows.get("a") == expected
    assert (await notes(admin))["b"] == ("beside", 0)
    assert await session.drift() == []
    assert session.plan().changes == ()
    if expected is not None:
        assert (await session.fetch(on)).number == expected[1]
    else:
        with pytest.raises(NotFound):
            await session.fetch(on)


async def test_an_insert_where_a_deleted_row_lies(session: Session, rival: Session, admin: asyncpg.Connection) -> None:
    """A new item under the identifier of a softly deleted one is a conflict; "mine" brings the row back."""
    on = at(Sheet, "a")
    await written(session, Insert(on, text="old", number=5))
    await written(session, Delete(on))
    await edit(rival, Insert(on, text="new"))
    assert await conflict(rival) == [("a", "insert-delete")]
    await rival.resolve(on, "mine")
    await rival.commit()
    assert await admin.fetch("SELECT text, number, _deleted FROM desk_sheet") == [("new", 0, None)]


async def test_an_item_that_is_made_again(session: Session, rival: Session, admin: asyncpg.Connection) -> None:
    """An item that this session has deleted softly is made again on its row, as often as one likes; one that somebody
    else has deleted, after the conflict and a rebase."""
    on = at(Sheet, "a")
    await written(session, Insert(on, text="first", number=5))
    made = (await session.fetch(on))._created
    for text in ("second", "third"):
        await written(session, Delete(on))
        await edit(session, Insert(on, text=text))
        assert (await session.check()).ok
        await session.commit()
        assert await admin.fetch("SELECT text, number, _deleted FROM desk_sheet") == [(text, 0, None)]
        assert (await session.fetch(on))._created == made
    await written(session, Delete(on))
    await edit(rival, Insert(on, text="fourth"))
    assert await conflict(rival) == [("a", "insert-delete")]
    await rival.rebase()
    await rival.commit()
    assert await admin.fetch("SELECT text, number, _deleted FROM desk_sheet") == [("fourth", 0, None)]
    await edit(session, Insert(on, text="late"))
    assert await conflict(session) == [("a", "update-update")]


@pytest.mark.parametrize(
    "done", ["DELETE FROM desk_sheet", "UPDATE desk_sheet SET _deleted = NULL, _etag = 'x'", "SELECT"])
async def test_a_refresh_sees_what_became_of_rows_deleted_softly(
    session: Session, admin: asyncpg.Connection, done: str,
) -> None:
    """A row that was deleted softly here and has gone altogether since, as along with another, is seen to be gone by a
    refresh, and its item can be made again; one that is there again is in the cache."""
    on = at(Sheet, "a")
    await written(session, Insert(on, text="first"))
    await written(session, Delete(on))
    await admin.execute(done)
    assert await session.refresh("sheet") == (0 if done == "SELECT" else 1)
    if "UPDATE" in done:
        assert [item.text for _, _, item in session.manager.items("sheet")] == ["first"]
    else:
        await written(session, Insert(on, text="again"))
        assert await admin.fetch("SELECT text, _deleted FROM desk_sheet") == [("again", None)]


async def test_ways_that_are_none(session: Session, rival: Session) -> None:
    """A way that is none, and names that are no fields, are refused in words; nothing changes."""
    await written(session, Insert(A, text="x"))
    await edit(session, Update(A, text="mine"))
    await written(rival, Update(A, text="theirs"))
    for way, words in (("ours", "'ours' is no way out; say"), ({"txt": "z"}, 'did you mean "text"'),
                       ({"text": 5}, "text"), ({"_etag": "z"}, "_etag")):
        with pytest.raises(Invalid, match=words):
            await session.resolve(A, way)
        assert await conflict(session) == [("a", "update-update")]


async def test_merge_of_disjoint_columns(session: Session, rival: Session, admin: asyncpg.Connection) -> None:
    """What only one side changed stays, whichever side it was, for all items at once."""
    await written(session, *(Insert(on, text="x") for on in (A, B)))
    await edit(session, Update(A, text="mine"), Update(B, number=1))
    await written(rival, Update(A, number=2), Update(B, text="theirs"))
    assert len(await conflict(session)) == 2
    plan = await session.merge()
    assert {str(change.target.identifier): change.new for change in plan.changes} == {
        "a": {"text": "mine"}, "b": {"number": 1}}
    assert "resolve conflict: merge" in plan.why(plan.changes[0])
    await session.commit()
    assert await notes(admin) == {"a": ("mine", 2), "b": ("theirs", 1)}


async def test_no_conflict_on_a_new_item(session: Session) -> None:
    """An item that was never stored is told to be new; a way that is none is told before anything else."""
    await edit(session, Insert(A, text="mine"))
    with pytest.raises(Invalid, match="'yours' is no way out; say \"mine\", \"theirs\", \"merge\", or values"):
        await session.resolve(A, "yours")
    with pytest.raises(NothingTo, match="there is no conflict on .*/a: it is new here, and not stored; to give up what "
                                        "is pending of it say drop"):
        await session.resolve(A, "mine")
    assert (await session.drop(A)).changes == ()


async def test_no_conflict_to_resolve(session: Session) -> None:
    """Where nothing moved there is nothing to resolve, and no step says that something was; to drop needs something
    pending."""
    await written(session, Insert(A, text="x"))
    await edit(session, Update(A, text="mine"))
    before = len(session.steps)
    for way in ("mine", "theirs", "merge", {"text": "y"}):
        with pytest.raises(NothingTo, match="there is no conflict on .*/a: it is stored as it was when it was read"):
            await session.resolve(A, way)
    assert len(session.steps) == before
    assert len(await session.drop(A)) == 0
    with pytest.raises(NothingTo, match="nothing is pending of .*/a"):
        await session.drop(A)


async def test_two_who_did_the_same(session: Session, rival: Session, admin: asyncpg.Connection) -> None:
    """A column that both set to the same value is no merge: one deed must not pass for two. "theirs" says that it is
    one."""
    await written(session, Insert(A, text="x", number=3))
    await edit(session, Update(A, number=2, text="taken"))
    await written(rival, Update(A, number=2))
    assert len(await conflict(session)) == 1
    for merging in (session.merge, lambda: session.resolve(A, "merge")):
        with pytest.raises(Conflict, match="number: base 3, mine 2, theirs 2: one deed, or two alike?"):
            await merging()
    await session.resolve(A, {"number": 1})
    await session.commit()
    assert await notes(admin) == {"a": ("taken", 1)}


async def test_a_merge_that_breaks_a_rule(session: Session, rival: Session, admin: asyncpg.Connection) -> None:
    """Checks and invariants are run again on what a merge makes; when they say no all is as before."""
    on = at(Span, "a")
    await written(session, Insert(on, low=1, high=9))
    await edit(session, Update(on, low=8))
    await written(rival, Update(on, high=5))
    assert await conflict(session) == [("a", "update-update")]
    before = repr(session.plan())
    for merging in (session.merge, lambda: session.resolve(on, "merge")):
        with pytest.raises(Invalid, match="low must not be above high"):
            await merging()
        assert (repr(session.plan()), len(session.steps)) == (before, 2)
        assert await conflict(session) == [("a", "update-update")]
    with pytest.raises(Invalid):
        await session.resolve(on, {"low": -1})
    await session.resolve(on, {"low": 4})
    await session.commit()
    assert await admin.fetch("SELECT low, high FROM desk_span") == [(4, 5)]


async def test_a_merge_lists_what_is_open(session: Session, rival: Session, admin: asyncpg.Connection) -> None:
    """A merge names the items that it cannot decide, merges none then, and goes through when these are resolved."""
    await written(session, *(Insert(on, text="x") for on in (A, B, C)))
    await edit(session, Update(A, text="mine"), Update(B, text="mine"), Update(C, number=1))
    await written(rival, Update(A, number=2), Update(B, text="theirs"), Delete(C))
    with pytest.raises(Conflict) as caught:
        await session.merge()
    assert {(clash.target, clash.kind) for clash in caught.value.items} == {(B, "update-update"), (C, "update-delete")}
    assert len(await conflict(session)) == 3
    await session.resolve(B, "mine")
    await session.drop(C)
    plan = await session.merge()
    assert {change.target for change in plan.changes} == {A, B}
    await session.commit()
    assert await notes(admin) == {"a": ("mine", 2), "b": ("mine", 0)}


async def test_drop(session: Session, rival: Session, admin: asyncpg.Connection) -> None:
    """drop() gives up what is pending of one item, new, changed or deleted, moved or not; undo brings it back."""
    await written(session, *(Insert(on, text="x") for on in (A, B, C)))
    await edit(session, Update(A, text="mine"), Delete(B), Insert(D, text="new"), Update(C, text="mine"))
    await written(rival, Update(A, text="theirs"))
    for on, left in ((A, {"b", "c", "d"}), (B, {"c", "d"}), (D, {"c"})):
        plan = await session.drop(on)
        assert {change.target.identifier for change in plan.changes} == left
    assert (await session.fetch(A)).text == "theirs"
    session.undo()
    assert {change.target.identifier for change in session.plan().changes} == {"c", "d"}
    session.redo()
    await session.commit()
    assert await notes(admin) == {"a": ("theirs", 0), "b": ("x", 0), "c": ("mine", 0)}


async def test_a_rival_is_faster_again(session: Session, rival: Session, admin: asyncpg.Connection) -> None:
    """A resolution is no free pass: when the item moves once more, the commit conflicts once more."""
    await written(session, Insert(A, text="x"))
    await edit(session, Update(A, text="mine"))
    await written(rival, Update(A, text="theirs"))
    await session.resolve(A, "mine")
    await written(rival, Update(A, text="theirs again"))
    assert await conflict(session) == [("a", "update-update")]
    await session.resolve(A, "mine")
    await session.commit()
    assert await notes(admin) == {"a": ("mine", 0)}
