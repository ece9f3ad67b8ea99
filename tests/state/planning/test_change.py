"""What becomes of mutations: stamps, changes, and the cases in which nothing is left to write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.editing import Edit, desk
from tests.state.domains import START, RecordingReader, Write, held, manage, notes, stored
from workbench import Delete, Domain, Insert, Resource, Target, Update, field, invariant
from workbench.domain.sameness import same
from workbench.errors import AlreadyExists, Invalid, NotFound
from workbench.state.manager import StateManager
from workbench.state.planning.change import Change
from workbench.state.reader import MemoryReader


class Plain(Resource):
    """Only the stamps that every resource has."""

    _id = field(str)
    amount = field(Decimal | None)
    share = field(float | None)
    tags = field(list[str], initial=[])

    @invariant
    def some_of_it(self) -> bool:
        """the amount is not 13"""
        return self.amount != 13


class Stamped(Resource):
    """All stamps there are."""

    _id = field(str)
    _creator = field(str | None)
    _updater = field(str | None)
    _deleted = field(datetime | None)
    text = field(str, initial="")


P, S = Target("things", "plain", "p"), Target("things", "stamped", "s")
STORED = {"_created": START - timedelta(days=1), "_updated": START - timedelta(days=1), "_etag": "stored"}


class Bench:
    """A session on which mutations are tried, one or several to a step."""

    def __init__(self, *items: Resource) -> None:
        self.script: tuple[Any, ...] = ()
        things = Domain("things")
        things.resource(Plain)
        things.resource(Stamped)
        domain = notes(written=lambda event, context: self.script)
        domain.uses = (Plain, Stamped)
        self.reader = RecordingReader({
            Target("things", type(item).__name__.lower(), item.identifier): item for item in items})
        self.manager: StateManager = manage(domain, things, reader=self.reader)

    async def do(self, *mutations: Any) -> None:
        """One step of these mutations."""
        self.script = mutations
        await self.manager.issue(Write(), on="note/x")

    async def see(self, target: Target) -> Any:
        return (await self.manager.fetch(target))[0]

    @property
    def changes(self) -> tuple[Change, ...]:
        return self.manager.plan().changes


def plain(**values: Any) -> Plain:
    return Plain(_id="p", **STORED, **values)


def stamped(**values: Any) -> Stamped:
    return Stamped(_id="s", **STORED, **values)


# ------------------------------------------------------------------------------------------------ stamps


async def test_stamps_of_a_new_item() -> None:
    """A new item is stamped with the step's moment and a fresh etag; with the user only on request."""
    bench = Bench()
    await bench.do(Insert(P), Insert(S))
    p, s = await bench.see(P), await bench.see(S)
    assert (p._created, p._updated, p._etag) == (START, START, UUID(int=1).hex)
    assert (s._creator, s._updater, s._deleted, s._etag) == ("ada", "ada", None, UUID(int=2).hex)
    assert not hasattr(p, "_creator")


async def test_stamps_of_a_changed_item() -> None:
    """A change stamps the moment, the user and a fresh etag; who made it and when stay."""
    bench = Bench(stamped(_creator="eve", _updater="eve"))
    bench.manager.user = "bob"
    await bench.do(Update(S, text="new"))
    s = await bench.see(S)
    assert (s._created, s._creator, s._updated, s._updater) == (STORED["_created"], "eve", START, "bob")
    assert s._etag == UUID(int=1).hex
    (change,) = bench.changes
    assert change.columns == ("_updated", "_etag", "_updater", "text")
    assert (change.old, change.new, change.etag) == ({"text": ""}, {"text": "new"}, "stored")
    assert repr(change) == "~ things:stamped/s  text: '' -> 'new'"


async def test_a_soft_delete() -> None:
    """A resource with `_deleted` is marked with the moment; its row stays, but it is not found any more."""
    bench = Bench(stamped(text="t"))
    await bench.do(Delete(S))
    with pytest.raises(NotFound, match="it is deleted in this session"):
        await bench.see(S)
    (change,) = bench.changes
    assert (change.kind, change.sign, change.columns) == ("delete", "-", ("_updated", "_etag", "_updater", "_deleted"))
    assert change.after is not None
    assert change.after._deleted == START       # type: ignore[attr-defined]
    assert (change.old, change.new) == ({"text": "t"}, {})
    held(bench.manager).settle(bench.manager.plan())
    assert bench.manager.items("stamped") == []


async def test_a_hard_delete() -> None:
    """A resource without `_deleted` loses its row; the change tells what was there."""
    bench = Bench(plain(amount=5))
    await bench.do(Delete(P))
    (change,) = bench.changes
    assert (change.kind, change.after, change.columns, change.etag) == ("delete", None, (), "stored")
    assert change.old == {"amount": Decimal(5), "share": None, "tags": []}


