"""Sameness: whether two values of a field are the same, which ``==`` alone does not tell of a NaN and within JSON."""

from __future__ import annotations

from typing import Any

from workbench.domain.datadef import Datadef
from workbench.domain.frozen import FrozenDict, FrozenList

_NESTED = (FrozenList, FrozenDict, Datadef)


def same(one: Any, other: Any) -> bool:
    """Whether two field values are equal: a NaN equals itself, and within JSON ``1``, ``1.0`` and ``True`` differ."""
    if one is other:
        return True
    if isinstance(one, _NESTED):
        return _same_nested(one, other)
    return bool(one == other or (one != one and other != other))


def _same_nested(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, FrozenList):
        return len(one) == len(other) and all(map(_same_nested, one, other))
    if isinstance(one, FrozenDict):
        return one.keys() == other.keys() and all(_same_nested(value, other[key]) for key, value in one.items())
    if isinstance(one, Datadef):
        return all(same(getattr(one, name), getattr(other, name)) for name in type(one)._fields)
    return same(one, other)
