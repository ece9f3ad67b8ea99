"""Context: what a handler is given beside its message: the items it may read, and who, when, on what.

A context belongs to one handler's run within one unit; it reads through the unit, so that a handler sees what was
yielded before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Never, Protocol, TypeVar, overload
from uuid import UUID

from workbench.domain.entity import Answer
from workbench.domain.registry import Registry
from workbench.domain.resource import Identifier, Resource, Target
from workbench.domain.unnamed import unnamed_values
from workbench.errors import Invalid, Problem

R = TypeVar("R", bound=Resource)
_ONE = (Target, Resource, str)      # what names one item


class Items(Protocol):
    """What a Context reads through: a unit at work, as process.py has it."""

    now: datetime
    user: str | None
    item: Resource | None
    registry: Registry

    def remembers(self, on: Any, domain: str) -> bool: ...
    async def fetch(self, domain: str, what: Sequence[Any]) -> list[Resource]: ...
    async def fetch_one(self, domain: str, what: Any) -> Resource: ...
    async def find(self, domain: str, resource: Any, equals: dict[str, Any]) -> list[Resource]: ...
    def new(self, domain: str, resource: Any, identifier: Any) -> Target: ...


class Context:
    """The second argument of every handler.

    ``user`` is who issued the command, ``now`` when (aware, UTC; the same throughout one command)."""

    __slots__ = ("_domain", "_items", "_target")

    def __init__(self, items: Items, domain: str, target: Target | None) -> None:
        self._items, self._domain, self._target = items, domain, target

    @property
    def user(self) -> str | None:
        """Who issued the command; None where no one was named."""
        return self._items.user

    @property
    def now(self) -> datetime:
        """When the command was issued: aware, UTC, the same throughout one command."""
        return self._items.now

    @property
    def target(self) -> Target:
        """The item the message is on; raises AttributeError when it is on none."""
        if self._target is None:
            raise AttributeError(self._on_nothing())
        return self._target

    def _on_nothing(self) -> str:
        """What to do where a target is asked for and there is none, in the words of the domain."""
        domain = self._items.registry.domains[self._domain]
        known = next(iter(domain.resources.values()), None)
        name, key = ("…", "…") if known is None else (known.cls.__name__, known.key)
        return ("this command, or event, is on no item. Say what commands of its class are on: "
                f'@{self._domain.replace("-", "_")}.command(on={name}); or issue it on one: issue(…, on="{key}/<id>"), '
                f'or on="{key}" for a new one. An event is put on an item where it is yielded: .on(context.target)')

    @overload
    async def fetch(self, what: type[R], identifier: Identifier | Target, /) -> R: ...
    @overload
    async def fetch(self, what: type[R], identifier: Iterable[Any], /) -> list[R]: ...
    @overload
    async def fetch(self, what: R, /) -> R: ...
    @overload
    async def fetch(self, what: Target | str, /) -> Any: ...
    @overload
    async def fetch(self, what: Iterable[Target], /) -> list[Any]: ...
    async def fetch(self, what: Any, identifier: Any = None, /) -> Any:
        """The present item of a Target, of an item, or of a Resource and an identifier; a list for several at once.

        Several are one query. Raises NotFound, also for what was deleted in this session, NotGranted for a resource of
        another domain that is not in ``uses=``, UnknownName, and Invalid.

            account = await context.fetch(context.target)
            both = await context.fetch(Account, [first, second])
        """
        items, domain = self._items, self._domain
        if identifier is None and items.remembers(what, domain):
            return items.item
        if isinstance(what, type):
            if identifier is None:
                raise Invalid(f"fetch of {what.__name__}", [Problem(None, None, (
                    "give an identifier or a list of them; to search by fields use find"))])
            if isinstance(identifier, Target | Resource | str | int | UUID):
                return await items.fetch_one(domain, self._of(what, identifier))
            return await items.fetch(domain, [self._of(what, one) for one in identifier])
        if isinstance(what, _ONE) or not isinstance(what, Iterable):
            return await items.fetch_one(domain, what)
        return await items.fetch(domain, list(what))

    def _of(self, resource: type[Resource], named: Any) -> Target:
        """The Target of an item of a resource, which is named by its identifier, or by what is of that resource."""
        registry = self._items.registry
        kindred = registry.kindred(resource, home=self._domain)
        if not isinstance(named, Target | Resource):
            return Target(*kindred, named)
        target = registry.target(named, home=self._domain)
        if target[:2] != kindred:
            raise Invalid(f"fetch of {resource.__name__}", [Problem(None, named, f"{target} is no {kindred[1]}")])
        return target

    async def find(self, resource: type[R], /, **equals: Any) -> list[R]:
        """The items whose fields equal these values: the database's, overlaid with what is pending.

        Ordered by ``_created``, then identifier. Raises Invalid for a name that is no field, NotGranted, UnknownName.

            (account,) = await context.find(Account, owner="Ada")
        """
        return await self._items.find(self._domain, resource, equals)   # type: ignore[return-value]  # items of it

    def new(self, resource: type[Resource], identifier: Identifier | None = None) -> Target:
        """The Target of an item of a resource; with a fresh identifier when none is given.

        Raises UnknownName, and Invalid for an identifier that does not fit, or for none where it is no UUID."""
        return self._items.new(self._domain, resource, identifier)

    def respond(self, /, *unnamed: Never, **values: Any) -> Answer:
        """A Response of named values, to be yielded: ``yield context.respond(balance=10)``.

        Raises Invalid for a value without a name."""
        if unnamed:
            raise Invalid("context.respond", unnamed_values(
                unnamed, "context.respond(", "balance", "what it is called"))
        answer: Answer = Answer(values=values)
        return answer
