"""JSON values: what ``dict`` and ``list`` fields hold, frozen all the way down, and such that Postgres can store it.

``to_json`` makes one of what was given, or raises ``Refused``. What is one already is not copied: ``is_settled``.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from types import NoneType
from typing import Any

from workbench.domain.convert import Refused, plain, refuse, shown, to_text
from workbench.domain.frozen import FrozenDict, FrozenList

_MOST = 10 ** 4300      # no int of more digits is written as text, unless Python was told otherwise
SCALARS = frozenset([str, int, float, bool, NoneType])      # the types of JSON values that hold no others


def to_json(value: Any) -> Any:
    """A JSON value, frozen all the way down; numbers must be finite, texts storable, keys text."""
    kind = type(value)
    if value is None or kind is bool or (kind is float and isfinite(value)) or (
            kind is int and -0x8000000000000000 <= value <= 0x7fffffffffffffff):
        return value
    if isinstance(value, str):
        return to_text(value)
    if isinstance(value, Mapping):
        return FrozenDict({to_text(key): to_json(member) for key, member in value.items()})
    if isinstance(value, list | tuple):
        return FrozenList([to_json(member) for member in value])
    number = plain(value)
    if isinstance(number, bool):
        return number
    if isinstance(number, int):
        if not -_MOST < number < _MOST:
            raise Refused("a whole number of more than 4300 digits cannot be written as JSON; give it as text")
        return int(number)      # no IntEnum: it would come back as another value
    if isinstance(number, float) and isfinite(number):
        return float(number)
    raise Refused(
        f"{shown(value)} is not a JSON value; give text, finite numbers, bools, None, or lists and dicts of them")


def is_flat(value: dict[Any, Any]) -> bool:
    """Whether a dict holds plain ASCII texts, numbers, bools and None alone: then it need only be frozen."""
    for key, member in value.items():
        kind = type(member)
        if type(key) is not str or not key.isascii() or "\x00" in key:
            return False
        if kind is str:
            if not member.isascii() or "\x00" in member:
                return False
        elif kind is int:
            if not -0x8000000000000000 <= member <= 0x7fffffffffffffff:     # it may be too long to be written
                return False
        elif kind is not bool and member is not None and not (kind is float and isfinite(member)):
            return False
    return True


def is_settled(value: Any) -> bool:
    """Whether a value is as ``to_json`` returns it already, so that it would only be copied."""
    kind = type(value)
    try:
        if kind is FrozenDict:
            for key, member in value.items():
                if type(key) is not str or not key.isascii() or "\x00" in key or not is_settled(member):
                    return False
            return True
        if kind is FrozenList:
            return all(map(is_settled, value))
    except RecursionError:
        return False
    if kind is str:
        return value.isascii() and "\x00" not in value
    if kind is int:
        return -0x8000000000000000 <= value <= 0x7fffffffffffffff   # type: ignore[no-any-return]  # of an int
    return kind is bool or value is None or (kind is float and isfinite(value))


def _frozen(value: Any) -> Any:
    try:
        return value if is_settled(value) else to_json(value)
    except RecursionError:
        raise Refused("this value holds itself, or is nested too deep to be JSON") from None


def to_json_dict(value: Any) -> FrozenDict:
    if type(value) is dict and is_flat(value):
        return FrozenDict(value)
    if not isinstance(value, Mapping):
        raise refuse(value, "a mapping", 'a dict such as {"a": 1}')
    frozen = _frozen(value)
    assert isinstance(frozen, FrozenDict)
    return frozen


def to_json_list(value: Any) -> FrozenList:
    if not isinstance(value, list | tuple):
        raise refuse(value, "a list", 'a list such as ["a", 1]')
    frozen = _frozen(value)
    assert isinstance(frozen, FrozenList)
    return frozen
