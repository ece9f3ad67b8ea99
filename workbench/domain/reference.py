"""Reference: the kind of a field whose value is the identifier of an item: a field with ``references=``.

Beside the identifier it takes what carries one: an item, a Target, or what has a ``target``, as a Step: of the resource
that is referenced, where both are registered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from workbench.domain.convert import Refused, shown
from workbench.domain.kinds import Kind, OptionalKind
from workbench.domain.place import place_of
from workbench.errors import DefinitionError

_IDENTIFIERS = (UUID, str, int)


class ReferenceKind(Kind):
    """The kind of an identifier, of an item of what is referenced: a Resource, or a text (its key, or "self")."""

    __slots__ = ()

    def __init__(self, inner: Kind, references: Any) -> None:
        convert = inner.convert

        def identified(value: Any) -> Any:
            return convert(value if isinstance(value, _IDENTIFIERS) else _carried(value, references))

        super().__init__(inner.annotation, inner.name, inner.wants, identified, dump=inner.dump, python=inner.python)


def reference(kind: Kind, references: Any) -> Kind:
    """The kind of a field with ``references=``; raises DefinitionError where that is no resource."""
    if not isinstance(references, str) and "_id" not in getattr(references, "_fields", ()):
        raise DefinitionError(f'references= takes a Resource class, its key as text, or "self", not {references!r}; '
                              "as in field(UUID, references=Account)")
    if isinstance(kind, OptionalKind):
        return OptionalKind(reference(kind.inner, references), kind.annotation)
    return ReferenceKind(kind, references) if kind.annotation in _IDENTIFIERS else kind


def _carried(value: Any, references: Any) -> Any:
    """The identifier that a value carries, or the value; raises Refused for one of another resource."""
    carrier: Any = value if hasattr(value, "identifier") else getattr(value, "target", None)
    if not hasattr(carrier, "identifier"):
        return value
    given, wanted = _kindreds(carrier), _kindreds(references)
    if given and wanted and not any(one[1] == other[1] and other[0] in ("", one[0])
                                    for one in given for other in wanted):
        raise Refused(f"{shown(value)} is of {':'.join(given[-1])}, and this field references "
                      f"{':'.join(filter(None, wanted[-1]))}")
    return carrier.identifier


def _kindreds(resource: Any) -> list[tuple[str, str]]:
    """The keys of domain and resource of an item, a Target, a class or a text; the domain's is "" where it is not said.

    Several for a class that several Domains have, and none where they are not known here: of "self", and of a class
    that no Domain has."""
    if isinstance(resource, str):
        domain, _, key = resource.rpartition(":")
        return [] if key == "self" else [(domain, key)]
    cls: Any = resource if isinstance(resource, type) else type(resource)
    if not isinstance(getattr(cls, "_fields", None), Mapping):     # a Target: a record may have fields of any name
        keys = getattr(resource, "domain", None), getattr(resource, "resource", None)
        return [(keys[0], keys[1])] if isinstance(keys[0], str) and isinstance(keys[1], str) else []
    return [(home.key, key) for home in cls._homes.values() for key, known in home.resources.items()
            if place_of(known.cls) == place_of(cls)]
