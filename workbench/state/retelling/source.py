"""Source: values, commands and events as the Python that makes them, and the imports that this needs.

A ``Source`` collects imports and names while it writes: a target that was given a name is written by its name.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from itertools import chain, count
from keyword import iskeyword
from types import ModuleType
from typing import Any
from uuid import UUID

from workbench.domain.datadef import Datadef, values_of
from workbench.domain.domain import Domain
from workbench.domain.resource import Resource, Target
from workbench.errors import Invalid, Problem

NOTEBOOK = "__main__"
_WRITTEN = ("UUID", "Decimal", "datetime", "float")     # by these names, whatever else is called so
_DEEPEST = 150      # Python reads no source with 200 brackets open; some stand around a value
_PLAIN = (str, int, float, bool, Decimal, UUID, date, datetime, time, timedelta, bytes, Datadef)


class Source:
    """Writes values as Python; ``names`` are the names of targets.

    ``module`` is where to import from what is defined in a notebook; ``reserved`` are names that the surrounding text
    uses."""

    def __init__(self, module: str | None = None, *, reserved: Iterable[str] = ()) -> None:
        self._module, self._reserved = module, {*_WRITTEN, *reserved}
        self._imports: dict[str, set[str]] = defaultdict(set)
        self._called: dict[tuple[str, str], str] = {}       # what is imported, and its name here
        self.names: dict[Target, str] = {}
        self._depth = 0

    def name(self, target: Target) -> str:
        """Gives a target its name, ``account_1`` for the first account; returns it."""
        kin = sum(target[:2] == other[:2] for other in self.names) + 1
        return self.names.setdefault(target, self._free(f"{target.resource.replace('-', '_')}_{kin}"))

    def _free(self, name: str) -> str:
        """The name, or with a number behind it if something else has it already."""
        taken = {*self._reserved, *self._called.values(), *self.names.values()}
        return next(one for one in chain([name], (f"{name}_{n}" for n in count(2))) if one not in taken)

    def _import(self, module: str, name: str) -> str:
        """Imports a name of a module; returns what it is called here: another name where two modules have the same."""
        if (module, name) not in self._called:
            self._called[module, name] = self._free(name)
            called = self._called[module, name]
            self._imports[module].add(name if called == name else f"{name} as {called}")
        return self._called[module, name]

    def value(self, value: Any) -> str:
        """The Python that makes a value which a field can hold; of anything else its repr.

        Raises Invalid for one that is nested too deep for Python to read."""
        if self._depth == _DEEPEST:
            raise Invalid("a session as Python", [Problem(None, None, (
                f"a value in it is nested more than {_DEEPEST} deep, and Python reads no source that is; keep its "
                "commands with log.save(path), and issue them again with replay(path)"))])
        self._depth += 1
        try:
            return self._value(value)
        finally:
            self._depth -= 1

    def _value(self, value: Any) -> str:
        if isinstance(value, Enum):
            return self._enum(value)
        if isinstance(value, Target):
            return self.target(value)
        if isinstance(value, Datadef):
            return self.record(value)
        if isinstance(value, type):
            return self.imported(value)
        if isinstance(value, Mapping):
            return "{" + ", ".join(f"{self.value(key)}: {self.value(one)}" for key, one in value.items()) + "}"
        if isinstance(value, list | tuple | set | frozenset):
            return "[" + ", ".join(map(self.value, value)) + "]"
        known = None if not isinstance(value, UUID) else next(
            (name for target, name in self.names.items() if target.identifier == value), None)
        return self._plain(value) if known is None else f"{known}.identifier"

    def _plain(self, value: Any) -> str:
        if isinstance(value, UUID):
            self._imports["uuid"].add("UUID")
            return f"UUID({str(value)!r})"
        if isinstance(value, Decimal):
            self._imports["decimal"].add("Decimal")
        elif isinstance(value, datetime | date | time | timedelta):
            self._imports["datetime"].add("")
        elif isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
            return f"float({str(float(value))!r})"
        # Of a subclass, as numpy.float64 is one of float, the repr names what is not imported, or says anything.
        base = next((base for base in (bool, int, float, str, bytes) if isinstance(value, base)), None)
        return repr(value) if base is None else base.__repr__(value)

    def _enum(self, value: Enum) -> str:
        cls = self.imported(type(value))
        if value.name not in type(value).__members__:
            return f"{cls}({self.value(value.value)})"
        # Enum("Tone", {"very loud": 1}) has members whose names are no Python, and could be any.
        return f"{cls}.{value.name}" if _is_name(value.name) else f"{cls}[{value.name!r}]"

    def record(self, record: Datadef) -> str:
        """The Python that makes a Datadef; an item with its identifier."""
        values = values_of(record)
        if isinstance(record, Resource):
            values = {"_id": record._id, **values}
        inner = ", ".join(f"{name}={self.value(value)}" for name, value in values.items())
        return f"{self.imported(type(record))}({inner})"

    def target(self, target: Target) -> str:
        """The name of a Target, or else the Python that makes it."""
        if target in self.names:
            return self.names[target]
        return f"{self.imported('Target')}({target.domain!r}, {target.resource!r}, {self._plain(target.identifier)})"

    def constants(self) -> list[str]:
        """A line for each name, which assigns to it the target that it stands for."""
        return [f"{name} = {self.imported('Target')}({target.domain!r}, {target.resource!r}, "
                f"{self._plain(target.identifier)})" for target, name in self.names.items()]

    def imported(self, cls: type[Any] | str) -> str:
        """Imports a class, or what ``workbench`` has by this name; returns what it is called here."""
        if isinstance(cls, str):
            return self._import("workbench", cls)
        top, dot, inner = cls.__qualname__.partition(".")
        return f"{self._import(cls.__module__, top)}{dot}{inner}"

    def domain(self, domain: Domain) -> str:
        """The name that a Domain has in the module of its definitions; its key where it has none there."""
        tables = (domain.commands, domain.resources, domain.events)
        present = domain.remade[-1] if domain.remade else domain
        for module in dict.fromkeys(one.cls.__module__ for table in tables for one in table.values()):
            found = sys.modules.get(module)
            if isinstance(found, ModuleType):
                for name, value in vars(found).items():
                    if value is present and not name.startswith("_"):
                        return self._import(module, name)
        return self._import(NOTEBOOK, domain.key.replace("-", "_"))

    def imports(self) -> list[str]:
        """The import lines for all that was written; those of what a notebook defines come last."""
        standard = [f"from {module} import {', '.join(sorted(names))}" if names != {""} else f"import {module}"
                    for module, names in sorted(self._imports.items()) if module in ("datetime", "decimal", "uuid")]
        ours = [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(self._imports.items())
                if module not in ("datetime", "decimal", "uuid", NOTEBOOK, "builtins")]
        own = sorted(self._imports.get(NOTEBOOK, ()))
        if own and self._module is not None:
            ours.append(f"from {self._module} import {', '.join(own)}")
        elif own:
            ours += ["# Defined in the notebook: paste those cells here, or put them into a module and name it.",
                     f"# from … import {', '.join(own)}"]
        return [*standard, *([""] if standard and ours else []), *ours]


def _is_name(text: str) -> bool:
    """Whether a text can stand in Python as a name."""
    return text.isidentifier() and not iskeyword(text)


def is_plain(value: Any) -> bool:
    """Whether a response can be written as Python that makes an equal value."""
    if isinstance(value, Mapping):
        return all(is_plain(one) for pair in value.items() for one in pair)
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    if isinstance(value, datetime) and type(value.tzinfo) not in (type(None), timezone):
        return False
    if isinstance(value, Decimal | date | time | timedelta) and type(value) not in _PLAIN:      # as pandas has them
        return False
    return isinstance(value, _PLAIN) and bool(value == value)


def comment(text: str) -> str:
    """A text as a comment of one line, whatever line ends it has in it."""
    return "# " + "".join(letter if letter.isprintable() else " " for letter in text)
