"""State: the local database as one immutable value.

A State holds what is *changed* against the database: a persistent map from Target to ``Entry``. Clean items, as they
were fetched, live in the Cache (cache.py) that all States of a session share. A State knows the step that made it and
the State before it, so the log of steps is a walk back, undo is one pointer, and a branch is another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypeAlias

from rpds import HashTrieMap

from workbench.domain.entity import Event
from workbench.domain.mutation import Mutation
from workbench.domain.resource import Resource, Target
from workbench.state.step import Step

Changed: TypeAlias = "HashTrieMap[Target, Entry]"


class Entry:
    """One changed item: its ``origin`` as fetched (None: it is new), its ``current`` value (None: it is deleted), and
    the mutation that made it so, of which event in which step; ``earlier`` is the Entry it replaced.

    ``place`` orders entries by the mutation that first touched the item."""

    __slots__ = ("current", "earlier", "event", "mutation", "origin", "place", "step")

    def __init__(
        self, origin: Resource | None, current: Resource | None, mutation: Mutation, event: Event, step: int,
        place: int, earlier: Entry | None = None,
    ) -> None:
        self.origin, self.current, self.mutation, self.event = origin, current, mutation, event
        self.step, self.earlier = step, earlier
        self.place: int = place if earlier is None else earlier.place

    def causes(self) -> list[Entry]:
        """The entries that led to this one, the first first, this one last."""
        chain: list[Entry] = []
        entry: Entry | None = self
        while entry is not None:
            chain.append(entry)
            entry = entry.earlier
        return chain[::-1]


class State:
    """An immutable value: the ``changed`` items, the ``step`` that led here and the ``parent`` before it.

    ``number`` counts the steps so far, ``applied`` the mutations. ``as_touched`` has the changed items in the order in
    which they were first touched, where they are many and all of one step; else it is None. A ``root`` is where a line
    begins, at the opening or behind a commit; nothing is undone past it."""

    __slots__ = ("applied", "as_touched", "changed", "number", "parent", "root", "step")

    def __init__(
        self, changed: Changed, step: Step | None, parent: State | None, number: int, applied: int, *,
        root: bool = False, as_touched: Sequence[Entry] | None = None,
    ) -> None:
        self.changed, self.step, self.parent, self.root = changed, step, parent, root
        self.number, self.applied, self.as_touched = number, applied, as_touched

    @classmethod
    def empty(cls) -> State:
        """Nothing changed, no steps."""
        return cls(HashTrieMap(), None, None, 0, 0, root=True)

    def after(self, changed: Changed, step: Step, applied: int, as_touched: Sequence[Entry] | None = None) -> State:
        """The State that a step leads to."""
        return State(changed, step, self, self.number + 1, applied, as_touched=as_touched)

    def committed(self) -> State:
        """The State behind a commit of everything: nothing is changed, the log goes on."""
        return State(HashTrieMap(), self.step, self, self.number, self.applied, root=True)

    def before_pending(self) -> State:
        """The State before the first pending step; itself where none is pending."""
        state = self
        while not state.root and state.parent is not None:
            state = state.parent
        return state

    def follows(self, earlier: State) -> bool:
        """Whether another State is this one or lies on the way to it, with no commit in between."""
        state: State | None = self
        while state is not None and state is not earlier and not state.root:
            state = state.parent
        return state is earlier

    def pending(self) -> list[Step]:
        """The steps since the last commit, the oldest first."""
        return list(_until(self, committed=False))[::-1]

    def reach(self, n: int) -> int:
        """How many pending steps there are, as far as ``n``: no more of them are looked at."""
        return sum(1 for _ in islice(_until(self, committed=False), max(n, 1)))

    def steps(self) -> list[Step]:
        """All steps of this line, the committed ones too, the oldest first."""
        return list(_until(self, committed=True))[::-1]


def _until(state: State | None, *, committed: bool) -> Iterator[Step]:
    while state is not None and (committed or not state.root):
        if not state.root and state.step is not None:
            yield state.step
        state = state.parent


def parting(one: State, other: State) -> State:
    """The last State that two lines share; where the first line began when they share none."""
    there: set[State] = set()
    walk: State | None = other
    while walk is not None:
        there.add(walk)
        walk = walk.parent
    while one not in there and one.parent is not None:
        one = one.parent
    return one
