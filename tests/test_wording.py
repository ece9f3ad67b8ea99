"""Lists, counts, errors and names that are not known, in words."""

from __future__ import annotations

import pytest

from workbench.wording import counted, error_words, first_few, listed, meant, nearest, parting, visible


def test_a_count() -> None:
    """One is told without an s, all others with it; thousands are parted where that is asked for."""
    assert [counted(count, "later step") for count in (0, 1, 2)] == ["0 later steps", "1 later step", "2 later steps"]
    assert (counted(12_000, "row"), counted(12_000, "row", ",")) == ("12000 rows", "12,000 rows")


def test_a_list() -> None:
    """A headline stands alone, or over its lines."""
    assert listed("nothing", []) == "nothing"
    assert listed("two", [1, "b"]) == "two\n  1\n  b"


def test_the_first_of_very_many() -> None:
    """Ten things are listed; of more the first ten, and where all of them are."""
    assert first_few(range(10), "missing") == [*range(10)]
    assert first_few(range(3010), "missing") == [*range(10), "… and 3,000 more; .missing of this error has them all"]


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
    assert visible("admin\u3164 \u115f\u1160\u2800\uffa0") == r"admin\u3164 \u115f\u1160\u2800\uffa0"


@pytest.mark.parametrize("text", [
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",         # Persian: a prefix stands apart
    "\u0643\u0650\u200c\u062a",         # a mark before it is of the same script
    "\u0915\u094d\u200d\u0937", "\u0915\u094d\u200c\u0937",        # Devanagari: half a letter, and a whole one
    "\u09b0\u200d\u09cd\u09af\u09be\u09ac",       # Bengali, before the virama
    "\u0d05\u0d35\u0d28\u0d4d\u200d",        # Malayalam: a word ends in it
    "\U0001f469\u200d\U0001f680", "\U0001f469\U0001f3fd\u200d\u2695\ufe0f", "\u2764\ufe0f\u200d\U0001f525",
    "\U0001f642\u200d\u2194\ufe0f", "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "12\xa0000\u202f\u20ac", "\u5c71\u7530\u3000\u592a\u90ce"])
def test_what_writing_needs_is_kept(text: str) -> None:
    """Joiners between letters of a script that has them and between emoji, the tags of a flag, and blanks that do not
    break or are ideographic between signs stay as they are."""
    assert visible(text) == text


@pytest.mark.parametrize("text", [
    "ada\u200cb", "\u0430\u200d\u0431", "1\u200d2", "\u200d",      # of no such script
    "\u200c\u0645", "\u0645\u200c", "\u0645\u200c\u200c\u062e", "\u0645\u200cx", "\u0645\u200c\u0915",
    "\u0915\u200d", "\u0915\u094d\u200c",       # at an end
    "\U0001f469\u200d", "\U0001f469\u200dx", "\U0001f469\u200d\u200d\U0001f680",
    "\U0001f3f4\U000e0061\U000e007f", "x\U000e0067\U000e007f",      # tags of no flag
    "\xa0a", "a\xa0", "a \xa0b", "a\xa0\xa0b", "a\u2003b",
    "a\u200b\u2060\ufeff\xadb", "\u0645\u200e\u062e", "\u0645\u2067\u062e"])
def test_what_could_hide_is_shown(text: str) -> None:
    """A joiner that joins nothing, at an end, doubled or between other signs, a tag that is no flag's, a blank at an
    end or beside another, and what takes no room are written as in a repr."""
    assert visible(text) == "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def test_very_many_names() -> None:
    """Of very many names the first hundred are listed, and how many more there are is told."""
    told = nearest("x", [f"{number:05}" for number in range(20_000)])
    assert told.startswith("there is: 00000, 00001, ")
    assert told.endswith(", 00099, and 19,900 more")


@pytest.mark.parametrize(("others", "begin"), [
    ([], 0), (["b" * 99], 0), (["a" * 200], 0), (["a" * 200 + "c"], 180), (["a" * 150, "a" * 90], 70), (["a" * 30], 0)])
def test_where_long_texts_part(others: list[str], begin: int) -> None:
    """A text is told from its beginning, unless another begins alike as far as that goes: then from a little before
    the first letter in which they differ."""
    assert parting("a" * 200, others, 60) == begin
