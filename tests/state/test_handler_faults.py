"""Handlers that fail or give what they may not: nothing is left of it, and the error names the handler and its line."""

from __future__ import annotations

import asyncio
from gc import collect
from typing import Any
from uuid import UUID

import pytest

from tests.state.domains import Copied, Copy, Note, RecordingReader, Write, Written, manage, note, notes, stored
from workbench import Delete, Domain, Insert, Rejected, Response, Target, Update
from workbench.domain.mutation import Mutation
from workbench.errors import HandlerFault, Invalid, UnknownName

A, B = Target("notes", "note", "a"), Target("notes", "note", "b")


def failing(place: str) -> Domain:
    """A domain that changes the note "a", makes another one, and then fails at a place."""
    def fail_at(name: str) -> None:
        if name == place:
            raise Rejected(f"failed {name}")

    async def write(command: Any, context: Any) -> Any:
        fail_at("before the event")
        yield Written(text="changed").on(A)
        fail_at("after the event")
        yield context.respond(done=True)
        fail_at("at the very end")
        yield Response()

    async def written(event: Any, context: Any) -> Any:
        yield Update(event.target, text=event.text)
        yield Insert(B)
        fail_at("after a mutation")
        if place == "in a mutation":
            yield Update(A, number=-1)

    async def policy(event: Any, context: Any) -> Any:
        fail_at("before the policy's command")
        yield Copy().on(B)
        fail_at("after the policy's command")

    async def copy(command: Any, context: Any) -> Any:
        fail_at("in the policy's command handler")
        yield Copied()

    async def copied(event: Any, context: Any) -> Any:
        yield Update(B, text="copied")
        fail_at("in the policy's event handler")

    def respond(response: Any, context: Any) -> None:
        fail_at("in the response handler")

    domain = notes(write=write, written=written, copy=copy, copied=copied, policies=[policy])
    domain.response(Response)
    domain.response_handler(Response)(respond)
    return domain


@pytest.mark.parametrize("place", [
    "before the event", "after the event", "at the very end", "after a mutation", "in a mutation",
    "before the policy's command", "after the policy's command", "in the policy's command handler",
    "in the policy's event handler", "in the response handler"])
async def test_a_failure_leaves_nothing(place: str) -> None:
    """Wherever a handler or policy fails, the state, the log, the plan and what could be redone are as before."""
    reader_items = {A: note("a", "stored")}
    manager = manage(failing(place))
    manager.reader.items.update(reader_items)       # type: ignore[attr-defined]  # a MemoryReader
    await_first = manage(failing("nowhere"))
    await_first.reader.items.update(reader_items)   # type: ignore[attr-defined]
    assert len((await await_first.issue(Write())).mutations) == 3       # without a failure all of it goes through
    before = manager.state
    with pytest.raises((Rejected, Invalid), match=r"failed|not negative"):
        await manager.issue(Write())
    assert manager.state is before
    assert manager.state.steps() == []
    assert len(manager.plan()) == 0
    assert [(status, item.text) for status, _, item in manager.items("note")] in ([], [("clean", "stored")])
    assert [item.text for item in await manager.find(Note)] == ["stored"]


async def test_a_failed_command_keeps_what_can_be_redone() -> None:
    """What was undone can still be redone after a command that failed."""
    def write(command: Any, context: Any) -> Any:
        if command.text == "no":
            raise Rejected("no")
        return Written(text=command.text).on(context.target)

    manager = manage(notes(write=write))
    await manager.issue(Write(text="yes"), on="note/a")
    manager.history.undo()
    with pytest.raises(Rejected, match="no"):
        await manager.issue(Write(text="no"), on="note/a")
    manager.history.redo()
    assert [item.text for item in await manager.find(Note)] == ["yes"]


