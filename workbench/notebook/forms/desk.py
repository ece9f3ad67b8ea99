"""Desk: what all controls of one form share; Control: what a field is filled in with; Draft: what was typed in one;
Beneath: the line under it.

    Form ── Group ── Line, Picker            one field each
                  ├─ Nested ── Group …       a Datadef in a field
                  ├─ Rows ── Control …       a list
                  └─ Absent ── Control       one that may be left out

A control makes those within it by ``desk.control``: which one a field has is decided in one place, ``controls``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple, Protocol

import ipywidgets as widgets

from workbench.domain.datadef import Field
from workbench.notebook.forms.finder import Finder

NAMES = "9em"       # the width of the names before the controls; what stands beneath begins where they do


class Draft(NamedTuple):
    """What was typed in a control, right or wrong; ``of`` says in what, for only the same can read it.

        line        what each of its inputs holds, as a tuple
        group       the drafts of its fields by name, of those that somebody touched
        rows        the drafts of its members
        absent      whether its tick is set, and the draft of what it is around
    """

    of: str
    typed: Any

    def within(self, of: str) -> Any:
        """What was typed in one of those, or in one that an Absent is around and that is not left out; None where it
        was typed in something else."""
        if self.of == of:
            return self.typed
        if self.of == "absent" and not self.typed[0]:
            return self.typed[1].within(of)
        return None


class Control(Protocol):
    """What one field is filled in with. ``widget`` is all of it, ``head`` the line with its name."""

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
        """What was filled in, unchecked; MISSING where nothing was. Raises Refused for what cannot be read."""

    def set(self, value: Any) -> None:
        """Fills in a value, given as the field admits it; raises Refused or Invalid for another one."""

    def check(self) -> bool:
        """Whether the field takes what stands here; if not, the reason is told beneath."""

    def quiet(self) -> None:
        """Takes back what it has told."""

    def draft(self) -> Draft:
        """What was typed, right or wrong, to be given to the ``redraft`` of a control that takes the place of this."""

    def redraft(self, draft: Draft) -> None:
        """Fills in what was typed elsewhere, as far as it fits."""

    def rename(self, name: str, width: str) -> None:
        """Calls it otherwise than its field, as in a list."""

    def focus(self) -> None:
        """Takes the keyboard to the first place that is wrong, or to the first one."""

    def refresh(self) -> None:
        """Offers what there is to choose from now."""


@dataclass(frozen=True)
class Desk:
    """``run`` does what a callback of a widget asks for, so that no error is lost; ``changed`` hears of every value
    that was changed, ``entered`` of Enter. ``finder`` looks for items."""

    make: Callable[[Field, Desk], Control]
    finder: Finder
    run: Callable[[Callable[[], Any]], None]
    changed: Callable[[], None]
    entered: Callable[[], None]
    home: str       # the domain, in which a bare key of a resource is looked for first

    def heard(self, _: Any, content: dict[str, Any], __: Any) -> None:
        """Takes a message of a line of text: Enter. Text.on_submit is deprecated, the message behind it is not."""
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
        """What is wrong; no words, nothing wrong."""
        self.widget.value = f'<div role="alert" class="wb-problem">✗ {escape(problem)}</div>' if problem else ""

    def note(self, text: str) -> None:
        """What is good to know."""
        self.widget.value = f'<div role="status" class="wb-hint">{escape(text)}</div>' if text else ""


def hint_of(field: Field) -> list[widgets.DOMWidget]:
    """The doc and the limits of a field as a line, where it has any."""
    words = "; ".join(filter(None, [field.doc, "" if field.limits is None else field.limits.words]))
    hint = f'<div class="wb-hint">{escape(words)}</div>'
    return [widgets.HTML(hint).add_class("wb-beneath")] if words else []


def name_of(field: Field) -> str:
    """What a field is called before its control: required ones have a star."""
    return f"{field.name} *" if field.required else field.name
