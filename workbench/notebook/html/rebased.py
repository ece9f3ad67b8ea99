"""Rebased as HTML: the plan in a line, the changes that are others now, and the commands that were refused."""

from __future__ import annotations

from html import escape

from workbench.notebook.html.box import box
from workbench.notebook.html.called import Called
from workbench.notebook.html.plan import change_row
from workbench.notebook.html.step import address_html
from workbench.state.planning.change import Change
from workbench.state.replay import Rebased, Refusal
from workbench.wording import LIMIT, error_words


def rebased_html(rebased: Rebased, called: Called | None = None) -> str:
    """What a rebase, a pick or a replay came to; ``called`` tells what the items are called."""
    sign, kind = ("!", "update") if rebased.refused else ("✓", "insert")
    parts = [f'<div><span class="{kind}">{sign}</span> <b>{rebased.verb}: {escape(rebased.plan.summary)}</b> '
             f'<span class="dim">(before: {escape(rebased.before.summary)})</span></div>']
    parts += [_refused(refusal, called) for refusal in rebased.refused[:LIMIT]]
    now, no_longer = rebased.differences
    parts += _table("now", now, called) + _table("no longer", no_longer, called)
    if len(rebased.refused) > LIMIT:
        parts.append(f'<div class="dim">{len(rebased.refused) - LIMIT} more were refused; .refused has them all</div>')
    return box(*parts)


def _table(head: str, changes: list[Change], called: Called | None) -> list[str]:
    if not changes:
        return []
    rows = "".join(change_row(change, called=called) for change in changes[:LIMIT])
    more = f'<div class="dim">… and {len(changes) - LIMIT} more</div>' if len(changes) > LIMIT else ""
    return [f'<table><tr><th colspan=2 scope="colgroup">{head}</th></tr>{rows}</table>{more}']


def _refused(refusal: Refusal, called: Called | None) -> str:
    step = refusal.step
    return (f'<div><span class="delete">✗ refused</span> step {step.number}, {address_html(step, called)}: '
            f"{escape(error_words(refusal.error))}</div>")
