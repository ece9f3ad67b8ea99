"""Datadef: a record of typed fields, validated as a whole before anything runs.

A Datadef is a pyrsistent ``PClass`` (immutable, with ``set``, ``transform``, ``serialize``, pickling …) whose fields
are made by ``field``. Building one converts and checks every value and reports ALL problems in one ``Invalid``.
Resources, commands, events and responses are Datadefs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from inspect import Signature
from types import MappingProxyType, MemberDescriptorType, NoneType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pyrsistent import PClass

from workbench.domain.compiled import builder_of, changer_of
from workbench.domain.convert import Refused, shown
from workbench.domain.described import help_of, signature_of
from workbench.domain.fields import MISSING as MISSING
from workbench.domain.fields import Field as Field
from workbench.domain.fields import check_is_function, verdict
from workbench.domain.fields import field as field
from workbench.domain.function_text import is_replaceable, replaceable
from workbench.domain.kinds import within
from workbench.domain.layout import Lean, blank_of, is_blank, slot_of
from workbench.errors import DefinitionError, Invalid, Problem
from workbench.wording import offered

NOTHING: Mapping[str, Any] = MappingProxyType({})
if TYPE_CHECKING:
    _PClassMeta = Lean              # pyrsistent's stubs leave PClassMeta out
else:
    class _PClassMeta(type(PClass), Lean):
        """pyrsistent's own, whose last word on slots is Lean's."""
_RESERVED = frozenset({
    "self", "ignore_extra", "_factory_fields",      # keywords of PClass's own methods
    "_own", "_fields", "_layout", "_rules", "_blank", "_made", "_change",       # what is known of every class
    "_public", "_homes",
    "_pclass_fields", "_pclass_frozen", "_pclass_invariants"})
_OF_PCLASS = frozenset({"create", "evolver", "remove", "serialize", "transform"})       # Tab does not offer these
Rule = Callable[[Any], Any]


def invariant(rule: Rule) -> Rule:
    """Marks a method as a rule over the whole record: it returns whether it holds; its docstring is the error's text.

    It may also return ``(False, "why")``, as a ``check`` may.

        @invariant
        def arrives_after_departing(self): "a flight arrives after it departed"; return self.arr >= self.dep

    Raises DefinitionError for what is no plain function, such as one that is async."""
    check_is_function(rule, "an invariant")
    rule.__dict__["_invariant"] = True
    return rule


class DatadefMeta(_PClassMeta):
    """Collects the fields and invariants of a class, its bases' first, and lays them out for building.

    Of several under one name the nearest stands, in the order in which Python looks up a method. Invariants may be
    those of a plain class that is mixed in; fields may not."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        # A Field that stands under two names is two fields.
        declared = {key: copy(value) for key, value in namespace.items() if isinstance(value, Field)}
        if clashes := _clashes(name, bases, namespace, declared):
            raise DefinitionError(f"{name} cannot be defined", clashes)
        for key, declaration in declared.items():
            declaration.name = key
            namespace[key] = declaration.pclass_field()
        try:
            cls: Any = super().__new__(mcs, name, bases, namespace)
        except TypeError as error:
            if "lay-out conflict" not in str(error):
                raise
            raise DefinitionError(
                f"{name} cannot be defined: more than one of {', '.join(base.__name__ for base in bases)} has fields "
                "or slots of its own, and a record has room for those of one; derive one of them from the other, or "
                f"declare the fields in {name}") from None
        cls._own, cls._homes = declared, {}
        fields: dict[str, Field] = {}
        rules: dict[str, Rule] = {}
        for base in reversed(cls.__mro__):
            fields |= vars(base).get("_own", {})
            rules |= {key: rule for key, value in vars(base).items()
                      if getattr(rule := getattr(value, "fget", value), "_invariant", False) is True}   # or a property
        if len(bases) > 1:      # pyrsistent has those of the last base
            cls._pclass_fields |= {key: it.pclass_field() for key, it in fields.items() if key not in declared}
        cls._fields = MappingProxyType(fields)
        cls._public = MappingProxyType({key: it for key, it in fields.items() if not key.startswith("_")})
        cls._layout = tuple((key, fields[key], slot_of(cls, key)) for key in fields)
        cls._rules = tuple(rules.items())
        cls._blank = blank_of(cls)
        cls._made = staticmethod(builder_of(cls))
        cls._change = changer_of(cls)
        if is_replaceable(cls.__new__):
            cls.__new__ = cls.__dict__["_made"]
        if is_replaceable(cls.set) and cls._change is not None:
            cls.set = cls._change
        return cls

    def __subclasses__(cls) -> list[Any]:
        """The subclasses, without the hidden twins that records are built from (layout.py)."""
        derived: list[Any] = super().__subclasses__()
        return [one for one in derived if not is_blank(one)]

    def __dir__(cls) -> list[str]:
        """The names that Tab offers: without pyrsistent's own ways to make and change a record."""
        return [name for name in super().__dir__() if name not in _OF_PCLASS]

    def getdoc(cls) -> str:
        """What IPython tells for ``Deposit?``: the fields, with type, whether required, and doc."""
        return help_of(cls)

    @property
    def __signature__(cls) -> Signature:
        """What Shift-Tab tells of a class."""
        return signature_of(cls)


