"""Step as HTML: a tree of the command, its events, their mutations and policies, and the response; its reads folded.

The output of a response handler is shown below: see ``output``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from workbench.domain.datadef import values_of
from workbench.domain.entity import Answer, Response
from workbench.notebook.box import LIMIT, box, values_html
from workbench.notebook.output import is_plain, output_html
from workbench.state.change import SIGNS
from workbench.state.step import Handling, Step


def step_html(step: Step) -> str:
    """A step: its address, when, by whom and in which cell, and what came of it as a tree."""
    facts = [f"{step.at:%H:%M:%S} UTC"]
    facts += [f"by {step.user}"] if step.user else []
    facts += [f"cell {step.cell}"] if step.cell is not None else []
    head = (f"<div><b>step {step.number}</b> {escape(step.address)} "
            f'<span class="dim">{escape(", ".join(facts))}</span></div>')
    tree = f"<ul><li>{_message(step.command)}</li>{_handling(step.handling)}</ul>"
    return box(head, tree, _reads(step), _output(step))


def _handling(handling: Handling) -> str:
    """What came of a command, one branch of the tree for each event and response."""
    branches = []
    for occurrence in handling.occurrences:
        leaves = [
            f'<li><span class="{mutation.verb}">{SIGNS[mutation.verb]} {escape(str(mutation.on))}</span> '
            f"{values_html(mutation.values)}</li>" for mutation in occurrence.mutations]
        for reaction in occurrence.reactions:
            on = "" if reaction.target is None else f' <span class="dim">on {escape(str(reaction.target))}</span>'
            leaves.append(f'<li><span class="dim">policy {escape(reaction.policy or "")}:</span> '
                          f"{_message(reaction.command)}{on}{_list(_handling(reaction))}</li>")
        branches.append(f"<li>→ {_message(occurrence.event)}{_list(''.join(leaves))}</li>")
    branches += [f"<li>= {_message(response)}</li>" for response in handling.responses]
    return "".join(branches)


def _list(items: str) -> str:
    return f"<ul>{items}</ul>" if items else ""


def _message(message: Any) -> str:
    if isinstance(message, Answer) and isinstance(message.values, Mapping):     # its name says nothing
        return values_html(message.values)
    return f"<b>{escape(type(message).__name__)}</b> {values_html(values_of(message))}"


def _reads(step: Step) -> str:
    """What the handlers looked at in the database, folded."""
    lines = [f"{target}  {'not there' if etag is None else f'etag {etag}'}" for target, etag in step.reads.items()]
    for search in step.searches:
        equals = ", ".join(f"{name}={value!r}" for name, value in search.equals.items())
        lines.append(f"{':'.join(search.kindred)} where {equals or 'any'}: {len(search.found)} found")
    if not lines:
        return ""
    return (f'<details class="in"><summary class="dim">read {len(lines)}</summary>'
            f"<pre>{escape(_first(lines))}</pre></details>")


def _first(lines: Iterable[str]) -> str:
    lines = list(lines)
    more = [f"… and {len(lines) - LIMIT} more; step.reads has them all"] if len(lines) > LIMIT else []
    return "\n".join([*lines[:LIMIT], *more])


def _output(step: Step) -> str:
    response = step.response
    if response is None or is_plain(step.output, _values(response)):
        return ""
    return f'<div class="in">{output_html(step.output)}</div>'


def _values(response: Response) -> Mapping[str, Any]:
    if isinstance(response, Answer) and isinstance(response.values, Mapping):
        return response.values
    return values_of(response)
