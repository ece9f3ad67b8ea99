"""Where the tests make embedded servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres.server.processes import place_for_servers
from workbench.postgres.server.embedded import EmbeddedPostgres


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where a server may be made: a folder that is not there yet."""
    with place_for_servers() as place:
        yield place / ".workbench"


@pytest.fixture(scope="module")
def stopped() -> Iterator[Path]:
    """A folder with a database in it and no server running, shared by the tests that start it and stop it again."""
    with place_for_servers() as place:
        EmbeddedPostgres.start(place / "db").stop()
        yield place / "db"
