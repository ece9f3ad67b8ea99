"""Datadef: a record of typed fields, validated as a whole before anything runs.

A Datadef is a pyrsistent ``PClass`` (immutable, with ``set``, ``transform``, ``serialize``, pickling …) whose fields
are made by ``field``. Building one converts and checks every value and reports ALL problems in one ``Invalid``.
Resources, commands, events and responses are Datadefs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from difflib import get_close_matches
from types import MappingProxyType, NoneType, UnionType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, overload

import pyrsistent
from pyrsistent import PClass

from workbench.domain.compiled import builder, changer
from workbench.domain.convert import Refused, shown
from workbench.domain.described import help_of
from workbench.domain.frozen import FrozenDict, FrozenList
from workbench.domain.kinds import Kind, OptionalKind, kind_of, within
from workbench.errors import DefinitionError, Invalid, Problem

T = TypeVar("T")
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "<missing>"})()
if TYPE_CHECKING:
    _PClassMeta = type              # pyrsistent's stubs leave PClassMeta out
else:
    _PClassMeta = type(PClass)
_RESERVED = frozenset({"self", "ignore_extra", "_factory_fields"})     # keywords of PClass's own methods


class Field:
    """What ``field`` declares: the kind of the values and what else is asked of them."""

    __slots__ = (
        "_made",
        "accept",
        "check",
        "choices",
        "doc",
        "factory",
        "hidden",
        "initial",
        "kind",
        "name",
        "references",
        "unique",
    )

    def __init__(
        self, kind: Kind, *, initial: Any, check: Callable[[Any], Any] | None, factory: Callable[[Any], Any] | None,
        choices: Iterable[Any] | None, doc: str, hidden: bool, references: Any, unique: bool,
    ) -> None:
        self.name = ""      # set by the class that holds it
        self.kind, self.check, self.factory, self.doc, self.hidden = kind, check, factory, doc, hidden
        self.references, self.unique = references, unique
        self.initial: Any = None if initial is MISSING and isinstance(kind, OptionalKind) else initial
        self._made = callable(self.initial) and self.initial is not MISSING
        try:
            self.choices = None if choices is None else tuple(kind.convert(choice) for choice in choices)
        except (Refused, Invalid) as refusal:
            raise DefinitionError(f"a choice does not fit the field's own type: {refusal}") from refusal
        plain = check is None and factory is None and self.choices is None
        self.accept: Callable[[Any], Any] = kind.convert if plain else self._accept
        if self.initial is not MISSING and not self._made:
            try:
                self.initial = self.accept(self.initial)
            except (Refused, Invalid) as refusal:
                raise DefinitionError(f"the initial value does not fit the field's own type: {refusal}") from refusal

    @property
    def required(self) -> bool:
        """Whether a value must be given: there is no initial one and None is not admitted."""
        return self.initial is MISSING

    def _accept(self, value: Any) -> Any:
        if self.factory is not None:
            try:
                value = self.factory(value)
            except Exception as error:
                raise Refused(f"{shown(value)} could not be converted: {error}") from error
        value = self.kind.convert(value)
        if value is None and isinstance(self.kind, OptionalKind):
            return value
        if self.choices is not None and value not in self.choices:
            texts = [str(self.kind.dump(choice)) for choice in self.choices]
            near = get_close_matches(str(value), texts, n=1)
            hint = f'did you mean "{near[0]}"? ' if near else ""
            raise Refused(f"{shown(value)} is not among the choices; {hint}There is: {', '.join(texts)}")
        if self.check is not None:
            self._run_check(value)
        return value

    def _run_check(self, value: Any) -> None:
        assert self.check is not None
        try:
            answer = self.check(value)
        except ValueError as error:
            raise Refused(f"{shown(value)} failed its check: {error}") from error
        except Exception as error:
            raise Refused(f"{shown(value)} could not be checked, the check raised {error!r}") from error
        passed, why = answer if isinstance(answer, tuple) else (answer, "")
        if not passed:
            named = getattr(self.check, "__name__", "<lambda>")
            why = why or self.doc or ("" if named == "<lambda>" else named.replace("_", " "))
            raise Refused(f"{shown(value)} failed its check{f': {why}' if why else ''}")

    def first(self) -> Any:
        """The initial value, checked like any other."""
        return self.accept(self.initial()) if self._made else self.initial

    def pclass_field(self) -> Any:
        """This field as pyrsistent declares one, for all that PClass offers beside building."""
        extra: dict[str, Any] = {} if self.initial is MISSING else {"initial": self.initial}
        return pyrsistent.field(
            type=() if object in self.kind.python else self.kind.python, mandatory=True, factory=self.accept,
            serializer=lambda _, value: self.kind.dump(value), **extra)


@overload
def field(
    type: type[T], *, initial: Any = ...,
    check: Callable[[T], Any] | None = ..., factory: Callable[[Any], Any] | None = ...,
    choices: Iterable[T] | None = ..., doc: str = ..., hidden: bool = ..., references: Any = ..., unique: bool = ...,
) -> T: ...
@overload
def field(      # T | None; a mere Any would make mypy take both, and so Any, wherever ``check`` is a lambda
    type: UnionType, *, initial: Any = ...,
    check: Callable[[Any], Any] | None = ..., factory: Callable[[Any], Any] | None = ...,
    choices: Iterable[Any] | None = ..., doc: str = ..., hidden: bool = ..., references: Any = ..., unique: bool = ...,
) -> Any: ...
def field(
    type: Any, *, initial: Any = MISSING, check: Callable[[Any], Any] | None = None,
    factory: Callable[[Any], Any] | None = None, choices: Iterable[Any] | None = None, doc: str = "",
    hidden: bool = False, references: Any = None, unique: bool = False,
) -> Any:
    """A typed field of a Datadef: ``balance = field(Decimal, initial=Decimal(0), check=lambda b: b >= 0)``.

    It must be given unless it has an ``initial`` (a value, or a function called for each record) or its type admits
    None. ``check`` returns whether the value will do, or ``(False, "why")``, or raises ValueError; None is not checked.
    ``factory`` is applied to what was given, before the type's own conversion. ``doc`` says what the field means: it
    is shown in errors and forms; a ``hidden`` field is not asked for in a form. In a Resource whose table is derived,
    ``references=Owner`` makes a foreign key (``"self"`` for the own table) and ``unique=True`` a unique constraint.

    Raises DefinitionError for a type that no field can have."""
    return Field(kind_of(type), initial=initial, check=check, factory=factory, choices=choices, doc=doc, hidden=hidden,
                 references=references, unique=unique)


Rule = Callable[[Any], Any]


def invariant(rule: Rule) -> Rule:
    """Marks a method as a rule over the whole record: it returns whether it holds; its docstring is the error's text.

    It may also return ``(False, "why")``, as a ``check`` may.

        @invariant
        def arrives_after_departing(self): "a flight arrives after it departed"; return self.arr >= self.dep
    """
    rule.__dict__["_invariant"] = True
    return rule


class DatadefMeta(_PClassMeta):
    """Collects the fields and invariants of a class, its bases' first, and lays them out for building."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        # A Field that stands under two names is two fields.
        declared = {key: copy(value) for key, value in namespace.items() if isinstance(value, Field)}
        reserved = _RESERVED.union(
            key for base in bases for key in dir(base)
            if isinstance(getattr(base, key), property) or callable(getattr(base, key)))
        clashes = [f'"{key}" is a name that every {bases[0].__name__} has for itself; call the field otherwise'
                   for key in declared if key in reserved]
        fields: dict[str, Field] = {}
        rules: dict[str, Rule] = {}
        for base in reversed(bases):
            fields |= getattr(base, "_fields", {})
            rules |= dict(getattr(base, "_rules", ()))
        clashes += [f'"{key}" is a field of {bases[0].__name__}; only another field(…) can take its place'
                    for key in namespace if key in fields and key not in declared]
        if clashes:
            raise DefinitionError(f"{name} cannot be defined", clashes)
        for key, declaration in declared.items():
            declaration.name = key
            namespace[key] = declaration.pclass_field()
        fields |= declared
        rules |= {key: value for key, value in namespace.items() if getattr(value, "_invariant", False)}
        cls: Any = super().__new__(mcs, name, bases, namespace)
        cls._fields = MappingProxyType(fields)
        cls._layout = tuple((key, fields[key], cls.__dict__[key].__set__) for key in fields)
        cls._rules = tuple(rules.items())
        cls._build = staticmethod(builder(cls, MISSING))
        cls._change = staticmethod(changer(cls))
        return cls

    def getdoc(cls) -> str:
        """What IPython tells for ``Deposit?``: the fields, with type, whether required, and doc."""
        return help_of(cls)


