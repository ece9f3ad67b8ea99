"""Compiled: how the records of one Datadef class are built, changed and loaded when nothing is wrong with them.

``builder``, ``changer``, ``putter`` and ``loader`` each write one function for the fields of a class: straight-line
code, a few lines a field, in which a value that already is of its type is put into its slot without a call. When
anything is amiss they do not say what: the slow way, the class's ``_checked``, goes on where they stopped, and finds
every problem. So each conversion, factory and initial value is called once, whichever way a record takes: what was
given may be an iterator, which can be read but once.

The source they write holds numbers and the fixed texts of this module alone: the names of fields are put into the
finished code, and everything else is passed beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Flag
from typing import Any, TypeVar
from uuid import UUID

from pyrsistent import PClass

from workbench.domain.frozen import FrozenDict
from workbench.domain.json_values import SCALARS, is_flat, is_settled
from workbench.domain.kinds import EnumKind, Kind, OptionalKind, RecordKind

T = TypeVar("T", bound=Callable[..., Any])
# What must be converted, of a value ``v``: all that is not already as its kind's ``convert`` would return it. Of a
# Decimal of more than 383 digits the places are not counted, which would make each record slower: a commit refuses it.
_AMISS: Mapping[Any, str] = {
    str: "type({v}) is not str or not {v}.isascii() or '\\0' in {v}",
    int: "type({v}) is not int or not -0x8000000000000000 <= {v} <= 0x7fffffffffffffff",
    float: "type({v}) is not float",
    bool: "type({v}) is not bool",
    bytes: "type({v}) is not bytes",
    Decimal: "type({v}) is not Decimal or not {v}.is_finite() or not -16_000 < {v}.adjusted() < 131_072",
    UUID: "not isinstance({v}, UUID)",      # asyncpg has a subclass
    datetime: "type({v}) is not datetime or {v}.tzinfo is not UTC",
    date: "type({v}) is not date",
    dict: "type({v}) is not FrozenDict or not is_settled({v})",
    object: "False",
}
# What is stored holds no NUL and no half of a surrogate pair, and no number that could not be stored.
_AMISS_STORED: Mapping[Any, str] = {
    **_AMISS, str: "type({v}) is not str", int: "type({v}) is not int",
    Decimal: "type({v}) is not Decimal or not {v}.is_finite()"}
_FLAT_STORED = "scalars(map(type, {v}.values()))"
_ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "…"})()      # the default of all fields in a signature
_KNOWN = {"UUID": UUID, "Decimal": Decimal, "datetime": datetime, "date": date, "UTC": UTC, "FrozenDict": FrozenDict,
          "is_flat": is_flat, "scalars": SCALARS.issuperset, "is_settled": is_settled, "absent": _ABSENT,
          "new": object.__new__}


def plain(method: T) -> T:
    """Marks a method of Datadef that compiled ones may stand for, as long as no class has one of its own."""
    method.__dict__["_plain"] = True
    return method


def is_plain(method: Any) -> bool:
    return getattr(method, "_plain", False)


class _Source:
    """The lines of one function over the fields of a class; ``names`` are known in them, beside Python's own."""

    def __init__(self, cls: Any, *, stored: bool = False, **names: Any) -> None:
        self.layout, self._cls, self._blank = cls._layout, cls, cls._blank
        self._conditions, self._flat = (_AMISS_STORED, _FLAT_STORED) if stored else (_AMISS, "is_flat({v})")
        self._stored = stored
        self.names = {**_KNOWN, "of": cls, "first": self._blank or cls, "freeze": cls._pclass_frozen.__set__,
                      "plainly": _plainly, **names}
        self._attributes: dict[str, str] = {}

    def accept(self, place: int, v: str) -> list[str]:
        """The lines that make of a value ``v`` one that the field at a place keeps, or raise."""
        declared = self.layout[place][1]
        amiss = self._amiss(declared.kind, place)
        self.names[f"accept{place}"] = declared.restore if self._stored else declared.accept
        if amiss is None or declared.factory is not None or (declared.kind.annotation is object and declared.check):
            return [f"{v} = accept{place}({v})"]
        self.names[f"convert{place}"] = declared.kind.convert
        optional = isinstance(declared.kind, OptionalKind)
        lines = [] if amiss == "False" else [f"if {amiss.format(v=v)}: {v} = convert{place}({v})"]
        if (declared.kind.inner if optional else declared.kind).annotation is dict:     # as its ``convert`` begins
            flat = self._flat.format(v=v)
            lines = [f"if type({v}) is dict and {flat}: {v} = FrozenDict({v})", "else:", *_within(1, lines)]
        if declared.choices is not None:
            self.names[f"choices{place}"] = declared.choices
            lines.append(f"if {f'{v} is not None and ' if optional else ''}{v} not in choices{place}: "
                         f"accept{place}({v})")
        if declared.check is not None:
            self.names[f"check{place}"] = declared.check
            lines += [f"try: answer = {f'{v} is None or ' if optional else ''}check{place}({v})",
                      "except Exception: answer = False",
                      f"if answer is not True and not plainly(answer): accept{place}({v})"]
        return lines

    def _amiss(self, kind: Kind, place: int) -> str | None:
        """The condition under which a value of a kind must be converted; None where it always must."""
        if isinstance(kind, OptionalKind):
            inner = self._amiss(kind.inner, place)
            return inner and (inner if inner == "False" else f"{{v}} is not None and ({inner})")
        if isinstance(kind, RecordKind) or (isinstance(kind, EnumKind) and not issubclass(kind.annotation, Flag)):
            self.names[f"type{place}"] = kind.annotation
            return f"type({{v}}) is not type{place}"
        return self._conditions.get(kind.annotation) if isinstance(kind.annotation, type) else None

    def put(self, place: int, value: str) -> str:
        """The line that puts a value into the slot at a place of ``record``."""
        if self._blank is not None:
            return f"{self.slot(place, 'record')} = {value}"
        self.names[f"put{place}"] = self.layout[place][2].__set__
        return f"put{place}(record, {value})"

    def slot(self, place: int, record: str) -> str:
        """The attribute of a record at a place."""
        self._attributes[f"slot{place}"] = self.layout[place][0]
        return f"{record}.slot{place}"

    def finish(self, then: str, *otherwise: str) -> list[str]:
        """The lines that make ``record`` one of the class, and what is done then, or where a rule does not hold."""
        rules = [f"plainly(rule{place}(record))" for place in range(len(self._cls._rules))]
        rules += [f"check_all{place}(record)[0]" for place in range(len(self._cls._pclass_invariants))]
        self.names |= {f"rule{place}": rule for place, (_, rule) in enumerate(self._cls._rules)}
        self.names |= {f"check_all{place}": check for place, check in enumerate(self._cls._pclass_invariants)}
        # Frozen before a rule sees it, which is not to change it.
        done = (["freeze(record, True)"] if self._blank is None else
                ["record._pclass_frozen = True", "record.__class__ = of"])
        return [*done, then] if not rules else [*done, f"if {' and '.join(rules)}:", f"    {then}", *otherwise]

    def function(self, lines: Sequence[str]) -> Any:
        """The function ``made`` that the lines define, the attributes in it called as the fields are."""
        space = {**self.names, "__name__": __name__}        # whose frames these are: errors leave out our own
        exec("\n".join(lines), space)
        made = space["made"]
        made.__code__ = made.__code__.replace(
            co_names=tuple(self._attributes.get(name, name) for name in made.__code__.co_names))
        return made

    def method(self, name: str, of: str, star: str, begin: Sequence[str], lines: Sequence[str], end: str) -> Any:
        """A method of this name and the values by theirs, which does the lines; ``end`` is done where they raise.

        In the lines the values are ``f0``, ``f1`` …; it is called with the names of the fields."""
        values = [f"f{place}" for place in range(len(self.layout))]
        parameters = [of, "/", *([star] if values or star != "*" else ()), *(f"{value}=absent" for value in values)]
        made = self.function([
            f"def made({', '.join(parameters)}, **more):",
            *_within(1, [*begin, "trouble = None", "try:", *_within(1, lines)]),
            # Out of the handler: the error of the slow way does not come from this one, nor is to keep it alive.
            *_within(1, ["except Exception as error: trouble = error", f"try: {end}", "finally: trouble = None"])])
        names = dict(zip(values, self._cls._fields, strict=True))
        for own in (of, "pair", "more"):
            names[own] = own
            while names[own] in self._cls._fields:      # a field may have any name
                names[own] += "_"
        made.__code__ = made.__code__.replace(co_varnames=tuple(names.get(it, it) for it in made.__code__.co_varnames))
        made.__kwdefaults__ = dict.fromkeys(self._cls._fields, _ABSENT)
        made.__name__, made.__qualname__ = name, f"{self._cls.__qualname__}.{name}"
        made.__module__, made.__doc__ = self._cls.__module__, getattr(self._cls, name).__doc__
        return plain(made)


