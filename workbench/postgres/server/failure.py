"""The failure of an embedded server: what went wrong, what to try, and the last that a program said."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import EmbeddedError
from workbench.wording import listed


def failure(data: Path, reason: str, hint: str, said: str) -> EmbeddedError:
    """The error for the data folder ``data``; of what a program ``said`` the last eight lines are told."""
    last = [line.rstrip() for line in said.splitlines() if line.strip()][-8:]
    if not last:
        return EmbeddedError(data.parent, reason, hint)
    return EmbeddedError(data.parent, listed(f"{reason}; {hint}. The last it said:", last))