async def test_a_soft_delete_whose_resource_was_defined_anew() -> None:
    """An item that was to be deleted softly is to be deleted altogether, where its resource does not know that now."""
    class Soft(Resource):
        _id = field(str)
        _deleted = field(datetime | None)

    class Hard(Resource):
        _id = field(str)

    domain = desk()
    domain.resource(key="thing")(Soft)
    target = Target("desk", "thing", "a")
    manager = manage(domain, reader=MemoryReader({target: Soft(_id="a", _etag="first")}))
    await manager.issue(Edit(mutations=[Delete(target)]))
    domain.forget(Soft)
    domain.resource(key="thing")(Hard)
    manager.registry.refresh()
    [change] = manager.plan().changes
    assert (change.kind, change.before, change.after) == ("delete", Hard(_id="a", _etag="first"), None)


@pytest.mark.parametrize("stamp", ["_id", "_created", "_updated", "_etag", "_creator", "_updater", "_deleted"])
@pytest.mark.parametrize("kind", [Insert, Update])
async def test_stamps_cannot_be_given(stamp: str, kind: Any) -> None:
    """A mutation that sets a stamp is refused; the State alone sets them."""
    with pytest.raises(Invalid, match=rf"{kind.__name__} of things:stamped/s.*(?s:.)*{stamp}: is a stamp, set by the"):
        await Bench(stamped()).do(kind(S, **{stamp: None}))


# ------------------------------------------------------------------------------------------------ no change


@pytest.mark.parametrize("field_name, before, after", [
    ("amount", Decimal("1.0"), Decimal("1.00")), ("amount", Decimal("1.0"), "1"), ("amount", None, None),
    ("amount", Decimal("NaN"), Decimal("NaN")), ("share", float("nan"), float("nan")), ("share", 1.5, "1.5"),
    ("tags", ["a"], ["a"])])
async def test_equal_values_are_no_change(field_name: str, before: Any, after: Any) -> None:
    """An Update to equal values changes nothing, not even the etag; NaN equals NaN and 1.0 equals 1.00."""
    bench = Bench(plain(**{field_name: before}))
    await bench.do(Update(P, **{field_name: after}))
    assert (await bench.see(P))._etag == "stored"
    assert bench.changes == ()
    assert not bench.manager.state.changed


@pytest.mark.parametrize("field_name, before, after", [
    ("amount", Decimal("1.0"), Decimal("1.01")), ("amount", Decimal(0), None), ("share", float("nan"), 0.0),
    ("share", None, float("nan")), ("tags", ["a", "b"], ["b", "a"])])
async def test_different_values_are_a_change(field_name: str, before: Any, after: Any) -> None:
    """An Update to another value gives a new etag and sets that column alone beside the stamps."""
    bench = Bench(plain(**{field_name: before}))
    await bench.do(Update(P, **{field_name: after}))
    (change,) = bench.changes
    assert change.columns == ("_updated", "_etag", field_name)
    assert (await bench.see(P))._etag != "stored"


async def test_an_update_of_nothing() -> None:
    """An Update that sets no field is no change."""
    bench = Bench(plain())
    await bench.do(Update(P))
    assert bench.changes == ()


async def test_there_and_back_again() -> None:
    """An item that is changed and changed back is idle: no change, though it was touched."""
    bench = Bench(plain(amount=1))
    await bench.do(Update(P, amount=2))
    await bench.do(Update(P, amount=1))
    plan = bench.manager.plan()
    assert (len(plan), plan.idle) == (0, (P,))
    assert plan.reads == {P: "stored"}


async def test_many_updates_are_one_change() -> None:
    """However many mutations lead to it, an item has one change, from what was fetched to what is now."""
    bench = Bench(plain(amount=1))
    for amount in (2, 3, 4):
        await bench.do(Update(P, amount=amount), Update(P, share=amount))
    (change,) = bench.changes
    assert (change.old, change.new) == ({"amount": 1, "share": None}, {"amount": 4, "share": 4.0})
    assert change.steps == [1, 2, 3]
    assert len(change.entry.causes()) == 6


VALUES = {"amount": [None, Decimal(1), Decimal("1.0"), Decimal(2)], "share": [None, 1.0, float("nan")],
          "tags": [[], ["a"], ["a", "b"]]}
SETTINGS = st.dictionaries(st.sampled_from(sorted(VALUES)), st.integers(0, 3), min_size=1)


@settings(max_examples=150, deadline=None)
@given(st.lists(SETTINGS, min_size=1, max_size=4))
async def test_the_columns_of_a_change(series: list[dict[str, int]]) -> None:
    """Whatever was set, and set back, on the way: a change is of those fields whose values differ in the end, and there
    is none where only stamps do."""
    bench = Bench(plain(amount=1, share=1.0, tags=["a"]))
    for setting in series:
        await bench.do(Update(P, **{name: VALUES[name][place % len(VALUES[name])] for name, place in setting.items()}))
    was, now = plain(amount=1, share=1.0, tags=["a"]), await bench.see(P)
    differ = [name for name in VALUES if not same(getattr(was, name), getattr(now, name))]
    assert [(change.kind, change.columns) for change in bench.changes] == (
        [("update", ("_updated", "_etag", *differ))] if differ else [])
    assert [sorted(change.new) for change in bench.changes] == ([sorted(differ)] if differ else [])


