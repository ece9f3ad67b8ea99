"""File: a named content, as a response handler may return one to be shown and downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from mimetypes import guess_type

from workbench.errors import Invalid, Problem


@dataclass(frozen=True, slots=True)
class File:
    """``File("accounts.csv", text)``: text or bytes under a name, which says what it is unless ``media_type`` does.

    Raises Invalid for a name that is none, or leads to another folder, and for text that cannot be encoded."""

    name: str
    content: bytes | str
    media_type: str = ""

    def __post_init__(self) -> None:
        problems = []
        if not isinstance(self.name, str) or self.name.strip(" .") == "" or set(self.name) & set('/\\\0'):
            problems.append(Problem("name", self.name, 'is not the name of a file; give one such as "accounts.csv"'))
        if not isinstance(self.content, bytes | str):
            problems.append(Problem("content", self.content, f"is a {type(self.content).__name__}; give bytes or text"))
        elif isinstance(self.content, str):
            try:
                self.content.encode()
            except UnicodeEncodeError:
                problems.append(Problem("content", self.content, "holds half a surrogate pair, which is no character; "
                                                                 "leave it out"))
        if problems:
            raise Invalid("File", problems)
        if not self.media_type:
            object.__setattr__(self, "media_type", guess_type(self.name)[0] or "application/octet-stream")

    @property
    def data(self) -> bytes:
        """The content as bytes, text in UTF-8."""
        return self.content.encode() if isinstance(self.content, str) else self.content

    def __repr__(self) -> str:
        return f"<file {self.name!r}: {self.media_type}, {len(self.data)} bytes>"
