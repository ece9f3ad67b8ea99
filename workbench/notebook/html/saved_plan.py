"""Saved plan as HTML: what speaks against it, who saved it for what, the plan as any other, and its commands folded."""

from __future__ import annotations

from html import escape
from typing import Any

from workbench.notebook.html.box import box, value_html, values_html
from workbench.notebook.html.called import Called
from workbench.notebook.html.plan import plan_html
from workbench.notebook.html.saved_names import SavedNames
from workbench.notebook.html.step import named_address_html
from workbench.state.saved.plan import SavedPlan
from workbench.wording import visible


def saved_plan_html(saved: SavedPlan, called: Called | None = None) -> str:
    """A saved plan to look at, with what speaks against applying it; ``called`` is what items are called here."""
    names = SavedNames(saved, called)
    loud = "".join(f'<div class="delete"><b>⚠ {escape(doubt)}</b></div>' for doubt in saved.doubts)
    rows = "".join(
        f"<tr><td>{value_html(command.get('step'))}</td>"
        f"<td>{named_address_html(str(command.get('address')), names.on(command.get('on')), names)}</td>"
        f"<td>{_values(command.get('data'))}</td>"
        f'<td class="dim">{escape(visible(str(command.get("user") or "")))}</td></tr>' for command in saved.commands)
    log = f"<details><summary>Commands</summary><table>{rows}</table></details>" if rows else ""
    head = box(loud, f'<div class="dim">{escape(saved.signature)}</div>')
    return head + plan_html(saved, [], called=names) + box(log)


def _values(data: Any) -> str:
    """The fields of a command, of whatever the file holds in their place."""
    return values_html(data) if isinstance(data, dict) else ""
