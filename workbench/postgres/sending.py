"""Sending: much at once over one connection, which may go in the middle of it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import asyncpg

from workbench.postgres.driver_errors import DRIVER_ERRORS

GRACE = 0.2     # seconds that what was cancelled gets to end, and a request to cancel to be sent


async def sent(connection: Any, sending: Coroutine[Any, Any, Any]) -> Any:
    """What comes of sending much; raises ConnectionDoesNotExistError where the connection goes meanwhile.

    asyncpg tells that to who waits for an answer; who waits until more can be sent would do so for ever. When cancelled
    it ends soon, if need be with the connection."""
    loop, work, lost = asyncio.get_running_loop(), asyncio.ensure_future(sending), False

    def end() -> None:
        nonlocal lost
        lost = work.cancel()

    def gone(_: object) -> None:
        loop.call_later(0.1, end)       # what ends by itself says why

    connection.add_termination_listener(gone)
    try:
        await asyncio.wait({work})
        return work.result()
    except asyncio.CancelledError:
        if lost:
            raise asyncpg.ConnectionDoesNotExistError("the connection was closed in the middle of it") from None
        if not work.done():
            await _break_off(connection, work)
        raise
    finally:
        with suppress(*DRIVER_ERRORS):      # a connection that has gone is the pool's again
            connection.remove_termination_listener(gone)


async def _break_off(connection: Any, work: asyncio.Task[Any]) -> None:
    """Ends what is being sent.

    asyncpg's fetchmany, cancelled while it waits until more can be sent, forgets that it was: it waits for the answer
    to what it will never have sent. Cancelled again it asks the server to cancel; of use the connection is no more."""
    work.add_done_callback(lambda done: done.cancelled() or done.exception())
    work.cancel()
    if not (await asyncio.wait({work}, timeout=GRACE))[0]:
        work.cancel()
        await asyncio.sleep(GRACE)
        with suppress(*DRIVER_ERRORS):
            connection.terminate()


def is_gone(connection: Any) -> bool:
    """Whether a connection is closed; the pool, which takes back one that was, does not let that be asked."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True
