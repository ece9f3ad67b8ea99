"""SavedPlan: a plan as it was saved, to look at, to hand on, and to apply in another session.

It is made of a plan by ``plan.save("x.plan.json")``, or read by ``SavedPlan.load``. It can always be looked at: where
the domain is not defined, when it was changed by hand (it says so, loudly), and, as far as this workbench can read it,
when a later one wrote it. The session tries and applies it, and calls ``verify`` first.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.domain.convert import shown
from workbench.domain.resource import Target
from workbench.errors import SavedPlanError, TamperedPlan, UnknownName, UnreadablePlan
from workbench.state.planning.telling import is_address_of, summary_of, told_item, told_mutation, told_step
from workbench.state.saved.change import SavedChange, as_list, as_mapping, as_text, changes_of, target_of
from workbench.state.saved.file import VERSION, content_of, hash_of, parsed, text_of, write
from workbench.state.step import Step
from workbench.wording import FIRST, LIMIT, visible


class SavedPlan:
    """A saved plan; ``document`` is what its file holds, ``faults`` tells how it was changed since, a line each.

    Two are equal when their documents are, whatever they call the items."""

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
        """The plan in a file. Raises UnreadablePlan for a file that does not exist or holds no plan."""
        path = Path(path)
        try:
            raw = content_of(path)
        except OSError as error:
            raise UnreadablePlan(f"the file cannot be read ({error.strerror}); give one that plan.save(…) wrote",
                                 path=path) from error
        return cls(*parsed(raw, path=path))

    @classmethod
    def read(cls, text: str | bytes) -> SavedPlan:
        """The plan in a text as ``.text`` gives it. Raises UnreadablePlan."""
        return cls(*parsed(text))

    def save(self, path: str | Path, *, overwrite: bool = False) -> SavedPlan:
        """Writes the plan to a file, all of it or nothing; returns the plan.

        Raises SavedPlanError where there is a file that holds anything else than this plan, unless ``overwrite``, and
        where the file cannot be written."""
        path = Path(path)
        if not overwrite and os.path.exists(path):
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
        except RecursionError:
            raise SavedPlanError(f"the plan could not be written to {path}: a value in it is nested too deep to be "
                                 "laid out") from None
        return self

    @property
    def text(self) -> str:
        """The plan as it is written to a file."""
        return text_of(self.document)

    # -------------------------------------------------------------------------------------------- what it says

    @property
    def nonce(self) -> str:
        """The identifier under which it is applied, once."""
        return as_text(self.document.get("nonce"))

    @property
    def hash(self) -> str:
        """The hash that the document states for itself; whether it is right is told by ``faults``."""
        return as_text(self.document.get("hash"))

    @property
    def user(self) -> str | None:
        """Who saved it."""
        user = as_mapping(self.document.get("made")).get("user")
        return user if isinstance(user, str) else None

    @property
    def signature(self) -> str:
        """``saved at 2013-01-01 05:00:00 UTC by ada, nonce …``."""
        made = as_mapping(self.document.get("made"))
        at = as_text(made.get("at"))[:19].replace("T", " ")
        return visible(
            f"saved at {at or 'an unknown time'} UTC{f' by {self.user}' if self.user else ''}, nonce {self.nonce}")

    @property
    def changes(self) -> tuple[SavedChange, ...]:
        """The changes, one an item, in the order in which the items were first touched."""
        return changes_of(self.document)

    def beginning(self, most: int) -> tuple[SavedChange, ...]:
        """The first of the changes; the others are not read, which takes long where there are millions."""
        return changes_of(self.document, most)

    @property
    def reads(self) -> dict[Target, str | None]:
        """The items that the steps read and do not change, with the etag of each; identifiers are text."""
        reads = map(as_mapping, as_list(self.document.get("reads")))
        return {target_of(as_text(read.get("item"))): read.get("etag") for read in reads}

    @property
    def idle(self) -> tuple[Target, ...]:
        """The items that were touched but whose values are as they were; identifiers are text."""
        return tuple(target_of(as_text(item)) for item in as_list(self.document.get("idle")))

    @property
    def commands(self) -> list[Mapping[str, Any]]:
        """The commands, one a step, as mappings of step, command, address, on, data, events, user, at and cell."""
        return [as_mapping(command) for command in as_list(self.document.get("commands"))]

    @property
    def definitions(self) -> Mapping[str, Mapping[str, str]]:
        """The fields of each resource when the plan was saved, with their types in words."""
        return {name: as_mapping(fields) for name, fields in as_mapping(self.document.get("definitions")).items()}

    @property
    def counts(self) -> dict[str, int]:
        """How many items are to insert, update and delete."""
        kinds = (as_text(as_mapping(change).get("change")) for change in as_list(self.document.get("changes")))
        return {"insert": 0, "update": 0, "delete": 0} | Counter(kinds)

    @property
    def summary(self) -> str:
        """``3 to add, 1 to change, 0 to delete``."""
        return summary_of(self.counts)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What will be of rows and columns that are no resource's, a sentence each, as the plan told it."""
        return tuple(visible(as_text(warning)) for warning in as_list(self.document.get("warnings")))

    @property
    def doubts(self) -> list[str]:
        """Why the plan should not be trusted, a sentence each; empty for a plan that is as it was saved."""
        found = []
        if self.faults:
            more = f"; and {len(self.faults) - FIRST:,} more" if len(self.faults) > FIRST else ""
            found.append("TAMPERED: it was changed after it was saved "
                         f"({'; '.join(self.faults[:FIRST])}{more}); it is not applied")
        if not self._is_readable:
            found.append(f"OF ANOTHER VERSION: {self._version_words}; what is shown may not be all of it")
        return list(map(visible, found))

    def why(self, item: SavedChange | Target | Step | str) -> str:
        """In words, what led to a change: each mutation with its event, command and step; or why there is no change.

        The item may also be given as text, ``"account/<id>"``, or as a Step on it. Raises UnknownName."""
        if isinstance(item, SavedChange):
            return self._told(item)
        changes, name = self.changes, told_item(item)
        for change in changes:
            if is_address_of(change.target, name):
                return self._told(change)
        for target in self.idle:
            if is_address_of(target, name):
                return f"{visible(str(target))}: nothing to do: the values were equal"
        raise UnknownName("change of", name, [str(change.target) for change in changes], where="this plan")

    def _told(self, change: SavedChange) -> str:
        commands = {command.get("step"): command for command in self.commands if isinstance(command.get("step"), int)}
        lines = [repr(change)]
        for cause in change.causes:
            command = commands.get(cause.step, {}) if isinstance(cause.step, int) else {}
            at = as_text(command.get("at"))[:19].replace("T", " ")
            lines.append(told_step(
                cause.step, command.get("address", "not in the log"), command.get("user"), at, command.get("cell")))
            lines += told_mutation(cause.event, cause.data, cause.mutation, cause.values, cause.issuer)
        return "\n".join(lines)

    # -------------------------------------------------------------------------------------------- whether to trust it

    @property
    def _is_readable(self) -> bool:
        return self.document.get("version") == VERSION

    @property
    def _version_words(self) -> str:
        by = as_text(as_mapping(self.document.get("made")).get("workbench")) or "?"
        version = shown(self.document.get("version"))
        return f"its format is version {version}, of workbench {by[:20]}, and this workbench reads version {VERSION}"

    def verify(self) -> None:
        """Raises UnreadablePlan for another version of the format, TamperedPlan for a plan that was changed by hand."""
        if not self._is_readable:
            raise UnreadablePlan(f"the saved plan {self.nonce} is not applied: {self._version_words}; install the "
                                 "workbench that wrote it, or issue its commands again here")
        if self.faults:
            raise TamperedPlan(self.nonce, self.faults)

    def __len__(self) -> int:
        return len(as_list(self.document.get("changes")))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SavedPlan) and self.faults == other.faults and self._planned() == other._planned()

    def __hash__(self) -> int:
        return hash(self.nonce)

    def _planned(self) -> dict[str, Any]:
        return {name: value for name, value in self.document.items() if name not in ("names", "hash")}

    def __repr__(self) -> str:
        more = len(self) - LIMIT
        return "\n".join([*self.doubts, f"saved plan: {self.summary}", f"  {self.signature}",
                          *(f"  {change!r}" for change in self.beginning(LIMIT)),
                          *([f"  … and {more:,} more; .changes has them all"] if more > 0 else []),
                          *(f"  ! {warning}" for warning in self.warnings)])
