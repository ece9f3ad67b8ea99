"""LogFrame: the frames of what happened, as they are shown."""

from __future__ import annotations

import pandas
import pytest

from tests.state.domains import Write, manage, notes
from workbench.notebook.frames.log_frame import LogFrame
from workbench.notebook.frames.state import pending_frame
from workbench.notebook.frames.time import events_frame, history_frame, steps_frame


@pytest.mark.parametrize("of", [
    lambda manager: steps_frame(manager.here), lambda manager: pending_frame(manager.state),
    lambda manager: events_frame(manager.state.steps()), lambda manager: steps_frame(manager.here).tail(1)])
async def test_a_text_that_is_missing_is_an_empty_cell(of) -> None:
    """Where there is no user or policy the cell is empty, as HTML and as text, in what is taken from the frame too; in
    the frame itself it is missing, as everywhere."""
    manager = manage(notes(), user=None)
    await manager.issue(Write(), on="note/a")
    frame = of(manager)
    assert frame["user"].isna().all()
    assert "NaN" not in frame._repr_html_()
    assert "NaN" not in repr(frame)
    assert "Write" in frame._repr_html_()
    assert frame["user"].isna().all()


def test_a_note_stands_below() -> None:
    """The history says whose commits these are and where older ones are told of, until it has many."""
    frame = history_frame([])
    for text in (frame._repr_html_(), repr(frame)):
        assert "commits of this session" in text
        assert "workbench_receipt" in text
        assert "_updated" in text
    with pandas.option_context("display.notebook_repr_html", False):
        assert frame._repr_html_() is None


def test_a_log_frame_is_a_frame() -> None:
    """Columns of one name, and those without missing texts, are shown as they are."""
    frame = LogFrame(pandas.DataFrame({"a": pandas.array(["x", None], dtype="str"), "b": [1.0, float("nan")]}))
    frame.columns = ["a", "a"]
    assert repr(frame).splitlines()[-1].split() == ["1", "NaN"]
    assert isinstance(frame, pandas.DataFrame)
