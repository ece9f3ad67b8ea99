"""Files: what can be a name and a content."""

import pytest

from workbench.domain.file import File
from workbench.errors import Invalid


def test_a_file_of_text_is_shown_and_written() -> None:
    """Text is written in UTF-8, and a file tells its type and its size."""
    assert File("a.csv", "\u00e9").data == b"\xc3\xa9"
    assert repr(File("a.csv", "\u00e9")) == "<file 'a.csv': text/csv, 2 bytes>"


def test_text_that_cannot_be_written_is_refused() -> None:
    """Half a surrogate pair is refused where the file is made, not where it is shown."""
    with pytest.raises(Invalid, match="content: holds half a surrogate pair, which is no character; leave it out"):
        File("a.csv", "\ud800")
