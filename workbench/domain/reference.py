"""Reference: the kind of a field whose value is the identifier of an item: a field with ``references=``.

Beside the identifier it takes what carries one: an item, a Target, or what has a ``target``, as a Step: of the resource
that is referenced, where both are registered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from workbench.domain.convert import Refused, shown
from workbench.domain.handler import place_of
from workbench.domain.kinds import Kind, OptionalKind
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
    given, wanted = _kindred(carrier), _kindred(references)
    if given and wanted and (given[1] != wanted[1] or wanted[0] not in ("", given[0])):
        raise Refused(f"{shown(value)} is of {':'.join(given)}, and this field references "
                      f"{':'.join(filter(None, wanted))}")
    return carrier.identifier


def _kindred(resource: Any) -> tuple[str, str] | None:
    """The keys of domain and resource of an item, a Target, a class or a text; the domain's is "" where it is not said.

    None where they are not known here: of "self", and of a class that no Domain has."""
    if isinstance(resource, str):
        domain, _, key = resource.rpartition(":")
        return None if key == "self" else (domain, key)
    cls = resource if isinstance(resource, type) else type(resource)
    if not isinstance(getattr(cls, "_fields", None), Mapping):     # a Target: a record may have fields of any name
        place = getattr(resource, "domain", None), getattr(resource, "resource", None)
        return (place[0], place[1]) if isinstance(place[0], str) and isinstance(place[1], str) else None
    home = vars(cls).get("_registered_in")
    return next(((home.key, key) for key, known in home.resources.items() if place_of(known.cls) == place_of(cls)),
                None) if home is not None else None
