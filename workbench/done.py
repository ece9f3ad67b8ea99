"""Done: what a verb gives when its deed is done. Nobody has to await it, and whoever does gets it all the same.

In a notebook one tries ``await`` where none is needed. Were that an error, it would come after the deed, and the cell,
run again, would do it twice.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Self


class Done:
    """Its ``await`` gives itself, at once."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, Self]:
        yield from ()
        return self
