"""The View: the item last looked at is at hand, and nobody can tell: whatever handlers do, they see what a View without
it shows them, and steps tell the same.

Two domains share a resource, and one has one of its own. Programs of fetches, searches and mutations are drawn for the
handlers of commands and events, and for policies of both domains.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.state.domains import Identifiers, Note, RecordingReader, Write, Written, held, manage, note, notes, stored
from workbench import Command, Delete, Domain, Event, Insert, Resource, Target, Update, field
from workbench.domain.registry import Registry
from workbench.errors import NotFound, NotGranted, WorkbenchError
from workbench.state.manager import StateManager
from workbench.state.reader import MemoryReader
from workbench.state.view import View

NOON = datetime(2013, 1, 1, 12, tzinfo=UTC)


class Shared(Resource):
    n = field(int, initial=0, most=9)


class Kept(Resource):
    """Deleted softly."""

    n = field(int, initial=0, most=9)
    _deleted = field(datetime | None)


class Own(Resource):
    n = field(int, initial=0, most=9)


RESOURCES = {("first", "shared"): Shared, ("first", "kept"): Kept, ("second", "own"): Own}
TARGETS = [Target(*kindred, UUID(int=number)) for kindred in RESOURCES for number in (1, 2)]


class Do(NamedTuple):
    """One thing that a handler does: a verb, and on which Target; ``by`` a number among what was seen before instead.
    """

    verb: str
    target: Target
    by: int | None
    n: int


class Run(Command):
    events = field(object, doc="for each event a Target and what its handler and the policies do")
    look = field(object, initial=())


class Ran(Event):
    does = field(object)
    reactions = field(object)


class Reacting(Command):
    look = field(object)


class Seen:
    """What handlers saw, and the items they hold."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.held: list[Any] = []

    def on(self, do: Do) -> Any:
        return do.target if do.by is None or not self.held else self.held[do.by % len(self.held)]

    async def look(self, context: Any, does: Any) -> None:
        for do in does:
            await self.one(context, do)

    async def one(self, context: Any, do: Do) -> None:
        """Fetches or searches, and tells what came of it; an error too, and goes on."""
        try:
            if do.verb == "find":
                items = await context.find(RESOURCES[do.target[:2]], n=do.n)
            elif do.verb == "several":
                items = await context.fetch([do.target, TARGETS[do.n % len(TARGETS)]])
            else:
                items = [await context.fetch(self.on(do))]
        except Exception as error:
            self.told.append((do.verb, type(error).__name__, str(error)))
        else:
            self.held += items
            self.told.append((do.verb, [(type(item).__name__, item._id, item.n, item._etag) for item in items]))


def domains(seen: Seen) -> list[Domain]:
    """The two domains, whose handlers tell ``seen`` what they see."""
    first = Domain("first")
    second = Domain("second", uses=[Shared])
    first.resource(Shared)
    first.resource(Kept)
    second.resource(Own)
    first.command(Run)
    first.event(Ran)
    second.command(Reacting)

    @first.command_handler(Run)
    async def run(command: Run, context: Any) -> AsyncIterator[Any]:
        await seen.look(context, command.look)
        for target, does, reactions in command.events:
            yield Ran(does=does, reactions=reactions).on(target)
        await seen.look(context, command.look)

    @first.event_handler(Ran)
    async def ran(event: Ran, context: Any) -> AsyncIterator[Any]:
        for do in event.does:
            if do.verb == "update":
                yield Update(seen.on(do), n=do.n)
            elif do.verb == "delete":
                yield Delete(seen.on(do))
            elif do.verb == "insert":
                yield Insert(do.target, n=do.n)
            else:
                await seen.one(context, do)

    @second.policy(Ran)
    async def reacts(event: Ran, context: Any) -> AsyncIterator[Any]:
        await seen.look(context, event.reactions)
        yield Reacting(look=event.reactions)

    @second.command_handler(Reacting)
    async def reacting(command: Reacting, context: Any) -> None:
        await seen.look(context, command.look)

    return [first, second]


def does(*verbs: str) -> Any:
    one = st.builds(Do, st.sampled_from(verbs), st.sampled_from(TARGETS), st.none() | st.integers(0, 5),
                    st.integers(0, 10))
    return st.lists(one, max_size=4).map(tuple)


SOME = st.sets(st.sampled_from(TARGETS))
LOOKS = does("fetch", "fetch", "several", "find")
DOES = does("fetch", "fetch", "find", "update", "update", "delete", "insert")
PROGRAMS = st.lists(st.builds(
    Run, events=st.lists(st.tuples(st.sampled_from(TARGETS), DOES, LOOKS), max_size=3).map(tuple), look=LOOKS),
    min_size=1, max_size=3)


