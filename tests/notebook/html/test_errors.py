"""Errors shown: boxes say the field, the value and the way out, and let nothing through as HTML."""

from __future__ import annotations

import pytest

from tests.notebook.markup import EVIL
from workbench.errors import Invalid, NotFound, Problem, Rejected
from workbench.examples.bank import Deposit
from workbench.notebook.html.errors import error_html
from workbench.notebook.panels.status_view import StatusView


def raised(error: Exception) -> Exception:
    """The same error with a traceback."""
    try:
        raise error
    except type(error) as caught:
        return caught


def test_every_problem_of_a_refusal_is_a_row() -> None:
    """A refusal names each field once, with the value that was given and why it would not do."""
    with pytest.raises(Invalid) as refused:
        Deposit(amount="ten")
    html = error_html(refused.value)
    assert html.count('<th scope="row">amount</th>') == 1
    assert "ten" in html
    assert "<b>Invalid</b>" in html


def test_a_business_reason_stands_alone() -> None:
    """Rejected is shown by its reason, without the name of its class, and with its facts."""
    html = error_html(Rejected("the account is closed", balance=3))
    assert "✗</span> the account is closed" in html
    assert "balance=3" in html
    assert "Rejected" not in html


def test_the_traceback_is_folded_for_ours_and_open_for_a_fault() -> None:
    """An error of ours folds its traceback; one in a handler's own code shows it at once; without one there is none."""
    assert "<details><summary" in error_html(raised(NotFound("account/1")))
    assert "<details open>" in error_html(raised(ZeroDivisionError("division by zero")))
    assert "<details" not in error_html(NotFound("account/1"))


def test_nothing_in_an_error_is_html() -> None:
    """A tag in a message, a note, a fact, a field, a value or a reason is shown as text."""
    noted = raised(ValueError(EVIL))
    noted.add_note(EVIL)
    for error in (noted, Rejected(EVIL, fact=EVIL), Invalid(EVIL, [(EVIL, EVIL, EVIL)])):  # type: ignore[list-item]
        html = error_html(error)
        assert EVIL not in html
        assert "<script" not in html


def test_no_mark_in_an_error_turns_the_writing() -> None:
    """What turns the direction of what stands behind it is written out in words, notes and reasons, as in plans; the
    lines of the words stay lines."""
    noted = Rejected("a\nb \u202e c")
    noted.add_note("\u202e note")
    html = error_html(noted) + error_html(Invalid("x", [Problem("y", 1, "no \u202e reason")]))
    assert "\u202e" not in html
    assert '<div class="in">b \\u202e c</div>' in html
    status = StatusView()
    status.fail(noted)
    assert "a\nb \\u202e c" in status.line.value


@pytest.mark.parametrize("dsn, hidden", [
    ("postgresql://ada:secret@host/bank", "postgresql://ada:***@host/bank"),
    ("postgresql://ada:the@secret@host/bank", "postgresql://ada:***@host/bank"),
    ("postgresql://host/bank?password=secret", "postgresql://host/bank?password=***")])
def test_a_password_is_not_shown(dsn: str, hidden: str) -> None:
    """The password of a DSN is hidden in the message, in a note and in the traceback, wherever the DSN has it."""
    error = raised(OSError(f"no route to {dsn} today"))
    error.add_note(f"given: {dsn}")
    html = error_html(error)
    assert html.count(f"no route to {hidden} today") == 2
    assert html.count(f"given: {hidden}") == 2
    assert "secret" not in html


def test_what_is_no_password_stays() -> None:
    """An address of the web and a decorator in a traceback are shown as they are."""
    words = "see https://example.org:80/a, and @bank.command"
    assert words in error_html(OSError(words))


def test_a_word_of_a_megabyte() -> None:
    """An error that holds one word of a megabyte is shown in no longer than it takes to read it."""
    word = "a" * 1_000_000
    assert word in error_html(Rejected(word))


def test_an_error_whose_words_fail_is_shown_by_its_class() -> None:
    """An error that cannot say its words is shown by the name of its class."""
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("mute")

    assert "✗</span> <b>Mute</b> Mute" in error_html(Mute())
