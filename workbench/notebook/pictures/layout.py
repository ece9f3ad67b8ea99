"""Layout: where the nodes of a Diagram stand, and by which points their edges go.

Nodes stand in ranks: an edge leads from a rank to a later one, but for one that closes a circle, which leads back. An
edge over several ranks takes a place in each, so that it passes between nodes and never behind one.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from workbench.notebook.pictures.diagram import Diagram, Edge

_SWEEPS = 4     # passes that bring each node near to those it is tied to; more change little
_DEEP = 8       # ranks from which they go down

_Slot = tuple[str, int]     # a node (its key, -1), or the place of an edge in a rank ("", its number)


class Layout(NamedTuple):
    """``places``: for each node its rank and its row in that. ``ways``: for each edge, in order, the (rank, row) from
    its source to its target. Rows may be halves; all are 0 or more."""

    places: dict[str, tuple[int, float]]
    ways: list[list[tuple[int, float]]]

    @property
    def down(self) -> bool:
        """Whether the ranks are so many that they go down: to the right the picture would shrink to a hairline."""
        return max((rank for rank, _ in self.places.values()), default=0) >= _DEEP


def layout(diagram: Diagram) -> Layout:
    """Ranks by the longest way that leads to a node, rows by the mean of the neighbours."""
    ranks = _ranks(diagram)
    slots: list[list[_Slot]] = [[] for _ in range(max(ranks.values(), default=-1) + 1)]
    for node in diagram.walk():
        slots[ranks[node.key]].append((node.key, -1))
    ties: dict[tuple[int, _Slot], list[tuple[int, _Slot]]] = {}
    chains = []
    for number, edge in enumerate(diagram.edges):
        chain = _chain(edge, number, ranks)
        for rank, slot in chain[1:-1]:
            slots[rank].append(slot)
        for one, other in pairwise(chain):
            ties.setdefault(one, []).append(other)
            ties.setdefault(other, []).append(one)
        chains.append(chain)
    rows = _rows(slots, ties)
    return Layout({node.key: (ranks[node.key], rows[ranks[node.key], (node.key, -1)]) for node in diagram.nodes},
                  [[(at[0], rows[at]) for at in chain] for chain in chains])


def _chain(edge: Edge, number: int, ranks: dict[str, int]) -> list[tuple[int, _Slot]]:
    """The rank and slot of each place of an edge, from its source to its target."""
    first, last = ranks[edge.source], ranks[edge.target]
    step = 1 if last >= first else -1
    between: list[tuple[int, _Slot]] = [(rank, ("", number)) for rank in range(first + step, last, step)]
    return [(first, (edge.source, -1)), *between, (last, (edge.target, -1))]


def _ranks(diagram: Diagram) -> dict[str, int]:
    """The rank of each node; edges that close a circle, found by a walk in depth, count as reversed."""
    leads = diagram.leads()
    ahead: dict[str, list[str]] = {node.key: [] for node in diagram.nodes}
    under_way: set[str] = set()
    finished: dict[str, None] = {}
    for root in diagram.walk():
        waiting = [(root.key, iter(leads.get(root.key, ())))] if root.key not in finished else []
        under_way.update(key for key, _ in waiting)
        while waiting:
            key, edges = waiting[-1]
            edge = next(edges, None)
            if edge is None:
                waiting.pop()
                under_way.discard(key)
                finished[key] = None
            elif edge.target == key:
                continue
            elif edge.target in under_way:
                ahead[edge.target].append(key)
            else:
                ahead[key].append(edge.target)
                if edge.target not in finished:
                    under_way.add(edge.target)
                    waiting.append((edge.target, iter(leads.get(edge.target, ()))))
    ranks = dict.fromkeys(ahead, 0)
    for key in reversed(finished):      # each before those to which it leads
        for target in ahead[key]:
            ranks[target] = max(ranks[target], ranks[key] + 1)
    return ranks


def _rows(
    slots: list[list[_Slot]], ties: dict[tuple[int, _Slot], list[tuple[int, _Slot]]],
) -> dict[tuple[int, _Slot], float]:
    """The row of each slot: sorted by the mean row of its neighbours, a few times to and fro; ranks are centred."""
    most = max(map(len, slots), default=0)
    rows: dict[tuple[int, _Slot], float] = {}

    def settle(rank: int) -> None:
        for row, slot in enumerate(slots[rank]):
            rows[rank, slot] = row + (most - len(slots[rank])) / 2

    for rank in range(len(slots)):
        settle(rank)
    for sweep in range(_SWEEPS):
        order: Iterable[int] = range(len(slots)) if sweep % 2 == 0 else reversed(range(len(slots)))
        for rank in order:
            means = {slot: _mean([rows[tie] for tie in ties.get((rank, slot), ())], rows[rank, slot])
                     for slot in slots[rank]}
            slots[rank].sort(key=means.__getitem__)
            settle(rank)
    return rows


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
