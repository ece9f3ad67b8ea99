"""History: the branches of a session, where it stands, and the ways through time: undo, redo, goto, checkpoints.

Nothing here looks into a State: all of it moves pointers. Only a commit makes the other branches and the checkpoints
take it in: what they share with it is committed there too (``carry``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from numbers import Real

from pyrsistent import plist

from workbench.domain.convert import shown, told
from workbench.errors import Invalid, LoopError, NothingTo, Problem, UnknownName
from workbench.state.history.branch import Branch
from workbench.state.history.carry import Carry
from workbench.state.state import State, parting
from workbench.state.step import Handling, Step
from workbench.state.turn import STOP, Turns

MAIN = "main"


class History:
    """The branches by name, and ``here``, the one that is worked on. ``checkpoints`` are named pointers that stay.

    ``moved`` is called after every move of the pointer; ``new_etag`` makes the versions of deletions that are carried
    over a commit. While a verb runs, branches may be left but not entered; the verb moves the branch it began on."""

    def __init__(self, new_etag: Callable[[], str], turns: Turns) -> None:
        self.here = Branch(MAIN, State.empty(), ways=self)
        self._branches, self._checkpoints = {MAIN: self.here}, dict[str, Branch]()
        self._entered: list[tuple[Branch, Branch]] = []     # for each open with: its branch, and where it goes back to
        self._left: dict[str, Iterator[int]] = {}       # numbers for the lines left behind on each branch
        self._committed: set[Handling] = set()      # the deeds of all steps that were, on whatever branch
        self._new_etag, self._turns = new_etag, turns
        self.moved: Callable[[], None] = _nobody

    # -------------------------------------------------------------------------------------------- the pointer

    @property
    def state(self) -> State:
        return self.here.state

    def check_idle(self, verb: str) -> None:
        """Raises LoopError while a command or a commit is at work, which moves on from the State that it found."""
        if self._turns.locked():
            raise LoopError(f"a command or a commit is at work; await it, then {verb}")

    def move(self, state: State, branch: Branch | None = None) -> None:
        """Goes on to a State, on the present branch or another; what was undone before stays as an unnamed branch."""
        if (stop := STOP.get()) is not None and stop.asked:
            raise asyncio.CancelledError        # of which a handler that never awaited has not heard
        branch = branch or self.here
        if branch.undone:
            self._keep_line(branch, branch.state)
        branch.state = state
        self.moved()

    def _keep_line(self, branch: Branch, fork: State) -> None:
        """Keeps the line of a branch, to whose tip nothing points any more; it parts from what stays at ``fork``."""
        name = next(name for number in self._left.setdefault(branch.name, count(1))
                    if (name := f"{branch.name}~{number}") not in self._branches)
        self._branches[name] = Branch(name, fork, state=branch.tip, forked_from=branch.name, named=False, ways=self)
        branch.undone = plist()

    def settle(self, steps: Iterable[Step], branch: Branch) -> None:
        """Takes pending steps of a branch as committed, there and on all lines that share some of them."""
        if branch.undone:
            self._keep_line(branch, branch.state)
        steps = tuple(steps)
        self._committed.update(*(step.deeds for step in steps))
        carry = Carry(steps, self._new_etag)
        for line in [*self._branches.values(), *self._checkpoints.values()]:
            if (line is branch or line.shares(carry.handlings)) and (became := carry.along(line.tip)):
                line.state = became[line.state]
                line.undone = plist(dict.fromkeys(
                    state for state in (became[one] for one in line.undone) if not state.root))
        self.moved()

    def is_committed(self, step: Step) -> bool:
        """Whether all that a step does was committed, on whatever branch. It may still be pending on another one, where
        a rebase or a pick has issued it anew."""
        return step.deeds <= self._committed

    def undo(self, n: int = 1) -> list[Step]:
        """Takes the last ``n`` pending steps back; returns them, the last first. Raises NothingTo, and Invalid for what
        is no number."""
        return self._repeated("undo", n, self.state.reach, self._undo)

    def redo(self, n: int = 1) -> list[Step]:
        """Takes the next ``n`` undone steps up again; returns them in their order. Raises as ``undo`` does."""
        return self._repeated("redo", n, lambda _: len(self.here.undone), self._redo)

    def _undo(self) -> Step:
        state = self.state
        assert state.step is not None
        assert state.parent is not None
        self.here.undone = self.here.undone.cons(state)
        self.here.state = state.parent
        return state.step

    def _redo(self) -> Step:
        self.here.state, self.here.undone = self.here.undone.first, self.here.undone.rest
        assert self.state.step is not None
        return self.state.step

    def _repeated(self, verb: str, n: int, reach: Callable[[int], int], one: Callable[[], Step]) -> list[Step]:
        """What ``one`` gives, ``n`` times; ``reach`` says how many there are, as far as n."""
        if not isinstance(n, int) or isinstance(n, bool):
            raise Invalid(verb, [Problem("n", n, f"{shown(n)} is no number of steps; as in {verb}(2), or goto(step)")])
        there = reach(n)
        if n < 1 or n > there:
            if n > there > 0:
                raise NothingTo(verb, f"there {'is 1 step' if there == 1 else f'are {there} steps'} to {verb}, not {n}")
            raise NothingTo(verb, f"there is nothing to {verb}; " + (
                "say how many, from 1" if n < 1 else
                "no step is pending: what is committed is not undone"
                f"{'; revert(-1) makes the inverse of the last commit pending' if self.state.steps() else ''}"
                if verb == "undo" else
                "no step was undone since"))
        steps = [one() for _ in range(n)]
        self.moved()
        return steps

    def goto(self, step: Step | int) -> Step | None:
        """Undoes or redoes until a step of this line is the last one; returns it. 0 is before all that is pending.

        Raises NothingTo for a committed step and for one that is not on this line."""
        line = [*self.state.pending(), *(state.step for state in self.here.undone if state.step is not None)]
        at = len(self.state.pending())
        places = [place for place, one in enumerate(line, 1) if _is_meant(one, step)]
        committed = next((one for one in self.state.steps() if _is_meant(one, step)), None)
        if not places and committed is None and not (_is_number(step) and step == 0):
            there = f"{line[0].number} to {line[-1].number}" if line else "none"
            raise NothingTo("goto", f"there is no step {told(getattr(step, 'number', step))} on {self.here.name!r}; "
                            f"pending or undone are: {there}")
        if not places and committed is not None and committed is not self.state.before_pending().step:
            raise NothingTo("goto", f"step {committed.number} is committed, and what is committed is not undone; "
                            "revert(commit) makes the inverse of one pending")
        place = places[-1] if places else 0
        if place < at:
            self.undo(at - place)
        elif place > at:
            self.redo(place - at)
        return line[place - 1] if place else None

    # -------------------------------------------------------------------------------------------- branches

    @property
    def branches(self) -> dict[str, Branch]:
        """All branches by name."""
        return dict(self._branches)

    def branch(self, name: str, *, replace: bool = False) -> Branch:
        """A new branch from here; raises Invalid for a name that is taken, unless it is to be replaced."""
        _check_name(name, "branch")
        if name in self._branches:
            there = self._branches[name]
            if not replace:
                raise Invalid("branch", [Problem("name", name, (
                    f"there is {there!r} already; switch({name!r}), drop({name!r}), or begin it anew: "
                    f"branch({name!r}, replace=True)"))])
            self.drop(name)
        made = Branch(name, self.state, forked_from=self.here.name, ways=self)
        self._branches[name] = made
        self.moved()
        return made

    def switch(self, branch: Branch | str) -> Branch:
        """Goes to a branch; returns the one where we were. Raises UnknownName, and LoopError while it is somebody's
        turn."""
        self.check_idle("switch")
        was, self.here = self.here, self.named(branch)
        self.moved()
        return was

    def enter(self, branch: Branch) -> None:
        """Goes to a branch, to ``leave`` it again. Raises as ``switch`` does."""
        self._entered.append((branch, self.switch(branch)))

    def leave(self, branch: Branch) -> None:
        """Goes back to where we were when a branch was entered last, whoever's turn it is. Where another task has
        entered one since, that goes back there instead."""
        place = max(place for place, (entered, _) in enumerate(self._entered) if entered is branch)
        _, back = self._entered.pop(place)
        if place < len(self._entered):
            self._entered[place] = self._entered[place][0], back
        else:
            self.here = back
            self.moved()

    def drop(self, branch: Branch | str) -> Branch:
        """Gives a branch up, with all that is pending on it only. Raises UnknownName, and Invalid for the present one,
        for main, and for one that an open ``with`` goes back to."""
        gone = self.named(branch)
        if gone is self.here or gone.name == MAIN:
            raise Invalid("drop", [Problem("branch", gone.name, (
                f"{gone.name!r} is where we are; switch to another branch first" if gone is self.here else
                "main is the branch that is always there; undo what is pending on it instead"))])
        if any(back is gone for _, back in self._entered):
            raise Invalid("drop", [Problem("branch", gone.name, (
                f"a with that is still open goes back to {gone.name!r}; drop it when that has ended"))])
        del self._branches[gone.name]
        self.moved()
        return gone

    def named(self, branch: Branch | str) -> Branch:
        """The branch of a name; raises UnknownName."""
        name = branch.name if isinstance(branch, Branch) else branch
        found = self._branches.get(name) if isinstance(name, str) else None
        if found is None or (isinstance(branch, Branch) and branch is not found):
            raise UnknownName("branch", name if isinstance(name, str) else shown(name), self._branches)
        return found

    def found(self, name: Branch | str) -> Branch:
        """The branch of a name or else the checkpoint; raises UnknownName."""
        if isinstance(name, str) and name in self._checkpoints and name not in self._branches:
            return self._checkpoints[name]
        if not isinstance(name, Branch) and not (isinstance(name, str) and name in self._branches):
            raise UnknownName("branch or checkpoint", name if isinstance(name, str) else shown(name),
                              [*self._branches, *self._checkpoints])
        return self.named(name)

    # -------------------------------------------------------------------------------------------- checkpoints

    @property
    def checkpoints(self) -> dict[str, Branch]:
        """The checkpoints by name: branches that stay where they are."""
        return dict(self._checkpoints)

    def checkpoint(self, name: str) -> Branch:
        """Remembers where we are under a name; a name that is taken moves here."""
        _check_name(name, "checkpoint")
        self._checkpoints[name] = Branch(name, self.state, forked_from=self.here.name)
        return self._checkpoints[name]

    def restore(self, name: str) -> Branch:
        """Goes back (or on) to a checkpoint; a line that would be lost by it stays as an unnamed branch.

        Raises UnknownName, and NothingTo for a checkpoint that a commit has passed: one whose line lacks what is
        committed on this one."""
        checkpoint = self._checkpoints.get(name) if isinstance(name, str) else None
        if checkpoint is None:
            raise UnknownName("checkpoint", str(name), self._checkpoints)
        state = checkpoint.state
        there = {step.handling for step in state.steps()}
        if any(step.handling not in there for step in self.state.before_pending().steps()):
            raise NothingTo("restore", f"the checkpoint {name!r} lies before a commit, and what is committed is "
                            "not undone; revert() makes the inverse of a commit pending")
        line = [self.state, *self.here.undone]
        if state in line:
            place = line.index(state)
            if place:
                self.redo(place)
        elif self.state.follows(state):
            self.undo(self.state.number - state.number)
        else:
            if self.state.pending() or self.here.undone:
                self._keep_line(self.here, parting(line[-1], state))
            self.here.state = state
            self.moved()
        return checkpoint


def _check_name(name: object, kind: str) -> None:
    if not isinstance(name, str) or not name.strip():
        raise Invalid(kind, [Problem("name", name, f'the name of a {kind} is a text, as in {kind}("before discount")')])


def _is_meant(one: Step, step: Step | int) -> bool:
    """Whether a step is the one that is named, by its number or by itself as it was on whatever line."""
    return one.deeds == step.deeds if isinstance(step, Step) else _is_number(step) and one.number == step


def _is_number(step: object) -> bool:
    """Whether it is a number: what else there is may not even let itself be compared, as an array."""
    return isinstance(step, Real) and not isinstance(step, bool)


def _nobody() -> None:
    """Who watches a history that nobody watches."""
