"""Branches driven at random against a plain model (lines.py): issue, undo, redo, goto, branch, switch, pick, merge,
checkpoint, commit, a rival's edit, rebase."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.editing import Edit, at, desk
from tests.state.domains import RecordingReader, manage, stored
from tests.state.lines import COLUMNS, Lines, Node
from workbench import Resource, Update, field
from workbench.errors import Conflict, NothingTo
from workbench.state.merge import Decision

CARDS = "xyz"


class Card(Resource):
    """A card of two columns."""

    _id = field(str)
    a = field(int, initial=0)
    b = field(int, initial=0)


class Branches(RuleBasedStateMachine):
    """One StateManager, and the model; every rule is done to both."""

    @initialize()
    def begin(self) -> None:
        items = [Card(_id=card, _etag="0") for card in CARDS]
        self.reader = RecordingReader(stored("desk", "card", *items))
        self.manager = manage(desk(Card), reader=self.reader)
        self.lines = Lines(CARDS)
        self.checkpoints: dict[str, Node] = {}

    @staticmethod
    def run(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(work)

    def _edit(self, card: str, column: str, value: int) -> Edit:
        return Edit(mutations=[Update(at(Card, card), **{column: value})], reads=[at(Card, card)])

    @rule(card=st.sampled_from(CARDS), column=st.sampled_from(COLUMNS), value=st.integers(0, 2))
    def issue(self, card: str, column: str, value: int) -> None:
        self.run(self.manager.issue(self._edit(card, column, value)))
        self.lines.edit(card, column, value)

    @rule()
    def undo_and_redo(self) -> None:
        """Redo after undo is the identity."""
        if self.manager.state.pending():
            state, undone = self.manager.state, self.manager.here.undone
            self.manager.undo()
            self.manager.redo()
            assert (self.manager.state, self.manager.here.undone) == (state, undone)

    @rule(n=st.integers(1, 3))
    def undo(self, n: int) -> None:
        line = self.lines.line
        if n > len(self.lines.pending(line.node)):
            with pytest.raises(NothingTo):
                self.manager.undo(n)
            return
        self.manager.undo(n)
        for _ in range(n):
            line.undone.append(line.node)
            assert line.node.parent is not None
            line.node = line.node.parent

    @rule(n=st.integers(1, 3))
    def redo(self, n: int) -> None:
        line = self.lines.line
        if n > len(line.undone):
            with pytest.raises(NothingTo):
                self.manager.redo(n)
            return
        self.manager.redo(n)
        for _ in range(n):
            line.node = line.undone.pop()

    @rule(data=st.data())
    def goto(self, data: st.DataObject) -> None:
        """Any State of the present line is reached, and the line stays whole; going back again is the identity."""
        line = self.lines.line
        whole = [*self.lines.pending(line.node), *reversed(line.undone)]
        state, undone = self.manager.state, self.manager.here.undone
        steps = [*state.pending(), *(one.step for one in undone)]
        place = data.draw(st.integers(0, len(whole)))
        before = self.manager.history.state_before()
        self.manager.history.goto(steps[place - 1] if place else 0)     # type: ignore[arg-type]
        assert (self.manager.state is before) == (place == 0)
        line.node = whole[place - 1] if place else self._root(line.node)
        line.undone = whole[place:][::-1]

    def _root(self, node: Node) -> Node:
        while not node.root:
            assert node.parent is not None
            node = node.parent
        return node

    @rule(name=st.sampled_from(["one", "two"]))
    def branch(self, name: str) -> None:
        if name != self.lines.here:
            self.manager.history.branch(name, replace=True)
            self.lines.lines.pop(name, None)
            self.lines.lines[name] = type(self.lines.line)(self.lines.line.node)

    @rule(data=st.data())
    def switch(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(list(self.lines.lines)))
        self.manager.history.switch(name)
        self.lines.here = name

    @precondition(lambda self: len(self.lines.lines) > 2)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([name for name in self.lines.lines if name not in ("main", self.lines.here)]))
        self.manager.history.drop(name)
        del self.lines.lines[name]

    @rule(data=st.data())
    def pick(self, data: st.DataObject) -> None:
        """The last pending step of a branch is issued here as well."""
        name = data.draw(st.sampled_from(list(self.lines.lines)))
        pending = self.manager.branches[name].state.pending()
        if pending and not isinstance(pending[-1].command, Decision):
            rebased = self.run(self.manager.again(self.manager.branches[name].chosen([pending[-1].number]), "picked"))
            assert rebased.refused == ()
            op = self.lines.pending(self.lines.lines[name].node)[-1].op
            assert op is not None
            self.lines.edit(*op)

    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(list(self.lines.lines)))
        state = self.manager.state
        try:
            self.manager.merge(name, {})
            came = "merged"
        except (Conflict, NothingTo) as refused:
            came = "conflict" if isinstance(refused, Conflict) else "nothing"
            assert self.manager.state is state
        assert came == self.lines.merge(name)

    @rule()
    def commit(self) -> None:
        """As the Postgres room does: all origins and reads are compared, then all is written."""
        plan = self.manager.plan()
        if not plan.steps:
            return
        expected = [(change.target, change.etag) for change in plan.changes] + list(plan.reads.items())
        well = all(self.reader.items[target]._etag == etag for target, etag in expected)
        assert well == self.lines.commit()
        if well:
            self.reader.items |= {change.target: change.after for change in plan.changes if change.after is not None}
            self.manager.settle(plan)

    @rule(card=st.sampled_from(CARDS), column=st.sampled_from(COLUMNS), value=st.integers(0, 2))
    def rival(self, card: str, column: str, value: int) -> None:
        version = next(self.lines.versions)
        target = at(Card, card)
        self.reader.items[target] = self.reader.items[target].set(**{column: value, "_etag": f"rival {version}"})
        self.lines.stored[card] = {**self.lines.stored[card], column: value, "version": version}

    @rule()
    def rebase(self) -> None:
        """What is known is fetched anew, and the pending commands are issued again on it; decisions are left out."""
        line = self.lines.line
        for target in self.manager.known():
            self.manager.take(target, self.reader.items[target])
            self.lines.cache[str(target.identifier)] = dict(self.lines.stored[str(target.identifier)])
        self.run(self.manager.rebase())
        nodes = self.lines.pending(line.node)
        node = nodes[0].parent if nodes else line.node
        assert node is not None
        for one in nodes:
            if one.op is not None:
                node = self.lines.edited(node, *one.op)
        self.lines.move(node)

    @rule(name=st.sampled_from(["early", "late"]))
    def checkpoint(self, name: str) -> None:
        """A checkpoint is where we are: restoring it at once changes nothing."""
        state, undone = self.manager.state, self.manager.here.undone
        self.manager.history.checkpoint(name)
        self.manager.history.restore(name)
        assert (self.manager.state, self.manager.here.undone) == (state, undone)

    # -------------------------------------------------------------------------------------------- both alike

    @invariant()
    def the_branches_are_the_same(self) -> None:
        branches = self.manager.branches
        assert list(branches) == list(self.lines.lines)
        assert self.manager.here.name == self.lines.here
        for name, line in self.lines.lines.items():
            assert len(branches[name].state.pending()) == len(self.lines.pending(line.node)), name
            assert len(branches[name].undone) == len(line.undone), name
            there = {str(target.identifier): entry for target, entry in branches[name].state.changed.items()}
            assert there.keys() == line.node.changed.keys(), name
            for card, (origin, row) in line.node.changed.items():
                for item, wanted in ((there[card].origin, origin), (there[card].current, row)):
                    assert item is not None
                    assert [getattr(item, column) for column in COLUMNS] == [wanted[column] for column in COLUMNS]

    @invariant()
    def nothing_differs_from_itself(self) -> None:
        assert len(self.manager.compare(self.manager.here.name)) == 0

    @invariant()
    def what_differs_is_what_the_model_says(self) -> None:
        for name in self.lines.lines:
            differing = {str(one.target.identifier) for one in self.manager.compare(name)}
            assert differing == {card for card, (_, mine, theirs) in self.lines.sides(name).items()
                                 if any(mine[column] != theirs[column] for column in COLUMNS)}


TestBranches = Branches.TestCase
TestBranches.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


async def test_a_dropped_branch_frees_its_memory() -> None:
    """When a branch is dropped, the steps that were only its own are gone from memory."""
    manager = manage(desk(Card), reader=RecordingReader(stored("desk", "card", Card(_id="x", _etag="0"))))
    with manager.history.branch("other"):
        command = Edit(mutations=[Update(at(Card, "x"), a=1)], reads=[at(Card, "x")])
        seen = weakref.ref((await manager.issue(command)).command)
    del command
    gc.collect()
    assert seen() is not None
    manager.history.drop("other")
    gc.collect()
    assert seen() is None


async def test_a_step_carried_to_two_branches_is_committed_once() -> None:
    """What one of two branches commits of a step that both share is committed on the other too, also when an earlier
    commit has carried the step to both of them."""
    manager = manage(desk(Card), reader=RecordingReader(stored("desk", "card", Card(_id="x", _etag="0"))))
    for column in COLUMNS:
        await manager.issue(Edit(mutations=[Update(at(Card, "x"), **{column: 1})], reads=[at(Card, "x")]))
    manager.history.branch("one")
    manager.history.branch("two")
    manager.undo()
    manager.settle(manager.plan())
    manager.history.switch("one")
    assert [len(manager.branches[name].state.pending()) for name in ("one", "two")] == [1, 1]
    manager.settle(manager.plan())
    assert [len(manager.branches[name].state.pending()) for name in ("one", "two")] == [0, 0]
