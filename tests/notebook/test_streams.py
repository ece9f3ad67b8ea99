"""Streams: what a response handler yields piece by piece is read once, when its command is done."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.notebook.html.test_output import PNG
from tests.notebook.markup import Tags, words
from tests.state.domains import START
from workbench.domain.file import File
from workbench.notebook.html.output import output_html
from workbench.notebook.streams import Unread, kept
from workbench.state.step import Step


async def issued(output: Any) -> Any:
    """The step, when it is issued."""
    return step_with(output)


def step_with(output: Any) -> Step:
    return Step(1, None, "", user=None, at=START, cell=None, reads={}, output=output)   # type: ignore[arg-type]


async def test_a_stream() -> None:
    """A stream, async or not, is read once into a file when the command is done; showing one reads nothing."""

    async def later() -> AsyncIterator[bytes]:
        yield PNG
        yield b"more"

    def at_once() -> Iterator[str]:
        yield "a,"
        yield "ä"

    assert (await kept(issued(later()))).output == File("picture.png", PNG + b"more", "image/png")
    assert (await kept(issued(at_once()))).output == File("response.txt", "a,ä".encode())
    assert (await kept(issued({"a": 1}))).output == {"a": 1}
    stream = at_once()
    assert words(output_html(stream)) == "a stream, which can be read once only: step.output"
    assert list(stream) == ["a,", "ä"]


def ending(error: BaseException) -> Iterator[str]:
    yield "a,b"
    raise error


async def later(*parts: Any) -> AsyncIterator[Any]:
    for part in parts:
        yield part


@pytest.mark.parametrize("stream, told", [
    (ending(OSError("disk <full>")), "OSError disk <full>"), (ending(CancelledError()), "CancelledError"),
    (iter([1, 2, 3]), "part: is of type int; give bytes or text"),
    (later({"a": 1}), "part: is of type dict; give bytes or text"),
    (later("half a pair: \ud800"), "surrogates not allowed"),
])
async def test_a_stream_that_cannot_be_read(stream: Any, told: str) -> None:
    """A stream that breaks, is cancelled or gives what is neither bytes nor text leaves its step issued, and its error
    is told where the output would stand."""
    step = await kept(issued(stream))
    assert isinstance(step.output, Unread)
    assert repr(step.output).startswith("<output that could not be read: ")
    html = output_html(step.output)
    assert words(html).startswith("! the step was issued; its output could not be read: ✗ ")
    assert told in words(html)
    assert Tags(html).open == []