async def outcome(program: list[Run]) -> list[Any]:
    """All that can be told of a program: what its handlers saw, its errors, its steps and what is pending after it."""
    seen, etags = Seen(), itertools.count(100)
    stored = {target: RESOURCES[target[:2]](_id=target.identifier, _created=NOON, _etag="stored", n=1)
              for target in TARGETS[::2] + TARGETS[1:2]}
    manager = StateManager(Registry(domains(seen)), MemoryReader(stored), clock=lambda: NOON,
                           identifiers=lambda: UUID(int=next(etags)))
    for command in program:
        try:
            step = await manager.issue(command)
            seen.told.append(("step", step.reads, set(step.leaned), step.searches, step.mutations))
        except Exception as error:
            seen.told.append((type(error).__name__, str(error)))
    pending = {target: (entry.origin, entry.current) for target, entry in manager.state.changed.items()}
    return [*seen.told, ("pending", pending)]


@settings(max_examples=200, deadline=None)
@given(program=PROGRAMS)
async def test_nobody_can_tell_what_is_at_hand(program: list[Run]) -> None:
    """Handlers, steps and the plan are the same where no item is ever at hand."""
    found = await outcome(program)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(View, "remembers", lambda *_: False)
        assert found == await outcome(program)


@settings(max_examples=200, deadline=None)
@given(wanted=st.lists(st.sampled_from(TARGETS)), absent=st.just(set()) | SOME, cached=st.just(set()) | SOME,
       does=st.just(()) | DOES, forgotten=st.booleans())
async def test_many_at_once_are_each_alone(
    wanted: list[Target], absent: set[Target], cached: set[Target], does: tuple[Do, ...], forgotten: bool,
) -> None:
    """Items that are fetched together, of whatever resource and named however often, are in their order what each is
    when it is fetched alone; the same ones are cached then; and none of them is read twice."""
    reader = RecordingReader({
        target: RESOURCES[target[:2]](_id=target.identifier, _created=NOON, _etag="stored", n=1)
        for target in TARGETS if target not in absent})
    together, alone = [await begun(reader, cached - absent, does, forgotten=forgotten) for _ in range(2)]
    each = [await there_or_none(alone, target) for target in wanted]
    reader.loads.clear()
    if None in each:
        with pytest.raises(NotFound):
            await together.fetch(*wanted)
    else:
        assert await together.fetch(*wanted) == each
    assert together.cache.items == alone.cache.items
    asked = [Target(*kindred, identifier) for kindred, identifiers in reader.loads for identifier in identifiers]
    assert len(asked) == len(set(asked))
    assert len(reader.loads) <= len({target[:2] for target in wanted})


async def begun(reader: RecordingReader, cached: set[Target], does: tuple[Do, ...], *, forgotten: bool) -> StateManager:
    """A session with some items cached and something pending, if the program that does it is not refused; ``forgotten``
    empties the cache after all."""
    manager = StateManager(Registry(domains(Seen())), reader, clock=lambda: NOON, identifiers=Identifiers())
    await manager.fetch(*cached)
    with suppress(WorkbenchError):
        await manager.issue(Run(events=((TARGETS[0], does, ()),)))
    if forgotten:
        manager.cache.items.clear()
    return manager


async def there_or_none(manager: StateManager, target: Target) -> Resource | None:
    try:
        [item] = await manager.fetch(target)
    except NotFound:
        return None
    return item


async def test_what_is_at_hand_is_so_for_one_domain() -> None:
    """What one domain was given is not at hand for another, which was not granted it."""
    target = next(target for target in TARGETS if target.resource == "kept")
    look = (Do("fetch", target, None, 0),)
    told = await outcome([Run(events=((target, look, look),))])
    assert [one[1] for one in told if one[0] == "fetch"][1:] == [NotGranted.__name__] * 2


async def test_what_was_deleted_is_not_at_hand() -> None:
    """An item that was looked at and deleted is not found; nor does None name it."""
    fetch, delete = Do("fetch", TARGETS[0], None, 0), Do("delete", TARGETS[0], None, 0)
    told = await outcome([Run(events=((TARGETS[0], (fetch, delete, fetch), ()),))])
    assert [one[1] for one in told if one[0] == "fetch"][1] == NotFound.__name__
    nothing = Do("fetch", None, None, 0)    # type: ignore[arg-type]  # that is the point
    told = await outcome([Run(events=((TARGETS[0], (fetch, delete, nothing), ()),))])
    assert [one[1] for one in told if one[0] == "fetch"][1] == "Invalid"


async def test_a_unit_sees_one_version_though_it_loads_at_the_same_time() -> None:
    """What a handler was given stays what it sees, and what its plan expects, when another of its loads brings a newer
    one."""
    class Slow(RecordingReader):
        async def load(self, kindred: Any, identifiers: Any, *, progress: Any = None) -> Any:
            if len(identifiers) > 1:        # a rival commits before this one is answered
                await asyncio.sleep(0.01)
                self.items.update(stored("notes", "note", note("a", number=999, etag="second")))
            return await super().load(kindred, identifiers)

    async def write(command: Any, context: Any) -> Any:
        one, _ = await asyncio.gather(context.fetch(Note, "a"), context.fetch(Note, ["a", "b"]))
        yield Written(text=str(one.number + 1)).on(one)

    async def written(event: Any, context: Any) -> Any:
        yield Update(event.target, number=int(event.text))

    manager = manage(notes(write=write, written=written),
                     reader=Slow(stored("notes", "note", note("a", number=1, etag="first"), note("b"))))
    step = await manager.issue(Write(), on="note/new")
    [change] = manager.plan().changes
    assert (change.before.number, change.after.number, change.before._etag) == (1, 2, "first")
    assert step.reads[change.target] == "first"


