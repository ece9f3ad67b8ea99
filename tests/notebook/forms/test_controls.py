"""Controls: every kind of field has one, and what is set in it is what comes out of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, cast
from uuid import UUID

import ipywidgets as widgets
import pytest

from workbench.domain.convert import Refused
from workbench.domain.datadef import MISSING, Datadef, field, invariant
from workbench.notebook.forms.controls import control_of
from workbench.notebook.forms.desk import ControlDraft, Desk
from workbench.notebook.forms.inputs import at_zone


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Line(Datadef):
    count = field(int)


class Span(Datadef):
    first = field(int, initial=1)
    last = field(int)
    name = field(str | None)

    @invariant
    def ends(self) -> bool:
        """the last is not before the first"""
        return bool(self.first <= self.last)


SAMPLES: dict[Any, Any] = {
    str: "Ada", int: 12, float: 1.5, bool: True, Decimal: Decimal("10.50"), UUID: UUID(int=7), bytes: b"\x00a",
    datetime: datetime(2013, 1, 1, 5, 7, 9, 11, tzinfo=UTC), date: date(2013, 1, 31), time: time(5, 30),
    timedelta: timedelta(hours=2, minutes=30), Colour: Colour.BLUE, dict: {"a": [1]}, list: ["a", 1],
    list[int]: [1, 2], Line: Line(count=3), list[Line]: [Line(count=1), Line(count=2)], bool | None: False,
    int | None: 0, Colour | None: Colour.RED, str | None: "", list[str] | None: ["a"], Line | None: Line(count=3),
    list[int | None]: [1, None, 2], list[list[int]]: [[1, 2], [], [3]], list[Colour]: [Colour.BLUE, Colour.RED],
}


class Heard:
    """A desk's callbacks, counted; what one of them raises is raised."""

    changes = entered = 0

    def run(self, deed: Any) -> None:
        deed()

    def changed(self) -> None:
        self.changes += 1

    def enter(self) -> None:
        self.entered += 1


def control(annotation: Any, heard: Heard | None = None, **more: Any) -> Any:
    """The control of a field of that type, named ``it``; no resource is opened."""
    class Filled(Datadef):
        it = field(annotation, **more)

    heard = heard or Heard()
    no_finder = cast(Any, None)
    return Desk(control_of, no_finder, heard.run, heard.changed, heard.enter, "shop").control(Filled._fields["it"])


@pytest.mark.parametrize("annotation", SAMPLES, ids=str)
def test_what_is_set_comes_out(annotation: Any) -> None:
    """A value that was set is read back, through the field, as the same value, exactly."""
    filled = control(annotation)
    filled.set(SAMPLES[annotation])
    assert filled.field.accept(filled.value) == filled.field.accept(SAMPLES[annotation])
    assert filled.check()


def test_a_length_of_time_stands_there_as_one_types_it() -> None:
    """A form shows half an hour as a clock does, and takes what is typed in that way."""
    lasts = control(timedelta, initial=timedelta(minutes=30))
    assert (lasts.input.value, lasts.field.accept(lasts.value)) == ("0:30:00", timedelta(minutes=30))
    lasts.input.value = "1:15"
    assert lasts.field.accept(lasts.value) == timedelta(hours=1, minutes=15)


@pytest.mark.parametrize("annotation", SAMPLES, ids=str)
def test_what_was_typed_is_handed_on(annotation: Any) -> None:
    """The draft of a control makes another one of the same kind say the same."""
    filled, other = control(annotation), control(annotation)
    filled.set(SAMPLES[annotation])
    other.redraft(filled.draft())
    assert other.field.accept(other.value) == filled.field.accept(filled.value)


@pytest.mark.parametrize(
    "annotation", [kind for kind in SAMPLES if kind not in (bool, Line) and "list[" not in str(kind)], ids=str)
def test_an_empty_one_is_missing(annotation: Any) -> None:
    """Nothing filled in is no value; that is a problem exactly where the field is required."""
    empty = control(annotation)
    assert empty.value is MISSING
    assert empty.check() is not empty.field.required
    assert (empty.problem == "is required") is empty.field.required


