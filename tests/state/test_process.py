"""A unit at work: handler styles, the order of what happens, reading one's writes, responses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.state.domains import Copied, Copy, Note, Write, Written, manage, note, notes
from workbench import Delete, Insert, Response, Target, Update, field
from workbench.domain.mutation import Mutation, Shared
from workbench.errors import NotFound
from workbench.state.process import SPARED

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
                for number in range(SPARED)]
        return [*made, Insert(A, text="one", number=500), Update(A, number=700), Update(A, number=700),
                Insert(B, number="5"), Delete(B), Update(made[0].on, text="again")]

    mutations = given()
    manager = manage(notes(written=lambda event, context: mutations))
    for _ in range(2):
        step = await manager.issue(Write(), on="note/x")
        assert list(step.mutations) == given()
        assert [repr(mutation) for mutation in step.mutations] == [repr(mutation) for mutation in given()]
        shared = [type(mutation._values) is Shared for mutation in step.mutations]
        assert shared == [False] * SPARED + [True, True, False, False, False, True]      # one changed nothing
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


async def test_every_mutation_of_a_handler_applies() -> None:
    """Not only the first mutation that a handler yields applies, and each sees the one before."""
    async def written(event: Any, context: Any) -> Any:
        for number in range(1, 6):
            yield Insert(context.new(Note, str(number)), number=number)
            yield Update(context.new(Note, str(number)), text=f"no {number}")

    manager = manage(notes(written=written))
    await manager.issue(Write(), on=A)
    assert [(item.number, item.text) for item in await manager.find(Note)] == [(n, f"no {n}") for n in range(1, 6)]
    assert len(manager.plan()) == 5
