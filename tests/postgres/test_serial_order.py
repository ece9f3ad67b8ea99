"""Commits of several sessions, at the same time and with the same few rows, stand in an order in which they could have
been done one after the other: none was written on what another one had changed, whether it wrote that or only read it.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from contextlib import suppress
from graphlib import TopologicalSorter
from itertools import count

import pytest

from tests.editing import Note, at, desk, edit
from workbench import Conflict, Insert, Session, Update
from workbench.errors import Busy

KEYS = "abcd"
SESSIONS, ROUNDS = 3, 40


class Schedule:
    """What was committed: of each commit which version of a row it had read, and which it replaced by its number."""

    def __init__(self) -> None:
        self.numbers = count(1)
        self.commits: dict[int, tuple[dict[str, int], dict[str, int]]] = {}

    async def play(self, session: Session, dice: random.Random, *, serializable: float) -> None:
        """Edits some rows by what was read of others, and commits, time and again; what is a conflict is given up."""
        for _ in range(ROUNDS):
            there = {note._id: note.number for note in await session.fetch(Note, list(KEYS))}
            read, changed = (dice.sample(KEYS, dice.randint(1, 2)) for _ in range(2))
            number = next(self.numbers)
            await edit(session, *(Update(at(Note, key), number=number) for key in changed),
                       reads=[at(Note, key) for key in read])
            with suppress(Conflict, Busy):
                await session.commit(wait=dice.choice((0.3, 10)), serializable=dice.random() < serializable)
                self.commits[number] = ({key: there[key] for key in read}, {key: there[key] for key in changed})
            if pending := session.manager.state.pending():
                session.undo(len(pending))
            await session.refresh(Note)

    def before(self) -> dict[int, set[int]]:
        """For each commit those that must have been before it: who made what it read or replaced, and who read what it
        replaced."""
        before: dict[int, set[int]] = defaultdict(set)
        replaced = {(key, old): number for number, (_, changed) in self.commits.items() for key, old in changed.items()}
        assert len(replaced) == sum(len(changed) for _, changed in self.commits.values())   # no update was lost
        for number, (read, changed) in self.commits.items():
            before[number] |= {old for old in (*read.values(), *changed.values()) if old}
            for key, old in read.items():
                if (later := replaced.get((key, old), number)) != number:
                    before[later].add(number)
        return before


@pytest.mark.parametrize("serializable", [0, 0.3])
async def test_an_order_one_after_the_other(dsn: str, serializable: float) -> None:
    """Whatever three sessions commit at the same time, serializable or not, has such an order."""
    schedule = Schedule()
    sessions = [await Session(desk(Note), dsn=dsn) for _ in range(SESSIONS)]
    try:
        await edit(sessions[0], *(Insert(at(Note, key)) for key in KEYS))
        await sessions[0].commit()
        await asyncio.gather(*(schedule.play(session, random.Random(number), serializable=serializable)
                               for number, session in enumerate(sessions)))
    finally:
        for session in sessions:
            await session.close()
    assert list(TopologicalSorter(schedule.before()).static_order())        # raises CycleError where there is none
    assert ROUNDS // 2 < len(schedule.commits) < SESSIONS * ROUNDS
