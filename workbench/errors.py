"""Everything that can go wrong, as one tree.

    WorkbenchError
    ├── DefinitionError      a domain, a handler or a table is not defined as it must be
    ├── Invalid              input was refused: every problem, by field
    ├── Rejected             a handler said no: the business reason
    ├── UnknownName          no domain, command, resource … of that name, with the nearest ones
    ├── NotFound             no such item (or it was deleted in this session)
    ├── AlreadyExists        an Insert of an item that is there
    ├── NotGranted           a domain reached for a resource of another one
    ├── HandlerFault         a handler yielded what its kind may not yield
    ├── PolicyLoop           policies went round in a circle
    ├── NothingTo            nothing to undo, redo, commit …
    ├── StalePlan            the pending work moved on since a plan was made
    ├── NotClosed            a part of the pending work cannot be committed without the rest
    ├── CannotOrder          changes wait for each other in a ring that cannot be opened
    ├── SavedPlanError       a saved plan cannot be written, read or applied
    │   ├── UnreadablePlan       there is no such file, or it holds no plan that this workbench reads
    │   ├── TamperedPlan         it was changed by hand after it was saved
    │   ├── OtherDefinition      the resources it was made for are defined otherwise here
    │   └── AlreadyApplied       what it holds has been written before
    ├── LogError             a log of commands cannot be written, read or issued again
    ├── Conflict             the database moved under a plan: base, mine, theirs
    ├── DatabaseError        the database refused or failed, in its own words and ours
    │   ├── ConstraintViolated   a unique, foreign key, check or not-null constraint
    │   ├── Busy                 another transaction held on to the rows for too long
    │   ├── ConnectionLost       the connection went; says whether anything was committed
    │   └── TablesDiffer         a table that is there does not fit the definition
    ├── EmbeddedError        the embedded Postgres could not be started or stopped
    ├── Cancelled            a long verb was cancelled by its button
    ├── LoopError            called from an event loop where that cannot work
    └── ItemsLeftOut         a warning: cached items that do not fit their resource now are not shown

Each carries its facts as attributes, so that a form or a test never parses a text.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from linecache import getline
from types import FrameType, TracebackType
from typing import Any, NamedTuple

from workbench.wording import counted, first_few, listed, nearest, visible_lines

# Whose frames say nothing to the author of a domain: ours (not the examples', which are domains) and what runs cells.
_MACHINERY = re.compile(
    r"(workbench(?!\.examples)|IPython|ipykernel|ipywidgets|traitlets|asyncio|concurrent|threading|nest_asyncio|pyrsistent)"
    r"(\.|$)")


class WorkbenchError(Exception):
    """The root: ``except WorkbenchError`` catches all that this library raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles with its facts: what a subclass's ``__init__`` takes is not what it hands to Exception."""
        return _restored, (type(self), self.args, self.__dict__)

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback: the words, and the user's own lines that led here."""
        places = [told_place(*frame) for frame in authors_frames(self.__traceback__)]
        if len(places) > 6:
            places[3:-3] = ["…"]
        notes = getattr(self, "__notes__", ())
        # No codes that a terminal or a notebook would obey.
        words, *notes = [visible_lines(text) for text in (str(self), *notes)]
        return [f"\x1b[1m{type(self).__name__}\x1b[0m: {words}", *notes, *(["", *places] if places else [])]


