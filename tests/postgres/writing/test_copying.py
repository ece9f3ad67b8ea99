"""Copying: what is sent of a COPY is in parts that the server takes, however large the values are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.editing import at, desk, edit
from workbench import Insert, Resource, Session, field


class Film(Resource):
    _id = field(int)
    raw = field(bytes)


async def test_large_values(dsn: str, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of which a few together are more than the server takes in one message (a gigabyte) are sent in parts."""
    sizes: list[int] = []
    real = asyncpg.Connection.copy_to_table

    async def measured(connection: Any, name: str, *, source: AsyncIterator[bytes], **how: Any) -> str:
        async def parts() -> AsyncIterator[bytes]:
            async for part in source:
                sizes.append(len(part))
                yield part
        return await real(connection, name, source=parts(), **how)

    monkeypatch.setattr(asyncpg.Connection, "copy_to_table", measured)
    films = [bytes([place]) * (300_000 + 70_001 * place) for place in range(40)]
    async with Session(desk(Film), dsn=dsn) as session:
        await edit(session, *(Insert(at(Film, place), raw=raw) for place, raw in enumerate(films)))
        await session.commit()
    assert max(sizes) <= 1 << 20 < sum(sizes)
    assert [row[0] for row in await admin.fetch("SELECT raw FROM desk_film ORDER BY _id")] == films
