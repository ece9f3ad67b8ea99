"""Batch as HTML: how many commands were issued and refused, and the refusals counted by cause."""

from __future__ import annotations

from html import escape

from workbench.notebook.html.box import box
from workbench.state.batch import Batch
from workbench.wording import LIMIT


def batch_html(batch: Batch) -> str:
    """A batch in a line, and a table of the causes of refusals, each with its first example."""
    parts = [f"<b>{escape(batch.headline)}</b>"]
    if batch.refusals:
        rows = "".join(
            f'<tr><td class="delete">✗ {cause.times:,}</td><td>{escape(cause.command)}</td>'
            f'<td>{escape(cause.error)}</td><td class="told">{escape(cause.first.message)}</td>'
            f'<td class="dim">number {cause.first.place}</td></tr>' for cause in batch.causes[:LIMIT])
        parts.append("<table><tr><th>times</th><th>command</th><th>refused by</th><th>the first</th><th></th></tr>"
                     f"{rows}</table>")
    return box(*parts)
