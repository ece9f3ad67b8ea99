"""Arrival: a deed waits for the front end's answer, is done once, and at once where there is no front end."""

from __future__ import annotations

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
