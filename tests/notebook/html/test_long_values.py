"""Long values side by side: what is cut is seen to differ, in a plan, a saved one, a comparison and a conflict."""

from __future__ import annotations

from typing import Any

import pytest

from tests.notebook.markup import words
from tests.state.domains import Write, manage, note, notes, stored
from workbench import Datadef, Target, Update, field
from workbench.domain.convert import told_apart
from workbench.notebook.html.comparison import comparison_html
from workbench.notebook.html.conflict import conflict_html
from workbench.notebook.html.plan import plan_html
from workbench.notebook.html.saved_plan import saved_plan_html
from workbench.state.clash import Clash
from workbench.state.manager import StateManager
from workbench.state.reader import MemoryReader

LONG = "A lamp of brass. " * 20
OLD, NEW = "…amp of brass. It is blue.'", "…amp of brass. It is red.'"


class Street(Datadef):
    name = field(str)
    number = field(int)


async def edited() -> StateManager:
    """A note whose long text is another one at its very end."""
    manager = manage(notes(written=lambda event, context: Update(event.target, text=event.text)),
                     reader=MemoryReader(stored("notes", "note", note("a", text=f"{LONG}It is blue."))))
    manager.history.checkpoint("before")
    await manager.issue(Write(text=f"{LONG}It is red."), on="note/a")
    return manager


async def test_a_plan() -> None:
    """A plan shows the old and the new value from a little before the place where they part, saved as well, and as
    HTML they fold out whole."""
    plan = (await edited()).plan()
    told = f"~ notes:note/a  text: {OLD} -> {NEW}"
    assert repr(plan).splitlines()[1].strip() == told
    assert told in repr(plan.saved())
    for html in (plan_html(plan, []), saved_plan_html(plan.saved())):
        old, new = words(html).split(" → ")
        assert f" {OLD} '{LONG}It is blue.'" in old
        assert new.startswith(f"{NEW} '{LONG}It is red.'")


async def test_a_comparison() -> None:
    """Branches are compared so, the value at their base as well."""
    comparison = (await edited()).compare("before", "main")
    assert f"text: base {OLD}, before {OLD}, main {NEW}" in repr(comparison)
    assert words(comparison_html(comparison)).count(OLD) == 2


def test_a_conflict() -> None:
    """In a conflict each side is told from where it first parts from another; one that begins otherwise as it is."""
    clash = Clash(Target("notes", "note", "a"), "update-update", {"text": ""}, {"text": f"{LONG}It is blue."},
                  {"text": f"{LONG}It is red."})
    assert str(clash).endswith(f"text: base '', mine {OLD}, theirs {NEW}")
    assert NEW in words(conflict_html([clash]))


@pytest.mark.parametrize(("old", "new", "told"), [
    ("short", "other", ["'short'", "'other'"]),
    (LONG, LONG, [f"{LONG!r:.57}…"] * 2),
    (LONG, None, [f"{LONG!r:.57}…", "None"]),
    ([1] * 50 + [2], [1] * 50 + [3], ["…, 1, 1, 1, 1, 1, 1, 2]", "…, 1, 1, 1, 1, 1, 1, 3]"]),
    (LONG, f"{LONG}{'x' * 60}y", [f"…{LONG[-20:]}'", f"…{LONG[-20:]}{'x' * 36}…"]),
    (Street(name=LONG, number=1), Street(name=LONG, number=2), ["…of brass. ', number=1)", "…of brass. ', number=2)"]),
])
def test_what_parts(old: Any, new: Any, told: list[str]) -> None:
    """What is short, equal or begins otherwise is told as it is alone; lists and records are told as texts are."""
    assert told_apart(old, new) == told
