"""Reread: what a database made of the rows that were written, where that may be something else than it was sent: a
trigger changed them, a column rounds or pads; and of other rows that went or changed with them, by a trigger or as they
refer to them.

Nothing of that changes an etag: what is cached would be wrong, and nobody would find out.
"""

from __future__ import annotations

from workbench.domain.datadef import values_of
from workbench.domain.registry import Kindred
from workbench.domain.resource import Resource, Target
from workbench.domain.sameness import same
from workbench.errors import WorkbenchError
from workbench.postgres.query import PostgresReader
from workbench.state.cache import Cache
from workbench.state.planning.plan import Plan


async def reread(reader: PostgresReader, cache: Cache, plan: Plan) -> dict[Target, Resource]:
    """Caches items anew that a plan, which was just written, may have left otherwise than it says; returns those of its
    items that are stored otherwise. Those that cannot be read now are not cached: they will be when they are asked for.
    """
    sent = {target: after for block in plan.blocks if plan.tables[block.targets[0][:2]].alters
            for target, after in zip(block.targets, block.afters, strict=True)}
    otherwise: dict[Target, Resource] = {}
    targets = _altered(cache, plan)
    read = False
    try:
        for kindred in sorted({target[:2] for target in targets}):
            some = [target for target in targets if target[:2] == kindred]
            stored = {item._id: item for item in await reader.load(kindred, [target.identifier for target in some])}
            for target in some:
                item, wanted = stored.get(target.identifier), sent.get(target)
                cache.take(target, item)
                if item is not None and wanted is not None and item._etag == wanted._etag and any(
                        not same(value, getattr(wanted, name, value)) for name, value in values_of(item).items()):
                    otherwise[target] = item
        read = True
    except WorkbenchError:
        pass        # that the plan was written is said all the same; what is wrong with a row, when it is asked for
    finally:
        if not read:
            for target in targets:
                cache.take(target, None)
    return otherwise


def _altered(cache: Cache, plan: Plan) -> list[Target]:
    """The cached items that may be stored otherwise: written ones, all of resources that the triggers of written tables
    may change, and those that refer to such as went or changed."""
    kindreds: set[Kindred] = {block.targets[0][:2] for block in plan.blocks}
    below: set[Kindred] = set().union(*(plan.tables[kindred].reaches for kindred in kindreds))
    touched = {block.targets[0][:2] for block in plan.blocks if block.kind != "insert"}
    while found := {kindred for kindred, table in plan.tables.items() if kindred not in below and any(
            key.cascades and key.parent in touched | below for key in table.foreign_keys)}:
        below |= found
    written = {target for block in plan.blocks if plan.tables[block.targets[0][:2]].alters for target in block.targets}
    if not written and not below:
        return []
    return [target for target in cache.items if target in written or target[:2] in below]
