"""Conflict as HTML: the items on which a plan and the database, or two branches, disagree: base, mine, theirs."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from workbench.domain.datadef import MISSING
from workbench.domain.sameness import same
from workbench.notebook.html.box import box, colour_of
from workbench.notebook.html.called import Called, field_html, target_html
from workbench.state.clash import Clash
from workbench.wording import LIMIT, counted, visible


def conflict_html(clashes: Sequence[Clash], *, branch: str | None = None, ways: str = "") -> str:
    """The clashes of a Conflict (its ``items``, ``branch`` and ``ways``): who did what, and the columns that differ.

    A value is marked where a side changed it; where both did, to different values, the column is marked ✗."""
    parts = [conflict_head(len(clashes), branch), *map(clash_html, clashes[:LIMIT])]
    if len(clashes) > LIMIT:
        parts.append(f'<div class="dim">… and {len(clashes) - LIMIT} more; wb.conflict has them all</div>')
    if ways:
        parts.append(f'<div class="dim">{escape(ways)}</div>')
    return box(*parts)


def conflict_head(count: int, branch: str | None) -> str:
    """A line that says with what the conflict is, and that nothing was lost by it."""
    items = counted(count, "item")
    if branch is None:
        return f"<b>Conflict on {items}; nothing was written, everything pending is kept</b>"
    told = "mine is what it is here, theirs what it is on that branch"
    return (f"<b>Conflict with the branch {escape(repr(branch))} on {items}; nothing was merged</b>"
            f'<div class="dim">{told}; where all are decided, it is merged</div>')


def clash_html(clash: Clash, called: Called | None = None) -> str:
    """One item of a conflict, not yet in a ``box``; ``called`` tells what items are called."""
    target = clash.target
    told = f"{target_html(target, called)}: {escape(visible(clash.deeds))}"
    sides = [side or {} for side in (clash.base, clash.mine, clash.theirs)]
    if not clash.has_values:
        return f"<div>{told}</div>"
    rows = []
    for name in dict.fromkeys(name for side in sides for name in side if not name.startswith("_")):
        base, mine, theirs = every = [side.get(name, MISSING) for side in sides]
        if not (same(base, mine) and same(base, theirs)):
            both = not (same(base, mine) or same(base, theirs) or same(mine, theirs))
            sign = '<span class="delete" title="both changed it">✗</span> ' if both else ""
            rows.append(f'<tr><th scope="row">{sign}{escape(name)}</th><td class="told dim">'
                        f"{field_html(called, target, name, base, every)}</td>" + "".join(
                            f'<td class="told {colour_of(base, side)}">'
                            f"{field_html(called, target, name, side, every)}</td>"
                            for side in (mine, theirs)) + "</tr>")
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("column", "base", "mine", "theirs"))
    table = f"<table><tr>{heads}</tr>{''.join(rows)}</table>" if rows else ""
    return f"<div>{told}</div>{table}"