def test_an_initial_value_stands_there() -> None:
    """A form begins with what a field says; an optional one that is emptied is None, a text is empty."""
    for annotation, initial, emptied in ((int, 3, MISSING), (int | None, 3, None), (str, "a", "")):
        filled = control(annotation, initial=initial)
        assert filled.field.accept(filled.value) == initial
        filled.input.value = ""
        assert filled.value == emptied
    assert control(list[int], initial=[1, 2]).value == ["1", "2"]
    assert control(Line, initial=Line(count=3)).value == {"count": "3"}
    assert control(UUID, initial=lambda: UUID(int=1)).input.placeholder == "made anew if left empty"


def test_an_example_is_one_that_is_admitted() -> None:
    """The value that an empty input shows as an example is within the limits of its field."""
    assert control(float, most=2).input.placeholder == "1.5"
    assert control(float, least=0, most=1).input.placeholder == "1.0"
    assert control(Decimal | None, least=20).input.placeholder == "20"
    assert control(int, least=1, most=3).input.placeholder == "3"


def test_no_text_and_an_empty_one_are_told_apart() -> None:
    """A tick says that there is none: to type is to untick it, to tick it empties the text."""
    heard = Heard()
    note = control(str | None, heard, check=lambda text: (text != "", "not empty"))
    assert (note.value, note.tick.value) == (MISSING, True)
    note.within.input.value = "a"
    assert (note.value, note.tick.value, heard.changes) == ("a", False, 1)
    note.within.input.value = ""
    assert (note.value, note.check(), note.problem) == ("", False, "'' failed its check: not empty")
    note.tick.value = True
    assert (note.value, note.check(), note.problem, note.within.beneath.widget.value) == (MISSING, True, "", "")
    other = control(str | None, initial="b")
    other.tick.value = True
    assert other.value is None


def test_a_problem_is_told_as_text_and_taken_back() -> None:
    """What the field refuses is told in its words, escaped; a right value takes them away."""
    number = control(int)
    number.input.value = "<script>"
    assert not number.check()
    assert "&lt;script&gt;" in number.beneath.widget.value
    assert "<script>" not in number.beneath.widget.value
    number.input.value = "3"
    assert (number.problem, number.beneath.widget.value) == ("", "")


def test_choices_are_offered() -> None:
    """A field with choices offers those, and refuses to be set to another."""
    chosen = control(str, choices=["a", "<b>"])
    assert isinstance(chosen.input, widgets.Dropdown)
    assert [label for label, _ in chosen.input.options] == ["", "a", "<b>"]
    with pytest.raises(Refused, match="not among the choices"):
        chosen.set("c")


def test_text_that_is_no_json_is_refused() -> None:
    """What is typed for a mapping must be JSON: otherwise it says where it is not, and what would do."""
    mapping = control(dict)
    mapping.input.value = '{"a":\n1,}'
    assert not mapping.check()
    assert "this is not JSON in line 2, column " in mapping.problem      # 3, or 2 where Python names the comma
    mapping.input.value = "[1]"
    assert not mapping.check()
    assert "is not a mapping" in mapping.problem
    mapping.input.value = '{"a":' * 100_000
    assert not mapping.check()
    assert mapping.problem == 'this is nested too deep to be JSON; give {"a": 1}'


def test_a_moment_is_on_the_clock_of_a_zone() -> None:
    """A day and a time are on the clock of the zone beside them, and a wrong zone says which would do."""
    moment = control(datetime)
    clock, zone = moment.head.children
    clock.value, zone.value = datetime(2013, 7, 1, 5), "Europe/Berlin"
    assert moment.field.accept(moment.value) == datetime(2013, 7, 1, 3, tzinfo=UTC)
    zone.value = "-05:30"
    assert moment.field.accept(moment.value) == datetime(2013, 7, 1, 10, 30, tzinfo=UTC)
    for wrong, words in (("Europe/Berln", 'did you mean "Europe/Berlin"'), ("../etc", "give one such as Europe/Berlin"),
                         ("+xx", "there is no time zone")):
        zone.value = wrong
        assert not moment.check()
        assert words in moment.problem
    with pytest.raises(Refused, match="clocks in Europe/Berlin never show 2013-03-31 02:30"):
        at_zone(datetime(2013, 3, 31, 2, 30), "Europe/Berlin")


