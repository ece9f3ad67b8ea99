"""Plans: what would be written, what is only verified, what is idle, and why."""

from __future__ import annotations

from typing import Any

import pytest
from rpds import HashTrieMap

from tests.editing import Edit, at, desk
from tests.state.domains import Copied, Copy, Note, RecordingReader, Write, Written, held, manage, note, notes, stored
from workbench import Delete, Insert, Resource, Target, Update, field
from workbench.errors import UnknownName
from workbench.examples.bank import Account, Deposit, OpenAccount, Pay, bank
from workbench.state.planning.plan import entries
from workbench.state.process import SPARED

A, B, C = (Target("notes", "note", key) for key in "abc")


async def test_an_empty_plan() -> None:
    """Without steps there is nothing to do, and it is said so."""
    plan = manage(bank).plan()
    assert (len(plan), plan.changes, plan.idle, plan.reads, plan.steps) == (0, (), (), {}, ())
    assert repr(plan) == "plan: 0 to add, 0 to change, 0 to delete"


async def test_a_plan_counts_and_tells() -> None:
    """A plan has one change an item, in the order in which they were first touched where nothing else orders them."""
    manager = manage(notes(written=lambda event, context: [
        Update(B, text="changed"), Insert(C, text="new"), Delete(A), Update(B, number=3)]),
        reader=RecordingReader(stored("notes", "note", note("a", "gone"), note("b"))))
    await manager.issue(Write(), on=A)
    plan = manager.plan()
    assert plan.counts == {"insert": 1, "update": 1, "delete": 1}
    assert repr(plan) == "\n".join([
        "plan: 1 to add, 1 to change, 1 to delete",
        "  ~ notes:note/b  text: '' -> 'changed', number: 0 -> 3",
        "  + notes:note/c  text='new', number=0",
        "  - notes:note/a  text='gone', number=0"])
    assert [change.columns for change in plan.changes] == [
        ("_updated", "_etag", "text", "number"), ("_id", "_created", "_updated", "_etag", "text", "number"), ()]


MANY = SPARED + 2
INSERTS = [Insert(at(Note, str(number % 7 * 100 + number))) for number in range(MANY)]
AGAIN = [Update(INSERTS[5].on, number=1), Delete(INSERTS[9].on), Insert(INSERTS[9].on)]


@pytest.mark.parametrize("steps", [
    [INSERTS], [INSERTS, AGAIN], [[*INSERTS, *AGAIN]], [INSERTS[:1], INSERTS[1:]], [[Insert(at(Note, "x"))], INSERTS],
    [[*INSERTS, Delete(INSERTS[3].on)], AGAIN]])
async def test_the_order_of_many(steps: list[list[Any]]) -> None:
    """However many mutations a step has, and what came before and after it: the plan is in the order in which what is
    still there was first touched."""
    manager, there = manage(desk(Note)), dict[Target, None]()
    for mutations in steps:
        await manager.issue(Edit(mutations=mutations))
        for mutation in mutations:
            if isinstance(mutation, Delete):
                del there[mutation.on]
            else:
                there.setdefault(mutation.on)
    assert [change.target for change in manager.plan().changes] == list(there)


async def test_a_plan_is_a_value() -> None:
    """A plan stays as it was made, whatever is issued or undone after it."""
    manager = manage(notes())
    await manager.issue(Write(), on=A)
    plan = manager.plan()
    await manager.issue(Write(), on=B)
    manager.history.undo(2)
    assert [change.target for change in plan.changes] == [A]
    assert [step.number for step in plan.steps] == [1]


def reading(*, changes: bool) -> Any:
    """A domain whose Write reads the notes "a" and "b", and changes "b" if it is to."""
    async def write(command: Any, context: Any) -> Any:
        await context.fetch(Note, ["a", "b"])
        await context.find(Note, text="found")
        yield Written().on(B)

    def written(event: Any, context: Any) -> Any:
        return Update(B, text="changed") if changes else None

    return notes(write=write, written=written)


