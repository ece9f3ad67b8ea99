"""Registry: the domains of one session, looked up by class, by key and by address.

It is an index, built from the Domains' own tables and built again when one of them changed: it holds nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from operator import itemgetter
from threading import Lock
from types import CoroutineType
from typing import Any
from uuid import UUID

from workbench.domain.address import command_at, command_named, domain_named, no_command, written
from workbench.domain.convert import shown
from workbench.domain.definitions import Definition
from workbench.domain.domain import Domain
from workbench.domain.entity import Command, Event, Response
from workbench.domain.handler import Handler, unawaited
from workbench.domain.kinds import dumped
from workbench.domain.place import place_of
from workbench.domain.registration import Kindred as Kindred
from workbench.domain.registration import Known as Known
from workbench.domain.registration import Route
from workbench.domain.resource import KINDRED, Resource, Target, identify, refit
from workbench.errors import DefinitionError, Invalid, NotGranted, Problem, UnknownName


class Registry:
    """The definitions of several domains, as they are now."""

    def __init__(self, domains: Iterable[Domain]) -> None:
        self.domains: Mapping[str, Domain] = {}
        for domain in domains:
            if not isinstance(domain, Domain):
                raise DefinitionError(f'{shown(domain)} is no Domain; give one, as in Workbench(bank) or Session(bank) '
                                      'with bank = Domain("bank")')
            if self.domains.get(domain.key, domain) is not domain:
                raise DefinitionError(f'two domains have the key "{domain.key}"; give one of them another')
            self.domains = {**self.domains, domain.key: domain}
        if not self.domains:
            raise DefinitionError("at least one Domain is needed, as in Workbench(bank) or Session(bank)")
        self._looking = Lock()
        self._look()

    def _look(self) -> None:
        """Makes the tables anew and then puts them in place, so that another thread never sees the half of them."""
        versions = [domain.version for domain in self.domains.values()]
        by_place: dict[tuple[str, str], Known] = {}
        resources: dict[Kindred, Definition] = {}
        policies: dict[tuple[str, str], list[Handler]] = {}
        twice = []
        for domain in self.domains.values():
            domain.remember()
            for table in domain.classes().values():
                for definition in table.values():
                    known, place = Known.of(domain.key, definition), place_of(definition.cls)
                    if place in by_place:
                        twice.append(
                            f"{definition.cls.__name__} is registered in {by_place[place].domain} and in "
                            f"{domain.key}; keep one, and grant it to the other domain: uses=[…]")
                    by_place[place] = known
            resources |= {(domain.key, key): definition for key, definition in domain.resources.items()}
            for events, handler in domain.policies.values():
                for event in events:
                    policies.setdefault(place_of(event), []).append(handler)
        if twice:
            raise DefinitionError("a class belongs to one domain", twice)
        self._by_class: dict[type[Any], Known] = {known.cls: known for known in by_place.values()}
        self._by_place, self._policies, self.resources = by_place, policies, resources
        self._kindreds = {definition.cls: kindred for kindred, definition in resources.items()}
        self._by_uuid = frozenset(kindred for kindred, definition in resources.items()
                                  if definition.cls._fields["_id"].kind.annotation is UUID)
        self._granted = {domain.key: self._grants(domain) for domain in self.domains.values()}
        self._routes: dict[type[Any], Route] = {}       # those asked for since, of all the above
        self._versions = versions       # where it raised before, it looks again, and raises until that is mended

    def refresh(self) -> bool:
        """Looks again where a domain changed since, or was made again by its cell; says whether one did."""
        for domain in self.domains.values():
            domain.follow()
        if self._versions == [domain.version for domain in self.domains.values()]:
            return False
        with self._looking:     # the later look is the one that stays
            self._look()
        return True

    def _grants(self, domain: Domain) -> frozenset[Kindred]:
        granted = {(domain.key, key) for key in domain.resources}
        for used in domain.uses:
            if isinstance(used, Domain):
                # As it is opened here: the cell of its resources may have run again, and not yet that of this domain.
                granted |= {(used.key, key) for key in self.domains.get(used.key, used).resources}
            elif (known := self._by_place.get(place_of(used))) is not None:
                granted.add(known.kindred)
        return frozenset(granted)

    def faults(self) -> list[str]:
        """All that keeps the domains from being opened together, a sentence each."""
        found = []
        for domain in self.domains.values():
            found += [f"{domain.key}: {fault}" for fault in domain.faults()]
            for used in domain.uses:
                missing = (used.key not in self.domains if isinstance(used, Domain)
                           else place_of(used) not in self._by_place)
                if missing:
                    name = used.key if isinstance(used, Domain) else getattr(used, "__name__", repr(used))
                    found.append(f"{domain.key}: it uses {name}, whose domain is not opened here; "
                                 "open it in the same session")
            for definition in domain.commands.values():
                if definition.on is not None and place_of(definition.on) not in self._by_place:
                    found.append(f'{domain.key}: the command "{definition.key}" is issued on {definition.on.__name__}, '
                                 "which is no resource of an opened domain")
            for events, handler in domain.policies.values():
                found += [f"{domain.key}: the policy {handler.name} reacts to {event.__name__}, which is no event of "
                          "an opened domain" for event in events if place_of(event) not in self._by_place]
        return found

    # -------------------------------------------------------------------------------------------- by class

    def known(self, cls: type[Any]) -> Known:
        """The present registration of a class, or of the class that an earlier run of its cell made.

        Raises UnknownName, and DefinitionError where it is of another Domain by now."""
        found = self._by_class.get(cls)
        if found is None:
            found = self._by_place.get(place_of(cls))
            if found is None:
                raise self._unknown(cls)
            self._check_same(cls, self.domains[found.domain])
        return found

    def _unknown(self, cls: type[Any]) -> UnknownName:
        kinds = [base.__name__.lower() for base in (Resource, Command, Event, Response) if issubclass(cls, base)]
        home = next(iter(self.domains)) if len(self.domains) == 1 else "…"
        return UnknownName("definition", cls.__name__, [known.cls.__name__ for known in self._by_class.values()],
                           where=f"the domains {', '.join(self.domains)}",
                           hint=f". To register it, put @{home}.{kinds[0]} above its class" if kinds else "")

    def _check_same(self, cls: type[Any], mine: Domain) -> None:
        """Raises DefinitionError for a class that only other Domains registered, at the place of one of ``mine``."""
        homes = getattr(cls, "_homes", {})
        if homes and {mine, *mine.remade}.isdisjoint(homes.values()):
            *_, other = homes
            raise DefinitionError(
                f'{cls.__name__} is of another Domain "{other}" by now than the "{mine.key}" that is open here, '
                "under another name or key: what was defined there is not seen here. Open a session on it, or give "
                f'it the name and key that it had, as in {mine.key.replace("-", "_")} = Domain("{mine.key}"), and run '
                "the cells below it again")

    def no_command(self, given: Any) -> Invalid:
        """The error for what was to be issued and is no command."""
        return no_command(self.domains, given)

    def is_current(self, cls: type[Any]) -> bool:
        """Whether a class is the present one of its name, not one that an earlier run of its cell made."""
        return cls in self._by_class

    def current(self, record: Any) -> Any:
        """An item, a command, an event or a response as an instance of its present class."""
        cls = type(record)
        return record if cls in self._by_class else refit(record, self.known(cls).cls)

    def policies(self, event: type[Event]) -> list[Handler]:
        """The policies that react to an event, in the order of their registration."""
        return self._policies.get(place_of(event), [])

    def route(self, cls: type[Any]) -> Route:
        """The way of the messages of a class, or of the class that an earlier run of its cell made.

        Raises as ``known`` does."""
        routes = self._routes       # these, though others may be in their place before this one is made
        found = routes.get(cls)
        if found is None:
            known = self.known(cls)
            declared = known.definition.on
            found = Route(known, self.domains[known.domain], None if declared is None else self.kindred(declared),
                          self.granted(known.domain), self.policies(cls))
            if cls is known.cls:
                routes[cls] = found
        return found

    def resource(self, kindred: Kindred) -> type[Resource]:
        """The Resource class under two keys; raises UnknownName."""
        definition = self.resources.get(kindred)
        if definition is None:
            domain = domain_named(self.domains, kindred[0])
            raise UnknownName("resource", kindred[1], domain.resources, where=domain.key)
        cls: type[Resource] = definition.cls
        return cls

    def kindred(self, resource: Any, *, home: str | None = None) -> Kindred:
        """The two keys of a resource given as a class, a key (``"account"``) or both keys (``"bank:account"``).

        A bare key is looked for in the domain ``home`` first. Raises UnknownName."""
        if isinstance(resource, type):
            if (found := self._kindreds.get(resource)) is not None:
                return found
            known = self.known(resource)
            if not issubclass(known.cls, Resource):
                raise UnknownName("resource", resource.__name__, [d.cls.__name__ for d in self.resources.values()])
            return known.kindred
        if not isinstance(resource, str):
            raise UnknownName("resource", shown(resource), [f"{d}:{r}" for d, r in self.resources])
        domain, colon, key = resource.rpartition(":")
        if colon:
            named = [(domain, key)]
        else:
            named = [kindred for kindred in self.resources if kindred[1] == key]
            named = [kindred for kindred in named if kindred[0] == home] or named
        if len(named) != 1 or named[0] not in self.resources:
            names = [f"{d}:{r}" for d, r in self.resources]
            raise UnknownName("resource", resource,
                              names if len(self.domains) > 1 or colon else [r for _, r in self.resources])
        return named[0]

    # -------------------------------------------------------------------------------------------- targets

    def target(self, on: Any, *, home: str | None = None) -> Target:
        """The Target of an item, a Target, a text such as ``account/<id>``, or of what has a ``target``, as a Step;
        its identifier typed by the resource.

        Raises UnknownName, Invalid."""
        if isinstance(on, Target):
            if type(on[2]) is UUID and on[:2] in self._by_uuid:
                return on       # as it is in nearly every call; what follows would find the same
            resource = self.resource((on.domain, on.resource))
            typed = identify(resource, on.identifier)
            return on if typed is on.identifier else Target(on.domain, on.resource, typed)
        if isinstance(on, Resource):
            known = self.known(type(on))
            return Target(*known.kindred, on._id)
        if isinstance(on, str):
            resource_text, slash, identifier = on.partition("/")
            if slash:
                kindred = self.kindred(resource_text, home=home)
                return Target(*kindred, identify(self.resource(kindred), identifier))
        carried = getattr(on, "target", None)       # a Step, a Change, a Clash …
        if isinstance(carried, Target):
            return self.target(carried, home=home)
        if isinstance(on, CoroutineType):
            on.close()      # it was never to be run as it stands, and Python would warn of it elsewhere
            raise Invalid("a target", [Problem(None, on, unawaited(on))])
        raise Invalid("a target", [Problem(None, on, self._no_item(on, home))])

    def _no_item(self, on: Any, home: str | None) -> str:
        """Why something names no item, and what would."""
        first = next((it for it in self.resources if home in (None, it[0])), None)
        what, meant, new = shown(on), "account" if first is None else first[1], ""
        if isinstance(on, type):
            what, new = f"the class {on.__name__}", f"; for a new one: context.new({on.__name__})"
        elif isinstance(on, UUID) and first is not None:
            new = f"; to fetch one by its identifier: fetch({self.resource(first).__name__}, …)"
        with suppress(UnknownName, DefinitionError):
            meant = self.kindred(on, home=home)[1]
        return f'{what} names no item; say an item, a Target, a Step or "{meant}/<identifier>"{new}'

    def targets(self, named: Sequence[Any]) -> list[Target]:
        """``target`` of each."""
        if ({Target}.issuperset(map(type, named)) and {UUID}.issuperset(map(type, map(itemgetter(2), named)))
                and self._by_uuid.issuperset(map(KINDRED, named))):
            return list(named)      # as the first lines of ``target`` have it, of all in C
        return [self.target(one) for one in named]

    def granted(self, domain: str) -> frozenset[Kindred]:
        """The resources that a domain may touch: its own, and those that ``uses=`` names."""
        return self._granted[domain]

    def check_granted(self, domain: str, kindred: Kindred) -> None:
        """Raises NotGranted unless the domain may touch the resource."""
        if kindred not in self._granted[domain]:
            cls = self.resource(kindred)
            raise NotGranted(domain, f"{kindred[0]}:{kindred[1]}", f'Domain("{domain}", uses=[{cls.__name__}])')

    # -------------------------------------------------------------------------------------------- addresses

    def command_named(self, name: str) -> tuple[Domain, Definition]:
        """The command that an address begins with, ``bank:deposit`` or ``deposit``, and its domain.

        The domain may be left out where only one has the command. Raises UnknownName."""
        return command_named(self.domains, name)

    def command_at(self, address: str, data: Mapping[str, Any]) -> tuple[Command, str | None]:
        """The command at an address with its data, and the rest of the address: what it is on.

        ``bank:deposit/account/<id>``; raises as ``command_named`` does, and Invalid."""
        return command_at(self.domains, address, data)

    def address(self, command: Command, target: Target | None) -> str:
        """The address of a command on a target, as ``command_at`` reads it."""
        return written(*self.known(type(command)).kindred, target)

    def command_line(self, command: Command, target: Target | None) -> tuple[str, dict[str, Any]]:
        """The address of a command and its data as JSON values: all that is needed to issue it again."""
        return self.address(command, target), dumped(command)
