"""Making: whether a command may make the item that it is on, as far as the code of its handlers tells."""

from __future__ import annotations

from workbench.domain.mentions import mentions
from workbench.domain.mutation import Insert
from workbench.domain.registry import Registry


def may_make(registry: Registry, address: str) -> bool:
    """Whether an event that the command's handler names is inserted from; True where the code does not tell."""
    domain, command = registry.command_named(address)
    handler = domain.command_handlers.get(command.key)
    if handler is None:
        return True
    read = mentions([handler.function])
    events = [one.event_handlers.get(event.key) for one in registry.domains.values()
              for event in one.events.values() if read.name(event.cls)]
    if read.partly or not events:
        return True
    after = mentions([event.function for event in events if event is not None])
    return after.partly or after.name(Insert)
