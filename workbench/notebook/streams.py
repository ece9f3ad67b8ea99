"""Streams: what a response handler yields piece by piece, read into a File once the step is issued.

A stream can be read only once, and whoever looks at a step looks more than once.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import dataclass
from traceback import clear_frames
from typing import Any

from workbench.domain.convert import shown
from workbench.domain.file import File
from workbench.errors import Invalid, Problem
from workbench.state.step import Step

_PICTURES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}


@dataclass(frozen=True, slots=True)
class Unread:
    """What is in the place of a stream that could not be read to its end, and why: the step is issued all the same."""

    error: BaseException

    def __repr__(self) -> str:
        return f"<output that could not be read: {shown(self.error)}>"


async def kept(issuing: Awaitable[Step]) -> Step:
    """The step that is being issued, its output read into a File where it is a stream of bytes or text; Unread where
    that fails or is cancelled."""
    __tracebackhide__ = True
    step = await issuing
    if isinstance(step.output, Iterator | AsyncIterator):
        try:
            step.output = file_of(await _read(step.output))
        except (Exception, CancelledError) as error:
            clear_frames(error.__traceback__)       # what they hold would be held as long as the step
            step.output = Unread(error)
    return step


async def _read(stream: Iterator[Any] | AsyncIterator[Any]) -> bytes:
    if isinstance(stream, AsyncIterator):
        return b"".join([_part(part) async for part in stream])
    return b"".join([_part(part) for part in stream])


def _part(part: Any) -> bytes:
    """A part of a stream as bytes. Raises Invalid: ``bytes(3)`` would be three zeros."""
    if isinstance(part, str):
        return part.encode()
    if not isinstance(part, bytes | bytearray | memoryview):
        raise Invalid("stream", [Problem("part", shown(part), f"is of type {type(part).__name__}; give bytes or text")])
    return bytes(part)


def file_of(content: bytes) -> File:
    """Bytes without a name, under one that fits what they begin with."""
    for start, kind in _PICTURES.items():
        if content.startswith(start):
            return File(f"picture.{kind}", content, f"image/{kind}")
    try:
        content.decode()
    except UnicodeDecodeError:
        return File("response.bin", content)
    return File("response.txt", content)
