"""Prefetch: the items that many commands name, fetched in one query per resource before the first of them runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

from workbench.domain.entity import Command
from workbench.domain.registry import Kindred, Registry
from workbench.domain.resource import Identifier, Target, identify
from workbench.errors import WorkbenchError
from workbench.state.manager import StateManager


async def prefetch(manager: StateManager, wanted: Iterable[tuple[Command, Any]]) -> None:
    """Takes the items that the commands are on, and those that their fields refer to, into the cache."""
    missing: dict[Kindred, dict[Identifier, None]] = {}
    naming = _Naming(manager.registry)
    for command, where in wanted:
        for target in naming.targets(command, where):
            if target not in manager.state.changed and target not in manager.cache.items:
                missing.setdefault(target[:2], {})[target.identifier] = None
    for kindred, identifiers in missing.items():
        for item in await manager.reader.load(kindred, list(identifiers)):
            manager.cache.keep(Target(*kindred, item._id), item)


class _Naming:
    """The items that commands name for sure; what is wrong or ambiguous is left to be said when they run."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._references: dict[type[Command], list[tuple[str, Any]]] = {}
        self._looked_up = set[tuple[Any, type, Any]]()      # of fields: many refer to the same few

    def targets(self, command: Command, where: Any) -> list[Target]:
        """Those of a command; without those that fields of other commands have named before."""
        cls, targets = type(command), list[Target]()
        where = command._target if where is None else where
        if where is not None and not isinstance(where, type):
            with suppress(WorkbenchError):
                targets += self._on(cls, where)
        references = self._references.get(cls)
        if references is None:
            references = self._references[cls] = [
                (name, it.references) for name, it in cls._fields.items() if it.references is not None]
        for name, resource in references:
            value = getattr(command, name)
            reference = resource, cls, value
            if value is not None and reference not in self._looked_up:
                self._looked_up.add(reference)
                with suppress(WorkbenchError):
                    targets.append(self._target(resource, value, self._registry.known(cls).domain))
        return targets

    def _on(self, cls: type[Command], where: Any) -> Iterator[Target]:
        known = self._registry.known(cls)
        declared = known.definition.on
        if declared is not None and (isinstance(where, UUID | int) or _is_text(where)):
            yield self._target(declared, where, known.domain)
        else:
            yield self._registry.target(where, home=known.domain)

    def _target(self, resource: Any, identifier: Any, home: str) -> Target:
        kindred = self._registry.kindred(resource, home=home)
        return Target(*kindred, identify(self._registry.resource(kindred), identifier))


def _is_text(where: Any) -> bool:
    return isinstance(where, str) and "/" not in where
