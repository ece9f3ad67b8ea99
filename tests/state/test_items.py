"""Items as they are shown: what is quick about it equals the naive way, whatever is cached and pending."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tests.state.domains import START, Write, manage, note, notes, stored
from workbench import Delete, Domain, Insert, Resource, Target, Update, field
from workbench.state.manager import StateManager

KEYS = st.integers(0, 12)
MOMENTS = st.none() | st.integers(0, 3).map(lambda seconds: START + timedelta(seconds=seconds))


class Leaf(Resource):
    """Of the same domain as the notes, and so beside them in the cache."""

    text = field(str, initial="")


def leaf(key: int) -> Target:
    return Target("notes", "leaf", UUID(int=key << 96))


async def opened(cached: dict[int, Any], wishes: list[tuple[str, int]]) -> StateManager:
    """A session in whose cache are leaves, and beside each a note and a leaf of another domain; a command did some
    mutations of leaves."""
    verbs: dict[str, Any] = {
        "insert": lambda on: [Insert(on)], "delete": lambda on: [Delete(on)],
        "update": lambda on: [Update(on, text="changed")],
        "back": lambda on: [Update(on, text="changed"), Update(on, text="")]}
    domain = notes(written=lambda event, context: [
        mutation for verb, key in wishes for mutation in verbs[verb](leaf(key))])
    domain.resource(Leaf)
    manager = manage(domain)
    for target in stored("notes", "leaf", *(
            Leaf(_id=leaf(key).identifier, _created=moment) for key, moment in cached.items())).items():
        manager.cache.keep(*target)
        manager.cache.keep(Target("notes", "note", str(target[0].identifier)), note(str(target[0].identifier)))
        manager.cache.keep(target[0]._replace(domain="other"), target[1].set(text="other"))
    await manager.issue(Write(), on="note/any")
    return manager


@st.composite
def stories(draw: st.DrawFn) -> tuple[dict[int, Any], list[tuple[str, int]]]:
    """What is cached, in any order, and mutations that can be made of it, one an item."""
    cached = draw(st.dictionaries(KEYS, MOMENTS))
    wishes = {}
    for key in draw(st.lists(KEYS, unique=True)):
        wishes[key] = draw(st.sampled_from(["update", "back", "delete"])) if key in cached else "insert"
    return cached, [(verb, key) for key, verb in wishes.items()]


@given(stories())
async def test_items_equal_the_naive_ones(story: tuple[dict[int, Any], list[tuple[str, int]]]) -> None:
    """Every item of the resource, once, told apart by what is pending of it, by its moment (none first) and key."""
    cached, wishes = story
    manager = await opened(cached, wishes)
    states = {"insert": "new", "update": "changed", "back": "clean", "delete": "deleted"}
    expected = {**dict.fromkeys(cached, "clean"), **{key: states[verb] for verb, key in wishes}}
    made = {key: cached.get(key, manager.state.step.at) for key in expected}    # type: ignore[union-attr]  # there is one
    order = sorted(expected, key=lambda key: ((made[key] is not None, made[key]), key))
    rows = manager.items("leaf")
    assert [(state, target) for state, target, _ in rows] == [(expected[key], leaf(key)) for key in order]
    assert all(item._id == target.identifier for _, target, item in rows)
    assert {item.text for state, _, item in rows if state == "changed"} <= {"changed"}
    assert {item.text for state, _, item in rows if state != "changed"} <= {""}


async def test_those_of_an_earlier_definition() -> None:
    """They are shown as the present one has them; those that do not fit it are left out."""
    domain = Domain("shop")

    def define(**fields: Any) -> Any:
        return domain.resource(type("Article", (Resource,), {"_id": field(str), **fields,
                                                             "__module__": __name__, "__qualname__": "Article"}))

    cls = define(price=field(int))
    manager = manage(domain)
    for key, price in (("b", 2), ("a", 1), ("c", 300)):
        manager.cache.keep(Target("shop", "article", key), cls(_id=key, price=price))
    cls = define(price=field(int, check=lambda price: price < 100), name=field(str, initial="?"))
    manager.cache.keep(Target("shop", "article", "d"), cls(_id="d", price=4))
    manager.registry.refresh()
    assert [(state, item._id, item.name, type(item) is cls) for state, _, item in manager.items("article")] == [
        ("clean", "a", "?", True), ("clean", "b", "?", True), ("clean", "d", "?", True)]


async def test_what_is_cached_meanwhile() -> None:
    """Items can be looked at while another thread caches more, as a click does that fetches: each is there once."""
    manager = await opened(dict.fromkeys(range(13)), [("update", key) for key in range(13)])
    more = stored("notes", "leaf", *(Leaf(_id=leaf(key).identifier) for key in range(13, 200)))
    interval, ended = sys.getswitchinterval(), threading.Event()

    def caching() -> None:
        while not ended.is_set():
            for target, item in more.items():
                manager.cache.keep(target, item)
            for target in more:
                manager.cache.take(target, None)

    sys.setswitchinterval(1e-6)     # else the threads hardly ever meet
    try:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(caching)
            try:
                found = [(manager.items("leaf"), manager.misfits("leaf")) for _ in range(600)]
            finally:
                ended.set()
    finally:
        sys.setswitchinterval(interval)
    assert all(len({target for _, target, _ in rows}) == len(rows) >= 13 and not misfits for rows, misfits in found)
