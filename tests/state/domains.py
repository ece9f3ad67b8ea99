"""What the tests of the state room share: a clock and identifiers that repeat, a Reader that counts, a small domain.

`notes` makes a new domain around the handlers a test gives it; `manage` puts domains on a StateManager in memory, which
`held` moves as a commit or a rebase does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from workbench import Command, Domain, Event, Insert, Resource, Target, field
from workbench.domain.registry import Kindred, Registry
from workbench.domain.resource import Identifier
from workbench.state.held import Held
from workbench.state.manager import StateManager
from workbench.state.progress import Progress
from workbench.state.reader import MemoryReader

START = datetime(2013, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that goes on by one second with each look at it."""

    def __init__(self) -> None:
        self.now = START - timedelta(seconds=1)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


class Identifiers:
    """The identifiers 1, 2, 3 …"""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self) -> UUID:
        self.given += 1
        return UUID(int=self.given)


class RecordingReader(MemoryReader):
    """A Reader in memory that writes down what it was asked."""

    def __init__(self, items: Mapping[Target, Resource] | None = None) -> None:
        super().__init__(items)
        self.loads: list[tuple[Kindred, tuple[Identifier, ...]]] = []
        self.finds: list[tuple[Kindred, dict[str, Any]]] = []

    async def load(
        self, kindred: Kindred, identifiers: Sequence[Identifier], *, progress: Progress | None = None,
    ) -> list[Resource]:
        self.loads.append((kindred, tuple(identifiers)))
        return await super().load(kindred, identifiers)

    async def find(self, kindred: Kindred, equals: Mapping[str, Any]) -> list[Resource]:
        self.finds.append((kindred, dict(equals)))
        return await super().find(kindred, equals)


def manage(*domains: Domain, reader: MemoryReader | None = None, **arguments: Any) -> StateManager:
    """A StateManager over some domains, its clock and identifiers repeating."""
    settings = {"clock": Clock(), "identifiers": Identifiers(), "user": "ada"} | arguments
    return StateManager(Registry(domains), RecordingReader() if reader is None else reader, **settings)


def held(manager: StateManager) -> Held:
    """What moves the present branch of a manager, without waiting for a turn: no other verb is at work."""
    return Held(manager, manager.here)


def stored(domain: str, resource: str, *items: Resource) -> dict[Target, Resource]:
    """Items as a MemoryReader takes them."""
    return {Target(domain, resource, item.identifier): item for item in items}


class Note(Resource):
    """A text under a natural key."""

    _id = field(str)
    text = field(str, initial="")
    number = field(int, initial=0, check=lambda number: number >= 0, doc="not negative")


class Write(Command):
    text = field(str, initial="x")


class Written(Event):
    text = field(str, initial="x")


class Copy(Command):
    text = field(str, initial="x")


class Copied(Event):
    text = field(str, initial="x")


def write_it(command: Any, context: Any) -> Any:
    return Written(text=command.text).on(context.target)


def copy_it(command: Any, context: Any) -> Any:
    return Copied(text=command.text).on(context.target)


def insert_written(event: Any, context: Any) -> Any:
    return Insert(event.target, text=event.text)


def insert_copied(event: Any, context: Any) -> Any:
    return Insert(event.target, text=event.text)


def notes(
    *, write: Callable[..., Any] = write_it, written: Callable[..., Any] = insert_written,
    copy: Callable[..., Any] = copy_it, copied: Callable[..., Any] = insert_copied,
    policies: Iterable[Callable[..., Any]] = (),
) -> Domain:
    """A domain of Notes: the command Write with the event Written, and Copy with Copied; ``policies`` follow Written.

    Handlers are known by their qualified names, and lambdas of a test share one: each gets one of its own here."""
    for name, function in {"write": write, "written": written, "copy": copy, "copied": copied}.items():
        function.__qualname__ = name
    domain = Domain("notes")
    domain.resource(Note)
    domain.command(Write)
    domain.command(Copy)
    domain.event(Written)
    domain.event(Copied)
    domain.command_handler(Write)(write)
    domain.command_handler(Copy)(copy)
    domain.event_handler(Written)(written)
    domain.event_handler(Copied)(copied)
    for place, policy in enumerate(policies):
        policy.__qualname__ = f"policy {place}"
        domain.policy(Written)(policy)
    return domain


def note(identifier: str, text: str = "", number: int = 0, etag: str | None = "stored") -> Note:
    """A Note as the database has it."""
    return Note(_id=identifier, text=text, number=number, _created=START, _updated=START - timedelta(days=1),
                _etag=etag)
