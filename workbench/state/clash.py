"""Clash: one item on which a plan and the database disagree; a Conflict lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from workbench.domain.convert import told_apart
from workbench.domain.datadef import MISSING
from workbench.domain.resource import Resource, Target, is_deleted
from workbench.domain.sameness import same
from workbench.wording import visible

_DID: Mapping[str, str] = MappingProxyType({
    "update": "changed it", "delete": "deleted it", "insert": "added it", "read": "read it",
    "search": "searched and did not find it"})


class Clash(NamedTuple):
    """``kind`` says what I did and what they did: "update-update", "update-delete", "delete-update", "delete-delete",
    "insert-insert"; "read-update" and "read-delete" for an item that a step only read, "search-insert" for one that
    a step looked for and did not find, and would find now.

    ``base`` is the item as it was fetched, ``mine`` as it is pending, ``theirs`` as it is stored now: mappings of
    fields to values, stamps included; None where there is no such item, and for one that was only read. ``me`` and
    ``them`` say in words who we are: "a step" and "another", or "the revert" and "commit 2"."""

    target: Target
    kind: str
    base: Mapping[str, Any] | None
    mine: Mapping[str, Any] | None
    theirs: Mapping[str, Any] | None
    me: str = "a step"
    them: str = "another"

    @property
    def deeds(self) -> str:
        """``here a step changed it, meanwhile another deleted it``: the kind in words."""
        me, them = self.kind.split("-")
        return f"here {self.me} {_DID[me]}, meanwhile {self.them} {_DID[them]}"

    @property
    def has_values(self) -> bool:
        """Whether both sides have values that can be told; of what was only read none are kept, and mine it is not."""
        return not self.kind.startswith(("read", "search"))

    def __str__(self) -> str:
        lines = [visible(f"{self.target}: {self.deeds}")]
        if not self.has_values:
            return lines[0]
        for name in sorted({*(self.mine or {}), *(self.theirs or {})}):
            values = [(side or {}).get(name, MISSING) for side in (self.base, self.mine, self.theirs)]
            if not name.startswith("_") and not (same(values[0], values[1]) and same(values[0], values[2])):
                shown = told_where_there(values)
                both = ": one deed, or two alike?" if self.base is not None and same(values[1], values[2]) else ""
                lines.append(f"    {name}: base {shown[0]}, mine {shown[1]}, theirs {shown[2]}{both}")
        return "\n".join(lines)


def told_where_there(values: Sequence[Any]) -> list[str]:
    """The values of one field side by side; ``none`` where there is no item."""
    told = iter(told_apart(*(value for value in values if value is not MISSING)))
    return ["none" if value is MISSING else next(told) for value in values]


def clash_of(target: Target, did: str, base: Resource | None, mine: Resource | None, theirs: Resource | None) -> Clash:
    """The Clash of an item that I ``did`` "insert", "update", "delete", "read" or "search"; it is ``theirs`` now."""
    done = "delete" if is_deleted(theirs) else "insert" if did in ("insert", "search") else "update"
    was, present, there = (None if is_deleted(item) else _told(item) for item in (base, mine, theirs))
    return Clash(target, f"{did}-{done}", was, present, there)


def _told(item: Resource | None) -> Mapping[str, Any]:
    return {name: getattr(item, name) for name in type(item)._fields} if item is not None else {}
