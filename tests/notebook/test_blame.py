"""What is added to a broken constraint at a commit: the items by name, their steps, and where more is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workbench import Command, Domain, Event, Insert, Resource, Workbench, field
from workbench.errors import ConstraintViolated


def test_a_broken_constraint_tells_who_and_from_where(dsn: str, tmp_path: Path) -> None:
    """The error has its words, and with them the label, the step and the way to see all; of a saved plan, which is not
    the one that is pending here, it has its words alone."""
    club = Domain("club")

    @club.resource
    class Member(Resource):
        name = field(str, unique=True)

    @club.command(on=Member)
    class Join(Command):
        name = field(str)

    @club.event
    class Joined(Event):
        name = field(str)

    @club.command_handler(Join)
    async def join(command: Any, context: Any) -> Any:
        yield Joined(name=command.name).on(context.target)

    @club.event_handler(Joined)
    async def joined(event: Any, context: Any) -> Any:
        yield Insert(event.target, name=event.name)

    with Workbench(club, dsn=dsn) as wb:
        wb.issue(Join(name="Bob"))
        wb.commit()
        second = wb.issue(Join(name="Bob"))
        with pytest.raises(ConstraintViolated) as broken:
            wb.commit()
        begun = str(second.target.identifier)[:8]
        assert broken.value.__notes__ == [f"member Bob · {begun}: step 2 Join",
                                          "wb.plan().check() tells all that is in the way, with the values"]
        assert len(wb.pending) == 1
        path = tmp_path / "plan.json"
        wb.plan().save(path)
        wb.undo()
        with pytest.raises(ConstraintViolated) as broken:
            wb.apply(path)
        assert not hasattr(broken.value, "__notes__")
