"""Resource: a typed, immutable, versioned record over one table, and Target: the address of one item.

A Resource class names the fields of its items. Every item also carries stamps, set by the State alone: its identifier
``_id``, when it was made and last changed (``_created``, ``_updated``, aware, UTC) and its version ``_etag``. A
Resource may declare ``_id`` of another type, and ask for more stamps by declaring them::

    class Airline(Resource):
        _id = field(str)                          # a natural key; a UUID otherwise
        _creator = field(str | None)              # and _updater: the users
        _deleted = field(datetime | None)         # soft delete: the row stays, with the moment it was deleted

Where items are chosen by name, as in a form, one is called by its first field of text; ``_label = "code"`` names
another.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from itertools import repeat
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from workbench.domain.convert import Refused
from workbench.domain.datadef import Datadef, DatadefMeta, field, restored, values_of
from workbench.errors import DefinitionError, Invalid, Problem, UnknownName
from workbench.wording import visible

Identifier = UUID | str | int
_STAMPS = {"_id": (UUID, str, int), "_created": (datetime | None,), "_updated": (datetime | None,),
           "_etag": (str | None,), "_creator": (str | None,), "_updater": (str | None,),
           "_deleted": (datetime | None,)}


class Target(NamedTuple):
    """What a command, event or mutation is on: one item, by domain, resource and identifier.

    ``str(target)`` is ``bank:account/<identifier>``."""

    domain: str
    resource: str
    identifier: Identifier

    def __str__(self) -> str:
        return f"{self.domain}:{self.resource}/{self.identifier}"


KINDRED = itemgetter(slice(2))       # the keys of a Target's domain and resource, for many of them


def targets_of(kindred: tuple[str, str], identifiers: Iterable[Identifier]) -> list[Target]:
    """The Targets of many items of one resource, in their order."""
    domain, resource = kindred
    # As ``Target(…)`` makes each, without a call of Python's for each.
    return list(map(partial(tuple.__new__, Target), zip(repeat(domain), repeat(resource), identifiers, strict=False)))


class ResourceMeta(DatadefMeta):
    """Checks the stamps that a Resource class declares."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        cls: Any = super().__new__(mcs, name, bases, namespace)
        faults = []
        for key, declared in cls._fields.items():
            if key.startswith("_"):
                if key not in _STAMPS:
                    faults.append(f'"{key}": a name with an underscore is a stamp; there is: {", ".join(_STAMPS)}')
                elif declared.kind.annotation not in _STAMPS[key]:
                    wanted = " or ".join(getattr(kind, "__name__", str(kind)) for kind in _STAMPS[key])
                    faults.append(f'"{key}" must be of type {wanted}, not {declared.kind.annotation}')
                elif key == "_id" and declared.factory is not None:
                    faults.append('"_id" has a factory, and an item would not be found by what it was asked for; '
                                  "convert identifiers before")
        if faults:
            raise DefinitionError(f"the resource {name} cannot be defined", faults)
        return cls


class Resource(Datadef, metaclass=ResourceMeta):
    """The base of all resources; see the module.

        @bank.resource
        class Account(Resource):
            owner = field(str)
    """

    _id: Any = field(UUID)
    _created = field(datetime | None)
    _updated = field(datetime | None)
    _etag = field(str | None)

    @property
    def identifier(self) -> Any:
        """The identifier: a UUID, or text or an integer where the resource says so."""
        return self._id

    @property
    def etag(self) -> str | None:
        """The version; it changes with every real change of the item."""
        return self._etag

    def __setattr__(self, name: str, value: Any) -> None:
        if getattr(self, "_pclass_frozen", False):
            raise AttributeError("items do not change; in an event handler yield "
                                 f"Update({type(self).__name__.lower()}, {name}=…)")
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={value!r}" for name, value in values_of(self).items())
        return f"<{type(self).__name__} {visible(str(self._id))}{': ' if inner else ''}{inner}>"


def is_deleted(item: Resource | None) -> bool:
    """Whether an item is gone: there is none, or it carries the moment of its soft delete."""
    return item is None or getattr(item, "_deleted", None) is not None


def label_of(resource: type[Resource]) -> str | None:
    """The field that items are called by; None where there is no text to call them by.

    Raises UnknownName where the Resource names one that it does not have."""
    fields, declared = resource._public, getattr(resource, "_label", None)
    if declared is not None and declared not in fields:
        raise UnknownName("field", declared, fields, where=f"{resource.__name__}._label")
    texts = [name for name, it in fields.items() if it.references is None and it.kind.bare.annotation is str]
    return declared or next(iter(texts), None)


def identify(resource: type[Resource], identifier: Any) -> Identifier:
    """An identifier as the resource types it, text converted: the same item has one identifier.

    Raises Invalid."""
    kind = resource._fields["_id"].kind
    try:
        converted: Identifier = kind.convert(identifier)
    except Refused as refusal:
        raise Invalid(f"the identifier of a {resource.__name__}", [Problem(None, identifier, str(refusal))]) from None
    return converted


def refit(item: Any, cls: Any) -> Any:
    """An item or message of an earlier definition of a class as one of the present definition: fields that are gone are
    left out, and a factory is not applied again.

    Raises Invalid, which names it and says why, when it no longer fits."""
    earlier, stored = type(item), isinstance(item, Resource)
    if earlier is cls:
        return item
    try:
        fitted = restored(cls, {name: getattr(item, name) for name in earlier._fields if name in cls._fields})
        if stored and fitted._id != item._id:
            raise Invalid(cls.__name__, [Problem("_id", item._id, f"{item._id!r} would become {fitted._id!r}, which is "
                                                 "another item; give _id the type that it had, or make it again")])
        return fitted
    except Invalid as invalid:
        why, way = (("it was cached before the field was added", "give the field an initial, or see tables()")
                    if stored else ("it was made before the field was added", "make it again"))
        problems = [problem if problem.field is None or problem.field in earlier._fields
                    else problem._replace(reason=f"{problem.reason}. {why[0].upper()}{why[1:]}: {way}")
                    for problem in invalid.problems]
        named = f"{cls.__name__} {item._id}" if stored else f"{cls.__name__} of an earlier run of its cell"
        raise Invalid(named, problems) from None
