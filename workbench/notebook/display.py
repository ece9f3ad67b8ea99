"""Display: what IPython is told and asked: how our values are shown, which cell runs, when one has ended and in what.

The HTML itself is made in the room ``notebook.html``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from types import FunctionType
from typing import Any
from weakref import WeakValueDictionary

from workbench.domain.findings import Findings
from workbench.errors import Conflict
from workbench.notebook.html.box import safely
from workbench.notebook.html.called import Called
from workbench.notebook.html.commit import commit_html
from workbench.notebook.html.conflict import conflict_html
from workbench.notebook.html.findings import findings_html
from workbench.notebook.html.step import step_html
from workbench.notebook.html.tables import altered_html
from workbench.postgres.tables.ddl_plan import Altered
from workbench.postgres.writing.commit import Commit
from workbench.state.manager import StateManager
from workbench.state.step import Step


class _Steps:
    """Shows steps as HTML, with what their items are called where they were issued; that is asked of the ``managers``,
    which are kept only as long as somebody uses them."""

    def __init__(self) -> None:
        self.managers: WeakValueDictionary[int, StateManager] = WeakValueDictionary()

    def __call__(self, step: Step) -> str:
        managers = [there() for there in self.managers.valuerefs()]     # a list of its own: others may be opened now
        return safely(step_html, step, next(
            (Called(one) for one in managers if one is not None and self._has(one, step)), None))

    @staticmethod
    def _has(manager: StateManager, step: Step) -> bool:
        """Whether a step is on a branch; after a commit it is another object with the same handling."""
        undone = [state.step for branch in manager.branches.values() for state in branch.undone]
        steps = [*undone, *(step for branch in manager.branches.values() for step in branch.state.steps())]
        return any(one is not None and one.handling is step.handling for one in steps)


def register(manager: StateManager | None = None) -> None:
    """Has the running IPython, if there is one, show steps, findings, commits, altered tables and conflicts as HTML;
    the steps of a ``manager`` with what it calls their items. Below a cell that left out the parentheses of a verb,
    as those of plan in ``wb.plan().check()``, or put some behind a table, it will say what was meant. A second time
    changes nothing."""
    shell = _shell()
    if shell is not None:
        html = shell.display_formatter.formatters["text/html"]
        known = html.type_printers.get(Step)
        steps = known if isinstance(known, _Steps) else _Steps()
        if manager is not None:
            steps.managers[id(manager)] = manager
        html.for_type(Step, steps)
        html.for_type(Findings, lambda findings: safely(findings_html, findings))
        html.for_type(Commit, lambda done: safely(commit_html, done))
        html.for_type(Altered, lambda altered: safely(altered_html, altered))
        html.for_type(Conflict, lambda conflict: safely(
            conflict_html, conflict.items, branch=conflict.branch, ways=conflict.ways))
        shell.events.register("post_run_cell", _parentheses)   # only where it is not registered yet


def _parentheses(result: Any) -> None:
    """Says which parentheses a cell left out behind one of our verbs, or put behind one of our tables, that ended so:
    the error is in words that only Python has, and no note can be added to it before it is shown."""
    error = result.error_in_exec
    verb = error.obj if isinstance(error, AttributeError) else None
    if isinstance(verb, FunctionType) and verb.__module__.startswith(f"{__package__}."):
        call = f"{verb.__name__}({'…' if verb.__code__.co_argcount + verb.__code__.co_kwonlyargcount > 1 else ''})"
        sys.stderr.write(
            f'"{error.name}" was asked of the verb itself, without its parentheses; write {call}.{error.name}\n')
    elif isinstance(error, TypeError) and str(error) == "'LogFrame' object is not callable":
        sys.stderr.write("this is a table already, and no verb; leave out the parentheses, as in wb.steps\n")


def cell() -> int | None:
    """The number of the notebook's cell that is running; None in a widget's callback and outside of IPython."""
    shell = _shell()
    running = None if shell is None else shell.displayhook.exec_result
    if running is None:
        return None
    kernel = getattr(shell, "kernel", None)     # a terminal has none
    if kernel is not None and kernel.get_parent().get("msg_type") == "comm_msg":
        return None         # a click that came in while a cell awaits or, in a subshell, while it runs
    # Not shell.execution_count: some IPythons count up before the cell runs, some after it.
    number: int | None = running.execution_count
    return number


def after_cells(callback: Callable[[], None]) -> Callable[[], None]:
    """Calls a callback at the end of every cell; call what this returns to end that. There are none outside IPython."""
    shell = _shell()
    if shell is None:
        return lambda: None

    def ran(_: Any) -> None:
        callback()

    def unhook() -> None:
        with suppress(ValueError):      # a second time
            shell.events.unregister("post_run_cell", ran)

    shell.events.register("post_run_cell", ran)
    return unhook


def called(value: Any) -> str | None:
    """The name of an object in the notebook, the last one that it was given; None where it has none."""
    shell = _shell()
    known = [] if shell is None else list(shell.user_ns.items())        # a list: a cell may give more names meanwhile
    names = [name for name, one in known if one is value and not name.startswith("_")]
    return names[-1] if names else None


def _shell() -> Any:
    ipython = sys.modules.get("IPython")        # not imported here: without it nothing is shown, and there is no cell
    return None if ipython is None else ipython.get_ipython()