async def test_reads_are_what_was_read_and_not_changed() -> None:
    """A plan names the items that steps read by fetch or find and do not change, with the etags they had."""
    items = stored("notes", "note", note("a", etag="1"), note("b", etag="2"), note("c", "found", etag=None), note("d"))
    for changes, reads in ((True, {A: "1", C: None}), (False, {A: "1", B: "2", C: None})):
        manager = manage(reading(changes=changes), reader=RecordingReader(items))
        step = await manager.issue(Write())
        assert step.reads == {A: "1", B: "2", C: None}
        assert manager.plan().reads == reads
        held(manager).settle(manager.plan())
        assert manager.plan().reads == {}


@pytest.mark.parametrize(("changed", "read", "moved", "reads"), [
    (range(150), range(150), None, []), (range(150), range(149, -1, -1), None, []),
    (range(149), range(150), None, [149]), (range(150), range(149), None, []), (range(150), range(150), 7, [7]),
    (range(150), [*range(149), 150], None, [150])])
async def test_reads_of_many(changed: Any, read: Any, moved: int | None, reads: list[int]) -> None:
    """However many items are read and changed, in whatever order: the plan names those that are not changed, and those
    of which another version is."""
    reader = RecordingReader(stored("desk", "note", *(note(str(number), etag=f"e{number}") for number in range(151))))
    manager = manage(desk(Note), reader=reader)
    await manager.issue(Edit(mutations=[], reads=[at(Note, str(number)) for number in read]))
    if moved is not None:
        reader.items[at(Note, str(moved))] = note(str(moved), "theirs", etag="theirs")
        await manager.find(Note)        # brings the newer version
    await manager.issue(Edit(mutations=[Update(at(Note, str(number)), text="changed") for number in changed]))
    assert manager.plan().reads == {at(Note, str(number)): f"e{number}" for number in reads}


async def test_a_read_of_what_is_pending_is_no_read() -> None:
    """Reading an item that an earlier step made is no read of the database."""
    async def copy(command: Any, context: Any) -> Any:
        await context.fetch(A)

    manager = manage(notes(copy=copy))
    await manager.issue(Write(), on=A)
    step = await manager.issue(Copy())
    assert (step.reads, manager.plan().reads) == ({}, {})


async def test_an_earlier_version_that_was_read_is_verified() -> None:
    """Where a step read an earlier version of an item than the one that is changed, the read is kept in the plan."""
    async def copy(command: Any, context: Any) -> Any:
        await context.fetch(A)
        yield Copied(text="seen").on(B)

    reader = RecordingReader(stored("notes", "note", note("a", etag="1")))
    manager = manage(notes(copy=copy, written=lambda event, context: Update(A, text="changed")), reader=reader)
    await manager.issue(Copy())
    reader.items[A] = note("a", "theirs", etag="2")
    await manager.find(Note)        # brings the newer version
    await manager.issue(Write(), on=A)
    plan = manager.plan()
    assert {change.target: change.etag for change in plan.changes} == {B: None, A: "2"}
    assert plan.reads == {A: "1"}


async def test_why_tells_every_cause() -> None:
    """`why` tells each mutation that led to a change, with its event, policy, command, user, moment and cell."""
    manager = manage(bank)
    ada = await manager.issue(OpenAccount(owner="Ada"), cell=3)
    bob = await manager.issue(OpenAccount(owner="Bob"), cell=3)
    await manager.issue(Deposit(amount=5), on=ada, cell=4)
    manager.user = None
    await manager.issue(Pay(amount=2, to=bob.target.identifier), on=ada)
    plan = manager.plan()
    assert plan.why(bob.target) == "\n".join([
        f"+ {bob.target}  owner='Bob', balance=2",
        f"  step 2: {bob.address} by ada at 2013-01-01 00:00:01 UTC, cell 3",
        "    event AccountOpened owner='Bob'",
        "    insert owner='Bob'",
        f"  step 4: bank:pay/account/{ada.target.identifier} at 2013-01-01 00:00:03 UTC",
        "    policy money_arrives: Deposit",
        "    event Deposited amount=2",
        "    update balance=2"])
    assert plan.saved().why(bob.target).splitlines()[5:7] == [
        "    policy money_arrives: Deposit", "    event Deposited amount='2'"]
    assert plan.why(plan.changes[1]) == plan.why(bob.target) == plan.why(f"account/{bob.target.identifier}")
    assert plan.why(ada.target).count("step ") == 3
    assert plan.why(ada) == plan.why(ada.target)


