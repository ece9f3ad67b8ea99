"""Desk: what all controls of one form share; Control: what one field is filled in with.

A ControlDraft is what was typed in a control, and Beneath is the line under it.

    Form ── Group ── Line, Picker            one field each
                  ├─ Nested ── Group …       a Datadef in a field
                  ├─ Rows ── Control …       a list
                  └─ Absent ── Control       one that may be left out

A control makes those within it by ``desk.control``; which one a field has is decided in ``forms.controls`` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple, Protocol

import ipywidgets as widgets

from workbench.domain.datadef import Field
from workbench.notebook.forms.finder import Finder
from workbench.wording import joined

NAMES = "9em"       # the width of the names before the controls; what stands beneath begins where they do
NUMBERS = "2em"     # the width of the number before a row of a list


class ControlDraft(NamedTuple):
    """What was typed in a control, right or wrong; ``of`` is its kind, for only a control of that kind can read it.

        line        what each of its inputs holds, as a tuple
        group       the drafts of its fields by name, of those that somebody touched
        rows        the drafts of its members
        absent      whether its tick is set, and the draft of what it is around
    """

    of: str
    typed: Any

    def within(self, of: str) -> Any:
        """What was typed, if that was in a control of the kind ``of``, or in one of that kind within an Absent that is
        not ticked; None otherwise."""
        if self.of == of:
            return self.typed
        if self.of == "absent" and not self.typed[0]:
            return self.typed[1].within(of)
        return None


class Control(Protocol):
    """What one field is filled in with. ``widget`` is all of it, ``head`` the line with the field's name."""

    field: Field
    widget: widgets.Box
    head: widgets.Box

    @property
    def problem(self) -> str:
        """What is wrong with it, in words; "" where nothing is."""

    @property
    def body(self) -> widgets.DOMWidget | None:
        """What is out of sight while the value is left out."""

    @property
    def value(self) -> Any:
        """What was filled in, not yet checked; MISSING where nothing was. Raises Refused for what cannot be read."""

    def set(self, value: Any) -> None:
        """Fills in a value. Raises Refused or Invalid for one that the field does not admit."""

    def check(self) -> bool:
        """Whether the field takes what is filled in; if not, the reason is shown beneath."""

    def quiet(self) -> None:
        """Takes the reason beneath away."""

    def draft(self) -> ControlDraft:
        """What was typed, right or wrong, for the ``redraft`` of the control that takes the place of this one."""

    def redraft(self, draft: ControlDraft) -> None:
        """Fills in what was typed in another control, as far as it fits."""

    def rename(self, name: str, width: str) -> None:
        """Shows another name than the field's, as in a list, in a column that is ``width`` wide."""

    def focus(self) -> None:
        """Puts the cursor into the first input that is wrong, or else into the first."""

    def refresh(self) -> None:
        """Offers what can be chosen now."""


@dataclass(frozen=True)
class Desk:
    """What all controls of one form share.

    ``run`` calls what a widget's callback asks for, so that no error is lost; ``changed`` is called after every change
    of a value, ``entered`` when Enter is pressed. ``finder`` looks for items."""

    make: Callable[[Field, Desk], Control]
    finder: Finder
    run: Callable[[Callable[[], Any]], None]
    changed: Callable[[], None]
    entered: Callable[[], None]
    home: str       # the domain, in which a bare key of a resource is looked for first

    def heard(self, _: Any, content: dict[str, Any], __: Any) -> None:
        """Takes a message of a line of text and calls ``entered`` for Enter."""
        # Text.on_submit is deprecated, the message behind it is not.
        if content.get("event") == "submit":
            self.run(self.entered)

    def control(self, field: Field) -> Control:
        """The control of a field."""
        return self.make(field, self)


class Beneath:
    """The line under a control: what is wrong with it, or a word about it."""

    def __init__(self) -> None:
        self.widget = widgets.HTML().add_class("wb-beneath")

    def tell(self, problem: str) -> None:
        """Shows what is wrong; an empty text shows nothing."""
        self.widget.value = f'<div role="alert" class="wb-problem">✗ {escape(problem)}</div>' if problem else ""

    def note(self, text: str) -> None:
        """Shows a word that is no fault."""
        self.widget.value = f'<div role="status" class="wb-hint">{escape(text)}</div>' if text else ""


def hint_of(field: Field) -> list[widgets.DOMWidget]:
    """A line with the doc and the limits of a field, as a list; empty where it has none."""
    words = joined(field.doc, "" if field.limits is None else field.limits.words)
    hint = f'<div class="wb-hint">{escape(words)}</div>'
    return [widgets.HTML(hint).add_class("wb-beneath")] if words else []


def name_of(field: Field) -> str:
    """The name that is shown before a control; that of a required field has a star."""
    return f"{field.name} *" if field.required else field.name
