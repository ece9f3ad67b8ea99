"""What several tests of the notebook face use: a shell of IPython in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell


@pytest.fixture
def shell() -> Iterator[Any]:
    """A fresh shell; its history is not kept."""
    InteractiveShell.clear_instance()
    made: Any = InteractiveShell.instance()
    made.history_manager.enabled = False
    yield made
    made.user_ns.clear()
    made.restore_sys_module_state()
    InteractiveShell.clear_instance()