def _clashes(name: str, bases: tuple[type, ...], namespace: dict[str, Any], declared: dict[str, Field]) -> list[str]:
    """Why a class cannot be defined with these fields, a sentence each: of names that are taken, or would be lost."""
    reserved = _RESERVED.union(_OF_PCLASS, (
        key for base in bases for key in dir(base)
        if isinstance(getattr(base, key), property) or callable(getattr(base, key))))
    clashes = [f'"{key}" is a name that every {bases[0].__name__} has for itself; call the field otherwise'
               for key in declared if key in reserved or key.startswith("__")]
    inherited = {key for base in bases for key in getattr(base, "_fields", ())}
    clashes += [f'"{key}" is a field of {bases[0].__name__}; only another field(…) can take its place'
                for key in namespace if key in inherited and key not in declared]
    clashes += [f'"{key}" is a field of {mixin.__name__}, which is no Datadef: no record would have it; declare it '
                f"in {name}" for base in bases for mixin in base.__mro__ if not isinstance(mixin, DatadefMeta)
                for key, value in vars(mixin).items() if isinstance(value, Field)]
    return clashes


class Datadef(PClass, metaclass=DatadefMeta):
    """An immutable record of typed fields.

        class Address(Datadef):
            city = field(str)

    ``Address(city="Rome")`` converts and checks; raises Invalid with every problem at once."""

    _own: ClassVar[Mapping[str, Field]]         # those that the class itself declares
    # The Domains that have registered this very class, by key. On the class, and in no weak table beside it: the Domain
    # holds the class, so an entry would never go; and it is to be told apart when its own Domain is long replaced.
    _homes: ClassVar[dict[str, Any]]
    _fields: ClassVar[Mapping[str, Field]]
    _public: ClassVar[Mapping[str, Field]]      # those without an underscore, which are no stamps and no target
    _layout: ClassVar[tuple[tuple[str, Field, MemberDescriptorType], ...]]
    _rules: ClassVar[tuple[tuple[str, Rule], ...]]
    _blank: ClassVar[Any]
    _made: ClassVar[Callable[..., Any]]     # ``__new__`` and ``set`` compiled, whether or not they stand for these
    _change: ClassVar[Any]
    _pclass_frozen: ClassVar[Any]
    _pclass_invariants: ClassVar[tuple[Callable[[Any], tuple[bool, Any]], ...]]

    @replaceable
    def __new__(cls, /, **given: Any) -> Self:
        made: Self = cls._made(cls, **given)
        return made

    @replaceable
    def set(self, *pair: Any, **given: Any) -> Self:
        """This record with other values for some fields, as PClass has it; raises Invalid."""
        return super().set(*pair, **given) if self._change is None else self._change(*pair, **given)

    def __dir__(self) -> list[str]:
        """The same of a record."""
        return [name for name in super().__dir__() if name not in _OF_PCLASS]

    def __setattr__(self, name: str, value: Any) -> None:
        if getattr(self, "_pclass_frozen", False):
            raise AttributeError(f"records do not change; .set({name}=…) makes another {type(self).__name__}")
        super().__setattr__(name, value)

    @classmethod
    def _told(cls, given: dict[str, Any]) -> Self:
        """The record of values of which only some are new, as pyrsistent says."""
        new, ready = given["_factory_fields"], {}
        # The names, or None. pyrsistent gives a set, so that no data from outside passes for it.
        if isinstance(new, set | NoneType):
            given = {name: value for name, value in given.items() if name not in ("_factory_fields", "ignore_extra")}
            if new is not None:
                ready = {name: value for name, value in given.items() if name not in new and name in cls._fields}
        return cls._checked(given, ready)

    @classmethod
    def _checked(
        cls, given: Mapping[str, Any], ready: Mapping[str, Any] = NOTHING, refused: Mapping[str, Exception] = NOTHING,
    ) -> Self:
        """The slow way to a record: it finds every problem.

        ``ready`` are values of fields that are as they are to be already, ``refused`` what was raised for others."""
        record = object.__new__(cls)
        faults: list[Problem] = []
        for name, declared, slot in cls._layout:
            try:
                if name in ready:
                    value = ready[name]
                elif name in refused:       # not raised again: it would live in a circle with what raised it
                    faults += _problems(name, given.get(name, declared.initial), refused[name])
                    continue
                elif name in given:
                    value = declared.accept(given[name])
                elif declared.initial is not MISSING:
                    value = declared.first()
                else:
                    faults.append(Problem(name, MISSING, f"is missing; give {declared.kind.wants}"))
                    continue
            except (Refused, Invalid) as refusal:
                faults += _problems(name, given.get(name, declared.initial), refusal)
            else:
                slot.__set__(record, value)
        faults.extend(unknown(cls, given))
        if faults:
            raise Invalid(cls.__name__, faults)
        cls._pclass_frozen.__set__(record, True)
        broken = broken_rules(record)
        if broken:
            raise Invalid(cls.__name__, broken)
        return record


