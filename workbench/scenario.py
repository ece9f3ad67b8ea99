"""Scenario: given / when / then, the test of a domain without a database.

    def test_nobody_takes_more_than_there_is():
        ada = Account(_id=UUID(int=1), owner="Ada", balance=10)
        given(bank, ada).when(Withdraw(amount=50), on=ada).then(refused="less than 50")
        given(bank, ada).when(Withdraw(amount=4), on=ada).then(
            events=[Withdrawn(amount=4)], plan=[Update(ada, balance=6)], response={"balance": 6})

``given`` takes the domains, the items that are stored, and commands that ran before; ``when`` issues one command in
memory; ``then`` compares what came of it, and says line by line what is otherwise. Clock and identifiers repeat. An
outcome is a value: a further ``when`` goes on from there, and another one from there as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, Self, TypeVar
from uuid import UUID

from workbench.domain.convert import Refused, to_datetime
from workbench.domain.datadef import MISSING
from workbench.domain.domain import Domain
from workbench.domain.entity import Command, Event
from workbench.domain.mutation import Mutation
from workbench.domain.registry import Registry
from workbench.domain.resource import Resource, Target
from workbench.domain.sameness import same
from workbench.errors import DefinitionError, Invalid, Problem, WorkbenchError
from workbench.expectation import change_line, differing, same_change, same_event, without_items
from workbench.state.held import hold
from workbench.state.retelling.trial import Place, Trial, to_its_end
from workbench.state.step import Step
from workbench.wording import error_words

T = TypeVar("T")


def given(
    *what: Domain | Resource | Command, user: str | None = None, clock: Callable[[], datetime] | None = None,
    identifiers: Callable[[], UUID] | None = None,
) -> Given:
    """A scenario on some domains, with items as they are stored and commands (with ``.on(…)``) that ran before.

    The clock goes on by a second with each look, from 2000 on; the identifiers are UUID(int=1), UUID(int=2) … Raises
    DefinitionError for a domain that is not whole, Invalid for anything else that is given."""
    domains = [one for one in what if isinstance(one, Domain)]
    items = [one for one in what if isinstance(one, Resource)]
    commands = [one for one in what if isinstance(one, Command)]
    others = [one for one in what if not isinstance(one, Domain | Resource | Command)]
    if others:
        raise Invalid("given", [Problem(None, one, f"{one!r} is no domain, no item and no command") for one in others])
    registry = Registry(domains)
    if faults := registry.faults():
        raise DefinitionError("the domains cannot be tried yet", faults)
    stored = {}
    for item in items:
        known = registry.known(type(item))
        stored[Target(known.domain, known.key, item.identifier)] = (
            item if item._etag is not None else item.set(_etag="stored"))

    return Given(lambda: Trial(registry, stored, user=user, clock=clock, identifiers=identifiers), commands)


class Given:
    """What is there before; each ``when`` begins there anew."""

    def __init__(self, trial: Callable[[], Trial], commands: Sequence[Command]) -> None:
        self._trial, self._commands = trial, commands

    def when(
        self, command: Command, *, on: Any = None, made: Sequence[Target] = (), user: str | None = None,
        at: datetime | None = None,
    ) -> Outcome:
        """Issues a command, on what it is on; a refusal is kept for ``then``, and any other error is raised.

        ``made`` are the targets to be made up for it, in order; else they are made by the identifiers. ``user`` issues
        it ``at`` a moment (aware); else the user who was given, by the clock. Raises Invalid for a naive moment."""
        __tracebackhide__ = True
        return to_its_end(self._when(_Asked(command, on, made, user, at)))

    async def _when(self, asked: _Asked) -> Outcome:
        __tracebackhide__ = True
        trial = self._trial()
        for earlier in self._commands:
            try:
                await trial.manager.issue(earlier)
            except WorkbenchError as error:
                raise AssertionError(f"given {earlier!r}, which was refused: {error_words(error)}") from error
        await _store(trial)
        return await _issued(trial, trial.place, asked)


class _Asked(NamedTuple):
    """What ``when`` is to issue."""

    command: Command
    on: Any
    made: Sequence[Target]
    user: str | None
    at: datetime | None


async def _store(trial: Trial) -> None:
    """Takes what was given as stored, so that the plan is the command's own."""
    async with hold(trial.manager, "commit") as held:
        plan = held.plan()
        for change in plan.changes:
            if change.after is None:
                trial.reader.items.pop(change.target, None)
            else:
                trial.reader.items[change.target] = change.after
        if plan.steps:
            held.settle(plan)