@pytest.mark.parametrize("around", [lambda handler: handler, lambda handler: lambda *given: handler(*given)])
async def test_a_handler_is_closed_when_what_it_yielded_fails(around: Any) -> None:
    """When an event's handler fails, the command handler's own clean-up runs at once, whatever is around it."""
    told = []

    async def write(command: Any, context: Any) -> Any:
        try:
            yield Written()
        finally:
            told.append("closed")

    def written(event: Any, context: Any) -> Any:
        raise Rejected("no")

    with pytest.raises(Rejected, match="no"):
        await manage(notes(write=around(write), written=written)).issue(Write())
    assert told == ["closed"]


@pytest.mark.parametrize("ends", ["yields", "raises"])
async def test_what_a_handler_does_as_it_ends_hides_no_error(ends: str) -> None:
    """A handler that yields or raises in its ``finally`` does not cover what went wrong, nor that it was cancelled."""
    async def write(command: Any, context: Any) -> Any:
        try:
            yield Written(text=command.text)
        finally:
            if ends == "raises":
                raise ValueError("as it ended")
            yield context.respond(done=True)

    async def written(event: Any, context: Any) -> None:
        if event.text == "wait":
            await asyncio.sleep(10)
        raise Rejected("no")

    manager = manage(notes(write=write, written=written))
    with pytest.raises(Rejected, match="no") as caught:
        await manager.issue(Write(text="fail"))
    [note] = caught.value.__notes__
    assert note.startswith("As it ended, the handler raised besides: ")
    issuing = asyncio.ensure_future(manager.issue(Write(text="wait")))
    await asyncio.sleep(0.01)
    issuing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await issuing


@pytest.mark.parametrize("value", [Insert(A), Write(), None, "text", [Written()], {"a": 1}, 5])
async def test_a_command_handler_that_yields_the_wrong_kind(value: Any) -> None:
    """A command handler that yields something else is named, with what it yielded and what it may."""
    async def write_wrong(command: Any, context: Any) -> Any:
        yield value

    with pytest.raises(HandlerFault, match=(
            r"the handler write_wrong of notes yielded .*; it may yield only Events and Responses")) as fault:
        await manage(notes(write=write_wrong)).issue(Write())
    assert fault.value.value is value
    assert "write_wrong" in fault.value.handler
    assert f"({type(value).__name__})" in str(fault.value)


@pytest.mark.parametrize("value", [Written(), Write(), Response(), A, note("a"), Note])
async def test_an_event_handler_that_yields_the_wrong_kind(value: Any) -> None:
    """An event handler that yields something else is named, with what it yielded and what it may."""
    async def written_wrong(event: Any, context: Any) -> Any:
        yield value

    with pytest.raises(HandlerFault, match=(
            r"the handler written_wrong of notes yielded .*; it may yield only Mutations")) as fault:
        await manage(notes(written=written_wrong)).issue(Write(), on="note/a")
    assert fault.value.value is value


@pytest.mark.parametrize("value", [Written(), Insert(A), Response(), A])
async def test_a_policy_that_yields_the_wrong_kind(value: Any) -> None:
    """A policy that yields something else is named, with what it yielded and what it may."""
    async def policy_wrong(event: Any, context: Any) -> Any:
        yield value

    with pytest.raises(HandlerFault, match=r"the handler policy_wrong of notes yielded .*; it may yield only Commands"):
        await manage(notes(policies=[policy_wrong])).issue(Write(), on="note/a")


@pytest.mark.parametrize("mutation", [
    Update(A, number="many"), Update(A, titel="x"), Insert(Note, text="x"), Delete(UUID(int=1)), Insert(B, titel="x"),
    A])
@pytest.mark.parametrize("style", ["async generator", "generator", "function"])
async def test_a_bad_mutation_names_its_line(mutation: Any, style: str) -> None:
    """What an event handler gives and nobody can apply is told with the handler, and the line if it was yielded."""
    async def async_generator(event: Any, context: Any) -> Any:
        yield Insert(A, text="a")
        yield mutation      # the line

    def generator(event: Any, context: Any) -> Any:
        yield Insert(A, text="a")
        yield mutation      # the line

    def function(event: Any, context: Any) -> Any:
        return [Insert(A, text="a"), mutation]

    written = {"async generator": async_generator, "generator": generator, "function": function}[style]
    with pytest.raises((Invalid, HandlerFault)) as caught:
        await manage(notes(written=written)).issue(Write(), on="note/c")
    [told] = caught.value.__notes__
    assert told.startswith(f"This came of what the handler {written.__name__} of notes gave: {__name__}")
    assert style == "function" or told.endswith(f"in {written.__name__}: yield mutation      # the line")


