"""Mutation: a wish to insert, update or delete one item. A value; it executes nothing.

Event handlers yield them; the State applies them, stamps the items and validates the result. Where there are very many,
each shares its values with the item that it made, so that no dict need be kept: they are ``Shared``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import repeat
from types import MappingProxyType
from typing import Any, ClassVar, Never, Self, TypeAlias

from workbench.domain.convert import shown
from workbench.domain.frozen import FrozenDict, frozen
from workbench.domain.json_values import is_flat
from workbench.domain.resource import Resource, Target
from workbench.domain.unnamed import unnamed_values
from workbench.errors import Invalid, Problem
from workbench.wording import visible

Names: TypeAlias = dict[tuple[str, ...], tuple[str, ...]]      # which mutations have in common, each by itself


class Mutation:
    """The base of Insert, Update and Delete: what it is ``on``, and the ``values`` of fields it sets.

    Lists and dicts among them are kept frozen, as the item will keep them: both share them, and none changes by what
    becomes of those that were given. In what a scenario expects, the class of a Resource stands for a new item
    of it."""

    __slots__ = ("_values", "on")
    on: Target | Resource
    _values: dict[str, Any] | Shared
    verb: ClassVar[str]

    def __init__(self, on: Target | Resource | type[Resource], /, *unnamed: Never, **values: Any) -> None:
        if unnamed:
            call = type(self).__name__
            raise Invalid(call, unnamed_values(unnamed, f"{call}(…, "))
        for name, value in values.items():
            kind = type(value)
            if kind is dict or kind is list:
                values[name] = _kept(value)
        _put_on(self, on)
        _put_values(self, values)

    @property
    def values(self) -> Mapping[str, Any]:
        """The values of the fields that it sets, by name."""
        values = self._values
        return MappingProxyType(values if isinstance(values, dict) else values.as_dict())

    def moved(self, target: Target) -> Self:
        """The same wish, on a Target in place of the item that it was given."""
        moved = object.__new__(type(self))
        _put_on(moved, target)
        _put_values(moved, self._values)
        return moved

    def share(self, item: Resource, known: Names) -> None:
        """Drops its own dict and reads its values from the item it made, if they are the same objects.

        ``known``: tuples of names to reuse."""
        values = self._values
        for name, value in values.items():
            if getattr(item, name) is not value:
                return
        names = tuple(values)
        _put_values(self, Shared(item, known.setdefault(names, names)))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is a value and cannot be changed; make another one")

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.on, dict(self.values))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mutation):
            return NotImplemented
        return type(self) is type(other) and self.on == other.on and self._values == other._values

    def __hash__(self) -> int:
        return hash((type(self), self.on, frozenset(self._values)))

    def __repr__(self) -> str:
        on = visible(str(self.on)) if isinstance(self.on, Target) else repr(self.on)
        return f"{type(self).__name__}({', '.join([on, *(f'{k}={v!r}' for k, v in self.values.items())])})"


_put_on, _put_values = (Mutation.__dict__[slot].__set__ for slot in ("on", "_values"))


def _kept(value: Any) -> Any:
    if type(value) is dict and is_flat(value):
        return FrozenDict(value)
    try:
        return frozen(value)
    except RecursionError:
        return value        # the field refuses it


def _again(cls: type[Mutation], on: Target | Resource, values: dict[str, Any]) -> Mutation:
    return cls(on, **values)


class Shared(Mapping[str, Any]):
    """The values of some fields of an item, by name, as it has them: 48 bytes, where a dict of eight values takes
    272."""

    __slots__ = ("_item", "_names")

    def __init__(self, item: Resource, names: tuple[str, ...]) -> None:
        self._item, self._names = item, names

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return getattr(self._item, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def as_dict(self) -> dict[str, Any]:
        """All of them at once."""
        return {name: getattr(self._item, name) for name in self._names}


class Insert(Mutation):
    """A new item: ``Insert(event.target, owner="Ada")``."""

    __slots__ = ()
    verb = "insert"


class Update(Mutation):
    """Some fields of an item, given as the item or its Target: ``Update(account, balance=10)``; the rest stays."""

    __slots__ = ()
    verb = "update"


class Delete(Mutation):
    """The end of an item, soft where the resource has ``_deleted``: ``Delete(account)``."""

    __slots__ = ()
    verb = "delete"

    def __init__(self, on: Target | Resource, /, *unnamed: Never, **values: Never) -> None:
        if unnamed or values:
            given: list[tuple[str | None, object]] = [*zip(repeat(None), unnamed, strict=False), *values.items()]
            raise Invalid("Delete", [Problem(name, value, f"{shown(value)} sets nothing: Delete takes the item alone")
                                     for name, value in given])
        super().__init__(on)
