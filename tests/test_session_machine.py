"""The session as a whole against a plain dict: whatever is fetched, issued, undone, redone, edited by a rival and
committed, in whatever order, the session shows and the tables hold what a model of two dicts says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, NamedTuple

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.editing import Note, at, desk, edit
from workbench import Conflict, Delete, Insert, NotFound, Session, Update
from workbench.errors import AlreadyExists, NothingTo

KEYS = st.sampled_from("abcd")
NUMBERS = st.integers(0, 3)


class Row(NamedTuple):
    """A stored Note: its number, and a version that goes up with every write."""

    number: int
    version: int


class SessionMachine(RuleBasedStateMachine):
    """``rows`` is the database; ``seen`` what the session fetched of it; ``line`` what is pending after each step:
    by key, the number (None: deleted)."""

    def __init__(self, dsn: str, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self.admin = self.run(asyncpg.connect(dsn))
        self.run(self.admin.execute("DROP TABLE IF EXISTS desk_note"))
        self.session = self.run(Session(desk(Note), dsn=dsn).open())
        self.rival = self.run(Session(desk(Note), dsn=dsn).open())
        self.rows: dict[str, Row] = {}
        self.seen: dict[str, Row] = {}
        self.line: list[dict[str, int | None]] = [{}]
        self.undone: list[dict[str, int | None]] = []
        self.origins: list[dict[str, Row | None]] = [{}]      # beside each of the line: what each change began from
        self.undone_origins: list[dict[str, Row | None]] = []
        self.version = 0

    def run(self, deed: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(deed)

    def teardown(self) -> None:
        for closing in (self.session.close(), self.rival.close(), self.admin.close()):
            self.run(closing)

    # ---------------------------------------------------------------------------------------- the model

    def present(self, key: str) -> int | None:
        """What a fetch of a key gives, None for NotFound; as a fetch does, it takes the row into the cache."""
        if key in self.line[-1]:
            return self.line[-1][key]
        if key not in self.seen and key in self.rows:
            self.seen[key] = self.rows[key]
        return self.seen[key].number if key in self.seen else None

    def step(self, key: str, number: int | None) -> None:
        """A step that leaves a key with a number, or deleted."""
        after, origins = dict(self.line[-1]), dict(self.origins[-1])
        if key not in origins:
            origins[key] = self.seen.get(key)
        after[key] = number
        if number is None and origins[key] is None:     # new, then deleted
            del after[key], origins[key]
        self.line.append(after)
        self.origins.append(origins)
        self.undone, self.undone_origins = [], []

    def changes(self) -> dict[str, int | None]:
        """What a commit would write: where the number is another one than it was fetched with."""
        began = {key: None if row is None else row.number for key, row in self.origins[-1].items()}
        return {key: number for key, number in self.line[-1].items() if number != began[key]}

    # ---------------------------------------------------------------------------------------- the rules

    @rule(key=KEYS)
    def fetch(self, key: str) -> None:
        expected = self.present(key)
        try:
            found = self.run(self.session.fetch(Note, key)).number
        except NotFound:
            found = None
        assert found == expected

    @rule(key=KEYS, number=NUMBERS)
    def insert(self, key: str, number: int) -> None:
        there = self.line[-1].get(key) is not None if key in self.line[-1] else key in self.seen
        try:
            self.run(edit(self.session, Insert(at(Note, key), number=number)))
            assert not there
            self.step(key, number)
        except AlreadyExists:
            assert there

    @rule(key=KEYS, number=NUMBERS)
    def update(self, key: str, number: int) -> None:
        present = self.present(key)
        try:
            self.run(edit(self.session, Update(at(Note, key), number=number)))
        except NotFound:
            assert present is None
            return
        assert present is not None
        if number != present:
            self.step(key, number)
        else:       # a step in which nothing changes
            self.line.append(self.line[-1])
            self.origins.append(self.origins[-1])
            self.undone, self.undone_origins = [], []

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        present = self.present(key)
        try:
            self.run(edit(self.session, Delete(at(Note, key))))
            assert present is not None
            self.step(key, None)
        except NotFound:
            assert present is None

    @rule(key=KEYS, number=NUMBERS)
    def fail_half_way(self, key: str, number: int) -> None:
        """A step whose last mutation cannot be: nothing of those before it stays."""
        self.present(key)
        with pytest.raises(NotFound):
            self.run(edit(self.session, Insert(at(Note, "new"), number=number), Update(at(Note, key), number=number),
                          Delete(at(Note, "never"))))

    @rule(n=st.integers(1, 3))
    def undo(self, n: int) -> None:
        try:
            self.session.undo(n)
        except NothingTo:
            assert n > len(self.line) - 1
            return
        for _ in range(n):
            self.undone.append(self.line.pop())
            self.undone_origins.append(self.origins.pop())

    @rule(n=st.integers(1, 3))
    def redo(self, n: int) -> None:
        try:
            self.session.redo(n)
        except NothingTo:
            assert n > len(self.undone)
            return
        for _ in range(n):
            self.line.append(self.undone.pop())
            self.origins.append(self.undone_origins.pop())

    @rule(key=KEYS, number=st.none() | NUMBERS)
    def rival_edit(self, key: str, number: int | None) -> None:
        """Another session makes, changes or deletes a row, and commits."""
        self.run(self.rival.refresh(Note))
        row = self.rows.get(key)
        if row is None:
            if number is None:
                return
            self.run(edit(self.rival, Insert(at(Note, key), number=number)))
        else:
            if number == row.number:
                return
            self.run(self.rival.fetch(Note, key))
            change = Delete(at(Note, key)) if number is None else Update(at(Note, key), number=number)
            self.run(edit(self.rival, change))
        self.run(self.rival.commit())
        self.write(key, number)

    def write(self, key: str, number: int | None) -> None:
        self.version += 1
        if number is None:
            del self.rows[key]
        else:
            self.rows[key] = Row(number, self.version)

    @rule()
    def refresh(self) -> None:
        clean = {key: row for key, row in self.seen.items() if key not in self.line[-1]}
        moved = {key for key, row in clean.items() if self.rows.get(key) != row}
        assert self.run(self.session.refresh("note")) == len(moved)
        for key in clean:
            if key in self.rows:
                self.seen[key] = self.rows[key]
            else:
                del self.seen[key]

    @precondition(lambda self: len(self.line) > 1)
    @rule(give_in=st.booleans())
    def commit(self, give_in: bool) -> None:
        """Writes all, or is a conflict on exactly those items that moved; the way on is undo and refresh."""
        changes = self.changes()
        moved = {key for key in changes if self.rows.get(key) != self.origins[-1][key]}
        try:
            self.run(self.session.commit(verify_reads=False))
        except Conflict as conflict:
            assert {clash.target.identifier for clash in conflict.items} <= moved
            assert moved
            assert len(self.session.manager.state.pending()) == len(self.line) - 1
            if give_in:
                self.session.undo(len(self.line) - 1)
                self.undone += self.line[:0:-1]
                self.undone_origins += self.origins[:0:-1]
                self.line, self.origins = [{}], [{}]
                self.refresh()
            return
        assert not moved
        for key, number in changes.items():
            self.write(key, number)
            if number is None:
                self.seen.pop(key, None)
            else:
                self.seen[key] = self.rows[key]
        self.line, self.origins, self.undone, self.undone_origins = [{}], [{}], [], []

    # ---------------------------------------------------------------------------------------- always

    @invariant()
    def the_table_is_as_the_model(self) -> None:
        rows = self.run(self.admin.fetch("SELECT _id, number FROM desk_note"))
        assert dict(map(tuple, rows)) == {key: row.number for key, row in self.rows.items()}

    @invariant()
    def the_plan_is_as_the_model(self) -> None:
        planned = {change.target.identifier: None if change.after is None else change.after.number
                   for change in self.session.plan().changes}
        assert planned == self.changes()
        assert len(self.session.manager.state.pending()) == len(self.line) - 1


def test_session_machine(dsn: str) -> None:
    """Any course of fetches, commands, undo, redo, rival edits, refreshes and commits is as the model says."""
    loop = asyncio.new_event_loop()
    try:
        run_state_machine_as_test(lambda: SessionMachine(dsn, loop), settings=settings(
            max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)))
    finally:
        loop.close()
