"""Watchers: the callbacks of what shows the session, such as an open panel, for when a verb may have changed it.

They are called after the verb, on the thread of its caller. What changes in the middle of a verb, on the loop's thread,
is told when that verb returns: if they were called there, as where a handler calls a verb, the loop would wait for a
click that draws the panel and waits for the loop.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from traceback import format_exc

from workbench.notebook.bridge import Bridge

_LATE = "It came when the verb had ended, while those who watch were told of it."


class Watchers:
    """The callbacks of one workbench; one that fails does not keep the others from being called."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._callbacks: dict[object, Callable[[], object]] = {}
        self._telling: set[int] = set()     # the threads that are at it: a click and a cell may end at the same time

    def add(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Adds a callback; returns a function that removes it."""
        key = object()
        self._callbacks[key] = callback

        def unwatch() -> None:
            self._callbacks.pop(key, None)

        return unwatch

    def tell(self) -> None:
        """Calls all callbacks, unless it is in the middle of a verb; what one of them raises becomes a warning, for the
        verb itself went well. An interrupt goes on, with a note that says when it came.

        A verb that a callback calls is not told again."""
        if self._bridge.on_loop and self._bridge.at_work:
            return
        thread = threading.get_ident()
        if thread in self._telling:
            return
        self._telling.add(thread)
        try:
            for callback in list(self._callbacks.values()):
                try:
                    callback()
                except KeyboardInterrupt as interrupt:
                    interrupt.add_note(_LATE)
                    raise
                except Exception:
                    warnings.warn(f"somebody who watches the workbench failed:\n{format_exc()}", RuntimeWarning,
                                  stacklevel=3)
        finally:
            self._telling.discard(thread)
