"""Uncollected: bulk work without the cyclic garbage collector, which would look at all there is again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

LEAST, MOST = 8, 256        # how often what is new may be taken for old until all is looked at again
HARMLESS = 50_000   # objects that are no matter in any case
OWN = 1000          # more are frozen by somebody; Python 3.12 freezes some hundred as it starts


@contextmanager
def uncollected(count: int, *, foreign: bool = False) -> Iterator[None]:
    """Pauses the cyclic garbage collector around the making of many records: it costs up to a third of that.

    Where ``foreign`` code runs meanwhile, as handlers do, what it has left is collected soon after."""
    if count < 1000 or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if not foreign and gc.get_freeze_count() < OWN:     # else whoever has frozen it would find it thawed
            _AGEING.age()
        gc.enable()


class _Ageing:
    """Takes what is new for old: what bulk work makes stays, mostly, and is not looked at three times more.

    What is garbage among it is found as CPython finds other old garbage: all is looked at again when a quarter of it
    has become old since it was looked at last, and that not at once."""

    def __init__(self) -> None:
        self._times = self._objects = 0     # how often and how many were taken for old since all was looked at
        self._all = 0       # how many there were, once that is of interest
        self._looks = 0     # how often all had been looked at by then

    def age(self) -> None:
        looks = gc.get_stats()[2]["collections"]
        if looks != self._looks:
            self._times, self._objects, self._all, self._looks = 0, 0, 0, looks
        self._times += 1
        self._objects += gc.get_count()[0]
        gc.freeze()
        due = self._times >= MOST
        if self._times >= LEAST and self._objects > HARMLESS:
            self._all = self._all or gc.get_freeze_count()      # it counts them one by one
            due = due or self._objects > self._all // 4
        gc.unfreeze()       # to the oldest generation
        if due:
            gc.collect()


_AGEING = _Ageing()     # the collector is one for the whole process, and so is what is known of it
