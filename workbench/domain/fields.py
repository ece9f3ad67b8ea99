"""Field: what one field of a Datadef admits, how a value is made fit for it, and what it is when none is given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from decimal import Decimal
from types import UnionType
from typing import Any, TypeVar, overload

import pyrsistent

from workbench.domain.convert import Refused, shown
from workbench.domain.frozen import thawed
from workbench.domain.kinds import Kind, OptionalKind, kind_of
from workbench.domain.reference import reference
from workbench.errors import DefinitionError, Invalid
from workbench.wording import offered

T = TypeVar("T")
_ORDERED = (int, float, Decimal, date, time, datetime)
_GIVEN = ("initial", "check", "factory", "choices", "doc", "hidden", "references", "unique", "least", "most")
_ELSEWHERE = {      # what others call it
    "default": "initial", "default_factory": "initial", "validator": "check", "converter": "factory",
    "description": "doc", "help": "doc", "foreign_key": "references", "min": "least", "ge": "least", "max": "most",
    "le": "most"}
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "<missing>"})()


def check_is_function(rule: Any, what: str) -> None:
    """Raises DefinitionError for what gives no answer when it is called: a coroutine or a generator is never false."""
    for one in (rule, getattr(type(rule), "__call__", None)):  # noqa: B004  # what is called is meant
        if inspect.iscoroutinefunction(one) or inspect.isgeneratorfunction(one) or inspect.isasyncgenfunction(one):
            raise DefinitionError(f"{what} answers at once, and {rule!r} is async or yields; give a plain function "
                                  "that returns whether it holds")
    if not callable(rule):
        raise DefinitionError(f"{what} is a function that returns whether it holds, not {shown(rule)}")


def verdict(answer: Any, why: str = "") -> tuple[bool, str]:
    """Whether an answer of a check or an invariant means yes, and why not.

    Raises TypeError for one that means neither."""
    try:
        passed, why = answer if isinstance(answer, tuple) else (answer, why)
        return bool(passed), why
    except Exception as error:
        raise TypeError(f'{shown(answer)} is no answer; give True, False or (False, "why")') from error


class Limits:
    """The least and the most that a field admits, both included; None where there is no such limit."""

    __slots__ = ("least", "most", "words")

    def __init__(self, least: Any, most: Any, words: str) -> None:
        self.least, self.most, self.words = least, most, words

    def before(self, check: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
        """A check that asks these limits first."""
        least, most, outside = self.least, self.most, (False, f"only {self.words} will do")

        def limited(value: Any) -> Any:
            try:
                inside = (least is None or value >= least) and (most is None or value <= most)
            except ArithmeticError:     # a Decimal that is no number
                inside = False
            return outside if not inside else True if check is None else check(value)

        limited.__name__ = getattr(check, "__name__", "<lambda>")
        return limited


def _limits(kind: Kind, least: Any, most: Any) -> Limits | None:
    """The limits as the kind has its values; raises DefinitionError."""
    if least is None and most is None:
        return None
    inner = kind.bare
    if inner.annotation not in _ORDERED:
        raise DefinitionError(f"least and most are for numbers, days and times, not for {kind.name}; use check=")
    try:
        least, most = (None if limit is None else inner.convert(limit) for limit in (least, most))
    except Refused as refusal:
        raise DefinitionError(f"a limit does not fit the field's own type: {refusal}") from refusal
    if least != least or most != most:
        raise DefinitionError("a limit is NaN, which nothing is above or below; leave it out")
    low, high = (None if limit is None else str(inner.dump(limit)) for limit in (least, most))
    if least is not None and most is not None and not least <= most:
        raise DefinitionError(f"nothing lies between the limits: least is {low}, and most is {high}")
    return Limits(least, most, f"{low} or more" if high is None else f"{high} or less" if low is None else
                  f"{low} to {high}")


class Field:
    """What ``field`` declares: the kind of the values and what else is asked of them.

    It ``generates`` its initial value where that is a function, which is called for each record."""

    __slots__ = (
        "accept",
        "check",
        "choices",
        "doc",
        "factory",
        "generates",
        "hidden",
        "initial",
        "kind",
        "limits",
        "name",
        "references",
        "unique",
    )

    def __init__(
        self, kind: Kind, *, initial: Any = MISSING, check: Callable[[Any], Any] | None = None,
        factory: Callable[[Any], Any] | None = None, choices: Iterable[Any] | None = None, doc: str = "",
        hidden: bool = False, references: Any = None, unique: bool = False, least: Any = None, most: Any = None,
    ) -> None:
        self.name = ""      # set by the class that holds it
        if check is not None:
            check_is_function(check, "a check")
        kind = kind if references is None else reference(kind, references)
        self.limits = _limits(kind, least, most)
        check = check if self.limits is None else self.limits.before(check)
        self.kind, self.check, self.factory, self.doc, self.hidden = kind, check, factory, doc, hidden
        self.references, self.unique = references, unique
        self.initial: Any = None if initial is MISSING and isinstance(kind, OptionalKind) else initial
        self.generates = callable(self.initial) and self.initial is not MISSING
        if choices is not None and not isinstance(choices, Iterable):
            raise DefinitionError(f"choices are several values, such as [1, 2], not {shown(choices)}")
        try:
            self.choices = None if choices is None else tuple(kind.convert(choice) for choice in choices)
        except (Refused, Invalid) as refusal:
            raise DefinitionError(f"a choice does not fit the field's own type: {refusal}") from refusal
        plain = check is None and factory is None and self.choices is None
        self.accept: Callable[[Any], Any] = kind.convert if plain else self._accept
        if self.initial is not MISSING and not self.generates:
            try:
                self.initial = self.accept(self.initial)
            except (Refused, Invalid) as refusal:
                raise DefinitionError(f"the initial value does not fit the field's own type: {refusal}") from refusal

    @property
    def required(self) -> bool:
        """Whether a value must be given: there is no initial one and None is not admitted."""
        return self.initial is MISSING

    @property
    def has_initial(self) -> bool:
        """Whether there is a value to begin with, the same for each record, that is not None."""
        return self.initial is not MISSING and self.initial is not None and not self.generates

    def _accept(self, value: Any) -> Any:
        if self.factory is not None:
            try:
                value = self.factory(thawed(value))     # it may change what a caller gave
            except Exception as error:
                raise Refused(f"{shown(value)} could not be converted: {error}") from error
        return self._fit(value)

    def restore(self, value: Any) -> Any:
        """A value that a row or a record holds, made fit: the factory has seen it, and is not asked again.

        Only where it is not of the kind, as when that was changed, is it taken for one that is given."""
        if self.factory is None:
            return self.accept(value)
        try:
            value = self.kind.convert(value)
        except (Refused, Invalid):
            return self.accept(value)
        return self._fit(value)

    def _fit(self, value: Any) -> Any:
        value = self.kind.convert(value)
        if value is None and isinstance(self.kind, OptionalKind):
            return value
        if self.choices is not None and value not in self.choices:
            texts = [str(self.kind.dump(choice)) for choice in self.choices]
            raise Refused(f"{shown(value)} is not among the choices; {offered(str(value), texts)}")
        if self.check is not None:
            self._run_check(value)
        return value

    def _run_check(self, value: Any) -> None:
        assert self.check is not None
        try:
            passed, why = verdict(self.check(value))
        except ValueError as error:
            raise Refused(f"{shown(value)} failed its check: {error}") from error
        except Exception as error:
            raise Refused(f"{shown(value)} could not be checked, the check raised {error!r}") from error
        if not passed:
            named = getattr(self.check, "__name__", "<lambda>")
            why = why or self.doc or ("" if named == "<lambda>" else named.replace("_", " "))
            raise Refused(f"{shown(value)} failed its check{f': {why}' if why else ''}")

    def first(self) -> Any:
        """The initial value, checked like any other."""
        return self.accept(self.initial()) if self.generates else self.initial

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
    least: Any = ..., most: Any = ...,
) -> T: ...
@overload
def field(      # T | None; a mere Any would make mypy take both, and so Any, wherever ``check`` is a lambda
    type: UnionType, *, initial: Any = ...,
    check: Callable[[Any], Any] | None = ..., factory: Callable[[Any], Any] | None = ...,
    choices: Iterable[Any] | None = ..., doc: str = ..., hidden: bool = ..., references: Any = ..., unique: bool = ...,
    least: Any = ..., most: Any = ...,
) -> Any: ...
def field(
    type: Any = MISSING, *, initial: Any = MISSING, check: Callable[[Any], Any] | None = None,
    factory: Callable[[Any], Any] | None = None, choices: Iterable[Any] | None = None, doc: str = "",
    hidden: bool = False, references: Any = None, unique: bool = False, least: Any = None, most: Any = None,
    **unknown: Any,
) -> Any:
    """A typed field of a Datadef: ``balance = field(Decimal, initial=Decimal(0), check=lambda b: b >= 0)``.

    It must be given unless it has an ``initial`` (a value, or a function called for each record) or its type admits
    None. Numbers, days and times may have a ``least`` and a ``most``, both admitted. ``check`` returns whether the
    value will do, or ``(False, "why")``, or raises ValueError; None is not checked.
    ``factory`` is applied to what was given, before the type's own conversion, and not again to what is loaded.
    ``doc`` says what the field means: it is shown in errors and forms; a ``hidden`` field is not asked for in a form.
    In a Resource whose table is derived, ``references=Owner`` makes a foreign key (``"self"`` for the own table) and
    ``unique=True`` a unique constraint.
    A field with ``references`` takes the item itself as well, its Target, or a Step on it, and keeps the identifier.

    Raises DefinitionError for a type that no field can have, for limits or choices that do not fit it, for a check
    that is no plain function, for ``references`` of what is no resource, and for what a field is not given."""
    if type is MISSING or unknown:
        raise DefinitionError("a field cannot be made", [
            *(["its type is missing; give it first, as in field(str)"] if type is MISSING else []),
            *(f'it takes no "{name}"; {offered(_ELSEWHERE.get(name, name), _GIVEN)}' for name in unknown)])
    return Field(kind_of(type), initial=initial, check=check, factory=factory, choices=choices, doc=doc, hidden=hidden,
                 references=references, unique=unique, least=least, most=most)
