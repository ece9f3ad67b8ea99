"""A unit at work: handler styles, the order of what happens, policies, and failures that leave nothing."""

from __future__ import annotations

import asyncio
from gc import collect
from typing import Any
from uuid import UUID

import pytest

from tests.state.domains import Copied, Copy, Note, Write, Written, manage, note, notes
from workbench import Command, Delete, Domain, Event, Insert, Rejected, Resource, Response, Target, Update, field
from workbench.domain.mutation import Mutation, Shared
from workbench.errors import HandlerFault, Invalid, NotFound, NotGranted, PolicyLoop, UnknownName
from workbench.state.process import FEW, POLICY_DEPTH

# ------------------------------------------------------------------------------------------------ styles


def styles(*results: Any) -> list[Any]:
    """One handler in every style, each giving the same results."""
    async def async_generator(message: Any, context: Any) -> Any:
        for result in results:
            yield result

    def generator(message: Any, context: Any) -> Any:
        yield from results

    async def coroutine(message: Any, context: Any) -> Any:
        return list(results)

    def function(message: Any, context: Any) -> Any:
        return results

    def around(message: Any, context: Any) -> Any:
        return async_generator(message, context)

    return [async_generator, generator, coroutine, function, around]


A, B = Target("notes", "note", "a"), Target("notes", "note", "b")
NAMES = ["async generator", "generator", "coroutine", "function", "function around an async generator"]


@pytest.mark.parametrize("handler", styles(
    Written(text="1").on(A), Response(), Written(text="2").on(B), Response()), ids=NAMES)
async def test_command_handler_styles(handler: Any) -> None:
    """A command handler of any style gives several events and responses, in its order."""
    domain = notes(write=handler)
    domain.response(Response)
    manager = manage(domain)
    step = await manager.issue(Write())
    assert [event.text for event in step.events] == ["1", "2"]
    assert len(step.responses) == 2
    assert [item.text for item in await manager.find(Note)] == ["1", "2"]


@pytest.mark.parametrize("handler", styles(Insert(A, text="1"), Insert(B, text="2"), Update(A, number=3)), ids=NAMES)
async def test_event_handler_styles(handler: Any) -> None:
    """All the mutations of an event handler of any style apply, in its order."""
    manager = manage(notes(written=handler))
    step = await manager.issue(Write(), on="note/x")
    assert [mutation.verb for mutation in step.mutations] == ["insert", "insert", "update"]
    assert [(item.text, item.number) for item in await manager.fetch(A, B)] == [("1", 3), ("2", 0)]


@pytest.mark.parametrize("policy", styles(Copy(text="1").on(A), Copy(text="2").on(B)), ids=NAMES)
async def test_policy_styles(policy: Any) -> None:
    """A policy of any style gives several commands, in its order."""
    manager = manage(notes(policies=[policy]))
    step = await manager.issue(Write(), on="note/x")
    assert [type(event) for event in step.events] == [Written, Copied, Copied]
    assert [item.text for item in await manager.fetch(A, B)] == ["1", "2"]


async def test_one_result_or_none() -> None:
    """What is returned may be one result by itself, or nothing at all."""
    def nothing(message: Any, context: Any) -> None:
        return None

    async def answer(command: Any, context: Any) -> Any:
        return context.respond(one=1)

    manager = manage(notes(write=answer, copy=nothing))
    assert (await manager.issue(Write())).output == {"one": 1}
    silent = await manager.issue(Copy())
    assert (silent.response, silent.output, silent.events, silent.mutations) == (None, None, (), ())


# ------------------------------------------------------------------------------------------------ reading one's writes


async def test_a_handler_reads_its_own_writes() -> None:
    """After an event is yielded the command handler sees what its mutations made, by fetch and by find."""
    seen = []

    async def write(command: Any, context: Any) -> Any:
        yield Written(text="first").on(A)
        seen.append((await context.fetch(A)).text)
        seen.append([item.text for item in await context.find(Note, text="first")])
        yield Copied(text="second").on(B)
        seen.append([item.text for item in await context.fetch(Note, ["a", "b"])])

    await manage(notes(write=write)).issue(Write())
    assert seen == ["first", ["first"], ["first", "second"]]


