"""What a handler sees through its Context: fetch, find, new, respond, who and when."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.editing import Owner, Paper, at, desk
from tests.state.domains import START, Note, RecordingReader, Write, Written, manage, note, notes, stored
from workbench import Delete, Event, Insert, Resource, Target, Update, field, values_of
from workbench.domain.domain import Domain
from workbench.errors import Invalid, NotFound, UnknownName
from workbench.examples.bank import Deposit
from workbench.state.context import Context

A, B, C = (Target("notes", "note", key) for key in "abc")


async def asked(question: Any, *items: Resource, written: Any = None) -> tuple[Any, RecordingReader]:
    """What a command handler gets for a question, after an event was handled; and the Reader that was asked."""
    answers = []

    async def write(command: Any, context: Any) -> Any:
        if written is not None:
            yield Written()
        answers.append(await question(context))

    reader = RecordingReader(stored("notes", "note", *items))
    await manage(notes(write=write, **({} if written is None else {"written": written})), reader=reader).issue(Write())
    return answers[0], reader


@pytest.mark.parametrize("what", [
    (A,), ("note/a",), ("notes:note/a",), (note("a"),), (Note, "a"), (Target("notes", "note", "a"),)])
async def test_one_item_however_it_is_named(what: Any) -> None:
    """A Target, an address, an item, or a resource and an identifier fetch one item."""
    item, reader = await asked(lambda context: context.fetch(*what), note("a", "text"))
    assert (item.identifier, item.text) == ("a", "text")
    assert reader.loads == [(("notes", "note"), ("a",))]


@pytest.mark.parametrize("what", [
    ([A, B, A],), (Note, ["a", "b", "a"]), (Note, [A, note("b"), "a"]), (iter([A, B, A]),),
    (Note, iter(["a", "b", "a"]))])
async def test_many_items_are_one_query(what: Any) -> None:
    """Several items come in the order asked for, one as often as it was asked for, by one query."""
    items, reader = await asked(lambda context: context.fetch(*what), note("a"), note("b"))
    assert [item.identifier for item in items] == ["a", "b", "a"]
    assert reader.loads == [(("notes", "note"), ("a", "b"))]


async def test_what_is_cached_or_pending_is_not_asked_for() -> None:
    """Only items neither cached nor pending are asked of the database; none of them, and nothing is asked."""
    async def question(context: Any) -> Any:
        await context.fetch(A)
        await context.fetch(Note, ["a", "b", "c"])
        await context.fetch(Note, ["a", "b", "c"])
        return await context.fetch([])

    items, reader = await asked(question, note("a"), note("b"), written=lambda event, context: Insert(C))
    assert items == []
    assert [identifiers for _, identifiers in reader.loads] == [("a",), ("b",)]


async def test_all_missing_items_are_named() -> None:
    """Items that are not there are all named at once; those deleted in the session are said to be."""
    with pytest.raises(NotFound, match=r"(?s)2 items were not found: they are neither.*note/b.*note/c") as no:
        await asked(lambda context: context.fetch(Note, ["a", "b", "c"]), note("a"))
    assert (no.value.targets, no.value.deleted) == ((B, C), False)
    with pytest.raises(NotFound, match="notes:note/a was not found: it is deleted in this session") as gone:
        await asked(lambda context: context.fetch(A), note("a"), written=lambda event, context: Delete(A))
    assert gone.value.deleted


@pytest.mark.parametrize("what, words", [
    ((Note,), "give an identifier or a list of them; to search by fields use find"),
    ((Note, 1.5), None), (("nothing/a",), 'there is no resource "nothing"'), (("a",), "'a' names no item"),
    ((UUID(int=1),), 'or "note/<identifier>"; to fetch one by its identifier: fetch\\(Note, …\\)$'),
    ((None,), "names no item"), ((1.5,), "names no item"),
    ((Note, 5), "not text"), ((Note, [None]), "None is not text")])
async def test_fetching_what_cannot_be_said(what: Any, words: str | None) -> None:
    """Fetching by something that names no item is refused."""
    with pytest.raises((Invalid, UnknownName, TypeError), match=words):
        await asked(lambda context: context.fetch(*what), note("a"))


async def test_an_item_of_another_resource_than_was_named() -> None:
    """What is of another resource than the one that is fetched is refused, one or several."""
    manager = manage(desk(Paper, Owner))
    context = Context(manager.unit(manager.state, None, reading=True), "desk", None)
    for named in (at(Paper, "a"), [at(Paper, "a")]):
        with pytest.raises(Invalid, match="fetch of Owner was refused: 1 problem\n  desk:paper/a is no owner"):
            await context.fetch(Owner, named)


async def test_a_handler_may_go_on_without_an_item() -> None:
    """A handler may catch NotFound and do something else."""
    async def write(command: Any, context: Any) -> Any:
        try:
            await context.fetch(context.target)
        except NotFound:
            yield Written().on(context.target)

    manager = manage(notes(write=write))
    assert len((await manager.issue(Write(), on="note/a")).events) == 1
    assert len((await manager.issue(Write(), on="note/a")).events) == 0


async def test_find_overlays_what_is_pending() -> None:
    """A changed item is judged by its current values, a deleted one is out, a new one in."""
    def written(event: Any, context: Any) -> Any:
        return [Update(context.new(Note, "leaves"), text="no"), Update(context.new(Note, "comes"), text="yes"),
                Update(context.new(Note, "stays"), number=5), Delete(context.new(Note, "goes")),
                Insert(context.new(Note, "new"), text="yes"), Insert(context.new(Note, "other"), text="no")]

    items, reader = await asked(
        lambda context: context.find(Note, text="yes"), note("leaves", "yes"), note("comes", "no"),
        note("stays", "yes"), note("goes", "yes"), note("clean", "yes"), written=written)
    assert [(item.identifier, item.number) for item in items] == [("clean", 0), ("comes", 0), ("new", 0), ("stays", 5)]
    assert reader.finds == [(("notes", "note"), {"text": "yes"})]


async def test_find_is_in_a_stable_order() -> None:
    """Items are found by the moment they were made, those without one first, then by identifier."""
    old = datetime(1950, 1, 1, tzinfo=UTC)
    items = [note("b"), note("a"), note("never").set(_created=None), note("first").set(_created=old),
             note("last").set(_created=START + timedelta(microseconds=1))]
    found, _ = await asked(lambda context: context.find(Note), *items)
    assert [item.identifier for item in found] == ["never", "first", "a", "b", "last"]


async def test_find_converts_and_refuses() -> None:
    """What is searched for is typed by the fields; every unknown name and wrong value is refused at once."""
    found, reader = await asked(
        lambda context: context.find(Note, number="3", text="t"), note("a", "t", 3), note("b", "t"))
    assert [item.identifier for item in found] == ["a"]
    assert reader.finds == [(("notes", "note"), {"number": 3, "text": "t"})]
    with pytest.raises(Invalid, match=(
            r'(?s)the search for notes:note was refused: 2 problems.*txt: there is no such field; did you mean "text"\?'
            r".*number: 'many' is not a whole number")):
        await asked(lambda context: context.find(Note, txt="x", number="many"))


class Meter(Resource):
    value = field(float | None)


async def test_find_none_and_nan() -> None:
    """None is found by None and NaN by NaN."""
    domain = Domain("meters")
    domain.resource(Meter)
    items = [Meter(_id=f"00000000-0000-0000-0000-00000000000{place}", value=value)
             for place, value in enumerate([None, float("nan"), 1.5])]
    manager = manage(domain, reader=RecordingReader(stored("meters", "meter", *items)))
    assert [item.identifier.int for item in await manager.find(Meter, value=None)] == [0]
    assert [item.identifier.int for item in await manager.find(Meter, value=float("nan"))] == [1]
    assert len(await manager.find(Meter)) == 3


async def test_a_step_sees_one_version_of_an_item() -> None:
    """An item that a handler read stays as it read it to the end of the step, even when the database moves."""
    reader = RecordingReader(stored("notes", "note", note("a", "before", etag="1")))
    seen = []

    async def write(command: Any, context: Any) -> Any:
        seen.append((await context.fetch(A)).text)
        reader.items[A] = note("a", "after", etag="2")
        seen.append([item.text for item in await context.find(Note)])
        seen.append([item.text for item in await context.find(Note, text="before")])
        seen.append(await context.find(Note, text="after"))
        seen.append((await context.fetch(A)).text)
        yield Written(text="mine").on(A)

    manager = manage(notes(write=write, written=lambda event, context: Update(A, text=event.text)), reader=reader)
    step = await manager.issue(Write())
    assert seen == ["before", ["before"], ["before"], [], "before"]
    assert step.reads == {A: "1"}
    assert [change.etag for change in manager.plan().changes] == ["1"]


async def test_who_and_when() -> None:
    """A context tells the user and one moment that is the same throughout a step, policies included."""
    seen = []

    def write(command: Any, context: Any) -> Any:
        seen.append((context.user, context.now))
        return Written().on(A)

    def written(event: Any, context: Any) -> Any:
        seen.append((context.user, context.now))

    def policy(event: Any, context: Any) -> Any:
        seen.append((context.user, context.now))

    manager = manage(notes(write=write, written=written, policies=[policy]))
    step = await manager.issue(Write())
    assert seen == [("ada", START)] * 3
    assert (step.user, step.at) == ("ada", START)


async def test_new_makes_targets() -> None:
    """`new` gives a Target with a fresh identifier, or with the one given."""
    domain = Domain("meters")
    domain.resource(Meter)

    async def question(context: Any) -> Any:
        return context.new(Note, "x"), context.new(Meter), context.new(Meter)

    answers = []

    async def write(command: Any, context: Any) -> Any:
        answers.append(await question(context))

    await manage(notes(write=write), domain).issue(Write())
    text, one, two = answers[0]
    assert text == Target("notes", "note", "x")
    assert (one.identifier.int, two.identifier.int) == (1, 2)


async def test_what_is_responded_has_a_name() -> None:
    """A value, a dict and an item that are responded by their place are refused, each with how to say it."""
    for given, words in (
            (10, "10 has no name; say what it is called: context.respond(balance=10)"),
            ({"a": 1}, "{'a': 1} has no name; of a dict say context.respond(**values)"),
            (note("a"), "to hand on all fields of a record say context.respond(**values_of(record))")):
        with pytest.raises(Invalid, match=re.escape(words)) as caught:
            await asked(lambda context, given=given: context.respond(given, self=1))
        assert str(caught.value).startswith("context.respond was refused: 1 problem\n  ")


async def test_a_context_is_a_slotted_value_of_one_handler() -> None:
    """Each handler of a step has a context of its own; nothing can be left on it for another."""
    async def write(command: Any, context: Any) -> Any:
        context.notes = 1
        yield Written()

    with pytest.raises(AttributeError, match="notes"):
        await manage(notes(write=write)).issue(Write())


async def test_unknown_keys_are_not_dropped() -> None:
    """A name that is no field is refused, in a command, a mutation and a search alike."""
    with pytest.raises(Invalid, match=r'amout: there is no such field; did you mean "amount"\?'):
        Deposit(amout=1)        # type: ignore[call-arg]
    manager = manage(notes(written=lambda event, context: Insert(A, txt="x")))
    with pytest.raises(Invalid, match=r'txt: there is no such field; did you mean "text"\?'):
        await manager.issue(Write(), on=A)
    with pytest.raises(Invalid, match=r'txt: there is no such field; did you mean "text"\?'):
        await manager.find(Note, txt="x")


async def test_values_of_an_event_that_its_resource_lacks() -> None:
    """All fields that an event hands on must be the resource's: one that is not is refused by its name."""
    class Noted(Event):
        text = field(str, initial="x")
        numbr = field(int, initial=1)

    domain = notes(write=lambda command, context: Noted().on(context.target))
    domain.event(Noted)

    @domain.event_handler(Noted)
    def noted(event: Any, context: Any) -> Any:
        return Insert(event.target, **values_of(event))

    with pytest.raises(Invalid, match=r'numbr: there is no such field; did you mean "number"\?'):
        await manage(domain).issue(Write(), on=A)
