"""A database whose tables are to be altered (redefined.py)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.postgres.tables.redefined import Tables
from workbench.postgres.engine import connect


@pytest.fixture
async def tables(dsn: str, admin: asyncpg.Connection) -> AsyncIterator[Tables]:
    """Tables whose definitions change."""
    async with await connect(dsn) as engine:
        yield Tables(engine, admin)