async def test_an_event_handler_reads_its_own_writes() -> None:
    """Between two mutations an event handler sees the first one."""
    async def written(event: Any, context: Any) -> Any:
        yield Insert(event.target, number=1)
        now = await context.fetch(event.target)
        yield Update(now, number=now.number + 1)
        now = await context.fetch(event.target)
        yield Update(now, number=now.number * 10)

    manager = manage(notes(written=written))
    await manager.issue(Write(), on="note/a")
    (item,) = await manager.fetch(A)
    assert item.number == 20


# ------------------------------------------------------------------------------------------------ policies


async def test_policies_follow_the_mutations_of_their_event() -> None:
    """Several policies react to one event in the order of registration, after its mutations, depth first."""
    told = []

    async def first(event: Any, context: Any) -> Any:
        told.append(("first", (await context.fetch(event.target)).text))
        yield Copy(text="by first").on(B)

    async def second(event: Any, context: Any) -> Any:
        told.append(("second", (await context.fetch(B)).text))

    manager = manage(notes(policies=[first, second]))
    step = await manager.issue(Write(text="mine"), on="note/a")
    assert told == [("first", "mine"), ("second", "by first")]
    assert [(handling.policy, handling.command.text) for handling in step.handling.walk()] == [
        (None, "mine"), ("first", "by first")]
    assert repr(step) == "\n".join([
        "step 1: notes:write/note/a",
        "  event Written(text='mine').on(notes:note/a)",
        "    Insert(notes:note/a, text='mine')",
        "    policy first: Copy(text='by first').on(notes:note/b)",
        "      event Copied(text='by first').on(notes:note/b)",
        "        Insert(notes:note/b, text='by first')"])


async def test_a_step_of_which_nothing_came_says_so() -> None:
    """A command, or one that a policy issued, whose handler yields nothing leaves no step that looks like any other."""
    def issue_again(event: Any, context: Any) -> Any:
        return Copy()

    manager = manage(notes(copy=lambda command, context: None, policies=[issue_again]))
    step = await manager.issue(Copy(), on="note/a")
    assert repr(step) == "step 1: notes:copy/note/a\n  nothing came of it"
    assert repr(await manager.issue(Write(), on="note/a")).endswith(
        "    policy issue_again: Copy(text='x')\n      nothing came of it")


async def test_an_event_of_which_nothing_came_says_so() -> None:
    """An event whose handler made a mutation and forgot to yield it is told as one of which nothing came."""
    async def written(event: Any, context: Any) -> None:
        Insert(event.target, text=event.text)

    step = await manage(notes(written=written)).issue(Write(text="x"), on="note/a")
    assert "event Written(text='x').on(notes:note/a)\n    nothing came of it" in repr(step)


class Copies(Resource):
    """How often each note was written, in a domain beside."""

    _id = field(str)
    count = field(int, initial=0)


class Count(Command):
    pass


class Counted(Event):
    pass


def counting(*, uses: Any = (), peek: bool = False) -> Domain:
    """A domain that counts what another one writes; ``peek`` reads the note itself."""
    domain = Domain("counting", uses=uses)
    domain.resource(Copies)
    domain.command(Count)
    domain.event(Counted)

    @domain.policy(Written)
    async def count(event: Any, context: Any) -> Any:
        return Count().on(Target("counting", "copies", event.target.identifier))

    @domain.command_handler(Count)
    async def counted_now(command: Any, context: Any) -> Any:
        if peek:
            await context.fetch(Note, context.target.identifier)
        yield Counted().on(context.target)

    @domain.event_handler(Counted)
    async def add(event: Any, context: Any) -> Any:
        found = await context.find(Copies, _id=event.target.identifier)
        yield Update(found[0], count=found[0].count + 1) if found else Insert(event.target, count=1)

    return domain


async def test_a_policy_reacts_across_domains() -> None:
    """A policy of one domain reacts to an event of another, in the same step; each domain changes only its own."""
    manager = manage(notes(), counting())
    step = await manager.issue(Write(), on="note/a")
    assert [str(mutation.on) for mutation in step.mutations] == ["notes:note/a", "counting:copies/a"]
    manager.history.undo()
    assert await manager.find(Copies) == []


