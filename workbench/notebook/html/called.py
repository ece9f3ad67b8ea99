"""Called: what items are called where HTML names them: ``Emma · cbe0f4de``, as the pickers of forms have it.

An item is named after what is pending or cached of it; nothing is asked of the database, and an item of which nothing
is known has its identifier alone. Of a UUID the beginning is seen; the tooltip has the whole, and so has whoever copies
it. In text, frames and SQL identifiers are whole.
"""

from __future__ import annotations

from html import escape
from typing import Any

from workbench.domain.resource import Identifier, Target
from workbench.errors import UnknownName
from workbench.notebook.html.box import identifier_html, value_html
from workbench.notebook.labels import label_in
from workbench.state.manager import StateManager

_LONGEST = 40       # letters of a label that are shown


class Called:
    """Tells what the items of a State Manager are called."""

    def __init__(self, manager: StateManager) -> None:
        self._manager = manager

    def label(self, target: Target) -> str | None:
        """What an item is called; None where it is neither pending nor cached, or has no name."""
        entry = self._manager.state.changed.get(target)
        if entry is None:
            return label_in(self._manager.cache.items.get(target))
        return label_in(entry.origin if entry.current is None else entry.current)

    def field_html(self, target: Target, name: str, value: Any) -> str:
        """The value of a field of an item; a reference is shown with the name of the item that it leads to."""
        try:
            field = self._manager.registry.resource(target[:2])._fields.get(name)
            leads = None if field is None else field.references
            if value is None or leads is None:
                return value_html(value)
            kindred = target[:2] if leads == "self" else self._manager.registry.kindred(leads, home=target.domain)
        except UnknownName:     # forgotten since
            return value_html(value)
        label = self.label(Target(*kindred, value))
        return value_html(value) if label is None else named_html(value, label)


def named_html(identifier: Identifier, label: str | None) -> str:
    """An item where its resource is told beside it: its label, cut if it is long, and its identifier."""
    if not label:
        return identifier_html(identifier)
    if len(label) <= _LONGEST:
        return f"{escape(label)} · {identifier_html(identifier)}"
    return f'<span title="{escape(label)}">{escape(label[:_LONGEST - 1])}…</span> · {identifier_html(identifier)}'


def target_html(target: Any, called: Called | None = None) -> str:
    """An item with its domain and resource; anything else that a mutation may be on is written as text."""
    if not isinstance(target, Target):
        return escape(str(target))
    label = None if called is None else called.label(target)
    where = escape(f"{target.domain}:{target.resource}")
    return f"{where}{' ' if label else '/'}{named_html(target.identifier, label)}"


def field_html(called: Called | None, target: Any, name: str, value: Any) -> str:
    """The value of a field of an item; without ``called`` a reference is shown by its identifier alone."""
    return value_html(value) if called is None or not isinstance(target, Target) else (
        called.field_html(target, name, value))
