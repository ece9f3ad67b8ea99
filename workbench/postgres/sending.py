"""Sending: much at once over one connection, which may go in the middle of it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import asyncpg

from workbench.postgres.driver_errors import DRIVER_ERRORS


async def sent(connection: Any, sending: Coroutine[Any, Any, Any]) -> Any:
    """What comes of sending much; raises ConnectionDoesNotExistError where the connection goes meanwhile.

    asyncpg tells that to who waits for an answer; who waits until more can be sent would do so for ever."""
    loop, work, lost = asyncio.get_running_loop(), asyncio.ensure_future(sending), False

    def end() -> None:
        nonlocal lost
        lost = work.cancel()

    def gone(_: object) -> None:
        loop.call_later(0.1, end)       # what ends by itself says why

    connection.add_termination_listener(gone)
    try:
        return await work
    except asyncio.CancelledError:
        if lost:
            raise asyncpg.ConnectionDoesNotExistError("the connection was closed in the middle of it") from None
        raise
    finally:
        with suppress(*DRIVER_ERRORS):      # a connection that has gone is the pool's again
            connection.remove_termination_listener(gone)
