"""Rows: what those who send a plan in another form than a commit must know of its rows: the script, and the check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.domain.registry import Kindred
from workbench.postgres.writing.statements import lock_order
from workbench.state.planning.plan import Plan
from workbench.state.planning.table import Table, quoted


def expects_null(rows: Sequence[tuple[Any, ...]]) -> bool:
    """Whether any row of an update or delete expects that there is no etag, which ``=`` would never find."""
    return any(row[1] is None for row in rows)


def deferral(plan: Plan) -> str | None:
    """``SET CONSTRAINTS … DEFERRED`` for what the plan's order relies on; None when it relies on nothing."""
    found = [(table, name) for table in plan.tables.values()
             for name, deferrable in (*((key.name, key.deferrable) for key in table.foreign_keys),
                                      *((unique.name, unique.deferrable) for unique in table.uniques))
             if deferrable and name in plan.order.deferred]
    if any(name in table.stiff for table, name in found):
        return "SET CONSTRAINTS ALL DEFERRED"       # which alone passes over those that cannot be
    names = sorted({_constraint(table, name) for table, name in found})
    return f"SET CONSTRAINTS {', '.join(names)} DEFERRED" if names else None


def _constraint(table: Table, name: str) -> str:
    """A constraint's name as SET CONSTRAINTS takes it: in the schema of its table."""
    return f"{quoted(table.schema)}.{quoted(name)}" if table.schema else quoted(name)


def reads_of(plan: Plan) -> Mapping[Kindred, list[Any]]:
    """The identifiers that the steps only read, by resource, in the order in which a commit locks them."""
    by_kind: dict[Kindred, list[Any]] = {}
    for target in plan.reads:
        by_kind.setdefault(target[:2], []).append(target.identifier)
    return {kindred: [identifiers[place] for place in lock_order(identifiers)]
            for kindred, identifiers in sorted(by_kind.items())}
