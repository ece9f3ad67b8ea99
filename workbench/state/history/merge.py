"""BranchMerge: what another branch changed, taken over as one step; three-way, by item and column. Pure.

The base is what the other branch had before it did what is not here (comparison.py). Where only it changed a column,
its value is taken; where both changed it to different values, or one deleted what the other changed, it is a Conflict,
as with a rival: base, mine and theirs. So is an item that the other branch has read, and that is known in another
version by now. The ways out are those of any conflict, given for each item. What comes out is validated. All that was
taken over is here then, and is no part of the next merge.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

from workbench.domain.datadef import field
from workbench.domain.entity import Event
from workbench.domain.mutation import Delete, Insert, Mutation, Update
from workbench.domain.registry import Registry
from workbench.domain.resource import Resource, Target, refit
from workbench.domain.sameness import same
from workbench.errors import Conflict, Invalid, NothingTo, Problem, UnknownName
from workbench.state.cache import Cache
from workbench.state.clash import Clash, clash_of
from workbench.state.decision import Decision
from workbench.state.draft import Draft
from workbench.state.history.comparison import Sides, own, three_sides
from workbench.state.resolution import Way, resolution, three_way
from workbench.state.state import State
from workbench.state.step import NOT_THERE, Handling, Occurrence, Search, Step


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
    theirs_only = [step for _, step in own(here, there)]
    pending = set(there.pending())
    behind = _behind(step for step in theirs_only[::-1] if step in pending)
    moved = _moved(here, behind.reads, cache)
    sides = three_sides(here, there, registry, cache)
    changed = _changed(sides, moved, registry)
    mutations, clashes = _decided_changes(changed, ways, moved, registry)
    occurrences, faults = _carried_out(mutations, sides, cache, name, draft, registry)
    outdated = _outdated(moved.keys() - changed.keys(), ways, registry, cache)
    if unknown := [target for target in ways if target not in changed and target not in outdated]:
        raise UnknownName("conflict on", str(unknown[0]), [str(clash.target) for clash in clashes],
                          where=f"the merge of {name!r}")
    if clashes or occurrences:
        clashes += [clash for target, clash in outdated.items() if target not in ways]
    if clashes:
        raise Conflict(clashes, branch=name)
    if faults:
        raise Invalid(f"the merge of {name!r}", faults)
    if not occurrences and not ways:     # that all stays as it is here is a decision, too
        raise NothingTo("merge", f"there is nothing to merge: what {name!r} changed is here already")
    handling = Handling(MergeBranch(branch=name), "", "", None)
    handling.results += occurrences
    step = Step(draft.step, handling, f"merge branch {name}", user=draft.user, at=draft.now, cell=None,
                reads={**behind.reads, **moved}, leaned=behind.leaned, searches=behind.searches)
    step.doing(frozenset(deed for one in theirs_only for deed in one.deeds) | ({handling} if ways else set()))
    return here.after(draft.changed, step, draft.applied)


def _changed(
    sides: Mapping[Target, Sides], moved: Container[Target], registry: Registry,
) -> dict[Target, Clash]:
    """The items on which the sides may clash, in the order of their names; of those that moved, the ones that the other
    branch did more with than read them."""
    clashes = {target: _clash(target, *sides[target]) for target in sorted(sides, key=str)}
    return {target: clash for target, clash in clashes.items() if target not in moved or not _mergeable(clash)
            or _mutation(clash, None, registry.resource(target[:2])) is not None}


def _decided_changes(
    changed: Mapping[Target, Clash], ways: Mapping[Target, Way], moved: Container[Target], registry: Registry,
) -> tuple[dict[Target, Mutation], list[Clash]]:
    """What turns each item into the merged one, and the clashes of those that nobody has decided."""
    mutations, clashes = dict[Target, Mutation](), list[Clash]()
    for target, clash in changed.items():
        way = ways.get(target)
        if way is None and (target in moved or not _mergeable(clash)):
            clashes.append(clash)
        elif (mutation := _mutation(clash, way, registry.resource(target[:2]))) is not None:
            mutations[target] = mutation
    return mutations, clashes


def _carried_out(
    mutations: Mapping[Target, Mutation], sides: Mapping[Target, Sides], cache: Cache, name: str,
    draft: Draft, registry: Registry,
) -> tuple[list[Occurrence], list[Problem]]:
    """The mutations applied to a draft: an event of each item, and the faults of what would come out."""
    occurrences, faults = list[Occurrence](), list[Problem]()
    for target, mutation in mutations.items():
        mine, cls = sides[target][1], registry.resource(target[:2])
        row = cache.gone.get(target) if mine is None and target not in draft.changed else None
        occurrence = Occurrence(BranchMerged(branch=name).on(target))
        occurrence.mutations.append(mutation)
        try:
            draft.carry_out(
                mutation, mine, mine if row is None else refit(row, cls), target, cls, occurrence.event)
            occurrences.append(occurrence)
        except Invalid as invalid:
            faults += [problem._replace(field=f"{target}: {problem.field}") for problem in invalid.problems]
    return occurrences, faults


def _outdated(
    targets: Iterable[Target], ways: Mapping[Target, Way], registry: Registry, cache: Cache,
) -> dict[Target, Clash]:
    """The clashes of items that the other branch has only read, in another version than is known now; raises Invalid
    for a way that does not fit such a one."""
    outdated = {target: clash_of(target, "read", None, None, cache.items.get(target))
                for target in sorted(targets, key=str)}
    for target, clash in outdated.items():
        if target in ways:
            resolution(clash, ways[target], registry.resource(target[:2]))
    return outdated


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
        elif etag not in (None, NOT_THERE) and target not in here.changed:     # it left the cache: stored no more
            known[target] = NOT_THERE
    return {target: known[target] for target, etag in reads.items() if known.get(target, etag) != etag}
