"""Domain: the registry of one namespace: its resources, commands, events, responses, handlers and policies.

Registering is what its decorators do, and all they do: the tables below are plain dicts to look at. The same qualified
name replaces its registration, as when a cell runs twice; a rival for the same key raises. ``faults`` says all that is
missing; a Session refuses to open a domain that has any.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from workbench.domain.annotation import annotated_only
from workbench.domain.definitions import Definition, Definitions
from workbench.domain.entity import Command, Entity, Event, Response
from workbench.domain.handler import Handler
from workbench.domain.place import place_of, source_of
from workbench.domain.resource import Resource, label_of
from workbench.errors import DefinitionError, UnknownName
from workbench.wording import counted

if TYPE_CHECKING:
    from workbench.domain.findings import Findings

C = TypeVar("C", bound=type[Any])
F = TypeVar("F", bound=Callable[..., Any])
_KEY = re.compile(r"[a-z0-9_]+(-[a-z0-9_]+)*")


class Domain(Definitions):
    """A namespace of definitions: ``bank = Domain("bank")``.

    ``uses`` grants resources of other domains: ``Domain("shop", uses=[Account])``, or a whole domain."""

    def __init__(self, key: str, *, uses: Iterable[Any] = ()) -> None:
        checked_key(key, "domain")
        if not isinstance(uses, list | tuple | set | frozenset):
            raise DefinitionError(f'uses= takes a list, as in Domain("{key}", uses=[Account]), not {uses!r}')
        super().__init__(key, tuple(uses))

    def __repr__(self) -> str:
        policies = f"{len(self.policies)} polic{'y' if len(self.policies) == 1 else 'ies'}"
        return (f"<domain {self.key}: {counted(len(self.resources), 'resource')}, "
                f"{counted(len(self.commands), 'command')}, {counted(len(self.events), 'event')}, {policies}>")

    # -------------------------------------------------------------------------------------------- classes

    @overload
    def resource(self, cls: C, /) -> C: ...
    @overload
    def resource(self, /, *, key: str = ..., model: Any = ..., table: str | None = ...) -> Callable[[C], C]: ...
    def resource(self, cls: Any = None, /, *, key: str = "", model: Any = None, table: str | None = None) -> Any:
        """Registers a Resource; its key is the class's name in kebab-case unless given.

        ``model`` is the gino model it stands on; without one, a model and a table named ``<domain>_<key>`` (or
        ``table``) are derived from the fields.

            @bank.resource
            class Account(Resource): owner = field(str)

        Raises DefinitionError for what is no Resource class, for a key that cannot stand in an address, and where
        another class has the key already; so do ``command``, ``event`` and ``response``; also where a type is
        annotated and was to be a field. For a Resource it is raised for a ``_label`` that names none of the fields."""
        return self._register(cls, Resource, key=key, model=model, table=table)

    @overload
    def command(self, cls: C, /) -> C: ...
    @overload
    def command(self, /, *, key: str = ..., on: type[Resource] | None = ...) -> Callable[[C], C]: ...
    def command(self, cls: Any = None, /, *, key: str = "", on: type[Resource] | None = None) -> Any:
        """Registers a Command; ``on=Account`` says what it is issued on: a missing identifier then means a new item.

            @bank.command(on=Account)
            class OpenAccount(Command): owner = field(str)

        Raises DefinitionError, also where ``on`` is no Resource class."""
        if on is not None and not (isinstance(on, type) and issubclass(on, Resource)):
            raise DefinitionError(f"on= takes a Resource class, as in @{self.key}.command(on=Account), not {on!r}")
        return self._register(cls, Command, key=key, on=on)

    @overload
    def event(self, cls: C, /) -> C: ...
    @overload
    def event(self, /, *, key: str = ...) -> Callable[[C], C]: ...
    def event(self, cls: Any = None, /, *, key: str = "") -> Any:
        """Registers an Event.

            @bank.event
            class AccountOpened(Event): owner = field(str)

        Raises DefinitionError."""
        return self._register(cls, Event, key=key)

    @overload
    def response(self, cls: C, /) -> C: ...
    @overload
    def response(self, /, *, key: str = ...) -> Callable[[C], C]: ...
    def response(self, cls: Any = None, /, *, key: str = "") -> Any:
        """Registers a Response with fields of its own; ``context.respond(…)`` needs none.

            @bank.response
            class Statement(Response): balance = field(Decimal)

        Raises DefinitionError."""
        return self._register(cls, Response, key=key)

    def _register(self, cls: Any, base: type[Any], *, key: str, **extra: Any) -> Any:
        if cls is None:
            return lambda later: self._register(later, base, key=key, **extra)
        kind = base.__name__.lower()
        if not (isinstance(cls, type) and issubclass(cls, base)):
            raise DefinitionError(f"@{self.key}.{kind} takes a subclass of {base.__name__}, not {cls!r}")
        if issubclass(cls, Resource):
            try:
                label_of(cls)
            except UnknownName as error:
                raise DefinitionError(f"{cls.__name__} cannot be registered: {error}") from None
        if bare := annotated_only(cls):
            raise DefinitionError(f"{cls.__name__} cannot be registered: a type alone makes no field", bare)
        key = checked_key(key or kebab(cls.__name__), kind)
        earlier, place = self.classes()[kind].get(key), place_of(cls)
        if earlier is not None and place_of(earlier.cls) != place:
            raise DefinitionError(
                f'the {kind} "{key}" of {self.key} is already {source_of(earlier.cls)}, and {source_of(cls)} is '
                f'another class; give one of them a key of its own (@{self.key}.{kind}(key="…")), '
                f"or {self.key}.forget({earlier.cls.__name__}) first")
        definition = Definition(key, cls, **extra)
        definition.cls._homes[self.key] = self
        for one, known in self.classes().items():       # it may have had another key, or been of another kind
            setattr(self, f"{one}s", {other: it for other, it in known.items()
                                      if place_of(it.cls) != place or (one, other) == (kind, key)})
        setattr(self, f"{kind}s", {**self.classes()[kind], key: definition})
        self.version += 1
        return cls

    # -------------------------------------------------------------------------------------------- handlers

    def command_handler(self, *commands: type[Command]) -> Callable[[F], F]:
        """Registers the handler of one or several commands; it yields Events and Responses.

            @bank.command_handler(OpenAccount)
            async def open_account(command, context):
                yield AccountOpened(owner=command.owner).on(context.target)

        Raises DefinitionError for a class that is no command of this domain, or that has another handler already; so
        do ``event_handler`` and ``response_handler``, with their own."""
        return self._handles(commands, Command)

    def event_handler(self, *events: type[Event]) -> Callable[[F], F]:
        """Registers the handler of one or several events; it yields Mutations.

            @bank.event_handler(AccountOpened)
            async def account_opened(event, context): yield Insert(event.target, owner=event.owner)

        Raises DefinitionError."""
        return self._handles(events, Event)

    def response_handler(self, *responses: type[Response]) -> Callable[[F], F]:
        """Registers what turns a response into JSON, a table, a file …: it returns the output.

            @bank.response_handler(Statement)
            async def statement(response, context): return {"balance": str(response.balance)}

        Raises DefinitionError."""
        return self._handles(responses, Response)

    def policy(self, *events: type[Event]) -> Callable[[F], F]:
        """Registers a reaction to events, of this or another domain: it yields the Commands to issue.

        It runs after the event's mutations, in the same unit; several policies, of different names, may react to one
        event.

            @shop.policy(AccountOpened)
            async def greet(event, context): yield SendGift(to=event.owner)

        Raises DefinitionError for what is no Event class."""
        self._all_of(events, Event)

        def register(function: F) -> F:
            handler, place = Handler(function, self.key), place_of(function)
            earlier, known = self.policies.get(place, ((), None))
            more = earlier if known is not None and known.function is function else ()
            self.policies = {**self.policies, place: ((*more, *events), handler)}
            self.version += 1
            return function

        return register

    def _handles(self, entities: tuple[type[Entity], ...], base: type[Entity]) -> Callable[[F], F]:
        self._all_of(entities, base)
        kind = base.__name__.lower()
        keys = [self._key_of(entity, kind) for entity in entities]

        def register(function: F) -> F:
            handler, table = Handler(function, self.key), self.handlers()[kind]
            for key in keys:
                earlier = table.get(key)
                if earlier is not None and earlier.place != handler.place:
                    raise DefinitionError(
                        f'the {kind} "{key}" of {self.key} already has the handler {source_of(earlier.function)}; '
                        f"{source_of(function)} would be a second one. Keep one of them, "
                        f"or {self.key}.forget({earlier.name}) first")
            # The cell may have run again for fewer entities; two decorators on one function add up.
            kept = {key: known for key, known in table.items()
                    if known.place != handler.place or key in keys or known.function is function}
            setattr(self, f"{kind}_handlers", {**kept, **dict.fromkeys(keys, handler)})
            self.version += 1
            return function

        return register

    def _all_of(self, entities: tuple[Any, ...], base: type[Entity]) -> None:
        name = base.__name__
        if not entities:
            raise DefinitionError(f"name the {name} classes to handle, as in @{self.key}.{name.lower()}_handler(…)")
        for entity in entities:
            if inspect.isroutine(entity):
                raise DefinitionError(f"the decorator above {entity.__name__} does not say what that handles; give it "
                                      f"the {name} classes, in parentheses")
            if not (isinstance(entity, type) and issubclass(entity, base)):
                raise DefinitionError(f"{entity!r} is not a subclass of {name}; only those can be handled here")

    def _key_of(self, cls: type[Any], kind: str) -> str:
        for key, known in self.classes()[kind].items():
            if place_of(known.cls) == place_of(cls):
                return key
        raise DefinitionError(f"{cls.__name__} is no {kind} of {self.key} yet; put @{self.key}.{kind} above its class")

    # -------------------------------------------------------------------------------------------- the whole

    def forget(self, definition: Any) -> None:
        """Takes back the registration of a class or a handler.

        Raises UnknownName when it is not registered here."""
        place = place_of(definition)
        before = (self.classes(), self.handlers(), self.policies)
        for kind, classes in self.classes().items():
            setattr(self, f"{kind}s", {key: it for key, it in classes.items() if place_of(it.cls) != place})
        for kind, handlers in self.handlers().items():
            setattr(self, f"{kind}_handlers", {key: it for key, it in handlers.items() if it.place != place})
        self.policies = {key: policy for key, policy in self.policies.items() if key != place}
        if (self.classes(), self.handlers(), self.policies) == before:
            known = [it.cls.__name__ for classes in self.classes().values() for it in classes.values()]
            raise UnknownName("definition", getattr(definition, "__name__", repr(definition)), known, where=self.key)
        self.version += 1

    def check(self) -> Findings:
        """What looks wrong or forgotten here, each with its reason to care; a look at the code, nothing is refused."""
        from workbench.domain.findings import check  # asked for seldom, and not at the import of all

        return check(self)

    def faults(self) -> list[str]:
        """All that is missing within this domain, a sentence each; empty when it is whole."""
        missing = [f'the {kind} "{key}" ({known.cls.__name__}) has no handler; write one with '
                   f"@{self.key}.{kind}_handler({known.cls.__name__})"
                   for kind in ("command", "event") for key, known in self.unhandled(kind).items()]
        for kind, handlers in self.handlers().items():
            missing += [f'the handler {handler.name} is for the {kind} "{key}", which is no longer registered; '
                        f"{self.key}.forget({handler.name})"
                        for key, handler in handlers.items() if key not in self.classes()[kind]]
        return missing


def kebab(name: str) -> str:
    """``OpenAccount`` as ``open-account``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def checked_key(key: str, kind: str) -> str:
    """A key that can stand in an address; raises DefinitionError otherwise."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise DefinitionError(f'{key!r} cannot be the key of a {kind}: it takes small letters, digits, "_" and "-", '
                              'as in "open-account"')
    return key