@pytest.mark.parametrize("uses", ["resource", "domain"])
async def test_a_granted_resource_may_be_read(uses: str) -> None:
    """A domain that `uses` a resource, or its whole domain, reads it, what is pending in the same step too."""
    writing = notes()
    manager = manage(writing, counting(uses=[Note if uses == "resource" else writing], peek=True))
    assert len((await manager.issue(Write(), on="note/a")).mutations) == 2


async def test_a_resource_of_another_domain_must_be_granted() -> None:
    """Without a grant a domain that reaches across is refused, the error says how to grant, and nothing is left."""
    manager = manage(notes(), counting(peek=True))
    with pytest.raises(NotGranted, match=(
            r'the domain "counting" may not touch notes:note: it is not its own. '
            r'To grant it: Domain\("counting", uses=\[Note\]\)')):
        await manager.issue(Write(), on="note/a")
    assert not manager.state.changed


@pytest.mark.parametrize("deed", [
    lambda context: context.find(Copies), lambda context: context.fetch(Copies, "a"),
    lambda context: context.fetch("counting:copies/a")])
async def test_all_ways_of_reading_ask_for_the_grant(deed: Any) -> None:
    """Finding and fetching a resource that was not granted are refused alike."""
    async def write(command: Any, context: Any) -> Any:
        await deed(context)

    with pytest.raises(NotGranted, match=r"uses=\[Copies\]"):
        await manage(notes(write=write), counting()).issue(Write(), on="note/a")


async def test_mutations_and_targets_ask_for_the_grant() -> None:
    """Changing a resource that was not granted, or being issued on one, is refused too."""
    def reach(event: Any, context: Any) -> Any:
        return Insert(Target("counting", "copies", "a"))

    with pytest.raises(NotGranted, match=r"uses=\[Copies\]"):
        await manage(notes(written=reach), counting()).issue(Write(), on="note/a")
    with pytest.raises(NotGranted, match=r'"notes" may not touch counting:copies'):
        await manage(notes(), counting()).issue(Write(), on="counting:copies/a")


