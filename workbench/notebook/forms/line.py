"""Line: the control of a field with a simple value: its name, its input, its doc as a hint, and what is wrong."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import ipywidgets as widgets
from traitlets import TraitError

from workbench.domain.convert import Refused
from workbench.domain.datadef import MISSING, Field
from workbench.domain.kinds import OptionalKind
from workbench.errors import Invalid
from workbench.notebook.closing import show
from workbench.notebook.forms.desk import NAMES, Beneath, ControlDraft, Desk, hint_of, name_of
from workbench.notebook.forms.inputs import Held, input_of


class Line:
    """A Control of one input, which holds the field's ``initial`` value at first.

    With ``empty`` an empty text is a value, not a missing one."""

    body = None

    def __init__(self, field: Field, desk: Desk, *, empty: bool = False) -> None:
        self.field, self._desk, self._empty_too = field, desk, empty
        self._made = input_of(field, empty=empty, lines=_has_lines(field.initial))
        self.rename(name_of(field), NAMES)
        # An optional one that was emptied is None where leaving it out would be another value.
        self._empty = None if isinstance(field.kind, OptionalKind) and field.initial is not None else MISSING
        if field.initial is not MISSING and not field.generates:
            self._made.write(field.initial)
        self.beneath = Beneath()
        self.problem = ""
        self.head = widgets.HBox(self._made.widgets).add_class("wb-line")
        self.widget = widgets.VBox([self.head, *hint_of(field), self.beneath.widget])
        self.widget.add_class(f"wb-field-{field.name}")
        self._listen()

    @property
    def input(self) -> Any:
        """The widget that has the name."""
        return self._made.main

    @property
    def value(self) -> Any:
        value = self._made.read()
        return self._empty if value is MISSING else value

    def set(self, value: Any) -> None:
        self._write(self.field.accept(value))

    def check(self) -> bool:
        try:
            if self.value is not MISSING:
                self.field.accept(self.value)
            elif self.field.required:
                raise Refused("is required")
        except (Refused, Invalid) as refusal:
            self.problem = str(refusal)
        else:
            self.problem = ""
        self.beneath.tell(self.problem)
        return not self.problem

    def quiet(self) -> None:
        self.problem = ""
        self.beneath.tell("")

    def draft(self) -> ControlDraft:
        return ControlDraft("line", tuple(held.value for held in self._made.held))

    def redraft(self, draft: ControlDraft) -> None:
        typed: tuple[Any, ...] = draft.within("line") or ()
        if len(typed) == len(self._made.held) and all(map(Held.takes, self._made.held, typed)):
            self._make_room(typed[0])
            for held, value in zip(self._made.held, typed, strict=True):
                with suppress(TraitError):      # it was a text and is a number of choices now
                    held.value = value
        elif len(typed) == 1 and typed[0] is not None:
            with suppress(Refused, Invalid):    # it was a text and is a day now
                self._write(self.field.kind.convert(typed[0]))

    def rename(self, name: str, width: str) -> None:
        self.input.description = name
        self.input.style.description_width = width

    def focus(self) -> None:
        self.input.focus()

    def refresh(self) -> None:
        """Nothing is offered here."""

    def _write(self, value: Any) -> None:
        self._make_room(value)
        self._made.write(value)

    def _make_room(self, value: Any) -> None:
        """Takes an input of several lines for a text that has them: a browser joins them in one of a single line."""
        earlier = self.input
        if isinstance(earlier, widgets.Text) and _has_lines(value):
            self._made = input_of(self.field, empty=self._empty_too, lines=True)
            self.rename(earlier.description, earlier.style.description_width)
            self._listen()
            show(self.head, [self.input if child is earlier else child for child in self.head.children])

    def _listen(self) -> None:
        for widget in self._made.widgets:
            widget.observe(lambda _: self._desk.run(self._changed), "value")
            if isinstance(widget, widgets.Text):
                widget.on_msg(self._desk.heard)

    def _changed(self) -> None:
        self.check()
        self._desk.changed()


def _has_lines(value: Any) -> bool:
    return isinstance(value, str) and not {"\n", "\r"}.isdisjoint(value)
