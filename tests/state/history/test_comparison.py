"""Comparison of branches: what differs, and since when."""

from __future__ import annotations

import pytest

from tests.state.history.cards import A, B, C, cards, edit, parted
from workbench import Delete, Insert, Update
from workbench.errors import UnknownName


async def test_a_branch_does_not_differ_from_itself() -> None:
    """A comparison of a branch with itself is empty, and says so."""
    manager = await parted([Update(A, a=1)], [Update(A, a=2)], "a")
    comparison = manager.compare("main", "main")
    assert (len(comparison), repr(comparison)) == (0, "no item differs between 'main' and 'main'")


async def test_what_differs() -> None:
    """Each item that differs is told once, with base, left and right of the columns that do; the rest is left out."""
    manager = await parted([Update(A, a=1, b=5), Delete(B)], [Update(A, a=2, b=5), Insert(C, a=3)], "a", "b")
    assert repr(manager.compare("other")) == """\
3 items differ between 'main' and 'other'
  ~ desk:card/a
      a: base 0, main 1, other 2
  + desk:card/b
      a: base 0, main none, other 0
      b: base 0, main none, other 0
      c: base 0, main none, other 0
  + desk:card/c
      a: base none, main none, other 3
      b: base none, main none, other 0
      c: base none, main none, other 0"""
    assert [difference.kind for difference in manager.compare("other", "main")] == ["update", "delete", "delete"]


async def test_equal_values_do_not_differ() -> None:
    """Items that both branches changed to the same values do not differ, though their stamps do."""
    manager = await parted([Update(A, a=7)], [Update(A, a=7)], "a")
    assert len(manager.compare("other")) == 0


async def test_comparing_with_a_checkpoint() -> None:
    """A checkpoint is compared like a branch; an unknown name says which there are."""
    manager = await parted([], [], "a")
    manager.history.checkpoint("before")
    await edit(manager, Update(A, a=1))
    assert manager.compare("before", "main").differences[0].sides("a") == (0, 0, 1)
    with pytest.raises(UnknownName, match="before") as unknown:
        manager.compare("befor")
    assert "branch or checkpoint" in str(unknown.value)


async def test_the_base_is_where_the_branches_parted() -> None:
    """The base of an item that was pending when the branches parted is its value then."""
    manager = cards("a")
    await edit(manager, Update(A, a=5))
    with manager.history.branch("other"):
        await edit(manager, Update(A, a=6))
    assert manager.compare("other").differences[0].sides("a") == (5, 5, 6)
