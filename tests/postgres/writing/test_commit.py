"""Commit: what a plan leaves in real tables, and which conflicts stop it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.editing import Account, Note, Owner, Paper, at, desk, edit
from tests.postgres.rivals import notes
from tests.strategies import items, resource_classes, values
from workbench import Conflict, Delete, Insert, Session, Target, Update
from workbench.domain.datadef import values_of
from workbench.postgres.writing.commit import Commit

STAMPS = ("_created", "_updated", "_etag", "_deleted")


# ------------------------------------------------------------------------------------------------ as one by one

@st.composite
def histories(draw: st.DrawFn) -> Any:
    """A Resource class, items of it to insert, then for some of them the fields to set, or None to delete."""
    cls = draw(resource_classes())
    made = draw(st.lists(items(cls), min_size=1, max_size=6, unique_by=lambda item: item._id))
    public = {name: declared for name, declared in cls._fields.items() if not name.startswith("_")}
    chosen = draw(st.lists(st.sampled_from(sorted(public)), min_size=1, max_size=2, unique=True))
    change = st.none() | st.fixed_dictionaries(
        {}, optional={name: values(public[name].kind.annotation) for name in chosen})
    return cls, made, draw(st.lists(change, min_size=len(made), max_size=len(made)))


def alike(one: Any, other: Any) -> bool:
    """Equality in which a number in JSON may come back as another type, for jsonb knows only numeric."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and isinstance(other, int):
        return one == float(other)
    return bool(one == other)


async def test_a_plan_does_what_one_statement_per_mutation_does(dsn: str, admin: asyncpg.Connection) -> None:
    """For any resource, what many mutations leave in a table in one commit is what they leave one by one, and it is
    read back equal."""
    numbers = count()

    async def run(cls: Any, made: list[Any], changes: list[Any]) -> None:
        whole, single = (f"t{next(numbers)}" for _ in range(2))
        model: dict[Any, dict[str, Any]] = {}
        rounds: list[list[Any]] = [[], []]
        for item, change in zip(made, changes, strict=True):
            target = Target("desk", "generated", item._id)
            rounds[0].append(Insert(target, **values_of(item)))
            rounds[1].append(Delete(target) if change is None else Update(target, **change))
            model[item._id] = values_of(item) | (change or {})
            if change is None:
                del model[item._id]
        async with Session(desk(cls, tables={cls: whole}), dsn=dsn) as session:
            for mutations in rounds:
                await edit(session, *mutations)
                await session.commit()
        async with Session(desk(cls, tables={cls: single}), dsn=dsn) as session:
            for mutation in (mutation for mutations in rounds for mutation in mutations):
                await edit(session, mutation)
                await session.commit()
        names = ", ".join(f'"{name}"' for name in cls._fields if name not in STAMPS)
        gone = ', "_deleted" IS NULL' if "_deleted" in cls._fields else ""
        first, second = [await admin.fetch(f'SELECT {names}{gone} FROM {table} ORDER BY "_id"')
                         for table in (whole, single)]
        assert first == second
        async with Session(desk(cls, tables={cls: whole}), dsn=dsn) as session:
            stored = {item._id: values_of(item) for item in await session.find(cls)}
        assert stored.keys() == model.keys()
        for identifier, expected in model.items():
            assert all(alike(expected[name], stored[identifier][name]) for name in expected), (expected, stored)

    # Hypothesis knows no loops; each example is a task of this one.
    loop = asyncio.get_running_loop()

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(histories())
    def examples(history: Any) -> None:
        asyncio.run_coroutine_threadsafe(run(*history), loop).result()

    await asyncio.to_thread(examples)


async def test_a_large_mixed_commit(session: Session, admin: asyncpg.Connection) -> None:
    """Five thousand items made, changed in various columns and deleted in one commit are as a dict would have them."""
    keys = [f"{number:04}" for number in range(5000)]
    await edit(session, *(Insert(at(Note, key), text=key, number=0) for key in keys[:4000]))
    assert repr(await session.commit()) == "committed: 4000 added, 0 changed, 0 deleted by 1 statement"
    model = {key: (key, 0) for key in keys[:4000]}
    mutations: list[Any] = []
    for place, key in enumerate(keys):
        if place >= 4000:
            mutations.append(Insert(at(Note, key), text="new", number=place))
            model[key] = ("new", place)
        elif place % 4 == 0:
            mutations.append(Delete(at(Note, key)))
            del model[key]
        elif place % 4 == 1:
            mutations.append(Update(at(Note, key), number=place))
            model[key] = (key, place)
        elif place % 4 == 2:
            mutations.append(Update(at(Note, key), text="ü" * (place % 7), number=-place))
            model[key] = ("ü" * (place % 7), -place)
    await edit(session, *mutations[::-1])
    done = await session.commit()
    assert (done.plan.counts, done.statements) == ({"insert": 1000, "update": 2000, "delete": 1000}, 4)
    assert await notes(admin) == model