def restored(cls: Any, held: Mapping[str, Any]) -> Any:
    """The record of values that a row or an earlier record holds: as built, but no factory is applied to them again.

    Raises Invalid."""
    ready, refused = {}, {}
    for name, declared in cls._fields.items():
        if declared.factory is not None and name in held:
            try:
                ready[name] = declared.restore(held[name])
            except (Refused, Invalid) as refusal:
                refused[name] = refusal
    return cls._checked(held, ready, refused) if ready or refused else cls(**held)


def _problems(name: str, value: Any, refusal: Exception) -> list[Problem]:
    """What is wrong with the value of a field, by what it was refused with; what is no refusal is raised."""
    if isinstance(refusal, Invalid):
        return within(name, refusal.problems)
    if isinstance(refusal, Refused):
        return [Problem(name, value, str(refusal))]
    raise refusal


def unknown(cls: type[Datadef], given: Mapping[str, Any]) -> list[Problem]:
    """A Problem for each name that is no field of a Datadef class, with the nearest one that is."""
    faults = []
    for name, value in given.items():
        if name not in cls._fields:
            there = offered(name, list(cls._public), "none")
            faults.append(Problem(name, value, f"there is no such field; {there}"))
    return faults


def broken_rules(record: Any) -> list[Problem]:
    """A Problem for each invariant that does not hold for the whole record."""
    faults = []
    for name, rule in type(record)._rules:
        text = (rule.__doc__ or name.replace("_", " ")).strip().rstrip(".")
        try:
            passed, why = verdict(rule(record), text)
            if not passed:
                faults.append(Problem(None, None, f"it must hold that {why}"))
        except Exception as error:
            faults.append(Problem(None, None, f"the invariant {name} raised {error!r}"))
    for check in type(record)._pclass_invariants:
        passed, why = check(record)
        if not passed:
            faults.append(Problem(None, None, f"it must hold that {why() if callable(why) else why}"))
    return faults


def values_of(record: Any) -> dict[str, Any]:
    """The fields of a record by name, in the order of definition: to hand all of them on.

    Without stamps, and without what a message is on. Raises Invalid for what is no record.

        yield Insert(event.target, **values_of(event))
        yield Insert(event.target, **values_of(event) | {"city": "Rome"})       # all but one
    """
    try:
        names = type(record)._public
    except AttributeError:
        wrong = (f"{record.__name__} is a class; give a record of it" if isinstance(record, type) else
                 f"{shown(record)} is no record: no item, command, event or other Datadef")
        raise Invalid("values_of", [Problem(None, record, wrong)]) from None
    return {name: getattr(record, name) for name in names}
