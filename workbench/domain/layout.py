"""Layout: where the records of a Datadef class keep their values, and how these get there though a record refuses it.

A record has one slot for each field. ``Lean`` leaves to the bases what they have slots for, where pyrsistent would make
all anew at every level of inheritance. ``blank_of`` gives a second class with the same slots, which lets them be set as
fast as any attribute: what is filled in as a blank becomes a record by being given the record's class.
"""

from __future__ import annotations

from types import MemberDescriptorType
from typing import Any


class Lean(type):
    """The metaclass under pyrsistent's: it takes the ``__slots__`` that were asked for, less those that bases have."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        namespace["__slots__"] = tuple(key for key in namespace["__slots__"] if not _has_slot(bases, key))
        return super().__new__(mcs, name, bases, namespace)


def _has_slot(bases: tuple[type, ...], key: str) -> bool:
    """Whether bases have a slot of this name, and none of them anything else that could stand before it."""
    found = [vars(cls)[key] for base in bases for cls in base.__mro__ if key in vars(cls)]
    return bool(found) and all(isinstance(one, MemberDescriptorType) for one in found)


def slot_of(cls: type, key: str) -> MemberDescriptorType:
    """The slot of a field, of this class or of a base."""
    slot: MemberDescriptorType = next(vars(base)[key] for base in cls.__mro__ if key in vars(base))
    return slot


def blank_of(cls: Any) -> Any:
    """A class whose instances can be made records of ``cls``, and until then have their fields set as attributes.

    None where there can be none, or it would be noticed: when records have a dict beside their slots, or a class is
    told of its subclasses."""
    if cls.__dictoffset__ or any("__init_subclass__" in vars(base) for base in cls.__mro__ if base is not object):
        return None
    # A sibling, for only siblings with equal slots can take each other's place. Made past the metaclass of Datadefs.
    blank = type.__new__(type(cls), cls.__name__, cls.__bases__, {
        "__slots__": vars(cls)["__slots__"], "__module__": cls.__module__, "__qualname__": cls.__qualname__,
        "__setattr__": object.__setattr__, "__delattr__": object.__delattr__})
    try:
        object.__new__(blank).__class__ = cls
    except TypeError:       # what lets them differ is the interpreter's affair
        return None
    return blank


def is_blank(cls: type) -> bool:
    """Whether a class is one of ``blank_of``, which nobody is to see."""
    return "_layout" not in vars(cls)
