"""Step as HTML: a tree of the command, its events, their mutations and policies, and the response; its reads folded.

The output of a response handler is shown below: see ``html.output``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any
from uuid import UUID

from workbench.domain.datadef import values_of
from workbench.domain.entity import Answer, Response
from workbench.domain.mutation import Mutation
from workbench.domain.resource import Target
from workbench.notebook.html.box import box, values_html
from workbench.notebook.html.called import Called, Names, field_html, message_html, named_html, target_html
from workbench.notebook.html.output import is_plain, output_html
from workbench.state.planning.change import SIGNS
from workbench.state.replay import Issued
from workbench.state.step import NOT_THERE, Handling, Step
from workbench.wording import LIMIT, visible

_NO_EVENT = '<li class="dim">no event, so nothing changed</li>'
_NOTHING = '<li class="dim">nothing came of it</li>'


def step_html(step: Step, called: Called | None = None) -> str:
    """A step: its address, when, by whom and in which cell, and what came of it as a tree.

    ``called`` tells what the items are called that it changed."""
    facts = [f"{step.at:%H:%M:%S} UTC"]
    facts += [f"by {step.user}"] if step.user else []
    facts += [f"cell {step.cell}"] if step.cell is not None else []
    head = (f"<div><b>step {step.number}</b> {address_html(step, called)} "
            f'<span class="dim">{escape(visible(", ".join(facts)))}</span></div>')
    return box(head, tree_html(step, called), _reads(step), _output(step))


def tree_html(step: Step, called: Called | None) -> str:
    """What came of a step as a tree, not yet in a ``box``."""
    if called is not None:
        called = called.knowing(_led(step, called))
    return f"<ul><li>{_message(step.command, step.handling, called)}</li>{_handling(step.handling, called)}</ul>"


def _led(step: Step, called: Called) -> dict[UUID, Target]:
    """The items that fields of a step lead to by ``references=``, by their identifiers: the fields of an event, which
    say no such thing as a rule, hold the same."""
    found: dict[UUID, Target | None] = {}
    for handling in step.handling.walk():
        led = [called.leads_from(field, handling.domain, getattr(handling.command, name))
               for name, field in type(handling.command)._public.items()]
        led += [called.leads(mutation.on, name, value) for occurrence in handling.occurrences
                for mutation in occurrence.mutations if isinstance(mutation.on, Target)
                for name, value in mutation.values.items()]
        for target in led:
            if target is not None and type(target.identifier) is UUID:
                known = found.setdefault(target.identifier, target)
                found[target.identifier] = target if known == target else None      # of two it is not known which
    return {identifier: target for identifier, target in found.items() if target is not None}


def address_html(step: Issued, called: Called | None) -> str:
    """The address of a step, in which the item that it was on is named."""
    return named_address_html(step.address, step.on, called)


def named_address_html(address: str, on: Target | None, called: Names | None) -> str:
    """The address of a command that was on an item."""
    if on is None or not address.endswith(f"/{on.identifier}"):
        return escape(visible(address))
    label = None if called is None else called.label(on)
    where = escape(visible(address.removesuffix(f"/{on.identifier}")))
    return f"{where}{' ' if label else '/'}{named_html(on.identifier, label)}"


def _handling(handling: Handling, called: Called | None) -> str:
    """What came of a command: a branch of the tree for each event and each response."""
    branches = []
    for occurrence in handling.occurrences:
        leaves = [
            f'<li><span class="{mutation.verb}">{SIGNS[mutation.verb]} {target_html(mutation.on, called)}</span> '
            f"{_values_html(mutation, called)}</li>" for mutation in occurrence.mutations]
        for reaction in occurrence.reactions:
            place = target_html(reaction.target, called)
            on = "" if reaction.target is None else f' <span class="dim">on {place}</span>'
            command = _message(reaction.command, reaction, called)
            leaves.append(f'<li><span class="dim">policy {escape(reaction.policy or "")}:</span> '
                          f"{command}{on}{_list(_handling(reaction, called))}</li>")
        event = _message(occurrence.event, handling, called)
        branches.append(f"<li>→ {event}{_list(''.join(leaves) or _NOTHING)}</li>")
    branches += [_NO_EVENT] if handling.responses and not branches else []
    branches += [f"<li>= {_message(response, handling, called)}</li>" for response in handling.responses]
    return "".join(branches) or _NOTHING


def _values_html(mutation: Mutation, called: Called | None) -> str:
    return ", ".join(f"{escape(name)}={field_html(called, mutation.on, name, value)}"
                     for name, value in mutation.values.items())


def _list(items: str) -> str:
    return f"<ul>{items}</ul>" if items else ""


def _message(message: Any, handling: Handling, called: Called | None) -> str:
    if isinstance(message, Answer) and isinstance(message.values, Mapping):     # its name says nothing
        return values_html(message.values)
    told = ", ".join(f"{escape(name)}={message_html(called, handling.domain, message, name)}"
                     for name in values_of(message))
    return f"<b>{escape(type(message).__name__)}</b> {told}"


def _reads(step: Step) -> str:
    """What the handlers looked at in the database, folded."""
    lines = [f"{target}  {'not there' if etag == NOT_THERE else 'no etag' if etag is None else f'etag {etag}'}"
             for target, etag in step.reads.items()]
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
