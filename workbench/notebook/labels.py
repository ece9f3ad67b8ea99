"""Labels: what items are called where somebody reads or chooses them, as in HTML, forms and completions.

An item is called by its label: the value of the field that its Resource names in ``_label = "owner"``, else of its
first text field that is no reference. Only what is cached or pending is looked at, never the database.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import nlargest
from operator import itemgetter
from uuid import UUID

from workbench.domain.registry import Kindred
from workbench.domain.resource import Identifier, Resource, Target, is_deleted, label_of
from workbench.errors import UnknownName
from workbench.state.manager import StateManager

SHORT = 8       # characters of a UUID that are shown


def text_of(item: Resource, label: str | None) -> str | None:
    """The value of an item's label as text; None where there is none: an item of an earlier definition may lack it."""
    value = None if label is None else getattr(item, label, None)
    return None if value is None else str(value)


def label_in(item: Resource) -> str | None:
    """What an item is called by its own fields; None where it has no name."""
    try:
        return text_of(item, label_of(type(item)))
    except UnknownName:     # its _label names no field, which the pickers say
        return None


def shortened(identifier: Identifier) -> str:
    """An identifier as it is told beside a label: the beginning of a UUID, anything else whole."""
    return str(identifier)[:SHORT] if isinstance(identifier, UUID) else str(identifier)


def named(label: str | None, identifier: Identifier) -> str:
    """An item where its resource is told beside it, in one line: ``Ada · 12345678``; without a label ``12345678``."""
    label = in_line(label or "")
    return in_line(" · ".join(([label] if label else []) + [shortened(identifier)]))


def in_line(text: str) -> str:
    """A text in one line, with single blanks between its words: a browser's line of text holds no line break, and
    nobody sees how many blanks there are."""
    return " ".join(text.split())


def present(
    manager: StateManager, kindred: Kindred, fits: Callable[[Target, Resource], bool], limit: int,
) -> list[tuple[Target, Resource]]:
    """The cached items of a resource that are not deleted and that fit, ``limit`` at most: first those changed here,
    the last made first, then the others, the last fetched first."""
    # Not manager.items: to put 100,000 in order takes longer than one wants to wait for a key.
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
