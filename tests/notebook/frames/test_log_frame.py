"""LogFrame: the frames of what happened, as they are shown."""

from __future__ import annotations

import pickle
import re
from uuid import UUID

import pandas
import pytest

from tests.state.domains import Write, manage, notes
from workbench import Target
from workbench.errors import WorkbenchError
from workbench.examples.bank import OpenAccount, bank
from workbench.notebook.frames.log_frame import LogFrame
from workbench.notebook.frames.rivals import conflict_frame
from workbench.notebook.frames.state import pending_frame
from workbench.notebook.frames.time import events_frame, history_frame, steps_frame
from workbench.notebook.html.called import Called
from workbench.state.clash import Clash


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


async def test_a_number_that_is_missing_is_an_empty_cell() -> None:
    """A command that was refused has no number, and what was issued by a click no cell: both are empty, and numbers
    stay whole."""
    manager = manage(notes(), user=None)
    await manager.issue(Write(), on="note/a", cell=None)
    with pytest.raises(WorkbenchError):
        await manager.issue(Write(), on="note/a", cell=7)
    frame = steps_frame(manager.here, manager.refusals)
    assert list(frame["cell"].isna()) == [True, False]
    assert list(frame.index.isna()) == [False, True]
    for text in (frame._repr_html_(), repr(frame)):
        assert "NA" not in text
        assert "7.0" not in text
        assert "1.0" not in text


def test_one_day_is_said_once() -> None:
    """As HTML, where all moments are of one day, each is told by its time and the day once, below; of several days each
    has its own. What is missing is an empty cell, and as text and in the frame all is whole."""
    moments = pandas.to_datetime(["2013-01-01 05:06:07.5", "2013-01-01 23:00:00.0", None], utc=True).as_unit("us")
    frame = LogFrame({"at": moments})
    html = frame._repr_html_()
    assert html is not None
    assert all(f"<td>{time}</td>" in html for time in ("05:06:07", "23:00:00", ""))
    assert html.count("2013-01-01") == 1
    assert "<p>All of it on 2013-01-01 UTC.</p>" in html
    assert "2013-01-01 05:06:07.5" in repr(frame)
    later = LogFrame({"at": moments + pandas.Timedelta(hours=2)})._repr_html_()
    assert later is not None
    assert "<td>2013-01-01 07:06:07 UTC</td>" in later
    assert "<td>2013-01-02 01:00:00 UTC</td>" in later
    assert "All of it" not in later + str(LogFrame({"at": moments[:0]})._repr_html_())


async def test_items_are_named_where_a_frame_is_shown() -> None:
    """As HTML the steps, events and mutations name their items as plans do, with the beginning of an identifier, and
    moments without their fractions; the frame has all of it whole, and can be pickled."""
    manager = manage(bank)
    step = await manager.issue(OpenAccount(owner="Ada & Co"), on="account")
    identifier = str(step.target.identifier)
    label = Called(manager).label
    for frame in (steps_frame(manager.here, (), label), events_frame(manager.state.steps(), label),
                  pending_frame(manager.state, label)):
        for shown in (frame, frame.tail(1), frame[frame["user"].isna() | frame["user"].notna()]):
            html = shown._repr_html_()
            assert f"Ada &amp; Co · {identifier[:8]}" in html
            assert identifier not in html
            assert "+00:00" not in html
            assert "UTC" in html
        assert identifier in str(frame.to_dict())
        again = pickle.loads(pickle.dumps(frame))
        assert again.equals(frame)
        assert "Ada &amp; Co ·" not in again._repr_html_()
    assert "account=" in steps_frame(manager.here, (), label)._repr_html_()


def test_a_text_that_reads_as_an_identifier_is_no_item() -> None:
    """As HTML only the column of identifiers names items; a value that reads as one is that value. An identifier that
    items of two resources have is told as it is."""
    def shown(*clashes: Clash) -> list[list[str]]:
        html = conflict_frame(clashes, lambda target: f"the {target.resource}")._repr_html_()
        return [re.findall("<td>(.*?)</td>", row) for row in html.split("<tr")[2:]]

    values = ({"text": "a"}, {"text": "b"}, {"text": UUID(int=1)})
    note, other, third = (Target("desk", resource, key) for resource, key in [
        ("note", "a"), ("note", UUID(int=1)), ("paper", UUID(int=1))])
    assert shown(Clash(note, "update-update", *values)) == [
        ["desk:note", "the note · a", "update-update", "text", "a", "b", "00000000"]]
    assert [row[1] for row in shown(*(Clash(one, "update-update", *values) for one in (other, third)))] == [
        "00000000", "00000000"]


async def test_a_long_frame_is_cut_as_every_other() -> None:
    """Of many rows the first and the last are shown, and how many there are."""
    frame = LogFrame(pandas.DataFrame({"a": pandas.array(["x"] * 99, dtype="str"), "b": range(99), "c": [None] * 99}))
    html = frame._repr_html_()
    assert html is not None
    assert "99 rows × 3 columns" in html
    assert html.count("<tr") == 12
    assert "None" not in html
