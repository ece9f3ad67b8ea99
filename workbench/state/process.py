"""Process: runs one command on a State, in memory.

A ``Unit`` takes a State and a command, runs the handler, applies each event's mutations as it is yielded, then the
policies, and ends in the State after it. It is thrown away afterwards; when anything raises, the State it started from
is as it was, for it is a value.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncGenerator
from typing import Any

from workbench.domain.datadef import values_of
from workbench.domain.entity import Answer, Command, Event, Response
from workbench.domain.frozen import FrozenDict
from workbench.domain.handler import Handler
from workbench.domain.mutation import Delete, Insert, Mutation, Names, Update
from workbench.domain.registry import Kindred
from workbench.domain.resource import Resource, Target, is_deleted
from workbench.errors import Conflict, Invalid, NotFound, PolicyLoop, Problem, UnknownName
from workbench.state.clash import clash_of
from workbench.state.context import Context
from workbench.state.state import State
from workbench.state.step import NOT_THERE, Handling, Occurrence, Step
from workbench.state.turn import STOP
from workbench.state.view import View

_MUTATIONS = (Insert, Update, Delete)
_NOTHING: Any = FrozenDict()       # what was read by a step that read nothing
SPARED = 64             # mutations that are worth neither a saving of memory nor a list in their order
POLICY_DEPTH = 32       # commands issued by policies one from the other, before it is called a loop


class Unit(View):
    """One command at work on one State, which it sees as a View."""

    __slots__ = ()

    async def run(
        self, command: Command, on: Any, *, cell: int | None, if_match: str | None = None,
    ) -> tuple[State, Step]:
        """The State after the command, and the Step that led there.

        Raises Conflict when the item that the command is on has another etag than ``if_match``, Invalid, UnknownName,
        NotFound, Rejected, NotGranted, HandlerFault, PolicyLoop, and whatever a handler raises."""
        __tracebackhide__ = True    # the author of a handler is shown the handler's own lines
        if not isinstance(command, Command):
            raise self.registry.no_command(command)
        if if_match is not None:
            home = self.registry.known(type(command)).domain
            await self._match(self.target_of(command, on, home=home), if_match)
        handling = await self._command(command, on, policy=None, above=())
        output = None
        for response in reversed(handling.results):
            if isinstance(response, Response):
                output = (response.values if isinstance(response, Answer)
                          else await self._output(response, handling.domain, handling.target))
                break
        reads = {target: item._etag for target, item in self.seen.items()} if self.seen or self.absent else _NOTHING
        if self.absent:
            reads |= dict.fromkeys(self.absent, NOT_THERE)
        step = Step(self.step, handling, None, self.user, self.now, cell, reads, self.leaned, self.searches, self.made,
                    output)
        as_touched = None
        if len(self.recorded) > SPARED and len(self.recorded) == len(self.changed) and not self.state.changed:
            as_touched = self.recorded      # each once
        return self.state.after(self.changed, step, self.applied, as_touched), step

    async def _match(self, target: Target | None, etag: str) -> None:
        """Raises Conflict unless the item has the version that the caller saw; a cached one is fetched anew first."""
        if target is None:
            raise Invalid("issue", [Problem("if_match", etag, "the command is on no item whose version could match")])
        entry = self.changed.get(target)
        item = self.cache.items.get(target) if entry is None else entry.current
        if entry is None and (item is None or item._etag != etag):
            found = await self.reader.load(target[:2], [target.identifier])
            if not found:
                raise NotFound(target)
            item = found[0]
            self.cache.keep(target, item)
        if item is None or item._etag != etag:
            raise Conflict([clash_of(target, "read", None, None, item)])

    # -------------------------------------------------------------------------------------------- messages

    async def _command(
        self, command: Command, on: Any, *, policy: Handler | None, above: tuple[Kindred, ...],
    ) -> Handling:
        """Runs one command; ``above`` are those from which it came by policies, ``policy`` the last of these."""
        __tracebackhide__ = True
        registry = self.registry
        route = registry.route(type(command))
        if type(command) is not route.cls:
            command = registry.current(command)
        home, key = route.kindred
        target = self.target_of(command, on, home=home if policy is None else policy.domain)
        if target is not None:
            if target[:2] not in route.granted:
                registry.check_granted(home, target[:2])
            if command._target is not target:
                command = command.on(target)
        handler = route.home.command_handlers.get(key)
        if handler is None:
            raise UnknownName("handler for the command", key, route.home.command_handlers, where=home, instead=(
                f"define one behind @{home.replace('-', '_')}.command_handler({type(command).__name__})"))
        above = (*above, route.kindred)
        if policy is not None and len(above) > POLICY_DEPTH + 1:
            raise PolicyLoop([f"{domain}:{command}" for domain, command in above], POLICY_DEPTH)
        handling = Handling(command, home, key, target, None if policy is None else policy.name)
        results = handler.results(command, Context(self, home, target))
        stop = STOP.get()
        try:
            async for result in results:
                if stop is not None and stop.asked:     # a handler that yields for ever never awaits
                    raise CancelledError
                if isinstance(result, Event):
                    await self._event(result, handling, handler, above)
                elif isinstance(result, Response):
                    handling.results.append(result)
                else:
                    raise handler.fault(result, "Events and Responses")
        except BaseException as error:
            await _close(results, error, handler)       # else it is exhausted
            raise
        return handling

    async def _event(self, event: Event, handling: Handling, by: Handler, above: tuple[Kindred, ...]) -> None:
        __tracebackhide__ = True
        route = self.registry.route(type(event))
        if type(event) is not route.cls:
            event = self.registry.current(event)
        home, key = route.kindred
        if home != handling.domain:
            raise by.fault(event, "events of its own domain", f"the way to {home} is a policy that issues a command")
        if (on := event._target) is not None and (target := self.target(on, home)) is not on:
            event = event.on(target)
        occurrence = Occurrence(event)
        handling.results.append(occurrence)
        handler = route.home.event_handlers.get(key)
        if handler is None:
            raise UnknownName("handler for the event", key, route.home.event_handlers, where=home, instead=(
                f"define one behind @{home.replace('-', '_')}.event_handler({type(event).__name__})"))
        results = handler.results(event, Context(self, home, event._target))
        mutations = occurrence.mutations
        known: Names = {}
        stop = STOP.get()
        try:
            async for mutation in results:
                if stop is not None and stop.asked:
                    raise CancelledError
                if not isinstance(mutation, _MUTATIONS):
                    raise handler.fault(mutation, "Mutations (Insert, Update, Delete)")
                if self.remembers(mutation.on, home):
                    target, before = self.at, self.item
                    _check_stamps(mutation, target)
                else:
                    target, before = await self._sought(mutation, home)
                applied = self.applied
                mutation = self._apply(mutation, target, before, event, home)
                mutations.append(mutation)
                if len(mutations) > SPARED and self.applied > applied and self.item is not None:
                    mutation.share(self.item, known)
        except BaseException as error:
            await _close(results, error, handler)
            raise
        if route.policies:
            reactions = occurrence.reactions = list[Handling]()
            for policy in route.policies:
                await self._react(policy, event, reactions, above)

    async def _react(
        self, policy: Handler, event: Event, reactions: list[Handling], above: tuple[Kindred, ...],
    ) -> None:
        __tracebackhide__ = True
        results = policy.results(event, Context(self, policy.domain, event._target))
        try:
            async for command in results:
                if not isinstance(command, Command):
                    raise policy.fault(command, "Commands")
                reactions.append(await self._command(command, None, policy=policy, above=above))
        except BaseException as error:
            await _close(results, error, policy)
            raise

    async def _output(self, response: Response, home: str, target: Target | None) -> Any:
        known = self.registry.known(type(response))
        handler = self.registry.domains[known.domain].response_handlers.get(known.key)
        if handler is None:
            return values_of(response)
        return await handler.returned(response, Context(self, home, target))

    # -------------------------------------------------------------------------------------------- mutations

    async def _sought(self, mutation: Mutation, domain: str) -> tuple[Target, Resource | None]:
        """What a mutation is on, and the present item there, of which an Insert needs none."""
        target = self.registry.target(mutation.on, home=domain)
        self.registry.check_granted(domain, target[:2])
        _check_stamps(mutation, target)
        if isinstance(mutation, Insert):
            return target, None
        if (before := await self.there(target)) is None:
            raise NotFound(target, deleted=target in self.changed)
        return target, before

    def _apply(self, mutation: Mutation, target: Target, before: Any, event: Event, domain: str) -> Mutation:
        """Applies one mutation; returns it with its Target in place of the item it was given."""
        if mutation.on is not target:
            mutation = mutation.moved(target)
        if isinstance(mutation, Insert):
            cls = self.registry.resource(target[:2])
            item = self.insert(mutation, target, cls, event, cached=target in self.cache.items,
                               gone=self.cache.gone.get(target))
            self.remember(target, item, domain)
            return mutation
        clean = self.seen.get(target) if self.seen else None
        if isinstance(mutation, Update):
            after = self.update(mutation, before, clean, target, event)
            self.remember(target, before if after is None else after, domain)
        else:
            entry = self.changed.get(target)
            if entry is not None and is_deleted(entry.origin):      # it leaves nothing that would tell of it
                self.absent.append(target)
            self.delete(mutation, before, clean, target, event)
            self.forget_last()
        return mutation


async def _close(results: AsyncGenerator[Any, None], error: BaseException, handler: Handler) -> None:
    """Ends a handler that an error leaves, and notes on the error where it came from; what the handler does or raises
    as it ends does not hide the error."""
    handler.explain(error, results)
    try:
        await results.aclose()
    except Exception as closing:
        error.add_note(f"As it ended, the handler raised besides: {closing!r}")


def _check_stamps(mutation: Mutation, target: Target) -> None:
    """Raises Invalid for a mutation that sets stamps."""
    for name in mutation._values:
        if name.startswith("_"):
            raise Invalid(f"{type(mutation).__name__} of {target}", [
                Problem(name, value, "is a stamp, set by the State alone; leave it out")
                for name, value in mutation.values.items() if name.startswith("_")])
