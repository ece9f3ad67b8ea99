"""Display: plans, steps and commits as HTML that reads well in both themes.

Every text that comes from a domain or the database is escaped. Colours are JupyterLab's own variables, mixed with the
colour of its text (its orange alone is too pale on white), with fixed ones where there is no JupyterLab; every colour
has a sign beside it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from html import escape
from traceback import format_exc
from typing import Any
from uuid import UUID

from workbench.domain.entity import Answer
from workbench.postgres.commit import Commit
from workbench.state.change import SIGNS, Change
from workbench.state.plan import Plan
from workbench.state.step import Handling, Step

# .wb.wb counts more than JupyterLab's own rules for tables in outputs: to the right, every second row grey.
STYLE = """<style>
.wb {--wb-text: var(--jp-content-font-color1, currentColor); color: var(--wb-text); overflow-x: auto; line-height: 1.5;
     font-family: var(--jp-code-font-family, monospace); font-size: var(--jp-code-font-size, 13px)}
.wb.wb table {border-collapse: collapse; margin: .3em 0 .5em; font-size: inherit}
.wb.wb tr:nth-child(n) {background: none; border: 0}
.wb.wb tr:nth-child(n) > * {padding: 1px 1.2em 1px 0; text-align: left; vertical-align: top; border: 0; max-width: none;
     white-space: nowrap; font-size: inherit; line-height: 1.5}
