"""Comparison as HTML: the columns of items that differ between two branches, beside their values at the common base."""

from __future__ import annotations

from html import escape

from workbench.notebook.html.box import box, colour_of
from workbench.notebook.html.called import Called, field_html, target_html
from workbench.state.history.comparison import Comparison, Difference
from workbench.state.planning.change import SIGNS
from workbench.wording import LIMIT


def comparison_html(comparison: Comparison, called: Called | None = None) -> str:
    """A comparison: what differs by column, with its value where the two parted and on either side.

    ``called`` tells what the items are called."""
    head = "".join(f"<th>{escape(title)}</th>" for title in (
        "item", "column", "base", comparison.left, comparison.right))
    rows = "".join(_rows(difference, called) for difference in comparison.differences[:LIMIT])
    parts = [f"<b>{escape(comparison.summary)}</b>"]
    if rows:
        parts.append(f"<table><tr>{head}</tr>{rows}</table>")
    if len(comparison) > LIMIT:
        parts.append(f'<div class="dim">… and {len(comparison) - LIMIT} more; .frame() has them all</div>')
    return box(*parts)


def _rows(difference: Difference, called: Called | None) -> str:
    """The rows of one item; a value that is not as it was at the base has the colour and the sign of its change."""
    sign = f'<td class="who {difference.kind}">{SIGNS[difference.kind]} {target_html(difference.target, called)}</td>'
    rows = []
    for place, column in enumerate(difference.columns):
        base, *sides = difference.sides(column)
        old, *told = [field_html(called, difference.target, column, value, (base, *sides)) for value in (base, *sides)]
        cells = "".join(f'<td class="cell {kind}">{SIGNS.get(kind, "")} {text}</td>'
                        for side, text in zip(sides, told, strict=True) for kind in [colour_of(base, side)])
        rows.append(f'<tr>{"<td></td>" if place else sign}<td>{escape(column)}</td>'
                    f'<td class="cell dim">{old}</td>{cells}</tr>')
    return "".join(rows)
