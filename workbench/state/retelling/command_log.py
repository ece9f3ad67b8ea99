"""CommandLog: the commands of a session as JSON lines, to be kept and issued again, here or in another session.

The first line says what the file is and how many lines follow; each other line is a command as it was issued: its
address, its data as JSON, by whom, when, in which cell, and which identifiers were made up, so that a replay makes the
same. Decisions (resolutions, merges, reverts) were about items as they were then: the log only notes them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from workbench.domain.convert import Refused, to_datetime
from workbench.domain.entity import Command
from workbench.domain.registry import Registry
from workbench.domain.resource import Target
from workbench.errors import Invalid, LogError, Problem, WorkbenchError
from workbench.state.decision import Decision
from workbench.state.saved.file import content_of, write
from workbench.state.step import Step
from workbench.wording import counted, visible

FORMAT, VERSION = "workbench log", 1


class LoggedCommand(NamedTuple):
    """A command that can be issued again: ``on`` what, by whom; ``made`` are the targets that were made up for it.

    ``number``, ``at`` (aware, UTC) and ``cell`` are those of its step."""

    number: int
    address: str
    command: Command
    on: Target | None
    user: str | None
    at: datetime
    cell: int | None
    made: tuple[Target, ...]


class CommandLog:
    """Commands in the order in which they were issued; ``notes`` tells the decisions among them.

        wb.log.save("session.jsonl")
        wb.replay("session.jsonl", on="what if")"""

    def __init__(self, commands: Iterable[LoggedCommand], notes: Iterable[str], registry: Registry) -> None:
        self.commands, self.notes, self._registry = tuple(commands), tuple(notes), registry

    @classmethod
    def of(cls, steps: Iterable[Step], registry: Registry) -> CommandLog:
        """The log of some steps."""
        commands, notes = [], []
        for step in steps:
            if isinstance(step.command, Decision):
                notes.append(f"step {step.number}: {step.address}")
            else:
                commands.append(LoggedCommand(step.number, step.address, step.command, step.on, step.user, step.at,
                                              step.cell, step.made))
        return cls(commands, notes, registry)

    def __len__(self) -> int:
        return len(self.commands)

    def __iter__(self) -> Iterator[LoggedCommand]:
        return iter(self.commands)

    def __repr__(self) -> str:
        lines = [f"  {one.number}: {one.address}" for one in self.commands]
        lines += [f"  {note} (a decision, which is not issued again)" for note in self.notes]
        return "\n".join([f"log: {counted(len(self), 'command')}", *map(visible, lines)])

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Writes the log to a file, all of it or nothing.

        Raises LogError where the file exists, unless ``overwrite``, and where it cannot be written."""
        path = Path(path)
        if os.path.exists(path) and not overwrite:
            raise LogError(path, "it is there already; give another name, or overwrite=True")
        head = {"format": FORMAT, "version": VERSION, "domains": list(self._registry.domains),
                "commands": len(self.commands), "notes": len(self.notes)}
        lines = [head, *map(self._line, self.commands), *({"note": note} for note in self.notes)]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        try:
            # Half of a surrogate pair is no UTF-8; it becomes \udXXX, which JSON reads as what it was.
            write(path, text.encode(errors="backslashreplace").decode())
        except OSError as error:
            raise LogError(path, f"it cannot be written ({error.strerror}); give another place") from error

    def _line(self, one: LoggedCommand) -> dict[str, Any]:
        address, data = self._registry.command_line(one.command, one.on)
        return {"number": one.number, "issue": address, "data": data, "user": one.user, "at": one.at.isoformat(),
                "cell": one.cell, "made": [str(target) for target in one.made]}

    def load(self, path: str | Path) -> CommandLog:
        """The log in a file, with every command validated; this log stays as it is.

        Raises LogError for a file that holds no log; for one that holds a damaged log with a fault for each bad line,
        by its number, and for missing ones."""
        path = Path(path)
        try:
            # Not splitlines: JSON leaves U+2028, U+2029 and U+0085 as they are within a text.
            lines = content_of(path).decode("utf-8-sig").replace("\r\n", "\n").removesuffix("\n").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
            raise LogError(path, f"it cannot be read ({why}); give a file that log.save(…) wrote") from error
        head = self._head(path, lines)
        commands, notes, faults = [], [], []
        for number, text in enumerate(lines[1:], 2):
            try:
                line = json.loads(text)
                if "note" in line:
                    notes.append(str(line["note"]))
                else:
                    commands.append(self._logged(line))
            except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
                faults.append(f"line {number}: this is no line of a log ({error})")
            except KeyError as error:
                faults.append(f'line {number}: {error.args[0]!r} is missing')
            except WorkbenchError as error:
                faults.append(f"line {number}: {error}")
        bad = len(faults)       # each of them may be either
        faults += _missing("commands", head, len(commands) + bad)
        faults += _missing("notes", head, len(notes) + bad)
        if faults:
            raise LogError(path, "it cannot be issued again as it stands", faults)
        return CommandLog(commands, notes, self._registry)

    @staticmethod
    def _head(path: Path, lines: list[str]) -> dict[str, Any]:
        head: Any = None
        try:
            head = json.loads(lines[0])
            found, version = head.get("format"), head.get("version")
        except (IndexError, ValueError, AttributeError, RecursionError):
            found, version = None, None
        if found != FORMAT:
            raise LogError(path, "it is no log of commands; give a file that log.save(…) wrote")
        if version != VERSION:
            raise LogError(path, f"it is of version {version!r}, and this workbench reads version {VERSION}")
        assert isinstance(head, dict)       # it had a format
        return head

    def _logged(self, line: dict[str, Any]) -> LoggedCommand:
        command, rest = self._registry.command_at(line["issue"], line["data"])
        home = self._registry.known(type(command)).domain
        try:
            at = to_datetime(line["at"])
        except Refused as refusal:
            raise Invalid("the command", [Problem("at", line["at"], str(refusal))]) from None
        for name, kinds in (("user", (str, type(None))), ("cell", (int, type(None)))):
            if not isinstance(line[name], kinds):
                raise TypeError(f"{name} is {line[name]!r}")
        return LoggedCommand(
            int(line["number"]), line["issue"], command,
            None if rest is None else self._registry.target(rest, home=home),
            line["user"], at, line["cell"], tuple(self._registry.target(text) for text in line["made"]))


def _missing(name: str, head: dict[str, Any], there: int) -> list[str]:
    """The fault that there are fewer lines than the first one says; none if it does not say, as in older logs."""
    said = head.get(name)
    if type(said) is not int or said <= there:
        return []
    return [f"{said - there} of {said} {name} missing: the file was cut; where they were taken out on purpose, "
            f'write "{name}": {there} into its first line']
