"""Values there and back: whatever a field can hold comes back as it was, and gino has the same codecs."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.domain.datadef import Datadef, field
from workbench.domain.domain import Domain
from workbench.domain.registry import Registry
from workbench.domain.resource import Resource
from workbench.domain.sameness import same
from workbench.postgres.encoding import encoded
from workbench.postgres.engine import Engine
from workbench.postgres.tables.model import Models
from workbench.postgres.tables.schema import prepare
from workbench.state.planning.table import quoted


class Kind(Enum):
    PLAIN = "plain"
    QUOTED = "it's"


class Place(Datadef):
    city = field(str)
    since = field(datetime | None)
    size = field(Decimal)


class Everything(Resource):
    text = field(str)
    whole = field(int)
    real = field(float)
    flag = field(bool)
    exact = field(Decimal)
    key = field(UUID)
    moment = field(datetime)
    day = field(date)
    clock = field(time)
    span = field(timedelta)
    raw = field(bytes)
    kind = field(Kind)
    mapping = field(dict)
    anything = field(list)
    place = field(Place)
    texts = field(list[str])
    numbers = field(list[Decimal | None])
    moments = field(list[datetime])
    raws = field(list[bytes])
    kinds = field(list[Kind])
    grid = field(list[list[float]])
    mappings = field(list[dict])
    places = field(list[Place])
    maybe = field(UUID | None)


TEXTS = st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=20)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | TEXTS
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6)
MAPPINGS = st.dictionaries(TEXTS, JSON, max_size=3)
# The very first and last moments are what asyncpg takes for -infinity and infinity.
MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.timezones())
EXACT = st.decimals(allow_nan=False) | st.just(Decimal("NaN"))
PLACES = st.builds(Place, city=TEXTS, since=st.none() | MOMENTS, size=EXACT)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "_id": st.uuids(), "_created": st.none() | MOMENTS, "_updated": MOMENTS, "_etag": TEXTS,
    "text": TEXTS, "whole": st.integers(-(2**63), 2**63 - 1), "real": st.floats(), "flag": st.booleans(),
    "exact": EXACT, "key": st.uuids(), "moment": MOMENTS, "day": st.dates(), "clock": st.times(),
    "span": st.timedeltas(), "raw": st.binary(max_size=20), "kind": st.sampled_from(Kind), "mapping": MAPPINGS,
    "anything": st.lists(JSON, max_size=3), "place": PLACES, "texts": st.lists(TEXTS, max_size=3),
    "numbers": st.lists(st.none() | EXACT, max_size=3), "moments": st.lists(MOMENTS, max_size=3),
    "raws": st.lists(st.binary(max_size=5), max_size=3), "kinds": st.lists(st.sampled_from(Kind), max_size=3),
    "grid": st.lists(st.lists(st.floats(), max_size=3), max_size=3), "mappings": st.lists(MAPPINGS, max_size=2),
    "places": st.lists(PLACES, max_size=2), "maybe": st.none() | st.uuids()}


@pytest.fixture
async def everything(engine: Engine) -> Models:
    domain = Domain("all")
    domain.resource(Everything)
    models = Models(Registry([domain]))
    async with engine.acquire() as connection:
        await prepare(connection, models)
    return models


def alike(one: Any, other: Any) -> bool:
    """Equality in which NaN equals NaN, within lists and records too."""
    if isinstance(one, Datadef):
        return type(one) is type(other) and all(
            alike(getattr(one, name), getattr(other, name)) for name in type(one)._fields)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return same(one, other)


@given(values=st.fixed_dictionaries(VALUES))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
async def test_values_come_back_as_they_were(engine: Engine, everything: Models, values: dict[str, Any]) -> None:
    """Whatever a field can hold is written by parameters of its column's type, and by COPY, and read back equal."""
    item: Any = Everything(**values)
    table = everything.tables["all", "everything"]
    row = [encoded(column.kind, getattr(item, column.field)) for column in table.columns]
    names = [column.name for column in table.columns]
    places = ", ".join(f"${place}::{column.type}" for place, column in enumerate(table.columns, 1))
    async with engine.acquire() as connection:
        for copied in (False, True):
            await connection.execute(f"DELETE FROM {table.quoted}")
            if copied:
                await connection.copy_records_to_table(table.name, columns=names, records=[row])
            else:
                await connection.execute(
                    f"INSERT INTO {table.quoted} ({', '.join(map(quoted, names))}) VALUES ({places})", *row)
            found = await connection.fetchrow(f"SELECT {', '.join(map(quoted, names))} FROM {table.quoted}")
            assert alike(Everything(**dict(zip((column.field for column in table.columns), found, strict=True))), item)


async def test_gino_works_on_the_same_codecs(engine: Engine, everything: Models) -> None:
    """Models are inserted and queried with gino: JSON, arrays, UUIDs and intervals are what they were."""
    everything.db.bind = engine.gino
    model = everything.model(("all", "everything"))
    values = {
        "_id": UUID(int=7), "text": "a", "whole": 1, "real": 1.5, "flag": True, "exact": Decimal("1.10"),
        "key": UUID(int=8), "moment": datetime.fromisoformat("2013-01-01T05:00:00+00:00"), "day": date(2013, 1, 1),
        "clock": time(5), "span": timedelta(hours=1), "raw": b"\x00", "kind": "plain", "mapping": {"a": [1, None]},
        "anything": ["x"], "place": {"city": "Rome"}, "texts": ["a"], "numbers": [Decimal(1), None], "moments": [],
        "raws": [b"a"], "kinds": ["plain"], "grid": [[1.5]], "mappings": [{}], "places": [], "maybe": None}
    await model.create(**values)
    row = await model.query.where(model.mapping["a"].astext == "[1, null]").gino.one()
    assert {name: getattr(row, name) for name in values} == values
    assert await everything.db.select([sa.func.count()]).select_from(model).gino.scalar() == 1


async def test_json_keeps_numbers_what_they_are(engine: Engine) -> None:
    """A whole number of more than 64 bits in jsonb stays whole, a large float a float; json is read as jsonb is."""
    async with engine.acquire() as connection:
        assert await connection.fetchval("SELECT $1::jsonb", {"n": 10**40}) == {"n": 10**40}
        assert await connection.fetchval("SELECT $1::json", "text") == "text"
        assert await connection.fetchval("SELECT $1::jsonb[]", [1, None, {"a": 2}]) == [1, None, {"a": 2}]
        assert await connection.fetchval("SELECT $1::jsonb::text", [1e300, {"a": 1e16}, 2.5, "1e5"]) == (
            f'[1{"0" * 300}.0, {{"a": 10000000000000000.0}}, 2.5, "1e5"]')