class Datadef(PClass, metaclass=DatadefMeta):
    """An immutable record of typed fields.

        class Address(Datadef):
            city = field(str)

    ``Address(city="Rome")`` converts and checks; raises Invalid with every problem at once."""

    _fields: ClassVar[Mapping[str, Field]]
    _layout: ClassVar[tuple[tuple[str, Field, Callable[[Any, Any], None]], ...]]
    _rules: ClassVar[tuple[tuple[str, Rule], ...]]
    _build: ClassVar[Callable[[Any, Mapping[str, Any]], Any]]
    _change: ClassVar[Callable[[Any, Mapping[str, Any]], Any]]
    _pclass_frozen: ClassVar[Any]
    _pclass_invariants: ClassVar[tuple[Callable[[Any], tuple[bool, Any]], ...]]

    def __new__(cls, /, **given: Any) -> Self:
        # pyrsistent's own calls say which values are new; the others must not be converted again.
        record: Self | None = None if "_factory_fields" in given else cls._build(cls, given)
        return cls._checked(given) if record is None else record

    def set(self, *pair: Any, **given: Any) -> Self:
        """This record with other values for some fields, as PClass has it; raises Invalid."""
        cls = type(self)
        # A class that builds in its own way is asked to.
        if not pair and cls.__new__ is Datadef.__new__ and (record := cls._change(self, given)) is not None:
            return record       # type: ignore[no-any-return]  # of this class
        changed: Self = super().set(*pair, **given)
        return changed

    @classmethod
    def _checked(cls, given: dict[str, Any]) -> Self:
        """The slow way to a record: it finds every problem."""
        # pyrsistent's own: the names that are new, or None. It gives a set, so that no data from outside passes for it.
        checked = None
        if isinstance(given.get("_factory_fields", MISSING), set | NoneType):
            checked = given.pop("_factory_fields")
            given.pop("ignore_extra", None)
        record = object.__new__(cls)
        faults: list[Problem] = []
        used = 0
        for name, declared, put in cls._layout:
            try:
                if name in given:
                    used += 1
                    value = given[name]
                    if checked is None or name in checked:
                        value = declared.accept(value)
                elif declared.initial is not MISSING:
                    value = declared.first()
                else:
                    faults.append(Problem(name, MISSING, f"is missing; give {declared.kind.wants}"))
                    continue
            except Refused as refusal:
                faults.append(Problem(name, given.get(name, declared.initial), str(refusal)))
            except Invalid as nested:
                faults.extend(within(name, nested.problems))
            else:
                put(record, value)
        if used != len(given):
            faults.extend(unknown(cls, given))
        if faults:
            raise Invalid(cls.__name__, faults)
        if cls._rules or cls._pclass_invariants:
            broken = broken_rules(record)
            if broken:
                raise Invalid(cls.__name__, broken)
        cls._pclass_frozen.__set__(record, True)
        return record


