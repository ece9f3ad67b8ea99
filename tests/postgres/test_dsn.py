"""What is shown of a DSN: everything but its password."""

from __future__ import annotations

import pytest

from workbench.postgres.dsn import masked


@pytest.mark.parametrize(("dsn", "shown"), [
    ("postgresql://ada:secret@host:5432/bank", "postgresql://ada:***@host:5432/bank"),
    ("postgresql://ada:p@ss:w/rd@host/bank?x=1", "postgresql://ada:***@host/bank?x=1"),
    ("postgresql://ada@host/bank", "postgresql://ada@host/bank"),
    ("postgresql://host:5432/bank", "postgresql://host:5432/bank"),
    ("postgresql://:secret@/bank?host=/tmp/x", "postgresql://:***@/bank?host=/tmp/x"),
    ("postgresql:///bank?user=ada&password=secret&host=x", "postgresql:///bank?user=ada&password=***&host=x"),
    ("host=x password='se cret' user=ada", "host=x password=*** user=ada"),
    ("host=x password = se&cret user=ada", "host=x password = *** user=ada"),
    (r"password='se \' cret' host=x", "password=*** host=x"),
    ("ada:secret@host/bank", "ada:***@host/bank"),
    (" postgresql://ada:sec\nret@host/bank", " postgresql://ada:***@host/bank"),
    ("postgresql://host/bank?password=sec\nret&x=1", "postgresql://host/bank?password=***&x=1"),
    ("postgresql://ada@corp:secret@host/bank", "postgresql://ada@corp:***@host/bank"),
    ("postgresql://a/da:secret@host/bank", "postgresql://a/da:***@host/bank"),
    ("postgresql://ada@host:5432/bank?password=sec@ret&x=1", "postgresql://ada@host:***&x=1"),
    ("postgresql://ada:sec&password=ret@host/bank", "postgresql://ada:***"),
    ("postgresql://host/bank?p%61ssword=secret&x=1", "postgresql://host/bank?p%61ssword=***&x=1"),
    ("postgresql://host/bank?host=%2Ftmp&x=1%25", "postgresql://host/bank?host=%2Ftmp&x=1%25"),
])
def test_masked(dsn: str, shown: str) -> None:
    """The password is masked wherever a DSN can have it, and where one that is none may; all else can be read."""
    assert masked(dsn) == shown
