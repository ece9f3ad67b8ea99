"""Findings: what looks wrong or forgotten in one Domain, each Finding with its reason to care.

Nothing is run and nothing is refused. What is surely missing is said plainly; what was only read off the handlers' code
"seems" so, and is left out where the code could not be read whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import GenericAlias, UnionType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from workbench.domain.annotation import annotations_beside_fields
from workbench.domain.entity import Command, Event, Response
from workbench.domain.mentions import Mentions, mentions
from workbench.domain.mutation import Mutation
from workbench.domain.place import place_of
from workbench.domain.unyielded import unyielded
from workbench.wording import nearest

if TYPE_CHECKING:
    from workbench.domain.definitions import Definition
    from workbench.domain.domain import Domain
    from workbench.domain.handler import Handler

# Past participles that do not end in -ed, and words that end so and are none.
_IRREGULAR = (
    "become begun bent bet bid bound bought broken brought built burnt cast caught chosen come cut dealt done drawn "
    "driven drunk eaten fallen fed felt fit forgotten found fought frozen given gone ground grown had heard held "
    "hidden hit hurt kept known laid lain led left lent let lit lost made meant met paid put quit read rebuilt "
    "redone reset resold rewritten ridden risen run said seen sent set shaken shown shrunk shut sold spent split "
    "spoken spread stolen struck stuck sunk swept taken taught thrown told torn undone understood unsent upheld "
    "upset withdrawn withheld won woken worn wound written")
_NO_PAST = (
    "bed bleed breed creed deed embed exceed feed greed indeed need proceed red reed seed shed speed "
    "succeed weed")


Weight = Literal["fault", "doubt", "advice"]


class Finding(NamedTuple):
    """``where`` is the kind and key of a definition, ``what`` is found there, ``why`` one should care.

    With a ``fault`` the domain cannot do its work; a ``doubt`` is what seems so; ``advice`` may be left."""

    where: str
    what: str
    why: str
    weight: Weight = "doubt"

    def __repr__(self) -> str:
        return f"{self.where}: {self.what}\n    {self.why}"


class Findings(list[Finding]):
    """A list of Findings that shows itself a finding a paragraph."""

    def __repr__(self) -> str:
        return "\n".join(map(repr, self)) if self else "nothing found"


def check(domain: Domain) -> Findings:
    """All there is to find in a domain: types that are no fields, references to nothing and what handlers drop, then
    commands, events, policies that go round, responses and resources."""
    yielding = mentions(handler.function for handler in domain.command_handlers.values())
    return Findings([*_bare_types(domain), *_references(domain), *_dropped(domain), *_commands(domain),
                     *_events(domain, yielding), *_rings(domain), *_responses(domain, yielding),
                     *_resources(domain, mentions(domain.functions()))])


def _bare_types(domain: Domain) -> list[Finding]:
    return [Finding(f'{kind} "{key}"', f"{name}{sign}{text} is no field",
                    f"nobody can give it a value; {name} = field({text}) was probably meant")
            for kind, key, cls in _classes(domain) for name, sign, text in _bare(cls)]


def _classes(domain: Domain) -> Iterator[tuple[str, str, Any]]:
    """All classes of a domain, each with its kind and key, in the order in which findings are told."""
    tables = domain.classes()
    for kind in ("command", "event", "response", "resource"):
        for key, known in tables[kind].items():
            yield kind, key, known.cls


def _bare(cls: Any) -> list[tuple[str, str, str]]:
    """Name, sign and type of what a class has like a field: ``name = str`` and ``name: str = "x"``."""
    within = f"{cls.__qualname__}."       # a class that is written within this one is meant so
    given = [(name, " = ", value.__name__ if isinstance(value, type) else str(value))
             for name, value in vars(cls).items() if isinstance(value, type | UnionType | GenericAlias)
             and not getattr(value, "__qualname__", "").startswith(within)]
    noted = [(name, ": ", text) for name, text in annotations_beside_fields(cls).items()]
    return [(name, sign, text) for name, sign, text in given + noted if not name.startswith("_")]


def _references(domain: Domain) -> list[Finding]:
    """Fields that reference a text which is the key of no resource that could be meant."""
    used = [home for one in domain.uses for home in getattr(one, "_homes", {"": one}).values()]
    known = {*domain.resources, *(f"{one.key}:{key}" for one in (domain, *used) for key in one.resources)}
    meant = {"self", *known, *(key.rpartition(":")[2] for key in known)}
    return [Finding(f'{kind} "{key}"', f'{name} references "{field.references}", which is no resource of {domain.key} '
                    f"nor of its uses=; {nearest(field.references, known)}",
                    "a session opens it only beside a domain that has it" if kind == "resource" else
                    "a form offers no items for it, and any identifier is taken")
            for kind, key, cls in _classes(domain) for name, field in cls._fields.items()
            if isinstance(field.references, str) and field.references not in meant]


def _dropped(domain: Domain) -> list[Finding]:
    """What handlers and policies make, and then neither yield nor return."""
    wanted: tuple[tuple[str, Iterable[Handler], tuple[type, ...]], ...] = (
        ("command handler", domain.command_handlers.values(), (Event, Response)),
        ("event handler", domain.event_handlers.values(), (Mutation,)),
        ("policy", [policy for _, policy in domain.policies.values()], (Command,)))
    return [Finding(f"{kind} {name}", f"seems to make {made} and neither to yield nor to return it",
                    f"nothing comes of it; yield {made}(…) was probably meant")
            for kind, handlers, bases in wanted
            for name, function in {handler.place: (handler.name, handler.function) for handler in handlers}.values()
            for made in unyielded(function, bases)]


def _commands(domain: Domain) -> list[Finding]:
    own = {place_of(known.cls) for known in domain.resources.values()}
    granted = {place_of(resource) for used in domain.uses
               for resource in ([known.cls for known in used.resources.values()] if hasattr(used, "resources")
                                else [used])}
    found, unhandled = [], domain.unhandled("command")
    for key, known in domain.commands.items():
        where = f'command "{key}"'
        if key in unhandled:
            found.append(Finding(where, "has no handler", "it cannot be issued; a session does not open such a domain",
                                 "fault"))
        if known.on is not None and place_of(known.on) not in own | granted:
            found.append(Finding(where, f"is on {known.on.__name__}, which is no resource of {domain.key} nor granted "
                                 "by uses=", "it cannot be issued: what it is on is not known", "fault"))
    return found


def _events(domain: Domain, yielding: Mentions) -> list[Finding]:
    found, unhandled = [], domain.unhandled("event")
    for key, known in domain.events.items():
        where = f'event "{key}"'
        if key in unhandled:
            found.append(Finding(where, "has no handler",
                                 "it would change nothing; a session does not open such a domain", "fault"))
        if not yielding.partly and not yielding.name(known.cls):
            found.append(Finding(where, "seems unused: no command handler names it",
                                 "what never happens is code to read and keep; yield it or forget it"))
        if not in_past_tense(key):
            found.append(Finding(where, "seems not to be in the past tense",
                                 'an event is a fact; "account-opened" is not taken for an order, "open-account" is'))
    return found


def _rings(domain: Domain) -> list[Finding]:
    """Policies whose command leads, within the domain, to an event to which they react."""
    leads = {key: _named(domain.events, handler) for key, handler in domain.command_handlers.items()}
    keys = {place_of(known.cls): key for key, known in domain.events.items()}
    issued = [({keys[place_of(event)] for event in events if place_of(event) in keys},
               _named(domain.commands, handler), handler.name) for events, handler in domain.policies.values()]
    found = []
    for events, commands, name in issued:
        waiting, seen = list(commands), set(commands)
        while waiting:
            led = leads.get(waiting.pop(), set())
            more = {command for others, next_ones, _ in issued if others & led for command in next_ones} - seen
            seen |= more
            waiting += more
        if any(leads.get(command, set()) & events for command in seen):
            found.append(Finding(
                f"policy {name}", "seems to lead back to an event to which it reacts", "it goes round until it is "
                "refused, unless it issues its command only where there is something left to do", "advice"))
    return found


def _named(known: Mapping[str, Definition], handler: Handler) -> set[str]:
    """The keys of those whose classes a handler's code names."""
    named = mentions([handler.function])
    return {key for key, one in known.items() if named.name(one.cls)}


