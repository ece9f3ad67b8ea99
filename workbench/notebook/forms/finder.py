"""Finder: the items that somebody may mean by a part of a readable name, for the pickers of forms.

An item is called by its label: the field that its Resource names in ``_label = "owner"``, else its first field of text
that is no reference. What is cached is looked through first, as it is with all that is pending; the database is asked
only for what is left of the number wanted. Looking is not reading: nothing is cached, and no step has read what was
only looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from heapq import nlargest
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from workbench.domain.registry import Kindred, Registry
from workbench.domain.resource import Identifier, Resource, Target, identify, is_deleted, label_of
from workbench.errors import Invalid
from workbench.postgres.labels import labelled
from workbench.state.manager import StateManager

OFFERED = 20        # items to choose from; to type more finds any other
SHORT = 8           # characters of a UUID that are shown
_HEX = re.compile(r"[0-9a-f-]*")


class Found(NamedTuple):
    """An item to choose: ``label`` is what it is called, None where it has no name."""

    target: Target
    label: str | None

    @property
    def text(self) -> str:
        """What it is offered as, in one line: ``Ada · 12345678``."""
        label = in_line(self.label or "")
        return in_line(" · ".join(([label] if label else []) + [shortened(self.target.identifier)]))


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
        name, wanted = label_of(resource), text.casefold()
        found = present(manager, kindred, _fits(text, name, resource), OFFERED + 1)
        if len(found) > OFFERED and self._may_identify(kindred, text):      # it may be the one that is left out
            whole = present(manager, kindred, lambda target, _: str(target[2]).casefold() == wanted, OFFERED)
            found = list(dict([*whole, *found]).items())
        return _finds([Found(target, _text(item, name)) for target, item in found], text, len(found) > OFFERED)

    def find(self, kindred: Kindred, text: str) -> Finds:
        """As ``cached``, and where that is fewer than can be offered, or none of them has the text as its identifier,
        those of the database as well, by label.

        Raises DatabaseError."""
        here = self.cached(kindred, text)
        session = self._wb._at_work()
        table = session.reader.tables.get(kindred)
        enough = here.more and (is_called(here.items[0], text) or not self._may_identify(kindred, text))
        if enough or table is None:     # no table: the resource was defined after the last verb
            return here
        known = {found.target for found in here.items}
        rows = self._wb._bridge.run(labelled(
            session.engine, table, label_of(self.registry.resource(kindred)), text, limit=OFFERED + 1))
        stored = [Found(target, label) for identifier, label in rows
                  for target in [Target(*kindred, identifier)]
                  if target not in known and target not in session.manager.state.changed]
        found = [*here.items, *stored]
        return _finds(found, text, here.more or len(rows) > OFFERED or len(found) > OFFERED)

    def _may_identify(self, kindred: Kindred, text: str) -> bool:
        """Whether a text can be a whole identifier of a resource."""
        try:
            identify(self.registry.resource(kindred), text)
        except Invalid:
            return False
        return text != ""


def in_line(text: str) -> str:
    """A text with a single blank for all that is blank, and none at its ends: a browser's line of text has no breaks,
    and nobody sees how many blanks there are."""
    return " ".join(text.split())


def is_called(found: Found, text: str) -> bool:
    """Whether a text is the identifier of an item."""
    return str(found.target.identifier).casefold() == text.casefold()


def _finds(found: list[Found], text: str, more: bool) -> Finds:
    """As many as can be offered, with those whose identifier the text is before the others."""
    return Finds(sorted(found, key=lambda one: not is_called(one, text))[:OFFERED], more)


def present(
    manager: StateManager, kindred: Kindred, fits: Callable[[Target, Resource], bool], limit: int,
) -> list[tuple[Target, Resource]]:
    """The cached items of a resource that there are and that fit: those changed here, the last made first, then those
    fetched last; no more than ``limit``.

    Not manager.items: to put 100,000 in order takes longer than one wants to wait for a key."""
    domain, resource = kindred
    changed = manager.state.changed
    newest = nlargest(limit, (
        (entry.place, target, entry.current) for target, entry in changed.items()
        if target[1] == resource and target[0] == domain and entry.current is not None
        and fits(target, entry.current) and not is_deleted(entry.current)), key=itemgetter(0))
    found = [(target, item) for _, target, item in newest]
    clean = list(manager.cache.items) if len(found) < limit else []     # a list: a cell may fetch meanwhile
    for target in reversed(clean):
        item = manager.cache.items.get(target) if target[1] == resource and target[0] == domain else None
        if item is not None and fits(target, item) and target not in changed and not is_deleted(item):
            found.append((target, item))
            if len(found) == limit:
                break
    return found


def _fits(text: str, name: str | None, resource: type[Resource]) -> Callable[[Target, Resource], bool]:
    """Whether a text, in any case, is within the label of an item or begins its identifier."""
    wanted, part = text.casefold(), in_line(text).casefold()
    by_uuid = resource._fields["_id"].kind.annotation is UUID
    # To write a UUID takes longer than all else: only for a text that may begin one.
    by_key = not by_uuid or _HEX.fullmatch(wanted) is not None

    def fits(target: Target, item: Resource) -> bool:
        label = None if name is None else getattr(item, name, None)     # one of an earlier definition may lack it
        return ((label is not None and part in in_line(str(label)).casefold())
                or (by_key and str(target[2]).casefold().startswith(wanted)))

    return fits


def _text(item: Resource, name: str | None) -> str | None:
    value = None if name is None else getattr(item, name, None)
    return None if value is None else str(value)


def shortened(identifier: Identifier) -> str:
    """An identifier as it is told beside a label: the beginning of a UUID, anything else whole."""
    return str(identifier)[:SHORT] if isinstance(identifier, UUID) else str(identifier)
