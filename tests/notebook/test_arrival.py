"""Arrival: a deed waits for the front end's answer, is done once, and at once where there is no front end."""

from __future__ import annotations

import pytest

from workbench.notebook import arrival as arrival_module
from workbench.notebook.arrival import Arrival


def test_without_a_front_end_it_is_done_at_once() -> None:
    """Where nothing shows the form there is nothing to wait for."""
    done: list[str] = []
    arrival = Arrival()
    arrival.then(lambda: done.append("at once"))
    assert done == ["at once"]


def test_it_waits_for_the_answer() -> None:
    """It is done when the front end has shown the widget that was put into the page; a second click is not a second
    deed; the next time it waits again."""
    done: list[str] = []
    arrival = Arrival()
    arrival.widget._view_count = 1
    for number in ("first", "second"):
        arrival.then(lambda number=number: done.append(number))
        arrival.then(lambda: done.append("pressed twice"))
        (probe,) = arrival.widget.children
        assert "pressed twice" not in done
        assert number not in done
        probe._view_count = 1
        assert done[-1] == number
        probe._view_count = 0       # it has left the page
        assert arrival.widget.children == ()
    assert done == ["first", "second"]


def test_a_click_on_a_page_that_was_closed_is_given_up() -> None:
    """Where the page is closed before it answers, the deed is not done when it is opened again; the next click is."""
    done: list[str] = []
    arrival = Arrival()
    arrival.widget._view_count = 1
    arrival.then(lambda: done.append("of the page that was closed"))
    (probe,) = arrival.widget.children
    arrival.widget._view_count = 0
    arrival.widget._view_count = 1      # opened again, with all that was in it
    probe._view_count = 1
    assert done == []
    arrival.then(lambda: done.append("of now"))
    (again,) = arrival.widget.children
    again._view_count = 1
    assert done == ["of now"]


def test_an_answer_that_comes_much_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that was left without a word, as when the browser was closed, does nothing when it is opened the next day;
    a kernel that was busy for minutes does what was asked for."""
    now = [0.0]
    monkeypatch.setattr(arrival_module, "time", lambda: now[0])
    done: list[str] = []
    arrival = Arrival()
    arrival.widget._view_count = 1
    for name, wait in (("minutes", 300), ("a day", 86_400)):
        arrival.then(lambda name=name: done.append(name))
        (probe,) = arrival.widget.children
        now[0] += wait
        probe._view_count = 1
        assert arrival.widget.children == ()
    assert done == ["minutes"]
