"""Bulk work without the garbage collector: it goes on afterwards, and takes what was made for old."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from workbench.state.uncollected import uncollected


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
    assert gc.get_freeze_count() == 0


def test_little_work() -> None:
    """Of little work nothing is made."""
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
