"""Outputs: what a response handler returned is shown as what it is, and can be had as a file."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from re import findall
from typing import Any

import pandas as pd
import pytest

from tests.notebook.markup import EVIL, Tags, words
from workbench.domain.file import File
from workbench.errors import Invalid
from workbench.notebook.html.box import box
from workbench.notebook.html.output import FOLDER, HELD, ROWS, is_plain, output_html

PNG = b"\x89PNG\r\n\x1a\n"


def downloads(html: str) -> list[tuple[str, str, bytes]]:
    """The links of some HTML: name, media type and content."""
    return [(name, kind, b64decode(content)) for name, kind, content in findall(
        r'<a download="([^"]*)" href="data:([^;"]*);base64,([^"]*)"', html)]


def test_json_and_a_table() -> None:
    """JSON is shown as a value, a table as one with its first rows; each can be downloaded whole."""
    html = output_html({"balance": 1, "name": "ä"})
    assert words(html) == "{'balance': 1, 'name': 'ä'} ⤓ response.json 34 bytes"
    assert downloads(html) == [("response.json", "application/json", '{\n  "balance": 1,\n  "name": "ä"\n}'.encode())]
    table = output_html(pd.DataFrame({"n": range(ROWS + 5)}))
    assert "… and 5 rows more" in words(table)
    [(name, kind, content)] = downloads(table)
    assert (name, kind, content.count(b"\n")) == ("table.csv", "text/csv", ROWS + 6)
    assert content.startswith(b"n\n0\n1\n")
    indexed = output_html(pd.DataFrame({"n": [1]}, index=pd.Index(["a"], name="key")))
    assert words(indexed).startswith("key n 'a' 1 ")
    assert downloads(indexed)[0][2] == b"key,n\na,1\n"


class Figure:
    def savefig(self, file: Any, format: str) -> None:
        file.write(PNG + format.encode())


class Picture:
    def _repr_png_(self) -> bytes:
        return PNG


@pytest.mark.parametrize("output, kind", [
    (PNG, "image/png"), (Figure(), "image/png"), (Picture(), "image/png"), (b"GIF89a", "image/gif"),
    (File("a.svg", "<svg/>"), "image/svg+xml"),
])
def test_a_picture(output: object, kind: str) -> None:
    """Bytes of a picture, a figure, a picture of PIL and a file of one are shown as a picture, which can be had."""
    html = output_html(output)
    assert f'src="data:{kind};base64,' in html
    assert [link[1] for link in downloads(html)] == [kind]


def test_files_and_bytes(tmp_path: Path) -> None:
    """Files, paths and bytes are links under their name; text can be read at once; a path to nothing says so."""
    assert downloads(output_html(b"\xff\x00")) == [("response.bin", "application/octet-stream", b"\xff\x00")]
    assert downloads(output_html(b"text")) == [("response.txt", "text/plain", b"text")]
    html = output_html(File("a.csv", "x,y"))
    assert (words(html), downloads(html)) == ("a.csv x,y ⤓ a.csv 3 bytes", [("a.csv", "text/csv", b"x,y")])
    path = tmp_path / "b.pdf"
    assert words(output_html(path)) == f"✗ there is no file {path}"
    path.write_bytes(b"%PDF")
    assert downloads(output_html(path)) == [("b.pdf", "application/pdf", b"%PDF")]
    path.write_bytes(b"0" * (HELD + 1))
    assert words(output_html(path)) == f"the file {path} (1,000 kB)"


def test_what_is_too_large_for_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large content is kept in a file, which is said; showing it again writes nothing more."""
    monkeypatch.chdir(tmp_path)
    file = File("a b.csv", "0" * (HELD + 1))
    html = output_html(file)
    [saved] = (tmp_path / FOLDER).iterdir()
    assert saved.read_bytes() == file.data
    assert f'href="{FOLDER}/{saved.name.replace(" ", "%20")}"' in html
    assert "too large for the notebook: in the file" in words(html)
    assert "base64" not in html
    written = saved.stat().st_mtime_ns
    assert output_html(file) == html
    assert saved.stat().st_mtime_ns == written


class Broken:
    def savefig(self, file: Any, format: str) -> None:
        raise RuntimeError("no <backend>")


class Unsayable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def deep() -> list[Any]:
    within: list[Any] = []
    for _ in range(5000):
        within = [within]
    return within


@pytest.mark.parametrize("output, told", [
    (Broken(), "! the step was issued; its output could not be shown: ✗ RuntimeError no <backend>"),
    (deep(), "! the step was issued; its output could not be shown: ✗ RecursionError"),
    (Unsayable(), "<Unsayable that cannot be shown>"),
    ({"label": "\ud800"}, r"{'label': '\ud800'} ⤓ response.json"),
    (pd.DataFrame({"\ud800": ["\ud800"]}), r"\ud800 '\ud800' ⤓ table.csv"),
])
def test_what_cannot_be_shown(output: Any, told: str) -> None:
    """An output that cannot be shown says so in its place, and that its step was issued; half a character is written
    out, for no message to the browser can hold it."""
    html = output_html(output)
    assert words(html).startswith(told)
    assert html.encode()
    assert len(html) < 20_000


def test_a_long_name_of_a_large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that no file system takes is cut in the folder; what kind of file it is stays."""
    monkeypatch.chdir(tmp_path)
    html = output_html(File("ä" * 300 + ".csv", "0" * (HELD + 1)))
    [saved] = (tmp_path / FOLDER).iterdir()
    assert saved.name.endswith("ä.csv")
    assert "too large for the notebook" in words(html)


def test_outputs_are_escaped() -> None:
    """A script in a value, a name of a file, a column or a text is shown as text."""
    name = EVIL.replace("/", "")
    for output in ({EVIL: EVIL}, pd.DataFrame({EVIL: [EVIL]}), File(name, EVIL, "text/plain"), Path(EVIL),
                   File("a.svg", EVIL, EVIL), {1: object(), (1, 2): EVIL}):
        tags = Tags(box(output_html(output)))
        assert tags.open == []
        assert "script" not in tags.seen


def test_a_plain_output() -> None:
    """Without a response handler the output says what the response says, and is not shown a second time."""
    assert is_plain({"a": 1}, {"a": 1})
    assert is_plain(None, {})
    assert not is_plain({"a": 2}, {"a": 1})
    assert not is_plain(pd.DataFrame({"a": [1]}), {"a": 1})
    assert not is_plain({"a": pd.Series([1, 2])}, {"a": 1})


def test_a_file_is_checked() -> None:
    """A File refuses what is no name or no content, all at once; its name says what it is, unless told."""
    with pytest.raises(Invalid, match=r'File was refused: 2 problems\n  name: is not the name of a file; give one such '
                                      r'as "accounts.csv"\n  content: is a int; give bytes or text'):
        File("../x", 1)     # type: ignore[arg-type]
    assert File("a.json", "ä").media_type == "application/json"
    assert File("a", b"").media_type == "application/octet-stream"
    assert repr(File("a.csv", "ä")) == "<file 'a.csv': text/csv, 2 bytes>"
