"""What the tests of script, check and explain share: a domain whose one command does the mutations it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from tests.strategies import Colour, Leg
from workbench import Command, Context, Domain, Event, Resource, Session, Target, field


class Owner(Resource):
    """A parent under a natural key; its name is unique, and it may have a boss."""

    _id = field(str)
    name = field(str, unique=True)
    boss = field(str | None, references="self")


class Book(Resource):
    """A child with a value of each troublesome type."""

    _id = field(int)
    owner = field(str | None, references=Owner)
    title = field(str, initial="")
    copies = field(int, initial=1)
    tags = field(list[str], initial=[])
    colour = field(Colour, initial=Colour.RED)
    notes = field(dict, initial={})
    leg = field(Leg | None)


class Do(Command):
    """Does mutations."""

    mutations = field(object)


class Look(Command):
    """Reads an item and does a mutation to others."""

    at = field(object)
    mutations = field(object)


class Done(Event):
    mutations = field(object)


def shelf() -> Domain:
    """The domain, anew for each session."""
    domain = Domain("shelf")
    domain.resource(Owner)
    domain.resource(Book)
    for command in (Do, Look):
        domain.command(command)
    domain.event(Done)

    @domain.command_handler(Do, Look)
    async def do(command: Any, context: Context) -> AsyncIterator[Any]:
        for target in getattr(command, "at", ()):
            await context.fetch(target)
        yield Done(mutations=command.mutations)

    @domain.event_handler(Done)
    def done(event: Done, context: Context) -> Iterable[Any]:
        return event.mutations

    return domain


def owner(identifier: str) -> Target:
    return Target("shelf", "owner", identifier)


def book(identifier: int) -> Target:
    return Target("shelf", "book", identifier)


async def issue(session: Session, *mutations: Any, look: Iterable[Target] = (), cell: int | None = None) -> None:
    """Issues them as one step."""
    command = Look(at=list(look), mutations=list(mutations)) if look else Do(mutations=list(mutations))
    await session.issue(command, cell=cell)
