"""Source: whatever a field can hold is written as the Python that makes it, and names do not hide each other."""

from __future__ import annotations

import ast
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import ANNOTATION, values
from workbench import Target
from workbench.domain.sameness import same
from workbench.errors import Invalid
from workbench.state.retelling.source import Source, comment, is_plain


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_value_is_what_its_source_makes(data: st.DataObject) -> None:
    """The source of a value, run with its imports, makes an equal value."""
    annotation = data.draw(ANNOTATION)
    value = data.draw(values(annotation))
    source = Source()
    text = source.value(value)
    names: dict[str, Any] = {}
    exec("\n".join(source.imports()), names)
    made = eval(text, names)
    assert same(made, value) or list(made) == list(value)


def test_two_classes_of_one_name() -> None:
    """The second class of a name is imported under another one, and so is a target that would hide either."""
    first = type("Opened", (), {"__module__": "shop.domain"})
    second = type("Opened", (), {"__module__": "bank.domain"})
    source = Source()
    assert [source.imported(cls) for cls in (first, second, first)] == ["Opened", "Opened_2", "Opened"]
    assert source.imports() == ["from bank.domain import Opened as Opened_2", "from shop.domain import Opened"]
    taken = type("account_1", (), {"__module__": "shop.domain"})
    assert source.imported(taken) == "account_1"
    assert source.name(Target("bank", "account", 7)) == "account_1_2"


def test_names_that_are_taken() -> None:
    """What is written around the source, or by a name of its own, hides nothing that is imported, and the other way."""
    source = Source(reserved=["outcome"])
    assert [source.imported(type(name, (), {"__module__": "shop"})) for name in ("outcome", "UUID", "Outcome")] == [
        "outcome_2", "UUID_2", "Outcome"]
    assert source.imports() == ["from shop import Outcome, UUID as UUID_2, outcome as outcome_2"]


def test_a_comment_is_one_line() -> None:
    """An identifier with a line end in it does not end the comment that names it."""
    assert comment("step 1: add/note/a\nraise\r\x00\u2028é") == "# step 1: add/note/a raise   é"


def test_which_responses_can_be_written() -> None:
    """Values of fields, in lists and mappings, can be written; None alone, and what equals nothing, cannot."""
    assert all(map(is_plain, (1, "a", {"a": [1, 2.5]}, ())))
    assert not any(map(is_plain, (None, object(), float("nan"), {"a": float("nan")}, [None])))


class Loud(str):
    """A text whose repr is a call, as that of many a library's values."""

    def __repr__(self) -> str:
        return "exit()"


def test_a_member_of_any_name() -> None:
    """A member of an Enum whose name is no Python is written as a subscript, so that no name is run as code."""
    tones = Enum("Tones", {"very loud": 1, "class": 2, "x; exit()": Loud("a"), "soft": 4})
    source = Source()
    texts = [source.value(tone) for tone in tones]
    assert texts == ["Tones['very loud']", "Tones['class']", "Tones['x; exit()']", "Tones.soft"]
    assert [eval(text, {"Tones": tones}) for text in texts] == list(tones)


def test_a_value_of_a_subclass() -> None:
    """A number or text of a subclass is written as the plain one that it equals, whatever its repr says."""
    source = Source()
    assert [source.value(value) for value in (Loud("a"), np.float64(1.5), np.str_("b"), [Loud("c")], True)] == [
        "'a'", "1.5", "'b'", "['c']", "True"]


def test_moments_that_cannot_be_written() -> None:
    """A moment of pandas, or in a zone that would have to be imported, is no response that can be written."""
    moment = datetime(2013, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    assert not any(map(is_plain, (moment, pd.Timestamp(moment), pd.Timedelta(1, "s"))))
    assert is_plain(moment.astimezone(timezone(timedelta(hours=1))))


def test_a_value_that_is_nested_too_deep() -> None:
    """As deep as it is written Python reads it, with what stands around it; one that is deeper is refused in words, and
    what comes after it is written as before."""
    source = Source()
    for kind in (lambda inner: {"a": inner}, lambda inner: [inner]):
        value: Any = 1
        for _ in range(149):
            value = kind(value)
        ast.parse(f"outcome.then(plan=[Insert(a, inside={source.value(value)})])")
        with pytest.raises(Invalid, match=(
                r"a session as Python was refused: 1 problem\n  a value in it is nested more than 150 deep, and "
                r"Python reads no source that is; keep its commands with log.save\(path\), and issue them again with "
                r"replay\(path\)")):
            source.value(kind(value))
    for _ in range(300):
        value = [value]
    with pytest.raises(Invalid, match="nested more than 150 deep"):
        source.value(value)
    assert source.value({"a": [1]}) == "{'a': [1]}"
