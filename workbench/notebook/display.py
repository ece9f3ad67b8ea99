"""Display: plans, steps, commits and conflicts as HTML that reads well in both themes.

Every text that comes from a domain or the database is escaped. Colours are JupyterLab's own variables, with fixed ones
where there is no JupyterLab; every colour has a sign beside it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from html import escape
from traceback import format_exc
from typing import Any

from workbench.domain.kinds import shown
from workbench.postgres.commit import Commit
from workbench.state.change import SIGNS, Change
from workbench.state.plan import Plan
from workbench.state.step import Handling, Step

STYLE = """<style>
.wb {font-family: var(--jp-code-font-family, monospace); font-size: var(--jp-code-font-size, 13px); line-height: 1.5;
     color: var(--jp-ui-font-color1, inherit); overflow-x: auto}
.wb table {border-collapse: collapse; margin: .4em 0} .wb td, .wb th {padding: 1px 10px 1px 0; text-align: left;
     vertical-align: top; border: 0; background: none} .wb th {font-weight: 600}
.wb .insert {color: var(--jp-success-color1, #2e7d32)} .wb .delete {color: var(--jp-error-color1, #c62828)}
.wb .update {color: var(--jp-warn-color1, #b26a00)} .wb .dim {opacity: .7} .wb ul {margin: 0; padding-left: 1.4em;
     list-style: none} .wb summary {cursor: pointer} .wb pre {margin: .2em 0 .2em 1em; white-space: pre-wrap;
     background: none; color: inherit} .wb b {font-weight: 600}
</style>"""
LIMIT = 200     # changes shown; the frame has them all


def box(*parts: str) -> str:
    """Parts of HTML as one output of a cell."""
    return f'{STYLE}<div class="wb">{"".join(parts)}</div>'


def value_html(value: Any) -> str:
    """A value, shortened; the whole of it is in the tooltip."""
    short, whole = shown(value), repr(value)
    return escape(short) if short == whole else f'<span title="{escape(whole)}">{escape(short)}</span>'


def plan_html(plan: Plan, statements: Iterable[str]) -> str:
    """A plan: its summary, ``+ ~ -`` with old -> new per column grouped by resource, why, and the SQL folded."""
    groups: dict[str, list[Change]] = {}
    for change in plan.changes[:LIMIT]:
        groups.setdefault(f"{change.target.domain}:{change.target.resource}", []).append(change)
    parts = [f"<b>Plan: {escape(plan.summary)}</b>"]
    for resource, changes in groups.items():
        rows = "".join(_change_row(change) for change in changes)
        parts.append(f"<table><tr><th colspan=4>{escape(resource)}</th></tr>{rows}</table>")
    if len(plan) > LIMIT:
        parts.append(f'<div class="dim">… and {len(plan) - LIMIT} more; plan.frame() has them all</div>')
    if not len(plan):
        parts.append('<div class="dim">Nothing to do.</div>')
    if plan.idle:
        parts.append(f'<div class="dim">{len(plan.idle)} touched, but the values are as they were</div>')
    if plan.reads:
        parts.append(f'<div class="dim">{len(plan.reads)} only read; the commit verifies that they did not change</div>')
    sql = "\n".join(statements)
    if sql:
        parts.append(f"<details><summary>SQL</summary><pre>{escape(sql)}</pre></details>")
    return box(*parts)


def _change_row(change: Change) -> str:
    old, new = change.old, change.new
    if change.kind == "update":
        told = "<br>".join(f"{escape(name)}: {value_html(old[name])} → {value_html(new[name])}" for name in new)
    else:
        told = "<br>".join(f"{escape(name)}: {value_html(value)}" for name, value in (new or old).items())
    steps = ", ".join(map(str, change.steps))
    return (f'<tr class="{change.kind}"><td>{change.sign}</td><td>{escape(str(change.target.identifier))}</td>'
            f'<td>{told}</td><td class="dim">step{"" if len(change.steps) == 1 else "s"} {steps}</td></tr>')


def step_html(step: Step) -> str:
    """A step: the command, and as a tree its events, mutations, policies and response."""
    who = f" by {escape(step.user)}" if step.user else ""
    head = (f"<b>step {step.number}</b> {escape(step.address)} "
            f'<span class="dim">{step.at:%H:%M:%S} UTC{who}</span>')
    return box(head, _handling_html(step.handling))


def _handling_html(handling: Handling) -> str:
    lines = [f"<li>{_message(handling.command)}</li>"]
    for occurrence in handling.occurrences:
        inner = "".join(
            f'<li class="{mutation.verb}">{SIGNS[mutation.verb]} '
            f"{escape(str(mutation.on))} {_values(mutation.values)}</li>" for mutation in occurrence.mutations)
        inner += "".join(
            f'<li><span class="dim">policy {escape(reaction.policy or "")}:</span> {_handling_html(reaction)}</li>'
            for reaction in occurrence.reactions)
        lines.append(f"<li>→ {_message(occurrence.event)}<ul>{inner}</ul></li>")
    lines += [f"<li>= {escape(repr(response))}</li>" for response in handling.responses]
    return f"<ul>{''.join(lines)}</ul>"


def _message(message: Any) -> str:
    values = {name: getattr(message, name) for name in type(message)._fields if not name.startswith("_")}
    return f"<b>{escape(type(message).__name__)}</b> {_values(values)}"


def _values(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{escape(name)}={value_html(value)}" for name, value in values.items())


def commit_html(done: Commit) -> str:
    """What was written, in a line."""
    return box(f'<span class="insert">✓</span> {escape(repr(done))} <span class="dim">{done.at:%H:%M:%S} UTC</span>')


def safely(render: Callable[..., str], *values: Any) -> str:
    """What ``render`` gives, or its traceback: IPython swallows the error of a formatter and would show nothing."""
    try:
        return render(*values)
    except Exception:
        return box(f"<pre>{escape(format_exc())}</pre>")


def register() -> None:
    """Has the running IPython, if there is one, show steps and commits as HTML; a second time changes nothing."""
    shell = _shell()
    if shell is not None:
        html = shell.display_formatter.formatters["text/html"]
        html.for_type(Step, lambda step: safely(step_html, step))
        html.for_type(Commit, lambda done: safely(commit_html, done))


def cell() -> int | None:
    """The number of the notebook's cell that is running; None outside of IPython."""
    shell = _shell()
    return None if shell is None else int(shell.execution_count)


def _shell() -> Any:
    ipython = sys.modules.get("IPython")        # not imported here: without it nothing is shown, and there is no cell
    return None if ipython is None else ipython.get_ipython()