@pytest.mark.parametrize("shown_there, zone", [
    (datetime(9999, 12, 31, 23, 59), "America/New_York"), (datetime(1, 1, 1), "Asia/Tokyo")])
def test_a_moment_beyond_all_years(shown_there: datetime, zone: str) -> None:
    """A time that is before the first or after the last year in UTC is told as any other wrong value is."""
    moment = control(datetime)
    moment.head.children[0].value, moment.head.children[1].value = shown_there, zone
    assert not moment.check()
    assert f"in {zone} is no day that UTC has; its years are 1 to 9999" in moment.problem


def test_a_datadef_within() -> None:
    """A nested Datadef tells beneath each of its fields, and beneath all what is wrong with it as a whole."""
    span = control(Span)
    assert not span.check()
    assert (span.group.controls["last"].problem, span.value) == ("is required", {"first": "1"})
    span.group.controls["last"].input.value = "0"
    assert not span.check()
    assert "the last is not before the first" in span.group.beneath.widget.value
    span.group.controls["last"].input.value = "2"
    assert (span.problem, span.group.beneath.widget.value) == ("", "")
    assert span.field.accept(span.value) == Span(last=2)


def test_no_datadef_is_out_of_sight() -> None:
    """An optional Datadef is none until it is asked for; what is typed in it stays when it is put away."""
    maybe = control(Span | None)
    assert (maybe.value, maybe.body.layout.display, maybe.check()) == (MISSING, "none", True)
    maybe.tick.value = False
    assert (maybe.body.layout.display, maybe.check(), maybe.problem) == ("", False, "is required")
    maybe.within.group.controls["last"].input.value = "4"
    assert maybe.check()
    maybe.tick.value = True
    assert (maybe.value, maybe.problem) == (MISSING, "")
    maybe.tick.value = False
    assert maybe.field.accept(maybe.value) == Span(last=4)


def test_rows() -> None:
    """Rows are added, moved and removed; each tells what is wrong with it, and all of them what is wrong with them."""
    heard = Heard()
    numbers = control(list[int], heard, check=lambda them: (len(them) > 1, "two at least"))
    numbers.adder.click()
    assert (numbers.check(), numbers.rows[0].control.problem) == (False, "is required")
    numbers.rows[0].control.input.value = "1"
    assert not numbers.check()
    assert "two at least" in numbers.beneath.widget.value
    numbers.adder.click()
    assert (numbers.rows[1].control.problem, numbers.problem) == ("", "")     # it is about to be filled in
    numbers.rows[1].control.input.value = "2"
    assert (numbers.check(), heard.changes) == (True, 4)
    first, second = numbers.rows
    assert [(row.up.disabled, row.down.disabled) for row in (first, second)] == [(True, False), (False, True)]
    second.up.click()
    assert numbers.value == ["2", "1"]
    assert [row.control.input.description for row in numbers.rows] == ["1", "2"]
    assert [row.remove.tooltip for row in numbers.rows] == ["remove 1", "remove 2"]
    assert numbers.within.children == (second.widget, first.widget)
    second.down.click()
    second.remove.click()
    assert (numbers.value, numbers.check()) == (["1"], False)


def test_enter_is_heard_within_rows() -> None:
    """Enter in a line of text is heard, however deep it stands."""
    heard = Heard()
    rows = control(list[Line], heard)
    rows.adder.click()
    rows.rows[0].control.group.controls["count"].input._handle_custom_msg({"event": "submit"}, [])
    assert heard.entered == 1


def test_what_was_typed_fits_as_far_as_it_can() -> None:
    """A draft of another kind of control changes nothing; of a text the choices take what they have."""
    text, rows = control(str), control(list[int])
    text.input.value = "blue"
    rows.redraft(text.draft())
    assert rows.value == []
    chosen = control(str, choices=["red", "blue"])
    chosen.redraft(text.draft())
    assert chosen.value == "blue"
    chosen.redraft(ControlDraft("line", ("green",)))
    assert chosen.value == "blue"


OTHER = Enum("Colour", [("RED", "red"), ("BLUE", "blue")])      # as when the cell of the class ran again