async def test_the_line_of_what_a_policy_issued() -> None:
    """A command that a policy cannot issue names the line of the policy, and that alone."""
    async def policy(event: Any, context: Any) -> Any:
        yield Copy().on(Target("notes", "nothing", "a"))

    with pytest.raises(UnknownName) as caught:
        await manage(notes(policies=[policy])).issue(Write(), on="note/a")
    [told] = caught.value.__notes__
    assert told.endswith('in policy: yield Copy().on(Target("notes", "nothing", "a"))')


async def test_what_has_a_line_of_its_own_gets_no_other() -> None:
    """An error that a handler raised by itself, wherever in a step, says in its traceback where that was."""
    def copy(command: Any, context: Any) -> Any:
        raise Rejected("no")

    async def policy(event: Any, context: Any) -> Any:
        yield Copy()

    with pytest.raises(Rejected) as caught:
        await manage(notes(copy=copy, policies=[policy])).issue(Write(), on="note/a")
    assert not hasattr(caught.value, "__notes__")


async def test_a_missing_await_is_told() -> None:
    """What a coroutine does not have, an item would: the error says that it was not awaited."""
    async def written(event: Any, context: Any) -> Any:
        fetching = context.fetch(event.target)
        try:
            yield Insert(event.target, text=fetching.text)
        finally:
            fetching.close()

    with pytest.raises(AttributeError) as caught:
        await manage(notes(written=written)).issue(Write(), on="note/a")
    assert caught.value.__notes__ == ["fetch(…) is async, and was not awaited; write await before it"]


async def test_a_missing_await_is_told_once() -> None:
    """Python warns of no coroutine that the error tells of already, at whatever line it is collected; of another one
    it does."""
    async def written(event: Any, context: Any) -> Any:
        fetched = context.fetch(event.target)
        context.find(Note)
        yield Insert(event.target, text=fetched.text)

    with (pytest.warns(RuntimeWarning, match=r"coroutine 'Context\.find' was never awaited") as warned,
          pytest.raises(AttributeError, match="'coroutine' object has no attribute 'text'")):
        await manage(notes(written=written)).issue(Write(), on="note/a")
    collect()
    assert len(warned) == 1


async def test_a_record_that_is_taken_apart_is_told_how() -> None:
    """``**event`` is Python's TypeError; beside it stands what would do."""
    def written(event: Any, context: Any) -> Any:
        return Insert(event.target, **event)

    with pytest.raises(TypeError, match="must be a mapping, not Written") as caught:
        await manage(notes(written=written)).issue(Write(), on="note/a")
    assert caught.value.__notes__ == ["to hand on all fields of a record say **values_of(record)"]


async def test_a_missing_await_is_told_of_what_is_yielded() -> None:
    """A coroutine in the place of an item is told to be one, and is not warned of elsewhere."""
    async def written(event: Any, context: Any) -> Any:
        yield Update(context.fetch(event.target), text="x")

    with pytest.raises(Invalid, match=r"fetch\(…\) is async, and was not awaited; write await before it"):
        await manage(notes(written=written)).issue(Write(), on="note/a")
    collect()


