"""Controls: every kind of field has one, and what is set in it is what comes out of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import ipywidgets as widgets
import pytest

from workbench.domain.convert import Refused
from workbench.domain.datadef import MISSING, Datadef, field
from workbench.notebook.controls import Control


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Line(Datadef):
    count = field(int)


SAMPLES: dict[Any, Any] = {
    str: "Ada", int: 12, float: 1.5, bool: True, Decimal: Decimal("10.50"), UUID: UUID(int=7),
    datetime: datetime(2013, 1, 1, 5, tzinfo=UTC), date: date(2013, 1, 31), time: time(5, 30),
    timedelta: timedelta(hours=2, minutes=30), Colour: Colour.BLUE, dict: {"a": [1]}, list: ["a", 1],
    list[int]: [1, 2], Line: Line(count=3), bool | None: False, int | None: 0, Colour | None: Colour.RED,
}


def control(annotation: Any, **more: Any) -> Control:
    """The control of a field of that type."""
    class Filled(Datadef):
        it = field(annotation, **more)

    return Control(Filled._fields["it"])


@pytest.mark.parametrize("annotation", SAMPLES, ids=str)
def test_what_is_set_comes_out(annotation: Any) -> None:
    """A value that was set is read back, through the field, as the same value, exactly."""
    filled = control(annotation)
    filled.set(SAMPLES[annotation])
    assert filled.field.accept(filled.value) == filled.field.accept(SAMPLES[annotation])
    assert filled.check()


@pytest.mark.parametrize("annotation", [kind for kind in SAMPLES if kind is not bool], ids=str)
def test_an_empty_one_is_missing(annotation: Any) -> None:
    """Nothing filled in is no value; that is a problem exactly where the field is required."""
    empty = control(annotation)
    assert empty.value is MISSING
    assert empty.check() is not empty.field.required
    assert (empty.problem == "is required") is empty.field.required


def test_a_problem_is_told_as_text_and_taken_back() -> None:
    """What the field refuses is told in its words, escaped; a right value takes them away."""
    number = control(int)
    number.input.value = "<script>"
    assert not number.check()
    assert "&lt;script&gt;" in number.told.value
    assert "<script>" not in number.told.value
    number.input.value = "3"
    assert number.check()
    assert (number.problem, number.told.value) == ("", "")


def test_choices_are_offered() -> None:
    """A field with choices offers those, and refuses to be set to another."""
    chosen = control(str, choices=["a", "b"])
    assert isinstance(chosen.input, widgets.Dropdown)
    assert [label for label, _ in chosen.input.options] == ["", "a", "b"]
    with pytest.raises(Refused, match="not among the choices"):
        chosen.set("c")


def test_text_that_is_no_json_is_refused() -> None:
    """What is typed for a mapping must be JSON: otherwise the field says what would do."""
    mapping = control(dict)
    mapping.input.value = "{a"
    assert not mapping.check()
    assert "is not a mapping" in mapping.problem
