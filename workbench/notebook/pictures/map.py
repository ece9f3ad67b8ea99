"""Map: the domains of a session as a Diagram, command -> event -> policy -> command and event -> resource.

Solid edges happened in the session's steps, dashed ones were only Seen in the handlers' code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from workbench.domain.handler import Handler
from workbench.domain.registry import Known, Registry
from workbench.domain.resource import Target
from workbench.errors import Invalid, UnknownName
from workbench.notebook.pictures.diagram import Diagram, Edge, Kind, Mark, Node
from workbench.notebook.pictures.seen import Seen, known_or_none, name_of, policy_name
from workbench.state.planning.change import SIGNS
from workbench.state.step import Step


def map_of(registry: Registry, steps: Iterable[Step]) -> Diagram:
    """The domains of a session with what happened in some steps of it; nothing is run.

    An edge's label counts: ``2×`` how often it happened, ``+1 ~2`` how many inserts, updates and deletes there were.
    Marked are what has no handler, and the events, policies and resources to which nothing seems to lead."""
    registry.refresh()
    happened, seen = _happened(registry, steps), Seen(registry)
    edges = [Edge(source, target, _counted(count)) for (source, target), count in happened.items()]
    edges += [Edge(*pair, dashed=True) for pair in seen.edges if pair not in happened]
    nodes = list(_nodes(registry, _reached(edges), seen))
    marks = {node.mark for node in nodes}
    remarks = [sentence for sentence, said in (
        ("solid: happened in this session; dashed: only seen in the handlers' code", bool(edges)),
        ("✗ unhandled: it has no handler", "unhandled" in marks),
        ("? unreachable: nothing seems to lead there", "unreachable" in marks),
        ("some handlers could not be read whole: there may be more than is shown", seen.partly)) if said]
    return Diagram(f"map of {', '.join(registry.domains)}", nodes, edges, remarks)


def _nodes(registry: Registry, reached: set[str], seen: Seen) -> Iterator[Node]:
    """A node for all that is registered but for responses, marked."""
    for domain in registry.domains.values():
        for command in domain.commands.values():
            yield _node("command", Known.of(domain.key, command), domain.command_handlers.get(command.key), leads=True)
        for event in domain.events.values():
            known = Known.of(domain.key, event)
            yield _node("event", known, domain.event_handlers.get(event.key),
                        leads=name_of("event", known) in reached or seen.open_to("event", known))
        for _, handler in domain.policies.values():
            name = policy_name(handler)
            yield Node(name, "policy", handler.name, _note(domain.key, handler.function),
                       "" if name in reached or seen.partly else "unreachable")
        for resource in domain.resources.values():
            known = Known.of(domain.key, resource)
            leads = name_of("resource", known) in reached or seen.open_to("resource", known)
            yield Node(name_of("resource", known), "resource", known.cls.__name__,
                       _note(f"{known.domain}:{known.key}", known.cls), "" if leads else "unreachable")


def _node(kind: Kind, known: Known, handler: Handler | None, *, leads: bool) -> Node:
    """The node of a command or an event, which are what has a handler."""
    mark: Mark = "unhandled" if handler is None else "" if leads else "unreachable"
    handled = "" if handler is None else f"\nhandled by {handler.name}"
    return Node(name_of(kind, known), kind, known.cls.__name__,
                f"{_note(f'{known.domain}:{known.key}', known.cls)}{handled}", mark)


def _reached(edges: Iterable[Edge]) -> set[str]:
    """The keys of the nodes to which some way leads from a command."""
    leads: dict[str, list[str]] = {}
    for edge in edges:
        leads.setdefault(edge.source, []).append(edge.target)
    reached: set[str] = set()
    waiting = [key for key in leads if key.startswith("command ")]
    while waiting:
        for key in leads.get(waiting.pop(), ()):
            if key not in reached:
                reached.add(key)
                waiting.append(key)
    return reached


def _note(where: str, definition: Any) -> str:
    """Where it is registered, and the first line of a docstring of its own."""
    doc = (vars(definition).get("__doc__") if isinstance(definition, type) else definition.__doc__) or ""
    return "\n".join([where, *doc.strip().splitlines()[:1]])


def _happened(registry: Registry, steps: Iterable[Step]) -> dict[tuple[str, str], Counter[str]]:
    """How often each edge happened; mutations by their sign. What is no longer registered is left out."""
    counts: dict[tuple[str, str], Counter[str]] = {}

    def add(source: str, target: str, sign: str = "×") -> None:
        counts.setdefault((source, target), Counter())[sign] += 1

    for handling in (handling for step in steps for handling in step.handling.walk()):
        command = known_or_none(registry, type(handling.command))
        for occurrence in handling.occurrences:
            if (event := known_or_none(registry, type(occurrence.event))) is None:
                continue
            name = name_of("event", event)
            if command is not None:
                add(name_of("command", command), name)
            for mutation in occurrence.mutations:
                if (target := _target(registry, mutation.on)) is not None:
                    add(name, f"resource {target.domain}:{target.resource}", SIGNS[mutation.verb])
            for reaction in occurrence.reactions:
                then = known_or_none(registry, type(reaction.command))
                for policy in registry.policies(type(occurrence.event)):
                    if policy.name == reaction.policy and then is not None:
                        add(name, policy_name(policy))
                        add(policy_name(policy), name_of("command", then))
    return counts


def _target(registry: Registry, on: Any) -> Target | None:
    try:
        return registry.target(on)
    except (UnknownName, Invalid):      # forgotten since, or of another type of identifier now
        return None


def _counted(counts: Counter[str]) -> str:
    return " ".join(f"{count}×" if sign == "×" else f"{sign}{count}" for sign, count in sorted(counts.items()))
