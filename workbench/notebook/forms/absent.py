"""Absent: the control of a field whose value may be left out, where that differs from an empty value.

An empty text is not None, and a missing list or Datadef is not an empty one; a tick says which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import ipywidgets as widgets

from workbench.domain.datadef import MISSING, Field
from workbench.domain.kinds import OptionalKind
from workbench.notebook.forms.desk import NAMES, Control, ControlDraft, Desk, name_of


class Absent:
    """A Control around the one that ``make`` gives for the value itself.

    It is ticked at first, unless the field has an initial value. Typing unticks it; ticking it empties a text and hides
    a list or a Datadef."""

    def __init__(self, field: Field, desk: Desk, make: Callable[[Desk], Control]) -> None:
        self.field, self._desk = field, desk
        self._own = False       # whether it is moved from here, and not by somebody
        self._optional = isinstance(field.kind, OptionalKind)
        word = "none" if self._optional else "left out"
        self.tick = widgets.Checkbox(value=True, description=word, indent=False, tooltip=f"{field.name}: {word}")
        self.tick.add_class("wb-none")
        self.within = make(replace(desk, changed=self._typed))
        self.within.rename(name_of(field), NAMES)
        self._empty = self.within.draft()
        self.head, self.widget = self.within.head, self.within.widget
        self.head.children = [*self.head.children, self.tick]
        if field.has_initial:
            self.set(field.initial)
        self._show()
        self.tick.observe(lambda _: desk.run(self._ticked), "value")

    @property
    def body(self) -> widgets.DOMWidget | None:
        return self.within.body

    @property
    def problem(self) -> str:
        return "" if self.tick.value else self.within.problem

    @property
    def value(self) -> Any:
        if not self.tick.value:
            return self.within.value
        return None if self._optional and self.field.initial is not None else MISSING

    def set(self, value: Any) -> None:
        value = self.field.accept(value)
        with self._moving():
            if value is not None:
                self.within.set(value)
            self.tick.value = value is None
        self._show()

    def check(self) -> bool:
        if self.tick.value:
            self.within.quiet()
            return True
        return self.within.check()

    def quiet(self) -> None:
        self.within.quiet()

    def draft(self) -> ControlDraft:
        return ControlDraft("absent", (self.tick.value, self.within.draft()))

    def redraft(self, draft: ControlDraft) -> None:
        left_out, within = draft.typed if draft.of == "absent" else (False, draft)
        earlier = self.within.draft()
        with self._moving():
            self.within.redraft(within)
            taken = self.within.draft()
            if left_out or taken == within or taken != earlier:     # what does not fit at all is not there
                self.tick.value = left_out
        self._show()

    def rename(self, name: str, width: str) -> None:
        self.within.rename(name, width)

    def focus(self) -> None:
        self.within.focus()

    def refresh(self) -> None:
        self.within.refresh()

    @contextmanager
    def _moving(self) -> Iterator[None]:
        own, self._own = self._own, True
        try:
            yield
        finally:
            self._own = own

    def _show(self) -> None:
        if self.body is not None:
            self.body.layout.display = "none" if self.tick.value else ""

    def _typed(self) -> None:
        if not self._own:
            with self._moving():
                self.tick.value = False
            self._desk.changed()

    def _ticked(self) -> None:
        if self._own:
            return
        with self._moving():
            if self.tick.value and self.body is None:
                self.within.redraft(self._empty)
        self._show()
        self.check()
        self._desk.changed()