async def test_why_of_an_item_is_that_of_its_resource() -> None:
    """An item is not taken for one of another resource that has the same identifier."""
    class One(Resource):
        _id = field(str)

    class Other(Resource):
        _id = field(str)

    targets = [at(One, "7"), at(Other, "7")]
    manager = manage(desk(One, Other))
    await manager.issue(Edit(mutations=[Insert(target) for target in targets]))
    assert manager.plan().why(Other(_id="7")).startswith("+ desk:other/7")
    assert manager.plan().why(One(_id="7")).startswith("+ desk:one/7")


async def test_why_there_is_no_change() -> None:
    """`why` tells that an idle item's values are equal, and that an item is not in the plan."""
    manager = manage(notes(written=lambda event, context: [Update(A, text="away"), Update(A, text="")]),
                     reader=RecordingReader(stored("notes", "note", note("a"))))
    await manager.issue(Write(), on=A)
    plan = manager.plan()
    assert plan.why(A) == plan.why(note("a")) == "notes:note/a: nothing to do: the values were equal"
    with pytest.raises(UnknownName, match=r'there is no change of "notes:note/b" in this plan'):
        plan.why(B)


async def test_why_of_a_step_whose_item_is_not_in_the_plan() -> None:
    """Whoever asks `why` of a Step is told of its item, in a saved plan as well, and not all that the step did."""
    manager = manage(notes())
    first = await manager.issue(Write(text="long"), on=A)
    held(manager).settle(manager.plan())
    second = await manager.issue(Write(text="x"), on=B)
    for plan in (manager.plan(), manager.plan().saved()):
        assert plan.why(second) == plan.why(B)
        with pytest.raises(UnknownName) as unknown:
            plan.why(first)
        assert str(unknown.value) == (
            'there is no change of "notes:note/a" in this plan; did you mean "notes:note/b"? There is: notes:note/b')


async def test_an_item_with_a_legacy_row() -> None:
    """A row without stamps can be changed; the change states that it has no etag."""
    row = Account(_id="00000000-0000-0000-0000-0000000000aa", owner="Ada")
    manager = manage(bank, reader=RecordingReader(stored("bank", "account", row)))
    await manager.issue(Deposit(amount=1), on=row.identifier)
    (change,) = manager.plan().changes
    assert (change.kind, change.etag, change.columns) == ("update", None, ("_updated", "_etag", "balance"))


def test_the_form_in_which_a_map_is_pickled() -> None:
    """rpds gives pickle all that a map holds as one list of pairs, the very objects: ``entries`` leans on that, for to
    iterate takes ten times as long; in any other form it would iterate."""
    values = {key: object() for key in (A, B, C)}
    changed: Any = HashTrieMap(values)
    _, (pairs,) = changed.__reduce__()
    assert type(pairs) is list
    for found in (pairs, entries(changed)):
        assert len(found) == 3
        assert all(values[key] is value for key, value in found)
    assert entries(HashTrieMap()) == []


@pytest.mark.parametrize("stamps", [{}, {"_created": None, "_updated": None, "_etag": None}])
async def test_an_item_merely_fetched_is_not_written(stamps: Any) -> None:
    """An item that was fetched, also one whose row has no stamps, is neither written back nor deleted."""
    async def write(command: Any, context: Any) -> Any:
        await context.fetch(A)
        await context.find(Note)
        yield context.respond(seen=True)

    manager = manage(notes(write=write), reader=RecordingReader(stored("notes", "note", note("a").set(**stamps))))
    await manager.fetch(A)
    await manager.issue(Write())
    plan = manager.plan()
    assert (len(plan), plan.idle, len(manager.state.changed)) == (0, (), 0)
    assert [status for status, _, _ in manager.items("note")] == ["clean"]
