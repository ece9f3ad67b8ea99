"""What is added to a broken constraint at a commit: the items by name, their steps, and where more is told."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from tests.editing import Edit, Owner, at, desk
from workbench import Insert, Workbench
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
