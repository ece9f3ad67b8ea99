"""Group: the controls of all fields of a Datadef; Nested: the control of a field that holds a Datadef.

A Group checks each of its fields, and when all are right the Datadef as a whole, so that a rule over several fields is
told beneath them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from html import escape
from typing import Any

import ipywidgets as widgets

from workbench.domain.convert import Refused
from workbench.domain.datadef import MISSING, Datadef, Field
from workbench.domain.kinds import ListKind, RecordKind
from workbench.errors import Invalid
from workbench.notebook.forms.desk import Beneath, Control, ControlDraft, Desk, hint_of, name_of


class Group:
    """The ``controls`` of a Datadef by field; ``hidden`` are the values of fields that are not asked for."""

    def __init__(self, record: Any, desk: Desk) -> None:
        self.record = record
        self.hidden: dict[str, Any] = {}
        self._desk = desk
        around = replace(desk, changed=self._changed)
        self.controls: dict[str, Control] = {
            name: around.control(field) for name, field in record._public.items() if not field.hidden}
        self._untouched = {name: control.draft() for name, control in self.controls.items()}
        self.beneath = Beneath()
        self.broken = ""        # the rules over several fields that do not hold
        self.widget = widgets.VBox([*(control.widget for control in self.controls.values()), self.beneath.widget])

    @property
    def problem(self) -> str:
        """What is wrong with it as a whole, or with one of its fields."""
        return self.broken or next((control.problem for control in self.controls.values() if control.problem), "")

    @property
    def value(self) -> dict[str, Any]:
        """What was filled in, by field, not yet checked; empty fields are left out. Raises Refused."""
        values = {name: control.value for name, control in self.controls.items()}
        return {**self.hidden, **{name: value for name, value in values.items() if value is not MISSING}}

    def set(self, values: Mapping[str, Any]) -> None:
        """Fills in some fields."""
        for name, value in values.items():
            if name in self.controls:
                self.controls[name].set(value)
            else:
                self.hidden[name] = value

    def check(self) -> bool:
        """Whether the Datadef can be built; what is wrong is told beneath each field, and beneath all."""
        right = [control.check() for control in self.controls.values()]     # each of them tells
        self._judge()
        return all(right) and not self.broken

    def quiet(self) -> None:
        """Takes the reasons beneath it and its controls away."""
        self.broken = ""
        self.beneath.tell("")
        for control in self.controls.values():
            control.quiet()

    def draft(self) -> dict[str, ControlDraft]:
        """What was typed in those fields that somebody touched."""
        drafts = {name: control.draft() for name, control in self.controls.items()}
        return {name: draft for name, draft in drafts.items() if draft != self._untouched[name]}

    def redraft(self, drafts: Mapping[str, ControlDraft]) -> None:
        """Fills in what was typed in fields of the same names, as far as it fits."""
        for name, control in self.controls.items():
            if name in drafts:
                with suppress(Exception):       # what does not fit is not to take along what was typed below
                    control.redraft(drafts[name])

    def focus(self) -> None:
        """Puts the cursor into the first field that is wrong, or else into the first."""
        wrong = [control for control in self.controls.values() if control.problem]
        for control in (wrong or list(self.controls.values()))[:1]:
            control.focus()

    def refresh(self) -> None:
        """Has each control offer what can be chosen now."""
        for control in self.controls.values():
            control.refresh()

    def _judge(self) -> None:
        """Shows which rules over several fields do not hold; what is wrong with one field is shown beneath that."""
        self.broken = ""
        with suppress(Refused):
            try:
                self.record(**self.value)
            except Invalid as invalid:
                self.broken = "; ".join(reason for field, _, reason in invalid.problems if field is None)
        self.beneath.tell(self.broken)

    def _changed(self) -> None:
        if self.broken:
            self._judge()
        self._desk.changed()


class Nested:
    """A Control with the Group of the Datadef that the field holds."""

    def __init__(self, field: Field, desk: Desk, record: Any) -> None:
        self.field, self._desk = field, desk
        self.refused = ""       # what the field says of a Datadef that is right in itself
        self.group = Group(record, replace(desk, changed=self._changed))
        self.beneath = Beneath()
        self.title = widgets.HTML()
        self.rename(name_of(field), "")
        self.head = widgets.HBox([self.title]).add_class("wb-title")
        self.body = widgets.VBox([*hint_of(field), self.group.widget, self.beneath.widget]).add_class("wb-nested")
        self.widget = widgets.VBox([self.head, self.body]).add_class(f"wb-field-{field.name}")
        if field.has_initial:
            self.set(field.initial)

    @property
    def problem(self) -> str:
        return self.refused or self.group.problem

    @property
    def value(self) -> Any:
        return self.group.value

    def set(self, value: Any) -> None:
        value = self.field.accept(value)
        self.group.set({name: getattr(value, name) for name in self.group.record._public})

    def check(self) -> bool:
        self.refused = ""
        if self.group.check():
            try:
                self.field.accept(self.value)
            except (Refused, Invalid) as refusal:
                self.refused = str(refusal)
        self.beneath.tell(self.refused)
        return not self.problem

    def quiet(self) -> None:
        self.refused = ""
        self.beneath.tell("")
        self.group.quiet()

    def draft(self) -> ControlDraft:
        return ControlDraft("group", self.group.draft())

    def redraft(self, draft: ControlDraft) -> None:
        self.group.redraft(draft.within("group") or {})

    def rename(self, name: str, width: str) -> None:
        self.title.value = f"<b>{escape(name)}</b>"

    def focus(self) -> None:
        self.group.focus()

    def refresh(self) -> None:
        self.group.refresh()

    def _changed(self) -> None:
        if self.refused:
            self.check()
        self._desk.changed()


def has_star(record: type[Datadef]) -> bool:
    """Whether a field is shown with a star: one that must be filled in, at once or in what may be added."""
    waiting: list[Any] = [record]
    seen: set[Any] = set()
    while waiting:
        one = waiting.pop()
        seen.add(one)
        for field in one._public.values():
            if field.hidden:
                continue
            if field.required:
                return True
            kind = field.kind.bare
            while isinstance(kind, ListKind):
                kind = kind.inner.bare
            if isinstance(kind, RecordKind) and kind.annotation not in seen:
                waiting.append(kind.annotation)
    return False