async def test_a_field_that_is_none_is_told_with_the_nearest() -> None:
    """A slip in the name of a field of a message or an item says which was meant; what has no value by itself, as the
    target of what is on nothing, is not taken for a field."""
    async def written(event: Any, context: Any) -> Any:
        yield Insert(event.target, text=event.txt)

    with pytest.raises(AttributeError) as caught:
        await manage(notes(written=written)).issue(Write(), on="note/a")
    [note] = caught.value.__notes__
    assert note == 'there is no field "txt"; did you mean "text"? There is: text, target'

    async def slipped(event: Any, context: Any) -> Any:
        yield Delete(event.targt)

    with pytest.raises(AttributeError) as caught:
        await manage(notes(written=slipped)).issue(Write(), on="note/a")
    assert caught.value.__notes__ == ['there is no field "targt"; did you mean "target"? There is: text, target']

    async def write(command: Any, context: Any) -> Any:
        yield Written()

    async def aimless(event: Any, context: Any) -> Any:
        yield Insert(event.target, text="x")

    with pytest.raises(AttributeError, match="is on no item; say") as on_nothing:
        await manage(notes(write=write, written=aimless)).issue(Write())
    assert not any("there is no field" in note for note in getattr(on_nothing.value, "__notes__", ()))


@pytest.mark.parametrize(("handler", "value", "belongs"), [
    ("write", Insert(A), "a mutation is for the handler of an event, which a command's handler yields"),
    ("write", {"a": 1}, r"for the caller it is context.respond\(name=value\)"),
    ("written", Written(), "an event is for the handler of a command"),
    ("written", Write(), "a command is for a policy: what follows from an event")])
async def test_where_it_belongs(handler: str, value: Any, belongs: str) -> None:
    """Something that another kind of handler yields is told with where it belongs."""
    async def wrong(message: Any, context: Any) -> Any:
        yield value

    with pytest.raises(HandlerFault, match=f"it may yield only .*; {belongs}"):
        await manage(notes(**{handler: wrong})).issue(Write(), on="note/a")


async def test_facts_of_any_name() -> None:
    """A refusal keeps facts of any name, that of its first argument included."""
    assert Rejected("no", reason="late").facts == {"reason": "late"}


async def test_a_bare_mutation_deletes_nothing() -> None:
    """A Mutation that is none of the three is a fault of the handler; it is not taken for a Delete."""
    def written_wrong(event: Any, context: Any) -> Any:
        return Mutation(A, text="x")

    manager = manage(notes(written=written_wrong))
    manager.reader.items[A] = note("a")      # type: ignore[attr-defined]
    with pytest.raises(HandlerFault, match=r"written_wrong of notes yielded Mutation"):
        await manager.issue(Write(), on="note/a")


@pytest.mark.parametrize("thing", [Written(), Write, "notes:write", None, Note])
async def test_only_commands_are_issued(thing: Any) -> None:
    """Issuing anything but a Command is refused, and the error says what to give."""
    with pytest.raises(Invalid, match=r"(?s)issue was refused.*(is no command|is the class of a command); give one"):
        await manage(notes()).issue(thing)


async def test_missing_handlers_are_named() -> None:
    """A command or an event without a handler is named when it is met, with what a handler begins with."""
    domain = notes()
    domain.forget(domain.command_handlers["write"].function)
    with pytest.raises(UnknownName, match=(
            r'no handler for the command "write" in notes; define one behind @notes.command_handler\(Write\)$')):
        await manage(domain).issue(Write())
    other = notes()
    del other.event_handlers["written"]
    with pytest.raises(UnknownName, match=(
            r'no handler for the event "written" in notes; define one behind @notes.event_handler\(Written\)\n')):
        await manage(other).issue(Write(), on="note/a")


async def test_a_failed_commands_changes_are_not_written_by_the_next() -> None:
    """What a failed command changed before it failed is in no later state and no plan."""
    async def write(command: Any, context: Any) -> Any:
        yield Written(text=command.text).on(context.target)
        if command.text == "fails":
            raise Rejected("after the change")

    manager = manage(notes(write=write), reader=RecordingReader(stored("notes", "note", note("a"))))
    with pytest.raises(Rejected):
        await manager.issue(Write(text="fails"), on="note/c")
    await manager.issue(Write(text="works"), on="note/d")
    assert [(change.target.identifier, change.new["text"]) for change in manager.plan().changes] == [("d", "works")]
    assert [step.number for step in manager.plan().steps] == [1]
