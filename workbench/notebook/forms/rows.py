"""Rows: the control of a list: a row for each member, with buttons that move and remove it, and one that adds one.

The buttons work by keyboard as well; afterwards the cursor is in the row that was added or moved.
"""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import Any

import ipywidgets as widgets

from workbench.domain.convert import Refused
from workbench.domain.datadef import MISSING, Field
from workbench.domain.kinds import Kind
from workbench.errors import Invalid
from workbench.notebook.closing import show
from workbench.notebook.forms.desk import NUMBERS, Beneath, Control, ControlDraft, Desk, hint_of, name_of


class Rows:
    """A Control with a control of its own for each member of a list of ``kind``."""

    def __init__(self, field: Field, desk: Desk, kind: Kind) -> None:
        self.field, self._kind, self._desk = field, kind, desk
        self._around = replace(desk, changed=self._changed)
        self.refused = ""       # what the field says of rows that are right, each of them
        self.rows: list[_Row] = []
        self.title = widgets.HTML()
        self.rename(name_of(field), "")
        self.adder = _button("+ add", f"add to {field.name}", "wb-add")
        self.adder.on_click(lambda _: desk.run(self._added))
        self.beneath = Beneath()
        self.within = widgets.VBox().add_class("wb-rows")
        self.head = widgets.HBox([self.title]).add_class("wb-title")
        self.body = widgets.VBox([*hint_of(field), self.within, self.adder, self.beneath.widget]).add_class("wb-nested")
        self.widget = widgets.VBox([self.head, self.body]).add_class(f"wb-field-{field.name}")
        if field.has_initial:
            self.set(field.initial)

    @property
    def problem(self) -> str:
        return self.refused or next((row.control.problem for row in self.rows if row.control.problem), "")

    @property
    def value(self) -> Any:
        values = [row.control.value for row in self.rows]
        return [None if value is MISSING else value for value in values]

    def set(self, value: Any) -> None:
        members = self.field.accept(value)
        self._resize(len(members))
        for row, member in zip(self.rows, members, strict=True):
            if member is None:
                row.control.redraft(row.empty)
            else:
                row.control.set(member)

    def check(self) -> bool:
        right = [row.control.check() for row in self.rows]      # each of them tells
        self._judge(all(right))
        return all(right) and not self.refused

    def quiet(self) -> None:
        self.refused = ""
        self.beneath.tell("")
        for row in self.rows:
            row.control.quiet()

    def draft(self) -> ControlDraft:
        return ControlDraft("rows", [row.control.draft() for row in self.rows])

    def redraft(self, draft: ControlDraft) -> None:
        drafts = draft.within("rows")
        if drafts is not None:
            self._resize(len(drafts))
            for row, one in zip(self.rows, drafts, strict=True):
                row.control.redraft(one)
            self.rows = [row for row, one in zip(self.rows, drafts, strict=True)      # no rows of what does not fit
                         if one.of == row.empty.of or row.control.draft() != row.empty]
            self._place()

    def rename(self, name: str, width: str) -> None:
        self.title.value = f"<b>{escape(name)}</b>"

    def focus(self) -> None:
        wrong = [row for row in self.rows if row.control.problem]
        if wrong:
            wrong[0].control.focus()
        else:
            self.adder.focus()

    def refresh(self) -> None:
        for row in self.rows:
            row.control.refresh()

    def _resize(self, count: int) -> None:
        self.rows = self.rows[:count]
        self.rows += [self._row() for _ in range(count - len(self.rows))]
        self._place()

    def _row(self) -> _Row:
        row = _Row(self._around.control(Field(self._kind, references=self.field.references)))
        row.up.on_click(lambda _: self._desk.run(lambda: self._moved(row, -1, row.up)))
        row.down.on_click(lambda _: self._desk.run(lambda: self._moved(row, 1, row.down)))
        row.remove.on_click(lambda _: self._desk.run(lambda: self._removed(row)))
        return row

    def _place(self) -> None:
        """Shows the rows in their order, with their numbers."""
        for number, row in enumerate(self.rows):
            row.count(number, len(self.rows))
        show(self.within, [row.widget for row in self.rows])

    def _added(self) -> None:
        self.rows.append(self._row())
        self._place()
        self.rows[-1].control.focus()
        self._changed()

    def _moved(self, row: _Row, by: int, pressed: widgets.Button) -> None:
        place = self.rows.index(row) + by
        if 0 <= place < len(self.rows):
            self.rows.remove(row)
            self.rows.insert(place, row)
            self._place()
            pressed.focus()
            self._changed()

    def _removed(self, row: _Row) -> None:
        self.rows.remove(row)
        self._place()
        self.adder.focus()
        self._changed()

    def _judge(self, right: bool) -> None:
        """Shows what the field refuses in all rows together, if each row is right by itself."""
        self.refused = ""
        if right:
            try:
                self.field.accept(self.value)
            except (Refused, Invalid) as refusal:
                self.refused = str(refusal)
        self.beneath.tell(self.refused)

    def _changed(self) -> None:
        if self.refused:
            self._judge(self._are_right())
        self._desk.changed()

    def _are_right(self) -> bool:
        """Whether each row is right by itself. Shows nothing where one is not: somebody may be about to fill it in."""
        try:
            self.field.kind.convert(self.value)
        except (Refused, Invalid):
            return False
        return True


class _Row:
    """A member's control with its buttons."""

    def __init__(self, control: Control) -> None:
        self.control, self.empty = control, control.draft()
        self.up, self.down = _button("↑", "", "wb-up"), _button("↓", "", "wb-down")
        self.remove = _button("✕", "", "wb-remove")
        self.control.widget.add_class("wb-member")
        self.widget = widgets.HBox([self.control.widget, self.up, self.down, self.remove]).add_class("wb-row")

    def count(self, place: int, of: int) -> None:
        """Shows its number among ``of`` rows, and which buttons can be pressed; ``place`` counts from 0."""
        name = f"{place + 1}"
        self.control.rename(name, NUMBERS)
        self.up.tooltip, self.down.tooltip, self.remove.tooltip = (
            f"move {name} up", f"move {name} down", f"remove {name}")
        self.up.disabled, self.down.disabled = place == 0, place == of - 1


def _button(text: str, tooltip: str, name: str) -> widgets.Button:
    made = widgets.Button(description=text, tooltip=tooltip, layout={"width": "auto"})
    made.add_class(name)
    return made
