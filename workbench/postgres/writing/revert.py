"""Revert: which commit is to be reverted. What comes of it the state room says (state/revert.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.errors import Invalid, Problem
from workbench.postgres.writing.commit import Commit
from workbench.state.planning.plan import Plan


def commit_of(commit: Any, commits: Sequence[Commit]) -> tuple[int, Plan]:
    """The number (from 1) and the plan of a commit, given as itself or by its number, from the end if negative.

    Raises Invalid."""
    for number, done in enumerate(commits, 1):
        if done is commit or (isinstance(commit, int) and commit in (number, number - len(commits) - 1)):
            return number, done.plan
    there = f"{len(commits)} commit{'' if len(commits) == 1 else 's'}"
    raise Invalid("revert", [Problem("commit", commit, (
        f"{commit!r} is no commit of this session, which made {there}; give a number from 1, or the Commit itself"))])
