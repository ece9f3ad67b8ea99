"""Altered tables equal new ones, whatever was defined before and after; and what is additive never loses a row."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.postgres.tables.redefined import Colour, Owner, Tables, Wider, card
from workbench.domain.datadef import field
from workbench.errors import NothingTo
from workbench.postgres.engine import connect
from workbench.postgres.tables.catalogue import read

# Types, an initial value of each, and a value as SQL.
KINDS: list[tuple[Any, Any, str]] = [
    (str, "x", "'7'"), (int, 5, "7"), (Decimal, Decimal(1), "7.5"), (bool, True, "false"), (Colour, "red", "'it''s'"),
    (Wider, "blue", "'red'"), (dict, {"a": 1}, "'{}'"), (list[str], ["a"], "ARRAY['b']"),
    (UUID, uuid4, "gen_random_uuid()"), (datetime, datetime.fromisoformat("2026-01-02T00:00:00Z"), "now()")]


@st.composite
def fields(draw: st.DrawFn) -> dict[str, tuple[Any, dict[str, Any], str]]:
    """Some fields by name: the type, the arguments of ``field``, and a value as SQL."""
    found = {}
    for name in draw(st.lists(st.sampled_from(["a", "b", "select", "Größe"]), unique=True, max_size=4)):
        kind, initial, value = draw(st.sampled_from(KINDS))
        arguments: dict[str, Any] = {"unique": draw(st.booleans()) and kind not in (dict, bool)}
        if draw(st.booleans()):
            arguments["initial"] = initial
        if kind is UUID and draw(st.booleans()):
            arguments["references"], value = Owner, "(SELECT _id FROM bank_owner)"
        found[name] = (kind | None if draw(st.booleans()) else kind, arguments, value)
    return found


def defined(fields: dict[str, tuple[Any, dict[str, Any], str]]) -> Any:
    return card(**{name: field(kind, **arguments) for name, (kind, arguments, _) in fields.items()})


async def shape(connection: asyncpg.Connection, tables: Tables, *, schema: str) -> dict[str, Any]:
    """What the catalogue says of the card's table, the order of the columns left out."""
    table = tables.models.tables["bank", "card"]._replace(schema=schema)
    there = (await read(connection, [table]))[table.quoted]
    keys = [{**key, "parent": None} for key in there.foreign_keys]
    return {"columns": there.columns, "keys": sorted(keys, key=lambda key: str(key["name"])),
            "uniques": sorted(there.uniques, key=lambda unique: str(unique["name"])), "checks": there.checks,
            "indexes": there.indexes}


@given(before=fields(), after=fields(), count=st.integers(0, 1))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_altered_tables_equal_new_ones(
    dsn: str, admin: asyncpg.Connection, before: Any, after: Any, count: int,
) -> None:
    """What is additive passes on whatever rows, and changes no value of theirs; once the rows are out of the way, all
    that is asked for makes the table that a new database would have."""
    await admin.execute("DROP SCHEMA IF EXISTS fresh CASCADE; DROP TABLE IF EXISTS bank_card, bank_owner")
    async with await connect(dsn) as engine:
        tables = Tables(engine, admin)
        await tables.made(Owner, defined(before))
        await admin.execute("INSERT INTO bank_owner (_id, email) VALUES (gen_random_uuid(), 'x')")
        await tables.rows(count, **{name: value for name, (_, _, value) in before.items()})
        kept = [name for name in before if name in after and before[name][0] == after[name][0]]
        columns = ", ".join(f'"{name}"' for name in ["_id", *kept])
        rows = await admin.fetch(f"SELECT {columns} FROM bank_card")
        tables.define(defined(after))
        with suppress(NothingTo):
            await tables.apply()
        await admin.reload_schema_state()
        assert await admin.fetch(f"SELECT {columns} FROM bank_card") == rows
        await admin.execute("TRUNCATE bank_card")
        with suppress(NothingTo):
            assert not (await tables.apply(all=True)).left
        assert await tables.fits()
        new = Tables(engine, admin)
        await admin.execute("CREATE SCHEMA fresh")
        new.define(Owner)
        await new.made(defined(after), table="fresh.bank_card")
        assert await shape(admin, tables, schema="public") == await shape(admin, new, schema="fresh")
