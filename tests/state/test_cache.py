"""The Cache: what it makes of items that are written, one by one and all at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from tests.editing import Paper
from workbench import Resource, Target
from workbench.domain.registry import Kindred
from workbench.domain.resource import Identifier
from workbench.state.cache import Cache
from workbench.state.progress import Progress
from workbench.state.reader import MemoryReader

KEYS = "abcd"
WRITTEN = datetime.fromisoformat("2013-01-01T00:00:00+00:00")


def at(key: str) -> Target:
    return Target("desk", "paper", key)


def paper(key: str, text: str, *, deleted: bool = False) -> Paper:
    return Paper(_id=key, text=text, _deleted=WRITTEN if deleted else None)


def cached(there: dict[str, str]) -> Cache:
    cache = Cache()
    for key, kind in there.items():
        if kind != "absent":
            cache.take(at(key), paper(key, "before", deleted=kind == "gone"))
    return cache


STATES = st.fixed_dictionaries({key: st.sampled_from(["absent", "clean", "gone"]) for key in KEYS})


@given(STATES, st.dictionaries(st.sampled_from(KEYS), st.sampled_from(["made", "deleted softly", "deleted"])),
       st.booleans())
def test_all_that_was_written_is_taken_as_one_by_one(
    there: dict[str, str], did: dict[str, str], at_once: bool,
) -> None:
    """Items that a commit wrote are cached as if each had been read, and who reads meanwhile is told of each."""
    did = {key: deed for key, deed in did.items() if (deed, there[key]) != ("deleted", "gone")}     # it is that already
    after = {key: None if deed == "deleted" else paper(key, "after", deleted=deed != "made")
             for key, deed in did.items()}
    one, all_at_once = cached(there), cached(there)
    with one.reading() as told, all_at_once.reading() as told_at_once:
        for key, item in after.items():
            one.take(at(key), item)
        made = {at(key): item for key, item in after.items() if did[key] == "made"}
        all_at_once.written(made, made if at_once else made.items())
        gone = [key for key in after if did[key] != "made"]
        all_at_once.deleted(list(map(at, gone)), [after[key] for key in gone])
    assert (all_at_once.items, all_at_once.gone, told_at_once) == (one.items, one.gone, told)


async def test_what_was_written_while_all_was_fetched_anew() -> None:
    """An item that a commit writes while a refresh reads stays as it was written; one that is gone leaves the cache."""
    cache = cached({"a": "clean", "b": "clean", "c": "clean"})

    class Overtaken(MemoryReader):
        async def load(
            self, kindred: Kindred, identifiers: Sequence[Identifier], *, progress: Progress | None = None,
        ) -> list[Resource]:
            found = await super().load(kindred, identifiers)
            cache.written([at("a")], [(at("a"), paper("a", "after"))])
            return found

    reader = Overtaken({at("a"): paper("a", "before"), at("c"): paper("c", "by others")})
    assert await cache.refresh(reader, ("desk", "paper"), {at("c")}) == 1
    assert cache.items == {at("a"): paper("a", "after"), at("c"): paper("c", "before")}
