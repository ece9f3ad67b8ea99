"""Cards, and what tests of two branches on them share: a manager whose branches have parted."""

from __future__ import annotations

from tests.editing import Edit, at, desk
from tests.state.domains import RecordingReader, manage, stored
from workbench import Domain, Insert, Resource, field
from workbench.domain.mutation import Mutation
from workbench.state.manager import StateManager


class Card(Resource):
    """Three columns, one of them never negative."""

    _id = field(str)
    a = field(int, initial=0)
    b = field(int, initial=0)
    c = field(int, initial=0, check=lambda c: c >= 0, doc="not negative")


def cards(*identifiers: str) -> StateManager:
    """A manager on stored cards."""
    domain: Domain = desk(Card)
    items = [Card(_id=identifier, _etag="stored") for identifier in identifiers]
    return manage(domain, reader=RecordingReader(stored("desk", "card", *items)))


async def edit(manager: StateManager, *mutations: Mutation) -> None:
    """Issues one command with these mutations; what they are on is read first."""
    reads = [mutation.on for mutation in mutations if not isinstance(mutation, Insert)]
    await manager.issue(Edit(mutations=mutations, reads=reads))


async def parted(mine: list[Mutation], theirs: list[Mutation], *identifiers: str) -> StateManager:
    """A manager on main with my mutations, and a branch "other" with theirs."""
    manager = cards(*identifiers)
    with manager.history.branch("other"):
        if theirs:
            await edit(manager, *theirs)
    if mine:
        await edit(manager, *mine)
    return manager


A, B, C = at(Card, "a"), at(Card, "b"), at(Card, "c")