# ------------------------------------------------------------------------------------------------ coming and going


@pytest.mark.parametrize("target", [P, S])
async def test_new_then_deleted_leaves_nothing(target: Target) -> None:
    """An item that is made and deleted again leaves nothing, in one step or in two."""
    one, two = Bench(), Bench()
    await one.do(Insert(target), Delete(target))
    await two.do(Insert(target))
    await two.do(Delete(target))
    for bench in (one, two):
        assert not bench.manager.state.changed
        assert (len(bench.manager.plan()), bench.manager.plan().idle) == (0, ())
        with pytest.raises(NotFound, match="neither pending here nor in the database"):
            await bench.see(target)
    two.manager.history.undo()
    assert await two.see(target)


@pytest.mark.parametrize("target, item", [(P, plain(amount=1)), (S, stamped(text="old", _creator="eve"))])
async def test_deleted_then_inserted_is_an_update(target: Target, item: Resource) -> None:
    """An item that is deleted and inserted again is the same row: an update that states the row's etag."""
    bench = Bench(item)
    await bench.do(Delete(target))
    await bench.do(Insert(target, **({"share": 2.5} if target is P else {"text": "new"})))
    (change,) = bench.changes
    assert (change.kind, change.etag) == ("update", "stored")
    assert change.new == ({"amount": None, "share": 2.5} if target is P else {"text": "new"})
    now = await bench.see(target)
    assert now._created == STORED["_created"]
    assert getattr(now, "_creator", "eve") == "eve"
    assert getattr(now, "_deleted", None) is None
    await bench.do(Delete(target))
    assert [change.kind for change in bench.changes] == ["delete"]


async def test_deleted_then_inserted_as_it_was() -> None:
    """An item that is deleted and inserted with equal values is idle."""
    bench = Bench(plain(amount=1))
    await bench.do(Delete(P), Insert(P, amount="1.00"))
    assert (bench.changes, bench.manager.plan().idle) == ((), (P,))


async def test_an_item_that_is_there() -> None:
    """Inserting an item that is pending or cached is refused and says what would do."""
    bench = Bench(plain())
    words = "things:plain/p exists already; Update it, or Insert under another identifier"
    await bench.see(P)
    with pytest.raises(AlreadyExists, match=words):
        await bench.do(Insert(P))
    with pytest.raises(AlreadyExists, match="things:stamped/s exists already"):
        await bench.do(Insert(S), Insert(S))


@pytest.mark.parametrize("mutation", [Update(P, amount=1), Delete(P), Update(P)])
async def test_an_item_that_is_not_there(mutation: Any) -> None:
    """Changing or deleting an item that is not there is refused; one deleted before is said to be deleted."""
    with pytest.raises(NotFound, match="neither pending here nor in the database"):
        await Bench().do(mutation)
    with pytest.raises(NotFound, match="deleted in this session"):
        await Bench(plain()).do(Delete(P), mutation)


@pytest.mark.parametrize("mutation", [Insert(P, amount="ten", shar=1), Update(P, amount="ten", shar=1)])
async def test_every_problem_of_a_mutation(mutation: Any) -> None:
    """What a mutation sets is checked as a whole, every problem at once, under the item's name."""
    bench = Bench() if isinstance(mutation, Insert) else Bench(plain())
    with pytest.raises(Invalid, match=(
            rf"(?s){type(mutation).__name__} of things:plain/p was refused: 2 problems.*amount: 'ten' is not a Decimal"
            r'.*shar: there is no such field; did you mean "share"\?')):
        await bench.do(mutation)


async def test_invariants_are_checked_on_every_change() -> None:
    """An Update that breaks an invariant of the whole item is refused."""
    with pytest.raises(Invalid, match="it must hold that the amount is not 13"):
        await Bench(plain()).do(Update(P, amount=13))


async def test_the_moment_is_the_clocks() -> None:
    """Stamps are aware and in UTC, by the session's clock."""
    bench = Bench()
    bench.manager._clock = lambda: datetime(2020, 5, 17, 12, tzinfo=UTC)
    await bench.do(Insert(P))
    assert (await bench.see(P))._created == datetime(2020, 5, 17, 12, tzinfo=UTC)


class Document(Resource):
    _id = field(str)
    body = field(dict, initial={})


async def test_true_and_one_are_different_json() -> None:
    """In a JSON field a change from 1 to true is a change."""
    domain = notes(written=lambda event, context: Update(Target("papers", "document", "d"), body={"a": True}))
    papers = Domain("papers")
    papers.resource(Document)
    domain.uses = (papers,)
    manager = manage(domain, papers, reader=RecordingReader(
        stored("papers", "document", Document(_id="d", body={"a": 1}, _etag="1"))))
    await manager.issue(Write(), on="note/x")
    assert len(manager.plan()) == 1
