"""A plain model of branches: every State is a dict, copied whole at each step; what the machine compares with.

A row is a dict of columns and a version; a node is one State: which rows are changed, what they were, what was read."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from typing import Any

Row = dict[str, Any]
COLUMNS = ("a", "b")


@dataclass(eq=False, repr=False)
class Node:
    """A State: ``changed`` maps a card to its origin's version and its row; ``op`` is what the step did."""

    parent: Node | None
    changed: dict[str, tuple[Row, Row]]
    op: tuple[str, str, int] | None = None
    reads: dict[str, int] = field(default_factory=dict)
    leaned: set[str] = field(default_factory=set)
    mark: int | None = None     # the step's own number, kept where it is carried over a commit
    root: bool = False
    touched: frozenset[str] = frozenset()
    deeds: frozenset[int] = frozenset()     # the marks of the steps that are done by it; a rebase and a pick keep them


@dataclass(eq=False)
class Line:
    """A branch."""

    node: Node
    undone: list[Node] = field(default_factory=list)
    before: frozenset[frozenset[int]] = frozenset()     # the deeds that were pending where it began


class Lines:
    """The stored rows, the fetched ones, and the branches."""

    def __init__(self, cards: str) -> None:
        self.versions, self.marks = count(1), count(1)
        self.stored: dict[str, Row] = {card: {"a": 0, "b": 0, "version": 0} for card in cards}
        self.cache: dict[str, Row] = {}
        self.lines: dict[str, Line] = {"main": Line(Node(None, {}, root=True))}
        self.checkpoints: dict[str, Line] = {}
        self.here = "main"
        self.committed: set[int] = set()    # the deeds of what was, on whatever branch
        self.left: dict[str, int] = {}      # the last number that a line left behind has had, by branch

    @property
    def line(self) -> Line:
        return self.lines[self.here]

    def pending(self, node: Node) -> list[Node]:
        nodes: list[Node] = []
        while not node.root:
            nodes.append(node)
            assert node.parent is not None
            node = node.parent
        return nodes[::-1]

    def all(self, node: Node | None) -> list[Node]:
        """The steps of a line, the committed ones too."""
        nodes: list[Node] = []
        while node is not None:
            if not node.root:
                nodes.append(node)
            node = node.parent
        return nodes[::-1]

    def known(self, node: Node) -> frozenset[int]:
        return frozenset().union(*(one.deeds for one in self.all(node)))

    def branch(self, name: str, node: Node) -> None:
        self.lines.pop(name, None)
        self.lines[name] = Line(node, before=frozenset(one.deeds for one in self.pending(node)))

    def row(self, node: Node, card: str) -> Row:
        if card in node.changed:
            return node.changed[card][1]
        return self.cache.setdefault(card, deepcopy(self.stored[card]))

    # ------------------------------------------------------------------------------------------- steps

    def edit(self, card: str, column: str, value: int) -> None:
        self.move(self.edited(self.line.node, card, column, value))

    def edited(self, node: Node, card: str, column: str, value: int, deeds: frozenset[int] | None = None) -> Node:
        mark = next(self.marks)
        new = Node(node, deepcopy(node.changed), (card, column, value), mark=mark, touched=frozenset(card),
                   deeds=frozenset([mark]) if deeds is None else deeds)
        row = self.row(node, card)
        if card in node.changed:
            new.leaned.add(card)
        else:
            new.reads[card] = row["version"]
        if row[column] != value:
            origin = node.changed[card][0] if card in node.changed else deepcopy(row)
            new.changed[card] = (origin, {**row, column: value, "version": next(self.versions)})
        return new

    def own(self, name: str) -> list[Node]:
        """The steps of a branch that are pending, were not before it began, and are not here."""
        line, known = self.lines[name], self.known(self.line.node)
        return [one for one in self.pending(line.node) if one.deeds not in line.before and not one.deeds <= known]

    def move(self, node: Node) -> None:
        if self.line.undone:
            self.leave(self.line.undone[0], self.line.node)
        self.line.node = node

    def leave(self, tip: Node, fork: Node) -> None:
        number = self.left.get(self.here, 0) + 1
        while f"{self.here}~{number}" in self.lines:
            number += 1
        self.left[self.here] = number
        self.branch(f"{self.here}~{number}", fork)
        self.lines[f"{self.here}~{number}"].node = tip
        self.line.undone = []

    def checkpoint(self, name: str) -> None:
        self.checkpoints[name] = Line(self.line.node)

    def restore(self, name: str) -> bool:
        """Whether it went well: all that is committed here is on the line of the checkpoint."""
        here, node = self.line, self.checkpoints[name].node
        pending = self.pending(here.node)
        there = {one.mark for one in self.all(node)}
        if any(one.mark not in there for one in self.all(here.node) if one not in pending):
            return False
        root = pending[0].parent if pending else here.node
        line = [root, *pending, *reversed(here.undone)]
        if node in line:
            here.undone = [one for one in line[line.index(node) + 1:] if one is not None][::-1]
        elif pending or here.undone:
            above = set()
            walk: Node | None = node
            while walk is not None:
                above.add(walk)
                walk = walk.parent
            tip = fork = here.undone[0] if here.undone else here.node
            while fork not in above and fork.parent is not None:
                fork = fork.parent
            self.leave(tip, fork)
        here.node = node
        return True

    # ------------------------------------------------------------------------------------------- commits

    def part(self, card: str) -> set[str]:
        """The cards that must be committed with a card: a step is never torn apart, nor from what it leaned on,
        nor from what had read it before."""
        pending, cards, before = self.pending(self.line.node), {card}, set[str]()
        there = {one for node in pending for one in node.touched}
        while cards != before:
            before = set(cards)
            for node in pending:
                if node.touched & cards:
                    cards |= node.touched | (node.leaned & there)
            for place, node in enumerate(pending):      # what had read something before it was changed comes first
                later = frozenset().union(*(one.touched for one in pending[place + 1:]))
                if {*node.reads, *node.leaned} & cards & later:
                    cards |= node.touched
        return cards

    def commit(self, cards: set[str] | None = None) -> bool:
        """Whether it went well: all that was changed or read is as it was. Only the steps on some cards, if given."""
        nodes = self.pending(self.line.node)
        if cards is not None:
            nodes = [one for one in nodes if one.touched & cards]
        written = self.written(nodes)
        reads: dict[str, int] = {}
        for one in nodes:
            for card, version in one.reads.items():
                reads.setdefault(card, version)
        changed = {card: pair for card, pair in written.changed.items() if differs(*pair)}
        expected = reads | {card: origin["version"] for card, (origin, _) in changed.items()}
        if any(self.stored[card]["version"] != version for card, version in [*reads.items(), *expected.items()]):
            return False
        for card, (_, row) in changed.items():
            self.stored[card], self.cache[card] = deepcopy(row), deepcopy(row)
        self.committed.update(*(one.deeds for one in nodes))
        if self.line.undone:
            self.move(self.line.node)
        became: dict[tuple[Any, ...], Node] = {}
        for line in [*self.lines.values(), *self.checkpoints.values()]:
            self.carry(line, {one.mark for one in nodes}, became)
        return True

    def written(self, nodes: list[Node]) -> Node:
        """The node at which only some steps happened: the last of them, where they are all."""
        whole = self.pending(nodes[-1])
        if nodes == whole:
            return nodes[-1]
        assert whole[0].parent is not None
        at = whole[0].parent
        for node in nodes:
            at = self.on(at, node)
        return at

    @staticmethod
    def on(at: Node, node: Node) -> Node:
        new = Node(at, dict(at.changed), node.op, dict(node.reads), set(node.leaned), node.mark, False, node.touched,
                   node.deeds)
        for card in node.touched:
            new.changed.pop(card, None)
            if card in node.changed:
                new.changed[card] = node.changed[card]
        return new

    def carry(self, line: Line, marks: set[int | None], became: dict[tuple[Any, ...], Node]) -> None:
        """Takes out what was committed of a line. What two lines share they share after it: ``became`` is for all."""
        nodes = self.pending(line.undone[0] if line.undone else line.node)
        shared = [node for node in nodes if node.mark in marks]
        if not shared:
            return
        if tuple(shared) not in became:
            became[tuple(shared)] = Node(self.written(shared), {}, root=True)
        at = base = became[tuple(shared)]
        fork = base.parent
        assert fork is not None
        rows = {card: row if differs(origin, row) else origin for card, (origin, row) in fork.changed.items()}
        now: dict[Node | None, Node] = {nodes[0].parent: base}
        for node in nodes:
            if node not in shared:
                if (at, node) not in became:
                    new = became[at, node] = self.on(at, node)
                    new.reads |= {card: row["version"] for card, row in rows.items() if card in node.leaned}
                    for card in node.touched & rows.keys() & new.changed.keys():
                        row = new.changed.pop(card)[1]
                        if row["version"] != fork.changed[card][1]["version"]:
                            new.changed[card] = (rows[card], row)
                at = became[at, node]
            now[node] = at
        line.node = now[line.node]
        line.undone = list(dict.fromkeys(now[node] for node in line.undone if not now[node].root))

    # ------------------------------------------------------------------------------------------- two lines

    def sides(self, other: str) -> dict[str, tuple[Row, Row, Row]]:
        """Base, here and there of the cards that are changed on either side."""
        here, there = self.line.node, self.lines[other].node
        begun: dict[str, Node] = {}
        for node in self.unknown(here, there):
            for card in node.touched:
                assert node.parent is not None
                begun.setdefault(card, node.parent)
        found = {}
        for card in {*here.changed, *there.changed}:
            before = begun.get(card, there).changed
            base = before[card][1] if card in before else (
                there.changed[card][0] if card in there.changed else self.cache[card])
            if here.changed.get(card) != there.changed.get(card):
                found[card] = (base, self.row(here, card), self.row(there, card))
        return found

    def merge(self, other: str) -> str:
        """Merges, and says how it went: "merged", "conflict" or "nothing"."""
        here, there = self.line.node, self.lines[other].node
        values: dict[str, dict[str, int]] = {}
        reads: dict[str, int] = {}
        leaned: set[str] = set()
        unknown = self.unknown(here, there)
        for node in unknown:
            if node in self.pending(there):
                reads = {**node.reads, **reads}
                leaned |= node.leaned
        for card, (base, mine, theirs) in self.sides(other).items():
            for column in COLUMNS:
                if mine[column] != theirs[column] and theirs[column] != base[column]:
                    if mine[column] != base[column]:
                        return "conflict"
                    values.setdefault(card, {})[column] = theirs[column]
        if not values:
            return "nothing"
        if any(self.cache[card]["version"] != version for card, version in reads.items()):
            return "conflict"       # the other branch stands on what is known to be past
        new = Node(here, deepcopy(here.changed), None, reads, leaned, next(self.marks), touched=frozenset(values),
                   deeds=frozenset().union(*(node.deeds for node in unknown)))
        for card, changes in values.items():
            row = self.row(here, card)
            origin = here.changed[card][0] if card in here.changed else deepcopy(row)
            new.changed[card] = (origin, {**row, **changes, "version": next(self.versions)})
        self.move(new)
        return "merged"

    def unknown(self, here: Node, there: Node) -> list[Node]:
        """The steps of a line that are not done on another one, the first first."""
        known = self.known(here)
        return [node for node in self.all(there) if not node.deeds <= known]


def differs(origin: Row, row: Row) -> bool:
    return any(origin[column] != row[column] for column in COLUMNS)
