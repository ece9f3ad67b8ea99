"""Process: runs one command on a State, in memory.

A ``Unit`` takes a State and a command, runs the handler, applies each event's mutations as it is yielded, then the
policies, and ends in the State after it. It is thrown away afterwards; when anything raises, the State it started from
is as it was, for it is a value.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from workbench.domain.convert import Refused
from workbench.domain.datadef import unknown, values_of
from workbench.domain.entity import Answer, Command, Event, Response
from workbench.domain.handler import Handler
from workbench.domain.kinds import within
from workbench.domain.mutation import Delete, Insert, Mutation, Update
from workbench.domain.registry import Kindred, Registry
from workbench.domain.resource import Identifier, Resource, Target, identify, is_deleted, refit
from workbench.errors import Conflict, Invalid, NotFound, PolicyLoop, Problem, UnknownName
from workbench.state.clash import clash_of
from workbench.state.context import Context
from workbench.state.draft import Draft
from workbench.state.reader import Reader, in_order, matches
from workbench.state.state import Cache, State
from workbench.state.step import Handling, Occurrence, Search, Step

_MUTATIONS = (Insert, Update, Delete)
POLICY_DEPTH = 32       # commands issued by policies one from the other, before it is called a loop


class Unit:
    """One command at work on one State."""

    def __init__(
        self, state: State, *, registry: Registry, cache: Cache, reader: Reader, now: datetime, user: str | None,
        identifiers: Callable[[], UUID], again: Sequence[Target] = (),
    ) -> None:
        self.now, self.user = now, user
        self._again = list(again)       # the targets that were made up when the command ran before
        self._made: list[Target] = []
        self._state, self._registry, self._cache, self._reader = state, registry, cache, reader
        self._identifiers = identifiers
        self._draft = Draft(state, now=now, user=user, identifiers=identifiers)
        self._seen: dict[Target, Resource] = {}     # clean items as first read: a step sees one version of an item
        self._leaned: set[Target] = set()
        self._searches: list[Search] = []
        self._chain: list[str] = []

    async def run(
        self, command: Command, on: Any, *, cell: int | None, if_match: str | None = None,
    ) -> tuple[State, Step]:
        """The State after the command, and the Step that led there.

        Raises Conflict when the item that the command is on has another etag than ``if_match``, Invalid, UnknownName,
        NotFound, Rejected, NotGranted, HandlerFault, PolicyLoop, and whatever a handler raises."""
        __tracebackhide__ = True    # the author of a handler is shown the handler's own lines
        if not isinstance(command, Command):
            raise Invalid("issue", [Problem(None, command, (
                f"{command!r} is no command; give one such as OpenAccount(owner=…)"))])
        known = self._registry.known(type(command))
        if if_match is not None:
            await self._match(self.target_of(command, on, home=known.domain), if_match)
        handling = await self._command(command, on, home=known.domain, policy=None)
        address = self._registry.address(handling.command, handling.target)
        output = None
        if handling.responses:
            output = await self._output(handling.responses[-1], known.domain, handling.target)
        step = Step(self._state.number + 1, handling, address, user=self.user, at=self.now, cell=cell,
                    reads={target: item._etag for target, item in self._seen.items()},
                    leaned=self._leaned, searches=self._searches, made=self._made, output=output)
        return self._state.after(self._draft.changed, step, self._draft.applied), step

    # -------------------------------------------------------------------------------------------- messages

    async def _command(self, command: Command, on: Any, *, home: str, policy: str | None) -> Handling:
        __tracebackhide__ = True
        command = self._registry.current(command)
        known = self._registry.known(type(command))
        target = self.target_of(command, on, home=home)
        if target is not None:
            self._registry.grant(known.domain, target[:2])
            if command._target != target:
                command = command.on(target)
        domain = self._registry.domains[known.domain]
        handler = domain.command_handlers.get(known.key)
        if handler is None:
            raise UnknownName("handler for the command", known.key, domain.command_handlers, where=domain.key)
        self._chain.append(f"{known.domain}:{known.key}")
        if len(self._chain) > POLICY_DEPTH + 1:
            raise PolicyLoop(self._chain, POLICY_DEPTH)
        handling = Handling(command, known.domain, target, policy)
        results = self._results(handler, command, Context(self, known.domain, target))
        try:
            async for result in results:
                if isinstance(result, Event):
                    await self._event(result, handling, handler)
                elif isinstance(result, Response):
                    handling.responses.append(result)
                else:
                    raise handler.fault(result, "Events and Responses")
        finally:
            await results.aclose()
        self._chain.pop()
        return handling

    async def _event(self, event: Event, handling: Handling, by: Handler) -> None:
        __tracebackhide__ = True
        event = self._registry.current(event)
        known = self._registry.known(type(event))
        if known.domain != handling.domain:
            raise by.fault(
                event, f"events of its own domain; the way to {known.domain} is a policy that issues a command")
        if event._target is not None:
            target = self._registry.target(event._target, home=known.domain)
            if target is not event._target:
                event = event.on(target)
        occurrence = Occurrence(event)
        handling.occurrences.append(occurrence)
        domain = self._registry.domains[known.domain]
        handler = domain.event_handlers.get(known.key)
        if handler is None:
            raise UnknownName("handler for the event", known.key, domain.event_handlers, where=domain.key)
        results = self._results(handler, event, Context(self, known.domain, event._target))
        try:
            async for mutation in results:
                if not isinstance(mutation, _MUTATIONS):
                    raise handler.fault(mutation, "Mutations (Insert, Update, Delete)")
                occurrence.mutations.append(await self._apply(mutation, event, known.domain))
        finally:
            await results.aclose()
        for policy in self._registry.policies(type(event)):
            await self._react(policy, event, occurrence)

    async def _react(self, policy: Handler, event: Event, occurrence: Occurrence) -> None:
        __tracebackhide__ = True
        results = self._results(policy, event, Context(self, policy.domain, event._target))
        try:
            async for command in results:
                if not isinstance(command, Command):
                    raise policy.fault(command, "Commands")
                reaction = await self._command(command, None, home=policy.domain, policy=policy.name)
                occurrence.reactions.append(reaction)
        finally:
            await results.aclose()

    async def _output(self, response: Response, home: str, target: Target | None) -> Any:
        if isinstance(response, Answer):
            return response.values
        known = self._registry.known(type(response))
        handler = self._registry.domains[known.domain].response_handlers.get(known.key)
        if handler is None:
            return values_of(response)
        return await handler.returned(response, Context(self, home, target))

    @staticmethod
    def _results(handler: Handler, message: Any, context: Context) -> AsyncGenerator[Any, None]:
        if handler.is_async_generator:
            results: AsyncGenerator[Any, None] = handler.function(message, context)
            return results
        return handler.results(message, context)

    # -------------------------------------------------------------------------------------------- targets

    def target_of(self, command: Command, on: Any, *, home: str) -> Target | None:
        """What a command is on: ``on`` if given, else the target it carries; a resource alone means a new item.

        Raises Invalid for another resource than the command declares."""
        declared = self._registry.known(type(command)).definition.on
        wanted: Kindred | None = self._registry.kindred(declared) if declared is not None else None
        on = command._target if on is None else on
        if on is None:
            return None if wanted is None else self._new(wanted, None)
        if isinstance(on, type):
            target = self._new(self._registry.kindred(on), None)
        elif isinstance(on, str) and not isinstance(on, Target) and "/" not in on:
            keys = {key for _, key in self._registry.resources}
            if wanted is not None and on.rpartition(":")[2] not in keys and self._identifies(wanted, on):
                target = self._new(wanted, on)
            else:
                target = self._new(self._registry.kindred(on, home=home), None)
        elif isinstance(on, UUID | int):
            if wanted is None:
                raise Invalid(type(command).__name__, [Problem("on", on, (
                    f"{on!r} names an item but not its resource; say an item, a Target or "
                    '"account/<identifier>", or declare what the command is on: @….command(on=Account)'))])
            target = self._new(wanted, on)
        else:
            target = self._registry.target(on, home=home)
        if wanted is not None and target[:2] != wanted:
            raise Invalid(type(command).__name__, [Problem("on", on, (
                f"it is issued on {wanted[0]}:{wanted[1]}, not on {target}"))])
        return target

    def _identifies(self, kindred: Kindred, text: str) -> bool:
        """Whether a text can be an identifier of a resource, rather than a misspelt name of one."""
        try:
            identify(self._registry.resource(kindred), text)
        except Invalid:
            return False
        return True

    def new(self, domain: str, resource: Any, identifier: Any) -> Target:
        """The Target of a resource and an identifier, a fresh one when it is None."""
        return self._new(self._registry.kindred(resource, home=domain), identifier)

    def _new(self, kindred: Kindred, identifier: Any) -> Target:
        resource = self._registry.resource(kindred)
        if identifier is not None:
            return Target(*kindred, identify(resource, identifier))
        kind = resource._fields["_id"].kind
        if kind.annotation is not UUID:
            raise Invalid(f"a new {kindred[1]}", [Problem("_id", None, (
                f'its identifier is {kind.name} and cannot be made up; give it, as in "{kindred[1]}/<identifier>"'))])
        target = next((one for one in self._again if one[:2] == kindred), None)
        if target is None:
            target = Target(*kindred, self._identifiers())
        else:
            self._again.remove(target)
        self._made.append(target)
        return target

    # -------------------------------------------------------------------------------------------- reading

    async def fetch(self, domain: str, what: Sequence[Any]) -> list[Resource]:
        """The present items of targets, in their order; those not cached are one query per resource."""
        targets = [self._registry.target(one, home=domain) for one in what]
        for kindred in {target[:2] for target in targets}:
            self._registry.grant(domain, kindred)
        if len(targets) == 1 and (known := self._present(targets[0])) is not None:
            return [known]
        await self._load(targets)
        items: list[Resource] = []
        missing: list[Target] = []
        deleted: list[Target] = []
        for target in targets:
            item = self._present(target)
            if item is not None:
                items.append(item)
            else:
                (deleted if target in self._draft.changed else missing).append(target)
        if missing or deleted:
            raise NotFound(*(missing or deleted), deleted=not missing)
        return items

    def _present(self, target: Target) -> Resource | None:
        """The item as this unit sees it, of its resource's present class; None when it is not there."""
        entry = self._draft.changed.get(target)
        if entry is not None:
            item = entry.current
            self._leaned.add(target)
        else:
            item = self._seen.get(target)
            if item is None and (item := self._cache.items.get(target)) is not None:
                self._seen[target] = item
        if item is None or is_deleted(item):
            return None
        cls = self._registry.resource(target[:2])
        return item if type(item) is cls else refit(item, cls)

    async def _match(self, target: Target | None, etag: str) -> None:
        """Raises Conflict unless the item has the version that the caller saw; a cached one is fetched anew first."""
        if target is None:
            raise Invalid("issue", [Problem("if_match", etag, "the command is on no item whose version could match")])
        entry = self._draft.changed.get(target)
        item = self._cache.items.get(target) if entry is None else entry.current
        if entry is None and (item is None or item._etag != etag):
            found = await self._reader.load(target[:2], [target.identifier])
            if not found:
                raise NotFound(target)
            item = found[0]
            self._cache.keep(target, item)
        if item is None or item._etag != etag:
            raise Conflict([clash_of(target, "read", None, None, item)])

    async def _load(self, targets: Sequence[Target]) -> None:
        """Takes those not yet known into the cache."""
        wanted: dict[Kindred, dict[Identifier, None]] = {}
        for target in targets:
            if target not in self._draft.changed and target not in self._seen and target not in self._cache.items:
                wanted.setdefault(target[:2], {})[target.identifier] = None
        for kindred, identifiers in wanted.items():
            for item in await self._reader.load(kindred, list(identifiers)):
                self._cache.keep(Target(*kindred, item._id), item)

    async def find(self, domain: str, resource: Any, equals: dict[str, Any]) -> list[Resource]:
        """Items by equality of fields: stored ones overlaid with what is pending and with what this unit has read
        already, in the order of ``in_order``."""
        kindred = self._registry.kindred(resource, home=domain)
        self._registry.grant(domain, kindred)
        cls = self._registry.resource(kindred)
        wanted, faults = {}, unknown(cls, equals)
        for name, value in equals.items():
            if name in cls._fields:
                try:
                    wanted[name] = None if value is None else cls._fields[name].kind.convert(value)
                except Refused as refusal:
                    faults.append(Problem(name, value, str(refusal)))
                except Invalid as nested:
                    faults += within(name, nested.problems)
        if faults:
            raise Invalid(f"the search for {kindred[0]}:{kindred[1]}", faults)
        rows = await self._reader.find(kindred, wanted)
        self._searches.append(Search(kindred, wanted, frozenset((row._id, row._etag) for row in rows)))
        known = [target for target in (*self._draft.changed, *self._seen) if target[:2] == kindred]
        found = {target: item for target in known
                 if (item := self._present(target)) is not None and matches(item, wanted)}
        for row in rows:
            target = Target(*kindred, row._id)
            if target not in self._draft.changed and target not in self._seen:
                self._cache.keep(target, row)
                item = self._present(target)
                if item is not None and (item is row or matches(item, wanted)):     # it was of an earlier definition
                    found[target] = item
        return in_order(found.values())

    # -------------------------------------------------------------------------------------------- mutations

    async def _apply(self, mutation: Mutation, event: Event, domain: str) -> Mutation:
        """Applies one mutation; returns it with its Target in place of the item it was given."""
        target = self._registry.target(mutation.on, home=domain)
        self._registry.grant(domain, target[:2])
        cls = self._registry.resource(target[:2])
        stamped = [name for name in mutation.values if name.startswith("_")]
        if stamped:
            raise Invalid(f"{type(mutation).__name__} of {target}", [
                Problem(name, mutation.values[name], "is a stamp, set by the State alone; leave it out")
                for name in stamped])
        if mutation.on is not target:
            mutation = Delete(target) if isinstance(mutation, Delete) else type(mutation)(target, **mutation.values)
        if isinstance(mutation, Insert):
            self._draft.insert(mutation, target, cls, event, cached=target in self._cache.items)
            return mutation
        before = self._present(target)
        if before is None:
            await self._load([target])
            before = self._present(target)
        entry = self._draft.changed.get(target)
        if before is None:
            raise NotFound(target, deleted=entry is not None)
        origin = self._seen[target] if entry is None else entry.origin
        if isinstance(mutation, Update):
            self._draft.update(mutation, before, origin, target, event)
        else:
            self._draft.delete(mutation, before, origin, target, event)
        return mutation
