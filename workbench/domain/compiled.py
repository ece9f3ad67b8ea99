"""Compiled: how the records of a Datadef class are built, changed, compared and loaded when nothing is wrong with them.

``builder_of`` and the four others like it each write one function for the fields of a class: straight-line code, a few
lines a field (function_text.py), in which a value that already is of its type is put into its slot without a call. When
anything is amiss they do not say what: the slow way, the class's ``_checked``, goes on where they stopped, and finds
every problem. So each conversion, factory and initial value is called once, whichever way a record takes: what was
given may be an iterator, which can be read but once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pyrsistent import PClass

from workbench.domain.function_text import ABSENT, FunctionText, indented, is_replaceable, unpacked
from workbench.domain.unnamed import unnamed_fields
from workbench.errors import Invalid

# ------------------------------------------------------------------------------------------------ building

def builder_of(cls: Any) -> Any:
    """A ``__new__`` of a class: its record, from values by name; it raises Invalid when these make none."""
    source = FunctionText(cls, elsewhere=_built_elsewhere, resumed=_resumed)
    lines = ["record = new(first)"]
    for place, (_, declared, _) in enumerate(cls._layout):
        accept = [f"v = f{place}", *source.accept(place, "v")]
        if declared.required:
            if declared.factory is not None or declared.kind.annotation is object:      # it might take what is absent
                accept.insert(0, f"if f{place} is absent: raise LookupError")
        else:
            source.names[f"initial{place}"] = declared.first if declared.generates else declared.initial
            accept = [f"if f{place} is absent: v = initial{place}{'()' if declared.generates else ''}",
                      "else:", *indented(1, accept)]
        lines += [*accept, source.put(place, "v")]
    lines += source.finish("return record")
    given = unpacked(f"f{place}" for place in range(len(cls._layout)))
    begin = [f"if pair or more or cls is not of: return elsewhere(of, cls, pair, {given}, more)"]
    return source.method("__new__", first="cls", rest="_", begin=begin, lines=lines,
                         end=f"return resumed(of, {given}, record, trouble)")


def _named(cls: Any, values: Sequence[Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, by name, as if nothing had taken it apart."""
    given = {name: value for name, value in zip(cls._fields, values, strict=True) if value is not ABSENT}
    return {**given, **more}


def _built_elsewhere(of: Any, cls: Any, unnamed: Sequence[Any], values: Sequence[Any], more: Mapping[str, Any]) -> Any:
    """The record of a call that is for a derived class, pyrsistent's own, or wrong."""
    given = _named(of, values, more)
    if unnamed:
        raise Invalid(cls.__name__, unnamed_fields(cls, unnamed, given))
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

def changer_of(cls: Any) -> Any:
    """A ``set`` of a class: a record with some values changed; it raises Invalid when they do not make one.

    None where the class makes records in a way of its own, which pyrsistent's ``set`` takes."""
    if not is_replaceable(cls.__new__) or cls.__init__ is not object.__init__:
        return None
    source = FunctionText(cls, elsewhere=_changed_elsewhere, resumed=_resumed_change)
    lines = ["record = new(first)"]
    for place in range(len(cls._layout)):
        lines += [f"if f{place} is absent: v = {source.slot(place, 'self')}",
                  "else:", *indented(1, [f"v = f{place}", *source.accept(place, "v")]), source.put(place, "v")]
    lines += source.finish("return record")
    given = unpacked(f"f{place}" for place in range(len(cls._layout)))
    begin = [f"if pair or more or type(self) is not of: return elsewhere(of, self, pair, {given}, more)"]
    return source.method("set", first="self", rest="pair", begin=begin, lines=lines,
                         end=f"return resumed(self, {given}, record, trouble)")


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


def putter_of(cls: Any, name: str) -> Any:
    """Compiles f(record, value): a copy with one field replaced, unchecked.

    None where a rule over the whole record is to see it, or the class makes records in a way of its own."""
    declared = cls._fields[name]
    plainly = declared.kind.annotation is object and declared.check is declared.factory is declared.choices is None
    if not plainly or not is_replaceable(cls.set) or cls._change is None or cls._rules or cls._pclass_invariants:
        return None
    source = FunctionText(cls, name=name)
    lines = [source.put(place, "target" if field == name else source.slot(place, "self"))
             for place, field in enumerate(cls._fields)]
    return source.function(["def made(self, target):", "    if type(self) is not of: return self.set(**{name: target})",
                            *indented(1, ["record = new(first)", *lines, *source.finish("return record")])])


def comparer_of(cls: Any) -> Callable[[Sequence[Any], Sequence[Any]], tuple[bool, ...]]:
    """Compiles f(olds, news): per field, whether any pair holds different objects.

    It is written when it is first asked for, and kept by the class."""
    made: Any = vars(cls).get("_compiled_comparer")
    if made is None:
        source, places = FunctionText(cls), range(len(cls._layout))
        differ = [f"if {source.slot(place, 'old')} is not {source.slot(place, 'new')}: differ{place} = True"
                  for place in places]
        cls._compiled_comparer = made = source.function([
            "def made(olds, news):", *(f"    differ{place} = False" for place in places),
            "    for old, new in zip(olds, news, strict=True):", *indented(2, differ),
            f"    return {unpacked(f'differ{place}' for place in places)}"])
    return made     # type: ignore[no-any-return]  # of these two parameters


# ------------------------------------------------------------------------------------------------ loading

def loader_of(cls: Any, names: Sequence[str]) -> Callable[[Iterator[Sequence[Any]], list[Any]], Any]:
    """A function of stored rows, their values in the order of ``names``, and of a list, to which it adds their records.

    It stops at the first row that makes no record the fast way: the caller sees which it is by the length of the list,
    and builds it, which tells what is wrong."""
    if cls._change is None or sorted(names) != sorted(cls._fields):
        return _stopped
    source = FunctionText(cls, stored=True)
    places = {name: place for place, name in enumerate(cls._fields)}
    order = [places[name] for name in names]
    lines = [line for place in order for line in source.accept(place, f"v{place}")]
    lines += ["record = new(first)", *(source.put(place, f"v{place}") for place in order)]
    return source.function([    # type: ignore[no-any-return]  # of these two parameters
        "def made(rows, records):", "    keep = records.append", "    try:",
        f"        for {unpacked(f'v{place}' for place in order)} in rows:",
        *indented(3, [*lines, *source.finish("keep(record)", "else: return")]),
        "    except Exception: return"])


def _stopped(rows: Iterator[Sequence[Any]], records: list[Any]) -> None:
    """No row is taken: each is to be built."""
    next(rows, None)
