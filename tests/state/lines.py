"""A plain model of branches: every State is a dict, copied whole at each step; what the machine compares with.

A row is a dict of columns and a version; a node is one State: which rows are changed, what they were, what was read."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from typing import Any

Row = dict[str, Any]
COLUMNS = ("a", "b")


@dataclass(eq=False)
class Node:
    """A State: ``changed`` maps a card to its origin's version and its row; ``op`` is what the step did."""

    parent: Node | None
    changed: dict[str, tuple[Row, Row]]
    op: tuple[str, str, int] | None = None
    reads: dict[str, int] = field(default_factory=dict)
    leaned: set[str] = field(default_factory=set)
    mark: int | None = None     # the step's own number, kept where it is carried over a commit
    root: bool = False


@dataclass(eq=False)
class Line:
    """A branch."""

    node: Node
    undone: list[Node] = field(default_factory=list)


class Lines:
    """The stored rows, the fetched ones, and the branches."""

    def __init__(self, cards: str) -> None:
        self.versions, self.marks = count(1), count(1)
        self.stored: dict[str, Row] = {card: {"a": 0, "b": 0, "version": 0} for card in cards}
        self.cache: dict[str, Row] = {}
        self.lines: dict[str, Line] = {"main": Line(Node(None, {}, root=True))}
        self.here = "main"
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

    def row(self, node: Node, card: str) -> Row:
        if card in node.changed:
            return node.changed[card][1]
        return self.cache.setdefault(card, deepcopy(self.stored[card]))

    # ------------------------------------------------------------------------------------------- steps

    def edit(self, card: str, column: str, value: int) -> None:
        self.move(self.edited(self.line.node, card, column, value))

    def edited(self, node: Node, card: str, column: str, value: int) -> Node:
        new = Node(node, deepcopy(node.changed), (card, column, value), mark=next(self.marks))
        row = self.row(node, card)
        if card in node.changed:
            new.leaned.add(card)
        else:
            new.reads[card] = row["version"]
        if row[column] != value:
            origin = node.changed[card][0] if card in node.changed else deepcopy(row)
            new.changed[card] = (origin, {**row, column: value, "version": next(self.versions)})
        return new

    def move(self, node: Node) -> None:
        if self.line.undone:
            number = self.left.get(self.here, 0) + 1
            while f"{self.here}~{number}" in self.lines:
                number += 1
            self.left[self.here] = number
            self.lines[f"{self.here}~{number}"] = Line(self.line.undone[0])
            self.line.undone = []
        self.line.node = node

    # ------------------------------------------------------------------------------------------- commits

    def commit(self) -> bool:
        """Whether it went well: all that was changed or read is as it was."""
        node = self.line.node
        nodes = self.pending(node)
        reads: dict[str, int] = {}
        for one in nodes:
            for card, version in one.reads.items():
                reads.setdefault(card, version)
        changed = {card: pair for card, pair in node.changed.items() if differs(*pair)}
        expected = reads | {card: origin["version"] for card, (origin, _) in changed.items()}
        if any(self.stored[card]["version"] != version for card, version in [*reads.items(), *expected.items()]):
            return False
        for card, (_, row) in changed.items():
            self.stored[card], self.cache[card] = deepcopy(row), deepcopy(row)
        marks = {one.mark for one in nodes}
        here = self.line
        self.move(Node(node, {}, root=True))
        for line in self.lines.values():
            if line is not here:
                self.carry(line, marks)
        return True

    def carry(self, line: Line, marks: set[int | None]) -> None:
        tip = line.undone[0] if line.undone else line.node
        nodes = self.pending(tip)
        shared = [node for node in nodes if node.mark in marks]
        if not shared:
            return
        fork = shared[-1]
        rows = {card: row if differs(origin, row) else origin for card, (origin, row) in fork.changed.items()}
        base = Node(fork, {}, root=True)
        became = dict.fromkeys([*shared, *([nodes[0].parent] if nodes[0].parent else [])], base)
        at = base
        for node in nodes[len(shared):]:
            assert node.op is None or node.mark not in marks
            new = Node(at, {}, node.op, dict(node.reads), set(node.leaned), node.mark)
            new.reads |= {card: row["version"] for card, row in rows.items() if card in node.leaned}
            for card, (origin, row) in node.changed.items():
                if card not in rows:
                    new.changed[card] = (origin, row)
                elif row["version"] != fork.changed[card][1]["version"]:
                    new.changed[card] = (rows[card], row)
            at = became[node] = new
        line.node = became[line.node]
        line.undone = [became[node] for node in line.undone if not became[node].root]

    # ------------------------------------------------------------------------------------------- two lines

    def sides(self, other: str) -> dict[str, tuple[Row, Row, Row]]:
        """Base, here and there of the cards that are changed on either side."""
        here, there = self.line.node, self.lines[other].node
        above = set()
        walk: Node | None = there
        while walk is not None:
            above.add(walk)
            walk = walk.parent
        shared = here
        while shared not in above and shared.parent is not None:
            shared = shared.parent
        found = {}
        for card in {*here.changed, *there.changed}:
            base = shared.changed[card][1] if card in shared.changed else (
                there.changed[card][0] if card in there.changed else self.cache[card])
            if here.changed.get(card) != there.changed.get(card):
                found[card] = (base, self.row(here, card), self.row(there, card))
        return found

    def merge(self, other: str) -> str:
        """Merges, and says how it went: "merged", "conflict" or "nothing"."""
        here, there = self.line.node, self.lines[other].node
        values: dict[str, dict[str, int]] = {}
        reads, leaned = self.own(here, there)
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
        new = Node(here, deepcopy(here.changed), None, reads, leaned, next(self.marks))
        for card, changes in values.items():
            row = self.row(here, card)
            origin = here.changed[card][0] if card in here.changed else deepcopy(row)
            new.changed[card] = (origin, {**row, **changes, "version": next(self.versions)})
        self.move(new)
        return "merged"

    @staticmethod
    def own(here: Node, there: Node) -> tuple[dict[str, int], set[str]]:
        """What the steps have read and leaned on that are on the other line only."""
        above = {here}
        walk = here
        while walk.parent is not None:
            walk = walk.parent
            above.add(walk)
        reads: dict[str, int] = {}
        leaned: set[str] = set()
        walk = there
        while walk not in above and not walk.root:
            reads = {**reads, **walk.reads}
            leaned |= walk.leaned
            assert walk.parent is not None
            walk = walk.parent
        return reads, leaned


def differs(origin: Row, row: Row) -> bool:
    return any(origin[column] != row[column] for column in COLUMNS)
