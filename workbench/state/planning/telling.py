"""Telling: the words for a plan, be it pending or saved: what it does, to which items, and what led to that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from workbench.domain.convert import shown, told, told_apart
from workbench.domain.resource import Target
from workbench.wording import visible


class Told(Protocol):
    """What a change must have to be put into words: a Change, or a SavedChange."""

    @property
    def kind(self) -> str: ...
    @property
    def sign(self) -> str: ...
    @property
    def target(self) -> Target: ...
    @property
    def old(self) -> Mapping[str, Any]: ...
    @property
    def new(self) -> Mapping[str, Any]: ...


def summary_of(counts: Mapping[str, int]) -> str:
    """``3 to add, 1 to change, 0 to delete``."""
    return f"{counts['insert']} to add, {counts['update']} to change, {counts['delete']} to delete"


def told_change(change: Told) -> str:
    """``~ bank:account/…  balance: 10 -> 20``; of an item that comes or goes all its values."""
    if change.kind == "update":
        new = change.new
        inner = ", ".join(f"{name}: {' -> '.join(told_apart(old, new.get(name)))}" for name, old in change.old.items())
    else:
        inner = told_values(change.new or change.old)
    return visible(f"{change.sign} {change.target}{f'  {inner}' if inner else ''}")


def told_fields(kind: str, columns: Iterable[str], fields: Iterable[str]) -> list[str]:
    """Which fields of a change are told: those that it sets, all that the item had where it is deleted; no stamps but
    ``_deleted`` of an item that comes back."""
    return [name for name in (fields if kind == "delete" else columns)
            if not name.startswith("_") or (name == "_deleted" and kind == "update")]


def told_step(number: int, address: str, user: str | None, at: str, cell: int | None) -> str:
    """``  step 2: bank:deposit/account/… by ada at 2013-01-01 05:00:00 UTC, cell 3``; ``at`` is UTC."""
    who, where = f" by {user}" if user else "", "" if cell is None else f", cell {cell}"
    return visible(f"  step {number}: {address}{who} at {at} UTC{where}")


def told_mutation(
    event: str, data: Mapping[str, Any], verb: str, values: Mapping[str, Any], issuer: str = "",
) -> list[str]:
    """``    event Deposited amount=10`` and ``    update balance=20``, behind ``    policy money_arrives: Deposit``
    where one issued the command."""
    return [*([visible(f"    policy {issuer}")] if issuer else []),
            visible(f"    event {event} {told_values(data)}".rstrip()),
            visible(f"    {verb} {told_values(values)}".rstrip())]


def told_item(item: Any) -> str:
    """What ``why`` was given, to be told that there is no change of it: the item of a Step or Change, not all of it."""
    on = item if isinstance(item, Target) else None if isinstance(item, str) else getattr(item, "target", None)
    return str(on) if isinstance(on, Target) else item if isinstance(item, str) else shown(item)


def told_parked(parked: Mapping[str, Any] | None) -> str:
    """Why an item was to have values that nobody gave it, where these are in the way, and what would do instead."""
    return "" if parked is None else (
        f"for a moment it was to have {told_values(parked)}, so that another can take its value; make the constraint "
        "that is in the way of the exchange DEFERRABLE, or give one of them a value that is free in a commit before")


def told_values(values: Mapping[str, Any]) -> str:
    """``owner='Ada', balance=10``."""
    return ", ".join(f"{name}={told(value)}" for name, value in values.items())


def is_address_of(target: Target, text: str) -> bool:
    """Whether a text is the address of an item: ``"bank:account/<id>"`` or ``"account/<id>"``."""
    return text in (str(target), f"{target.resource}/{target.identifier}")
