"""What is added to a broken constraint at a commit: the items by name, their steps, and where more is told."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from tests.editing import Edit, Owner, at, desk
from workbench import Conflict, Insert, Update, Workbench
from workbench.errors import ConstraintViolated


def test_a_broken_constraint_tells_who_and_from_where(dsn: str, tmp_path: Path) -> None:
    """The error has its words, and with them the label, the step and the way to see all; of a saved plan, which is not
    the one that is pending here, it has its words alone."""
    first, second = UUID("cbe0f4de-0000-4000-8000-000000000000"), UUID("603dae8a-0000-4000-8000-000000000000")
    with Workbench(desk(Owner), dsn=dsn) as wb:
        wb.issue(Edit(mutations=[Insert(at(Owner, first), email="bob@bank")]))
        wb.commit()
        wb.issue(Edit(mutations=[Insert(at(Owner, second), email="bob@bank")]))
        with pytest.raises(ConstraintViolated) as broken:
            wb.commit()
        assert broken.value.__notes__ == ["owner bob@bank · 603dae8a: step 2 Edit",
                                          "wb.plan().check() tells all that is in the way, with the values"]
        assert len(wb.pending) == 1
        path = tmp_path / "plan.json"
        wb.plan().save(path)
        wb.undo()
        with pytest.raises(ConstraintViolated) as broken:
            wb.apply(path)
        assert not hasattr(broken.value, "__notes__")
        wb.issue(Edit(mutations=[Update(at(Owner, first), email="eve@bank")]))
        wb.issue(Edit(mutations=[Insert(at(Owner, second), email="joe@bank")]))     # the same item, by another step
        with pytest.raises(ConstraintViolated) as broken:
            wb.apply(path)
        assert not hasattr(broken.value, "__notes__")


async def test_who_awaits_is_told_as_well(dsn: str, tmp_path: Path) -> None:
    """A broken constraint has the same notes when the commit is awaited, or a saved plan that is pending here applied;
    and a Conflict that was awaited is kept to be looked at."""
    ada = UUID(int=1)
    with Workbench(desk(Owner), dsn=dsn) as wb:
        bob = wb.rival("Bob")
        wb.issue(Edit(mutations=[Insert(at(Owner, ada), email="bob@bank")]))
        wb.commit()
        wb.issue(Edit(mutations=[Insert(at(Owner, UUID(int=2)), email="bob@bank")]))
        saved = wb.plan().save(tmp_path / "plan.json")
        for verb in (wb.aio.commit, lambda: wb.aio.apply(saved), lambda: wb.aio.apply(tmp_path / "plan.json")):
            with pytest.raises(ConstraintViolated) as broken:
                await verb()
            assert broken.value.__notes__[0] == "owner bob@bank · 00000000: step 2 Edit"
        wb.undo()
        wb.issue(Edit(mutations=[Update(at(Owner, ada), email="mine")]))
        bob.issue(Edit(mutations=[Update(at(Owner, ada), email="theirs")]))
        bob.commit()
        told = []
        wb.watch(lambda: told.append(len(wb.conflict)))
        with pytest.raises(Conflict) as conflict:
            await wb.aio.commit()
        assert (wb.last_conflict, told[-1]) == (conflict.value, 1)
        await wb.aio.resolve(at(Owner, ada), "mine")
        await wb.aio.commit()
        assert wb.last_conflict is None
