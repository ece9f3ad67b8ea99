"""BranchMerge: what another branch changed, taken over as one step; three-way, by item and column. Pure.

The base is what the other branch had before it did what is not here (comparison.py). Where only it changed a column,
its value is taken; where both changed it to different values, or one deleted what the other changed, it is a Conflict,
as with a rival: base, mine and theirs. So is an item that the other branch has read, and that is known in another
version by now. The ways out are those of any conflict, given for each item. What comes out is validated. All that was
taken over is here then, and is no part of the next merge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

from workbench.domain.datadef import field, same
from workbench.domain.entity import Event
from workbench.domain.mutation import Delete, Insert, Mutation, Update
from workbench.domain.registry import Registry
from workbench.domain.resource import Resource, Target, is_deleted, refit
from workbench.errors import Conflict, Invalid, NothingTo, UnknownName
from workbench.state.cache import Cache
from workbench.state.clash import Clash, clash_of
from workbench.state.decision import Decision
from workbench.state.draft import Draft
from workbench.state.history.comparison import own, three_sides
from workbench.state.resolution import Way, resolution, three_way
from workbench.state.state import State
from workbench.state.step import Handling, Occurrence, Search, Step


class MergeBranch(Decision):
    """The pseudo-command of a merge."""

    lost: ClassVar[str] = "a merge speaks of two branches as they were, and is not issued again; call merge() anew"
    branch = field(str)


class BranchMerged(Event):
    """What a merge did to one item."""

    branch = field(str)


def merged(
    here: State, there: State, name: str, ways: Mapping[Target, Way], draft: Draft, registry: Registry, cache: Cache,
) -> State:
    """The State ``here`` with all that the branch ``name``, which is at ``there``, has changed.

    ``ways`` decides conflicts: "mine" (here), "theirs" (there) or values, by Target. Raises Conflict with all items
    that are not decided, Invalid with all faults of what comes out, UnknownName for a way of an item that is in no
    conflict, and NothingTo where all is here already; all or nothing."""
    clashes, faults, occurrences, asked = [], [], [], dict(ways)
    theirs_only = [step for _, step in own(here, there)]
    pending = set(there.pending())
    behind = _behind(step for step in theirs_only[::-1] if step in pending)
    moved = _moved(here, behind.reads, cache)
    for target, (base, mine, theirs) in sorted(three_sides(here, there, registry, cache).items(), key=_named):
        clash = _clash(target, base, mine, theirs)
        cls = registry.resource(target[:2])
        agreed = _mergeable(clash)
        if agreed and target in moved and _mutation(clash, None, cls) is None:
            continue        # they only read it
        way = asked.pop(target, None)
        if way is None and (not agreed or target in moved):
            clashes.append(clash)
            continue
        mutation = _mutation(clash, way, cls)
        if mutation is None:
            continue
        event = BranchMerged(branch=name).on(target)
        occurrence = Occurrence(event)
        occurrence.mutations.append(mutation)
        try:
            row = _row_of(here, target) if mine is None and base is not None else None
            _apply(draft, mutation, mine, row, target, cls, event)
            occurrences.append(occurrence)
        except Invalid as invalid:
            faults += [problem._replace(field=f"{target}: {problem.field}") for problem in invalid.problems]
    told = {clash.target for clash in clashes}
    outdated = {target: clash_of(target, "read", None, None, cache.items.get(target))
                for target in sorted(moved, key=str) if target not in told}
    for target in [target for target in outdated if target in asked]:
        resolution(outdated[target], asked.pop(target), registry.resource(target[:2]))
    if asked:
        raise UnknownName("conflict on", str(next(iter(asked))), [str(clash.target) for clash in clashes],
                          where=f"the merge of {name!r}")
    if clashes or occurrences:
        clashes += [clash for target, clash in outdated.items() if target not in ways]
    if clashes:
        raise Conflict(clashes, branch=name)
    if faults:
        raise Invalid(f"the merge of {name!r}", faults)
    if not occurrences:
        raise NothingTo("merge", f"there is nothing to merge: what {name!r} changed is here already")
    handling = Handling(MergeBranch(branch=name), "", "", None)
    handling.occurrences = occurrences
    step = Step(draft.step, handling, f"merge branch {name}", user=draft.user, at=draft.now, cell=None,
                reads={**behind.reads, **moved}, leaned=behind.leaned, searches=behind.searches)
    step.doing(frozenset(deed for one in theirs_only for deed in one.deeds) | ({handling} if ways else set()))
    return here.after(draft.changed, step, draft.applied)


def _named(pair: tuple[Target, Any]) -> str:
    return str(pair[0])


def _clash(target: Target, base: Resource | None, mine: Resource | None, theirs: Resource | None) -> Clash:
    did = "insert" if base is None else "delete" if mine is None else "update"
    return clash_of(target, did, base, mine, theirs)


def _mergeable(clash: Clash) -> bool:
    """Whether nobody must be asked: one side is as it was, both are the same, or each changed other columns."""
    base, mine, theirs = (None if side is None else _bare(side) for side in (clash.base, clash.mine, clash.theirs))
    if _equal(mine, theirs) or _equal(base, mine) or _equal(base, theirs):
        return True
    if base is None or mine is None or theirs is None:
        return False
    # Alike is no question here: what was merged before stands on both sides.
    return all(same(mine[name], theirs.get(name)) for name in three_way(clash)[1])


def _bare(side: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in side.items() if not name.startswith("_")}


def _equal(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    if one is None or other is None:
        return one is other
    return all(same(one.get(name), other.get(name)) for name in {**one, **other})


def _mutation(clash: Clash, way: Way | None, cls: type[Resource]) -> Mutation | None:
    """What turns my item into the merged one; None where it is that already."""
    target, mine, theirs = clash.target, clash.mine, clash.theirs
    base, ours, others = (None if side is None else _bare(side) for side in (clash.base, mine, theirs))
    if way is not None and way != "theirs":
        return _decided(clash, way, cls)
    if way is None and (_equal(base, others) or _equal(ours, others)):
        return None
    if others is None:
        return None if ours is None else Delete(target)
    if ours is None:
        return Insert(target, **others)
    wanted = others if way == "theirs" else {
        name: value for name, value in others.items() if not same((base or {}).get(name), value)}
    values = {name: value for name, value in wanted.items() if not same(ours.get(name), value)}
    return Update(target, **values) if values else None


def _decided(clash: Clash, way: Way, cls: type[Resource]) -> Mutation | None:
    """What a way, which is not "theirs", makes of my item; ``resolution`` says it of theirs, and refuses bad ways."""
    mutation = resolution(clash, way, cls)
    if way == "mine" or mutation is None or clash.mine is None or clash.theirs is None:
        return None
    merged = {**_bare(clash.theirs), **mutation.values}
    values = {name: value for name, value in merged.items() if not same(clash.mine.get(name), value)}
    return Update(clash.target, **values) if values else None


def _apply(
    draft: Draft, mutation: Mutation, mine: Resource | None, row: Resource | None, target: Target, cls: type[Resource],
    event: Event,
) -> None:
    if isinstance(mutation, Insert):
        if row is not None:     # it comes back
            row = refit(row, cls)
            draft.delete(Delete(target), row, row, target, event)
        draft.insert(mutation, target, cls, event, cached=False)
    elif mine is None:
        raise AssertionError(f"{mutation!r} of nothing")
    elif isinstance(mutation, Delete):
        draft.delete(mutation, mine, mine, target, event)
    else:
        draft.update(mutation, mine, mine, target, event)


class _Behind(NamedTuple):
    """What steps stand on; see Step."""

    reads: dict[Target, str | None]
    leaned: set[Target]
    searches: list[Search]


def _behind(steps: Iterable[Step]) -> _Behind:
    """What the other branch's own steps have read: the merge stands on it, and the commit verifies it."""
    behind = _Behind({}, set(), [])
    for step in steps:
        for target, etag in step.reads.items():
            behind.reads.setdefault(target, etag)
        behind.leaned.update(step.leaned)
        behind.searches.extend(step.searches)
    return behind


def _moved(here: State, reads: Mapping[Target, str | None], cache: Cache) -> dict[Target, str | None]:
    """The items that are known in another version than was read, with that version: as cached, which is the latest
    that is known, or as a step here has read them."""
    known: dict[Target, str | None] = {}
    for step in here.pending():
        for target, etag in step.reads.items():
            known.setdefault(target, etag)
    for target, etag in reads.items():
        if target in cache.items:
            known[target] = cache.items[target]._etag
        elif etag is not None and target not in here.changed:       # it has left the cache: it is stored no more
            row = _row_of(here, target)
            known[target] = None if row is None else row._etag
    return {target: known[target] for target, etag in reads.items() if known.get(target, etag) != etag}


def _row_of(here: State, target: Target) -> Resource | None:
    """The row of an item that was softly deleted on this line, as a commit has written it."""
    state: State | None = here
    while state is not None and target not in state.changed:
        state = state.parent
    row = None if state is None or state is here else state.changed[target].current
    return row if is_deleted(row) else None