async def test_a_loop_of_policies_is_cut() -> None:
    """Policies that go round are cut at the stated depth; the error shows the way, and nothing is left."""
    def copy(event: Any, context: Any) -> Any:
        return Copy()

    def write_again(event: Any, context: Any) -> Any:
        return Write()

    domain = notes(write=lambda command, context: Written(), copy=lambda command, context: Copied(),
                   written=lambda event, context: None, copied=lambda event, context: None, policies=[copy])
    domain.policy(Copied)(write_again)
    manager = manage(domain)
    with pytest.raises(PolicyLoop, match=(
            rf"policies went deeper than {POLICY_DEPTH} commands and were cut: notes:write -> notes:copy -> ")) as loop:
        await manager.issue(Write())
    assert loop.value.depth == POLICY_DEPTH
    assert loop.value.chain == ("notes:write", "notes:copy") * (POLICY_DEPTH // 2 + 1)
    assert manager.state.number == 0


async def test_the_depth_of_policies_is_exact_and_not_a_count() -> None:
    """Policies may go exactly as deep as stated, and as often as they like side by side."""
    async def countdown(event: Any, context: Any) -> Any:
        if int(event.text):
            yield Write(text=str(int(event.text) - 1))

    def many(event: Any, context: Any) -> Any:
        return [Copy() for _ in range(3 * POLICY_DEPTH)] if event.text == "0" else None

    domain = notes(write=lambda command, context: Written(text=command.text),
                   copy=lambda command, context: None, written=lambda event, context: None, policies=[countdown])
    manager = manage(domain)
    assert len((await manager.issue(Write(text=str(POLICY_DEPTH)))).events) == POLICY_DEPTH + 1
    with pytest.raises(PolicyLoop):
        await manager.issue(Write(text=str(POLICY_DEPTH + 1)))
    domain.policy(Written)(many)
    manager.registry.refresh()
    assert len(list((await manager.issue(Write(text="0"))).handling.walk())) == 3 * POLICY_DEPTH + 1


# ------------------------------------------------------------------------------------------------ failures


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


# ------------------------------------------------------------------------------------------------ faults


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


async def test_an_event_of_another_domain() -> None:
    """A command handler may yield events of its own domain only; the error says what the way is."""
    async def counted_elsewhere(command: Any, context: Any) -> Any:
        yield Counted()

    with pytest.raises(HandlerFault, match=(
            r"counted_elsewhere of notes yielded Counted\(\) .* events of its own domain; the way to counting is a "
            r"policy that issues a command")):
        await manage(notes(write=counted_elsewhere), counting()).issue(Write())


@pytest.mark.parametrize("thing", [Written(), Write, "notes:write", None, Note])
async def test_only_commands_are_issued(thing: Any) -> None:
    """Issuing anything but a Command is refused, and the error says what to give."""
    with pytest.raises(Invalid, match=r"(?s)issue was refused.*(is no command|is the class of a command); give one"):
        await manage(notes()).issue(thing)


async def test_missing_handlers_are_named() -> None:
    """A command or an event without a handler is named when it is met."""
    domain = notes()
    domain.forget(domain.command_handlers["write"].function)
    with pytest.raises(UnknownName, match=r'there is no handler for the command "write" in notes'):
        await manage(domain).issue(Write())
    other = notes()
    del other.event_handlers["written"]
    with pytest.raises(UnknownName, match=r'there is no handler for the event "written" in notes'):
        await manage(other).issue(Write(), on="note/a")


# ------------------------------------------------------------------------------------------------ responses


class Told(Response):
    text = field(str)


async def test_a_response_is_made_into_its_output() -> None:
    """A response's handler gives the step's output; without one the response's values are it."""
    def tell(command: Any, context: Any) -> Any:
        return Told(text=command.text)

    async def shout(response: Any, context: Any) -> str:
        return f"{response.text.upper()} on {context.target.identifier}"

    domain = notes(write=tell)
    domain.response(Told)
    manager = manage(domain)
    assert (await manager.issue(Write(text="hey"))).output == {"text": "hey"}
    domain.response_handler(Told)(shout)
    manager.registry.refresh()
    step = await manager.issue(Write(text="hey"), on="note/a")
    assert (step.output, step.response) == ("HEY on a", Told(text="hey"))


async def test_a_response_of_a_policy_is_not_the_callers() -> None:
    """The caller's response is that of its own command; those of policies stay with theirs."""
    async def write(command: Any, context: Any) -> Any:
        yield context.respond(by="write")
        yield Written().on(A)

    async def copy(command: Any, context: Any) -> Any:
        yield context.respond(by="copy")

    manager = manage(notes(write=write, copy=copy, policies=[lambda event, context: Copy()]))
    step = await manager.issue(Write())
    assert (step.response["by"], len(step.responses)) == ("write", 1)      # type: ignore[index]  # an Answer
    assert [answer["by"] for handling in step.handling.walk() for answer in handling.responses] == ["write", "copy"]


async def test_very_many_mutations_share_their_values() -> None:
    """Of many mutations of one event those that come last keep no values themselves: they are as they were given, can
    be done again, and what comes after one does not change it."""
    def given() -> list[Mutation]:
        made = [Insert(Target("notes", "note", str(number)), number=number, text=f"no {number}")
                for number in range(FEW)]
        return [*made, Insert(A, text="one", number=500), Update(A, number=700), Update(A, number=700),
                Insert(B, number="5"), Delete(B), Update(made[0].on, text="again")]

    mutations = given()
    manager = manage(notes(written=lambda event, context: mutations))
    for _ in range(2):
        step = await manager.issue(Write(), on="note/x")
        assert list(step.mutations) == given()
        assert [repr(mutation) for mutation in step.mutations] == [repr(mutation) for mutation in given()]
        shared = [type(mutation._values) is Shared for mutation in step.mutations]
        assert shared == [False] * FEW + [True, True, False, False, False, True]      # one changed nothing
        assert [(item.text, item.number) for item in await manager.fetch(A, mutations[0].on)] == [
            ("one", 700), ("again", 0)]
        with pytest.raises(NotFound):
            await manager.fetch(B)
        manager.history.undo()


async def test_deleting_through_a_target() -> None:
    """A mutation given as a Target applies to an item that was never fetched."""
    manager = manage(notes(written=lambda event, context: Delete(event.target)))
    manager.reader.items[A] = note("a")      # type: ignore[attr-defined]
    step = await manager.issue(Write(), on="note/a")
    assert step.mutations == (Delete(A),)
    assert await manager.find(Note) == []
