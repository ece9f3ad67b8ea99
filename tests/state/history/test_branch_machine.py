"""Branches driven at random against a plain model (lines.py): issue, undo, redo, goto, branch, switch, pick, merge,
checkpoint, restore, commit of all or of a part, a rival's edit, rebase."""

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
from tests.state.domains import RecordingReader, held, manage, stored
from tests.state.history.lines import COLUMNS, Lines, Node
from workbench import Resource, Update, field
from workbench.errors import Conflict, NothingTo
from workbench.state.decision import Decision
from workbench.state.held import Held
from workbench.state.planning.plan import Plan

CARDS = "xyz"
EDITS = st.lists(st.tuples(st.sampled_from(CARDS), st.sampled_from(COLUMNS), st.integers(0, 3)), min_size=1, max_size=3)


class Card(Resource):
    """A card of two columns."""

    _id = field(str)
    a = field(int, initial=0)
    b = field(int, initial=0)


class Branches(RuleBasedStateMachine):
    """One StateManager, and the model; every rule is done to both."""

    @initialize(edits=EDITS)
    def begin(self, edits: list[tuple[str, str, int]]) -> None:
        """Two branches share some steps from the start."""
        items = [Card(_id=card, _etag="0") for card in CARDS]
        self.reader = RecordingReader(stored("desk", "card", *items))
        self.manager = manage(desk(Card), reader=self.reader)
        self.lines = Lines(CARDS)
        self.issue(edits)
        self.branch("one")

    @staticmethod
    def run(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(work)

    def _edit(self, card: str, column: str, value: int) -> Edit:
        return Edit(mutations=[Update(at(Card, card), **{column: value})], reads=[at(Card, card)])

    @rule(edits=EDITS)
    def issue(self, edits: list[tuple[str, str, int]]) -> None:
        for card, column, value in edits:
            self.run(self.manager.issue(self._edit(card, column, value)))
            self.lines.edit(card, column, value)

    @rule(data=st.data(), edits=EDITS)
    def issue_elsewhere(self, data: st.DataObject, edits: list[tuple[str, str, int]]) -> None:
        """A branch is entered, and left for where one was."""
        here = self.lines.here
        name = data.draw(st.sampled_from(list(self.lines.lines)))
        with self.manager.branches[name]:
            self.lines.here = name
            self.issue(edits)
        self.lines.here = here

    @rule()
    def undo_and_redo(self) -> None:
        """Redo after undo is the identity."""
        if self.manager.state.pending():
            state, undone = self.manager.state, self.manager.here.undone
            self.manager.history.undo()
            self.manager.history.redo()
            assert (self.manager.state, self.manager.here.undone) == (state, undone)

    @rule(n=st.integers(1, 3))
    def undo(self, n: int) -> None:
        line = self.lines.line
        if n > len(self.lines.pending(line.node)):
            with pytest.raises(NothingTo):
                self.manager.history.undo(n)
            return
        self.manager.history.undo(n)
        for _ in range(n):
            line.undone.append(line.node)
            assert line.node.parent is not None
            line.node = line.node.parent

    @rule(n=st.integers(1, 3))
    def redo(self, n: int) -> None:
        line = self.lines.line
        if n > len(line.undone):
            with pytest.raises(NothingTo):
                self.manager.history.redo(n)
            return
        self.manager.history.redo(n)
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
        before = self.manager.state.before_pending()
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
            self.lines.branch(name, self.lines.line.node)

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
            rebased = self.run(held(self.manager).pick(name, [pending[-1].number]))
            assert rebased.refused == ()
            self._done_again(self.lines.pending(self.lines.lines[name].node)[-1:])

    @rule(data=st.data())
    def pick_all(self, data: st.DataObject) -> None:
        """All own steps of a branch are issued here that are not here yet; picked again, none is left."""
        name = data.draw(st.sampled_from(list(self.lines.lines)))
        self.run(held(self.manager).pick(name))
        self._done_again(self.lines.own(name))
        state = self.manager.state
        self.run(held(self.manager).pick(name))
        assert self.manager.state is state or any(
            isinstance(step.command, Decision) for step in self.manager.branches[name].steps())

    def _done_again(self, nodes: list[Node]) -> None:
        """Each edit of these, on the model's present line; decisions are left out."""
        at = self.lines.line.node
        for node in nodes:
            if node.op is not None:
                done = node.deeds <= self.lines.known(at)
                at = self.lines.edited(at, *node.op, deeds=None if done else node.deeds)
        if at is not self.lines.line.node:
            self.lines.move(at)

    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([name for name in self.lines.lines if name != self.lines.here]))
        state = self.manager.state
        try:
            held(self.manager).merge(name, {})
            came = "merged"
        except (Conflict, NothingTo) as refused:
            came = "conflict" if isinstance(refused, Conflict) else "nothing"
            assert self.manager.state is state
        assert came == self.lines.merge(name)

    @rule()
    def commit(self) -> None:
        here = held(self.manager)
        self._commit(here, here.plan(), None)

    @precondition(lambda self: self.lines.line.node.op is not None)
    @rule(data=st.data())
    def commit_part(self, data: st.DataObject) -> None:
        """The last step, or the first one, and all that must come along."""
        pending = self.lines.pending(self.lines.line.node)
        if pending:
            node = data.draw(st.sampled_from([pending[0], pending[-1]]))
            cards = self.lines.part(min(node.touched))
            here = held(self.manager)
            self._commit(here, here.part(at(Card, one) for one in sorted(cards)), cards)

    def _commit(self, here: Held, plan: Plan, cards: set[str] | None) -> None:
        """As the Postgres room does: all origins and reads are compared, then all is written."""
        if not plan.steps:
            return
        expected = [(change.target, change.etag) for change in plan.changes] + list(plan.reads.items())
        well = all(self.reader.items[target]._etag == etag for target, etag in expected)
        assert well == self.lines.commit(cards)
        if well:
            self.reader.items |= {change.target: change.after for change in plan.changes if change.after is not None}
            here.settle(plan)

    @rule(card=st.sampled_from(CARDS), column=st.sampled_from(COLUMNS), value=st.integers(0, 2))
    def rival(self, card: str, column: str, value: int) -> None:
        version = next(self.lines.versions)
        target = at(Card, card)
        self.reader.items[target] = self.reader.items[target].set(**{column: value, "_etag": f"rival {version}"})
        self.lines.stored[card] = {**self.lines.stored[card], column: value, "version": version}

    @rule()
    def rebase(self) -> None:
        """What is known is fetched anew, and the pending commands are issued again on it; decisions are left out, and
        what another branch has committed."""
        line = self.lines.line
        for target in self.manager.known():
            self.manager.cache.take(target, self.reader.items[target])
            self.lines.cache[str(target.identifier)] = dict(self.lines.stored[str(target.identifier)])
        self.run(held(self.manager).rebase())
        nodes = self.lines.pending(line.node)
        node = nodes[0].parent if nodes else line.node
        assert node is not None
        for one in nodes:
            if one.op is not None and not one.deeds <= self.lines.committed:
                node = self.lines.edited(node, *one.op, deeds=one.deeds)
        self.lines.move(node)

    @rule(name=st.sampled_from(["early", "late"]))
    def checkpoint(self, name: str) -> None:
        """A checkpoint is where we are: restoring it at once changes nothing."""
        state, undone = self.manager.state, self.manager.here.undone
        self.manager.history.checkpoint(name)
        self.manager.history.restore(name)
        assert (self.manager.state, self.manager.here.undone) == (state, undone)
        self.lines.checkpoint(name)

    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        """A checkpoint is come back to, wherever we are, unless something committed here is not on its line."""
        if self.lines.checkpoints:
            name = data.draw(st.sampled_from(sorted(self.lines.checkpoints)))
            if not self.lines.restore(name):
                with pytest.raises(NothingTo, match="lies before a commit"):
                    self.manager.history.restore(name)
                return
            self.manager.history.restore(name)
            assert self.manager.state is self.manager.history.checkpoints[name].state

    # -------------------------------------------------------------------------------------------- both alike

    @invariant()
    def the_branches_are_the_same(self) -> None:
        branches = self.manager.branches
        assert list(branches) == list(self.lines.lines)
        assert self.manager.here.name == self.lines.here
        for name, line in self.lines.lines.items():
            assert len(branches[name].state.pending()) == len(self.lines.pending(line.node)), name
            assert len(branches[name].undone) == len(line.undone), name
            assert len(branches[name].state.steps()) == len(self.lines.all(line.node)), name
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
TestBranches.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)


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
    manager.history.undo()
    held(manager).settle(manager.plan())
    manager.history.switch("one")
    assert [len(manager.branches[name].state.pending()) for name in ("one", "two")] == [1, 1]
    held(manager).settle(manager.plan())
    assert [len(manager.branches[name].state.pending()) for name in ("one", "two")] == [0, 0]
