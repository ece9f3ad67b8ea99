"""Branch: a named pointer to a State, with what was undone from there. ``main`` is the first one.

Undoing, branching and setting a checkpoint copy nothing: a State is a value, and these are pointers to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Self

from pyrsistent import plist
from pyrsistent.typing import PList

from workbench.errors import NothingTo
from workbench.state.state import State
from workbench.state.step import Step


class Branch:
    """A line of steps under a name, from the State where it began (``fork``) to the one where it stands (``state``).

    ``undone`` are the States that redo leads to, the next one first. ``named`` is False for the line that was left
    behind when a command was issued after an undo. As a context manager it is switched to, and left for the branch
    where one was."""

    __slots__ = ("__weakref__", "_came_from", "_switch", "fork", "forked_from", "name", "named", "seen", "state",
                 "undone")

    def __init__(
        self, name: str, fork: State, *, state: State | None = None, forked_from: str | None = None,
        named: bool = True, seen: int = 0, switch: Callable[[Branch | str], Branch] | None = None,
    ) -> None:
        self.name, self.fork, self.forked_from, self.named = name, fork, forked_from, named
        self.state = fork if state is None else state
        self.undone: PList[State] = plist()
        self.seen = seen        # how many commits of the session it has taken in
        self._switch, self._came_from = switch, list[Branch]()

    def steps(self) -> list[Step]:
        """Its own steps, since it began, the oldest first; those that were committed meanwhile are left out."""
        own: list[Step] = []
        state: State | None = self.state
        while state is not None and state is not self.fork and not state.root:
            if state.step is not None:
                own.append(state.step)
            state = state.parent
        return own[::-1]

    def chosen(self, steps: Iterable[Step | int] | None) -> list[Step]:
        """Steps of this branch by themselves or by number, in the order given; all of its own for None.

        Raises NothingTo with all that are not there."""
        own = self.steps()
        if steps is None:
            return own
        asked = list(steps)
        line = {step.number: step for step in self.state.steps()}
        wanted = [line.get(step) if isinstance(step, int) else step for step in asked]
        lacking = [str(getattr(one, "number", one)) for one, step in zip(asked, wanted, strict=True)
                   if step is None or line.get(step.number) is not step]
        if lacking:
            there = f"{own[0].number} to {own[-1].number}" if own else "none"
            raise NothingTo("pick", f"there is no step {', '.join(lacking)} on {self.name!r}; its own are: {there}")
        return [step for step in wanted if step is not None]

    def __enter__(self) -> Self:
        if self._switch is None:
            raise TypeError("a branch is entered where it belongs to a session: with wb.branch(…)")
        self._came_from.append(self._switch(self))
        return self

    def __exit__(self, *_: object) -> None:
        if self._switch is not None:
            self._switch(self._came_from.pop())

    def __repr__(self) -> str:
        pending = len(self.state.pending())
        forked = f", forked from {self.forked_from!r}" if self.forked_from is not None else ""
        undone = f", {len(self.undone)} undone" if self.undone else ""
        kind = "checkpoint" if self._switch is None else "branch"
        return f"<{kind} {self.name!r}: {pending} step{'' if pending == 1 else 's'} pending{undone}{forked}>"
