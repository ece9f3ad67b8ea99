"""A ``Proxy`` stands between a session and its server, and does something where the word COMMIT comes by."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import unquote

import asyncpg

from tests.editing import Note, at, desk, edit
from workbench import Delete, Insert, Session, Update

COMMIT = b"COMMIT\x00"      # the end of asyncpg's message
A, B, C = (at(Note, key) for key in "abc")
Deed = Callable[[], Awaitable[Any]]


class Proxy:
    """A loopback port that passes on to a server's socket. ``before`` is done when a COMMIT comes by, and it is then
    not passed on; ``after`` when the server has answered it, and the answer is not passed on. Both are done once; the
    connection is cut then. ``down`` cuts all new ones at once."""

    def __init__(self, dsn: str) -> None:
        match = re.search(r"@/(\w+)\?host=([^&]*)&port=(\d+)", dsn)
        assert match is not None
        self._socket = f"{unquote(match[2])}/.s.PGSQL.{match[3]}"
        self._database = match[1]
        self.before: Deed | None = None
        self.after: Deed | None = None
        self.down = False
        self.commits = 0
        self.dsn = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.dsn = f"postgresql://postgres@127.0.0.1:{port}/{self._database}?sslmode=disable"

    async def close(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError):
                if not self.down:
                    await self._pass(reader, writer)
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(self._socket)
        answers = asyncio.create_task(self._answer(from_server, writer))
        try:
            while data := await reader.read(65536):
                if COMMIT in data:
                    self.commits += 1
                    if self.before is not None:
                        deed, self.before = self.before, None
                        await deed()
                        return
                    if self.after is not None:
                        deed, self.after = self.after, None
                        answers.cancel()
                        await asyncio.wait([answers])
                        to_server.write(data)
                        assert await from_server.read(65536)
                        await deed()
                        return
                to_server.write(data)
                await to_server.drain()
        finally:
            answers.cancel()
            to_server.close()

    async def _answer(self, from_server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await from_server.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()      # also where the server cut it off, with something of the client's still unread


@asynccontextmanager
async def through(dsn: str) -> AsyncIterator[tuple[Session, Proxy]]:
    """A session through a proxy: a Note is stored, another one is changed, made and deleted in three pending steps."""
    proxy = Proxy(dsn)
    await proxy.open()
    try:
        async with Session(desk(Note), dsn=proxy.dsn) as session:
            await edit(session, Insert(A, text="x"), Insert(B, text="x"))
            await session.commit()
            await edit(session, Update(A, text="mine"))
            await edit(session, Insert(C, text="mine"))
            await edit(session, Delete(B))
            yield session, proxy
    finally:
        await proxy.close()


OLD, NEW = {"a": "x", "b": "x"}, {"a": "mine", "c": "mine"}


async def stored(dsn: str) -> dict[str, str]:
    connection = await asyncpg.connect(dsn)
    try:
        return dict(map(tuple, await connection.fetch("SELECT _id, text FROM desk_note ORDER BY 1")))
    finally:
        await connection.close()


async def nothing() -> None:
    pass
