"""Batch: thousands of commands issued in one call.

``issue_many`` reads what it is given as pairs of a command and what it is on, fetches the items that these name in one
query per resource, and runs one command after the other on States of its own. The session moves once, at the end: until
then there is nothing to undo, so that an error or a cancellation leaves all as it was.

A ``Batch`` has the steps and, where it was to go on past them, the refusals: each a ``BatchRefusal``, counted by
``BatchCause``.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from typing import Any, NamedTuple, TypeAlias

from workbench.domain.convert import shown
from workbench.domain.entity import Command
from workbench.domain.registry import Registry
from workbench.errors import DatabaseError, Invalid, Problem, WorkbenchError
from workbench.state.held import Held, hold
from workbench.state.manager import StateManager
from workbench.state.prefetch import prefetch
from workbench.state.progress import Progress
from workbench.state.refused import RefusedCommand, refusal_of
from workbench.state.state import State
from workbench.state.step import Step
from workbench.state.uncollected import uncollected
from workbench.wording import counted, listed

SLICE = 0.02        # seconds at work before the loop has its turn: so long does a cancellation wait
FAULTS = 20         # faults of rows that cannot be read, told one by one
_STOPPED = ("This was number {} of {:,}, and nothing was done; with stop=False what is refused is told at the end, and "
            "the rest goes on.")
# What differs between two refusals of one cause: quoted values, the item of an address, whatever has a digit in it.
# A word is looked through once, from its beginning, or from behind what was quoted in it.
_PARTICULAR = re.compile(r"""'[^']*'|"[^"]*"|(?<=/)[^\s,;:()]+|"""
                         r"""(?:(?<![^\s,;:()=/])|(?<=['"]))[^\s,;:()=/]*\d[^\s,;()=/]*""")

_Wanted: TypeAlias = tuple[int, Command, Any]       # its place, the command, and what it is on


class BatchRefusal(NamedTuple):
    """What was refused: its ``place`` from 0, what was ``given`` there, and the class and words of the error.

    ``command`` is None where what was given was none; what it should have been is ``of``, where that was said. The
    error itself is not kept: it would keep frames alive."""

    place: int
    given: Any
    command: Command | None
    kind: type[Exception]
    message: str
    of: type[Command] | None = None

    @property
    def named(self) -> str:
        """The name of the command's class."""
        of = self.of if self.command is None else type(self.command)
        return "no command" if of is None else of.__name__

    @property
    def error(self) -> str:
        """The name of the error's class."""
        return self.kind.__name__

    def __str__(self) -> str:
        return f"number {self.place}, {self.named}: {self.error}: {self.message}"


class BatchCause(NamedTuple):
    """Refusals that differ in names and figures alone: how many, of which command, by which error, in which words (with
    ``…`` for the names and figures), and the first of them."""

    times: int
    command: str
    error: str
    words: str
    first: BatchRefusal


class Batch:
    """What came of many commands: ``steps``, in order, and ``refusals`` of those that left no trace.

    ``undo(len(batch.steps))`` takes them back."""

    def __init__(self, steps: Sequence[Step], refusals: Sequence[BatchRefusal] = ()) -> None:
        self.steps, self.refusals = tuple(steps), tuple(refusals)

    @property
    def causes(self) -> list[BatchCause]:
        """The refusals counted by cause, the most frequent first."""
        groups: dict[tuple[str, str, str], list[BatchRefusal]] = {}
        for refusal in self.refusals:
            words = _PARTICULAR.sub("…", refusal.message)
            groups.setdefault((refusal.named, refusal.error, words), []).append(refusal)
        causes = [BatchCause(len(group), *key, group[0]) for key, group in groups.items()]
        return sorted(causes, key=lambda cause: -cause.times)

    @property
    def headline(self) -> str:
        """How many commands were issued and refused, in a line."""
        total = len(self.steps) + len(self.refusals)
        return (f"{len(self.steps):,} of {counted(total, 'command', ',')} issued"
                f"{f', {len(self.refusals):,} refused' if self.refusals else ''}")

    def __repr__(self) -> str:
        return listed(self.headline, (
            f"{cause.times:,} x {cause.command}: {cause.error}; first number {cause.first.place}: "
            f"{' '.join(cause.first.message.split())}" for cause in self.causes))


async def issue_many(
    manager: StateManager, commands: Iterable[Any], *, of: type[Command] | None = None, on: Any = None,
    stop: bool = True, progress: Progress | None = None, cell: int | None = None,
) -> Batch:
    """Issues many commands in their order, each on the State that the one before led to; nothing is written.

    Each is a Command, an address, a pair ``(command, on)`` or ``(address, fields)``, or, where ``of`` names the class
    of all, a mapping of its fields, in which ``on`` names the item. ``on`` is what those are on that do not say it
    themselves. ``progress(done, total)`` is called now and then, from the loop's thread.

    With ``stop=True`` the first refusal is raised and nothing was done. With ``stop=False`` what is refused is told in
    the Batch, and the rest goes on. When the database fails, or it is cancelled, nothing was done in either case.

    Raises Invalid, before any command runs, for what cannot be read as a command, and then whatever ``issue`` does."""
    if isinstance(commands, str | Command) or not isinstance(commands, Iterable):
        raise Invalid("issue_many", [Problem("commands", commands, (
            f"{shown(commands)} is not several; give a list of commands, or a DataFrame and of="))])
    rows = list(commands)
    wanted, refusals = _read(rows, manager.registry, of, on)
    if stop and refusals:
        raise _unread(refusals, len(rows))
    user = manager.user
    async with hold(manager, "issue") as held:
        with uncollected(len(rows), foreign=True):
            await prefetch(manager, ((command, where) for _, command, where in wanted))
            state, steps, refused = await _run_all(
                held, wanted, len(rows), user, stop=stop, progress=progress, cell=cell)
            if steps:
                manager.history.move(state, held.branch)
            manager.refusals += refused.values()
    refusals += [BatchRefusal(place, rows[place], one.command, one.kind, one.message)
                 for place, one in refused.items()]
    return Batch(steps, sorted(refusals, key=lambda refusal: refusal.place))


