"""Registration: a class as a registry has it (Known), and the way that its messages go (Route).

Both are what a Registry found when it last looked at its domains; it makes them anew when one of them has changed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from workbench.domain.definitions import Definition
from workbench.domain.domain import Domain
from workbench.domain.handler import Handler

Kindred = tuple[str, str]     # the keys of a domain and of a resource in it


class Known(NamedTuple):
    """A class as it is registered now: in which domain, under which key."""

    domain: str
    key: str
    cls: Any
    definition: Definition
    kindred: Kindred        # the two keys together

    @classmethod
    def of(cls, domain: str, definition: Definition) -> Known:
        """A definition of a domain as it is known."""
        return cls(domain, definition.key, definition.cls, definition, (domain, definition.key))


class Route:
    """The way of the commands or events of a class: the ``home`` domain whose handlers they meet, what they are ``on``,
    what the domain may touch (``granted``), and the ``policies`` that react to them, in the order of registration."""

    __slots__ = ("cls", "granted", "home", "kindred", "on", "policies")

    def __init__(
        self, known: Known, home: Domain, on: Kindred | None, granted: frozenset[Kindred], policies: list[Handler],
    ) -> None:
        self.cls, self.kindred, self.home, self.on = known.cls, known.kindred, home, on
        self.granted, self.policies = granted, policies
