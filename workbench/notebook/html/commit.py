"""Commit as HTML: what was written, in a line."""

from __future__ import annotations

from html import escape

from workbench.notebook.html.box import box
from workbench.postgres.writing.commit import Commit


def commit_html(done: Commit) -> str:
    """What was written, in a line."""
    return box(f'<span class="insert">✓</span> {escape(repr(done))} <span class="dim">{done.at:%H:%M:%S} UTC</span>')
