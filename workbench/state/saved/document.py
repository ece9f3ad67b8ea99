"""Document: a Plan as JSON values, and the definitions that it was made for.

The document holds all that is needed to write the plan in another process, and to look at it where the domain is not
defined: each change with the whole item before and after, the etag it expects and what caused it; what was read; the
commands; the warnings. The order of writing is not in it: it follows from the changes and the tables, and is found
again when the plan is applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any, NamedTuple
from uuid import UUID

import workbench
from workbench.domain.convert import Refused
from workbench.domain.datadef import Datadef
from workbench.domain.kinds import SIMPLE, EnumKind, Kind, ListKind, OptionalKind, RecordKind, dumped
from workbench.domain.resource import Resource, Target
from workbench.errors import Invalid
from workbench.state.planning.change import Change
from workbench.state.planning.table import Table
from workbench.state.saved.file import FORMAT, VERSION, hash_of
from workbench.state.state import Entry
from workbench.state.step import Step


class Made(NamedTuple):
    """When a plan was saved and by whom; its ``nonce`` is written to the database together with it, once."""

    nonce: UUID
    at: datetime
    user: str | None = None


def document_of(
    made: Made, changes: Sequence[Change], reads: Mapping[Target, str | None], idle: Iterable[Target],
    steps: Iterable[Step], tables: Mapping[tuple[str, str], Table], summary: str, warnings: Iterable[str],
    names: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The document of a plan; ``changes`` are in the order in which the items were first touched."""
    steps = list(steps)
    # An event may lead to very many changes; it is told once, with its command.
    places = {id(occurrence.event): place for step in steps for place, occurrence in enumerate(step.occurrences())}
    document: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "summary": summary,
        "changes": [_change(change, places) for change in changes],
        "commands": [_command(step) for step in steps],
        "reads": [{"item": str(target), "etag": etag} for target, etag in sorted(
            reads.items(), key=lambda pair: str(pair[0]))],
        "idle": sorted(map(str, idle)),
        "warnings": list(warnings),
        "definitions": _definitions(changes, reads, tables),
        **({} if names is None else {"names": names}),      # no part of what is planned: they may be others each time
        "nonce": str(made.nonce),
        "made": {"at": made.at.isoformat(), "user": made.user, "workbench": workbench.__version__},
    }
    document["hash"] = hash_of(document)
    return document


def _change(change: Change, places: Mapping[int, int]) -> dict[str, Any]:
    public, stamps = _parted(change.before), _parted(change.after)
    return {
        "change": change.kind,
        "item": str(change.target),
        "columns": list(change.columns),
        "before": public[0],
        "after": stamps[0],
        "causes": [_cause(cause, type(change.after or change.before), places[id(cause.event)])
                   for cause in change.entry.causes()],
        "etag": change.etag,
        "stamps": {"before": public[1], "after": stamps[1]},
    }


def _parted(item: Resource | None) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """An item's fields and its stamps, as JSON values."""
    if item is None:
        return None, None
    whole = {name: field.kind.dump(getattr(item, name)) for name, field in type(item)._fields.items()}
    return ({name: value for name, value in whole.items() if not name.startswith("_")},
            {name: value for name, value in whole.items() if name.startswith("_")})


def _cause(cause: Entry, cls: type[Any], place: int) -> dict[str, Any]:
    values = {}
    for name, value in cause.mutation.values.items():
        try:        # handlers give what a field converts
            kind = cls._fields[name].kind
            values[name] = kind.dump(kind.convert(value))
        except (KeyError, Refused, Invalid):
            values[name] = as_json(value)
    return {"step": cause.step, "event": type(cause.event).__name__, "place": place,
            "mutation": cause.mutation.verb, "values": values}


def _command(step: Step) -> dict[str, Any]:
    issuers = step.issuers()
    return {
        "step": step.number,
        "command": type(step.command).__name__,
        "address": step.address,
        "on": None if step.handling.target is None else str(step.handling.target),
        "data": _data(step.command),
        "events": [{"event": type(event).__name__, "data": _data(event),
                    **({"policy": issuers[id(event)]} if id(event) in issuers else {})} for event in step.events],
        "user": step.user,
        "at": step.at.isoformat(),
        "cell": step.cell,
    }


def _data(message: Any) -> dict[str, Any]:
    return {name: as_json(value) for name, value in dumped(message).items()}


def as_json(value: Any) -> Any:
    """A value of a field of any type as JSON, to be read by people: a text where JSON has nothing for it."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
        return value
    if isinstance(value, Enum):
        return as_json(value.value)
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, float | Decimal | UUID | date | time | timedelta):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): as_json(member) for name, member in value.items()}
    if isinstance(value, list | tuple) and not isinstance(value, Target):
        return [as_json(member) for member in value]
    if isinstance(value, Datadef) and not isinstance(value, Resource):
        return _data(value)
    return as_json(str(value) if isinstance(value, Target) else repr(value))


# ------------------------------------------------------------------------------------------------ definitions

def _definitions(
    changes: Sequence[Change], reads: Iterable[Target], tables: Mapping[tuple[str, str], Table],
) -> dict[str, dict[str, str]]:
    found = {change.target[:2]: definition_of(type(change.after or change.before)) for change in changes}
    for target in reads:
        if target[:2] not in found and target[:2] in tables:
            found[target[:2]] = {column.field: spelled(column.kind) for column in tables[target[:2]].columns}
    return {f"{kindred[0]}:{kindred[1]}": dict(sorted(found[kindred].items())) for kindred in sorted(found)}


def definition_of(cls: type[Any]) -> dict[str, str]:
    """The fields of a resource, stamps included, with their types in words."""
    return {name: spelled(declared.kind) for name, declared in cls._fields.items()}


def spelled(kind: Kind) -> str:
    """A type in words: ``list[int] | None``, ``Colour(red, blue)``, ``Address(city: str)``.

    Two types that admit other values have other words."""
    if isinstance(kind, OptionalKind):
        return f"{spelled(kind.inner)} | None"
    if isinstance(kind, ListKind):
        return f"list[{spelled(kind.inner)}]"
    name = str(kind.annotation.__name__)
    if isinstance(kind, EnumKind):
        return f"{name}({', '.join(kind.members)})"
    if isinstance(kind, RecordKind):
        fields: Mapping[str, Any] = kind.annotation._fields
        return f"{name}({', '.join(f'{field}: {spelled(declared.kind)}' for field, declared in fields.items())})"
    return name


def retyped(words: str, value: Any) -> Any:
    """A JSON value as a value of the type that ``words`` spell; as it stands where that takes a class."""
    if words.endswith(" | None"):
        while words.endswith(" | None"):        # once, unless the file was changed by hand
            words = words.removesuffix(" | None")
        return None if value is None else retyped(words, value)
    if words.startswith("list[") and words.endswith("]") and isinstance(value, list):
        return [retyped(words[5:-1], member) for member in value]
    for annotation, kind in SIMPLE.items():
        if annotation.__name__ == words:
            try:
                return kind.convert(value)
            except Refused:     # the file was changed by hand: as it stands there
                return value
    return value
