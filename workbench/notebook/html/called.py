"""Called: what items are called where HTML names them: ``Emma · cbe0f4de``, as the pickers of forms have it.

An item is named after what is pending or cached of it; nothing is asked of the database, and an item of which nothing
is known has its identifier alone. Of a UUID the beginning is seen; the tooltip has the whole, and so has whoever copies
it. In text, SQL and what a frame holds identifiers are whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from types import MappingProxyType
from typing import Any, Protocol
from uuid import UUID

from workbench.domain.datadef import MISSING, Datadef, Field
from workbench.domain.resource import Identifier, Resource, Target, label_of
from workbench.errors import UnknownName
from workbench.notebook.html.box import identifier_html, value_html
from workbench.notebook.labels import named, shortened, text_of
from workbench.state.manager import StateManager
from workbench.wording import visible

_LONGEST = 40       # letters of a label that are shown


class Names(Protocol):
    """Who tells what items are called: a Called, or SavedNames."""

    def label(self, target: Target) -> str | None: ...
    def label_from(self, target: Target, item: Any) -> str | None: ...
    def leads(self, target: Target, name: str, value: Any) -> Target | None: ...
    def value(self, target: Target, name: str, value: Any) -> Any: ...


class Called:
    """Tells what the items of a State Manager are called.

    ``led`` are items by their identifiers, to which a field of a message may lead that does not say that it refers to
    anything."""

    def __init__(self, manager: StateManager, led: Mapping[UUID, Target] = MappingProxyType({})) -> None:
        self._manager, self._led = manager, led

    def knowing(self, led: Mapping[UUID, Target]) -> Called:
        """The same with these items."""
        return Called(self._manager, led)

    def label(self, target: Target) -> str | None:
        """What an item is called; None where it is neither pending nor cached, or has no name."""
        item = self._at_hand(target)
        return None if item is None else self.label_from(target, item)

    def text(self, where: str, target: Target) -> str:
        """An item in a line of text, behind its resource or an address: ``bank:account Ada · 12345678``."""
        label = self.label(target) or ""
        label = label if len(label) <= _LONGEST else f"{label[:_LONGEST - 1]}…"
        return f"{where}{' ' if label else '/'}{named(label, target.identifier)}"

    def label_from(self, target: Target, item: Resource) -> str | None:
        """What an item that is given is called; where its label is a reference, that is what the item is called to
        which it leads, or the beginning of that one's identifier."""
        on_the_way = {target}       # items may be called by each other, in a ring
        while True:
            try:
                name = label_of(type(item))
            except UnknownName:     # its _label names no field, which the pickers say
                return None
            leads = None if name is None else self.leads(target, name, getattr(item, name, None))
            if leads is None:
                label = text_of(item, name)
                return shortened(target.identifier) if label is None and len(on_the_way) > 1 else label
            there = self._at_hand(leads)
            if there is None or leads in on_the_way:
                return shortened(leads.identifier)
            on_the_way.add(leads)
            target, item = leads, there

    def leads(self, target: Target, name: str, value: Any) -> Target | None:
        """The item to which the value of a field of an item leads; None where the field is no reference."""
        try:
            field = self._manager.registry.resource(target[:2])._fields.get(name)
            if field is not None and field.references == "self":
                return None if value is None else Target(*target[:2], value)
            return self.leads_from(field, target.domain, value)
        except UnknownName:     # forgotten since
            return None

    def value(self, target: Target, name: str, value: Any) -> Any:
        """The value of a field as it is to be shown."""
        return value

    def leads_from(self, field: Field | None, home: str, value: Any) -> Target | None:
        """The same of a field of anything in a domain, such as of a command there."""
        if field is None or value is None:
            return None
        if field.references is None:
            return self._led.get(value) if type(value) is UUID else None
        try:
            return Target(*self._manager.registry.kindred(field.references, home=home), value)
        except UnknownName:     # forgotten since, or what is no resource
            return None

    def _at_hand(self, target: Target) -> Resource | None:
        """The item, pending or cached; one that was deleted here, as it was before."""
        entry = self._manager.state.changed.get(target)
        if entry is None:
            return self._manager.cache.items.get(target)
        return entry.origin if entry.current is None else entry.current


def named_html(identifier: Identifier, label: str | None) -> str:
    """An item where its resource is told beside it: its label, cut if it is long, and its identifier."""
    if not label:
        return identifier_html(identifier)
    label = visible(label)      # a mark in it could turn what stands behind it
    if len(label) <= _LONGEST:
        return f"{escape(label)} · {identifier_html(identifier)}"
    return f'<span title="{escape(label)}">{escape(label[:_LONGEST - 1])}…</span> · {identifier_html(identifier)}'


def target_html(target: Any, called: Names | None) -> str:
    """An item with its domain and resource; anything else that a mutation may be on is written as text."""
    if not isinstance(target, Target):
        return escape(visible(str(target)))
    label = None if called is None else called.label(target)
    where = escape(visible(f"{target.domain}:{target.resource}"))
    return f"{where}{' ' if label else '/'}{named_html(target.identifier, label)}"


def field_html(called: Names | None, target: Any, name: str, value: Any, beside: Iterable[Any] = ()) -> str:
    """The value of a field of an item, ``–`` where there is none; a reference is shown with the name of the item that
    it leads to, and without ``called`` by its identifier alone. ``beside`` are other values of the field."""
    if value is MISSING:
        return "–"
    if called is None or not isinstance(target, Target):
        return value_html(value, beside)
    others = [called.value(target, name, other) for other in beside if other is not MISSING]
    return _led_html(called, called.leads(target, name, value), called.value(target, name, value), others)


def message_html(called: Called | None, home: str, message: Datadef, name: str) -> str:
    """The same of the value of a field of a command or event of a domain."""
    value = getattr(message, name)
    leads = None if called is None else called.leads_from(type(message)._fields[name], home, value)
    return _led_html(called, leads, value)


def _led_html(called: Names | None, leads: Target | None, value: Any, beside: Iterable[Any] = ()) -> str:
    label = None if called is None or leads is None else called.label(leads)
    return value_html(value, beside) if label is None else named_html(value, label)