def authors_frames(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    """The frames of a traceback that say something to the author of a domain, each with its line."""
    while traceback is not None:
        if not _MACHINERY.match(traceback.tb_frame.f_globals.get("__name__", "")):
            yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def told_place(frame: FrameType, line: int) -> str:
    """``cell In[3], line 2, in pay: …``; the module's name outside of cells."""
    code = frame.f_code
    ipython: Any = sys.modules.get("IPython")       # not imported here
    shell = ipython and ipython.get_ipython()
    cell = shell and shell.compile.format_code_name(code.co_filename)
    within = "" if code.co_name.startswith(("<module>", "<cell line")) else f", in {code.co_name}"
    source = getline(code.co_filename, line, frame.f_globals).strip()
    source = source if len(source) <= 80 else f"{source[:79]}…"
    where = " ".join(cell) if cell else frame.f_globals.get("__name__") or code.co_filename
    return f"{where}, line {line}{within}: {source}"


def _restored(cls: type[WorkbenchError], args: tuple[Any, ...], facts: dict[str, Any]) -> WorkbenchError:
    error = cls.__new__(cls, *args)
    error.__dict__.update(facts)
    return error


class Problem(NamedTuple):
    """One thing that is wrong: the ``field`` (None for the whole), the ``value`` that was given, and the ``reason``,
    which also says what would do."""

    field: str | None
    value: Any
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


class DefinitionError(WorkbenchError):
    """A definition is wrong; ``problems`` lists everything that is, at once."""

    def __init__(self, headline: str, problems: Sequence[str] = ()) -> None:
        self.headline, self.problems = headline, tuple(problems)
        super().__init__(listed(headline, problems) if problems else headline)


class Invalid(WorkbenchError):
    """Input was refused before anything ran; ``problems`` has one Problem for each field and fault."""

    def __init__(self, what: str, problems: Sequence[Problem]) -> None:
        self.what, self.problems = what, tuple(problems)
        super().__init__(listed(f"{what} was refused: {counted(len(problems), 'problem')}", problems))


class Rejected(WorkbenchError):
    """A handler says no for a reason of the business: ``raise Rejected("the account is closed")``.

    Keyword arguments are kept in ``facts``, for a form or a test to read."""

    def __init__(self, reason: str, /, **facts: Any) -> None:
        self.reason, self.facts = reason, facts
        super().__init__(reason)


class UnknownName(WorkbenchError):
    """Nothing is registered under a name; ``known`` lists what is. ``instead`` is said where that is of no use."""

    def __init__(
        self, kind: str, name: str, known: Iterable[str], *, where: str = "", hint: str = "", instead: str = "",
    ) -> None:
        self.kind, self.name, self.known = kind, name, tuple(sorted(known))
        place = f" in {where}" if where else ""
        super().__init__(f'there is no {kind} "{name}"{place}; {instead or nearest(name, self.known)}{hint}')


class NotFound(WorkbenchError):
    """There is no such item; ``targets`` names all that are missing, ``target`` the first of them.

    ``deleted`` says that it was deleted in this session, ``made_up`` that its identifier was made up for a command that
    was issued without an item."""

    def __init__(self, *targets: Any, deleted: bool = False) -> None:
        self.target, self.targets, self.deleted, self.made_up = targets[0], targets, deleted, False
        why = "deleted in this session" if deleted else "neither pending here nor in the database"
        if len(targets) == 1:
            super().__init__(f"{targets[0]} was not found: it is {why}")
        else:
            super().__init__(listed(f"{len(targets)} items were not found: they are {why}",
                                    first_few(targets, "targets")))

    def meant_new(self, command: str) -> None:
        """Says, in ``made_up`` and in the words, that the target was made up, as the command was issued without one."""
        self.made_up = True
        self.args = (f"{self}. {command} was issued without on=, so a new {self.target.resource} was meant, and this "
                     f"identifier made up for it; for one that is there: issue({command}(…), on=…)",)


class AlreadyExists(WorkbenchError):
    """An Insert names an item that is there; ``target`` names it."""

    def __init__(self, target: Any) -> None:
        self.target = target
        super().__init__(f"{target} exists already; Update it, or Insert under another identifier")


class NotGranted(WorkbenchError):
    """A domain used a resource that is not its own and was not granted to it; ``domain``, ``resource`` name both."""

    def __init__(self, domain: str, resource: str, how: str) -> None:
        self.domain, self.resource = domain, resource
        super().__init__(f'the domain "{domain}" may not touch {resource}: it is not its own. To grant it: {how}')


class HandlerFault(WorkbenchError):
    """A handler yielded something that handlers of its kind may not yield; ``handler`` and ``value`` tell both."""

    def __init__(self, handler: str, value: Any, allowed: str) -> None:
        self.handler, self.value = handler, value
        super().__init__(f"{handler} yielded {value!r} ({type(value).__name__}); it may yield only {allowed}")


class PolicyLoop(WorkbenchError):
    """Policies issued commands that led to further ones, deeper than allowed; ``chain`` names them in order."""

    def __init__(self, chain: Sequence[str], depth: int) -> None:
        self.chain, self.depth = tuple(chain), depth
        ring = next((length for length in range(1, len(chain) // 2 + 1)
                     if all(one == chain[place % length] for place, one in enumerate(chain))), None)
        shown = [*chain[:ring], chain[0], "…"] if ring and len(chain) > ring + 1 else (
            list(chain) if len(chain) <= 12 else [*chain[:6], "…", *chain[-6:]])
        way = ("a policy leads back to where it began" if ring else "each policy leads to a further command")
        super().__init__(
            f"policies went deeper than {depth} commands, so that nothing of it is kept: {' -> '.join(shown)}; {way}: "
            "let one of them issue its command only where there is something left to do")


class NothingTo(WorkbenchError):
    """There is nothing to undo, redo or the like; ``verb`` names what was asked."""

    def __init__(self, verb: str, words: str) -> None:
        self.verb = verb
        super().__init__(words)


class StalePlan(WorkbenchError):
    """A plan is out of date; ``moved`` says what happened since it was made, ``again`` which verb makes it anew."""

    def __init__(self, moved: Sequence[str], *, again: str = "plan()") -> None:
        self.moved = tuple(moved)
        super().__init__(listed(
            f"the plan is stale: nothing was written. Make it again with {again}; since it was made", moved))


class NotClosed(WorkbenchError):
    """A part of what is pending depends on more; ``wanted`` was asked for, ``missing`` must be committed with it: all
    of it, of which the words name the first."""

    def __init__(self, wanted: Sequence[Any], missing: Sequence[Any]) -> None:
        self.wanted, self.missing = tuple(wanted), tuple(missing)
        super().__init__(listed(
            "this part cannot be committed alone: the same steps changed or read more, or earlier ones had read what "
            "they change. Add to only=[…]", first_few(self.missing, "missing")))


class CannotOrder(WorkbenchError):
    """Changes wait for each other in a ring that cannot be opened; ``tangles`` has a line for each ring."""

    def __init__(self, tangles: Sequence[str]) -> None:
        self.tangles = tuple(tangles)
        super().__init__(listed(
            "the plan has no order in which the constraints hold: nothing was written. Make one of the columns "
            "nullable or its constraint DEFERRABLE, or commit in two plans", tangles))


class SavedPlanError(WorkbenchError):
    """A saved plan cannot be written, read or applied; nothing was written to the database."""


class UnreadablePlan(SavedPlanError):
    """A file or text holds no plan that this workbench can read; ``path`` is that of the file, if it is one."""

    def __init__(self, reason: str, *, path: Any = None) -> None:
        self.reason, self.path = reason, path
        super().__init__(reason if path is None else f"{path}: {reason}")


class TamperedPlan(SavedPlanError):
    """A saved plan was changed after it was saved; ``faults`` says how, as far as that is known, a line each."""

    def __init__(self, nonce: str, faults: Sequence[str]) -> None:
        self.nonce, self.faults = nonce, tuple(faults)
        super().__init__(listed(
            f"the saved plan {nonce} was changed after it was saved: nothing was written. It can still be looked at; "
            "to apply it take the file as it was saved, or make the plan again and save that",
            first_few(self.faults, "faults")))


class OtherDefinition(SavedPlanError):
    """A saved plan was made for other definitions than this session's; ``differences`` has a line for each."""

    def __init__(self, nonce: str, differences: Sequence[str]) -> None:
        self.nonce, self.differences = nonce, tuple(differences)
        super().__init__(listed(
            f"the saved plan {nonce} was made for other definitions: nothing was written. Open the domain as it was "
            "when the plan was saved, or issue the plan's commands (.commands) again and save that plan",
            first_few(self.differences, "differences")))


class AlreadyApplied(SavedPlanError):
    """What a saved plan holds was written before: ``nonce`` names the plan, ``at`` and ``by`` say when and by whom."""

    def __init__(self, nonce: str, at: Any, by: str | None) -> None:
        self.nonce, self.at, self.by = nonce, at, by
        who = f" by {by}" if by else ""
        super().__init__(
            f"the saved plan {nonce} was written before, at {at:%Y-%m-%d %H:%M:%S} UTC{who}, and is written once only: "
            "nothing was written now. Where its steps are still pending here, undo() them; for the same deeds again "
            "issue the commands again")


class LogError(WorkbenchError):
    """A log of commands cannot be written, read or issued again; ``faults`` has a line for each line that is wrong."""

    def __init__(self, path: Any, reason: str, faults: Sequence[str] = ()) -> None:
        self.path, self.reason, self.faults = path, reason, tuple(faults)
        super().__init__(listed(f"{path}: {reason}", faults))


class Conflict(WorkbenchError):
    """The database was changed since the items were read. Nothing was written, nothing pending is lost.

    ``items`` has one entry per item, each with ``target``, ``kind``, ``base``, ``mine`` and ``theirs`` (mappings of
    columns to values; None where there is no such item). ``branch`` names the branch whose merge caused the conflict;
    None where the conflict is with the database. ``ways`` says in words what leads out of it, "" where nothing is to be
    said."""

    def __init__(self, items: Sequence[Any], *, branch: str | None = None, ways: str = "") -> None:
        self.items, self.branch, self.ways = tuple(items), branch, ways
        told = "nothing was written, everything pending is kept" if branch is None else (
            f'nothing was merged; decide each: merge({branch!r}, ways={{item: "mine", "theirs" or values}})')
        super().__init__(listed(f"conflict on {counted(len(items), 'item')}: {told}{ways and '; '}{ways}", items))

    def lead_out(self, ways: str) -> None:
        """Adds to the words what leads out of it."""
        self.ways = ways
        self.args = (f"{self}\n  {ways}",)


class DatabaseError(WorkbenchError):
    """The database refused or failed; the driver's error is the ``__cause__``."""


class ConstraintViolated(DatabaseError):
    """A constraint of a table was broken; facts: ``kind, constraint, table, columns, targets``."""

    def __init__(
        self, kind: str, constraint: str, table: str, detail: str,
        *, columns: Sequence[str], targets: Sequence[Any] = (),
    ) -> None:
        self.kind, self.constraint, self.table, self.detail = kind, constraint, table, detail
        self.columns, self.targets = tuple(columns), tuple(targets)
        named = f' "{constraint}"' if constraint else ""
        head = f"the {kind} constraint{named} of {table} was broken: nothing was written, everything pending is kept"
        lines = [detail, *(f"by {target}" for target in self.targets)]
        super().__init__(listed(head, [line for line in lines if line]))


class Busy(DatabaseError):
    """Other transactions were in the way for ``wait`` seconds, in which ``attempts`` attempts were made."""

    def __init__(self, why: str, wait: float, attempts: int) -> None:
        self.why, self.wait, self.attempts = why, wait, attempts
        super().__init__(
            f"the commit was given up after {wait:g} s and {counted(attempts, 'attempt')}: {why}; "
            "nothing was written, everything pending is kept. Try again, or with a longer wait=")


class ConnectionLost(DatabaseError):
    """The connection to the database was lost; ``committed`` says whether a commit was done (None: it is not known)."""

    def __init__(self, doing: str, *, committed: bool | None = False) -> None:
        self.committed = committed
        outcome = {
            False: "nothing was written, everything pending is kept; try again",
            True: "the commit had been done",
            None: "it is not known whether the commit was done",
        }[committed]
        super().__init__(f"the connection to the database was lost while {doing}: {outcome}")


class TablesDiffer(DatabaseError):
    """Tables in the database do not fit the definitions; ``differences`` has a line for each."""

    def __init__(self, differences: Sequence[str]) -> None:
        self.differences = tuple(differences)
        super().__init__(listed(
            "the database's tables differ from the definitions (they are never altered silently). wb.tables() shows "
            "what would make them fit, its apply() does what loses nothing, apply(all=True) the rest; where no "
            "workbench is open yet, wb = Workbench(…, tables_differ=True) opens it. Or define the resources as they "
            "were",
            differences))


class EmbeddedError(WorkbenchError):
    """The embedded Postgres could not be started or stopped; ``folder`` is where it lives."""

    def __init__(self, folder: Any, reason: str, hint: str = "") -> None:
        self.folder, self.reason = folder, reason
        super().__init__(f"the embedded Postgres in {folder}: {reason}" + (f"; {hint}" if hint else ""))


class Cancelled(WorkbenchError):
    """A long verb was cancelled by its button; ``done`` of ``total`` says how far it had come."""

    def __init__(self, verb: str, done: int, total: int) -> None:
        self.verb, self.done, self.total = verb, done, total
        where = f" at {done:,} of {total:,}" if total else ""
        super().__init__(f"{verb} was cancelled{where}: nothing was done, all is as it was before")


class LoopError(WorkbenchError):
    """Something was called from an event loop or a thread where it cannot work; the text says what to do."""


class ItemsLeftOut(WorkbenchError, UserWarning):
    """Cached items do not fit their resource as it is defined now, and are not shown; ``items`` has a line for each."""

    def __init__(self, resource: str, items: Sequence[str]) -> None:
        self.resource, self.items = resource, tuple(items)
        count = "1 item does" if len(items) == 1 else f"{len(items)} items do"
        lines = items if len(items) <= 6 else [*items[:5], f"… and {len(items) - 5} more"]
        super().__init__(listed(
            f"{count} not fit {resource} as it is defined now, and {'is' if len(items) == 1 else 'are'} left out",
            lines))
