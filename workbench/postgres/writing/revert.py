"""Revert: which commit is to be reverted. What comes of it the state room says (state/revert.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.domain.convert import shown
from workbench.errors import Invalid, Problem
from workbench.postgres.writing.commit import Commit
from workbench.state.revert import Revertible
from workbench.wording import counted


def commit_of(commit: Any, commits: Sequence[Commit]) -> Revertible:
    """A commit as it is to be reverted, given as itself or by its number, from 1, or from the end if negative.

    Raises Invalid."""
    for number, done in enumerate(commits, 1):
        if done is commit or (isinstance(commit, int) and commit in (number, number - len(commits) - 1)):
            later = {target: place for place, one in enumerate(commits[number:], number + 1)
                     for block in one.plan.blocks for target in block.targets}
            return Revertible(number, done.plan.changes, done.stored, later)
    raise Invalid("revert", [Problem("commit", commit, (
        f"{shown(commit)} is no commit of this session, which made {counted(len(commits), 'commit')}; give a number "
        "from 1, or the Commit itself"))])
