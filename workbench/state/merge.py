"""Merge: the ways out of a conflict on one item, as new values of a State. Pure; nothing is asked or written here.

A way is "mine" (my item over theirs), "theirs" (mine is dropped), or the merge of both: where each changed other
columns than the other both changes stay, and values can be given for the rest. Whatever comes out is validated as any item is.
A resolution is a step of its own, so that it is seen in the log, told by ``why`` and undone like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.domain.datadef import field, same, unknown
from workbench.domain.entity import Command, Event
from workbench.domain.mutation import Delete, Insert, Mutation, Update
from workbench.domain.resource import Resource, Target
from workbench.errors import Conflict, Invalid, Problem
from workbench.state.clash import Clash

Way = str | Mapping[str, Any]


class ResolveConflict(Command):
    """The pseudo-command of a resolution; it belongs to no domain and is not issued again by a rebase."""

    way = field(str)


class ConflictResolved(Event):
    """What a resolution did to one item."""

    way = field(str)


def three_way(clash: Clash) -> tuple[dict[str, Any], list[str]]:
    """The values that I changed and they did not, and the columns that both changed to different values."""
    base, mine, theirs = clash.base or {}, clash.mine or {}, clash.theirs or {}
    kept, both = {}, []
    for name in mine:
        if not name.startswith("_") and not same(base.get(name), mine[name]):
            if same(base.get(name), theirs.get(name)):
                kept[name] = mine[name]
            elif not same(mine[name], theirs.get(name)):
                both.append(name)
    return kept, both


def resolution(clash: Clash, way: Way, cls: type[Resource]) -> Mutation | None:
    """The mutation that, applied to *their* item, resolves a clash; None where theirs simply stands.

    Raises Invalid for a way that does not fit, Conflict where a merge is asked for and both changed the same column."""
    target, mine, theirs = clash.target, clash.mine, clash.theirs
    if way == "theirs" or (mine is None and theirs is None):
        return None
    if way == "mine":
        if mine is None:
            return None if clash.kind.startswith("read") else Delete(target)
        values = {name: value for name, value in mine.items() if not name.startswith("_")}
        if theirs is None:
            return Insert(target, **values)
        return Update(target, **{name: value for name, value in values.items() if not same(theirs.get(name), value)})
    given = {} if isinstance(way, str) else dict(way)
    if isinstance(way, str) and way != "merge":
        raise Invalid(f"the resolution of {target}", [Problem("way", way, (
            f'{way!r} is no way out; say "mine", "theirs", "merge", or values for columns: {{"balance": 10}}'))])
    faults = unknown(cls, given)
    if faults:
        raise Invalid(f"the resolution of {target}", faults)
    if mine is None or theirs is None:
        gone = "here" if mine is None else "in the database"
        raise Invalid(f"the resolution of {target}", [Problem("way", way, (
            f'it was deleted {gone}, and columns cannot be merged; say "mine" or "theirs"'))])
    kept, both = three_way(clash)
    if set(both) - set(given):
        raise Conflict([clash])
    return Update(target, **{**kept, **given})


def told(way: Way) -> str:
    """A way in words, for the log."""
    return way if isinstance(way, str) else ", ".join(f"{name}={value!r}" for name, value in way.items())


def target_text(target: Target) -> str:
    """The address under which a resolution stands in the log."""
    return f"resolve/{target}"
