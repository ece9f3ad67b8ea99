"""Finder: the items that somebody may mean by a part of a readable name, for the pickers of forms.

An item is called by its label (see ``notebook.labels``). What is cached is looked through first, pending changes
included; the database is asked only where that gives fewer items than can be offered. Looking is not reading: nothing
is cached, and no step counts as having read what was only looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

from workbench.domain.registry import Kindred, Registry
from workbench.domain.resource import Resource, Target, identify, label_of
from workbench.errors import Invalid
from workbench.notebook.html.called import Called
from workbench.notebook.labels import in_line, named, present, shortened, text_of
from workbench.postgres.labels import labelled

OFFERED = 20        # items to choose from; to type more finds any other
Label = Callable[[Target, Resource], str | None]
_HEX = re.compile(r"[0-9a-f-]*")


class Found(NamedTuple):
    """An item to choose: ``label`` is what it is called, None where it has no name."""

    target: Target
    label: str | None

    @property
    def text(self) -> str:
        """What it is offered as, in one line: ``Ada · 12345678``."""
        return named(self.label, self.target.identifier)


class Finds(NamedTuple):
    """What was found, and whether there is ``more``."""

    items: list[Found]
    more: bool


class Finder:
    """Looks for the items of a workbench; once that is closed, everything raises WorkbenchError."""

    def __init__(self, wb: Any) -> None:
        self._wb = wb
        self.registry: Registry = wb.session.registry

    def cached(self, kindred: Kindred, text: str = "") -> Finds:
        """The cached items whose label contains a text or whose identifier begins with it: first the one whose
        identifier it is, then the last made."""
        resource, manager = self.registry.resource(kindred), self._wb._at_work().manager
        wanted, label = text.casefold(), self._label(resource)
        found = present(manager, kindred, _fits(text, label, resource), OFFERED + 1)
        if len(found) > OFFERED and self._may_identify(kindred, text):      # it may be the one that is left out
            whole = present(manager, kindred, lambda target, _: str(target[2]).casefold() == wanted, OFFERED)
            found = list(dict([*whole, *found]).items())
        return _finds([Found(target, label(target, item)) for target, item in found], text, len(found) > OFFERED)

    def find(self, kindred: Kindred, text: str) -> Finds:
        """As ``cached``, and then those of the database, by label.

        It is not asked where more than can be offered are cached, unless the text may be the identifier of another one.

        Raises DatabaseError."""
        here = self.cached(kindred, text)
        session = self._wb._at_work()
        table = session.reader.tables.get(kindred)
        enough = here.more and (is_called(here.items[0], text) or not self._may_identify(kindred, text))
        if enough or table is None:     # no table: the resource was defined after the last verb
            return here
        known = {found.target for found in here.items}
        name = label_of(self.registry.resource(kindred))
        rows = self._wb._bridge.run(labelled(session.engine, table, name, text, limit=OFFERED + 1))
        stored = [Found(target, self._stored_label(target, name, label)) for identifier, label in rows
                  for target in [Target(*kindred, identifier)]
                  if target not in known and target not in session.manager.state.changed]
        found = [*here.items, *stored]
        return _finds(found, text, here.more or len(rows) > OFFERED or len(found) > OFFERED)

    def _label(self, resource: type[Resource]) -> Label:
        """What tells the label of an item of a resource."""
        name = label_of(resource)
        if name is None or resource._fields[name].references is None:
            return lambda _, item: text_of(item, name)      # faster: 100,000 may be looked through at each key
        return Called(self._wb._at_work().manager).label_from

    def _stored_label(self, target: Target, name: str | None, label: str | None) -> str | None:
        """The label of an item that is in the database alone, of the text in the column of its label."""
        field = None if name is None else self.registry.resource(target[:2])._fields[name]
        if field is None or field.references is None or label is None:
            return label
        called = Called(self._wb._at_work().manager)
        leads = called.leads(target, field.name, field.accept(label))
        return label if leads is None else called.label(leads) or shortened(leads.identifier)

    def _may_identify(self, kindred: Kindred, text: str) -> bool:
        """Whether a text can be a whole identifier of a resource."""
        try:
            identify(self.registry.resource(kindred), text)
        except Invalid:
            return False
        return text != ""


def is_called(found: Found, text: str) -> bool:
    """Whether a text is the identifier of an item."""
    return str(found.target.identifier).casefold() == text.casefold()


def _finds(found: list[Found], text: str, more: bool) -> Finds:
    """As many as can be offered, first the one whose identifier the text is."""
    return Finds(sorted(found, key=lambda one: not is_called(one, text))[:OFFERED], more)


def _fits(text: str, label: Label, resource: type[Resource]) -> Callable[[Target, Resource], bool]:
    """Whether a text, in any case, is within the label of an item or begins its identifier."""
    wanted, part = text.casefold(), in_line(text).casefold()
    by_uuid = resource._fields["_id"].kind.annotation is UUID
    # To write a UUID takes longer than all else: only for a text that may begin one.
    by_key = not by_uuid or _HEX.fullmatch(wanted) is not None

    def fits(target: Target, item: Resource) -> bool:
        called = label(target, item)
        return ((called is not None and part in in_line(called).casefold())
                or (by_key and str(target[2]).casefold().startswith(wanted)))

    return fits
