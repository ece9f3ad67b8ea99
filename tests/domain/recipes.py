"""Recipes: classes that Hypothesis draws, compiled and slow, and the values that are given for their fields.

A ``Recipe`` has several levels of fields of all kinds with checks, choices, factories and initial values, of rules, of
mixins, and of ways of its own to be built and changed. ``made`` makes its class: compiled or, with ``slow``, with
nothing compiled, so that every record is built by ``_checked`` and changed by pyrsistent. ``inputs`` are values for a
class, of which most will do, and ``outcome`` is all that can be seen of what they make.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import assume
from hypothesis import strategies as st
from pyrsistent import PClass

from tests.strategies import ANNOTATIONS, Address, Colour, Size, values
from workbench.domain import datadef
from workbench.domain.datadef import Datadef, field, invariant
from workbench.domain.frozen import FrozenDict, FrozenList
from workbench.errors import DefinitionError, Invalid

NAMES = ["name", "v", "record", "cls", "more", "pair", "of", "größe", "f1", "isascii", "class", "given", "_kept"]
calls: list[Any] = []       # of the factories and initial values of both classes, which are to be called as often


class Once:
    """A list that can be read but once."""

    def __init__(self, members: Any) -> None:
        self.members = iter(members)

    def __iter__(self) -> Iterator[Any]:
        return self.members

    def __repr__(self) -> str:
        return "<once>"


class Text(str):
    """Text of a class of its own."""


class Key(UUID):
    """A UUID as a driver has it."""


ODD: list[Any] = [
    None, "", " 7 ", "x", "é", "a\0b", "\ud800", Text("x"), True, 0, 7, 2**63, Size.LARGE, 1.5, float("nan"),
    Decimal(7), Decimal("NaN"), Decimal("sNaN"), Decimal("1e200000"), b"", bytearray(b"x"), [], ["x"], [None], (1, "2"),
    {}, {1: 2}, {"city": "Rome"}, {"city": 1, "town": 2}, Address(city="Rome"), Colour.RED, "RED", "red", UUID(int=1),
    Key(int=2), datetime(2020, 1, 1), datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=1))), "2020-01-01T00:00:00Z",
    FrozenDict({"a": "é"}), FrozenDict({"a": ...}), FrozenDict({"a": {"b": [1]}}), FrozenList([1, Decimal(2)]),
    ...]
ANY: list[Any] = [None, "x", 7, (1, "2"), ..., Address(city="Rome")]       # with a hash


# ------------------------------------------------------------------------------------------------ recipes

def counted(deed: Callable[..., Any]) -> Callable[..., Any]:
    def told(*arguments: Any) -> Any:
        calls.append(arguments and repr(arguments))
        return deed(*arguments)
    return told


def mostly(value: Any) -> bool:
    """Holds of most values, always the same of the same."""
    return len(repr(value)) % 7 != 0


CHECKS: list[Callable[[Any], Any]] = [
    mostly, lambda v: (mostly(v), "it should"), lambda v: 1 / mostly(v), lambda v: None if mostly(v) else int("x"),
    lambda v: [mostly(v)] * mostly(v)]
FACTORIES: list[Callable[[Any], Any]] = [
    lambda v: v, lambda v: v, lambda v: v, lambda v: list(v) if isinstance(v, Once) else v, lambda v: v.strip(),
    lambda v: None]


class Level(NamedTuple):
    """What one class of a Recipe declares: fields as arguments of ``field``, rules, and names of ``OWN`` and MIXINS."""

    fields: dict[str, dict[str, Any]]
    rules: list[str]
    own: list[str]
    mixins: list[str]


def all_of(record: Any) -> str:
    return repr([getattr(record, name) for name in type(record)._fields])


RULES: dict[str, Any] = {
    "holds": invariant(lambda self: mostly(all_of(self))),
    "says": invariant(lambda self: (mostly(all_of(self) + "x"), "it is so")),
    "breaks": invariant(lambda self: 1 / mostly(all_of(self) + "xx")),
    "__invariant__": lambda self: (mostly(all_of(self) + "xxx"), "it is so for all"),
}


def _new(mine: list[Any]) -> Any:
    def __new__(cls: Any, /, **given: Any) -> Any:
        calls.append("own __new__")
        return super(mine[0], cls).__new__(cls, **given)
    return __new__


def _set(mine: list[Any]) -> Any:
    def set(self: Any, *pair: Any, **given: Any) -> Any:
        calls.append("own set")
        return super(mine[0], self).set(*pair, **given)
    return set


def _init(mine: list[Any]) -> Any:
    def __init__(self: Any, **given: Any) -> None:
        calls.append("own __init__")
    return __init__


def _create(mine: list[Any]) -> Any:
    def create(cls: Any, kwargs: Any, _factory_fields: Any = None, ignore_extra: bool = False) -> Any:
        calls.append("own create")
        return super(mine[0], cls).create(kwargs, _factory_fields=_factory_fields, ignore_extra=ignore_extra)
    return classmethod(create)


# By name, what makes a method of a class that will be the first member of a list.
OWN: dict[str, Callable[[list[Any]], Any]] = {"__new__": _new, "set": _set, "__init__": _init, "create": _create}


class Slotless:
    """Gives every record a dict."""

    def told(self) -> str:
        return "told"


class Slotted:
    """Adds nothing to a record but a property."""

    __slots__ = ()

    @property
    def told(self) -> str:
        return "told"


class Noticing:
    """Is told of every subclass."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        calls.append(f"subclass {cls.__name__}")


