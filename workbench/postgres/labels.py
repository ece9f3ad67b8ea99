"""Labels: the rows of a table found by a part of a readable column, for somebody who chooses one.

Only identifiers and labels are read, and never more than asked for; no item is made, and nothing is cached.
"""

from __future__ import annotations

from workbench.domain.resource import Identifier
from workbench.errors import DatabaseError
from workbench.postgres.engine import Engine
from workbench.state.planning.table import Table, quoted

PATIENCE = 2.0      # seconds: whoever types does not wait longer


async def labelled(
    engine: Engine, table: Table, label: str | None, text: str, *, limit: int,
) -> list[tuple[Identifier, str | None]]:
    """The identifier and label of up to ``limit`` rows whose label contains a text in any case, or whose identifier
    begins with it: first the one whose identifier it is, then by label. Soft-deleted rows are left out; without a
    ``label`` field only identifiers are looked at.

    Raises DatabaseError, also when it takes longer than 2 seconds."""
    if not storable(text):
        return []
    key = quoted(table.column("_id").name)
    name = "NULL::text" if label is None else f"{quoted(table.column(label).name)}::text"
    # Not LIKE: a % in the text is a per cent sign.
    sql = (f"SELECT {key}, {name} FROM {table.quoted} WHERE (strpos(lower({name}), lower($1::text)) > 0"
           f" OR starts_with(lower({key}::text), lower($1::text))){table.alive}"
           f" ORDER BY lower({key}::text) = lower($1::text) DESC, 2, 1 LIMIT $2::bigint")
    async with engine.acquire(doing=f"searching {table.kindred[0]}:{table.kindred[1]}", tidy=True) as connection:
        try:
            rows = await connection.fetch(sql, text, limit, timeout=PATIENCE)
        except TimeoutError:
            raise DatabaseError(f"the search for {text!r} took longer than {PATIENCE:g} s; type more of it, or the "
                                "identifier") from None
    return [(row[0], row[1]) for row in rows]


def storable(text: str) -> bool:
    """Whether a text can be anywhere in the database, which knows no NUL and no half of a surrogate pair."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False
