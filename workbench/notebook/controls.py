"""Controls: what a field is filled in with, found by the kind of its values.

A Control holds one ipywidget, the raw value that stands in it, and beneath it the words of what is wrong. What it gives
is not checked by the widget but by the field itself, as everywhere else. Numbers and moments are typed as text: a
browser's number is a float, and its moment has no zone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from html import escape
from typing import Any

import ipywidgets as widgets

from workbench.domain.convert import Refused
from workbench.domain.datadef import MISSING, Field
from workbench.domain.kinds import EnumKind, Kind, ListKind, OptionalKind, RecordKind
from workbench.errors import Invalid

Read = Callable[[], Any]        # the raw value, or MISSING where nothing was filled in
Write = Callable[[Any], None]
Parts = tuple[widgets.DOMWidget, Read, Write]
WIDTH = "9em"       # of the names before the controls; what stands beneath begins where they do
BELOW = f"margin-left: calc({WIDTH} + 8px); line-height: 1.4"


class Control:
    """The control of one field: ``value`` is what was filled in, ``problem`` what is wrong with it, in words."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.input, self._read, self._write = _parts(field)
        self.input.description = f"{field.name} *" if field.required else field.name
        self.input.tooltip = field.doc or field.kind.wants
        self.input.style.description_width = WIDTH
        self.input.layout.width = "auto"
        hint = f'<div style="{BELOW}; opacity: .7">{escape(field.doc)}</div>' if field.doc else ""
        self.hint, self.told = widgets.HTML(hint), widgets.HTML()
        self.problem = ""
        self.widget = widgets.VBox([self.input, *([self.hint] if hint else []), self.told])
        self.widget.add_class(f"wb-field-{field.name}")

    @property
    def value(self) -> Any:
        """What stands in the widget, unchecked; MISSING where it is empty."""
        return self._read()

    def set(self, value: Any) -> None:
        """Fills in a value, given as the field admits it.

        Raises Refused or Invalid for another one."""
        self._write(self.field.accept(value))

    def tell(self, problem: str) -> None:
        """Shows what is wrong beneath the widget; no words, nothing wrong."""
        self.problem = problem
        sign = (f'<div role="alert" style="{BELOW}; color: var(--jp-error-color1, #c62828)">✗ {escape(problem)}</div>')
        self.told.value = sign if problem else ""

    def check(self) -> bool:
        """Whether the field takes what stands in the widget; if not, the reason is told."""
        try:
            if self.value is not MISSING:
                self.field.accept(self.value)
            elif self.field.required:
                raise Refused("is required")
        except (Refused, Invalid) as refusal:
            self.tell(str(refusal))
        else:
            self.tell("")
        return not self.problem


def _parts(field: Field) -> Parts:
    kind, optional = field.kind, isinstance(field.kind, OptionalKind)
    inner = kind.inner if isinstance(kind, OptionalKind) else kind
    if field.choices is not None:
        return _choices({str(kind.dump(choice)): choice for choice in field.choices if choice is not None})
    if isinstance(inner, EnumKind):
        return _choices(inner.members)
    if isinstance(inner, ListKind | RecordKind) or inner.annotation in (dict, list, object):
        return _json(inner)
    if inner.annotation is bool and not optional:       # an optional one has three states, a tick has two
        return _tick(field)
    if inner.annotation is bool:
        return _choices({"yes": True, "no": False})
    if inner.annotation is date:
        return _day()
    return _text(inner)


def _text(kind: Kind) -> Parts:
    """A line of text; empty is nothing filled in."""
    line = widgets.Text(placeholder=kind.wants)

    def write(value: Any) -> None:
        line.value = "" if value is None else str(kind.dump(value))

    return line, lambda: line.value or MISSING, write


def _tick(field: Field) -> Parts:
    tick = widgets.Checkbox(value=False if field.required else bool(field.first()), indent=False)

    def write(value: Any) -> None:
        tick.value = value

    return tick, lambda: tick.value, write


def _choices(choices: Mapping[str, Any]) -> Parts:
    chosen = widgets.Dropdown(options=[("", MISSING), *choices.items()], value=MISSING)

    def write(value: Any) -> None:
        chosen.value = MISSING if value is None else value

    return chosen, lambda: chosen.value, write


def _day() -> Parts:
    day = widgets.DatePicker()

    def write(value: Any) -> None:
        day.value = value

    return day, lambda: MISSING if day.value is None else day.value, write


def _json(kind: Kind) -> Parts:
    """Lists, nested Datadefs and mappings as JSON; what is no JSON is given as its text, which the field refuses."""
    area = widgets.Textarea(placeholder=f"JSON: {kind.wants}", rows=4)

    def read() -> Any:
        try:
            return json.loads(area.value) if area.value.strip() else MISSING
        except ValueError:
            return area.value

    def write(value: Any) -> None:
        area.value = "" if value is None else json.dumps(kind.dump(value), indent=2, ensure_ascii=False, default=str)

    return area, read, write