class Making:
    """Comes between, when a record is made or changed."""

    __slots__ = ()

    def __new__(cls, /, **given: Any) -> Any:
        calls.append("mixed in __new__")
        return super().__new__(cls, **given)

    def set(self, *pair: Any, **given: Any) -> Any:
        calls.append("mixed in set")
        return super().set(*pair, **given)  # type: ignore[misc]  # of the Datadef that it is mixed into


MIXINS = {cls.__name__: cls for cls in (Slotless, Slotted, Noticing, Making)}


class Recipe(NamedTuple):
    levels: list[Level]

    def made(self, *, slow: bool = False) -> Any:
        """The class of the last level. Raises DefinitionError."""
        with pytest.MonkeyPatch.context() as patch:
            if slow:
                patch.setattr(datadef, "builder_of", lambda cls: lambda cls, /, **given: (
                    cls._told(given) if "_factory_fields" in given else cls._checked(given)))
                patch.setattr(datadef, "changer_of", lambda cls: None)
            cls: Any = Datadef
            for level in self.levels:
                mine: list[Any] = []
                namespace = {"__module__": __name__, **{name: RULES[name] for name in level.rules},
                             **{name: OWN[name](mine) for name in level.own},
                             **{name: field(**arguments) for name, arguments in level.fields.items()}}
                mixins = [MIXINS[name] for name in level.mixins if MIXINS[name] not in cls.__mro__]
                cls = types.new_class("Generated", (*mixins, cls), {}, lambda space, its=namespace: space.update(its))
                mine.append(cls)
            return cls


@st.composite
def declared(draw: st.DrawFn) -> dict[str, Any]:
    """Arguments of ``field`` that go together."""
    annotation = draw(st.sampled_from([*ANNOTATIONS, object]))
    arguments: dict[str, Any] = {"type": annotation}
    held = st.sampled_from(ANY) if annotation is object else values(annotation)
    if draw(st.integers(0, 3)) == 3:
        arguments["check"] = draw(st.sampled_from(CHECKS))
    if draw(st.integers(0, 7)) == 7:
        arguments["factory"] = counted(draw(st.sampled_from(FACTORIES)))
    if draw(st.integers(0, 7)) == 7:
        arguments["choices"] = draw(st.lists(held, min_size=1, max_size=3))
    if draw(st.integers(0, 3)) == 3:
        first = draw(held | st.sampled_from(ANY if annotation is object else ODD))
        arguments["initial"] = draw(st.sampled_from([first, counted(lambda: first)]))
    try:
        field(**arguments)
    except DefinitionError:
        arguments.pop("initial", None)
        arguments.pop("choices", None)
    return arguments


def rarely(names: Any) -> st.SearchStrategy[list[str]]:
    """None of them mostly, else one."""
    return st.sampled_from([[]] * 3 * len(names) + [[name] for name in names])


LEVEL = st.builds(
    Level, fields=st.dictionaries(st.sampled_from(NAMES), declared(), max_size=4),
    rules=rarely(RULES), own=rarely(OWN), mixins=rarely(MIXINS))
RECIPES = st.lists(LEVEL, min_size=1, max_size=3).map(Recipe)
WAYS = ["kept"] * 20 + ["text", "once", "once", "absent", "odd", "bad once"]


@st.composite
def inputs(draw: st.DrawFn, cls: Any, *, ways: list[str] = WAYS) -> Callable[[], dict[str, Any]]:
    """Values by name for a class, made anew at each call: most as fields keep them, others as text, some wrong."""
    told: dict[str, Callable[[], Any]] = {}
    for name, it in cls._fields.items():
        way = draw(st.sampled_from(ways))
        if way == "absent" or (not it.required and draw(st.integers(0, 3)) == 3):
            continue
        if way == "odd" or it.kind.annotation is object:
            odd = draw(st.sampled_from(ODD if way == "odd" else ANY))
            told[name] = lambda odd=odd: odd
            continue
        value = draw(values(it.kind.annotation) if it.choices is None else st.sampled_from(it.choices))
        if way == "text":
            value = it.kind.dump(value)
        if isinstance(value, list) and "once" in way:
            told[name] = lambda value=value, more=[...] * (way == "bad once"): Once([*value, *more])
        else:
            told[name] = lambda value=value: value
    if draw(st.integers(0, 19)) == 19:
        told[draw(st.sampled_from(["nmae", "other", "ignore_extra", "_factory_fields"]))] = lambda: 1
    return lambda: {name: make() for name, make in told.items()}


def outcome(make: Callable[[], Any]) -> Any:
    """What was made, to the types of its values, or what was raised, in its words; and what was called for it."""
    calls.clear()
    try:
        record = make()
    except Exception as error:
        return type(error), str(error), getattr(error, "problems", ()) and [
            (problem.field, repr(problem.value)) for problem in error.problems], error.__context__, calls[:]
    return seen(record), calls[:]


def seen(record: Any) -> Any:
    if not isinstance(record, PClass):
        return record
    held = [(name, type(value), repr(value)) for name, value in record._to_dict().items()]
    return type(record).__name__, held, repr(record)


def pair_of(recipe: Recipe) -> tuple[Any, Any]:
    """The class compiled, and the same one slow."""
    try:
        return recipe.made(), recipe.made(slow=True)
    except (DefinitionError, TypeError) as error:
        assume(not isinstance(error, DefinitionError) and "layout" not in str(error))
        raise


@st.composite
def records(draw: st.DrawFn, recipe: Recipe) -> tuple[Any, Any]:
    """A record of the class of a recipe, compiled, and one of the same values and slow; those that can be made."""
    fast, slow = pair_of(recipe)
    given = draw(inputs(fast, ways=["kept"]))
    try:
        return fast(**given()), slow(**given())
    except Invalid:
        assume(False)
        raise
