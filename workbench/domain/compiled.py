"""Compiled: how the records of one Datadef class are built and changed when nothing is wrong with them.

``builder`` and ``changer`` each write one function for the fields of a class: straight-line code, a few lines a field,
in which a value that already is of its type is put into its slot without a call. They return None whenever anything is
amiss, and never say what: the class then takes the slow way, which finds every problem. The source they write holds
numbers and the fixed texts of this module alone; names and types of fields are passed beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Flag
from operator import attrgetter
from typing import Any
from uuid import UUID

from workbench.domain.kinds import EnumKind, Kind, OptionalKind, RecordKind

# What must be converted, of a value ``v``: all that is not already as its kind's ``convert`` would return it.
_AMISS: Mapping[Any, str] = {
    str: "type(v) is not str or not v.isascii() or '\\0' in v",
    int: "type(v) is not int or not -0x8000000000000000 <= v <= 0x7fffffffffffffff",
    float: "type(v) is not float",
    bool: "type(v) is not bool",
    bytes: "type(v) is not bytes",
    Decimal: "type(v) is not Decimal or not v.is_finite() or not -16_384 < v.adjusted() < 131_072",
    UUID: "type(v) is not UUID",
    datetime: "type(v) is not datetime or v.tzinfo is not UTC",
    date: "type(v) is not date",
    object: "False",
}
_KNOWN = {"UUID": UUID, "Decimal": Decimal, "datetime": datetime, "date": date, "UTC": UTC, "new": object.__new__}
Slot = tuple[str, Any, Callable[[Any, Any], None]]      # a row of a Datadef's ``_layout``


def _amiss(kind: Kind, place: int) -> str | None:
    """The condition under which a value of a kind must be converted; None where it always must."""
    if isinstance(kind, OptionalKind):
        inner = _amiss(kind.inner, place)
        return inner and f"v is not None and ({inner})"
    if isinstance(kind, RecordKind) or (isinstance(kind, EnumKind) and not issubclass(kind.annotation, Flag)):
        return f"type(v) is not t{place}"
    return _AMISS.get(kind.annotation) if isinstance(kind.annotation, type) else None


def _written(lines: Sequence[str], names: Mapping[str, Any]) -> Any:
    """The function ``made`` of these lines, in which ``names`` are known."""
    # Parameters with defaults are local, and read faster than what is global.
    given = ", ".join(f"{name}={name}" for name in names)
    source = "\n        ".join([f"def made(of, given, {given}):\n    try:", *lines])
    source += "\n    except Exception: return None"      # whatever it is, the slow way meets it again and says it
    space: dict[str, Any] = dict(names)
    exec(source, space)
    return space["made"]


def builder(cls: Any, missing: Any) -> Callable[[Any, Mapping[str, Any]], Any]:
    """A function of a class and the values by name: its record, or None when these make none.

    ``missing`` stands for an initial value that there is not."""
    names: dict[str, Any] = {**_KNOWN, "missing": missing, "freeze": cls.__dict__["_pclass_frozen"].__set__}
    lines = ["record = new(of)", "absent = 0"]
    for place, (name, declared, put) in enumerate(cls._layout):
        names |= {f"n{place}": name, f"a{place}": declared.accept, f"p{place}": put}
        if isinstance(declared.kind, RecordKind | EnumKind | OptionalKind):
            inner = declared.kind.inner if isinstance(declared.kind, OptionalKind) else declared.kind
            names[f"t{place}"] = inner.annotation
        amiss = _amiss(declared.kind, place) if declared.accept is declared.kind.convert else None
        accept = f"if {amiss or True}: v = a{place}(v)"
        if declared.required:
            lines += [f"v = given[n{place}]", accept]
        else:
            names[f"i{place}"] = declared.initial
            # What makes an initial value is called once a record, and so by the slow way, which is the last word.
            first = "return None" if callable(declared.initial) else f"v = i{place}; absent += 1"
            lines += [f"v = given.get(n{place}, missing)", f"if v is missing: {first}", f"el{accept}"]
        lines.append(f"p{place}(record, v)")
    lines += [f"if len(given) + absent != {len(cls._layout)}: return None",
              *_ruled(cls, names), "freeze(record, True)", "return record"]
    return _written(lines, names)  # type: ignore[no-any-return]  # of these two parameters


def changer(cls: Any) -> Callable[[Any, Mapping[str, Any]], Any]:
    """A function of a record and new values by name: the record with these, or None when they do not make one."""
    fields = {name: (declared.accept, put) for name, declared, put in cls._layout}
    names: dict[str, Any] = {"new": object.__new__, "cls": cls, "fields": fields,
                             "freeze": cls.__dict__["_pclass_frozen"].__set__}
    lines = ["record = new(cls)"]
    if cls._layout:
        names["values"] = attrgetter(*(name for name, _, _ in cls._layout))
        lines.append(f"{', '.join(f'v{place}' for place in range(len(cls._layout)))} = values(of)")
        for place, (_, _, put) in enumerate(cls._layout):
            names[f"p{place}"] = put
            lines.append(f"p{place}(record, v{place})")
    lines += ["for name, v in given.items():", "    accept, put = fields[name]", "    put(record, accept(v))",
              *_ruled(cls, names), "freeze(record, True)", "return record"]
    return _written(lines, names)  # type: ignore[no-any-return]  # of these two parameters


def _ruled(cls: Any, names: dict[str, Any]) -> list[str]:
    """The lines that end in None where a rule over the whole record does not plainly hold."""
    lines = []
    for place, (_, rule) in enumerate(cls._rules):
        names[f"r{place}"] = rule
        lines.append(f"if not plainly(r{place}(record)): return None")
    names["plainly"] = _plainly
    for place, check in enumerate(cls._pclass_invariants):
        names[f"c{place}"] = check
        lines.append(f"if not c{place}(record)[0]: return None")
    return lines


def _plainly(answer: Any) -> Any:
    return answer[0] if isinstance(answer, tuple) else answer

