"""Place: where a class or function is defined, which stays the same when its cell runs again and makes another object.
"""

from __future__ import annotations

from typing import Any


def place_of(definition: Any) -> tuple[str, str]:
    """Module and qualified name: a cell that runs twice makes the same place again.

    Lambdas of one module share a name; they are told apart by their line."""
    name = getattr(definition, "__qualname__", repr(definition))
    if name.endswith("<lambda>"):
        name = f"{name}:{definition.__code__.co_firstlineno}"
    return getattr(definition, "__module__", ""), name


def source_of(definition: Any) -> str:
    """Where a function or class was written, for a message: its place, and file and line where they are known."""
    code = getattr(definition, "__code__", None)
    where = f" ({code.co_filename}:{code.co_firstlineno})" if code is not None else ""
    return f"{'.'.join(place_of(definition))}{where}"
