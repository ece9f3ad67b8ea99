"""Fetching many items of one resource by their identifiers: it is fetching their Targets, whatever is stored, cached or
pending, and however the identifiers are given."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.state.domains import RecordingReader, manage, stored
from workbench import Command, Delete, Domain, Event, Insert, Resource, Target, Update, field
from workbench.domain.resource import targets_of
from workbench.errors import Invalid, WorkbenchError
from workbench.state.manager import StateManager

shop = Domain("shop")


class DriversUUID(UUID):
    """As a driver has one of its own."""

    __slots__ = ()


@shop.resource
class Plain(Resource):
    n = field(int, initial=0)


@shop.resource
class Kept(Resource):
    """Deleted softly."""

    n = field(int, initial=0)
    _deleted = field(datetime | None)


@shop.resource
class Keyed(Resource):
    _id = field(int)
    n = field(int, initial=0)


@shop.command
class Do(Command):
    mutations: Any = field(object)


@shop.event
class Done(Event):
    mutations: Any = field(object)


@shop.command_handler(Do)
def do(command: Do, context: Any) -> Any:
    return Done(mutations=command.mutations)


@shop.event_handler(Done)
def done(event: Done, context: Any) -> Any:
    return list(event.mutations)


RESOURCES: dict[str, Any] = {"plain": Plain, "kept": Kept, "keyed": Keyed}
NUMBERS = st.integers(1, 5)
WAYS: dict[str, list[Callable[[int], Any]]] = {      # in which an identifier is given
    "keyed": [int, str], "plain": [lambda n: UUID(int=n), lambda n: DriversUUID(int=n), lambda n: str(UUID(int=n))]}
WAYS["kept"] = WAYS["plain"]


async def begun(
    key: str, there: set[int], cached: Sequence[int] = (), mutated: Collection[int] = (), *, emptied: bool = False,
) -> StateManager:
    """A session in which some items are stored, some of those cached, and some changed, deleted or new; the cache is
    emptied after all."""
    target = {n: Target("shop", key, WAYS[key][0](n)) for n in range(1, 6)}
    items = [RESOURCES[key](_id=target[n].identifier, _etag="stored", n=n) for n in there]
    manager = manage(shop, reader=RecordingReader(stored("shop", key, *items)))
    await manager.fetch(*(target[n] for n in cached if n in there))
    if mutated:
        await manager.issue(Do(mutations=[
            Insert(target[n]) if n not in there else Delete(target[n]) if n % 2 else Update(target[n], n=9)
            for n in mutated]))
    if emptied:
        manager.cache.items.clear()
    return manager


async def outcome(manager: StateManager, fetch: Any) -> Any:
    """The items that were fetched, or the error; and what is cached then."""
    try:
        told: Any = await fetch
    except WorkbenchError as error:
        told = type(error), str(error)
    return told, manager.cache.items


@settings(max_examples=200, deadline=None)
@given(key=st.sampled_from(list(RESOURCES)), there=st.sets(NUMBERS), cached=st.just([]) | st.lists(NUMBERS),
       mutated=st.just(set()) | st.sets(NUMBERS, max_size=2), emptied=st.booleans(), data=st.data())
async def test_by_identifiers_is_by_targets(
    key: str, there: set[int], cached: list[int], mutated: set[int], emptied: bool, data: st.DataObject,
) -> None:
    """The same items in the same order, or the same error, and the same ones are cached."""
    identifiers = data.draw(st.lists(st.builds(lambda way, n: way(n), st.sampled_from(WAYS[key]), (
        st.sampled_from(sorted(there)) | NUMBERS if there else NUMBERS))))
    one, other = [await begun(key, there, cached, mutated, emptied=emptied) for _ in range(2)]
    assert (await outcome(one, one.fetch_of(("shop", key), identifiers))
            == await outcome(other, other.fetch(*targets_of(("shop", key), identifiers))))


async def test_many_at_once_are_one_query() -> None:
    """What is named twice comes twice, from one query; from then on nothing more is asked, nor is it for no item."""
    manager = await begun("plain", {1, 2, 3})
    reader: Any = manager.reader
    assert await manager.fetch_of(("shop", "plain"), []) == []
    assert reader.loads == []
    for _ in range(2):
        items = await manager.fetch_of(("shop", "plain"), [UUID(int=n) for n in (3, 1, 3)])
        assert [item.identifier.int for item in items] == [3, 1, 3]
        assert items[0] is items[2]
    assert len(reader.loads) == 1


async def test_an_identifier_of_another_type_is_refused() -> None:
    """What cannot be an identifier of the resource is named, as everywhere."""
    manager = await begun("plain", {1})
    identifiers: list[Any] = [UUID(int=1), 2.5]
    with pytest.raises(Invalid, match="the identifier of a Plain was refused"):
        await manager.fetch_of(("shop", "plain"), identifiers)
