"""Output as HTML: what a response handler returned, shown with the step, with a link that downloads it.

A table, a picture, a file, bytes, or anything that JSON can say is shown as what it is. The link holds the content
itself, so that it works without a kernel; a content over ``HELD`` bytes is written into a file in ``FOLDER`` instead,
whose name is made of its content, so that the same content is written once.

The step was issued even where its output cannot be read or shown: that is told in the place of the output.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from hashlib import sha256
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from workbench.domain.file import File
from workbench.notebook.frames.state import is_frame
from workbench.notebook.html.box import value_html
from workbench.notebook.html.errors import error_html
from workbench.notebook.streams import Unread, file_of

if TYPE_CHECKING:
    import pandas as pd

HELD = 1_000_000        # bytes in a link
FOLDER = "workbench-files"
ROWS = 20               # rows of a table that are shown
NAMED = 60              # characters of a name, its last ones, in the folder: a file system takes 255 bytes


def output_html(output: Any) -> str:
    """An output as HTML, or why it cannot be shown; a stream, which can be read only once, is left unread."""
    try:
        html = _told("read", output.error) if isinstance(output, Unread) else _html(output)
    except Exception as error:
        if isinstance(error, RecursionError):
            error.__traceback__ = None      # a thousand lines that say no more
        html = _told("shown", error)
    return _encodable(html)


def _told(what: str, error: BaseException) -> str:
    head = f'<span class="update">!</span> the step was issued; its output could not be {what}:'
    return f'<div role="alert">{head}</div>{error_html(error)}'


def _encodable(text: str) -> str:
    """A text for the browser, half a surrogate pair, which no message to it can hold, written out as in JSON."""
    return text.encode(errors="backslashreplace").decode()


def _html(output: Any) -> str:
    if is_frame(output):
        from pandas import RangeIndex  # it is there

        counted = isinstance(output.index, RangeIndex)      # it says nothing of its own
        frame = output if counted else output.reset_index(allow_duplicates=True)
        return _table(frame) + _link(File("table.csv", _encodable(frame.to_csv(index=False))))
    if isinstance(output, bytes):
        return _file(file_of(output))
    if isinstance(output, File):
        return _file(output)
    if isinstance(output, Path):
        return _path(output)
    if isinstance(output, Iterator | AsyncIterator):
        return '<div class="dim">a stream, which can be read once only: step.output</div>'
    picture = _picture_of(output)
    if picture is not None:
        return _file(picture)
    try:
        text = json.dumps(output, indent=2, ensure_ascii=False, default=str)
    except Exception:       # such as keys that are no text, a ring, or a value whose str fails
        return f"<div>{value_html(output)}</div>"
    return f"<div>{value_html(output)}</div>{_link(File('response.json', _encodable(text)))}"


def _picture_of(output: Any) -> File | None:
    """A figure of matplotlib or a picture of PIL, known by what they can do: neither is imported here."""
    if hasattr(output, "savefig"):
        content = BytesIO()
        output.savefig(content, format="png")
        return File("picture.png", content.getvalue())
    drawn = getattr(output, "_repr_png_", None)
    content_of = drawn() if callable(drawn) else None
    return File("picture.png", content_of) if isinstance(content_of, bytes) else None


def _file(file: File) -> str:
    link = _link(file)
    if len(file.data) > HELD:
        return link
    if file.media_type.startswith("image/"):    # in an <img> no script of an SVG is run
        return f'<div><img alt="{escape(file.name)}" src="{_uri(file)}"></div>{link}'
    if file.media_type.startswith("text/") or file.media_type == "application/json":
        text = file.data.decode(errors="replace")
        return f"<details><summary>{escape(file.name)}</summary><pre>{escape(text[:4000])}</pre></details>{link}"
    return link


def _path(path: Path) -> str:
    if not path.is_file():
        return f'<div class="delete">✗ there is no file {escape(str(path))}</div>'
    if path.stat().st_size > HELD:
        return f"<div>the file {escape(str(path))} ({_size(path.stat().st_size)})</div>"
    return _file(File(path.name, path.read_bytes()))


def _table(frame: pd.DataFrame) -> str:
    heads = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in frame.columns)
    rows = "".join(_row(row) for row in frame.head(ROWS).itertuples(index=False, name=None))
    more = f'<div class="dim">… and {len(frame) - ROWS} rows more</div>' if len(frame) > ROWS else ""
    return f"<table><tr>{heads}</tr>{rows}</table>{more}"


def _row(values: Iterable[Any]) -> str:
    return f"<tr>{''.join(f'<td>{value_html(value)}</td>' for value in values)}</tr>"


def _link(file: File) -> str:
    """The link that downloads a file; one too large for a link is written to the folder."""
    size = _size(len(file.data))
    if len(file.data) <= HELD:
        return (f'<div><a download="{escape(file.name)}" href="{_uri(file)}">⤓ {escape(file.name)}</a> '
                f'<span class="dim">{size}</span></div>')
    path = Path(FOLDER) / f"{sha256(file.data).hexdigest()[:8]}-{file.name[-NAMED:]}"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(file.data)
    return (f'<div><a href="{escape(quote(path.as_posix()))}">⤓ {escape(file.name)}</a> '
            f'<span class="dim">{size}, too large for the notebook: in the file {escape(str(path))}</span></div>')


def _uri(file: File) -> str:
    return f"data:{escape(file.media_type)};base64,{b64encode(file.data).decode()}"


def _size(length: int) -> str:
    return f"{length} bytes" if length < 10_000 else f"{length / 1000:,.0f} kB"


def is_plain(output: Any, values: Mapping[str, Any]) -> bool:
    """Whether an output says no more than the values of its response: there was no response handler."""
    if not isinstance(output, Mapping):
        return output is None
    try:
        return dict(output) == dict(values)
    except Exception:       # such as of arrays, which are neither equal nor not
        return False
