"""Process: runs one command on a State, in memory.

A ``Unit`` takes a State and a command, runs the handler, applies each event's mutations as it is yielded, then the
policies, and ends in the State after it. It is thrown away afterwards; when anything raises, the State it started from
is as it was, for it is a value.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from workbench.domain.datadef import values_of
from workbench.domain.entity import Answer, Command, Event, Response
from workbench.domain.handler import Handler
from workbench.domain.mutation import Delete, Insert, Mutation, Update
from workbench.domain.registry import Kindred
from workbench.domain.resource import Target
from workbench.errors import Invalid, NotFound, PolicyLoop, Problem, UnknownName
from workbench.state.context import Context
from workbench.state.state import State
from workbench.state.step import Handling, Occurrence, Step
from workbench.state.view import View

_MUTATIONS = (Insert, Update, Delete)
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
            await self.match(self.target_of(command, on, home=home), if_match)
        handling = await self._command(command, on, policy=None, above=())
        output = None
        if handling.responses:
            output = await self._output(handling.responses[-1], handling.domain, handling.target)
        draft = self.draft
        step = Step(draft.step, handling, user=self.user, at=self.now, cell=cell,
                    reads={target: item._etag for target, item in self.seen.items()},
                    leaned=self.leaned, searches=self.searches, made=self.made, output=output)
        return self.state.after(draft.changed, step, draft.applied), step

    # -------------------------------------------------------------------------------------------- messages

    async def _command(
        self, command: Command, on: Any, *, policy: Handler | None, above: tuple[Kindred, ...],
    ) -> Handling:
        """Runs one command; ``above`` are those from which it came by policies, ``policy`` the last of these."""
        __tracebackhide__ = True
        registry = self.registry
        command = registry.current(command)
        known = registry.known(type(command))
        home, key = known.kindred
        target = self.target_of(command, on, home=home if policy is None else policy.domain)
        if target is not None:
            registry.grant(home, target[:2])
            if command._target != target:
                command = command.on(target)
        handlers = registry.domains[home].command_handlers
        handler = handlers.get(key)
        if handler is None:
            raise UnknownName("handler for the command", key, handlers, where=home)
        above = (*above, known.kindred)
        if len(above) > POLICY_DEPTH + 1:
            raise PolicyLoop([f"{domain}:{command}" for domain, command in above], POLICY_DEPTH)
        handling = Handling(command, home, key, target, None if policy is None else policy.name)
        results = self._results(handler, command, Context(self, home, target))
        try:
            async for result in results:
                if isinstance(result, Event):
                    await self._event(result, handling, handler, above)
                elif isinstance(result, Response):
                    handling.responses.append(result)
                else:
                    raise handler.fault(result, "Events and Responses")
        except BaseException:
            await results.aclose()      # else it is exhausted
            raise
        return handling

    async def _event(self, event: Event, handling: Handling, by: Handler, above: tuple[Kindred, ...]) -> None:
        __tracebackhide__ = True
        registry = self.registry
        event = registry.current(event)
        home, key = registry.known(type(event)).kindred
        if home != handling.domain:
            raise by.fault(event, f"events of its own domain; the way to {home} is a policy that issues a command")
        if event._target is not None:
            target = self.target(event._target, home)
            if target is not event._target:
                event = event.on(target)
        occurrence = Occurrence(event)
        handling.occurrences.append(occurrence)
        handlers = registry.domains[home].event_handlers
        handler = handlers.get(key)
        if handler is None:
            raise UnknownName("handler for the event", key, handlers, where=home)
        results = self._results(handler, event, Context(self, home, event._target))
        try:
            async for mutation in results:
                if not isinstance(mutation, _MUTATIONS):
                    raise handler.fault(mutation, "Mutations (Insert, Update, Delete)")
                occurrence.mutations.append(await self._apply(mutation, event, home))
        except BaseException:
            await results.aclose()
            raise
        if policies := registry.policies(type(event)):
            reactions = occurrence.reactions = list[Handling]()
            for policy in policies:
                await self._react(policy, event, reactions, above)

    async def _react(
        self, policy: Handler, event: Event, reactions: list[Handling], above: tuple[Kindred, ...],
    ) -> None:
        __tracebackhide__ = True
        results = self._results(policy, event, Context(self, policy.domain, event._target))
        try:
            async for command in results:
                if not isinstance(command, Command):
                    raise policy.fault(command, "Commands")
                reactions.append(await self._command(command, None, policy=policy, above=above))
        finally:
            await results.aclose()

    async def _output(self, response: Response, home: str, target: Target | None) -> Any:
        if isinstance(response, Answer):
            return response.values
        known = self.registry.known(type(response))
        handler = self.registry.domains[known.domain].response_handlers.get(known.key)
        if handler is None:
            return values_of(response)
        return await handler.returned(response, Context(self, home, target))

    @staticmethod
    def _results(handler: Handler, message: Any, context: Context) -> AsyncGenerator[Any, None]:
        if handler.is_async_generator:
            results: AsyncGenerator[Any, None] = handler.function(message, context)
            return results
        return handler.results(message, context)

    # -------------------------------------------------------------------------------------------- mutations

    async def _apply(self, mutation: Mutation, event: Event, domain: str) -> Mutation:
        """Applies one mutation; returns it with its Target in place of the item it was given."""
        at_hand = self.looks_at(mutation.on, domain)
        if at_hand:
            target, before = self.at, self.item
        else:
            target, before = self.registry.target(mutation.on, home=domain), None
            self.registry.grant(domain, target[:2])
        stamped = [name for name in mutation.values if name.startswith("_")]
        if stamped:
            raise Invalid(f"{type(mutation).__name__} of {target}", [
                Problem(name, mutation.values[name], "is a stamp, set by the State alone; leave it out")
                for name in stamped])
        if mutation.on is not target:
            mutation = mutation.moved(target)
        if isinstance(mutation, Insert):
            cls = self.registry.resource(target[:2])
            self.draft.insert(mutation, target, cls, event, cached=target in self.cache.items)
            return mutation
        if before is None and (before := await self.there(target)) is None:
            raise NotFound(target, deleted=target in self.draft.changed)
        clean = self.seen.get(target) if self.seen else None
        if isinstance(mutation, Update):
            after = self.draft.update(mutation, before, clean, target, event)
            self.look_at(target, before if after is None else after, domain)
        else:
            self.draft.delete(mutation, before, clean, target, event)
            self.look_away()
        return mutation
