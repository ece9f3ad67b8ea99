"""Literals: what psql reads is the value, for every type and under every setting."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.strategies import JSON, SIMPLE, TEXT
from workbench.domain.kinds import kind_of
from workbench.errors import Invalid
from workbench.postgres.engine import Engine, connect
from workbench.postgres.literals import literal, text_literal
from workbench.postgres.server.cluster import Cluster

PSQL = Cluster(Path()).bin / "psql"
NASTY = ["", "'", "''", "\\", "\\'", "a\nb", "\r\n\t", ":name :'name' :\"name\"", "\\! echo no", "$$", "$workbench$ --",
         "*/ /* --", "%s %", "{}", "NULL", "\x01\x7f", "\u2028\u202e", "\U0001f600é", ";\n\\q\n", "E'\\x'", "\x85"]
TYPES: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXT | st.sampled_from(NASTY),
    "bigint": SIMPLE[int], "boolean": st.booleans(), "uuid": SIMPLE[UUID], "bytea": SIMPLE[bytes],
    "double precision": st.floats(allow_nan=False),
    "real": st.floats(width=32, allow_nan=False) | st.floats(-1e30, 1e30),
    "numeric": SIMPLE[Decimal] | st.sampled_from([Decimal("Infinity"), Decimal("-Infinity"), Decimal("1E+30")]),
    "timestamp with time zone": SIMPLE[datetime] | st.sampled_from(
        [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)]),
    "date": SIMPLE[date] | st.sampled_from([date.min, date.max]),
    "time without time zone": SIMPLE[time], "interval": SIMPLE[timedelta],
    "jsonb": st.dictionaries(TEXT | st.sampled_from(NASTY), JSON | st.sampled_from(NASTY), max_size=3)}
TYPES |= {f"{name}[]": st.lists(st.none() | TYPES[name], max_size=3) for name in TYPES if name != "jsonb"}
SETTINGS = ["", "SET standard_conforming_strings = off; SET escape_string_warning = off;",
            "SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'sql_standard'; SET TimeZone = 'Asia/Kolkata';"]


@pytest.fixture
def psql(dsn: str) -> Callable[[str], None]:
    """Runs a script by a real psql, whose own variable ``name`` would hurt if it were put in anywhere."""
    def run(script: str) -> None:
        done = subprocess.run(
            [PSQL, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", "name=hurt", "-d", dsn],
            input=f"\\encoding UTF8\n{script}\n".encode(), capture_output=True, timeout=30, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    return run


@pytest.fixture
async def engine(dsn: str) -> AsyncIterator[Engine]:
    async with await connect(dsn) as opened:
        yield opened


async def same_in_psql(psql: Callable[[str], None], engine: Engine, rows: list[tuple[str, Any]]) -> None:
    """Stores values by psql, as literals, and by asyncpg, as parameters; the server compares what it sends of them."""
    columns = ", ".join(f"c{place} {name}" for place, (name, _) in enumerate(rows))
    values = ", ".join(literal(value, name) for name, value in rows)
    psql("\n".join([f"CREATE TABLE t (who text, {columns});", *(
        f"{setting}\nINSERT INTO t VALUES ('psql {number}', {values});\nRESET ALL;"
        for number, setting in enumerate(SETTINGS))]))
    async with engine.acquire() as connection:
        places = ", ".join(f"${place}::{name}" for place, (name, _) in enumerate(rows, 2))
        await connection.execute(f"INSERT INTO t VALUES ($1, {places})", "asyncpg", *(value for _, value in rows))
        # record_send gives each column as it goes over the wire: -0.0 and 0.0, 1.0 and 1.00 differ there.
        stored = {row[0]: row[1] for row in await connection.fetch(
            f"SELECT who, record_send(ROW({', '.join(f'c{place}' for place in range(len(rows)))})) FROM t")}
    assert len(stored) == len(SETTINGS) + 1
    assert set(stored.values()) == {stored["asyncpg"]}, rows


@pytest.mark.parametrize("name", TYPES)
async def test_a_literal_is_the_value(name: str, psql: Callable[[str], None], engine: Engine) -> None:
    """Values stored by psql from literals are to the bit those stored by asyncpg, under every setting."""
    examples: list[Any] = []

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(TYPES[name])
    def collect(value: Any) -> None:
        literal(value, name)
        examples.append(value)

    collect()
    await same_in_psql(psql, engine, [(name, value) for value in examples])


async def test_every_edge_is_kept(psql: Callable[[str], None], engine: Engine) -> None:
    """NaN, the infinities, minus zero, the smallest integer, empty lists and NULL come through, as does nasty text."""
    await same_in_psql(psql, engine, [
        ("double precision", float("nan")), ("double precision", -0.0), ("double precision", float("-inf")),
        ("double precision", 5e-324), ("double precision", 0.1 + 0.2), ("real", 0.1), ("real", 16777217.000000001),
        ("numeric", Decimal("NaN")), ("numeric", Decimal("1.00")), ("numeric", Decimal("1E-25")),
        ("bigint", -(2**63)), ("bigint", 2**63 - 1), ("bigint[]", [-(2**63), None]), ("text[]", []), ("text[]", None),
        ("timestamp with time zone", datetime(1, 1, 2, tzinfo=UTC)), ("interval", timedelta(days=-1, microseconds=1)),
        ("jsonb", {"big": 6.385827047036497e16, "text": "\\u0000 is six signs"}), ("bytea", b"\\x00\x00'"),
        *(("text", text) for text in NASTY), ("text[]", NASTY), ("jsonb", NASTY)])


@pytest.mark.parametrize("value, name", [("a\0b", "text"), (["a\0b"], "text[]"), ({"k": ["a\0b"]}, "jsonb"),
                                         ({"a\0b": 1}, "jsonb")])
def test_nul_is_refused(value: Any, name: str) -> None:
    """NUL, wherever it stands, is refused with words instead of being cut there by the server."""
    with pytest.raises(Invalid, match="holds the character NUL, which Postgres cannot store"):
        literal(value, name)


def test_half_a_pair_is_refused() -> None:
    """Half a surrogate pair cannot be written as UTF-8, and is refused with words."""
    with pytest.raises(Invalid, match="half a surrogate pair"):
        text_literal("\ud800")


def test_what_has_no_literal_is_refused() -> None:
    """A value of a type that no column of ours holds is refused and named; a naive datetime too."""
    with pytest.raises(Invalid, match="is a complex, for which there is no literal"):
        literal(1j, "text")
    with pytest.raises(Invalid, match="has no time zone"):
        literal(datetime(2013, 1, 1), "timestamp with time zone")


@given(TEXT | st.sampled_from(NASTY))
def test_a_literal_is_one_printable_line(text: str) -> None:
    """No text leaves the line it is on, nor hides anything: all of its literal can be printed."""
    assert text_literal(text).isprintable()


def test_literals_read_well() -> None:
    """Plain values are written as one would write them."""
    told = [literal("Ada", "text"), literal(10, "bigint"),
            literal(Decimal("10.50"), "numeric"), literal(True, "boolean"),
            literal(UUID(int=1), "uuid"), literal(date(2013, 1, 31), "date"), literal(["a", "b"], "text[]"),
            literal(kind_of(dict).convert({"a": 1}), "jsonb"), literal(None, "uuid", cast=True)]
    assert told == ["'Ada'", "10", "10.50", "TRUE", "'00000000-0000-0000-0000-000000000001'::uuid",
                    "'2013-01-31'::date", "ARRAY['a', 'b']::text[]", "'{\"a\":1}'::jsonb", "NULL::uuid"]
