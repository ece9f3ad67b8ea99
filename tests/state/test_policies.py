"""Policies: when they run, across which domains, what they may touch, and where a loop of them is cut."""

from __future__ import annotations

from typing import Any

import pytest

from tests.state.domains import Copied, Copy, Note, Write, Written, manage, notes
from workbench import Command, Domain, Event, Insert, Resource, Target, Update, field
from workbench.errors import HandlerFault, NotGranted, PolicyLoop
from workbench.state.process import POLICY_DEPTH

A, B = Target("notes", "note", "a"), Target("notes", "note", "b")


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


async def test_a_step_that_only_answers_says_so() -> None:
    """A command that answers and has no event, as where a yield was forgotten, is told as one that changed nothing."""
    step = await manage(notes(write=lambda command, context: context.respond(text="done"))).issue(
        Write(text="x"), on="note/a")
    assert repr(step) == (
        "step 1: notes:write/note/a\n  no event, so nothing changed\n  response Answer(values={'text': 'done'})")


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
    with pytest.raises(PolicyLoop) as loop:
        await manager.issue(Write())
    assert str(loop.value) == (
        f"policies went deeper than {POLICY_DEPTH} commands, so that nothing of it is kept: notes:write -> notes:copy "
        "-> notes:write -> …; a policy leads back to where it began: let one of them issue its command only where "
        "there is something left to do")
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


async def test_an_event_of_another_domain() -> None:
    """A command handler may yield events of its own domain only; the error says what the way is."""
    async def counted_elsewhere(command: Any, context: Any) -> Any:
        yield Counted()

    with pytest.raises(HandlerFault, match=(
            r"counted_elsewhere of notes yielded Counted\(\) .* events of its own domain; the way to counting is a "
            r"policy that issues a command")):
        await manage(notes(write=counted_elsewhere), counting()).issue(Write())
