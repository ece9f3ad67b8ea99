"""Guards: how a transaction begins, how etags are compared, in which order rows are locked, what was only read or not
found and by which lock those who verify that take turns, what is hit twice, what is checked at the end.

All who send a plan keep to them: the commit, the check, the script.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from workbench.domain.registry import Kindred
from workbench.state.planning.plan import Plan
from workbench.state.planning.table import Table, quoted
from workbench.state.step import NOT_THERE

# Not as the server's default may be: REPEATABLE READ would compare what there was before others were waited for.
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
VERIFYING = 0x776F726B76726679      # "workvrfy": the advisory lock of commits and scripts that verify what was read


def etag_equals(etags: Iterable[str | None]) -> str:
    """How SQL compares a stored etag with those expected: a row that never had one is NULL there."""
    return "IS NOT DISTINCT FROM" if None in etags else "="


def lock_order(identifiers: Sequence[Any]) -> list[int]:
    """The places of the identifiers of one resource in the order in which their rows are locked: the smallest first.

    Texts by their code points, as the collation "C" has them; UUIDs by their integers, which is the same, and compared
    without a call into Python each time."""
    keys = identifiers
    if identifiers and isinstance(identifiers[0], UUID):
        keys = [identifier.int for identifier in identifiers]
    return sorted(range(len(keys)), key=keys.__getitem__)


def hit_twice(table: Table, found: Sequence[Any]) -> str:
    """What to say where the identifiers of the rows that a statement has written hold one twice; empty where none is.

    An UPDATE or DELETE also hits the rows of tables that inherit from its own, and no key is unique over all."""
    if len({*found}) == len(found):
        return ""
    again = sorted(str(identifier) for identifier, count in Counter(found).items() if count > 1)
    return f"{table.name} has more than one row of {', '.join(again)}: a table that inherits from it has others"


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


def reads_of(plan: Plan) -> Mapping[Kindred, tuple[list[Any], list[str | None]]]:
    """What the steps only read, by resource: the identifiers, and the etags expected, in the order of locking."""
    found: dict[Kindred, tuple[list[Any], list[str | None]]] = defaultdict(lambda: ([], []))
    for (domain, key, identifier), etag in plan.reads.items():
        if etag != NOT_THERE:
            identifiers, etags = found[domain, key]
            identifiers.append(identifier)
            etags.append(etag)
    for identifiers, etags in found.values():
        order = lock_order(identifiers)
        identifiers[:], etags[:] = map(identifiers.__getitem__, order), map(etags.__getitem__, order)
    return dict(sorted(found.items()))


def absent_of(plan: Plan) -> Mapping[Kindred, list[Any]]:
    """What the steps looked for and did not find, by resource: the identifiers, in the order of locking."""
    found: dict[Kindred, list[Any]] = defaultdict(list)
    for (domain, key, identifier), etag in plan.reads.items():
        if etag == NOT_THERE:
            found[domain, key].append(identifier)
    return {kindred: [identifiers[place] for place in lock_order(identifiers)]
            for kindred, identifiers in sorted(found.items())}
