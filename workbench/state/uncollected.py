"""Uncollected: bulk work without the cyclic garbage collector, which would look at all there is again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected(count: int) -> Iterator[None]:
    """Pauses the cyclic garbage collector around the making of many records: it costs up to a third of that."""
    if count < 1000 or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():       # else whoever has frozen what there was would find it thawed
            gc.freeze()
            gc.unfreeze()       # to the oldest generation: what was made stays, and is not looked at three times more
        gc.enable()
