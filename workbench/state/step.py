"""Step: one issued command with all that came of it.

A step is a tree: the ``Handling`` of the command holds the ``Occurrence`` of each event, an occurrence its mutations
and the handlings of the commands that policies issued after it. Around the tree: who, when, which cell, what was read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Self

from workbench.domain.address import written
from workbench.domain.entity import Command, Event, Response
from workbench.domain.mutation import Mutation
from workbench.domain.resource import Target
from workbench.done import Done
from workbench.state.decision import ResolveConflict
from workbench.wording import visible

NOT_THERE = "(not there)"      # in the place of an etag: what was looked for under its key was not there


class Occurrence:
    """An event that happened, the mutations of its handler, and what policies made of it."""

    __slots__ = ("event", "mutations", "reactions")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.mutations: list[Mutation] = []
        self.reactions: Sequence[Handling] = ()


class Handling:
    """A command, what it was on, and the ``results`` of its handler, in order: Occurrences and Responses."""

    __slots__ = ("command", "domain", "key", "policy", "results", "target")

    def __init__(
        self, command: Command, domain: str, key: str, target: Target | None, policy: str | None = None,
    ) -> None:
        self.command, self.domain, self.key, self.target, self.policy = command, domain, key, target, policy
        self.results: list[Occurrence | Response] = []      # one list: each costs a plain command time

    @property
    def occurrences(self) -> list[Occurrence]:
        """What came of the events that its handler yielded."""
        return [result for result in self.results if isinstance(result, Occurrence)]

    @property
    def responses(self) -> list[Response]:
        """The responses that its handler yielded; the last one counts."""
        return [result for result in self.results if isinstance(result, Response)]

    def walk(self) -> Iterator[Handling]:
        """This handling and all that followed from it by policies, in the order in which they ran."""
        yield self
        for occurrence in self.occurrences:
            for reaction in occurrence.reactions:
                yield from reaction.walk()


class Search(NamedTuple):
    """A search by equality, and which stored rows it found: pairs of identifier and etag."""

    kindred: tuple[str, str]
    equals: Mapping[str, Any]
    found: frozenset[tuple[Any, str | None]]


class Step(Done):
    """What ``issue`` returns: the response, the events and mutations, and who, when, which cell.

    ``number`` counts from 1 along the line of steps; ``at`` is aware, UTC; ``cell`` is the notebook cell's number or
    None; ``address`` issues it again, or says what was decided. ``reads`` maps each item read from the database to the
    etag it had, or NOT_THERE where there was none, ``leaned`` are the items of which it read or changed what earlier
    steps had left pending, ``searches`` what it searched for, ``made`` the targets whose identifiers were made up, in
    order: a rebase makes up the same. ``output`` is what the response handler made of the response."""

    __slots__ = ("_address", "_deeds", "at", "cell", "handling", "leaned", "made", "number", "output", "reads",
                 "searches", "user")
    _deeds: frozenset[Handling]

    def __init__(
        self, number: int, handling: Handling, address: str | None, user: str | None, at: datetime,
        cell: int | None, reads: Mapping[Target, str | None], leaned: Collection[Target] = (),
        searches: Sequence[Search] = (), made: Sequence[Target] = (), output: Any = None,
    ) -> None:
        self.number, self.handling, self._address = number, handling, address
        self.user, self.at, self.cell, self.reads, self.output = user, at, cell, reads, output
        self.leaned, self.searches, self.made = tuple(leaned), tuple(searches), tuple(made)

    def behind(self, committed: Mapping[Target, str | None], verified: Mapping[Target, str | None]) -> Step:
        """This step after earlier steps were committed: items it used from them now count as read, with the
        ``committed`` etags, NOT_THERE for those that are gone. So do items that it had read as they were before that
        commit, with etags it ``verified``."""
        reads = {}
        for target, etag in self.reads.items():
            if target not in verified or verified[target] != etag:
                reads[target] = etag
            else:
                reads[target] = committed[target]
        leaned = {target: committed[target] for target in self.leaned if target in committed}
        searches = [search._replace(found=search.found | {
            (target.identifier, etag) for target, etag in leaned.items()
            if target[:2] == search.kindred and etag != NOT_THERE})
            for search in self.searches]
        return Step(self.number, self.handling, self._address, user=self.user, at=self.at, cell=self.cell,
                    reads={**reads, **leaned}, leaned=self.leaned, searches=searches, made=self.made,
                    output=self.output).doing(self.deeds)

    @property
    def deeds(self) -> frozenset[Handling]:
        """What is done by it, to be known again on another line: its handling, or that of the step that it repeats in a
        rebase or a pick, or all that a merge took over. Equal where two steps are one, whatever they stand on."""
        return getattr(self, "_deeds", None) or frozenset((self.handling,))

    def doing(self, deeds: frozenset[Handling]) -> Self:
        """Says what is done by a step that was just made; returns it."""
        self._deeds = deeds     # only then: to set it costs a plain command time
        return self

    @property
    def address(self) -> str:
        handling = self.handling
        return self._address or written(handling.domain, handling.key, handling.target)

    @property
    def command(self) -> Command:
        return self.handling.command

    @property
    def on(self) -> Target | None:
        """The item the command was on, if it was on one."""
        return self.handling.target

    @property
    def target(self) -> Target:
        """The item the command was on; raises AttributeError when it was on none."""
        if self.handling.target is None:
            raise AttributeError(f"{self.address} was issued on no item")
        return self.handling.target

    @property
    def response(self) -> Response | None:
        """The last Response of the command's own handler; None when it gave none."""
        return self.responses[-1] if self.responses else None

    @property
    def responses(self) -> tuple[Response, ...]:
        return tuple(self.handling.responses)

    @property
    def events(self) -> tuple[Event, ...]:
        """All events in the order in which they happened, those that followed by policies included."""
        return tuple(occurrence.event for occurrence in self.occurrences())

    @property
    def mutations(self) -> tuple[Mutation, ...]:
        """All mutations in the order in which they were applied."""
        return tuple(mutation for occurrence in self.occurrences() for mutation in occurrence.mutations)

    @property
    def touched(self) -> set[Target]:
        """The items that it changed or resolved, also where resolving dropped the change."""
        found = {mutation.on for mutation in self.mutations if isinstance(mutation.on, Target)}
        if isinstance(self.command, ResolveConflict):
            found |= {event._target for event in self.events if event._target is not None}
        return found

    def issuers(self) -> dict[int, str]:
        """By the id of each event that a policy led to: the policy and the command it issued, ``reserve: Take``."""
        return {id(occurrence.event): f"{handling.policy}: {type(handling.command).__name__}"
                for handling in self.handling.walk() if handling.policy is not None
                for occurrence in handling.occurrences}

    def occurrences(self) -> Iterator[Occurrence]:
        """Each event with its mutations and reactions, in order."""
        def of(handling: Handling) -> Iterator[Occurrence]:
            for occurrence in handling.occurrences:
                yield occurrence
                for reaction in occurrence.reactions:
                    yield from of(reaction)
        return of(self.handling)

    def __repr__(self) -> str:
        lines = [visible(f"step {self.number}: {self.address}")]

        def tell(handling: Handling, indent: str) -> None:
            if not handling.occurrences and handling.responses:
                lines.append(f"{indent}no event, so nothing changed")
            for occurrence in handling.occurrences:
                lines.append(f"{indent}event {occurrence.event!r}")
                lines.extend(f"{indent}  {mutation!r}" for mutation in occurrence.mutations)
                for reaction in occurrence.reactions:
                    lines.append(f"{indent}  policy {reaction.policy}: {reaction.command!r}")
                    tell(reaction, indent + "    ")
                if not occurrence.mutations and not occurrence.reactions:
                    lines.append(f"{indent}  nothing came of it")
            lines.extend(f"{indent}response {response!r}" for response in handling.responses)
            if not handling.occurrences and not handling.responses:
                lines.append(f"{indent}nothing came of it")

        tell(self.handling, "  ")
        return "\n".join(lines)
