"""Items: the cached items of one resource as they are shown, each with what the pending steps made of it; and those
that are not, as they do not fit the resource any more.

The clean ones come from the Cache, the others from the Entries of a State. There may be a hundred thousand of them, and
they are asked for after every step: what is clean is taken as it is, and only the changed ones are compared.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from itertools import islice
from operator import lt
from types import NoneType
from typing import Any

from workbench.domain.registry import Kindred, Registry
from workbench.domain.resource import Resource, Target, is_deleted, refit
from workbench.errors import Invalid
from workbench.state.cache import Cache
from workbench.state.planning.differ import Differ
from workbench.state.planning.plan import entries
from workbench.state.reader import sort_key
from workbench.state.state import Entry, State
from workbench.state.uncollected import uncollected


def items_of(
    state: State, cache: Cache, kindred: Kindred, cls: type[Resource],
) -> list[tuple[str, Target, Resource]]:
    """The items of a resource: ("clean" | "new" | "changed" | "deleted", target, item), in the order of ``in_order``.

    A deleted item is shown as it was; those that do not fit ``cls``, the present definition, are left out."""
    domain, key = kindred
    changed = [(target, entry) for target, entry in entries(state.changed) if target[:2] == kindred]
    # As they are now: the loop's thread may fetch or commit meanwhile.
    cached = cache.items.copy()
    # By identity: to look up each of the many clean ones by its target would take longer than all the rest.
    hidden = {id(cached.get(target)) for target, _ in changed}
    rows: list[tuple[str, Target, Any]] = []
    with uncollected(len(cached) + len(changed)):
        for target, item in cached.items():
            if target[1] == key and target[0] == domain and id(item) not in hidden:
                if type(item) is cls:
                    rows.append(("clean", target, item))
                else:
                    with suppress(Invalid):
                        rows.append(("clean", target, refit(item, cls)))
        differ = Differ(kindred, cls)
        for target, entry in changed:
            with suppress(Invalid):
                rows += _shown(target, entry, differ)
        made = [item._created for _, _, item in rows]
        if None in made or not all(map(lt, made, islice(made, 1, None))):     # else they are in order already
            rows.sort(key=lambda row: sort_key(row[2]))
    return rows


def misfits_of(state: State, cache: Cache, registry: Registry, asked: Collection[Kindred]) -> list[str]:
    """The items of some resources that do not fit the present class of theirs, a sentence each."""
    changed = {target: entry.current for target, entry in entries(state.changed)}
    # Mostly nothing was defined anew, and then no item is looked at but for its class.
    kinds: set[type] = {*map(type, list(cache.items.values())), *map(type, changed.values())}
    if all(map(registry.is_current, kinds - {NoneType})):
        return []
    found = []
    for target, item in {**cache.items, **changed}.items():
        if item is not None and target[:2] in asked:
            try:
                refit(item, registry.resource(target[:2]))
            except Invalid as invalid:
                found.append(f"{target}: {'; '.join(str(problem) for problem in invalid.problems)}")
    return found


def _shown(target: Target, entry: Entry, differ: Differ) -> list[tuple[str, Target, Any]]:
    kind, before, after = differ.found(entry)
    if kind in ("", "delete"):      # touched, but as it was; or gone
        was_there = not is_deleted(before)      # else it was added and deleted again on a row that was deleted softly
        return [("deleted" if kind else "clean", target, before)] if was_there else []
    return [("new" if kind == "insert" else "changed", target, after)]
