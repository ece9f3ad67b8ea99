"""Resolution: the ways out of a conflict on one item, as new values of a State. Pure; nothing is asked or written here.

A way is "mine" (my item over theirs), "theirs" (mine is dropped), or the merge of both: where each changed other
columns than the other both changes stay, and values can be given for the rest. Whatever comes out is validated as any
item is. A resolution is a step of its own, so that it is seen in the log, told by ``why`` and undone like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.domain.convert import shown
from workbench.domain.datadef import unknown
from workbench.domain.mutation import Delete, Insert, Mutation, Update
from workbench.domain.registry import Registry
from workbench.domain.resource import Resource, Target, refit
from workbench.domain.sameness import same
from workbench.errors import Conflict, Invalid, Problem
from workbench.state.clash import Clash
from workbench.state.decision import ConflictResolved, ResolveConflict
from workbench.state.draft import Draft
from workbench.state.state import State
from workbench.state.step import Handling, Occurrence, Step

Way = str | Mapping[str, Any]
WAYS_OUT = "\n    ".join((
    "ways out:", "rebase() issues all pending commands again;", "merge() keeps both, where each changed other columns;",
    'resolve(item, "mine") or "theirs" or with values decides one item;', "drop(item) gives up what is pending of it"))
WAYS_TO_APPLY = (
    "ways out: a saved plan stays as it is; issue its commands (.commands) again on what is stored now, and save that "
    "plan. Where they are pending here: rebase(), then save the plan again")


def three_way(clash: Clash) -> tuple[dict[str, Any], list[str]]:
    """The values that I changed and they did not, and the columns that both changed; of an item that both added, those
    in which they differ."""
    base, mine, theirs = clash.base or {}, clash.mine or {}, clash.theirs or {}
    kept, both = {}, []
    for name in mine:
        if not name.startswith("_") and not same(base.get(name), mine[name]):
            if same(base.get(name), theirs.get(name)):
                kept[name] = mine[name]
            elif clash.base is not None or not same(mine[name], theirs.get(name)):
                both.append(name)
    return kept, both


def mergeable(clash: Clash) -> bool:
    """Whether a clash can be merged without asking: both sides are there, and changed other columns.

    A column that both set to the same value is asked about: two who each took the last but one of three are alike, and
    two of them are gone."""
    if clash.kind.startswith("read") or (clash.mine is None and clash.theirs is None):
        return True
    return clash.mine is not None and clash.theirs is not None and not three_way(clash)[1]


def check_way(target: Target, way: Any) -> None:
    """Raises Invalid for what is neither the name of a way nor values."""
    if not isinstance(way, Mapping) and way not in ("mine", "theirs", "merge"):
        raise Invalid(f"the resolution of {target}", [Problem("way", way, (
            f'{shown(way)} is no way out; say "mine", "theirs", "merge", or values for columns: {{"balance": 10}}'))])


def resolution(clash: Clash, way: Way, cls: type[Resource]) -> Mutation | None:
    """The mutation that, applied to *their* item, resolves a clash; None where theirs simply stands.

    Raises Invalid for a way that does not fit, Conflict where a merge is asked for and both changed the same column."""
    target, mine, theirs = clash.target, clash.mine, clash.theirs
    check_way(target, way)
    if clash.kind.startswith("read") and not isinstance(way, str):
        raise Invalid(f"the resolution of {target}", [Problem("way", way, (
            'it was only read here, and values of it are set by a command; say "theirs"'))])
    if way == "theirs" or (mine is None and theirs is None):
        return None
    if way == "mine":
        if mine is None:
            return None if clash.kind.startswith("read") else Delete(target)
        values = {name: value for name, value in mine.items() if not name.startswith("_")}
        if theirs is None:
            return Insert(target, **values)
        return Update(target, **{name: value for name, value in values.items() if not same(theirs.get(name), value)})
    given = dict(way) if isinstance(way, Mapping) else {}
    faults = unknown(cls, given) + [Problem(name, value, "is a stamp, set by the State alone; leave it out")
                                    for name, value in given.items() if name.startswith("_")]
    if faults:
        raise Invalid(f"the resolution of {target}", faults)
    if clash.kind.startswith("read"):
        return None
    if mine is None or theirs is None:
        gone = "here" if mine is None else "in the database"
        raise Invalid(f"the resolution of {target}", [Problem("way", way, (
            f'it was deleted {gone}, and columns cannot be merged; say "mine" or "theirs"'))])
    kept, both = three_way(clash)
    if set(both) - set(given):
        raise Conflict([clash])
    return Update(target, **{**kept, **given})


def resolved(
    state: State, draft: Draft, ways: Sequence[tuple[Clash, Way, Resource | None]], registry: Registry,
) -> State:
    """The State after some clashes were resolved, each in its way; the rows as stored, softly deleted ones included,
    are the origins from now on.

    Raises Invalid and Conflict as ``resolution`` does; all or nothing."""
    occurrences = []
    reads = {}
    for clash, way, stored in ways:
        target, cls = clash.target, registry.resource(clash.target[:2])
        mutation = resolution(clash, way, cls)
        event = ConflictResolved(way=way_in_words(way)).on(target)
        occurrence = Occurrence(event)
        theirs = None if stored is None else refit(stored, cls)
        if theirs is not None:
            reads[target] = theirs._etag
        earlier = draft.changed.get(target)
        draft.changed = draft.changed.discard(target)
        if mutation is not None:
            occurrence.mutations.append(mutation)
            draft.carry_out(mutation, theirs, theirs, target, cls, event)
            made = draft.changed.get(target)
            if made is not None:
                made.earlier = earlier
                made.place = made.place if earlier is None else earlier.place
        occurrences.append(occurrence)
    told_ways = "; ".join(dict.fromkeys(way_in_words(way) for _, way, _ in ways))
    handling = Handling(ResolveConflict(way=told_ways), "", "", ways[0][0].target if len(ways) == 1 else None)
    handling.results += occurrences
    step = Step(draft.step, handling, f"resolve conflict: {told_ways}", user=draft.user, at=draft.now, cell=None,
                reads=reads)
    return state.after(draft.changed, step, draft.applied)


def way_in_words(way: Way) -> str:
    """A way in words, for the log."""
    return way if isinstance(way, str) else ", ".join(f"{name}={value!r}" for name, value in way.items())
