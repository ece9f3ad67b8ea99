"""Restored: a saved plan made into a Plan again, to be written by a session in which its resources are defined.

The values become items of the classes defined here, which validates them. The changes are found again from the items
before and after, and must be the ones that were saved; the order is found again from the tables.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rpds import HashTrieMap

from workbench.domain.datadef import field
from workbench.domain.datadef import restored as fields_restored
from workbench.domain.entity import Command, Event
from workbench.domain.mutation import Delete, Insert, Mutation, Update
from workbench.domain.registry import Kindred, Registry
from workbench.domain.resource import Resource, Target, identify
from workbench.errors import Invalid, OtherDefinition, TamperedPlan
from workbench.state.planning.block import Rank
from workbench.state.planning.change import Change
from workbench.state.planning.differ import change_of
from workbench.state.planning.order import ordered
from workbench.state.planning.plan import Plan
from workbench.state.planning.table import Table
from workbench.state.saved.change import target_of
from workbench.state.saved.document import definition_of, retyped, spelled
from workbench.state.saved.plan import SavedPlan
from workbench.state.state import Entry, State
from workbench.state.step import Handling, Occurrence, Step

_MUTATIONS: Mapping[str, type[Mutation]] = types.MappingProxyType(
    {"insert": Insert, "update": Update, "delete": Delete})


def differences(saved: SavedPlan, registry: Registry) -> list[str]:
    """How the definitions that a plan was saved with differ from those of a session, a line each."""
    found = []
    items = [change.target for change in saved.changes] + [*saved.reads, *saved.idle]
    for name in dict.fromkeys([*saved.definitions, *(f"{target.domain}:{target.resource}" for target in items)]):
        domain, _, resource = name.partition(":")
        if (domain, resource) not in registry.resources:
            found.append(f"{name} is not defined here")
            continue
        if name not in saved.definitions:
            continue        # only read, in a plan that was made without tables
        then, present = saved.definitions[name], definition_of(registry.resource((domain, resource)))
        for one in dict.fromkeys([*present, *then]):
            if one not in present:
                found.append(f"{name}: the field {one} ({then[one]}) is not there any more")
            elif one not in then:
                found.append(f"{name}: the field {one} ({present[one]}) is new")
            elif then[one] != present[one]:
                found.append(f"{name}: the field {one} was {then[one]} and is {present[one]} now")
    return found


def restored(saved: SavedPlan, registry: Registry, tables: Mapping[Kindred, Table]) -> Plan:
    """The Plan that was saved, its items being of the classes of a registry.

    Raises UnreadablePlan, TamperedPlan and OtherDefinition; the last also for values that are no longer valid."""
    saved.verify()
    found = differences(saved, registry)
    if found:
        raise OtherDefinition(saved.nonce, found)
    try:
        return _Restoring(saved, registry).plan(tables)
    except Invalid as invalid:
        raise OtherDefinition(saved.nonce, [f"{invalid.what}: {problem}" for problem in invalid.problems]) from invalid
    except (LookupError, TypeError, ValueError, AttributeError) as error:      # its hash was made to fit
        raise TamperedPlan(saved.nonce, [f"it does not hold together: {error!r}"]) from error


class _Restoring:
    """Restores one plan; steps and events are made first, as the changes refer to them."""

    def __init__(self, saved: SavedPlan, registry: Registry) -> None:
        self._saved, self._registry = saved, registry
        self._steps: dict[int, Step] = {}
        self._occurrences: dict[int, list[Occurrence]] = {}
        self._classes: dict[tuple[type[Any], str, tuple[str, ...]], Any] = {}

    def plan(self, tables: Mapping[Kindred, Table]) -> Plan:
        for command in self._saved.commands:
            self._steps[command["step"]] = self._step(command)
        changes = [self._change(place, change) for place, change in enumerate(self._saved.document["changes"])]
        reads = {self._target(str(target)): etag for target, etag in self._saved.reads.items()}
        idle = tuple(self._target(str(target)) for target in self._saved.idle)
        state, entries = State.empty(), HashTrieMap({change.target: change.entry for change in changes})
        for step in self._steps.values():
            state = state.after(entries, step, len(entries))
        return Plan(state, ordered(Rank.of(changes), tables), idle, reads, tuple(self._steps.values()), tables)

    def _step(self, command: Mapping[str, Any]) -> Step:
        address = str(command["address"])
        domain, _, key = address.partition("/")[0].partition(":")
        on = command["on"]
        known = on is not None and target_of(on)[:2] in self._registry.resources
        message = self._recalled(Command, str(command["command"]), command["data"])
        handling = Handling(message, domain, key, self._target(on) if known else None)
        occurrences = self._occurrences[command["step"]] = [
            Occurrence(self._recalled(Event, str(event["event"]), event["data"])) for event in command["events"]]
        handling.results += occurrences
        return Step(command["step"], handling, address, user=command["user"],
                    at=datetime.fromisoformat(command["at"]), cell=command["cell"], reads={})

    def _target(self, text: str) -> Target:
        target = target_of(text)
        return target._replace(identifier=identify(self._registry.resource(target[:2]), target.identifier))

    def _change(self, place: int, saved: Mapping[str, Any]) -> Change:
        target = self._target(saved["item"])
        cls = self._registry.resource(target[:2])
        before, after = self._item(cls, target, saved, "before"), self._item(cls, target, saved, "after")
        entry: Entry | None = None
        for cause in saved["causes"]:
            occurrence = self._occurrences[cause["step"]][cause["place"]]
            values = {name: retyped(spelled(cls._fields[name].kind), value) if name in cls._fields else value
                      for name, value in cause["values"].items()}
            mutation = _MUTATIONS[cause["mutation"]](target, **values)
            occurrence.mutations.append(mutation)
            entry = Entry(before, after, mutation, occurrence.event, cause["step"], place, entry)
        if entry is None:
            raise ValueError(f"nothing caused the change of {target}")
        change = change_of(target, entry, self._registry)
        told = None if change is None else (change.kind, list(change.columns), change.etag)
        if change is None or told != (saved["change"], saved["columns"], saved["etag"]):
            raise ValueError(f"the change of {target} is not the way from before to after")
        return change

    @staticmethod
    def _item(cls: type[Resource], target: Target, saved: Mapping[str, Any], side: str) -> Resource | None:
        if saved[side] is None:
            return None
        values = {**saved[side], **saved["stamps"][side]}
        try:
            item: Resource = fields_restored(cls, values)
        except Invalid as invalid:
            raise Invalid(f"{target} {side}", invalid.problems) from None
        if item._id != target.identifier:
            raise ValueError(f"the change of {target} holds another item")
        return item

    def _recalled(self, base: type[Any], name: str, data: Mapping[str, Any]) -> Any:
        """A stand-in for a command or an event, whose own class need not be defined: it is shown, but not handled."""
        shape = base, name, tuple(data)
        if shape not in self._classes:
            fields = {one: field(object) for one in data}
            self._classes[shape] = types.new_class(name, (base,), {}, lambda namespace: namespace.update(fields))
        return self._classes[shape](**data)