async def test_what_was_seen_is_there_for_a_read_from_before_it() -> None:
    """A fetch of several, which was answered before a rival made one of them, gives that one as another has seen it."""
    class Early(MemoryReader):
        async def load(self, kindred: Any, identifiers: Any, *, progress: Any = None) -> Any:
            found = await super().load(kindred, identifiers)
            if len(identifiers) > 1:
                self.items.update(stored("notes", "note", note("a")))
                await asyncio.sleep(0.01)
            return found

    async def write(command: Any, context: Any) -> Any:
        both, one = await asyncio.gather(context.fetch(Note, ["a", "b"]), context.fetch(Note, "a"))
        yield context.respond(same=both[0] is one)

    step = await manage(notes(write=write), reader=Early(stored("notes", "note", note("b")))).issue(Write())
    assert step.output == {"same": True}


class Late(MemoryReader):
    """A Reader whose first answer comes when it is ``let``."""

    def __init__(self, items: Any) -> None:
        super().__init__(items)
        self.let = asyncio.Event()
        self._waits = [self.let.wait]

    async def load(self, kindred: Any, identifiers: Any, *, progress: Any = None) -> Any:
        return await self._late(await super().load(kindred, identifiers))

    async def find(self, kindred: Any, equals: Any) -> Any:
        return await self._late(await super().find(kindred, equals))

    async def _late(self, found: Any) -> Any:
        if self._waits:
            await self._waits.pop()()
        return found


@pytest.mark.parametrize("read, there", [
    (lambda manager: manager.fetch("note/a", "note/b"), {"changed": ["new", "old"], "deleted": None}),
    (lambda manager: manager.fetch("note/a"), {"changed": ["new"], "deleted": None}),
    (lambda manager: manager.find(Note, text="old"), {"changed": ["old"], "deleted": ["old"]}),
    (lambda manager: manager.find(Note, text="new"), {"changed": ["new"], "deleted": []}),
], ids=["fetch several", "fetch one", "find as before", "find as now"])
@pytest.mark.parametrize("what", ["changed", "deleted"])
async def test_what_was_committed_is_not_undone_by_an_earlier_read(what: str, read: Any, there: Any) -> None:
    """A read that was answered before a commit, and comes after it, tells and caches items as the commit left them."""
    reader = Late(stored("notes", "note", note("a", "old"), note("b", "old")))
    manager = manage(notes(written=lambda event, context: (
        Update(event.target, text=event.text) if what == "changed" else Delete(event.target))), reader=reader)
    reading = asyncio.ensure_future(read(manager))
    await asyncio.sleep(0)
    await manager.issue(Write(text="new"), on="note/a")
    plan = manager.plan()
    held(manager).settle(plan)
    reader.let.set()
    if there[what] is None:
        with pytest.raises(NotFound, match="note/a was not found"):
            await reading
    else:
        assert [item.text for item in await reading] == there[what]
    assert manager.cache.items.get(plan.changes[0].target) is plan.changes[0].after


async def test_a_row_that_is_called_otherwise_is_not_what_was_asked_for() -> None:
    """Where the database finds a row by a key that is not equal to its own, as CHAR(5) does, the item is not found; nor
    is anything cached for it, and it can be asked for again."""
    class Padded(MemoryReader):
        async def load(self, kindred: Any, identifiers: Any, *, progress: Any = None) -> Any:
            return [item for item in self.items.values() if item._id.strip() in identifiers]

    manager = manage(notes(), reader=Padded(stored("notes", "note", note("a    "), note("b"))))
    for _ in range(2):
        for what in (["note/a"], ["note/a", "note/b"]):
            with pytest.raises(NotFound, match="notes:note/a was not found"):
                await manager.fetch(*what)
    assert [item._id for _, _, item in manager.items(Note)] == ["b"]


async def test_items_of_classes_that_changed_places_are_each_of_its_own() -> None:
    """Items of several resources are told by the present class of each, though it is that of another's before."""
    class One(Resource):
        n = field(int, initial=0)

    class Other(Resource):
        n = field(int, initial=0)

    domain = Domain("d")
    domain.resource(key="one")(One)
    domain.resource(key="other")(Other)
    targets = [Target("d", key, UUID(int=1)) for key in ("one", "other")]
    manager = manage(domain, reader=MemoryReader({
        target: cls(_id=target.identifier, _etag="stored") for target, cls in zip(targets, (One, Other), strict=True)}))
    for cls in (One, Other):
        domain.forget(cls)
    domain.resource(key="other")(One)
    domain.resource(key="one")(Other)
    manager.registry.refresh()
    assert [type(item) for item in await manager.fetch(*targets)] == [Other, One]
