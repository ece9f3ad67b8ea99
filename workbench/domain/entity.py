"""Entity: a Datadef that a Domain knows under a key. Its kinds: Command, Event, Response.

A command is an intent in the imperative (``OpenAccount``), an event a fact in the past tense (``AccountOpened``), a
response what the caller gets. Commands and events may be *on* one item: ``Deposited(amount=10).on(account)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

from workbench.domain.compiled import putter_of
from workbench.domain.datadef import Datadef, DatadefMeta, field, values_of
from workbench.domain.function_text import is_replaceable, replaceable
from workbench.domain.resource import Resource, Target
from workbench.wording import visible


class EntityMeta(DatadefMeta):
    """Has an entity class put its messages on items by a function of its own, where one can be compiled."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        cls: Any = super().__new__(mcs, name, bases, namespace)
        written = [on for base in cls.__mro__ if (on := vars(base).get("on")) is not None and not is_replaceable(on)]
        if written:
            cls.on = written[0]     # not hidden by what was compiled for a base before it
        elif (put := putter_of(cls, "_target")) is not None:
            put.__name__, put.__qualname__, put.__module__ = "on", f"{cls.__qualname__}.on", cls.__module__
            put.__doc__ = cls.on.__doc__
            cls.on = replaceable(put)
        return cls


class Entity(Datadef, metaclass=EntityMeta):
    """The base of Command, Event and Response."""

    _target: Any = field(object, initial=None, hidden=True)

    @replaceable
    def on(self, target: Target | Resource) -> Self:
        """The same message on one item, given as a Target or as the item itself."""
        on: Self = self.set(_target=target)
        return on

    @property
    def target(self) -> Target:
        """The item this is on; raises AttributeError when it is on none."""
        if self._target is None:
            raise AttributeError(f"this {type(self).__name__} is on no item; say .on(target) where it is made")
        return self._target     # type: ignore[no-any-return]  # a Target once the message is handled

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={value!r}" for name, value in values_of(self).items())
        where = "" if self._target is None else f".on({visible(str(self._target))})"
        return f"{type(self).__name__}({inner}){where}"


class Command(Entity):
    """An intent, in the imperative; its handler yields Events and Responses."""


class Event(Entity):
    """A fact, in the past tense; only a command handler yields it, and its handler yields Mutations."""


class Response(Entity):
    """What the caller of a command gets; its response handler turns it into JSON, a table, a file …"""


class Answer(Response):
    """The plain Response of ``context.respond(balance=…)``: named values of any type, read as ``answer["balance"]``."""

    values: Any = field(object)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def __iter__(self) -> Iterator[str]:
        yield from self.values

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name != "values" and name in self._ipython_key_completions_():
            raise AttributeError(f'the values of an answer are read by their names in brackets: ["{name}"]')
        return object.__getattribute__(self, name)      # raises, in Python's own words

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.values) if isinstance(self.values, Mapping) else []
