"""Address: how a command is said in text: ``bank:deposit``, and with what it is on ``bank:deposit/account/<id>``.

The domain may be left out where only one has the command; what is read back was ``written`` with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.domain.convert import shown
from workbench.domain.definitions import Definition
from workbench.domain.domain import Domain
from workbench.domain.entity import Command
from workbench.domain.resource import Target
from workbench.errors import Invalid, Problem, UnknownName


def written(domain: str, command: str, target: Target | None) -> str:
    """The address of a command, given by its two keys, on a target; the domain is said once."""
    if target is None:
        return f"{domain}:{command}"
    resource = target.resource if target.domain == domain else f"{target.domain}:{target.resource}"
    return f"{domain}:{command}/{resource}/{target.identifier}"


def command_named(domains: Mapping[str, Domain], name: str) -> tuple[Domain, Definition]:
    """The command of a name such as ``bank:deposit`` or ``deposit``, and its domain; raises UnknownName."""
    domain_key, colon, key = name.rpartition(":")
    if not colon:
        holders = [domain.key for domain in domains.values() if key in domain.commands]
        if len(holders) != 1 and len(domains) > 1:
            raise UnknownName("command", key, [f"{d.key}:{own}" for d in domains.values() for own in d.commands])
        domain_key = holders[0] if holders else next(iter(domains))
    domain = domain_named(domains, domain_key)
    definition = domain.commands.get(key)
    if definition is None:
        raise UnknownName("command", key, domain.commands, where=domain.key)
    return domain, definition


def command_at(domains: Mapping[str, Domain], address: str, data: Mapping[str, Any]) -> tuple[Command, str | None]:
    """The command at an address with its data, and what follows it there: ``account/<id>``, as ``written`` wrote it.

    Raises UnknownName, and Invalid for data that the command does not take."""
    name, _, rest = address.partition("/")
    _, definition = command_named(domains, name)
    hidden = [Problem(field, value, "is set by the workbench alone; leave it out")
              for field, value in data.items() if field.startswith("_")]
    if hidden:
        raise Invalid(definition.cls.__name__, hidden)
    return definition.cls(**data), rest or None


def domain_named(domains: Mapping[str, Domain], key: str) -> Domain:
    """The domain of a key; raises UnknownName."""
    if key not in domains:
        raise UnknownName("domain", key, domains)
    return domains[key]


def no_command(domains: Mapping[str, Domain], given: Any) -> Invalid:
    """The error for what was to be issued and is no command, with one of these domains as an example."""
    if isinstance(given, type) and issubclass(given, Command):
        return Invalid("issue", [Problem(None, given, (
            f"{given.__name__} is the class of a command; give one of it: {call_of(given)}"))])
    known = [definition for domain in domains.values() for definition in domain.commands.values()]
    example = f" such as {call_of(known[0].cls)}" if known else ""
    return Invalid("issue", [Problem(None, given, (
        f"{shown(given)} is no command; give one{example}, or its address"))])


def call_of(command: type[Any]) -> str:
    """How a command is made in code: ``AddBook(title=…)``, with the fields that must be given."""
    return f"{command.__name__}({', '.join(f'{name}=…' for name, one in command._fields.items() if one.required)})"
