"""Seen: what the code of all handlers of a session says about who leads to whom; nothing is run.

Code may name what it never yields, and may yield what cannot be read in it. So what is seen is drawn dashed, and what
is not seen is called unreachable only where all of the code could be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workbench.domain.handler import Handler
from workbench.domain.mentions import mentions
from workbench.domain.mutation import Delete, Insert, Update
from workbench.domain.place import place_of
from workbench.domain.registry import Known, Registry
from workbench.errors import UnknownName
from workbench.notebook.pictures.diagram import Kind

_VERBS = (Insert, Update, Delete)


def name_of(kind: Kind, known: Known) -> str:
    """The key of the node of a definition."""
    return f"{kind} {known.domain}:{known.key}"


def policy_name(handler: Handler) -> str:
    """The key of the node of a policy: two of one name are two."""
    return f"policy {handler.domain}:{'.'.join(handler.place)}"


def known_or_none(registry: Registry, cls: type[Any]) -> Known | None:
    """The registration of a class; None when it was forgotten since."""
    try:
        return registry.known(cls)
    except UnknownName:
        return None


class Seen:
    """``edges`` are pairs of the keys of nodes; ``partly`` says that some code could not be read whole."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._domains = list(registry.domains.values())
        self._events = [Known.of(domain.key, it) for domain in self._domains for it in domain.events.values()]
        self._commands = [Known.of(domain.key, it) for domain in self._domains for it in domain.commands.values()]
        self._resources = [Known.of(domain, it) for (domain, _), it in registry.resources.items()]
        self._read = {handler.function: mentions([handler.function]) for domain in self._domains for handler in (
            *domain.command_handlers.values(), *domain.event_handlers.values(),
            *(policy for _, policy in domain.policies.values()))}
        self.partly = any(read.partly for read in self._read.values())
        self.edges = tuple(dict.fromkeys([*self._of_commands(), *self._of_events(), *self._of_policies()]))

    def open_to(self, kind: Kind, known: Known) -> bool:
        """Whether something may lead to an event or a resource though no edge says so: code that was not read whole
        or names it by its bare name, a command on it or on any item."""
        if self.partly:
            return True
        if kind == "event":
            return any(self._read[handler.function].name(known.cls)
                       for domain in self._domains for handler in domain.command_handlers.values())
        on = [command.definition.on for command in self._commands]
        return (any(cls is None or place_of(cls) == place_of(known.cls) for cls in on)
                or any(read.name(known.cls) or any(known.key in text for text in read.texts)
                       for read in self._read.values()))

    def _of_commands(self) -> Iterator[tuple[str, str]]:
        for command in self._commands:
            handler = self._registry.domains[command.domain].command_handlers.get(command.key)
            for event in self._named(handler, self._events):
                yield name_of("command", command), name_of("event", event)
                on = command.definition.on
                known = None if on is None else known_or_none(self._registry, on)
                if known is not None and self._leaves_open(event):
                    yield name_of("event", event), name_of("resource", known)

    def _of_events(self) -> Iterator[tuple[str, str]]:
        for event in self._events:
            for resource in self._named(self._handler(event), self._resources):
                yield name_of("event", event), name_of("resource", resource)

    def _of_policies(self) -> Iterator[tuple[str, str]]:
        for domain in self._domains:
            for reacting, handler in domain.policies.values():
                for cls in reacting:
                    if (event := known_or_none(self._registry, cls)) is not None:
                        yield name_of("event", event), policy_name(handler)
                for command in self._named(handler, self._commands):
                    yield policy_name(handler), name_of("command", command)

    def _handler(self, event: Known) -> Handler | None:
        return self._registry.domains[event.domain].event_handlers.get(event.key)

    def _named(self, handler: Handler | None, among: list[Known]) -> list[Known]:
        if handler is None:
            return []
        places = self._read[handler.function].places
        return [known for known in among if place_of(known.cls) in places]

    def _leaves_open(self, event: Known) -> bool:
        """Whether an event's handler changes something that may be what the command is on: it names a ``target``, or no
        resource at all. A resource that it names it may only look at."""
        handler = self._handler(event)
        if handler is None:
            return False
        read = self._read[handler.function]
        return any(map(read.name, _VERBS)) and ("target" in read.texts or not self._named(handler, self._resources))
