"""Reconcile: brings what is pending together with what is stored now, item by item, each in its way.

It looks at the database, has the State Manager decide (state/resolution.py), and takes what is stored into the cache;
nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping

from workbench.domain.resource import Resource, Target, is_deleted
from workbench.errors import Conflict, NothingTo
from workbench.postgres.drift import drifted
from workbench.postgres.engine import Engine
from workbench.postgres.query import PostgresReader
from workbench.state.held import Held
from workbench.state.planning.plan import Plan
from workbench.state.resolution import Way, check_way, mergeable
from workbench.state.step import NOT_THERE


async def reconciled(
    engine: Engine, reader: PostgresReader, held: Held, ways: Mapping[Target, Way] | None, verb: str,
) -> Plan:
    """The plan after some items were resolved, each in its way; without ``ways`` after a merge of all that moved.

    Raises NothingTo for an item that did not move (to ``drop`` it what is pending of it will do), Invalid, and Conflict
    with the items where a merge leaves something open; all is as before then."""
    for target, way in (ways or {}).items():
        check_way(target, way)      # before there is anything to say of the item
    before = held.plan()
    reads = before.reads
    known = {**dict.fromkeys(reads), **held.manager.known()}
    wanted = known if ways is None else {target: known.get(target) for target in ways}
    moved = {drift.target: drift.stored for drift in await drifted(engine, reader, wanted)}
    stored = {**known, **wanted, **moved}
    # What steps read may have been fetched anew since, and so be cached as it is stored now.
    stale = [target for target, etag in reads.items() if _is_stale(stored.get(target), etag)]
    if ways is not None:
        pending = before.state.changed if verb == "drop" else ()
        for target in ways:
            if target not in moved and target not in stale and target not in pending:
                entry = before.state.changed.get(target)
                why = ("it is new here, and not stored" if entry is not None and entry.origin is None else
                       "it is stored as it was when it was read here")
                raise NothingTo(verb, f"nothing is pending of {target}" if verb == "drop" else (
                    f"there is no conflict on {target}: {why}; to give up what is pending of it say drop"))
    if ways is None:
        ways = dict.fromkeys(
            [*(target for target in moved if target in before.state.changed), *stale], "merge")
        open_ = [clash for clash in (held.clash(target, stored.get(target)) for target in ways)
                 if not mergeable(clash)]
        if open_:
            raise Conflict(open_)
    plan = before if not ways else held.resolve(
        [(held.clash(target, stored.get(target)), way, stored.get(target)) for target, way in ways.items()])
    for target, theirs in moved.items():
        held.manager.cache.take(target, theirs)
    return plan


def _is_stale(item: Resource | None, etag: str | None) -> bool:
    """Whether an item is not stored any more as a step has read it, with this etag."""
    return not is_deleted(item) if etag == NOT_THERE else item is None or item._etag != etag
