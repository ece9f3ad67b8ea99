"""Text written for the user shows itself as it is read: what led to a change, SQL, Python."""

from __future__ import annotations

from pathlib import Path

from tests.notebook.markup import words
from workbench import Workbench
from workbench.examples.bank import OpenAccount
from workbench.notebook.shown.source import LINES, ShownSource, ShownSql, ShownText


def test_causes_and_sql_of_a_plan(wb: Workbench, tmp_path: Path) -> None:
    """``why`` and ``sql`` as the last line of a cell are no quoted str; they are one in all else, and SQL is saved."""
    step = wb.issue(OpenAccount(owner="Ada"))
    plan = wb.plan()
    why, sql = plan.why(step), plan.sql()
    for text in (why, sql, wb.tables().sql()):
        assert repr(text) == text
        assert isinstance(text, str)
    assert "\n  " in repr(why)
    assert "step 1: bank:open-account" in words(why._repr_mimebundle_()["text/html"])
    assert '<span class="word">INSERT</span>' in sql._repr_mimebundle_()["text/html"]
    assert sql.save(tmp_path / "plan.sql").read_text() == sql


def test_a_long_text_is_cut_where_it_is_shown() -> None:
    """The first lines are shown, and how many more there are; the text itself is whole."""
    lines = [str(number) for number in range(LINES + 3)]
    for kind in (ShownText, ShownSource, ShownSql):
        told = kind("\n".join(lines))
        html = told._repr_mimebundle_()["text/html"]
        assert words(html).endswith(f"{LINES - 1} … and 3 lines more; print it to see all")
        assert told.splitlines() == lines
        assert "more" not in words(kind("\n".join([*lines[:LINES], ""]))._repr_mimebundle_()["text/html"])
