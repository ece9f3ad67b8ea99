"""Diagram: a small graph as a value, of Nodes and of Edges between them; Mermaid, SVG and words are made of it.

A Node is of a kind, which gives its colour and shape, and may carry a mark, which says that something is wrong with it.
A dashed Edge is one that did not happen: it was only seen in the code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from workbench.errors import WorkbenchError
from workbench.wording import counted, visible

Kind = Literal["command", "event", "policy", "resource", "response", "branch"]
Mark = Literal["", "unhandled", "unreachable"]

SIGNS: dict[Mark, str] = {"": "", "unhandled": "✗ ", "unreachable": "? "}
LIMIT = 300     # nodes drawn; of more nobody reads the picture


class Node(NamedTuple):
    """A box: ``key`` names it among the nodes, ``label`` is written on it, ``note`` is what hovering shows."""

    key: str
    kind: Kind
    label: str
    note: str = ""
    mark: Mark = ""

    @property
    def told(self) -> str:
        """The label with the sign of its mark."""
        return f"{SIGNS[self.mark]}{self.label}"


class Edge(NamedTuple):
    """An arrow from one node, by its key, to another."""

    source: str
    target: str
    label: str = ""
    dashed: bool = False


class Diagram:
    """Some nodes and edges; ``remarks`` are sentences that stand below them. Equal when all of these are.

    Raises WorkbenchError where two nodes have one key, or an edge names no node."""

    __slots__ = ("edges", "nodes", "remarks", "title")

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    remarks: tuple[str, ...]

    def __init__(
        self, title: str, nodes: Iterable[Node], edges: Iterable[Edge] = (), remarks: Iterable[str] = (),
    ) -> None:
        for name, value in (("title", title), ("nodes", tuple(nodes)), ("edges", tuple(edges)),
                            ("remarks", tuple(remarks))):
            object.__setattr__(self, name, value)
        known = Counter(node.key for node in self.nodes)
        faults = [f'two nodes have the key "{key}"' for key, count in known.items() if count > 1]
        faults += [f'an edge names "{key}", which is no node'
                   for key in dict.fromkeys(key for edge in self.edges for key in edge[:2]) if key not in known]
        if faults:
            raise WorkbenchError(f'the diagram "{title}" cannot be drawn: {"; ".join(faults)}')

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Diagram is a value and cannot be changed; make another one")

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def __eq__(self, other: object) -> bool:
        return self._parts() == other._parts() if isinstance(other, Diagram) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._parts())

    def _parts(self) -> tuple[object, ...]:
        return self.title, self.nodes, self.edges, self.remarks

    def capped(self) -> Diagram:
        """The same with the first 300 nodes at most, in the order of ``walk``, and a remark on the rest."""
        if len(self.nodes) <= LIMIT:
            return self
        kept = {node.key for _, node in zip(range(LIMIT), self.walk(), strict=False)}
        left = len(self.nodes) - LIMIT
        return Diagram(
            self.title, [node for node in self.nodes if node.key in kept],
            [edge for edge in self.edges if edge.source in kept and edge.target in kept],
            [*self.remarks, f"{counted(left, 'more node')} of {len(self.nodes)} are not drawn: "
                            f"a picture of more than {LIMIT} cannot be read"])

    def walk(self) -> Iterator[Node]:
        """All nodes, each followed by those to which it leads: what belongs together is together."""
        nodes, leads = {node.key: node for node in self.nodes}, self.leads()
        led = {edge.target for edge in self.edges}
        # Taken from the end: those to which nothing leads, then what is left, which goes round in circles.
        waiting = sorted(nodes, key=led.__contains__)[::-1]
        seen = set()
        while waiting:
            key = waiting.pop()
            if key not in seen:
                seen.add(key)
                yield nodes[key]
                waiting += [edge.target for edge in reversed(leads.get(key, ()))]

    def leads(self) -> dict[str, list[Edge]]:
        """The edges that begin at each node that has some."""
        found: dict[str, list[Edge]] = {}
        for edge in self.edges:
            found.setdefault(edge.source, []).append(edge)
        return found

    def __repr__(self) -> str:
        nodes, leads = {node.key: node for node in self.nodes}, self.leads()
        lines = [visible(self.title)]
        for node in self.walk():
            lines.append(f"  {visible(node.told)} ({node.kind}{f', {node.mark}' if node.mark else ''})")
            for edge in leads.get(node.key, ()):
                arrow = "- ->" if edge.dashed else "-->"
                told = f"{nodes[edge.target].label}{f'  {edge.label}' if edge.label else ''}"
                lines.append(f"    {arrow} {visible(told)}")
        return "\n".join([*lines, *self.remarks])