@pytest.mark.parametrize("given, typed, annotation, value", [
    (str, "Ada", str | None, "Ada"), (str | None, "Ada", str, "Ada"), (str | None, "", str | None, ""),
    (str, "2026-01-02", date, date(2026, 1, 2)), (str, "2026-01-02", date | None, date(2026, 1, 2)),
    (str | None, "2026-01-02", date, date(2026, 1, 2)), (str, "soon", date, MISSING),
    (bool, True, date | None, MISSING), (bool, True, bool | None, True), (bool, True, str | None, MISSING),
    (date, date(2026, 1, 2), str | None, MISSING),
    (str, "2026-01-02T05:00Z", datetime, datetime(2026, 1, 2, 5, tzinfo=UTC)), (Colour, Colour.BLUE, str, "blue"),
    (Colour, Colour.BLUE, OTHER, OTHER["BLUE"]), (str, "blue", Colour, Colour.BLUE), (str, "green", Colour, MISSING),
    (str | None, "a", list[str], []), (str | None, "a", list[str] | None, MISSING), (list[str] | None, ["a"], str, ""),
    (list[int] | None, [1], list[str], ["1"]), (list[Line], [Line(count=1)], list[str], []),
    (Line | None, Line(count=1), Line, {"count": "1"}), (Line, Line(count=1), Line | None, {"count": "1"}),
    (Line, Line(count=1), str | None, MISSING), (str, "a\nb", str | None, "a\nb"),
], ids=str)
def test_what_was_typed_is_handed_on_to_another_kind(given: Any, typed: Any, annotation: Any, value: Any) -> None:
    """A control of another kind takes what was typed as far as it fits, and raises nothing where it does not: a text
    that may be left out and one that may not take each other's, a choice is known by what it is shown as."""
    filled, other = control(given), control(annotation)
    filled.set(typed)
    other.redraft(filled.draft())
    assert other.value == (MISSING if value == "" and annotation is str else value)


def test_what_is_left_out_is_handed_on() -> None:
    """A tick that says that there is none stays, whatever is within; a field that must be filled in has nothing."""
    note = control(str | None, initial="b")
    note.tick.value = True
    for annotation in (str | None, list[str] | None):
        other = control(annotation, initial=None)
        other.tick.value = False
        other.redraft(note.draft())
        assert other.tick.value
    must = control(str)
    must.redraft(note.draft())
    assert must.value is MISSING


@pytest.mark.parametrize("initial", [MISSING, "a\nb"])
def test_a_text_of_several_lines(initial: Any) -> None:
    """A text with a line break has an area of lines, under the same name and heard as before; one without has a line.
    """
    heard = Heard()
    note = control(str | None, heard) if initial is MISSING else control(str | None, heard, initial=initial)
    assert isinstance(note.within.input, widgets.Text if initial is MISSING else widgets.Textarea)
    note.set("a\nb")
    area = note.within.input
    assert isinstance(area, widgets.Textarea)
    assert note.head.children == (area, note.tick)
    assert (area.description, area.tooltip, note.value) == ("it", 'a str such as "Ada"', "a\nb")
    before = heard.changes
    area.value = "a\nb!"
    assert (note.value, heard.changes) == ("a\nb!", before + 1)
    rows = control(list[str])
    rows.set(["a", "b\r\nc"])
    assert [type(row.control.input) for row in rows.rows] == [widgets.Text, widgets.Textarea]
    assert rows.value == ["a", "b\r\nc"]


@pytest.mark.parametrize("annotation, exact, cut", [
    (time, time(1, 2, 3, 456789), time(1, 2, 3, 456000)),
    (datetime, datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), datetime(2026, 1, 2, 3, 4, 5, 678000)),
])
def test_a_time_finer_than_a_browser_shows(annotation: Any, exact: Any, cut: Any) -> None:
    """A time is shown to the millisecond, and is the whole one until somebody changes it."""
    moment = control(annotation)
    moment.set(exact)
    assert (moment.input.value, moment.field.accept(moment.value)) == (cut, exact)
    moment.input.value = cut.replace(second=9)
    assert moment.field.accept(moment.value) == exact.replace(second=9, microsecond=cut.microsecond)
    moment.input.value = None
    assert moment.value is MISSING
