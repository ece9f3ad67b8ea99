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
from workbench.notebook.forms.desk import NAMES, Beneath, Desk, hint_of, name_of
from workbench.notebook.forms.inputs import input_of


class Line:
    """A Control of one input; what its field's ``initial`` says stands in it at first.

    With ``empty`` an empty text is a text, not a missing one."""

    body = None

    def __init__(self, field: Field, desk: Desk, *, empty: bool = False) -> None:
        self.field = field
        self.input, self._read, self._write, self._valued = input_of(field, empty=empty)
        self.input.tooltip = field.doc or field.kind.wants
        self.rename(name_of(field), NAMES)
        # An optional one that was emptied is None where leaving it out would be another value.
        self._empty = None if isinstance(field.kind, OptionalKind) and field.initial is not None else MISSING
        if field.initial is not MISSING and not field._made:
            self._write(field.initial)
        self.beneath = Beneath()
        self.problem = ""
        self.head = widgets.HBox(self._valued).add_class("wb-line")
        self.widget = widgets.VBox([self.head, *hint_of(field), self.beneath.widget])
        self.widget.add_class(f"wb-field-{field.name}")
        for widget in self._valued:
            widget.observe(lambda _: desk.run(lambda: self._changed(desk)), "value")
            if isinstance(widget, widgets.Text):
                widget.on_msg(desk.heard)

    @property
    def value(self) -> Any:
        value = self._read()
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

    def draft(self) -> Any:
        return tuple(widget.value for widget in self._valued)

    def redraft(self, draft: Any) -> None:
        if isinstance(draft, tuple) and len(draft) == len(self._valued):
            for widget, value in zip(self._valued, draft, strict=True):
                with suppress(TraitError):      # it was a text and is a number of choices now
                    widget.value = value

    def rename(self, name: str, width: str) -> None:
        self.input.description = name
        self.input.style.description_width = width

    def focus(self) -> None:
        self.input.focus()

    def refresh(self) -> None:
        """What is typed needs nothing."""

    def _changed(self, desk: Desk) -> None:
        self.check()
        desk.changed()
