"""Expectation: what a scenario expected beside what happened, line by line, so that only what is otherwise looks so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from difflib import ndiff
from itertools import chain, zip_longest
from typing import Any

from workbench.domain.convert import Refused
from workbench.domain.datadef import values_of
from workbench.domain.entity import Event
from workbench.domain.mutation import Delete, Insert, Mutation
from workbench.domain.registry import Registry
from workbench.domain.resource import Resource, Target
from workbench.domain.sameness import same
from workbench.errors import UnknownName
from workbench.state.planning.change import Change


def differing(
    title: str, expected: list[Any], happened: list[Any], fits: Callable[[Any, Any], bool],
    line: Callable[[Any], str], *, ordered: bool,
) -> list[str]:
    """The lines that differ; what fits is told in the words of what happened, so that it is no difference."""
    pairs = {place: place for place, pair in enumerate(zip(expected, happened, strict=False)) if fits(*pair)
             } if ordered else paired(expected, happened, fits)
    wanted = [line(happened[pairs[place]] if place in pairs else one) for place, one in enumerate(expected)]
    there = [line(one) for one in happened]
    if not ordered:
        wanted, there = sorted(wanted), sorted(there)
    lines = [f"  {text.rstrip()}" for text in ndiff(wanted, there) if text[0] != "?"]
    return [] if wanted == there else [title, *lines]


def paired(expected: list[Any], happened: list[Any], fits: Callable[[Any, Any], bool]) -> dict[int, int]:
    """For each that was expected the place of one that fits it, for as many as can be: what fits several is given up
    to another one where there is a way round (augmenting paths)."""
    pairs: dict[int, int] = {}
    owners: dict[int, int] = {}                     # the same the other way round
    free = dict.fromkeys(range(len(happened)))      # in their order

    def way(start: int, came: dict[int, int]) -> int | None:
        """The next free one that is reached by giving others up; ``came`` notes from where each was reached."""
        queue = [start]
        for at in queue:        # which grows
            for other in chain(free, owners):
                if other not in came and fits(expected[at], happened[other]):
                    came[other] = at
                    if other in free:
                        return other
                    queue.append(owners[other])
        return None

    for place in range(len(expected)):
        came: dict[int, int] = {}
        end = way(place, came)
        if end is not None:
            del free[end]
        while end is not None:
            owner = came[end]
            before, pairs[owner], owners[end] = pairs.get(owner), end, owner
            end = before
    return pairs


def same_event(expected: Event, happened: Event) -> bool:
    """Whether an event is as expected; on which item only where that is said."""
    wanted, there = values_of(expected), values_of(happened)
    return type(expected).__qualname__ == type(happened).__qualname__ and wanted.keys() == there.keys() and all(
        same(value, there[name]) for name, value in wanted.items()) and (
        expected._target is None or _means(expected._target, happened._target))


def without_items(expected: Sequence[Event], happened: Sequence[Event]) -> list[Event]:
    """What happened; an event that differs from one of its class which says no item without its own."""
    return [event.set(_target=None) if one is not None and one._target is None and not same_event(one, event)
            and type(one).__qualname__ == type(event).__qualname__ else event
            for one, event in zip_longest(expected[:len(happened)], happened)]


def _means(on: Any, target: Target | None) -> bool:
    if isinstance(on, Resource):
        return target is not None and on.identifier == target.identifier
    return bool(on == target)


def same_change(expected: Mutation, change: Change) -> bool:
    """Whether a change is what an expected mutation makes; fields of a new item that it does not name may be any."""
    if expected.verb != change.kind:
        return False
    if isinstance(expected, Insert) and isinstance(expected.on, type):
        assert change.after is not None
        if type(change.after).__qualname__ != expected.on.__qualname__:
            return False
    elif not _means(expected.on, change.target):
        return False
    if isinstance(expected, Delete):
        return True
    there, wanted = change.new, expected.values
    return (isinstance(expected, Insert) or wanted.keys() == there.keys()) and all(
        name in there and (same(value, there[name]) or same(_accepted(type(change.after), name, value), there[name]))
        for name, value in wanted.items())


def _accepted(cls: Any, name: str, value: Any) -> Any:
    """A value as an item of a class keeps it; itself where it can be none."""
    with suppress(Refused, KeyError, AttributeError):
        return cls._fields[name].accept(value)
    return value


def change_line(registry: Registry, change: Change | Mutation) -> str:
    """A line of a change, or of an expected one in the same words: its item whole, its values as it keeps them."""
    if isinstance(change, Change):
        on, values = str(change.target), change.new
        return f"{change.kind} {on}{_listed(values)}"
    named: Any = change.on
    cls = named if isinstance(named, type) else None if isinstance(named, Target) else type(named)
    try:
        kindred = named[:2] if cls is None else registry.kindred(cls)
        cls = registry.resource(kindred)
    except UnknownName:     # of no domain here
        kindred = (cls.__name__.lower(),) if cls is not None else named[:2]
    on = ":".join(kindred) + ("" if isinstance(named, type) else f"/{named.identifier}")
    values = {name: value if cls is None else _accepted(cls, name, value) for name, value in change.values.items()}
    return f"{change.verb} {on}{_listed(values)}"


def _listed(values: dict[str, Any]) -> str:
    return "".join(f" {name}={value!r}" for name, value in values.items())
