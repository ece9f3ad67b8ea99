"""Progress: how a long verb tells how far it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int], object]
"""Called now and then with how much is done and how much there is in all; within the verb's own task."""
