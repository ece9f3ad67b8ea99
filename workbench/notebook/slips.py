"""Slips: an object that says which of its names was meant by one that it has not.

Python does so in a terminal, and IPython does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from workbench.wording import meant


class Slips:
    """``_noun`` is what the object is called, ``_instead`` what to say of a name that others have taken over."""

    __slots__ = ()
    _noun: ClassVar[str]
    _instead: ClassVar[Mapping[str, str]] = MappingProxyType({})

    if not TYPE_CHECKING:       # for mypy it would have every name

        def __getattr__(self, name: str) -> Any:
            __tracebackhide__ = True    # the slip is in the cell
            if name.startswith("_") or hasattr(type(self), name):       # a notebook asks for the former all the time
                return object.__getattribute__(self, name)              # raises again, as of a property that failed
            names = [known for known in dir(self) if not known.startswith("_")]
            hint = f"{self._instead[name]}; " if name in self._instead else meant(name, names)
            raise AttributeError(f'{self._noun} has no "{name}"; {hint}dir(…) lists all that it has')
