"""Lists, counts, errors and names that are not known, in words."""

from __future__ import annotations

from workbench.wording import counted, error_words, listed, meant, nearest


def test_a_count() -> None:
    """One is told without an s, all others with it; thousands are parted where that is asked for."""
    assert [counted(count, "later step") for count in (0, 1, 2)] == ["0 later steps", "1 later step", "2 later steps"]
    assert (counted(12_000, "row"), counted(12_000, "row", ",")) == ("12000 rows", "12,000 rows")


def test_a_list() -> None:
    """A headline stands alone, or over its lines."""
    assert listed("nothing", []) == "nothing"
    assert listed("two", [1, "b"]) == "two\n  1\n  b"


def test_an_error() -> None:
    """Its class stands before its words."""
    assert error_words(ValueError("no number")) == "ValueError: no number"


def test_a_name_that_is_not_known() -> None:
    """The nearest one is proposed where there is one; what there is follows in order."""
    assert nearest("depsit", ["withdraw", "deposit"]) == 'did you mean "deposit"? There is: deposit, withdraw'
    assert nearest("x", ["deposit"]) == "there is: deposit"
    assert nearest("x", []) == "there is none yet"
    assert (meant("depsit", ["deposit"]), meant("x", ["deposit"])) == ('did you mean "deposit"? ', "")