async def test_self_reference_and_parents(dsn: str, admin: asyncpg.Connection) -> None:
    """Children made before their parents are committed in the order that real foreign keys ask for, and go again."""
    async with Session(desk(Owner, Account), dsn=dsn) as session:
        owner = UUID(int=1)
        chain = [UUID(int=number) for number in range(2, 12)]
        await edit(session, *(
            Insert(at(Account, one), owner=owner, parent=None if place == 0 else chain[place - 1])
            for place, one in reversed(list(enumerate(chain)))), Insert(at(Owner, owner), email="ada@x"))
        await session.commit()
        assert await admin.fetchval("SELECT count(*) FROM desk_account") == 10
        other = UUID(int=99)
        await edit(session, Update(at(Account, chain[9]), owner=other, parent=None),
                   Insert(at(Owner, other), email="b@x"), Delete(at(Owner, owner)),
                   *(Delete(at(Account, one)) for one in chain[:9]))
        await session.commit()
        assert await admin.fetch("SELECT _id, owner FROM desk_account") == [(chain[9], other)]
        assert await admin.fetch("SELECT email FROM desk_owner") == [("b@x",)]


# ------------------------------------------------------------------------------------------------ conflicts

CONFLICTS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "update-update": (lambda on: Update(on, text="mine"), lambda on: Update(on, text="theirs", number=9)),
    "update-delete": (lambda on: Update(on, text="mine"), Delete),
    "delete-update": (Delete, lambda on: Update(on, text="theirs", number=9)),
    "delete-delete": (Delete, Delete),
}
TOLD = {
    "update-update": "here a step changed it, meanwhile another changed it\n"
                     "    number: base 0, mine 0, theirs 9\n    text: base 'x', mine 'mine', theirs 'theirs'",
    "update-delete": "here a step changed it, meanwhile another deleted it\n"
                     "    number: base 0, mine 0, theirs none\n    text: base 'x', mine 'mine', theirs none",
    "delete-update": "here a step deleted it, meanwhile another changed it\n"
                     "    number: base 0, mine none, theirs 9\n    text: base 'x', mine none, theirs 'theirs'",
    "delete-delete": "here a step deleted it, meanwhile another deleted it",
}


def told(values: Any) -> Any:
    """The public values of one side of a clash."""
    return values and {name: value for name, value in values.items() if not name.startswith("_")}


@pytest.mark.parametrize("kind", CONFLICTS)
async def test_conflict(session: Session, rival: Session, admin: asyncpg.Connection, kind: str) -> None:
    """Whoever was faster is not overwritten: the conflict says base, mine and theirs, everything pending is kept, and
    after undo and refresh the command can be issued again."""
    mine, theirs = CONFLICTS[kind]
    on = at(Note, "a")
    await edit(session, Insert(on, text="x"), Insert(at(Note, "b")))
    await session.commit()
    await edit(rival, theirs(on))
    await edit(session, mine(on), Update(at(Note, "b"), text="changed too"), Insert(at(Note, "c")))
    await rival.commit()
    stored, before = await notes(admin), repr(session.plan())
    for _ in range(2):
        with pytest.raises(Conflict) as caught:
            await session.commit()
        (clash,) = caught.value.items
        assert str(caught.value) == ("conflict on 1 item: nothing was written, everything pending is kept\n"
                                     f"  desk:note/a: {TOLD[kind]}\n  {caught.value.ways}")
        assert caught.value.ways.splitlines()[:2] == [
            "ways out:", "    rebase() issues all pending commands again;"]
        assert (clash.target, clash.kind) == (on, kind)
        assert told(clash.base) == {"text": "x", "number": 0}
        assert told(clash.mine) == (None if kind.startswith("delete") else {"text": "mine", "number": 0})
        assert told(clash.theirs) == (None if kind.endswith("delete") else {"text": "theirs", "number": 9})
        assert (await notes(admin), repr(session.plan()), len(session.steps)) == (stored, before, 2)
    session.undo()
    assert await session.refresh(Note) == 1
    if kind.endswith("update"):
        await edit(session, mine(on))
        await session.commit()
        assert (await notes(admin)).get("a") == (None if kind == "delete-update" else ("mine", 9))
    else:
        await edit(session, Insert(on, text="again"))
        await session.commit()
        assert (await notes(admin))["a"] == ("again", 0)


async def test_two_inserts_of_one_item(session: Session, rival: Session, admin: asyncpg.Connection) -> None:
    """An item that another session made meanwhile is a conflict of two inserts, alone or among many."""
    await edit(rival, Insert(at(Note, "a"), text="theirs"))
    await rival.commit()
    for others in ((), (Insert(at(Note, "b")), Insert(at(Note, "c")))):
        await edit(session, Insert(at(Note, "a"), text="mine"), *others)
        with pytest.raises(Conflict) as caught:
            await session.commit()
        (clash,) = caught.value.items
        assert (clash.kind, clash.base, told(clash.mine), told(clash.theirs)) == (
            "insert-insert", None, {"text": "mine", "number": 0}, {"text": "theirs", "number": 0})
        assert str(clash) == ("desk:note/a: here a step added it, meanwhile another added it\n"
                              "    number: base none, mine 0, theirs 0\n"
                              "    text: base none, mine 'mine', theirs 'theirs'")
        assert await notes(admin) == {"a": ("theirs", 0)}
        session.undo()
    assert (await session.fetch("note/a")).text == "theirs"


