"""Reconciling: the verbs of a Session that bring what is pending together with what others have written meanwhile, in
the database or on another branch.

None of them writes: what they decide is pending, to be looked at and committed like any step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.domain.resource import Target
from workbench.errors import Invalid, Problem
from workbench.postgres.drift import Drift, drifted
from workbench.postgres.reconcile import reconciled
from workbench.state.held import hold
from workbench.state.history.branch import Branch
from workbench.state.planning.plan import Plan
from workbench.state.replay import Rebased
from workbench.state.resolution import Way
from workbench.time_travel import TimeTravel


class Reconciling(TimeTravel):
    """What a session can do about rivals: look for them, do its commands again, or decide item by item."""

    async def drift(self) -> list[Drift]:
        """What changed in the database since each item was cached, before a commit is tried; nothing is taken over.

        Raises ConnectionLost, DatabaseError."""
        manager = await self._renew()
        return await drifted(self.engine, self.reader, manager.known())

    async def rebase(self) -> Rebased:
        """Fetches all that moved, and issues the pending commands again on it; nothing is written.

        Returns the plan now and before, and the commands that were refused this time; the rest is pending. Raises
        LoopError within a handler, ConnectionLost, DatabaseError."""
        manager = await self._renew()
        async with hold(manager, "rebase") as held:
            for drift in await drifted(self.engine, self.reader, manager.known()):
                manager.cache.take(drift.target, drift.stored)
            return await held.rebase()

    async def resolve(self, item: Any, way: Way) -> Plan:
        """Decides a conflict on one item: "mine", "theirs", "merge", or values for the columns that both changed.

        Returns the new plan; nothing is written. What comes out is validated, and is a step that can be undone.
        Raises NothingTo where there is no conflict, Invalid, and Conflict where a merge leaves columns open."""
        return await self._reconciled({self.registry.target(item): way}, "resolve")

    async def merge(self, branch: Branch | str | None = None, *, ways: Mapping[Any, Way] | None = None) -> Plan:
        """Merges column by column, what only one side changed stays: another branch into this one, or without a name
        what moved in the database. Returns the new plan.

        A merge of a branch is one step; ``ways`` decides its conflicts by item: "mine", "theirs" or values. Raises
        Conflict with the items where both sides changed the same column, or one deleted it, Invalid where what comes
        out is not admitted, and NothingTo; all is as before then. With the database, a column is the same also where
        both set it to the same value, which may be two deeds (``rebase`` does mine again) or one ("theirs")."""
        if branch is None and ways is None:
            return await self._reconciled(None, "merge")
        if branch is None:
            raise Invalid("merge", [Problem("ways", ways, "they are for a branch: merge(\"what if\", ways={…}); for a "
                                            "conflict with the database there is resolve(item, way)")])
        manager = await self._renew()
        async with hold(manager, "merge") as held:
            return held.merge(branch, ways or {})

    async def drop(self, what: Any) -> Plan:
        """Gives up a branch, by name or as itself, or what is pending of one item, which is as it is stored now; its
        commands stay in the log, and a later rebase issues them again.

        Returns the new plan. Raises UnknownName, Invalid for the branch where we are and for main, and NothingTo where
        nothing is pending of the item."""
        if isinstance(what, Branch) or (isinstance(what, str) and "/" not in what):
            self.manager.travel("drop").drop(what)
            return self.manager.plan()
        return await self._reconciled({self.registry.target(what): "theirs"}, "drop")

    async def _reconciled(self, ways: Mapping[Target, Way] | None, verb: str) -> Plan:
        manager = await self._renew()
        async with hold(manager, "resolve") as held:
            return await reconciled(self.engine, self.reader, held, ways, verb)
