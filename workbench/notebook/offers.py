"""Offers: the addresses, resources, identifiers, fields and values that may be typed next, with what each of them is.

An identifier is offered with what its item is called, which a front end shows beside it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from workbench.domain.definitions import Definition
from workbench.domain.domain import Domain
from workbench.domain.kinds import EnumKind
from workbench.domain.registry import Registry
from workbench.notebook.html.called import Called
from workbench.notebook.labels import present
from workbench.notebook.workbench import Workbench

IDENTIFIERS = 50        # at most, of one resource
CALLED = 30             # characters of a label


class Offer(NamedTuple):
    """A text that may be typed next, and what ``kind`` of thing it is: "command", "field" … or the label of an item."""

    text: str
    kind: str


def resources(registry: Registry, home: str | None = None) -> list[Offer]:
    """The resources as they are typed: with their domain if there are several domains and it is not ``home``."""
    registry.refresh()
    alone = len(registry.domains) == 1
    return [Offer(key if alone or domain == home else f"{domain}:{key}", "resource")
            for domain, key in registry.resources]


def identifiers(wb: Workbench, resource: Any, typed: str = "") -> list[Offer]:
    """The identifiers of cached items that begin with ``typed``, the last made first."""
    kindred = wb.session.registry.kindred(resource)
    fitting = present(wb.session.manager, kindred, lambda target, _: str(target.identifier).startswith(typed),
                      IDENTIFIERS)
    named = Called(wb.session.manager)
    called = ((target, named.label_from(target, item) or kindred[1]) for target, item in fitting)
    # Front ends give it one line, and break it at its spaces.
    return [Offer(str(target.identifier), text[:CALLED].replace(" ", "\N{NO-BREAK SPACE}")) for target, text in called]


def targets(wb: Workbench, typed: str, home: str | None = None) -> list[Offer]:
    """``account/`` for each resource, and after the slash its identifiers."""
    resource, slash, begun = typed.partition("/")
    if not slash:
        return [Offer(f"{one.text}/", one.kind) for one in resources(wb.session.registry, home)]
    kindred = ":".join(wb.session.registry.kindred(resource, home=home))
    return [Offer(f"{resource}/{one.text}", one.kind) for one in identifiers(wb, kindred, begun)]


def addresses(wb: Workbench, typed: str) -> list[Offer]:
    """The next part of an address: ``bank:deposit``, ``bank:deposit/account/``, ``bank:deposit/account/<id>``."""
    registry = wb.session.registry
    registry.refresh()
    head, slash, rest = typed.partition("/")
    if not slash:
        whole = [(domain.key, key) for domain in registry.domains.values() for key in domain.commands]
        keys = [key for _, key in whole]
        bare = [key for key in keys if head and keys.count(key) == 1]
        return [Offer(text, "command") for text in [*(f"{domain}:{key}" for domain, key in whole), *bare]]
    home, command = registry.command_named(head)
    if command.on is None or "/" in rest:
        return [Offer(f"{head}/{one.text}", one.kind) for one in targets(wb, rest, home.key)]
    domain, key = registry.kindred(command.on)
    return [Offer(f"{head}/{key if domain == home.key else f'{domain}:{key}'}/", "resource")]


def lines(wb: Workbench, *, branches: bool, checkpoints: bool) -> list[Offer]:
    """The names of the branches and of the checkpoints, as asked for."""
    manager = wb.session.manager
    return [*(Offer(name, "branch") for name in manager.branches if branches),
            *(Offer(name, "checkpoint") for name in manager.history.checkpoints if checkpoints)]


def names(wb: Workbench, address: str) -> list[Offer]:
    """The fields of the command at an address."""
    return [Offer(name, "field") for name in _command(wb, address)[1].cls._public]


def values(wb: Workbench, address: str, name: str, typed: str) -> list[Offer]:
    """The known values of a field as text: choices, members, True and False, identifiers; for ``on`` the items."""
    home, command = _command(wb, address)
    fields = command.cls._public
    if name not in fields:
        if name != "on":
            return []
        on = None if command.on is None else ":".join(wb.session.registry.kindred(command.on))
        return [one for one in targets(wb, typed, home.key) if on is None or _is_of(wb, one.text, on, home.key)]
    field = fields[name]
    kind = field.kind.bare
    if field.choices is not None:
        return [Offer(str(kind.dump(choice)), "choice") for choice in field.choices if choice is not None]
    if isinstance(kind, EnumKind):
        return [Offer(member, "choice") for member in kind.members]
    if kind.annotation is bool:
        return [Offer("True", "choice"), Offer("False", "choice")]
    return identifiers(wb, field.references, typed) if isinstance(field.references, type) else []


def _is_of(wb: Workbench, target: str, resource: str, home: str) -> bool:
    return ":".join(wb.session.registry.kindred(target.partition("/")[0], home=home)) == resource


def _command(wb: Workbench, address: str) -> tuple[Domain, Definition]:
    wb.session.registry.refresh()
    return wb.session.registry.command_named(address.partition("/")[0])
