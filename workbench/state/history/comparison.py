"""Comparison: where two States of a session differ, item by item and column by column. Pure; nothing is asked.

Only items that are changed in one of them can differ: the clean ones are shared by all States. The base is what an item
was on the right before the first step there that changed it and is not on the left: by itself, repeated in a rebase or
a pick, or taken over in a merge. Which States the steps led to says nothing: a commit carries these apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from workbench.domain.datadef import MISSING, values_of
from workbench.domain.registry import Registry
from workbench.domain.resource import Resource, Target, is_deleted, refit
from workbench.domain.sameness import same
from workbench.state.cache import Cache
from workbench.state.clash import told_where_there
from workbench.state.planning.change import SIGNS
from workbench.state.state import Entry, State, parting
from workbench.state.step import Step
from workbench.wording import visible

Values = Mapping[str, Any]
Sides: TypeAlias = "tuple[Resource | None, Resource | None, Resource | None]"    # base, left, right


class Difference(NamedTuple):
    """One item: its fields at the base, on the left and on the right, without stamps; None where it is not there.

    ``columns`` are those that left and right do not share, in the order of definition."""

    target: Target
    base: Values | None
    left: Values | None
    right: Values | None
    columns: tuple[str, ...]

    @property
    def kind(self) -> str:
        """"insert" for an item that is on the right only, "delete" for one on the left only, else "update"."""
        return "insert" if self.left is None else "delete" if self.right is None else "update"

    def sides(self, column: str) -> tuple[Any, Any, Any]:
        """The values of a column at the base, on the left and on the right; MISSING where there is no such item."""
        base, left, right = ((values or {}).get(column, MISSING) for values in (self.base, self.left, self.right))
        return base, left, right


class Comparison:
    """What differs between two States, ``left`` and ``right`` being their names; empty when nothing does."""

    def __init__(self, left: str, right: str, differences: tuple[Difference, ...]) -> None:
        self.left, self.right, self.differences = left, right, differences

    def __len__(self) -> int:
        return len(self.differences)

    def __iter__(self) -> Iterator[Difference]:
        return iter(self.differences)

    @property
    def summary(self) -> str:
        """``2 items differ between 'main' and 'what if'``."""
        count = "no item differs" if not self.differences else (
            "1 item differs" if len(self.differences) == 1 else f"{len(self.differences)} items differ")
        return f"{count} between {self.left!r} and {self.right!r}"

    def __repr__(self) -> str:
        lines = [self.summary]
        for difference in self.differences:
            lines.append(f"  {SIGNS[difference.kind]} {visible(str(difference.target))}")
            for column in difference.columns:
                base, left, right = told_where_there(difference.sides(column))
                lines.append(visible(f"      {column}: base {base}, {self.left} {left}, {self.right} {right}"))
        return "\n".join(lines)


def compare(
    left: State, right: State, registry: Registry, cache: Cache, *, names: tuple[str, str] = ("left", "right"),
) -> Comparison:
    """Where two States differ, in the order of ``str(target)``; stamps are left out."""
    found = []
    for target, sides in three_sides(left, right, registry, cache).items():
        base, one, other = (None if item is None else values_of(item) for item in sides)
        columns = tuple(name for name in dict.fromkeys([*(one or {}), *(other or {})])
                        if one is None or other is None or not same(one[name], other[name]))
        if columns or (one is None) != (other is None):
            found.append(Difference(target, base, one, other, columns))
    return Comparison(*names, tuple(sorted(found, key=lambda difference: str(difference.target))))


def three_sides(left: State, right: State, registry: Registry, cache: Cache) -> dict[Target, Sides]:
    """Base, left and right of each item that is changed on one side in another way than on the other, as items of
    their present classes; None where an item is not there, or deleted."""
    begun: dict[Target, State] = {}
    for before, step in own(left, right):
        begun.update(dict.fromkeys(step.touched, before))
    sides = {}
    for target in {**dict(left.changed.items()), **dict(right.changed.items())}:
        one, other = left.changed.get(target), right.changed.get(target)
        if one is other:
            continue
        entry = begun.get(target, right).changed.get(target)
        base = entry.current if entry is not None else cache.items.get(target) if other is None else other.origin
        cls = registry.resource(target[:2])
        items = (base, _current(one, target, cache), _current(other, target, cache))
        sides[target] = tuple(None if is_deleted(item) else refit(item, cls) for item in items)
    return sides    # type: ignore[return-value]  # three of them


def own(left: State, right: State) -> list[tuple[State, Step]]:
    """The steps on the right that are not on the left, the last first, each with the State before it."""
    known = {deed for step in left.steps() for deed in step.deeds}
    shared, steps = parting(left, right), []
    state = right
    while state is not shared and state.parent is not None:
        if not state.root and state.step is not None and not state.step.deeds <= known:
            steps.append((state.parent, state.step))
        state = state.parent
    return steps


def _current(entry: Entry | None, target: Target, cache: Cache) -> Resource | None:
    return cache.items.get(target) if entry is None else entry.current