async def _issued(trial: Trial, place: Place, asked: _Asked) -> Outcome:
    __tracebackhide__ = True
    try:
        moment = None if asked.at is None else to_datetime(asked.at)
    except Refused as refusal:
        raise Invalid("when", [Problem("at", asked.at, str(refusal))]) from None
    try:
        step = await trial.issue(place, asked.command, on=asked.on, made=asked.made, user=asked.user, at=moment)
    except WorkbenchError as error:
        return Outcome(trial, asked.command, None, error)
    return Outcome(trial, asked.command, step, None)


class Outcome:
    """What came of a command: its ``step`` or the ``error`` that refused it, and the ``plan`` of all that was changed
    since what was given. Each further ``when`` goes on from here."""

    def __init__(self, trial: Trial, command: Command, step: Step | None, error: WorkbenchError | None) -> None:
        self._trial, self._place = trial, trial.place
        self.command, self.step, self.error = command, step, error
        self.plan = trial.manager.plan()

    def when(
        self, command: Command, *, on: Any = None, made: Sequence[Target] = (), user: str | None = None,
        at: datetime | None = None,
    ) -> Outcome:
        """Issues another command on top, as ``Given.when`` does."""
        __tracebackhide__ = True
        return to_its_end(_issued(self._trial, self._place, _Asked(command, on, made, user, at)))

    def then(
        self, *, events: Iterable[Event] | None = None, plan: Iterable[Mutation] | None = None,
        response: Any = MISSING, refused: type[Exception] | str | Exception | None = None,
    ) -> Self:
        """Raises AssertionError where anything is otherwise than expected, all of it at once.

        ``events`` are all that happened, in order; the item of one is compared where it says ``.on(…)``. ``plan`` is
        what a commit would write, in any order: ``Insert(Account, owner="Ada")`` for a new item (or with its Target;
        fields that are not named may have any value), ``Update(item, …)`` with exactly the columns that change,
        ``Delete(item)``. ``response`` is what the response handler made. ``refused`` is the class of the error, a part
        of its words, or an error with both."""
        __tracebackhide__ = True
        if events is None and plan is None and response is MISSING and refused is None:
            raise Invalid("then", [Problem(None, None, "say what is expected: events=, plan=, response= or refused=")])
        events, plan = _listed_of("events", events, Event), _listed_of("plan", plan, Mutation)
        faults: list[str] = []
        if refused is not None:
            faults += self._refused(refused)
        elif self.error is not None:
            raise AssertionError(f"{self.command!r} was refused: {error_words(self.error)}") from self.error
        if events is not None:
            expected, happened = events, [] if self.step is None else list(self.step.events)
            there = without_items(expected, happened)
            faults += differing("events", expected, there, same_event, repr, ordered=True)
        if plan is not None:
            line = partial(change_line, self._trial.manager.registry)
            faults += differing("plan", plan, list(self.plan.changes), same_change, line, ordered=False)
        if response is not MISSING:
            output = None if self.step is None else self.step.output
            if not same(output, response) and output != response:
                faults += ["response", f"  - {response!r}", f"  + {output!r}"]
        if faults:
            raise AssertionError("\n".join([
                f"{self.command!r} came to something else (- expected, + happened)", *faults]))
        return self

    def __repr__(self) -> str:
        if self.error is not None:
            return f"{self.command!r} was refused: {error_words(self.error)}"
        return f"{self.step!r}\n{self.plan!r}"

    def _refused(self, refused: type[Exception] | str | Exception) -> list[str]:
        expected = refused if isinstance(refused, str) else (
            refused.__name__ if isinstance(refused, type) else error_words(refused))
        if self.error is None:
            return ["refusal", f"  - {expected}", "  + it was not refused"]
        fits = (isinstance(self.error, refused) if isinstance(refused, type) else
                refused in str(self.error) if isinstance(refused, str) else
                type(self.error) is type(refused) and str(self.error) == str(refused))
        return [] if fits else ["refusal", f"  - {expected}", f"  + {error_words(self.error)}"]


def _listed_of(name: str, given: Iterable[T] | None, kind: type[T]) -> list[T] | None:
    """What is expected as a list; raises Invalid for one alone and for what is of another kind."""
    if given is None:
        return None
    if isinstance(given, kind) or not isinstance(given, Iterable):
        raise Invalid("then", [Problem(name, given, f"{given!r:.60} is no list; give [{given!r:.60}]")])
    every = list(given)
    wrong = [one for one in every if not isinstance(one, kind)]
    if wrong:
        such = "events" if kind is Event else "mutations: Insert(…), Update(…), Delete(…)"
        raise Invalid("then", [Problem(name, one, f"{one!r:.60} is none; {name}= takes {such}") for one in wrong])
    return every
