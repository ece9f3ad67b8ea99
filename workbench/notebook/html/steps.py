"""Steps as HTML: those that were undone or redone, each with its tree folded, a single one open."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.notebook.html.box import box
from workbench.notebook.html.called import Called
from workbench.notebook.html.step import address_html, tree_html
from workbench.state.step import Step
from workbench.wording import LIMIT, counted

_SIGNS = {"undone": "↶", "redone": "↷"}


def steps_html(steps: Sequence[Step], verb: str, called: Called | None = None) -> str:
    """Some steps and what was done with them; ``called`` tells what the items are called that they changed."""
    opened = " open" if len(steps) == 1 else ""
    told = f'<span class="update">{_SIGNS.get(verb, "")}</span> <b>{verb}: {counted(len(steps), "step")}</b>'
    parts = [f"<div>{told}</div>"]
    parts += [f"<details{opened}><summary><b>step {step.number}</b> {address_html(step, called)}</summary>"
              f"{tree_html(step, called)}</details>" for step in steps[:LIMIT]]
    if len(steps) > LIMIT:
        parts.append(f'<div class="dim">… and {len(steps) - LIMIT} more; wb.steps has them all</div>')
    return box(*parts)