def unknown(cls: type[Datadef], given: Mapping[str, Any]) -> list[Problem]:
    """A Problem for each name that is no field of a Datadef class, with the nearest one that is."""
    names = [name for name in cls._fields if not name.startswith("_")]
    faults = []
    for name, value in given.items():
        if name not in cls._fields:
            near = get_close_matches(name, names, n=1)
            hint = f'did you mean "{near[0]}"? ' if near else ""
            faults.append(Problem(name, value, f"there is no such field; {hint}"
                                               f"There is: {', '.join(names) or 'none'}"))
    return faults


def broken_rules(record: Any) -> list[Problem]:
    """A Problem for each invariant that does not hold for the whole record."""
    faults = []
    for name, rule in type(record)._rules:
        text = (rule.__doc__ or name.replace("_", " ")).strip().rstrip(".")
        try:
            answer = rule(record)
            passed, why = answer if isinstance(answer, tuple) else (answer, text)
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
    """The public fields of a record and their values, in the order of definition."""
    return {name: getattr(record, name) for name in type(record)._fields if not name.startswith("_")}


def same(one: Any, other: Any) -> bool:
    """Whether two field values are equal: a NaN equals itself, and within JSON ``1``, ``1.0`` and ``True`` differ."""
    if one is other:
        return True
    if isinstance(one, FrozenList | FrozenDict):
        return _same_nested(one, other)
    return bool(one == other or (one != one and other != other))


def _same_nested(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, FrozenList):
        return len(one) == len(other) and all(map(_same_nested, one, other))
    if isinstance(one, FrozenDict):
        return one.keys() == other.keys() and all(_same_nested(value, other[key]) for key, value in one.items())
    return same(one, other)
