"""Lists and dicts that cannot be changed: the values of ``list`` and ``dict`` fields.

They are a list and a dict to everything that reads them (equality, JSON, pandas, asyncpg), and hashable, so that a
record that holds them is a value. pyrsistent's PVector and PMap are not used here: they are no list and no dict to
those readers, and ``PVector.append`` on one would silently do nothing to the record.
"""

from __future__ import annotations

from typing import Any, NoReturn


def _refuse(self: object, *_: Any, **__: Any) -> NoReturn:
    raise TypeError(
        "this value belongs to an immutable record; make a new one, such as [*old, member] or {**old, key: value}")


class FrozenList(list[Any]):
    """A list that refuses to change."""

    __slots__ = ()
    append = extend = insert = remove = pop = clear = sort = reverse = _refuse
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse

    def __hash__(self) -> int:  # type: ignore[override]  # frozen, so it may be hashed
        return hash(tuple(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenList, (list(self),)

    def __copy__(self) -> FrozenList:
        return self

    def __deepcopy__(self, memo: object) -> FrozenList:
        return self


class FrozenDict(dict[str, Any]):
    """A dict that refuses to change."""

    __slots__ = ()
    __setitem__ = __delitem__ = __ior__ = _refuse
    update = setdefault = pop = popitem = clear = _refuse

    def __hash__(self) -> int:  # type: ignore[override]  # frozen, so it may be hashed
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenDict, (dict(self),)

    def __copy__(self) -> FrozenDict:
        return self

    def __deepcopy__(self, memo: object) -> FrozenDict:
        return self


def frozen(value: Any) -> Any:
    """A list or dict as one that cannot be changed, all the way down; anything else as it is."""
    kind = type(value)
    if kind is dict:
        return FrozenDict({key: frozen(member) for key, member in value.items()})
    return FrozenList(map(frozen, value)) if kind is list else value


def thawed(value: Any) -> Any:
    """The contrary: a copy that can be changed."""
    kind = type(value)
    if kind is FrozenDict:
        return {key: thawed(member) for key, member in value.items()}
    return list(map(thawed, value)) if kind is FrozenList else value
