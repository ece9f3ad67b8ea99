"""Bulk work without the garbage collector: it goes on afterwards, and takes what was made for old."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from workbench.state.uncollected import MOST, OWN, uncollected


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    """The collector as it was, whatever a test leaves."""
    yield
    gc.unfreeze()
    gc.enable()


def test_much_work() -> None:
    """While much is made nothing is collected; then it is again, but what was made is not looked at as new."""
    with uncollected(1000):
        assert not gc.isenabled()
        made = [[number] for number in range(5000)]
    assert gc.isenabled()
    young = {id(one) for generation in (0, 1) for one in gc.get_objects(generation)}
    assert young.isdisjoint(map(id, made))
    assert gc.get_freeze_count() < OWN


class Ring:
    """What only the collector can end."""

    def __init__(self) -> None:
        self.ring = self


def rings() -> int:
    return sum(type(one) is Ring for one in gc.get_objects())


def test_what_is_garbage_by_then() -> None:
    """What is garbage when it becomes old is found in the end, though bulk work goes on and on."""
    for _ in range(40):
        with uncollected(1000):
            for _ in range(20_000):
                Ring()
    assert rings() < 30 * 20_000


def test_a_little_garbage() -> None:
    """However little there is of it, it does not stay for ever."""
    for _ in range(2 * MOST):
        with uncollected(1000):
            Ring()
    assert rings() <= MOST


def test_foreign_garbage() -> None:
    """What foreign code leaves is not taken for old: it is found as soon as the collector is on again."""
    for _ in range(20):
        with uncollected(1000, foreign=True):
            for _ in range(1000):
                Ring()
        [[number] for number in range(1000)]
        assert rings() < 3000       # how soon is Python's affair, and differs from one to the next


def test_little_work() -> None:
    """The collector is left alone where there is little work."""
    with uncollected(999):
        assert gc.isenabled()


def test_within_other_work() -> None:
    """Work within other work does not have the collector begin again before all is done, nor where it was off."""
    with uncollected(1000):
        with uncollected(1000):
            pass
        assert not gc.isenabled()
    gc.disable()
    with uncollected(1000):
        pass
    assert not gc.isenabled()


def test_what_fails() -> None:
    """Work that fails leaves the collector on."""
    with pytest.raises(ZeroDivisionError), uncollected(1000):
        raise ZeroDivisionError
    assert gc.isenabled()


def test_what_others_froze() -> None:
    """What somebody has frozen, as before a fork, stays so."""
    gc.freeze()
    there = gc.get_freeze_count()
    with uncollected(1000):
        pass
    assert 0 < gc.get_freeze_count() <= there
