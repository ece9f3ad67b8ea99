"""Items that are cached or pending when their resource is defined anew: carried over, or told where they do not fit."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from tests.state.domains import RecordingReader, manage, stored
from workbench import Command, Domain, Event, Insert, Resource, Target, Update, field
from workbench.errors import Invalid, NotFound
from workbench.state.reader import MemoryReader


def shop(*, kind: Any = int, extra: dict[str, Any] | None = None, into: Domain | None = None) -> tuple[Domain, Any]:
    """A domain of articles, defined again into the same Domain when one is given, as a cell that runs twice does."""
    domain = into or Domain("shop")
    namespace = {"_id": field(str), "price": field(kind), **(extra or {}),
                 "__module__": __name__, "__qualname__": "Article"}
    article = domain.resource(type(Resource)("Article", (Resource,), namespace))

    class Stock(Command):
        price = field(int)

    class Stocked(Event):
        price = field(int)

    domain.command(on=article)(Stock)
    domain.event(Stocked)

    @domain.command_handler(Stock)
    async def stock(command: Any, context: Any) -> Any:
        yield Stocked(price=command.price).on(context.target)

    @domain.event_handler(Stocked)
    async def stocked(event: Any, context: Any) -> Any:
        try:
            yield Update(await context.fetch(event.target), price=event.price)
        except NotFound:
            yield Insert(event.target, price=event.price)

    return domain, Stock


async def test_items_are_carried_over_to_a_redefined_resource() -> None:
    """After a resource is defined again with one more field, cached, pending and old items are of the new class."""
    domain, stock = shop()
    reader = RecordingReader()
    manager = manage(domain, reader=reader)
    old = domain.resources["article"].cls
    reader.items.update(stored(
        "shop", "article", old(_id="clean", price=1, _etag="1"), old(_id="late", price=9, _etag="1")))
    await manager.fetch("article/clean")
    await manager.issue(stock(price=2), on="new")
    late = stock(price=10)
    domain, stock = shop(extra={"name": field(str, initial="unnamed")}, into=domain)
    assert manager.registry.refresh()
    assert manager.misfits() == []
    new = domain.resources["article"].cls
    assert new is not old
    assert [(status, type(item) is new, item.name) for status, _, item in manager.items("article")] == [
        ("clean", True, "unnamed"), ("new", True, "unnamed")]
    assert {type(item) for item in await manager.find(old)} == {new}
    assert [item.identifier for item in await manager.find(new, name="unnamed")] == ["clean", "late", "new"]
    await manager.issue(late, on="late")        # a command made before
    await manager.issue(stock(price=3), on="clean")
    assert {change.target.identifier: (change.kind, change.new) for change in manager.plan().changes} == {
        "new": ("insert", {"price": 2, "name": "unnamed"}), "late": ("update", {"price": 10}),
        "clean": ("update", {"price": 3})}
    manager.history.undo(3)
    assert len(manager.plan()) == 0


async def test_the_class_of_a_resource_is_renamed() -> None:
    """Items of a resource whose class has another name now are fetched as those of that class, cached ones too."""
    domain = Domain("desk")

    @domain.resource(key="note")
    class Sheet(Resource):
        text = field(str, initial="")

    target = Target("desk", "note", UUID(int=1))
    manager = manage(domain, reader=MemoryReader({target: Sheet(_id=target.identifier, text="a")}))
    await manager.fetch(target)
    domain.forget(Sheet)

    @domain.resource(key="note")
    class Page(Resource):
        text = field(str, initial="")

    manager.registry.refresh()
    assert await manager.fetch(target, target) == [Page(_id=target.identifier, text="a")] * 2


async def test_items_that_no_longer_fit_are_listed() -> None:
    """Cached and pending items that do not fit a redefined resource are listed once each, with all that is wrong."""
    domain, stock = shop()
    reader = RecordingReader()
    manager = manage(domain, reader=reader)
    old = domain.resources["article"].cls
    reader.items.update(stored("shop", "article", *(old(_id=key, price=price, _etag="1") for key, price in (
        ("dear", 100), ("cheap", 1), ("was-dear", 100), ("gets-dear", 1)))))
    await manager.fetch("article/dear", "article/cheap")
    await manager.issue(stock(price=2), on="was-dear")
    await manager.issue(stock(price=100), on="gets-dear")
    shop(kind=int, extra={"price": field(int, check=lambda price: price < 50, doc="below 50")}, into=domain)
    manager.registry.refresh()
    assert sorted(manager.misfits()) == [
        "shop:article/dear: price: 100 failed its check: below 50",
        "shop:article/gets-dear: price: 100 failed its check: below 50"]
    assert [item.identifier for _, _, item in manager.items("article")] == ["cheap"]
    assert manager.misfits("article") == manager.misfits()


async def test_an_item_cached_before_a_field_was_added() -> None:
    """The error names the item, says why it lacks the field, and what would help."""
    domain, stock = shop()
    manager = manage(domain)
    step = await manager.issue(stock(price=2), on="book")
    shop(extra={"since": field(date)}, into=domain)
    manager.registry.refresh()
    why = (r'Article book was refused: 1 problem\n  since: is missing; give "2013-01-31"\. It was cached before the '
           r'field was added: give the field an initial, or see tables\(\)')
    with pytest.raises(Invalid, match=why):
        await manager.fetch(step.target)
    with pytest.raises(Invalid, match=why):
        manager.plan()