def _responses(domain: Domain, yielding: Mentions) -> list[Finding]:
    if yielding.partly:
        return []
    return [Finding(f'response "{key}"', "seems unused: no command handler names it",
                    "no caller ever gets it; yield it or forget it")
            for key, known in domain.responses.items() if not yielding.name(known.cls)]


def _resources(domain: Domain, all_named: Mentions) -> list[Finding]:
    targets = {place_of(known.on) for known in domain.commands.values() if known.on is not None}
    # A command without on= may be issued on any resource.
    readable = not all_named.partly and all(known.on is not None for known in domain.commands.values())
    found = []
    for key, known in domain.resources.items():
        where = f'resource "{key}"'
        named = all_named.name(known.cls) or any(key in text for text in all_named.texts)
        if readable and not named and place_of(known.cls) not in targets:
            found.append(Finding(where, "seems unused: no command is on it and no handler names it",
                                 "no item of it can come to be here"))
        if _unguarded(known):
            found.append(Finding(where, "has neither an invariant nor a field with check=, choices= or limits",
                                 "every value of the right type is taken; what must never be is best said here, once",
                                 "advice"))
    return found


def _unguarded(known: Definition) -> bool:
    fields = known.cls._public
    guarded = any(field.check is not None or field.choices is not None for field in fields.values())
    return bool(fields) and not guarded and not known.cls._rules and not known.cls._pclass_invariants


def in_past_tense(key: str) -> bool:
    """Whether a word of the key looks like a past participle: "money-sent", "deposited"."""
    return any(word in _IRREGULAR.split() or (word.endswith("ed") and len(word) > 3 and word not in _NO_PAST.split())
               for word in key.replace("_", "-").split("-"))
