"""Binary: what COPY takes of our own encoding is to the bit what it takes of the driver's, for every type."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.strategies import JSON, SIMPLE, TEXT
from workbench.domain.kinds import kind_of
from workbench.postgres.engine import Engine, connect
from workbench.postgres.writing.binary import BEGINNING, ENCODERS, END, row_encoder
from workbench.state.planning.table import Column

NUMBERS = SIMPLE[Decimal] | st.decimals(allow_nan=False, allow_infinity=False, places=2) | st.sampled_from([
    Decimal(text) for text in (
        "0", "-0", "0.00", "-0.0", "1", "10", "9999", "10000", "99999", "0.0001", "0.00001", "9999.9999", "1.50",
        "12345.6789", "100000000", "1E+30", "-1.5E-7", "1E-200", "9" * 80, "1E+131071", "-12E+131070", "1E-16383",
        "0E-16383", "12345E-16383", "0E+131071", "7" * 1900, "NaN", "Infinity", "-Infinity")])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXT | st.text("é\U0001f600", min_size=300, max_size=1200), "character varying": TEXT, "bpchar": TEXT,
    "uuid": st.uuids(), "boolean": st.booleans(),
    "smallint": st.integers(-2**15, 2**15 - 1), "integer": st.integers(-2**31, 2**31 - 1), "bigint": SIMPLE[int],
    "double precision": st.floats(), "numeric": NUMBERS,
    "timestamp with time zone": SIMPLE[datetime] | st.sampled_from(
        [edge.replace(tzinfo=UTC) for edge in (datetime.min, datetime.max, datetime(2000, 1, 1))]),
    "date": SIMPLE[date] | st.sampled_from([date.min, date.max]), "bytea": SIMPLE[bytes] | st.just(bytes(2000)),
    "jsonb": SIMPLE[dict] | SIMPLE[list], "json": st.dictionaries(TEXT, JSON, max_size=3)}


@pytest.fixture
async def engine(dsn: str) -> AsyncIterator[Engine]:
    async with await connect(dsn) as opened:
        yield opened


def columns(*types: str) -> list[Column]:
    return [Column(f"c{place}", f"c{place}", name, kind_of(object)) for place, name in enumerate(types)]


def test_every_encoder_is_tried() -> None:
    """There are values here of each type that has an encoder."""
    assert VALUES.keys() == ENCODERS.keys()


async def test_it_is_what_the_driver_sends(engine: Engine) -> None:
    """Rows of all types at once, with NULLs: the server has the same of both, to the bit."""
    rows: list[tuple[Any, ...]] = []

    @settings(max_examples=400, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.tuples(*(st.none() | some for some in VALUES.values())))
    def collect(row: tuple[Any, ...]) -> None:
        rows.append(row)

    collect()
    encode = row_encoder(columns(*VALUES))
    assert encode is not None

    async def ours() -> AsyncIterator[bytes]:
        yield BEGINNING
        for start in range(0, len(rows), 7):
            yield encode(list(zip(*rows[start:start + 7], strict=True)))
        yield END

    numbered = [f"c{place} {name}" for place, name in enumerate(VALUES)]
    async with engine.acquire() as connection:
        for table in ("ours", "drivers"):
            await connection.execute(f"CREATE TABLE {table} (place serial, {', '.join(numbered)})")
        names = [f"c{place}" for place in range(len(VALUES))]
        await connection.copy_to_table("ours", columns=names, source=ours(), format="binary")
        await connection.copy_records_to_table("drivers", columns=names, records=rows)
        # record_send gives each column as it goes over the wire: -0.0 and 0.0, 1.0 and 1.00 differ there.
        unlike = await connection.fetch(
            "SELECT * FROM ours JOIN drivers USING (place) WHERE record_send(ours) <> record_send(drivers)")
        assert await connection.fetchval("SELECT count(*) FROM ours") == len(rows)
    assert unlike == []


def numbers() -> Iterator[Decimal]:
    for digits in range(1, 12):
        for scale in range(10):
            for text in ("1" + "0" * (digits - 1), "9" * digits, "12345678901"[:digits]):
                yield Decimal(text).scaleb(-scale)
                yield -Decimal(text).scaleb(-scale)


async def test_numbers_of_every_length(engine: Engine) -> None:
    """Numbers are kept with all their digits and places, wherever the point stands between groups of four."""
    encode, some = row_encoder(columns("numeric", "text")), list(numbers())
    assert encode is not None

    async def ours() -> AsyncIterator[bytes]:
        yield BEGINNING + encode([some, [f"{number:f}" for number in some]]) + END

    async with engine.acquire() as connection:
        await connection.execute("CREATE TABLE t (c0 numeric, c1 text)")
        await connection.copy_to_table("t", source=ours(), format="binary")
        assert await connection.fetch("SELECT * FROM t WHERE c0::text <> c1") == []
        assert await connection.fetchval("SELECT count(*) FROM t") == len(some)


def test_other_types_are_the_drivers() -> None:
    """A table with a column of a type that has no encoder has none."""
    assert row_encoder(columns("text", "interval")) is None
    assert row_encoder(columns("text[]")) is None


@pytest.mark.parametrize("name, value", [
    ("smallint", 2**15), ("integer", -2**31 - 1), ("bigint", 2**63), ("numeric", Decimal("1E-40000"))])
def test_what_does_not_fit(name: str, value: Any) -> None:
    """A number that its column cannot hold is an OverflowError, as of the driver's encoders."""
    encode = row_encoder(columns(name))
    assert encode is not None
    with pytest.raises(OverflowError):
        encode([[value]])


def test_half_a_pair() -> None:
    """Half a surrogate pair has no UTF-8."""
    encode = row_encoder(columns("text"))
    assert encode is not None
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        encode([["\ud800"]])