async def _run_all(
    held: Held, wanted: Iterable[_Wanted], total: int, user: str | None, *, stop: bool, progress: Progress | None,
    cell: int | None,
) -> tuple[State, list[Step], dict[int, RefusedCommand]]:
    """Runs commands one after the other: the State they lead to, the steps, and by place what was refused.

    With ``stop`` the first refusal is raised, and noted behind the present step: nothing was done."""
    branch, turn = held.branch, monotonic()
    state, steps, refused = branch.state, list[Step](), dict[int, RefusedCommand]()
    for place, command, where in wanted:
        unit = held.manager.unit(state, user)
        try:
            state, step = await unit.run(command, where, cell=cell)
        except DatabaseError:
            raise       # it says nothing about the command
        except Exception as error:
            refusal = refusal_of(command, where, unit, error, cell=cell, branch=branch.name,
                                 state=branch.state if stop else state)
            if stop:
                held.manager.refusals.append(refusal)
                error.add_note(_STOPPED.format(place, total))
                raise
            refused[place] = refusal
        else:
            steps.append(step)
        if monotonic() - turn > SLICE:
            if progress is not None:
                progress(place + 1, total)
            await asyncio.sleep(0)
            turn = monotonic()
    if progress is not None:
        progress(total, total)
    return state, steps, refused


# ------------------------------------------------------------------------------------------------ what was given


def _read(
    rows: Sequence[Any], registry: Registry, of: type[Command] | None, on: Any,
) -> tuple[list[_Wanted], list[BatchRefusal]]:
    """Each row as its place, the command, and what it is on; and those that are none."""
    if of is not None and not (isinstance(of, type) and issubclass(of, Command)):
        raise Invalid("issue_many", [Problem("of", of, (
            f"{shown(of)} is no class of commands; give one such as {_such_as(registry, ())}"))])
    if of is None and rows and all(isinstance(row, Mapping) for row in rows):
        raise Invalid("issue_many", [Problem("of", of, (
            f"is missing, and these are {counted(len(rows), 'row', ',')} of fields; name the class of all the "
            f"commands: issue_many(rows, of={_such_as(registry, rows[0])})"))])
    wanted, refusals = [], []
    for place, row in enumerate(rows):
        try:
            command, where = _pair(row, registry, of)
            wanted.append((place, command, on if where is None else where))
        except WorkbenchError as error:
            refusals.append(BatchRefusal(
                place, row, None, type(error), str(error), of if isinstance(row, Mapping) else None))
    return wanted, refusals


def _pair(row: Any, registry: Registry, of: type[Command] | None) -> tuple[Command, Any]:
    if isinstance(row, Command):
        return row, None
    if isinstance(row, str):
        return registry.command_at(row, {})
    if isinstance(row, Mapping) and of is not None:
        fields = {str(name): value for name, value in row.items()}
        where = fields.pop("on", None)      # no field can have that name
        return of(**fields), where
    if isinstance(row, tuple | list) and len(row) == 2:
        first, second = row
        if isinstance(first, Command):
            return first, second
        if isinstance(first, str) and isinstance(second, Mapping):
            return registry.command_at(first, second)
    hint = (f"name the class of all the rows: issue_many(rows, of={_such_as(registry, row)})"
            if isinstance(row, Mapping) else
            "give a command, an address, (command, on) or (address, fields)")
    raise Invalid("issue_many", [Problem(None, row, f"{shown(row, most=200)} is no command; {hint}")])


def _such_as(registry: Registry, row: Iterable[Any]) -> str:
    """The name of the command that has most of the fields that a row names: the first of those that have as many."""
    commands = [it.cls for domain in registry.domains.values() for it in domain.commands.values()]
    named = set(row)
    return max(commands, key=lambda cls: len(named & set(cls._public)), default=Command).__name__


def _unread(refusals: Sequence[BatchRefusal], total: int) -> Invalid:
    """All rows that cannot be read as one error: what is wrong with several is told once, and of very many the first.
    """
    alike: dict[str, list[BatchRefusal]] = {}
    for one in refusals:
        alike.setdefault(one.message, []).append(one)
    first, rest = list(alike.values())[:FAULTS], list(alike.values())[FAULTS:]
    problems = [Problem(f"number {some[0].place}{f' and {len(some) - 1:,} more' if some[1:] else ''}", some[0].given,
                        some[0].message) for some in first]
    if rest:
        problems.append(Problem(None, None, f"… and {sum(map(len, rest)):,} more of {total:,}"))
    return Invalid("issue_many", problems)
