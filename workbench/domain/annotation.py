"""Annotation: a name of a Datadef class that has a type beside it, where a field may have been meant.

In a dataclass ``due: date`` is a field; here ``due = field(date)`` is, and a type alone gives a record nothing. What
``ClassVar`` or ``Final`` say of the class is meant so.
"""

from __future__ import annotations

import re
from inspect import get_annotations
from typing import Any

from workbench.domain.fields import Field


def annotations_beside_fields(cls: Any) -> dict[str, str]:
    """The names that a class itself annotates and that are no fields of it, each with its type as it is written."""
    return {name: _text(value) for name, value in get_annotations(cls).items()
            if name not in cls._fields and not re.search(r"\b(ClassVar|Final)\b", str(value))}


def annotated_only(cls: Any) -> list[str]:
    """What a class, or a base of it, only annotates: no record has it, nor can be given it. A sentence each."""
    return [f"{name}: {text} - write {name} = {text if text.startswith('field(') else f'field({text})'}"
            for base in cls.__mro__ if hasattr(base, "_fields")
            for name, text in annotations_beside_fields(base).items()
            if name not in cls._fields and not hasattr(cls, name)]


def _text(value: Any) -> str:
    if isinstance(value, Field):        # a slip for the sign of equality
        return "field(…)"
    return value.__name__ if isinstance(value, type) else str(value)
