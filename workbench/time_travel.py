"""TimeTravel: the verbs of a Session that move in time: undo, goto, checkpoints, branches; and the log of what was.

Moving copies nothing and asks nothing of the database: a State is a value. Only ``pick`` and ``replay`` issue commands.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from workbench.domain.convert import shown
from workbench.errors import Invalid, Problem
from workbench.opening import Opening
from workbench.state.held import hold
from workbench.state.history.branch import Branch
from workbench.state.history.comparison import Comparison
from workbench.state.replay import Rebased
from workbench.state.retelling.as_script import script_of
from workbench.state.retelling.as_test import recorded_test
from workbench.state.retelling.command_log import CommandLog, LoggedCommand
from workbench.state.step import Step


class TimeTravel(Opening):
    """What a session can do with the line of its steps."""

    @property
    def steps(self) -> list[Step]:
        """All steps of the present line, the committed ones too, the oldest first."""
        return self.manager.state.steps()

    def undo(self, n: int = 1) -> list[Step]:
        """Takes the last ``n`` pending steps back; returns them, the last first.

        Raises NothingTo where so many are not pending, Invalid for what is no number, and LoopError while a command or
        a commit is at work."""
        return self.manager.travel("undo").undo(n)

    def redo(self, n: int = 1) -> list[Step]:
        """Takes the next ``n`` undone steps up again; returns them in their order. Raises as ``undo`` does."""
        return self.manager.travel("redo").redo(n)

    def goto(self, step: Step | int) -> Step | None:
        """Undoes or redoes until a step of the present line (or the one of that number) is the last one; 0 is before
        all that is pending. Raises NothingTo for a step that is committed or not on this line, and LoopError."""
        return self.manager.travel("goto").goto(step)

    def checkpoint(self, name: str) -> Branch:
        """Remembers under a name where we are, to ``restore`` it; a name that is taken moves here.

        Raises Invalid for a name that is no text, and LoopError while a command or a commit is at work."""
        return self.manager.travel("set a checkpoint").checkpoint(name)

    def restore(self, name: str) -> Branch:
        """Goes to a checkpoint; a line of steps that would be lost by it stays as an unnamed branch.

        Raises UnknownName, NothingTo for a checkpoint that a commit has passed (what is committed is not undone), and
        LoopError while a command or a commit is at work."""
        return self.manager.travel("restore").restore(name)

    def branch(self, name: str, *, replace: bool = False) -> Branch:
        """A second State that begins here; ``with session.branch("what if"):`` works on it and comes back. What was
        begun inside and is at work still when it ends moves that branch, not this one.

        Branches share the clean items. Raises Invalid where there is one of that name, unless it is to be replaced, and
        LoopError while a command or a commit is at work."""
        return self.manager.travel("branch").branch(name, replace=replace)

    def switch(self, branch: Branch | str) -> Branch:
        """Goes to a branch, and stays there; returns it. What another branch has committed is taken in.

        Raises UnknownName, and LoopError while a command or a commit is at work."""
        history = self.manager.travel("switch")
        history.switch(branch)
        return history.here

    @property
    def here(self) -> Branch:
        """The branch that is worked on."""
        return self.manager.here

    @property
    def branches(self) -> list[Branch]:
        """All branches, ``main`` first; those left behind by an issue after an undo are not ``named``."""
        return list(self.manager.branches.values())

    def compare(self, left: Branch | str, right: Branch | str | None = None) -> Comparison:
        """Which items and columns differ between two branches or checkpoints, by name; with one name, between where we
        are and it. Raises UnknownName."""
        return self.manager.compare(left, right)

    async def pick(self, branch: Branch | str, steps: Iterable[Step | int] | None = None) -> Rebased:
        """Issues steps of another branch here as well: all of its own that are not here already, or those chosen, by
        themselves or by number; the branch stays as it is. Returns what became of the plan, and the commands that were
        refused.

        Raises UnknownName, NothingTo for a step that is not on that branch, and Invalid for what is no step."""
        manager = await self._renew()
        async with hold(manager, "pick") as held:
            return await held.pick(branch, steps)

    @property
    def log(self) -> CommandLog:
        """The commands of the present line, the committed ones too: ``session.log.save(path)``, ``.load(path)``."""
        return CommandLog.of(self.steps, self.registry)

    async def replay(
        self, log: Iterable[Step | LoggedCommand] | str | Path, *, on: Branch | str | None = None,
    ) -> Rebased:
        """Issues commands again: steps of any session, a CommandLog, or the file of a saved one; here, or on another
        branch. By the same users, with the same identifiers for what they make.

        Returns what became of the plan, and the commands that were refused. Raises LogError, UnknownName, and Invalid
        for what is none of these."""
        manager = await self._renew()
        commands = self.log.load(log) if isinstance(log, str | Path) else log
        given = list(commands) if isinstance(commands, Iterable) else [commands]
        if strange := [one for one in given if not isinstance(one, Step | LoggedCommand)]:
            raise Invalid("replay", [Problem("log", one, (
                f"{shown(one)} is no step; give steps, a log or its file; what was not issued yet is issued"))
                for one in strange])
        async with hold(manager, "replay") as held:
            return await (held if on is None else held.on(on)).again(given, "replayed")

    def script(self, *, module: str | None = None) -> str:
        """The session as Python cells (``# %%``) that reproduce it. ``module`` is where the classes that were defined
        in the notebook are to be imported from."""
        return script_of(self.manager.state, self.registry, module=module)

    def as_test(self, name: str = "session", *, module: str | None = None) -> str:
        """The session as a pytest module: given / when / then with the events, responses, refusals and the plan that it
        came to; it passes when it is run: the commands are issued once more, in memory, and what a test cannot tell is
        left out, with a comment. For ``module`` see ``script``. Raises Invalid where no function can be called
        ``test_`` and ``name``."""
        return recorded_test(self.here, self.manager.refusals, [done.plan for done in self.commits],
                             self.manager.cache, self.registry, name=name, module=module)
