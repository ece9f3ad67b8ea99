"""Mentions: which classes a handler's code names, as far as reading the code can tell.

The code is never run. Its names are looked up where the function would find them, in its globals and closure, and the
functions it names are read as well. What cannot be read (a local import, a function not written in Python) makes the
result ``partly`` read: nobody may conclude from it that something is not named.
"""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterable
from functools import partial
from inspect import unwrap
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from workbench.domain.datadef import Datadef
from workbench.domain.mutation import Mutation
from workbench.domain.place import place_of


class Mentions(NamedTuple):
    """What some code names: ``places`` of datadefs and mutations, ``texts`` (names and string constants), and whether
    it was read only ``partly``."""

    places: frozenset[tuple[str, str]]
    texts: frozenset[str]
    partly: bool

    def name(self, cls: type[Any]) -> bool:
        """Whether the class is named, by itself or by its bare name."""
        return place_of(cls) in self.places or cls.__name__ in self.texts


def mentions(functions: Iterable[Callable[..., Any]]) -> Mentions:
    """What the code of some functions names, with that of the functions they name in turn."""
    places: set[tuple[str, str]] = set()
    texts: set[str] = set()
    partly = False
    waiting: list[Any] = list(functions)
    seen: set[int] = set()
    kept: list[Any] = []        # alive until the end: an id may be used again after its object is gone
    while waiting:
        it = waiting.pop()
        if id(it) in seen:
            continue
        seen.add(id(it))
        kept.append(it)
        if isinstance(it, type):
            if issubclass(it, Datadef | Mutation):
                places.add(place_of(it))
        elif isinstance(it, FunctionType):
            if (inner := unwrap(it)) is not it:
                waiting.append(inner)
            for code in _codes(it.__code__):
                texts |= {*code.co_names, *(constant for constant in code.co_consts if isinstance(constant, str))}
                partly = partly or any(step.opname == "IMPORT_NAME" for step in dis.get_instructions(code))
            waiting += _named(it)
        elif isinstance(it, MethodType):
            waiting += [it.__func__, *vars(it.__self__).values()] if hasattr(it.__self__, "__dict__") else [it.__func__]
        elif isinstance(it, partial):
            waiting += [it.func, *it.args, *it.keywords.values()]
        elif isinstance(it, list | tuple | set | frozenset):
            waiting += it
        elif isinstance(it, dict):
            waiting += it.values()
        elif callable(it):
            partly = True
    return Mentions(frozenset(places), frozenset(texts), partly)


def _codes(code: CodeType) -> list[CodeType]:
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return [code, *(deeper for one in inner for deeper in _codes(one))]


def _named(function: FunctionType) -> list[Any]:
    """The objects that a function's names stand for: globals, what it closes over, its defaults, parts of modules."""
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    found = [function.__globals__[name] for name in names if name in function.__globals__]
    for module in [it for it in found if isinstance(it, ModuleType)]:
        found += [vars(module)[name] for name in names if name in vars(module)]
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:      # a name that was not given a value yet
            continue
    return [*found, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
