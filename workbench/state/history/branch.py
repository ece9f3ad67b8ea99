"""Branch: a named pointer to a State, with what was undone from there. ``main`` is the first one.

Undoing, branching and setting a checkpoint copy nothing: a State is a value, and these are pointers to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Protocol, Self

from pyrsistent import plist
from pyrsistent.typing import PList

from workbench.domain.convert import shown
from workbench.done import Done
from workbench.errors import Invalid, NothingTo, Problem
from workbench.state.state import State
from workbench.state.step import Handling, Step
from workbench.wording import counted


class Ways(Protocol):
    """The ways to a branch and back, in the history that it belongs to."""

    def enter(self, branch: Branch) -> None: ...
    def leave(self, branch: Branch) -> None: ...


class Branch(Done):
    """A line of steps under a name, from the State where it began (``fork``) to the one where it stands (``state``).

    ``undone`` are the States that redo leads to, the next one first. ``named`` is False for the line that was left
    behind when a command was issued after an undo. As a context manager it is switched to, and left for the branch
    where one was; to enter it raises LoopError while a command or a commit is at work."""

    __slots__ = ("__weakref__", "_line", "_ways", "fork", "forked_from", "name", "named", "state", "undone")

    def __init__(
        self, name: str, fork: State, *, state: State | None = None, forked_from: str | None = None,
        named: bool = True, ways: Ways | None = None,
    ) -> None:
        self.name, self.fork, self.forked_from, self.named = name, fork, forked_from, named
        self.state = fork if state is None else state
        self.undone: PList[State] = plist()
        self._ways = ways
        # Where it stood when its line was looked at, and what was pending or undone in it then.
        self._line: tuple[State | None, PList[State] | None, frozenset[Handling]] = None, None, frozenset()

    @property
    def tip(self) -> State:
        """The end of its line: the last of what was undone, or else where it stands."""
        undone = self.undone
        return undone[len(undone) - 1] if undone else self.state

    @property
    def line(self) -> tuple[State, list[State]]:
        """Where it stands, and what redo leads to from there, the next one first: as they belong together, also where
        another thread is in the middle of an undo or a redo."""
        while True:
            state, undone = self.state, self.undone
            if self.state is state:
                return state, [one for one in undone if one is not state]

    def shares(self, handlings: Set[Handling]) -> bool:
        """Whether a step that is pending or undone on its line is one of some. There may be very many lines that were
        left behind, and each commit asks all of them: they are looked at once."""
        at, undone, there = self._line
        if at is not self.state or undone is not self.undone:
            there = frozenset([step.handling for step in self.tip.pending()])
            self._line = self.state, self.undone, there
        return not there.isdisjoint(handlings)

    def steps(self) -> list[Step]:
        """Its own steps, since it began, the oldest first; those that were committed meanwhile are left out."""
        before = {step.deeds for step in self.fork.pending()}
        return [step for step in self.state.pending() if step.deeds not in before]

    def chosen(self, steps: Iterable[Step | int] | None) -> list[Step]:
        """Steps of this branch by themselves or by number, in the order given; all of its own for None.

        Raises NothingTo with all that are not there, and Invalid for what is no step."""
        own = self.steps()
        if steps is None:
            return own
        asked = list(steps) if isinstance(steps, Iterable) and not isinstance(steps, str) else None
        strange = [steps] if asked is None else [
            one for one in asked if not isinstance(one, Step | int) or isinstance(one, bool)]
        if asked is None or strange:
            raise Invalid("pick", [Problem("steps", one, (
                f"{shown(one)} is no step; give a list of steps of {self.name!r} or of their numbers, as in [3, 4]"))
                for one in strange])
        line = self.state.steps()
        numbers, deeds = {step.number: step for step in line}, {step.deeds: step for step in line}
        found = [numbers.get(one) if isinstance(one, int) else deeds.get(one.deeds) for one in asked]
        if None in found:
            lacking = [str(getattr(one, "number", one)) for one, step in zip(asked, found, strict=True) if step is None]
            there = f"{own[0].number} to {own[-1].number}" if own else "none"
            raise NothingTo("pick", f"there is no step {', '.join(lacking)} on {self.name!r}; its own are: {there}")
        return [step for step in found if step is not None]

    def __enter__(self) -> Self:
        if self._ways is None:
            raise TypeError("a branch is entered where it belongs to a session: with wb.branch(…)")
        self._ways.enter(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._ways is not None:
            self._ways.leave(self)

    def __repr__(self) -> str:
        pending = counted(len(self.state.pending()), "step")
        forked = f", forked from {self.forked_from!r}" if self.forked_from is not None else ""
        undone = f", {len(self.undone)} undone" if self.undone else ""
        kind = "checkpoint" if self._ways is None else "branch"
        return f"<{kind} {self.name!r}: {pending} pending{undone}{forked}>"
