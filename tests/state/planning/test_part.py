"""Parts of what is pending, in memory: whatever is committed in parts, between the commits of rivals, stands in an
order in which each step could have run alone: after all that it has seen, and before all that it has not."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from graphlib import TopologicalSorter
from itertools import count, pairwise, product
from typing import Any
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.editing import Edit, Note, at, desk
from tests.state.domains import RecordingReader, held, manage, note, stored
from workbench import Update
from workbench.errors import NotClosed
from workbench.state.manager import StateManager
from workbench.state.planning.plan import Plan
from workbench.state.step import Handling

KEYS = "xyz"
DESK = desk(Note)


class Schedule:
    """A session and its rivals on the same rows. Each step writes its own number, so that it is seen who has read what
    of whom; ``done`` are the steps that were committed, ``order`` who changed a row, one after the other."""

    def __init__(self) -> None:
        self.reader = RecordingReader(stored("desk", "note", *(note(key, etag=key) for key in KEYS)))
        self.session, self.numbers = self.opened(), count(1)
        self.seen: dict[Handling, tuple[int, dict[str, int]]] = {}
        self.done: dict[int, dict[str, int]] = {}
        self.order: dict[str, list[int]] = {key: [0] for key in KEYS}

    def opened(self) -> StateManager:
        return manage(DESK, reader=self.reader, identifiers=uuid4)

    async def issue(self, session: StateManager, reads: str, changes: str) -> None:
        """A step that reads some rows and then changes some."""
        number = next(self.numbers)
        items = await session.fetch(*(at(Note, key) for key in reads)) if reads else []
        step = await session.issue(Edit(reads=tuple(at(Note, key) for key in reads), mutations=tuple(
            Update(at(Note, key), number=number) for key in changes)))
        self.seen[step.handling] = number, {item._id: item.number for item in items}

    def commit(self, session: StateManager, only: str = "") -> bool:
        """As the Postgres room does: all origins and reads are compared, then all is written; whether it was."""
        here = held(session)
        plan = here.part(at(Note, key) for key in only) if only else here.plan()
        expected = [(change.target, change.etag) for change in plan.changes] + list(plan.reads.items())
        if any(self.reader.items[target]._etag != etag for target, etag in expected):
            return False
        self.reader.items |= {change.target: change.after for change in plan.changes if change.after is not None}
        self._note(plan)
        here.settle(plan)
        return True

    def _note(self, plan: Plan) -> None:
        for step in plan.steps:
            number, seen = self.seen[step.handling]
            self.done[number] = seen
            for target in sorted(step.touched):
                self.order[str(target.identifier)].append(number)

    async def rival(self, reads: str, changes: str) -> None:
        """Another session, all at once."""
        session = self.opened()
        await self.issue(session, reads, changes)
        assert self.commit(session)

    def check(self) -> None:
        """Raises CycleError where the committed steps have no such order."""
        before: dict[int, set[int]] = defaultdict(set)
        for key, order in self.order.items():
            for one, later in pairwise(order):
                before[later].add(one)
            for number, seen in self.done.items():
                if key in seen:
                    place = order.index(seen[key])
                    before[number].add(seen[key])
                    if rest := [one for one in order[place + 1:] if one != number]:
                        before[rest[0]].add(number)
        for number in self.done:
            before[number].discard(number)
        list(TopologicalSorter(before).static_order())


async def play(*deeds: tuple[str, ...]) -> Schedule:
    """Issues, parts, whole commits and rivals, in this order; what is no part, and what conflicts, stays pending."""
    schedule = Schedule()
    for verb, *how in deeds:
        if verb == "issue":
            await schedule.issue(schedule.session, *how)
        elif verb == "rival":
            await schedule.rival(*how)
        elif schedule.session.state.pending():
            with suppress(NotClosed):
                schedule.commit(schedule.session, *how)
    schedule.check()
    return schedule


def test_every_small_schedule() -> None:
    """Two steps, the part of one of them, a rival, and the rest: every way in which they may read one or two rows and
    change one."""
    async def all_of_them() -> list[Schedule]:
        rivals = list(product(["", "xy", "yz", "z"], KEYS))
        return [await play(("issue", *one), ("issue", *other), ("commit", key), ("rival", *rival), ("commit",))
                for one, other in product(product(["", *KEYS], KEYS), repeat=2)
                for rival in rivals for key in {one[1], other[1]}]

    done = [len(schedule.done) for schedule in asyncio.run(all_of_them())]
    assert {1, 2, 3} == {*done}     # with nothing of the session's, with one step of it, and with both


texts = st.sets(st.sampled_from(KEYS), max_size=2).map("".join)
deeds = st.one_of(
    st.tuples(st.just("issue"), texts, texts), st.tuples(st.just("rival"), texts, st.sampled_from(KEYS)),
    st.tuples(st.just("commit"), st.sampled_from(KEYS)), st.just(("commit",)))


@given(st.lists(deeds, min_size=4, max_size=10))
@settings(max_examples=300, deadline=None)
def test_any_schedule(some: list[Any]) -> None:
    """Longer schedules, of whatever is done in whatever order, stand in an order, as the short ones do."""
    asyncio.run(play(*some))
