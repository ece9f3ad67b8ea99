"""Lists, counts, errors and names that are not known, in words."""

from __future__ import annotations

from workbench.wording import counted, error_words, listed, meant, nearest, visible


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


def test_all_of_a_text_is_visible() -> None:
    """What would break a line, be obeyed by a terminal or turn the direction of writing is written as in a repr; all
    letters, blanks and quotes are as they are."""
    assert visible("Ada's \"Öl\" שלום 🙂") == "Ada's \"Öl\" שלום 🙂"
    assert visible("a\n\x1b[2K\u202eb\u2028\ud800\x00") == r"a\n\x1b[2K\u202eb\u2028\ud800\x00"


def test_very_many_names() -> None:
    """Of very many names the first hundred are listed, and how many more there are is told."""
    told = nearest("x", [f"{number:05}" for number in range(20_000)])
    assert told.startswith("there is: 00000, 00001, ")
    assert told.endswith(", 00099, and 19,900 more")
