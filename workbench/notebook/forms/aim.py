"""Aim: what a command is issued on, chosen as in any Picker, or typed as ``wb.issue`` takes it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from workbench.domain.registry import Kindred
from workbench.domain.resource import Identifier, label_of
from workbench.errors import UnknownName
from workbench.notebook.forms.desk import Desk
from workbench.notebook.forms.picker import Picker, offered_as


class Aim(Picker):
    """What a command is issued on; with ``new`` it is a new item where nothing is chosen, unless it ``makes`` none.

    A text such as ``account/<id>`` is taken as it is, and ``account`` for a new one."""

    def __init__(self, kindreds: Sequence[Kindred], desk: Desk, *, new: bool, makes: bool) -> None:
        names = [kindred[1] for kindred in kindreds]
        there = f"the {names[0]}: a part of its {label_of(desk.finder.registry.resource(kindreds[0])) or 'identifier'}"
        wanted = (f"a new {names[0]}" if makes else there) if new else "an item, if it is on one"
        super().__init__(kindreds, desk, "on", [], wanted)
        self.input.tooltip = f"the {' or '.join(names)} that it is issued on"
        self.widget.add_class("wb-on")
        self._new = new

    @property
    def value(self) -> str | None:
        """What was chosen, as ``wb.issue`` takes it: ``bank:account/<id>``, a resource for a new item, or None."""
        text = self.input.value.strip()
        registry, home = self._desk.finder.registry, self._desk.home
        with suppress(UnknownName):
            if text and offered_as(text, self._offered) is None:
                resource, slash, _ = text.partition("/")
                kindred = registry.kindred(resource, home=home)
                return str(registry.target(text, home=home)) if slash else ":".join(kindred)
        target = self.target
        return None if target is None else str(target)

    def set(self, on: Any) -> None:
        """Fills in what ``wb.issue`` takes as ``on``. Raises UnknownName, Invalid."""
        registry, home = self._desk.finder.registry, self._desk.home
        if isinstance(on, type) or (isinstance(on, str) and "/" not in on):
            self.input.value = ":".join(registry.kindred(on, home=home))
        elif isinstance(on, UUID | int):
            self.input.value = str(on)
        else:
            self.show(registry.target(on, home=home))

    def ask(self) -> None:
        """Says that an item must be chosen: the command was issued on a new one, and there was none."""
        self.problem = f"choose the {self.kindreds[0][1]}: this command is issued on one that is there"
        self.beneath.tell(self.problem)
        self.focus()

    def _unseen(self, identifier: Identifier) -> bool:
        return self._new or super()._unseen(identifier)

    def _judge(self) -> None:
        _ = self.value
