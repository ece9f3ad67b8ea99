"""View: the items of one State as one command sees them, and the targets that it names.

What is pending covers what is cached, and what is cached what is stored; a view sees one version of an item throughout,
and keeps what was looked at: a step tells it, so that a commit can verify it. ``Means`` is what all views of a
session share.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from operator import attrgetter, itemgetter
from types import NoneType
from typing import Any, NamedTuple
from uuid import UUID

from workbench.domain.convert import Refused
from workbench.domain.datadef import unknown
from workbench.domain.entity import Command
from workbench.domain.kinds import within
from workbench.domain.registry import Kindred, Registry
from workbench.domain.resource import KINDRED, Resource, Target, identify, is_deleted, refit
from workbench.errors import Invalid, NotFound, Problem
from workbench.state.cache import Cache
from workbench.state.draft import Draft
from workbench.state.progress import Progress
from workbench.state.reader import Reader, in_order, matches
from workbench.state.state import State
from workbench.state.step import Search
from workbench.state.uncollected import uncollected

ONE_BY_ONE = 64     # targets that are looked up one after the other first
_NOWHERE = Target("", "", "")
_IDENTIFIER, _ID = itemgetter(2), attrgetter("_id")


class Means(NamedTuple):
    """What the views of a session work with; ``identifiers`` names what is new, ``new_etag`` what has changed."""

    registry: Registry
    cache: Cache
    reader: Reader
    identifiers: Callable[[], UUID]
    new_etag: Callable[[], str]


class View(Draft):
    """The items of a State, and the draft of the one after it; ``now`` and ``user`` are the command's.

    ``again`` are the targets that were made up when the command ran before: the same are made up this time."""

    __slots__ = ("_again", "_home", "_identifiers", "absent", "at", "cache", "item", "leaned", "made", "reader",
                 "registry", "searches", "seen", "state")
    item: Resource | None

    def __init__(
        self, state: State, means: Means, now: datetime, user: str | None, again: Sequence[Target] = (),
    ) -> None:
        self.registry, self.cache, self.reader, self._identifiers, self.new_etag = means
        self.state, self.now, self.user = state, now, user      # from here on as a Draft begins
        self.changed, self.applied, self.step, self.recorded = state.changed, state.applied, state.number + 1, []
        self.seen: dict[Target, Resource] = {}      # clean items as first read
        self.leaned: set[Target] = set()            # what earlier steps had left pending, and this one looked at
        self.absent: list[Target] = []      # what was looked for by its key, and is not stored
        self.searches: tuple[Search, ...] = ()
        self.made: list[Target] = []
        self._again = again
        # The item last looked at, where it is and for which domain: handlers mostly look at one, again and again.
        self.at, self.item, self._home = _NOWHERE, None, ""

    # -------------------------------------------------------------------------------------------- targets

    def target_of(self, command: Command, on: Any, *, home: str) -> Target | None:
        """What a command is on: ``on`` if given, else the target it carries; a resource alone means a new item.

        Raises Invalid for another resource than the command declares."""
        wanted = self.registry.route(type(command)).on
        on = command._target if on is None else on
        if on is None:
            return None if wanted is None else self._new(wanted, None)
        if type(on) is Target:
            target = self.registry.target(on)
        elif isinstance(on, type):
            target = self._new(self.registry.kindred(on), None)
        elif isinstance(on, str) and "/" not in on:
            keys = {key for _, key in self.registry.resources}
            if wanted is not None and on.rpartition(":")[2] not in keys and self._identifies(wanted, on):
                target = self._new(wanted, on)
            else:
                target = self._new(self.registry.kindred(on, home=home), None)
        elif isinstance(on, UUID | int):
            if wanted is None:
                raise Invalid(type(command).__name__, [Problem("on", on, (
                    f"{on!r} names an item but not its resource; say an item, a Target or "
                    '"account/<identifier>", or declare what the command is on: @….command(on=Account)'))])
            target = self._new(wanted, on)
        else:
            target = self.registry.target(on, home=home)
        if wanted is not None and target[:2] != wanted:
            raise Invalid(type(command).__name__, [Problem("on", on, (
                f"it is issued on {wanted[0]}:{wanted[1]}, not on {target}"))])
        return target

    def _identifies(self, kindred: Kindred, text: str) -> bool:
        """Whether a text can be an identifier of a resource, rather than a misspelt name of one."""
        try:
            identify(self.registry.resource(kindred), text)
        except Invalid:
            return False
        return True

    def new(self, domain: str, resource: Any, identifier: Any) -> Target:
        """The Target of a resource and an identifier, a fresh one when it is None."""
        return self._new(self.registry.kindred(resource, home=domain), identifier)

    def _new(self, kindred: Kindred, identifier: Any) -> Target:
        resource = self.registry.resource(kindred)
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
            self._again = [one for one in self._again if one is not target]
        self.made.append(target)
        return target

    # -------------------------------------------------------------------------------------------- reading

    def remembers(self, on: Any, domain: str) -> bool:
        """Whether this names ``item``, which is at ``at``: the last one that this domain was given or has changed."""
        return (on is self.item or on is self.at or (type(on) is Target and on == self.at)) and domain == self._home

    def remember(self, target: Target, item: Resource, domain: str) -> None:
        """Takes an item as the last one that a domain was given or has changed, as it is now."""
        self.at, self.item, self._home = target, item, domain

    def forget_last(self) -> None:
        """Takes no item as the last one, for no domain."""
        self.at, self.item, self._home = _NOWHERE, None, ""

    def target(self, on: Any, domain: str) -> Target:
        """The Target of what a domain names."""
        return self.at if self.remembers(on, domain) else self.registry.target(on, home=domain)

    async def there(self, target: Target) -> Resource | None:
        """The present item of a target, fetched where it is not cached; None where there is none."""
        if (item := self._present(target)) is None:
            await self._load([target], [target[:2]])
            if (item := self._present(target)) is None and target not in self.changed:
                self.absent.append(target)
        return item

    async def fetch_one(self, domain: str, what: Any) -> Resource:
        """The present item of what names one."""
        target = self.registry.target(what, home=domain)
        self.registry.check_granted(domain, target[:2])
        if (item := self._present(target)) is None and (item := await self.there(target)) is None:
            raise NotFound(target, deleted=target in self.changed)
        self.remember(target, item, domain)
        return item

    async def fetch(self, domain: str, what: Sequence[Any]) -> list[Resource]:
        """The present items of what a domain names, in their order; those not cached are one query per resource."""
        targets = [self.registry.target(one, home=domain) for one in what]
        for kindred in dict.fromkeys(map(KINDRED, targets)):
            self.registry.check_granted(domain, kindred)
        items: list[Resource] = []
        for target in targets if len(targets) < ONE_BY_ONE else ():
            if (item := self._present(target)) is None:
                break
            items.append(item)
        if len(items) < len(targets):
            items = await self.fetch_all(targets)
        if len(items) == 1:
            self.remember(targets[0], items[0], domain)
        return items

    async def fetch_all(self, targets: Sequence[Target], progress: Progress | None = None) -> list[Resource]:
        """``fetch`` of Targets that are as the registry gives them, of any domain."""
        kindreds = dict.fromkeys(map(KINDRED, targets))
        with uncollected(len(targets)):
            items: list[Any] = self._from_cache(targets, kindreds)
            if absent := [target for target, item in zip(targets, items, strict=True) if item is None]:
                came = self._from_loaded(absent, kindreds, await self._load(absent, kindreds, progress))
                if len(came) < len(items):
                    loaded = iter(came)
                    came = [next(loaded) if item is None else item for item in items]
                items = came
        if absent := [target for target, item in zip(targets, items, strict=True) if item is None]:
            missing = [target for target in absent if target not in self.changed]
            self.absent += missing
            raise NotFound(*dict.fromkeys(missing or absent), deleted=not missing)
        return items

    def _from_cache(self, targets: Sequence[Target], kindreds: Collection[Kindred]) -> list[Resource | None]:
        """``_present`` of each; with a fast path when all are of one resource and nothing is pending or seen."""
        if len(targets) == 1 or len(kindreds) != 1 or self.changed or self.seen:
            return [self._present(target) for target in targets]
        if not self.cache.items:
            return [None] * len(targets)
        found = list(map(self.cache.items.get, targets))
        self.seen.update((target, item) for target, item in zip(targets, found, strict=True) if item is not None)
        return self._as_seen(targets, kindreds, found)

    def _from_loaded(
        self, targets: Sequence[Target], kindreds: Collection[Kindred], came: dict[Target, Resource],
    ) -> list[Resource | None]:
        """The same of targets that were not cached, of which ``_load`` gave those that ``came``. Nothing is looked up
        twice: a look-up costs as much as anything else that is done with an item."""
        seen = self.seen and not self.seen.keys().isdisjoint(targets)
        if len(targets) == 1 or len(kindreds) != 1 or self.changed or seen:
            return [self._present(target) for target in targets]
        if not came:
            return [None] * len(targets)
        found = list(came.values() if len(came) == len(targets) else map(came.get, targets))
        self.seen.update(came)
        return self._as_seen(targets, kindreds, found)

    def _as_seen(
        self, targets: Sequence[Target], kindreds: Collection[Kindred], found: list[Resource | None],
    ) -> list[Resource | None]:
        """What was found of one resource, if it needs no second look; else ``_present`` of each."""
        [cls] = map(self.registry.resource, kindreds)
        if "_deleted" not in cls._fields and {cls, NoneType}.issuperset(map(type, found)):
            return found
        return [self._present(target) for target in targets]

    def _present(self, target: Target) -> Resource | None:
        """The item as it is seen here, of its resource's present class; None when it is not there."""
        entry = self.changed.get(target)
        if entry is not None:
            item = entry.current
            if entry.step != self.step:
                self.leaned.add(target)
        else:
            item = self.seen.get(target)
            if item is None and (item := self.cache.items.get(target)) is not None:
                self.seen[target] = item
        if item is None or is_deleted(item):
            return None
        cls = self.registry.resource(target[:2])        # of its own keys: a class may have been renamed
        return item if type(item) is cls else refit(item, cls)

    async def _load(
        self, targets: Sequence[Target], kindreds: Collection[Kindred], progress: Progress | None = None,
    ) -> dict[Target, Resource]:
        """Takes those not yet known into the cache; returns what came, in the order of those of one resource."""
        for known in (self.changed, self.seen, self.cache.items) if len(targets) == 1 or self.changed else ():
            targets = [target for target in targets if target not in known]
        came: dict[Target, Any] = {}
        with self.cache.reading() as replaced:
            for kindred in kindreds:
                some = targets if len(kindreds) == 1 else [target for target in targets if target[:2] == kindred]
                if identifiers := list(dict.fromkeys(map(_IDENTIFIER, some))):
                    loaded = await self.reader.load(kindred, identifiers, progress=progress)
                    found = dict(zip(map(_ID, loaded), loaded, strict=True))
                    came.update(zip(some, map(found.get, map(_IDENTIFIER, some)), strict=True))
        came.update((target, self.cache.items.get(target)) for target in replaced if target in came)
        if NoneType in set(map(type, came.values())):
            came = {target: item for target, item in came.items() if item is not None}
        self.cache.items.update(came)
        return came

    async def find(self, domain: str, resource: Any, equals: dict[str, Any]) -> list[Resource]:
        """Items by equality of fields: stored ones overlaid with what is pending and with what this unit has read
        already, in the order of ``in_order``."""
        kindred = self.registry.kindred(resource, home=domain)
        self.registry.check_granted(domain, kindred)
        cls = self.registry.resource(kindred)
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
        with self.cache.reading() as replaced:
            rows = await self.reader.find(kindred, wanted)
        self.searches += (Search(kindred, wanted, frozenset((row._id, row._etag) for row in rows)),)
        known = {target for target in (*self.changed, *self.seen, *replaced) if target[:2] == kindred}
        found = {target: item for target in known
                 if (item := self._present(target)) is not None and matches(item, wanted)}
        for row in rows:
            target = Target(*kindred, row._id)
            if target not in known:
                self.cache.keep(target, row)
                item = self._present(target)
                if item is not None and (item is row or matches(item, wanted)):     # it was of an earlier definition
                    found[target] = item
        return in_order(found.values())