async def test_what_is_deleted_already(session: Session, admin: asyncpg.Connection) -> None:
    """An item that was deleted softly, and is added and deleted again, is nothing to write: its row stays as it is."""
    for mutation in Insert(at(Paper, "a"), text="x"), Delete(at(Paper, "a")):
        await edit(session, mutation)
        await session.commit()
    row = await admin.fetchrow("SELECT * FROM desk_paper")
    await edit(session, Insert(at(Paper, "a"), text="y"))
    assert [state for state, _, _ in session.manager.items(Paper)] == ["changed"]
    await edit(session, Delete(at(Paper, "a")))
    plan = session.plan()
    assert (len(plan), plan.idle, session.manager.items(Paper)) == (0, (at(Paper, "a"),), [])
    assert plan.why("paper/a") == "desk:paper/a: nothing to do: it was added and deleted again"
    await session.commit()
    assert await admin.fetchrow("SELECT * FROM desk_paper") == row
    await edit(session, Insert(at(Paper, "a"), text="z"))
    await session.commit()
    assert await admin.fetchval("SELECT text FROM desk_paper WHERE _deleted IS NULL") == "z"


async def test_soft_deletes_clash_too(session: Session, rival: Session) -> None:
    """A row that another session deleted softly counts as deleted."""
    await edit(session, Insert(at(Paper, "a"), text="x"))
    await session.commit()
    await edit(rival, Delete(at(Paper, "a")))
    await edit(session, Update(at(Paper, "a"), text="mine"))
    await rival.commit()
    with pytest.raises(Conflict, match="here a step changed it, meanwhile another deleted it") as caught:
        await session.commit()
    assert (caught.value.items[0].kind, caught.value.items[0].theirs) == ("update-delete", None)


@pytest.mark.parametrize("change", [None, "theirs"])
async def test_what_was_only_read_is_verified(
    session: Session, rival: Session, admin: asyncpg.Connection, change: str | None,
) -> None:
    """An item that a step read must still be as it was read, unless verify_reads=False."""
    on = at(Note, "a")
    await edit(session, Insert(on), Insert(at(Note, "b")))
    await session.commit()
    await edit(session, Update(at(Note, "b"), text="by what a says"), reads=[on])
    await edit(rival, Delete(on) if change is None else Update(on, text=change))
    await rival.commit()
    with pytest.raises(Conflict) as caught:
        await session.commit()
    (clash,) = caught.value.items
    did = "deleted" if change is None else "changed"
    assert (clash.target, clash.kind) == (on, "read-delete" if change is None else "read-update")
    assert told(clash.theirs) == (change and {"text": change, "number": 0})
    assert str(clash) == f"desk:note/a: here a step read it, meanwhile another {did} it"
    assert (await notes(admin))["b"] == ("", 0)
    await session.commit(verify_reads=False)
    assert (await notes(admin))["b"] == ("by what a says", 0)


async def test_write_skew(session: Session, rival: Session, admin: asyncpg.Connection) -> None:
    """Of two sessions that each change what the other read, committing at the same moment, one is a conflict."""
    await edit(session, Insert(at(Note, "a"), number=1), Insert(at(Note, "b"), number=1))
    await session.commit()
    await edit(session, Update(at(Note, "a"), number=0), reads=[at(Note, "b")])
    await edit(rival, Update(at(Note, "b"), number=0), reads=[at(Note, "a")])
    outcomes = await asyncio.gather(session.commit(), rival.commit(), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Commit", "Conflict"]
    assert sorted(number for _, number in (await notes(admin)).values()) == [0, 1]


async def test_opposite_orders_do_not_fail(session: Session, rival: Session) -> None:
    """Two sessions that change the same two tables' rows in opposite orders: one commits, the other is a conflict."""
    await edit(session, Insert(at(Note, "a")), Insert(at(Paper, "a")))
    await session.commit()
    await edit(session, Update(at(Note, "a"), text="1"), Update(at(Paper, "a"), text="1"))
    await edit(rival, Update(at(Paper, "a"), text="2"), Update(at(Note, "a"), text="2"))
    outcomes = await asyncio.gather(session.commit(), rival.commit(), return_exceptions=True)
    (conflict,) = [outcome for outcome in outcomes if not isinstance(outcome, Commit)]
    assert isinstance(conflict, Conflict)
    assert {clash.kind for clash in conflict.items} == {"update-update"}