.wb.wb tr > .told {white-space: normal}
.wb .insert {color: color-mix(in srgb, var(--jp-success-color1, #2e7d32) 75%, var(--wb-text))}
.wb .update {color: color-mix(in srgb, var(--jp-warn-color1, #b26a00) 75%, var(--wb-text))}
.wb .delete {color: color-mix(in srgb, var(--jp-error-color1, #c62828) 75%, var(--wb-text))}
.wb .dim {opacity: .65} .wb b {font-weight: 600} .wb summary {cursor: pointer}
.wb .in {margin-left: 1.4em} .wb.wb pre {margin: .2em 0 .2em 1.4em; padding: 0; white-space: pre-wrap; background: none;
     color: inherit; font-size: inherit}
</style>"""
LIMIT = 200     # changes shown; the frame has them all


def box(*parts: str) -> str:
    """Parts of HTML as one output of a cell."""
    return f'{STYLE}<div class="wb">{"".join(parts)}</div>'


def value_html(value: Any) -> str:
    """A value as one would write it, shortened; its repr is in the tooltip, where that is longer."""
    whole = _cut(value, 2000)
    text = _cut(value, 60)
    if isinstance(value, Decimal | UUID | date | time | timedelta):     # without the name of their class
        text = str(value)
    return escape(text) if text == whole else f'<span title="{escape(whole)}">{escape(text)}</span>'


def _cut(value: Any, length: int) -> str:
    try:
        text = repr(value)
    except Exception:       # such as an int of more than 4300 digits
        text = f"<{type(value).__name__} that cannot be shown>"
    return text if len(text) <= length else f"{text[:length - 1]}…"


def plan_html(plan: Plan, statements: Iterable[str]) -> str:
    """A plan: its summary, ``+ ~ -`` with old -> new per column grouped by resource, why, and the SQL folded."""
    groups: dict[str, list[Change]] = {}
    for change in plan.changes[:LIMIT]:
        groups.setdefault(f"{change.target.domain}:{change.target.resource}", []).append(change)
    parts = [f"<b>Plan: {escape(plan.summary)}</b>"]
    for resource, changes in groups.items():
        rows = "".join(_change_row(change) for change in changes)
        parts.append(f"<table><tr><th colspan=3>{escape(resource)}</th></tr>{rows}</table>")
    if len(plan) > LIMIT:
        parts.append(f'<div class="dim">… and {len(plan) - LIMIT} more; plan.frame() has them all</div>')
    if not len(plan):
        parts.append('<div class="dim">Nothing to do.</div>')
    if plan.idle:
        parts.append(f'<div class="dim">{len(plan.idle)} touched, but the values are as they were</div>')
    if plan.reads:
        told = f"{len(plan.reads)} read and not changed; the commit verifies that they did not move"
        parts.append(f'<div class="dim">{told}</div>')
    sql = "\n".join(statements)
    if sql:
        parts.append(f"<details><summary>SQL</summary><pre>{escape(sql)}</pre></details>")
    return box(*parts)


def _change_row(change: Change) -> str:
    old, new = change.old, change.new
    if change.kind == "update":
        told = [f'{escape(name)}: <span class="dim">{value_html(old[name])} →</span> {value_html(value)}'
                for name, value in new.items()]
    else:
        told = [f"{escape(name)}: {value_html(value)}" for name, value in (new or old).items()]
    steps = f"step{'' if len(change.steps) == 1 else 's'} {', '.join(map(str, change.steps))}"
    return (f'<tr><td class="{change.kind}">{change.sign} {escape(str(change.target.identifier))}</td>'
            f'<td class="told">{"<br>".join(told)}</td><td class="dim">{steps}</td></tr>')


def step_html(step: Step) -> str:
    """A step: its address, and as a tree the command, its events, mutations, policies and response."""
    facts = [f"{step.at:%H:%M:%S} UTC"]
    facts += [f"by {step.user}"] if step.user else []
    facts += [f"cell {step.cell}"] if step.cell is not None else []
    head = (f"<div><b>step {step.number}</b> {escape(step.address)} "
            f'<span class="dim">{escape(", ".join(facts))}</span></div>')
    return box(head, _in(f"<div>{_message(step.command)}</div>{_handling_html(step.handling)}"))


def _in(html: str) -> str:
    return f'<div class="in">{html}</div>'


def _handling_html(handling: Handling) -> str:
    """What came of a command, a line each."""
    lines = []
    for occurrence in handling.occurrences:
        lines.append(f"<div>→ {_message(occurrence.event)}</div>")
        lines += [
            _in(f'<span class="{mutation.verb}">{SIGNS[mutation.verb]} {escape(str(mutation.on))}</span> '
                f"{_values(mutation.values)}") for mutation in occurrence.mutations]
        for reaction in occurrence.reactions:
            on = "" if reaction.target is None else f' <span class="dim">on {escape(str(reaction.target))}</span>'
            lines.append(_in(f'<div><span class="dim">policy {escape(reaction.policy or "")}:</span> '
                             f"{_message(reaction.command)}{on}</div>{_in(_handling_html(reaction))}"))
    lines += [f"<div>= {_message(response)}</div>" for response in handling.responses]
    return "".join(lines)


def _message(message: Any) -> str:
    if isinstance(message, Answer) and isinstance(message.values, Mapping):     # its name says nothing
        return _values(message.values)
    values = {name: getattr(message, name) for name in type(message)._fields if not name.startswith("_")}
    return f"<b>{escape(type(message).__name__)}</b> {_values(values)}"


def _values(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{escape(str(name))}={value_html(value)}" for name, value in values.items())


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
    """The number of the notebook's cell that is running; None in a widget's callback and outside of IPython."""
    shell = _shell()
    running = None if shell is None else shell.displayhook.exec_result
    if running is None:
        return None
    kernel = getattr(shell, "kernel", None)     # a terminal has none
    if kernel is not None and kernel.get_parent().get("msg_type") == "comm_msg":
        return None         # a click that came in while a cell awaits or, in a subshell, while it runs
    # Not shell.execution_count: some IPythons count up before the cell runs, some after it.
    number: int | None = running.execution_count
    return number


def _shell() -> Any:
    ipython = sys.modules.get("IPython")        # not imported here: without it nothing is shown, and there is no cell
    return None if ipython is None else ipython.get_ipython()
