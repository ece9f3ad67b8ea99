"""Step as a Diagram: what one command did, each node numbered in the order in which it came about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.domain.convert import told
from workbench.domain.datadef import values_of
from workbench.domain.entity import Answer
from workbench.domain.resource import Target
from workbench.notebook.labels import shortened
from workbench.notebook.pictures.diagram import Diagram, Edge, Kind, Node
from workbench.state.planning.change import SIGNS
from workbench.state.step import Handling, Step


def step_diagram(step: Step) -> Diagram:
    """The command, its events with the items they changed, the policies that reacted, and the response."""
    drawn = _Drawn()
    drawn.handling(step.handling, None)
    return Diagram(f"step {step.number}: {step.address}", drawn.nodes, drawn.edges)


class _Drawn:
    """The nodes and edges so far."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []

    def handling(self, handling: Handling, source: str | None) -> None:
        on = "" if handling.target is None else f"on {handling.target}"
        command = self._node("command", type(handling.command).__name__, source, on, values_of(handling.command))
        for occurrence in handling.occurrences:
            event = self._node("event", type(occurrence.event).__name__, command, "", values_of(occurrence.event))
            for mutation in occurrence.mutations:
                target = mutation.on
                item = f"{target[1]} {shortened(target[2])}" if isinstance(target, Target) else str(target)
                self._node("resource", f"{SIGNS[mutation.verb]} {item}", event,
                           f"{mutation.verb} {mutation.on}", mutation.values)
            for reaction in occurrence.reactions:
                self.handling(reaction, self._node("policy", reaction.policy or "", event))
        for response in handling.responses:
            values: Mapping[str, Any] = values_of(response)
            if isinstance(response, Answer) and isinstance(response.values, Mapping):
                values = response.values
            self._node("response", type(response).__name__, command, "", values)

    def _node(
        self, kind: Kind, label: str, source: str | None, head: str = "", values: Mapping[str, Any] | None = None,
    ) -> str:
        """Adds a node with its number, and the edge that leads there; returns its key."""
        key = str(len(self.nodes) + 1)
        lines = [f"{name}={told(value)}" for name, value in (values or {}).items()]
        self.nodes.append(Node(key, kind, f"{key} {label}", "\n".join([*([head] if head else []), *lines])))
        if source is not None:
            self.edges.append(Edge(source, key))
        return key
