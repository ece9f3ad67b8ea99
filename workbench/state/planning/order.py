"""Order: the order in which the changes of a plan are written; it follows from what depends on what, not from kinds.

``ordered`` gives every change the lowest rank that respects all its reasons, so that the changes of one rank may share
statements. A ring of changes, in which each waits for the next, is opened where possible: its deferrable constraints
are deferred; else a row is inserted with NULL for its parent, which is filled in afterwards; else a row gives up its
value or its parent beforehand (it is *parked*). A ring that cannot be opened is told in ``tangles``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from workbench.domain.registry import Kindred
from workbench.state.planning.block import Rank
from workbench.state.planning.change import Change
from workbench.state.planning.dependencies import Reason, reasons, unseen
from workbench.state.planning.spares import spare
from workbench.state.planning.table import Column, ForeignKey, Table, Unique


class Order(NamedTuple):
    """The ``changes``, and the ``ranks`` in which they or their parts are written: those of one rank in any order, each
    rank after the ones before it.

    ``reasons`` are those for which a change waits, by its place in ``changes``; ``deferred`` the names of constraints
    that must be deferred; ``tangles`` tells the rings that cannot be opened (their changes are in the last rank)."""

    ranks: Sequence[Rank]
    reasons: Mapping[int, list[Reason]]
    changes: Rank
    deferred: frozenset[str] = frozenset()
    tangles: tuple[str, ...] = ()


def ordered(changes: Rank, tables: Mapping[Kindred, Table]) -> Order:
    """The changes in ranks, with what is needed to open their rings."""
    found, guessed = list(reasons(changes, tables)), unseen(changes, tables)
    if not found and not guessed:
        return Order([changes] if len(changes) else [], {}, changes)
    return _Ordering(changes, tables, found, guessed).run()


class _Ordering:
    """Makes one order: nodes are changes and parts; edges are reasons, or tie the parts of one change.

    What is only guessed goes over a hub, which is a node without a change: from all of the first to the hub, and from
    there to all of the others."""

    def __init__(
        self, changes: Rank, tables: Mapping[Kindred, Table], found: list[Reason],
        guessed: Sequence[tuple[list[int], list[int]]],
    ) -> None:
        self._given, self._tables = changes, tables
        self.nodes: list[Change] = list(changes)
        # All the reasons for an edge: one that is opened by one of them stays for the others. None ties the parts of
        # one change, and hubs.
        self.edges: dict[int, dict[int, list[Reason | None]]] = defaultdict(dict)
        self.reasons: dict[int, list[Reason]] = defaultdict(list)
        self.deferred: set[str] = set()
        self._used: dict[tuple[Kindred, str], set[Any]] = {}    # the values of those fields that needed a spare one
        for reason in found:
            self.edges[reason.before].setdefault(reason.after, []).append(reason)
            self.reasons[reason.after].append(reason)
        self._hubs: set[int] = set()
        for children, parents in guessed:
            self._hubs.add(len(self.nodes))
            self._add(self.nodes[parents[0]], before=tuple(parents), after=tuple(children))

    def run(self) -> Order:
        tangles: list[str] = []
        while True:
            ranks, left = self._ranks()
            if not left or tangles:
                break
            for ring in self._rings(left):
                if not self._open(ring):
                    tangles.append("; ".join(reason.told(self.nodes) for _, _, reason in self._inside(ring)))
        if left:
            ranks.append(left)
        changes = ([self.nodes[node] for node in rank if node not in self._hubs] for rank in ranks)
        return Order([Rank.of(some) for some in changes if some], self.reasons, self._given,
                     frozenset(self.deferred), tuple(tangles))

    def _ranks(self) -> tuple[list[list[int]], list[int]]:
        """The nodes by rank (Kahn), and those that a ring keeps from having one."""
        waiting = [0] * len(self.nodes)
        for followers in self.edges.values():
            for follower in followers:
                waiting[follower] += 1
        ranks, ready = [], [node for node, count in enumerate(waiting) if count == 0]
        while ready:
            ranks.append(ready)
            freed = []
            for node in ready:
                for follower in self.edges.get(node, ()):
                    waiting[follower] -= 1
                    if waiting[follower] == 0:
                        freed.append(follower)
            ready = sorted(freed)
        return ranks, [node for node, count in enumerate(waiting) if count > 0]

    def _rings(self, left: Sequence[int]) -> list[set[int]]:
        """The sets of nodes that wait for each other (Tarjan's strongly connected components, without recursion)."""
        among, number, low = set(left), dict[int, int](), dict[int, int]()
        stack: list[int] = []
        on_stack: set[int] = set()
        rings: list[set[int]] = []
        for root in left:
            if root in number:
                continue
            number[root] = low[root] = len(number)
            stack.append(root)
            on_stack.add(root)
            work = [(root, iter(self.edges.get(root, ())))]
            while work:
                node, followers = work[-1]
                for follower in followers:
                    if follower not in among:
                        continue
                    if follower not in number:
                        number[follower] = low[follower] = len(number)
                        stack.append(follower)
                        on_stack.add(follower)
                        work.append((follower, iter(self.edges.get(follower, ()))))
                        break
                    if follower in on_stack:
                        low[node] = min(low[node], number[follower])
                else:
                    work.pop()
                    if work:
                        low[work[-1][0]] = min(low[work[-1][0]], low[node])
                    if low[node] == number[node]:
                        ring = set()
                        while node not in ring:
                            ring.add(stack.pop())
                        on_stack -= ring
                        if len(ring) > 1:
                            rings.append(ring)
        return rings

    def _open(self, ring: set[int]) -> bool:
        """Takes at least one reason out of a ring, what is only guessed first; False when none can be."""
        if hubs := ring & self._hubs:
            for hub in hubs:
                del self.edges[hub]
            return True
        inside = self._inside(ring)
        deferrable = [edge for edge in inside if edge[2].rule.deferrable]
        if deferrable:
            for node, after, reason in deferrable:
                self._take(node, after, reason)
                self.deferred.add(reason.rule.name)
            return True
        ways = {"parent": self._fill_later, "child": self._park_parent, "value": self._park_value,
                "along": self._let_go}
        # To let go comes last: a row that goes along before its turn is not found any more.
        inside.sort(key=lambda edge: edge[2].kind == "along")
        return any(ways[reason.kind](node, after, reason) for node, after, reason in inside)

    def _fill_later(self, parent: int, child: int, reason: Reason) -> bool:
        """The child is inserted with NULL for its parent, which is filled in at the end; False where it cannot be."""
        assert isinstance(reason.rule, ForeignKey)
        fields = self._nullable(child, reason.rule.fields)
        change = self.nodes[child]
        if not fields or change.kind != "insert":
            return False
        self.nodes[child], filling = change.fill(fields)
        self._add(filling, after=(parent, child))
        self._take(parent, child, reason)
        return True

    def _park_parent(self, child: int, parent: int, reason: Reason) -> bool:
        """The child sets its parent to NULL beforehand; False where it cannot."""
        assert isinstance(reason.rule, ForeignKey)
        fields = self._nullable(child, reason.rule.fields)
        if not fields:
            return False
        parking, self.nodes[child] = self.nodes[child].park(dict.fromkeys(fields))
        self._add(parking, before=(child, parent))
        self._take(child, parent, reason)
        return True

    def _let_go(self, child: int, parent: int, reason: Reason) -> bool:
        """The child is not waited for: what becomes of its row is for the database."""
        self._take(child, parent, reason)
        return True

    def _park_value(self, freer: int, taker: int, reason: Reason) -> bool:
        """The row that has the value gives it up beforehand, for NULL or for a value that no row has; False where it
        cannot."""
        assert isinstance(reason.rule, Unique)
        fields = () if reason.rule.nulls_alike else self._nullable(freer, reason.rule.fields)[:1]
        parked: dict[str, Any] = dict.fromkeys(fields)
        if not fields:
            table = self._tables[self.nodes[freer].target[:2]]
            named = {field for key in table.foreign_keys for field in key.fields}       # a spare value is no parent
            for field in reason.rule.fields:
                value = None if field in named else self._spare(freer, field)
                if value is not None:
                    parked = {field: value}
                    break
        if not parked:
            return False
        parking, self.nodes[freer] = self.nodes[freer].park(parked)
        self._add(parking, before=(freer, taker))
        self._take(freer, taker, reason)
        return True

    def _spare(self, node: int, field: str) -> Any:
        """A value that no row of the plan has, and most likely no other row either; None where none is found."""
        target, before = self.nodes[node].target, self.nodes[node].before
        assert before is not None       # else there is no value that it could give up
        if (target[:2], field) not in self._used:
            targets, *sides = self._given.columns
            self._used[target[:2], field] = {
                getattr(item, field) for side in sides for one, item in zip(targets, side, strict=True)
                if item is not None and one[:2] == target[:2]}
        used = self._used[target[:2], field]
        value = spare(self._tables[target[:2]], field, target, before, used)
        used.add(value)
        return value

    def _inside(self, ring: set[int]) -> list[tuple[int, int, Reason]]:
        """The reasons for which the nodes of a ring wait for each other."""
        return [(node, after, reason) for node in sorted(ring) for after, found in self.edges[node].items()
                if after in ring for reason in found if reason is not None]

    def _take(self, before: int, after: int, reason: Reason) -> None:
        self.edges[before][after].remove(reason)
        if not self.edges[before][after]:
            del self.edges[before][after]

    def _add(self, part: Change, *, before: tuple[int, ...] = (), after: tuple[int, ...] = ()) -> None:
        self.nodes.append(part)
        for node in before:
            self.edges[len(self.nodes) - 1][node] = [None]
        for node in after:
            self.edges[node][len(self.nodes) - 1] = [None]

    def _column(self, node: int, field: str) -> Column:
        return self._tables[self.nodes[node].target[:2]].column(field)

    def _nullable(self, node: int, fields: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(field for field in fields if self._column(node, field).nullable)
