"""The database of a test, for all folders: ``server_dsn`` is one embedded server, ``dsn`` a fresh database on it."""

from tests.postgres.conftest import dsn as dsn
from tests.postgres.conftest import server_dsn as server_dsn
