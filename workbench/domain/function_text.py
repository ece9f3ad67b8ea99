"""Function text: the source of one function over the fields of a Datadef class, line by line, and the function itself.

The source holds numbers and the fixed texts of this module and of compiled.py alone: the names of fields are put into
the finished code, and everything else is passed beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Flag
from typing import Any, TypeVar
from uuid import UUID

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
ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "…"})()      # the default of all fields in a signature
_KNOWN = {"UUID": UUID, "Decimal": Decimal, "datetime": datetime, "date": date, "UTC": UTC, "FrozenDict": FrozenDict,
          "is_flat": is_flat, "scalars": SCALARS.issuperset, "is_settled": is_settled, "absent": ABSENT,
          "new": object.__new__}


def replaceable(method: T) -> T:
    """Marks a default method that a compiled one may replace; a subclass's own is kept."""
    method.__dict__["_replaceable"] = True
    return method


def is_replaceable(method: Any) -> bool:
    """Whether a method is a default one, or was compiled in its place."""
    return getattr(method, "_replaceable", False)


class FunctionText:
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
        if declared.kind.bare.annotation is dict:     # as its ``convert`` begins
            flat = self._flat.format(v=v)
            lines = [f"if type({v}) is dict and {flat}: {v} = FrozenDict({v})", "else:", *indented(1, lines)]
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

    def method(
        self, name: str, *, first: str, rest: str, begin: Sequence[str], lines: Sequence[str], end: str,
    ) -> Any:
        """A method of this name: it begins with ``begin``, then does the lines, and ``end`` where they raise.

        ``first`` names its first parameter, ``rest`` what is given by its place, which is ``pair`` in the lines. There
        the values are ``f0``, ``f1`` …; it is called with the names of the fields."""
        values = [f"f{place}" for place in range(len(self.layout))]
        parameters = [first, "/", "*pair", *(f"{value}=absent" for value in values)]
        made = self.function([
            f"def made({', '.join(parameters)}, **more):",
            *indented(1, [*begin, "trouble = None", "try:", *indented(1, lines)]),
            # Out of the handler: the error of the slow way does not come from this one, nor is to keep it alive.
            *indented(1, ["except Exception as error: trouble = error", f"try: {end}", "finally: trouble = None"])])
        names = dict(zip(values, self._cls._fields, strict=True))
        for own, called in ((first, first), ("pair", rest), ("more", "more")):
            names[own] = called
            while names[own] in self._cls._fields:      # a field may have any name
                names[own] += "_"
        made.__code__ = made.__code__.replace(co_varnames=tuple(names.get(it, it) for it in made.__code__.co_varnames))
        made.__kwdefaults__ = dict.fromkeys(self._cls._fields, ABSENT)
        made.__name__, made.__qualname__ = name, f"{self._cls.__qualname__}.{name}"
        made.__module__, made.__doc__ = self._cls.__module__, getattr(self._cls, name).__doc__
        return replaceable(made)


def _plainly(answer: Any) -> bool:
    """Whether an answer means yes; not where it means nothing: the slow way asks again and tells of it."""
    try:
        if isinstance(answer, tuple):
            answer, _ = answer
        return True if answer else False    # noqa: SIM210  # twice as fast as a call of bool
    except Exception:
        return False


def indented(depth: int, lines: Sequence[str]) -> list[str]:
    """The lines so many levels deeper."""
    return [" " * 4 * depth + line for line in lines]


def unpacked(values: Iterable[str]) -> str:
    """What unpacks a row, or makes one, of these names."""
    return f"({''.join(f'{value}, ' for value in values)})"
