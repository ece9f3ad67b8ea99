"""Unnamed: what to say of values that were given by their place, where the fields they are for must be named."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from itertools import chain, repeat
from typing import Any

from pyrsistent import PClass

from workbench.domain.convert import shown
from workbench.errors import Problem


def unnamed_fields(cls: Any, unnamed: Sequence[Any], named: Container[str]) -> list[Problem]:
    """A Problem for each value that a record of a class was given without a name; ``named`` are the fields that have
    values already."""
    left = [name for name in cls._public if name not in named]
    return [_problem(value, f"{cls.__name__}(", name)
            for value, name in zip(unnamed, chain(left, repeat(None)), strict=False)]


def unnamed_values(
    unnamed: Sequence[Any], call: str, name: str = "field", what: str = "for which field it is",
) -> list[Problem]:
    """The same of a call whose fields are not known, which begins as ``call``; ``what`` is to be said by a ``name``."""
    return [_problem(value, call, name, what) for value in unnamed]


def _problem(value: Any, call: str, name: str | None, what: str = "for which field it is") -> Problem:
    if isinstance(value, Mapping):
        return Problem(None, value, f"{shown(value)} has no name; of a dict say {call}**values)")
    if isinstance(value, PClass):
        return Problem(None, value, f"{shown(value)} has no name; to hand on all fields of a record say "
                                    f"{call}**values_of(record))")
    if name is None:
        return Problem(None, value, f"{shown(value)} has no name, and no field is left that it could be for")
    return Problem(None, value, f"{shown(value)} has no name; say {what}: {call}{name}={shown(value)})")
