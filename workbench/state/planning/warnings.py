"""Warnings: what will be of rows and columns that a plan cannot show, as no resource has them; a sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from workbench.domain.registry import Kindred
from workbench.state.decision import CommitReverted
from workbench.state.planning.block import Block
from workbench.state.planning.table import Table


def warnings_of(blocks: Iterable[Block], tables: Mapping[Kindred, Table]) -> Iterator[str]:
    """What to know of the changes in some blocks, written to ``tables``."""
    known = [(block, tables[block.targets[0][:2]]) for block in blocks if block.targets[0][:2] in tables]
    names = sorted({name for block, table in known if block.kind == "delete" and block.afters[0] is None
                    for name in table.carries})
    if names:
        yield (f"rows of {', '.join(names)} may go or change along with what is deleted, as foreign keys cascade; "
               "check() counts them")
    for block, table in known:
        if block.kind == "insert" and any(isinstance(entry.event, CommitReverted) for entry in block.entries):
            yield from _restored(table)


def _restored(table: Table) -> Iterator[str]:
    """What does not come back with deleted rows of a table that a revert adds again."""
    if table.fieldless:
        yield (f"{', '.join(table.fieldless)} of {table.name} will have defaults, not the values of before: no field "
               "has kept them")
    spans = [column.name for column in table.columns if column.type.startswith("interval")]
    if spans:
        yield f"{', '.join(spans)} of {table.name} will have 30 days for each month it had: a timedelta has no months"
    if table.carries:
        yield f"rows of {', '.join(table.carries)} that went or changed along with those of {table.name} stay so"
