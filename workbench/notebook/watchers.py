"""Watchers: who wants to hear of it when a verb may have changed what is seen, such as an open panel.

They are called on the thread of whoever called the verb, after it: a move that is made on the loop's thread, in the
midst of a verb, is told when the verb is back.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from traceback import format_exc

from workbench.notebook.bridge import Bridge


class Watchers:
    """The callbacks of one workbench; none of them keeps another from being called."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._callbacks: dict[object, Callable[[], object]] = {}
        self._telling: set[int] = set()     # the threads that are at it: a click and a cell may end at the same time

    def add(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Has a callback called from now on; returns what ends that."""
        key = object()
        self._callbacks[key] = callback

        def unwatch() -> None:
            self._callbacks.pop(key, None)

        return unwatch

    def moved(self) -> None:
        """The pointer was moved: told at once, unless a verb on the loop's thread is not back yet."""
        if not self._bridge.on_loop:
            self.tell()

    def tell(self) -> None:
        """Calls all; what one of them raises is a warning, for the verb itself went well.

        A verb that is called by a callback is not told again."""
        thread = threading.get_ident()
        if thread in self._telling:
            return
        self._telling.add(thread)
        try:
            for callback in list(self._callbacks.values()):
                try:
                    callback()
                except Exception:
                    warnings.warn(f"somebody who watches the workbench failed:\n{format_exc()}", RuntimeWarning,
                                  stacklevel=3)
        finally:
            self._telling.discard(thread)
