"""The warnings of a plan: what will be of rows and columns that it cannot show."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.editing import Paper, at, desk, edit
from tests.state.domains import held, manage
from workbench import Delete, Insert, Resource, field
from workbench.domain.kinds import kind_of
from workbench.notebook.shown.saved_plan import ShownSavedPlan
from workbench.state.manager import StateManager
from workbench.state.planning.table import Column, Table
from workbench.state.revert import Revertible
from workbench.state.saved.plan import SavedPlan


class Shift(Resource):
    """Deleted for good, unlike a Paper."""

    _id = field(str)
    text = field(str, initial="")
    lasts = field(timedelta | None)


async def stored(cls: type[Any]) -> StateManager:
    """A manager with one item, whose deletion takes rows of ``lines`` along, and whose rows have a ``secret``."""
    kindred = at(cls, "a")[:2]
    table = Table(kindred, "things", None, (Column("lasts", "span", "interval", kind_of(timedelta | None)),),
                  carries=("lines",), fieldless=("secret",))
    manager = manage(desk(cls), tables={kindred: table})
    await edit(manager, Insert(at(cls, "a"), text="x"))
    assert manager.plan().warnings == ()
    held(manager).settle(manager.plan())
    return manager


@pytest.mark.parametrize("cls, warnings", [(Paper, ()), (Shift, (
    "rows of lines may go or change along with what is deleted, as foreign keys cascade; check() counts them",))])
async def test_what_goes_along(cls: type[Any], warnings: tuple[str, ...]) -> None:
    """A deletion may take rows of other tables along, a soft one none: its row stays."""
    manager = await stored(cls)
    await edit(manager, Delete(at(cls, "a")))
    assert manager.plan().warnings == warnings


async def test_what_does_not_come_back() -> None:
    """A row that a revert adds again is not all that it was; one that a command adds again is as it says."""
    manager = await stored(Shift)
    target = at(Shift, "a")
    await edit(manager, Delete(target))
    deletion = manager.plan()
    held(manager).settle(deletion)
    plan = held(manager).revert(Revertible(2, deletion.changes, {}, {}), {target: None})
    assert plan.warnings == (
        "secret of things will have defaults, not the values of before: no field has kept them",
        "span of things will have 30 days for each month it had: a timedelta has no months",
        "rows of lines that went or changed along with those of things stay so")
    saved = SavedPlan.read(plan.saved().text)       # whoever looks at it elsewhere has none of the tables
    assert (saved.warnings, saved.doubts) == (plan.warnings, [])
    assert repr(saved).splitlines()[-3:] == [f"  ! {warning}" for warning in plan.warnings]
    html = ShownSavedPlan(saved.document)._repr_html_()
    assert [html.count(warning) for warning in plan.warnings] == [1, 1, 1]
    manager.history.undo()
    await edit(manager, Insert(target))
    assert manager.plan().warnings == ()