def _plainly(answer: Any) -> bool:
    """Whether an answer means yes; not where it means nothing: the slow way asks again and tells of it."""
    try:
        if isinstance(answer, tuple):
            answer, _ = answer
        return True if answer else False    # noqa: SIM210  # twice as fast as a call of bool
    except Exception:
        return False


def _within(depth: int, lines: Sequence[str]) -> list[str]:
    return [" " * 4 * depth + line for line in lines]


def _tuple(values: Iterable[str]) -> str:
    """What unpacks a row, or makes one, of these names."""
    return f"({''.join(f'{value}, ' for value in values)})"


# ------------------------------------------------------------------------------------------------ building

def builder(cls: Any) -> Any:
    """A ``__new__`` of a class: its record, from values by name; it raises Invalid when these make none."""
    source = _Source(cls, elsewhere=_built_elsewhere, resumed=_resumed)
    lines = ["record = new(first)"]
    for place, (_, declared, _) in enumerate(cls._layout):
        accept = [f"v = f{place}", *source.accept(place, "v")]
        if declared.required:
            if declared.factory is not None or declared.kind.annotation is object:      # it might take what is absent
                accept.insert(0, f"if f{place} is absent: raise LookupError")
        else:
            source.names[f"initial{place}"] = declared.first if callable(declared.initial) else declared.initial
            accept = [f"if f{place} is absent: v = initial{place}{'()' if callable(declared.initial) else ''}",
                      "else:", *_within(1, accept)]
        lines += [*accept, source.put(place, "v")]
    lines += source.finish("return record")
    given = _tuple(f"f{place}" for place in range(len(cls._layout)))
    begin = [f"if more or cls is not of: return elsewhere(of, cls, {given}, more)"]
    return source.method("__new__", "cls", "*", begin, lines, f"return resumed(of, {given}, record, trouble)")


