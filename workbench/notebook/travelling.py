"""Travelling: the verbs of a Workbench that move in time: undo, goto, checkpoints, branches."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.notebook.frames.time import branches_frame
from workbench.notebook.opened import Opened
from workbench.notebook.shown.comparison import ShownComparison
from workbench.notebook.shown.rebased import ShownRebased
from workbench.notebook.shown.source import ShownSource
from workbench.notebook.shown.steps import ShownSteps
from workbench.state.history.branch import Branch
from workbench.state.retelling.command_log import CommandLog, LoggedCommand
from workbench.state.step import Step

if TYPE_CHECKING:
    import pandas as pd


class Travelling(Opened):
    """Session's verbs of time, without ``await``."""

    def undo(self, n: int = 1) -> ShownSteps:
        """Undoes the last ``n`` pending steps; returns them. Raises NothingTo."""
        return ShownSteps(self._move("undo", partial(self._at_work().undo, n)), "undone", self._called)

    def redo(self, n: int = 1) -> ShownSteps:
        """Redoes the next ``n`` undone steps, as they were; returns them. Raises NothingTo."""
        return ShownSteps(self._move("redo", partial(self._at_work().redo, n)), "redone", self._called)

    def goto(self, step: Step | int) -> Step | None:
        """Undoes or redoes until a step, or the one of that number in ``wb.steps``, is the last one; 0 is before all
        that is pending. Raises NothingTo."""
        return self._move("goto", partial(self._at_work().goto, step))

    def checkpoint(self, name: str) -> Branch:
        """Remembers where we are under a name; a name that is in use already moves here."""
        return self._move("set a checkpoint", partial(self._at_work().checkpoint, name))

    def restore(self, name: str) -> Branch:
        """Goes to a checkpoint; steps that would be lost by it stay as an unnamed branch. Raises NothingTo."""
        return self._move("restore", partial(self._at_work().restore, name))

    def branch(self, name: str, *, replace: bool = False) -> Branch:
        """A new branch that begins here; work on it in a ``with``, or ``switch`` to it.

            with wb.branch("what if"):
                wb.issue(Deposit(amount=10), on=account)

        Raises Invalid where there is one of that name, unless it is to be replaced."""
        return self._move("branch", partial(self._at_work().branch, name, replace=replace))

    def switch(self, branch: Branch | str) -> Branch:
        """Goes to a branch, and stays there; returns it. Raises UnknownName."""
        return self._move("switch", partial(self._at_work().switch, branch))

    @property
    def branches(self) -> pd.DataFrame:
        """The branches, one a row, ``main`` first: where we are, forked from what, how many steps and items pending."""
        session = self._at_work()
        return branches_frame(session.branches, session.here)

    @property
    def checkpoints(self) -> pd.DataFrame:
        """The checkpoints, one a row, with the columns of ``branches``; ``here`` is True where we are at one."""
        history = self._at_work().manager.history
        there, state = history.checkpoints.values(), history.state      # a click may set one meanwhile
        frame = branches_frame(there, history.here)
        frame["here"] = [checkpoint.state is state for checkpoint in there]
        return frame.astype({"here": bool})     # also of none

    def compare(self, left: Branch | str, right: Branch | str | None = None) -> ShownComparison:
        """Which items and columns differ between two branches or checkpoints, by name; with one name, between where we
        are and it. Raises UnknownName."""
        return ShownComparison(self._at_work().compare(left, right), self._called)

    def pick(self, branch: Branch | str, steps: Iterable[Step | int] | None = None) -> ShownRebased:
        """Issues steps of another branch here as well: all of its own that are not here already, or those chosen by
        number.

        A command that is refused here is reported, and the rest goes on. Raises UnknownName, NothingTo, Invalid."""
        return ShownRebased.of(self._run(self._at_work().pick(branch, steps)), self._called)

    @property
    def log(self) -> CommandLog:
        """The commands of the present branch, to keep: ``wb.log.save("session.jsonl")``, ``wb.log.load(path)``."""
        return self._at_work().log

    def replay(
        self, log: Iterable[Step | LoggedCommand] | str | Path, *, on: Branch | str | None = None,
    ) -> ShownRebased:
        """Issues commands again, here or on another branch: steps of any session, a log, or the file of a saved one.

        A command that is refused is reported, and the rest goes on. Raises LogError, UnknownName."""
        return ShownRebased.of(self._run(self._at_work().replay(log, on=on)), self._called)

    def script(self, *, module: str | None = None) -> ShownSource:
        """The session as Python cells that reproduce it; ``.save(path)`` writes them to a file.

        ``module`` is where the classes that were defined in the notebook are to be imported from."""
        return ShownSource(self._at_work().script(module=module))

    def as_test(self, name: str = "session", *, module: str | None = None) -> ShownSource:
        """The session as a pytest module, given / when / then, that passes when it is run; ``.save`` writes it.

        ``name`` is the end of its function's name. Raises Invalid where that cannot be."""
        return ShownSource(self._at_work().as_test(name, module=module))
