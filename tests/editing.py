"""A domain that does as it is told: ``Edit`` carries the mutations that the handler of its event yields.

``desk`` puts any resources under it, ``edit`` issues one Edit on a session; so a test of the commit says what is to
happen to the rows and nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from workbench import Command, Context, Domain, Event, Resource, Target, field
from workbench.domain.mutation import Mutation
from workbench.session import Session
from workbench.state.step import Step


class Note(Resource):
    """A text under a natural key."""

    _id = field(str)
    text = field(str, initial="")
    number = field(int, initial=0)


class Paper(Resource):
    """A text whose deletion is soft."""

    _id = field(str)
    text = field(str, initial="")
    _creator = field(str | None)
    _updater = field(str | None)
    _deleted = field(datetime | None)


class Owner(Resource):
    """Whom accounts belong to; no two have one e-mail."""

    email = field(str, unique=True)


class Account(Resource):
    """A child of an owner, and of another account."""

    owner = field(UUID, references=Owner)
    parent = field(UUID | None, references="self")
    balance = field(Decimal, initial=Decimal(0))


class Edit(Command):
    mutations: Any = field(object)
    reads: Any = field(object, initial=())


class Edited(Event):
    mutations: Any = field(object)


async def edit_handler(command: Edit, context: Context) -> AsyncIterator[Edited]:
    for target in command.reads:
        await context.fetch(target)
    yield Edited(mutations=command.mutations)


def edited_handler(event: Edited, context: Context) -> list[Mutation]:
    return list(event.mutations)


def desk(*resources: type[Resource], models: Mapping[type[Resource], Any] | None = None,
         tables: Mapping[type[Resource], str] | None = None) -> Domain:
    """A domain of some resources, with gino models or names of tables for some."""
    domain = Domain("desk")
    for cls in resources:
        domain.resource(model=(models or {}).get(cls), table=(tables or {}).get(cls))(cls)
    domain.command(Edit)
    domain.event(Edited)
    domain.command_handler(Edit)(edit_handler)
    domain.event_handler(Edited)(edited_handler)
    return domain


async def edit(session: Session, *mutations: Mutation, reads: Iterable[Any] = ()) -> Step:
    """Issues one Edit of these mutations, after reading some items."""
    return await session.issue(Edit(mutations=mutations, reads=tuple(reads)))


def at(resource: type[Resource], identifier: Any) -> Target:
    """The Target of an item of the desk."""
    return Target("desk", resource.__name__.lower(), identifier)
