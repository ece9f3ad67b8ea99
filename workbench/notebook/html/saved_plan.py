"""Saved plan as HTML: what speaks against it, who saved it for what, the plan as any other, and its commands folded."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any
from uuid import UUID

from workbench.domain.resource import Target
from workbench.notebook.html.box import box, value_html
from workbench.notebook.html.called import Called, named_html
from workbench.notebook.html.plan import plan_html
from workbench.notebook.html.saved_names import SavedNames
from workbench.notebook.html.step import named_address_html
from workbench.state.saved.change import SavedChange
from workbench.state.saved.plan import SavedPlan
from workbench.wording import LIMIT, visible

DEEPEST = 20    # dicts in dicts of a command's field that are told name by name


def saved_plan_html(saved: SavedPlan, called: Called | None = None) -> str:
    """A saved plan to look at, with what speaks against applying it; ``called`` is what items are called here."""
    names = SavedNames(saved, called)
    changes, commands = saved.beginning(LIMIT), saved.commands
    shown = _shown(changes, names)
    loud = "".join(f'<div class="delete"><b>⚠ {escape(doubt)}</b></div>' for doubt in saved.doubts)
    rows = "".join(
        f"<tr><td>{value_html(command.get('step'))}</td>"
        f"<td>{named_address_html(str(command.get('address')), names.on(command.get('on')), names)}</td>"
        f'<td class="told">{_values(command.get("data"), names, shown)}</td>'
        f'<td class="dim">{escape(visible(str(command.get("user") or "")))}</td></tr>' for command in commands[:LIMIT])
    more = len(commands) - LIMIT
    rest = f'<div class="dim">… and {more} more; .commands has them all</div>' if more > 0 else ""
    log = f"<details><summary>Commands</summary><table>{rows}</table>{rest}</details>" if rows else ""
    head = box(loud, f'<div class="dim">{escape(saved.signature)}</div>')
    return head + plan_html(saved, [], called=names, changes=changes) + box(log)


def _shown(changes: Iterable[SavedChange], names: SavedNames) -> dict[str, Target]:
    """The items that the plan above the commands names, by their identifiers as the file has them."""
    found: dict[str, Target] = {}
    for change in changes:
        found[str(change.target.identifier)] = change.target
        for name, value in [*change.old.items(), *change.new.items()]:
            leads = names.leads(change.target, name, value)
            if leads is not None:
                found[str(leads.identifier)] = leads
    return found


def _values(data: Any, names: SavedNames, shown: dict[str, Target]) -> str:
    """The fields of a command, of whatever the file holds in their place, as a step has them."""
    if not isinstance(data, dict):
        return ""
    return ", ".join(f"{escape(visible(str(name)))}={_value(value, names, shown)}" for name, value in data.items())


def _value(value: Any, names: SavedNames, shown: dict[str, Target], within: int = 0) -> str:
    if isinstance(value, dict) and value and within < DEEPEST:
        return ", ".join(
            f"{escape(visible(str(name)))} {_value(one, names, shown, within + 1)}" for name, one in value.items())
    identifier = _uuid(value)
    if identifier is None:
        return value_html(value)
    target = shown.get(str(identifier))
    return named_html(identifier, None if target is None else names.label(target))


def _uuid(value: Any) -> UUID | None:
    """The UUID that a text of the file is; only as the file would write it."""
    try:
        identifier = UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return identifier if str(identifier) == value else None
