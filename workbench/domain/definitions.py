"""Definitions: the tables of one Domain, and how they follow when its cell makes the Domain again.

``library = Domain("library")`` run a second time makes another object, and the cells below it define into that. An open
session holds the first one. So a Domain remembers under which names its own modules know it; once another Domain of its
key has taken the name, what is defined there comes over it, and what was not defined again stays as it was: as when
only some of the cells run a second time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from threading import Lock
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

from workbench.domain.entity import Event
from workbench.domain.handler import Handler
from workbench.domain.place import place_of
from workbench.domain.resource import Resource

K = TypeVar("K")
V = TypeVar("V")


class Definition(NamedTuple):
    """A class under its key; for a Resource its gino ``model`` and ``table`` name, for a Command what it is ``on``."""

    key: str
    cls: Any
    model: Any = None
    table: str | None = None
    on: type[Resource] | None = None


class Definitions:
    """Plain tables, to look at; one that changes is another dict, for a click may look at it while a cell defines.

    ``version`` goes up with every registration, so that open sessions look again; ``remade`` are the Domains that were
    made in place of this one, the present one last."""

    def __init__(self, key: str, uses: tuple[Any, ...]) -> None:
        self.key, self.uses = key, uses
        self.resources: dict[str, Definition] = {}
        self.commands: dict[str, Definition] = {}
        self.events: dict[str, Definition] = {}
        self.responses: dict[str, Definition] = {}
        self.command_handlers: dict[str, Handler] = {}
        self.event_handlers: dict[str, Handler] = {}
        self.response_handlers: dict[str, Handler] = {}
        self.policies: dict[tuple[str, str], tuple[tuple[type[Event], ...], Handler]] = {}
        self.version = 0
        self.remade: tuple[Definitions, ...] = ()
        self._names: list[tuple[dict[str, Any], str]] = []      # where it is known, and under which name
        self._before: list[Any] = []     # the tables as they were when the last of ``remade`` came
        self._taken = 0     # the version of it that has come over them
        self._following = Lock()

    def classes(self) -> dict[str, dict[str, Definition]]:
        """The four tables of classes, by kind: "resource", "command", "event" and "response"."""
        return {"resource": self.resources, "command": self.commands, "event": self.events, "response": self.responses}

    def handlers(self) -> dict[str, dict[str, Handler]]:
        """The three tables of handlers, by the kind of what they handle; policies are in none of them."""
        return {"command": self.command_handlers, "event": self.event_handlers, "response": self.response_handlers}

    def functions(self) -> list[Callable[..., Any]]:
        """The functions of all handlers and policies; one that handles several stands there as often."""
        handlers = [handler for table in self.handlers().values() for handler in table.values()]
        return [handler.function for handler in (*handlers, *(policy for _, policy in self.policies.values()))]

    def unhandled(self, kind: str) -> dict[str, Definition]:
        """The classes of a kind, by key, that have no handler."""
        handled = self.handlers()[kind]
        return {key: definition for key, definition in self.classes()[kind].items() if key not in handled}

    # -------------------------------------------------------------------------------------------- made again

    def remember(self) -> None:
        """Looks up the names that the modules of the definitions and handlers have for it."""
        present = self.remade[-1] if self.remade else self
        own = [definition.cls for table in self.classes().values() for definition in table.values()]
        own += self.functions()
        modules = [sys.modules.get(name) for name in dict.fromkeys(getattr(one, "__module__", "") for one in own)]
        self._names = [(vars(module), name) for module in modules if isinstance(module, ModuleType)
                       for name, value in list(vars(module).items())    # a cell may run meanwhile
                       if value is present and not name.startswith("_")     # IPython's own: _ and _3
                       ] or self._names

    def follow(self) -> None:
        """Takes over what is defined in a Domain of the same key that has taken this one's every name."""
        if self._is_left() or (self.remade and self._lags()):
            with self._following:       # a click may at the same time: the one would take what the other took for old
                if self._is_left():
                    self._succeed()
                if self.remade and self._lags():
                    self._take(self.remade[-1])

    def _is_left(self) -> bool:
        """Whether none of its names leads to it any more, nor to the last one that was made in its place."""
        present = self.remade[-1] if self.remade else self
        for space, name in self._names:     # noqa: SIM110  # before nearly every verb: a generator takes longer
            if (one := space.get(name)) is present or one is self:
                return False
        return True

    def _lags(self) -> bool:
        """Whether the last one that was made in its place has definitions that were not taken over yet."""
        return self.remade[-1].version != self._taken

    def _succeed(self) -> None:
        for one in [space.get(name) for space, name in self._names]:
            if isinstance(one, type(self)) and one.key == self.key and one.version:
                self._before = [*self.classes().values(), *self.handlers().values(), self.policies]
                self.remade, self._taken = (*self.remade, one), 0
                return

    def _take(self, later: Definitions) -> None:
        self._taken = later.version     # first: what is registered meanwhile is taken the next time
        before = self._before
        again = {place_of(definition.cls) for table in later.classes().values() for definition in table.values()}
        self.resources, self.commands, self.events, self.responses = (
            _over(old, new, lambda definition: place_of(definition.cls) in again)
            for old, new in zip(before[:4], later.classes().values(), strict=True))
        anew = {handler.place for table in later.handlers().values() for handler in table.values()}
        self.command_handlers, self.event_handlers, self.response_handlers = (
            _over(old, new, lambda handler: handler.place in anew)
            for old, new in zip(before[4:7], later.handlers().values(), strict=True))
        # By the event: a policy that goes by another name now is not to react beside the one it was.
        answered = {place_of(event) for events, _ in later.policies.values() for event in events}
        self.policies = _over(before[7], later.policies,
                              lambda policy: not answered.isdisjoint(map(place_of, policy[0])))
        self.uses = later.uses
        self.version += 1


def _over(old: Mapping[K, V], new: Mapping[K, V], replaced: Callable[[V], bool]) -> dict[K, V]:
    """The new entries, and those of the old ones that they do not replace."""
    return {**{key: value for key, value in old.items() if not replaced(value)}, **new}