def _named(cls: Any, values: Sequence[Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, by name, as if nothing had taken it apart."""
    given = {name: value for name, value in zip(cls._fields, values, strict=True) if value is not _ABSENT}
    return {**given, **more}


def _built_elsewhere(of: Any, cls: Any, values: Sequence[Any], more: Mapping[str, Any]) -> Any:
    """The record of a call that is for a derived class, pyrsistent's own, or wrong."""
    given = _named(of, values, more)
    if "_factory_fields" in given:
        return cls._told(given)
    return cls._checked(given) if cls is of else cls._made(cls, **given)


def _resumed(cls: Any, values: Sequence[Any], record: Any, trouble: Exception | None) -> Any:
    """The record built the slow way, from where the fast one met with trouble."""
    given, ready = _named(cls, values, {}), _held(cls, record)
    at = _reached(cls, ready)
    refused = at is not None and (at in given or not cls._fields[at].required)      # else it is missing
    return cls._checked(given, ready, {at: trouble} if refused else {})


def _reached(cls: Any, ready: Mapping[str, Any]) -> str | None:
    """The first field that has no value yet; None where all have, and so a rule is what does not hold."""
    return next((name for name in cls._fields if name not in ready), None)


def _held(cls: Any, record: Any) -> dict[str, Any]:
    """The values that a record, finished or still a blank, has in its slots."""
    if type(record) is not cls:
        record.__class__ = cls
    held = {}
    for name, _, slot in cls._layout:
        try:
            held[name] = slot.__get__(record)
        except AttributeError:
            continue
    return held


# ------------------------------------------------------------------------------------------------ changing

def changer(cls: Any) -> Any:
    """A ``set`` of a class: a record with some values changed; it raises Invalid when they do not make one.

    None where the class makes records in a way of its own, which pyrsistent's ``set`` takes."""
    if not is_plain(cls.__new__) or cls.__init__ is not object.__init__:
        return None
    source = _Source(cls, elsewhere=_changed_elsewhere, resumed=_resumed_change)
    lines = ["record = new(first)"]
    for place in range(len(cls._layout)):
        lines += [f"if f{place} is absent: v = {source.slot(place, 'self')}",
                  "else:", *_within(1, [f"v = f{place}", *source.accept(place, "v")]), source.put(place, "v")]
    lines += source.finish("return record")
    given = _tuple(f"f{place}" for place in range(len(cls._layout)))
    begin = [f"if pair or more or type(self) is not of: return elsewhere(of, self, pair, {given}, more)"]
    return source.method("set", "self", "*pair", begin, lines, f"return resumed(self, {given}, record, trouble)")


def _changed_elsewhere(of: Any, record: Any, pair: Any, values: Sequence[Any], more: Mapping[str, Any]) -> Any:
    """The record changed by a call that is for a derived class, has a pair, or is wrong."""
    given, change = _named(of, values, more), type(record)._change
    if pair or change is None or type(record) is of:
        return PClass.set(record, *pair, **given)
    return change(record, **given)


def _resumed_change(record: Any, values: Sequence[Any], begun: Any, trouble: Exception | None) -> Any:
    """The record changed the slow way, from where the fast one met with trouble."""
    cls = type(record)
    given, ready = _named(cls, values, {}), _held(cls, begun)
    at = _reached(cls, ready)
    kept = {name: value for name, value in _held(cls, record).items() if name not in given}
    return cls._checked(given, kept | ready, {at: trouble} if at in given else {})


def putter(cls: Any, name: str) -> Any:
    """A function of a record and a value: the record with that value in one field, of which nothing is asked.

    None where a rule over the whole record is to see it, or the class makes records in a way of its own."""
    declared = cls._fields[name]
    plainly = declared.kind.annotation is object and declared.check is declared.factory is declared.choices is None
    if not plainly or not is_plain(cls.set) or cls._change is None or cls._rules or cls._pclass_invariants:
        return None
    source = _Source(cls, name=name)
    lines = [source.put(place, "target" if field == name else source.slot(place, "self"))
             for place, field in enumerate(cls._fields)]
    return source.function(["def made(self, target):", "    if type(self) is not of: return self.set(**{name: target})",
                            *_within(1, ["record = new(first)", *lines, *source.finish("return record")])])


# ------------------------------------------------------------------------------------------------ loading

def loader(cls: Any, names: Sequence[str]) -> Callable[[Iterator[Sequence[Any]], list[Any]], Any]:
    """A function of stored rows, their values in the order of ``names``, and of a list, to which it adds their records.

    It stops at the first row that makes no record the fast way: the caller sees which it is by the length of the list,
    and builds it, which tells what is wrong."""
    if cls._change is None or sorted(names) != sorted(cls._fields):
        return _stopped
    source = _Source(cls, stored=True)
    places = {name: place for place, name in enumerate(cls._fields)}
    order = [places[name] for name in names]
    lines = [line for place in order for line in source.accept(place, f"v{place}")]
    lines += ["record = new(first)", *(source.put(place, f"v{place}") for place in order)]
    return source.function([    # type: ignore[no-any-return]  # of these two parameters
        "def made(rows, records):", "    keep = records.append", "    try:",
        f"        for {_tuple(f'v{place}' for place in order)} in rows:",
        *_within(3, [*lines, *source.finish("keep(record)", "else: return")]),
        "    except Exception: return"])


def _stopped(rows: Iterator[Sequence[Any]], records: list[Any]) -> None:
    """No row is taken: each is to be built."""
    next(rows, None)
