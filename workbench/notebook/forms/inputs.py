"""Inputs: the widgets that a simple value is typed, ticked or chosen in, by the kind of the value.

An Input refuses only what cannot be read at all: whether a value is admitted is decided by its field. A Held is what
one of its widgets holds, as it can be put into the widget that takes its place. Numbers are typed as text, for a
browser's number is a float; the field's check tells their limits while one types. A moment is a day and a clock time,
with the time zone in an input beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from difflib import get_close_matches
from types import MappingProxyType, NoneType
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

import ipywidgets as widgets

from workbench.domain.convert import Refused, shown
from workbench.domain.datadef import MISSING, Field
from workbench.domain.kinds import EnumKind, Kind, OptionalKind

# As one types it, while the words of errors are for those who write code.
_EXAMPLES: Mapping[Any, str] = MappingProxyType({
    int: "10", float: "1.5", Decimal: "10.50", UUID: "12345678-1234-1234-1234-123456789abc", timedelta: "2:30:00",
    bytes: r"\x0a1b"})


class Held:
    """What a widget holds: ``value`` is what was typed, of one of some types, not what it means."""

    def __init__(self, widget: Any, *types: type) -> None:
        self.widget, self._types = widget, types

    @property
    def value(self) -> Any:
        return self.widget.value

    @value.setter
    def value(self, value: Any) -> None:
        self.widget.value = value

    def takes(self, value: Any) -> bool:
        """Whether a value is of one of the types; a widget itself may refuse one only after it has taken it."""
        return type(value) in self._types


class _Label(Held):
    """What a chooser shows; it stays the same when an enum is defined again and its members are other objects."""

    @property
    def value(self) -> Any:
        return self.widget.label

    @value.setter
    def value(self, value: Any) -> None:
        self.widget.label = value


class _Whole(Held):
    """A day or a time. Its widget has it to the millisecond, for a browser shows nothing finer; the exact one is kept
    until somebody changes it."""

    _whole: Any = None

    @property
    def value(self) -> Any:
        return self._whole if self.widget.value == _to_the_millisecond(self._whole) else self.widget.value

    @value.setter
    def value(self, value: Any) -> None:
        self._whole = value
        self.widget.value = _to_the_millisecond(value)


def _to_the_millisecond(value: Any) -> Any:
    return value.replace(microsecond=value.microsecond // 1000 * 1000) if isinstance(value, time | datetime) else value


class Input(NamedTuple):
    """The widgets of one value: ``main`` has the name, ``held`` are all that hold a part of it, from left to right.

    ``read`` gives the raw value, MISSING where there is none, and raises Refused; ``write`` takes an admitted one."""

    main: Any
    read: Callable[[], Any]
    write: Callable[[Any], None]
    held: tuple[Held, ...]

    @property
    def widgets(self) -> list[Any]:
        return [held.widget for held in self.held]


def input_of(field: Field, *, empty: bool, lines: bool) -> Input:
    """The input for the values of a field that is no list and no Datadef; with ``empty`` an empty text is a value, with
    ``lines`` a text may have several lines."""
    made = _input(field, empty, lines)
    made.main.tooltip = field.doc or field.kind.wants
    return made


def _input(field: Field, empty: bool, lines: bool) -> Input:
    kind, optional = field.kind, isinstance(field.kind, OptionalKind)
    inner = kind.bare
    if field.choices is not None:
        return _choices({str(kind.dump(choice)): choice for choice in field.choices if choice is not None})
    if isinstance(inner, EnumKind):
        return _choices(inner.members)
    if inner.annotation in (dict, list, object):
        return _json(inner)
    if inner.annotation is bool and not optional:       # an optional one has three states, a tick has two
        return _tick(field)
    if inner.annotation is bool:
        return _choices({"yes": True, "no": False})
    if inner.annotation is date:
        return _picked(widgets.DatePicker(), date)
    if inner.annotation is time:
        return _picked(widgets.TimePicker(), time)
    if inner.annotation is datetime:
        return _moment()
    empty = empty or (inner.annotation is str and not (field.required or field.generates or optional))
    return _text(field, inner, empty, widgets.Textarea(rows=4) if lines else widgets.Text())


def _text(field: Field, kind: Kind, empty: bool, line: Any) -> Input:
    """A text in one line or in several; an empty one is nothing filled in, unless ``empty``."""
    line.placeholder = "made anew if left empty" if field.generates else _example(field, kind)

    def read() -> Any:
        return line.value if line.value or empty else MISSING

    def write(value: Any) -> None:
        # A length of time as one reads and types it, 0:30:00, and not as it is stored.
        line.value = "" if value is None else str(value if kind.annotation is timedelta else kind.dump(value))

    return Input(line, read, write, (Held(line, str),))


def _example(field: Field, kind: Kind) -> str:
    """A value as one types it, within the limits of the field; a text needs none."""
    example, limits = _EXAMPLES.get(kind.annotation, ""), field.limits
    if limits is None or not example:
        return example
    value = kind.convert(example)
    if limits.least is not None and value < limits.least:
        return str(kind.dump(limits.least))
    if limits.most is not None and value > limits.most:
        return str(kind.dump(limits.most))
    return example


def _tick(field: Field) -> Input:
    tick = widgets.Checkbox(value=False if field.required else bool(field.first()), indent=False)
    tick.add_class("wb-tick")

    def write(value: Any) -> None:
        tick.value = value

    return Input(tick, lambda: tick.value, write, (Held(tick, bool),))


def _choices(choices: Mapping[str, Any]) -> Input:
    chosen = widgets.Dropdown(options=[("", MISSING), *choices.items()], value=MISSING)

    def write(value: Any) -> None:
        chosen.value = MISSING if value is None else value

    return Input(chosen, lambda: chosen.value, write, (_Label(chosen, str),))


def _picked(picker: Any, kind: type) -> Input:
    """A day or a time of day."""
    held = _Whole(picker, kind, NoneType)

    def write(value: Any) -> None:
        held.value = value

    return Input(picker, lambda: MISSING if held.value is None else held.value, write, (held,))


def _moment() -> Input:
    """A moment: what a clock shows, and the zone of that clock; one that is filled in is shown in UTC."""
    clock = widgets.NaiveDatetimePicker()
    zone = widgets.Combobox(value="UTC", options=("UTC", *sorted(available_timezones() - {"UTC"})),
                            placeholder="UTC")
    zone.description, zone.style.description_width = "zone", "3em"
    zone.tooltip = "the time zone: UTC, Europe/Berlin, +02:00"
    zone.add_class("wb-zone")
    held = _Whole(clock, datetime, NoneType)

    def read() -> Any:
        return MISSING if held.value is None else at_zone(held.value, zone.value.strip())

    def write(value: Any) -> None:
        held.value, zone.value = (None if value is None else value.replace(tzinfo=None)), "UTC"

    return Input(clock, read, write, (held, Held(zone, str)))


def at_zone(shown_there: datetime, zone: str) -> datetime:
    """The moment when a clock of a zone shows a time; the earlier of two, where clocks are put back.

    Raises Refused for a zone that is not there, a time that no clock there ever shows, and one beyond all years."""
    try:
        if zone[:1] in ("+", "-"):
            return datetime.fromisoformat(f"{shown_there.isoformat()}{zone}")
        moment = shown_there.replace(tzinfo=UTC if zone in ("", "UTC") else ZoneInfo(zone))
    except (ValueError, KeyError, OSError):     # such as "../etc", "nowhere", "Europe"
        near = get_close_matches(zone, available_timezones(), n=1)
        hint = f'did you mean "{near[0]}"?' if near else "give one such as Europe/Berlin or +02:00"
        raise Refused(f"there is no time zone {shown(zone)}; {hint}") from None
    try:
        again = moment.astimezone(UTC).astimezone(moment.tzinfo)
    except OverflowError:
        raise Refused(f"{shown_there:%Y-%m-%d %H:%M} in {zone} is no day that UTC has; "
                      "its years are 1 to 9999") from None
    if again.replace(tzinfo=None) != shown_there:
        raise Refused(f"clocks in {zone} never show {shown_there:%Y-%m-%d %H:%M}: they are put forward then")
    return moment


def _json(kind: Kind) -> Input:
    """Free-form values as JSON."""
    area = widgets.Textarea(placeholder=kind.wants, rows=4)

    def read() -> Any:
        try:
            return json.loads(area.value) if area.value.strip() else MISSING
        except ValueError as error:
            where = f" in line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            why = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise Refused(f"this is not JSON{where}: {why}; give {kind.wants}") from None
        except RecursionError:
            raise Refused(f"this is nested too deep to be JSON; give {kind.wants}") from None

    def write(value: Any) -> None:
        area.value = "" if value is None else json.dumps(kind.dump(value), indent=2, ensure_ascii=False, default=str)

    return Input(area, read, write, (Held(area, str),))
