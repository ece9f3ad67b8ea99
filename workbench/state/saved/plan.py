"""SavedPlan: a plan as it was saved, to look at, to hand on, and to apply in another session.

It is made of a plan by ``plan.save("x.plan.json")``, or read by ``SavedPlan.load``. Looking at it always works: also
where the domain is not defined, when it was changed by hand (it says so, loudly), and as far as this workbench can read
it when a later one wrote it. Applying is the session's work; ``check`` is what it asks first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from workbench.domain.convert import told
from workbench.domain.resource import Target
from workbench.errors import SavedPlanError, TamperedPlan, UnknownName, UnreadablePlan
from workbench.state.planning.change import SIGNS
from workbench.state.saved.document import retyped
from workbench.state.saved.file import VERSION, hash_of, parsed, text_of, write


class SavedCause(NamedTuple):
    """A mutation that led to a change, of which event in which step; ``data`` is as JSON has it."""

    step: Any
    event: str
    data: Mapping[str, Any]
    mutation: str
    values: Mapping[str, Any]


class SavedChange(NamedTuple):
    """One item's way from ``before`` to ``after``: mappings of all fields, stamps included, or None.

    ``kind`` is "insert", "update" or "delete"; in a plan that was tampered with it may be "unknown". Values are of
    their own type where it is a simple one, else as JSON has them. ``columns`` are the fields that are set, ``etag`` is
    what the row must have."""

    kind: str
    target: Target
    columns: tuple[str, ...]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    etag: str | None
    causes: tuple[SavedCause, ...]

    @property
    def sign(self) -> str:
        """``+``, ``~`` or ``-``."""
        return SIGNS.get(self.kind, "?")

    @property
    def old(self) -> dict[str, Any]:
        """The values before of the changed fields, without stamps; empty for an insert."""
        if self.before is None and self.kind != "update":
            return {}
        return {name: (self.before or {}).get(name) for name in self._told()}

    @property
    def new(self) -> dict[str, Any]:
        """The values after of the changed fields, without stamps; empty for a delete."""
        return {} if self.kind == "delete" or self.after is None else {
            name: self.after.get(name) for name in self._told()}

    def _told(self) -> list[str]:
        names: Sequence[str] = tuple(self.before or ()) if self.kind == "delete" else self.columns
        return [name for name in names if not name.startswith("_")]

    @property
    def steps(self) -> list[int]:
        """The numbers of the steps that caused it, ascending."""
        return sorted({cause.step for cause in self.causes if isinstance(cause.step, int)})

    def __repr__(self) -> str:
        if self.kind == "update":
            inner = ", ".join(f"{name}: {told(old)} -> {told(self.new.get(name))}" for name, old in self.old.items())
        else:
            inner = ", ".join(f"{name}={told(value)}" for name, value in (self.new or self.old).items())
        return f"{self.sign} {self.target}{f'  {inner}' if inner else ''}"


class SavedPlan:
    """A saved plan; ``document`` is what stands in its file. Two are equal when their documents are."""

    def __init__(self, document: Mapping[str, Any], faults: Sequence[str] = ()) -> None:
        self.document = dict(document)
        self.faults = list(faults)
        try:
            fault = "" if hash_of(self.document) == self.hash else "its hash is not that of what it says now"
        except RecursionError:
            fault = "it is nested deeper than any plan"
        if fault and fault not in self.faults:
            self.faults.append(fault)

    @classmethod
    def load(cls, path: str | Path) -> SavedPlan:
        """The plan in a file. Raises UnreadablePlan for a file that is not there or holds no plan."""
        path = Path(path)
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise UnreadablePlan(f"the file cannot be read ({error.strerror}); give one that plan.save(…) wrote",
                                 path=path) from error
        return cls(*parsed(raw, path=path))

    @classmethod
    def read(cls, text: str | bytes) -> SavedPlan:
        """The plan in a text as ``.text`` gives it. Raises UnreadablePlan."""
        return cls(*parsed(text))

    def save(self, path: str | Path, *, overwrite: bool = False) -> SavedPlan:
        """Writes it to a file, all or nothing; returns it.

        Raises SavedPlanError where there is a file that holds anything else than this plan, unless ``overwrite``, and
        where the file cannot be written."""
        path = Path(path)
        if not overwrite and path.exists():
            try:
                there = SavedPlan.load(path)
            except UnreadablePlan:
                raise SavedPlanError(f"{path} is there already, and is no saved plan; give another name, or "
                                     "overwrite=True if it may go") from None
            if there != self:
                raise SavedPlanError(f"{path} holds another plan already ({there.summary}; {there.signature}); give "
                                     "another name, or overwrite=True if that one may go")
        try:
            write(path, self.text)
        except OSError as error:
            raise SavedPlanError(f"the plan could not be written to {path}: {error.strerror}") from error
        return self

    @property
    def text(self) -> str:
        """What a file of it holds."""
        return text_of(self.document)

    # -------------------------------------------------------------------------------------------- what it says

    @property
    def nonce(self) -> str:
        """The identifier under which it is applied, once."""
        return _text(self.document.get("nonce"))

    @property
    def hash(self) -> str:
        return _text(self.document.get("hash"))

    @property
    def user(self) -> str | None:
        """Who saved it."""
        user = _mapping(self.document.get("made")).get("user")
        return user if isinstance(user, str) else None

    @property
    def signature(self) -> str:
        """``saved at 2013-01-01 05:00:00 UTC by ada, nonce …``."""
        made = _mapping(self.document.get("made"))
        at = _text(made.get("at"))[:19].replace("T", " ")
        return f"saved at {at or 'an unknown time'} UTC{f' by {self.user}' if self.user else ''}, nonce {self.nonce}"

    @property
    def changes(self) -> tuple[SavedChange, ...]:
        """The changes, one an item, in the order in which the items were first touched."""
        events = self._events()
        return tuple(self._change(_mapping(change), events) for change in _list(self.document.get("changes")))

    def _change(
        self, change: Mapping[str, Any], events: Mapping[tuple[int, int], Mapping[str, Any]],
    ) -> SavedChange:
        target = target_of(_text(change.get("item")))
        words = _mapping(_mapping(self.document.get("definitions")).get(f"{target.domain}:{target.resource}"))
        if "_id" in words:
            target = target._replace(identifier=retyped(_text(words["_id"]), target.identifier))
        sides = []
        for side in ("before", "after"):
            values = change.get(side)
            whole = None if values is None else {
                **_mapping(values), **_mapping(_mapping(change.get("stamps")).get(side))}
            sides.append(None if whole is None else {
                name: retyped(_text(words.get(name)), value) for name, value in whole.items()})
        causes = tuple(SavedCause(
            cause.get("step"), _text(cause.get("event")), _of(events, cause), _text(cause.get("mutation")),
            {name: retyped(_text(words.get(name)), value) for name, value in _mapping(cause.get("values")).items()})
            for cause in map(_mapping, _list(change.get("causes"))))
        etag, kind = change.get("etag"), _text(change.get("change"))
        columns = tuple(map(_text, _list(change.get("columns"))))
        return SavedChange(kind if kind in SIGNS else "unknown", target, columns,
                           sides[0], sides[1], None if etag is None else _text(etag), causes)

    def _events(self) -> dict[tuple[int, int], Mapping[str, Any]]:
        """The data of each event in the log, by the number of its step and its place there."""
        return {(command["step"], place): _mapping(_mapping(event).get("data"))
                for command in self.commands if isinstance(command.get("step"), int)
                for place, event in enumerate(_list(command.get("events")))}

    @property
    def reads(self) -> dict[Target, str | None]:
        """The items that the steps read and do not change, with the etag each had; identifiers as text."""
        reads = map(_mapping, _list(self.document.get("reads")))
        return {target_of(_text(read.get("item"))): read.get("etag") for read in reads}

    @property
    def idle(self) -> tuple[Target, ...]:
        """The items that were touched but are as they were; identifiers as text."""
        return tuple(target_of(_text(item)) for item in _list(self.document.get("idle")))

    @property
    def commands(self) -> list[Mapping[str, Any]]:
        """The log of commands, one a step: step, command, address, on, data, events, user, at, cell."""
        return [_mapping(command) for command in _list(self.document.get("commands"))]

    @property
    def definitions(self) -> Mapping[str, Mapping[str, str]]:
        """The fields of each resource when it was saved, and their types in words."""
        return {name: _mapping(fields) for name, fields in _mapping(self.document.get("definitions")).items()}

    @property
    def counts(self) -> dict[str, int]:
        """How many items are to insert, update and delete."""
        kinds = (_text(_mapping(change).get("change")) for change in _list(self.document.get("changes")))
        return {"insert": 0, "update": 0, "delete": 0} | Counter(kinds)

    @property
    def summary(self) -> str:
        """``3 to add, 1 to change, 0 to delete``."""
        counts = self.counts
        return f"{counts['insert']} to add, {counts['update']} to change, {counts['delete']} to delete"

    @property
    def warnings(self) -> list[str]:
        """What must be known before it is believed, a sentence each; empty for a plan as it was saved."""
        found = []
        if self.faults:
            found.append(f"TAMPERED: it was changed after it was saved ({'; '.join(self.faults)}); it is not applied")
        if not self._is_readable:
            found.append(f"OF ANOTHER VERSION: {self._version_words}; what is shown may not be all of it")
        return found

    def why(self, item: SavedChange | Target | str) -> str:
        """In words, what led to a change: each mutation, of which event, command and step; or why there is none.

        The item may be given as text, ``"account/<id>"``. Raises UnknownName."""
        if isinstance(item, SavedChange):
            return self._told(item)
        changes = self.changes
        for change in changes:
            if _means(item, change.target):
                return self._told(change)
        for target in self.idle:
            if _means(item, target):
                return f"{target}: nothing to do: the values were equal"
        raise UnknownName("change of", str(item), [str(change.target) for change in changes], where="this plan")

    def _told(self, change: SavedChange) -> str:
        commands = {command.get("step"): command for command in self.commands if isinstance(command.get("step"), int)}
        lines = [repr(change)]
        for cause in change.causes:
            command = commands.get(cause.step, {}) if isinstance(cause.step, int) else {}
            cell = "" if command.get("cell") is None else f", cell {command['cell']}"
            who = f" by {command['user']}" if command.get("user") else ""
            at = _text(command.get("at"))[:19].replace("T", " ")
            lines.append(f"  step {cause.step}: {command.get('address', 'not in the log')}{who} at {at} UTC{cell}")
            lines.append(f"    event {_words(cause.event, cause.data)}")
            lines.append(f"    {_words(cause.mutation, cause.values)}")
        return "\n".join(lines)

    # -------------------------------------------------------------------------------------------- whether to believe

    @property
    def _is_readable(self) -> bool:
        return self.document.get("version") == VERSION

    @property
    def _version_words(self) -> str:
        by = _text(_mapping(self.document.get("made")).get("workbench")) or "?"
        return (f"its format is version {self.document.get('version')!r}, of workbench {by}, and this workbench reads "
                f"version {VERSION}")

    def check(self) -> None:
        """Raises UnreadablePlan for another version of the format, TamperedPlan for a plan changed by hand."""
        if not self._is_readable:
            raise UnreadablePlan(f"the saved plan {self.nonce} is not applied: {self._version_words}; install the "
                                 "workbench that wrote it, or issue its commands again here")
        if self.faults:
            raise TamperedPlan(self.nonce, self.faults)

    def __len__(self) -> int:
        return len(_list(self.document.get("changes")))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SavedPlan) and self.document == other.document

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        return "\n".join([*self.warnings, f"saved plan: {self.summary}", f"  {self.signature}",
                          *(f"  {change!r}" for change in self.changes)])


def target_of(text: str) -> Target:
    """``bank:account/<identifier>`` as a Target; the identifier stays text."""
    kindred, _, identifier = text.partition("/")
    domain, _, resource = kindred.partition(":")
    return Target(domain, resource, identifier)


def _of(events: Mapping[tuple[int, int], Mapping[str, Any]], cause: Mapping[str, Any]) -> Mapping[str, Any]:
    step, place = cause.get("step"), cause.get("place")
    return events.get((step, place), {}) if isinstance(step, int) and isinstance(place, int) else {}


def _means(item: Any, target: Target) -> bool:
    if isinstance(item, Target):
        return str(item) == str(target)
    return isinstance(item, str) and item in (str(target), f"{target.resource}/{target.identifier}")


def _words(name: str, values: Mapping[str, Any]) -> str:
    return f"{name} {', '.join(f'{field}={told(value)}' for field, value in values.items())}".rstrip()


# A file that was changed by hand may have anything anywhere, and is still shown.

def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
