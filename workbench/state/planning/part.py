"""Part: the part of a plan that can be committed alone, because nothing in it depends on the rest.

A step is never divided: what one command did is committed together. So a part includes all items that its steps
changed, all steps that changed these, the steps whose pending results its steps have read, and those that had read an
item before it was changed here: committed later, they would come after what they have not seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from workbench.domain.resource import Target
from workbench.errors import NotClosed
from workbench.state.state import State
from workbench.state.step import Step


def part_of(state: State, wanted: Iterable[Target]) -> tuple[list[Step], list[Step]]:
    """The pending steps that led to some items, and the other ones; both the oldest first.

    Raises NotClosed, naming what else must be committed with them."""
    pending = state.pending()
    wanted = set(wanted)
    by_target: dict[Target, list[Step]] = defaultdict(list)
    readers: dict[Target, list[Step]] = defaultdict(list)
    for step in pending:
        for target in step.touched:
            by_target[target].append(step)
        for target in {*step.reads, *step.leaned} if step.touched else ():  # else it can come at any time
            readers[target].append(step)
    steps: dict[int, Step] = {}
    items = set(wanted)
    work = list(wanted)
    while work:
        target = work.pop()
        changing = by_target.get(target, [])
        for step in (*changing, *(one for one in readers[target] if changing and one.number < changing[-1].number)):
            if step.number not in steps:
                steps[step.number] = step
                more = (step.touched | (by_target.keys() & step.leaned)) - items
                items |= more
                work += more
    if items - wanted:
        raise NotClosed(sorted(wanted, key=str), sorted(items - wanted, key=str))
    return [step for step in pending if step.number in steps], [step for step in pending if step.number not in steps]


def without(state: State, base: State, kept: Iterable[Step]) -> State:
    """The State in which only the ``kept`` ones of the pending steps happened, on another base.

    No handler runs again: what the kept steps did must not depend on the steps that are left out."""
    states: dict[int, State] = {}
    walk: State | None = state
    while walk is not None and not walk.root:
        if walk.step is not None:
            states[walk.step.number] = walk
        walk = walk.parent
    for step in kept:
        was = states[step.number]
        changed = base.changed
        for target in step.touched:
            entry = was.changed.get(target)
            changed = changed.discard(target) if entry is None else changed.insert(target, entry)
        base = base.after(changed, step, base.applied + len(step.mutations))
    return base
